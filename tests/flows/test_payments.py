"""Payments: who receives, what WeChat Pay tells and when, what nobody told, and money that goes back. All at public doors."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests import make
from tests.asgi import Client, call
from tests.mallshop import BUYER, CONSOLE, Mall, account_body, buyer_of, open_mall
from wesim.pay.state import API_V3_KEY, MCHID, pay_of

ACCOUNT = "/api/console/payments/account"
JSAPI, REFUNDS = "/v3/pay/transactions/jsapi", "/v3/refund/domestic/refunds"
PAID, REFUNDED = "TRANSACTION.SUCCESS", "REFUND.SUCCESS"


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


async def payments(mall: Mall) -> list[dict[str, Any]]:
    return list((await mall.shop.staff.get("/api/console/payments")).json()["items"])


def notices(mall: Mall, event: str = PAID) -> list[Any]:
    return [one for one in pay_of(mall.sim).merchants[MCHID].notices if one["event"] == event]


# ------------------------------------------------------------------- account
async def test_keys_are_sealed_and_never_shown_again(mall: Mall) -> None:
    shown = (await mall.shop.staff.get(ACCOUNT)).text
    keys = await account_body(mall.shop.sim)
    for secret in (keys["api_v3_key"], keys["private_key"].splitlines()[1], "BEGIN"):
        assert secret not in shown
    assert msgspec.json.decode(shown)["account"] == {
        "mchid": MCHID,
        "serial": keys["serial"],
        "verified_by": "public_key",
        "public_key_id": keys["public_key_id"],
        "app_id": "",
        "check": "none",
        "check_code": "",
        "check_text": "",
        "checked_at": None,
        "heard_at": None,
        "updated_at": msgspec.json.decode(shown)["account"]["updated_at"],
    }
    async with mall.shop.db.read(mall.shop.tenant) as tx:
        row = await tx.row("SELECT * FROM pay_accounts WHERE tenant_id = $1", tx.tenant_id)
        told = await tx.value(
            "SELECT string_agg(payload::text, '') FROM facts WHERE tenant_id = $1 AND kind = 'payment.account_saved'",
            tx.tenant_id,
        )
    assert keys["api_v3_key"].encode() not in bytes(row["api_v3_key_sealed"])
    assert keys["api_v3_key"] not in told and "PRIVATE" not in told
    kept = keys | {"private_key": None, "api_v3_key": None}
    assert (await mall.shop.staff.put(ACCOUNT, kept)).status == 204
    assert (await mall.shop.staff.post(f"{ACCOUNT}/check", {})).json()["ok"] is True


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"mchid": "abc"}, "payments.bad_mchid"),
        ({"serial": "xyz"}, "payments.bad_serial"),
        ({"api_v3_key": "short"}, "payments.bad_api_v3_key"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"}, "payments.bad_private_key"),
        ({"public_key": "no key"}, "payments.bad_public_key"),
        ({"public_key_id": "PUB_1"}, "payments.bad_public_key_id"),
        ({"mchid": "1900000009", "private_key": None}, "payments.bad_private_key"),
    ],
)
async def test_a_wrong_account_is_refused_at_its_field(mall: Mall, wrong: Any, code: str) -> None:
    body = await account_body(mall.shop.sim) | wrong
    reply = await mall.shop.staff.put(ACCOUNT, body)
    assert (reply.refusal, reply.json()["where"]) == ((422, code), code.removeprefix("payments.bad_"))
    assert (await mall.shop.staff.get(ACCOUNT)).json()["account"]["mchid"] == MCHID


@pytest.mark.parametrize("mode", ["public_key", "certificate"])
async def test_the_check_says_in_words_what_is_wrong(world: Any, mode: str) -> None:
    mall = await open_mall(world, mode=mode)
    staff = mall.shop.staff
    fine = (await staff.post(f"{ACCOUNT}/check", {})).json()
    assert fine == {"ok": True, "code": "", "text": "商户号、证书和密钥都对，可以收款"}
    assert (await staff.get(ACCOUNT)).json()["account"]["check"] == "ok"
    await staff.put(ACCOUNT, await account_body(mall.shop.sim, mode=mode) | {"serial": "5" * 40})
    wrong = (await staff.post(f"{ACCOUNT}/check", {})).json()
    assert (wrong["ok"], wrong["code"]) == (False, "wechatpay.SIGN_ERROR")
    assert wrong["text"] == "签名不对：商户号、证书序列号和私钥不是一套"
    assert (await staff.get(ACCOUNT)).json()["account"]["check"] == "fail"
    await staff.put(ACCOUNT, await account_body(mall.shop.sim, mode=mode))
    await mall.shop.fault("refuse", path="/v3/*", http_status=503, code="SYSTEM_ERROR", count=9)
    away = (await staff.post(f"{ACCOUNT}/check", {})).json()
    assert (away["code"], away["text"]) == ("wechatpay.unavailable", "现在连不上微信支付，请稍后再检查")


async def test_without_an_account_nothing_can_be_ordered(world: Any) -> None:
    mall = await open_mall(world, account=False)
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    assert (await mall.submit(buyer, product)).refusal == (409, "payments.not_set_up")
    assert (await mall.shop.staff.post(f"{ACCOUNT}/check", {})).refusal == (409, "payments.not_set_up")
    assert await mall.stock(product) == [10]


async def test_the_platform_has_an_account_of_its_own(mall: Mall, app: Any) -> None:
    operator = await make.logged_in(Client(app), await make.operator(mall.shop.db))
    path = "/api/operator/pay-account"
    body = await account_body(mall.shop.sim) | {"app_id": "wx5e1f00000000a001"}
    assert (await operator.put(path, body)).status == 204
    assert (await operator.get(path)).json()["account"]["app_id"] == "wx5e1f00000000a001"
    assert (await operator.post(f"{path}/check", {})).json()["ok"] is True
    for method in ("GET", "PUT"):
        refused = await mall.shop.staff.request(method, path, body if method == "PUT" else None)
        assert refused.status == 403
    assert (await mall.shop.staff.get(ACCOUNT)).json()["account"]["app_id"] == ""


# ----------------------------------------------------------------- callbacks
@pytest.mark.parametrize("mode", ["public_key", "certificate"])
async def test_a_callback_completes_the_payment_in_both_modes(world: Any, mode: str) -> None:
    mall = await open_mall(world, mode=mode)
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    await mall.paid(buyer, product)
    assert [one["state"] for one in notices(mall)] == ["delivered"]
    assert (await mall.shop.staff.get(ACCOUNT)).json()["account"]["heard_at"] is not None


async def test_duplicated_and_late_callbacks_change_nothing(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    await mall.shop.fault("duplicate_callback", event=PAID, count=1)
    order_id = await mall.paid(buyer, product)
    [record] = notices(mall)
    for _ in range(3):
        await mall.shop.sim.post(f"/_sim/pay/merchants/{MCHID}/notices/{record['id']}/repeat")
        await mall.settle()
    assert [try_["status"] for try_ in record["attempts"]] == [204] * 5
    assert len(await mall.told("payment.succeeded")) == 1
    assert len(await mall.told("mall.order_paid")) == 1
    await mall.refund(order_id, 2800)
    await mall.settle()
    [record] = notices(mall, REFUNDED)
    await mall.shop.sim.post(f"/_sim/pay/merchants/{MCHID}/notices/{record['id']}/repeat")
    await mall.settle()
    assert len(await mall.told("payment.refund_succeeded")) == 1
    assert await mall.shop.invariants() == {}


async def test_a_callback_that_never_comes_is_made_good_by_asking(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    parameters = await mall.to_pay(buyer, order_id)
    await mall.shop.fault("lost_callback", event=PAID, count=1)
    assert await mall.phone_pays(parameters) == "requestPayment:ok"
    await mall.settle()
    assert await mall.state(buyer, order_id) == "submitted"
    await mall.later(seconds=61)
    assert await mall.state(buyer, order_id) == "paid"
    assert notices(mall)[0]["state"] == "lost"


async def test_the_page_may_have_wechat_asked_but_not_without_end(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    parameters = await mall.to_pay(buyer, order_id)
    await mall.shop.fault("lost_callback", event=PAID, count=1)
    await mall.phone_pays(parameters)
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/ask", {})).status == 204
    await mall.settle()
    assert await mall.state(buyer, order_id) == "paid"
    waiting = await mall.ordered(buyer, product)
    await mall.to_pay(buyer, waiting)
    answers = [(await buyer.post(f"{BUYER}/orders/{waiting}/ask", {})).status for _ in range(4)]
    assert answers == [204, 204, 429, 429]


async def test_a_callback_with_a_wrong_signature_or_key_is_refused(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    parameters = await mall.to_pay(buyer, order_id)
    await mall.shop.fault("lost_callback", event=PAID, count=1)
    await mall.phone_pays(parameters)
    await mall.settle()
    [record] = notices(mall)
    forged = {
        "wechatpay-timestamp": "1",
        "wechatpay-nonce": "n",
        "wechatpay-signature": "c2ln",
        "wechatpay-serial": "X",
    }
    body = msgspec.json.encode({"id": "1", "event_type": PAID, "resource": {"ciphertext": "x", "nonce": "n"}})
    assert (await call(mall.shop.world.app, "POST", record["url"], headers=forged, body=body)).status == 401
    assert (
        await call(mall.shop.world.app, "POST", record["url"][:-3] + "xyz", headers=forged, body=body)
    ).status == 404
    await mall.shop.sim.post("/_sim/pay/settings", {"probe_share": 1.0})
    await mall.shop.sim.post(f"/_sim/pay/merchants/{MCHID}/notices/{record['id']}/repeat")
    await mall.settle()
    assert [try_["status"] for try_ in record["attempts"]] == [401]
    assert await mall.state(buyer, order_id) == "submitted"
    assert pay_of(mall.sim).merchants[MCHID].defects == []


async def test_a_callback_about_a_number_that_is_not_ours_is_refused(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    await mall.paid(buyer, product)
    [record] = notices(mall)
    record["plain"]["out_trade_no"] = "somebody-elses-0001"
    await mall.shop.sim.post(f"/_sim/pay/merchants/{MCHID}/notices/{record['id']}/repeat")
    await mall.settle()
    assert record["attempts"][-1]["status"] == 400


async def test_money_that_comes_after_the_order_was_closed_goes_back(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    parameters = await mall.to_pay(buyer, order_id)
    await buyer.post(f"{BUYER}/orders/{order_id}/cancel", {})
    await mall.settle()
    assert await mall.state(buyer, order_id) == "closed"
    [at_wechat] = mall.sim_orders()
    at_wechat.state = "NOTPAY"  # as if WeChat Pay had closed it a moment too late
    assert await mall.phone_pays(parameters) == "requestPayment:ok"
    await mall.settle()
    seen = await mall.seen(order_id)
    assert (seen["state"], seen["refunded_fen"], seen["payment"]["state"]) == ("closed", 2800, "paid")
    assert [(one["state"], one["reason"]) for one in seen["refunds"]] == [("succeeded", "订单已关闭，付款原路退回")]
    assert mall.wallet() == 100_000
    assert await mall.stock(product) == [10]
    assert await mall.told("mall.order_paid") == []
    assert [one["full"] for one in await mall.told("mall.order_refunded")] == [True]
    assert await mall.shop.invariants() == {}


async def late_money(mall: Mall, buyer: Client, product: dict[str, Any]) -> str:
    """An order that is closed, and paid all the same while the merchant number has no money to give it back."""
    order_id = await mall.ordered(buyer, product)
    parameters = await mall.to_pay(buyer, order_id)
    await buyer.post(f"{BUYER}/orders/{order_id}/cancel", {})
    await mall.settle()
    mall.sim_orders()[-1].state = "NOTPAY"  # as if WeChat Pay had closed it a moment too late
    await mall.shop.fault("refuse", path=REFUNDS, code="NOT_ENOUGH", http_status=403, count=1)
    assert await mall.phone_pays(parameters) == "requestPayment:ok"
    await mall.settle()
    return order_id


async def test_late_money_that_did_not_go_back_is_shown_and_given_back_by_hand(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    await mall.paid(buyer, product)
    before = mall.wallet()
    order_id = await late_money(mall, buyer, product)
    seen = await mall.seen(order_id)
    assert (seen["state"], seen["refunded_fen"], mall.wallet()) == ("closed", 0, before - 2800)
    assert [(one["state"], one["failure"]) for one in seen["refunds"]] == [("failed", "wechatpay.NOT_ENOUGH")]
    staff = mall.shop.staff
    assert (await staff.get(CONSOLE)).json()["owed"] == 1
    [row] = (await staff.get(f"{CONSOLE}/orders", owed="true")).json()["items"]
    assert (row["id"], row["state"]) == (order_id, "closed")
    too_much = await mall.refund(order_id, 2801)
    assert (too_much.refusal, too_much.json()["params"]["left"]) == ((409, "mall.refund_too_large"), "28.00")
    for amount_fen, back, owed in ((1, 1, 1), (2799, 2800, 0)):
        assert (await mall.refund(order_id, amount_fen)).status == 201
        await mall.settle()
        assert (mall.wallet(), (await staff.get(CONSOLE)).json()["owed"]) == (before - 2800 + back, owed)
    assert (await mall.seen(order_id))["state"] == "closed"
    assert (await mall.refund(order_id, 1)).refusal == (409, "mall.refund_too_large")
    assert [one["full"] for one in await mall.told("mall.order_refunded")] == [False, True]
    assert await mall.stock(product) == [9]
    assert await mall.shop.invariants() == {}


async def test_an_order_that_nobody_paid_cannot_be_refunded(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    assert (await mall.refund(order_id, 1)).refusal == (409, "state.wrong")
    await buyer.post(f"{BUYER}/orders/{order_id}/cancel", {})
    assert (await mall.refund(order_id, 1)).refusal == (409, "state.wrong")
    assert (await mall.shop.staff.get(CONSOLE)).json()["owed"] == 0


# ------------------------------------------------------------------ preparing
async def test_a_lost_answer_of_prepay_is_asked_again_under_the_same_number(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    await mall.shop.fault("process_then_drop", path=JSAPI, count=1)
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/pay", {})).refusal == (504, "provider.unknown")
    parameters = await mall.to_pay(buyer, order_id)
    assert len(mall.sim_orders()) == 1
    assert await mall.phone_pays(parameters) == "requestPayment:ok"
    await mall.settle()
    assert await mall.state(buyer, order_id) == "paid"


async def test_wechats_refusal_is_told_and_can_be_tried_again(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    await mall.shop.fault("refuse", path=JSAPI, code="NO_AUTH", count=1)
    refused = await buyer.post(f"{BUYER}/orders/{order_id}/pay", {})
    assert (refused.refusal, refused.json()["params"]["provider_code"]) == (
        (409, "provider.refused"),
        "wechatpay.NO_AUTH",
    )
    assert await mall.state(buyer, order_id) == "submitted"
    assert await mall.phone_pays(await mall.to_pay(buyer, order_id)) == "requestPayment:ok"


# ------------------------------------------------------------------- refunds
async def paid_order(mall: Mall) -> tuple[Client, str]:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    return buyer, await mall.paid(buyer, product)


@pytest.mark.parametrize("fault", ["process_then_drop", "drop"])
async def test_a_refund_whose_answer_is_lost_is_asked_and_made_once(mall: Mall, fault: str) -> None:
    _, order_id = await paid_order(mall)
    await mall.shop.fault(fault, path=REFUNDS, count=1)
    await mall.shop.fault("lost_callback", event=REFUNDED, count=1)
    await mall.refund(order_id, 1000)
    await mall.settle()
    assert [one["state"] for one in (await mall.seen(order_id))["refunds"]] == ["pending"]
    assert await mall.told("mall.order_refunded") == []
    await mall.later(seconds=31)
    await mall.later(minutes=10)
    assert [one["state"] for one in (await mall.seen(order_id))["refunds"]] == ["succeeded"]
    assert len(pay_of(mall.sim).refunds) == 1
    assert mall.wallet() == 100_000 - 1_800
    assert len(await mall.told("mall.order_refunded")) == 1


async def test_a_refund_that_wechat_refuses_is_told_and_can_be_made_anew(mall: Mall) -> None:
    _, order_id = await paid_order(mall)
    await mall.shop.sim.post(f"/_sim/pay/merchants/{MCHID}", {"balance_fen": 0})
    await mall.refund(order_id, 1000)
    await mall.settle()
    seen = await mall.seen(order_id)
    assert (seen["refunded_fen"], [(one["state"], one["failure"]) for one in seen["refunds"]]) == (
        0,
        [("failed", "wechatpay.NOT_ENOUGH")],
    )
    assert await mall.told("mall.order_refunded") == []
    await mall.shop.sim.post(f"/_sim/pay/merchants/{MCHID}", {"balance_fen": None})
    await mall.refund(order_id, 1000)
    await mall.settle()
    assert [one["state"] for one in (await mall.seen(order_id))["refunds"]] == ["failed", "succeeded"]
    assert await mall.shop.invariants() == {}


async def test_an_abnormal_refund_waits_for_people_and_may_yet_succeed(mall: Mall) -> None:
    _, order_id = await paid_order(mall)
    await mall.shop.fault("fail_delivery", path=REFUNDS, status="ABNORMAL", count=1)
    await mall.refund(order_id, 1000)
    await mall.settle()
    [refund] = (await mall.seen(order_id))["refunds"]
    assert (refund["state"], refund["failure"]) == ("pending", "abnormal")
    [at_wechat] = pay_of(mall.sim).refunds.values()
    await mall.shop.sim.post(f"/_sim/pay/refunds/{at_wechat.refund_id}", {"status": "SUCCESS"})
    await mall.settle()
    [refund] = (await mall.seen(order_id))["refunds"]
    assert (refund["state"], refund["failure"]) == ("succeeded", "")
    assert await mall.shop.invariants() == {}


async def test_a_refund_that_wechat_closes_can_be_made_anew(mall: Mall) -> None:
    _, order_id = await paid_order(mall)
    await mall.shop.fault("fail_delivery", path=REFUNDS, status="CLOSED", count=1)
    await mall.refund(order_id, 2800)
    await mall.settle()
    seen = await mall.seen(order_id)
    assert (seen["state"], seen["refunded_fen"], seen["refunds"][0]["state"]) == ("paid", 0, "failed")
    assert await mall.shop.invariants() == {}


async def test_another_merchant_number_receives_from_now_on_and_the_old_one_still_refunds(mall: Mall) -> None:
    buyer, order_id = await paid_order(mall)
    made = (await mall.shop.sim.post("/_sim/pay/merchants", {"name": "新商户", "appids": [
        "wx5e1f00000000a001", "wx5e1f00000000b001"]})).json()  # fmt: skip
    body = {name: made[name] for name in ("mchid", "serial", "private_key", "public_key_id", "public_key")}
    assert (await mall.shop.staff.put(ACCOUNT, body | {"api_v3_key": API_V3_KEY, "app_id": ""})).status == 204
    product = await mall.product({"title": "新茶", "skus": [{"values": [], "price_fen": 100, "stock": 1}]})
    newer = await mall.paid(buyer, product)
    await mall.refund(order_id, 500)
    await mall.settle()
    assert {order.mchid for order in mall.sim_orders()} == {MCHID, made["mchid"]}
    assert (await mall.seen(order_id))["refunds"][0]["state"] == "succeeded"
    assert (await mall.seen(newer))["state"] == "paid"
    assert [one["state"] for one in await payments(mall)] == ["paid", "paid"]


async def test_the_time_to_pay_ends_for_both_sides(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    await mall.to_pay(buyer, order_id)
    [at_wechat] = mall.sim_orders()
    until = (await buyer.get(f"{BUYER}/orders/{order_id}")).json()["pay_until"]
    assert abs(at_wechat.expires - datetime.fromisoformat(until).timestamp()) < 1
    mall.shop.world.clock.advance(timedelta(minutes=29, seconds=30))
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/pay", {})).refusal == (409, "payments.closed")


async def test_the_console_lists_payments_and_asks(mall: Mall) -> None:
    _, order_id = await paid_order(mall)
    [row] = await payments(mall)
    assert (row["purpose"], row["reference_id"], row["state"], row["amount_fen"]) == (
        "mall_order",
        order_id,
        "paid",
        2800,
    )
    assert (await mall.shop.staff.post(f"/api/console/payments/{row['id']}/ask", {})).status == 204
    assert (await mall.shop.staff.post(f"{CONSOLE}/orders/{order_id}/ask", {})).status == 204
    await mall.settle()
    assert len(await mall.told("payment.succeeded")) == 1


async def questions(mall: Mall) -> int:
    """Questions about payments and refunds that are due now or later."""
    async with mall.shop.db.read(mall.shop.tenant) as tx:
        return int(
            await tx.value(
                "SELECT (SELECT count(*) FROM jobs WHERE tenant_id = $1 AND kind LIKE 'payments.%') + "
                "(SELECT count(*) FROM jobs_later WHERE tenant_id = $1 AND kind LIKE 'payments.%')",
                tx.tenant_id,
            )
        )


async def test_asking_by_hand_is_one_question_and_not_without_end(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    refunded = await mall.paid(buyer, product)
    await mall.shop.fault("fail_delivery", path=REFUNDS, status="ABNORMAL", count=1)
    await mall.refund(refunded, 1000)
    waiting = await mall.ordered(buyer, product)
    await mall.to_pay(buyer, waiting)
    await mall.settle()
    before = await questions(mall)
    looker = await make.logged_in(
        Client(mall.shop.world.app), await make.staff(mall.shop.db, mall.shop.tenant, role="viewer")
    )
    for order_id in (waiting, refunded):
        assert (await looker.post(f"{CONSOLE}/orders/{order_id}/ask", {})).status == 204
        await mall.settle()
    assert (await buyer.post(f"{BUYER}/orders/{waiting}/ask", {})).status == 204
    await mall.settle()
    assert await questions(mall) == before
    answers = [(await looker.post(f"{CONSOLE}/orders/{waiting}/ask", {})).status for _ in range(10)]
    assert set(answers[:8]) == {204} and answers[-1] == 429
    [row, _] = await payments(mall)
    staff = [(await mall.shop.staff.post(f"/api/console/payments/{row['id']}/ask", {})).status for _ in range(13)]
    assert set(staff[:10]) == {204} and staff[-1] == 429
    await mall.later(minutes=40)
    assert await mall.state(buyer, waiting) == "closed"

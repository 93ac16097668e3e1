"""Orders: strict bodies, idempotency, states, query, close (reference §2.1–§2.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.wesim.pay_kit import JSAPI, MCHID, NOON, NOTIFY, PaySim
from wesim import seed
from wesim.clock import CHINA

CLOSE = "/v3/pay/transactions/out-trade-no/order-0001/close"
MINE = {"mchid": MCHID}


def at(seconds: float) -> str:
    return (datetime.fromtimestamp(NOON, CHINA) + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def sim() -> PaySim:
    return PaySim()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"surprise": 1}, "/surprise"),
        ({"attach": None}, "/attach"),
        ({"description": "奶茶🧋"}, ""),
        ({"description": ""}, "/description"),
        ({"description": "x" * 128}, "/description"),
        ({"out_trade_no": "short"}, "/out_trade_no"),
        ({"out_trade_no": "x" * 33}, "/out_trade_no"),
        ({"out_trade_no": "订单号不可以"}, "/out_trade_no"),
        ({"out_trade_no": "order@0001"}, "/out_trade_no"),
        ({"amount": {"total": 0}}, "/amount/total"),
        ({"amount": {"total": "1880"}}, "/amount/total"),
        ({"amount": {"total": 18.8}}, "/amount/total"),
        ({"amount": {"total": True}}, "/amount/total"),
        ({"amount": {}}, "/amount/total"),
        ({"amount": {"total": 1, "currency": "cny"}}, "/amount/currency"),
        ({"amount": {"total": 1, "fee": 1}}, "/amount/fee"),
        ({"payer": {"openid": "o-nobody"}}, "/payer/openid"),
        ({"payer": {}}, "/payer/openid"),
        ({"mchid": "1900000002"}, "/mchid"),
        ({"notify_url": f"{NOTIFY}?a=1"}, "/notify_url"),
        ({"notify_url": "https://shop.test"}, "/notify_url"),
        ({"notify_url": "shop.test/pay"}, "/notify_url"),
        ({"time_expire": "2026-11-21 13:00:00"}, "/time_expire"),
        ({"time_expire": "2026-11-21T13:00:00"}, "/time_expire"),
        ({"time_expire": at(59)}, "/time_expire"),
        ({"time_expire": at(91 * 86_400)}, "/time_expire"),
        ({"scene_info": {"device_id": "till-1"}}, "/scene_info/payer_client_ip"),
        (
            {"detail": {"goods_detail": [{"merchant_goods_id": "a", "quantity": 1}]}},
            "/detail/goods_detail/0/unit_price",
        ),
    ],
)
async def test_a_body_that_does_not_fit(sim: PaySim, changed: dict[str, Any], field: str) -> None:
    answer = await sim.call("POST", JSAPI, sim.order(**{"number": "order-0001"}) | changed)
    assert answer.field == (400, "PARAM_ERROR", field)
    assert sim.is_authentic(answer.headers, answer.raw)
    assert sim.pay.orders == {}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff"])
async def test_a_body_that_is_no_object(sim: PaySim, body: bytes) -> None:
    assert (await sim.call("POST", JSAPI, body)).refusal == (400, "PARAM_ERROR")


async def test_numeric_codes_tell_extra_parameters_and_ranges_apart(sim: PaySim) -> None:
    extra = await sim.call("POST", JSAPI, sim.order(surprise=1))
    wide = await sim.call("POST", JSAPI, sim.order(total=0))
    assert [one.headers["request-id"].rpartition("-")[2] for one in (extra, wide)] == ["270924358", "268435464"]


@pytest.mark.parametrize("appid", ["wx0000000000000000", seed.OA_APPID])
async def test_the_app_must_be_bound_to_the_merchant(sim: PaySim, appid: str) -> None:
    sim.merchant.appids = [seed.MINI_APPID]
    answer = await sim.call("POST", JSAPI, sim.order(appid=appid))
    assert answer.refusal == (400, "APPID_MCHID_NOT_MATCH")


async def test_an_openid_of_another_app_is_not_known(sim: PaySim) -> None:
    answer = await sim.call("POST", JSAPI, sim.order(appid=seed.OA_APPID))
    assert answer.field == (400, "PARAM_ERROR", "/payer/openid")


async def test_the_same_order_again_has_the_same_prepay_id(sim: PaySim) -> None:
    first = await sim.prepay(time_expire=at(3600))
    assert await sim.prepay(time_expire=at(7200)) == first  # time_expire counts on the first call only
    assert sim.pay.orders[(MCHID, "order-0001")].expires == NOON + 3600
    sim.pay.settings.reentry_gives_new_prepay_id = True
    assert await sim.prepay() != first


async def test_a_prepay_id_lives_two_hours(sim: PaySim) -> None:
    first = await sim.prepay()
    sim.world.clock.advance(7199)
    assert await sim.prepay() == first
    sim.world.clock.advance(1)
    assert await sim.prepay() != first


@pytest.mark.parametrize("changed", [{"amount": {"total": 1}}, {"description": "别的"}, {"attach": "x"}])
async def test_the_same_number_for_something_else_is_refused(sim: PaySim, changed: dict[str, Any]) -> None:
    await sim.prepay()
    answer = await sim.call("POST", JSAPI, sim.order(**{"number": "order-0001"}) | changed)
    assert (answer.status, answer.json()) == (400, {"code": "INVALID_REQUEST", "message": "201 商户订单号重复"})
    assert answer.headers["request-id"].endswith("-268498688")
    sim.pay.settings.changed_reentry_code = "OUT_TRADE_NO_USED"
    answer = await sim.call("POST", JSAPI, sim.order(**{"number": "order-0001"}) | changed)
    assert (answer.status, answer.json()) == (403, {"code": "OUT_TRADE_NO_USED", "message": "商户订单号重复"})
    assert (await sim.found())["amount"]["total"] == 1880


async def test_the_same_number_in_another_way_to_pay_is_refused(sim: PaySim) -> None:
    """Only the trade type differs: the code first, then the page, and the other way round."""
    native = "/v3/pay/transactions/native"
    for number, first, then in (("order-0001", native, JSAPI), ("order-0002", JSAPI, native)):
        bodies = {JSAPI: sim.order(number), native: {k: v for k, v in sim.order(number).items() if k != "payer"}}
        assert (await sim.call("POST", first, bodies[first])).status == 200
        answer = await sim.call("POST", then, bodies[then])
        assert (answer.status, answer.json()) == (400, {"code": "INVALID_REQUEST", "message": "201 商户订单号重复"})
        assert (await sim.call("POST", first, bodies[first])).status == 200


async def test_an_unpaid_order(sim: PaySim) -> None:
    await sim.prepay(attach="store=7")
    assert await sim.found() == {
        "appid": seed.MINI_APPID,
        "mchid": MCHID,
        "out_trade_no": "order-0001",
        "trade_state": "NOTPAY",
        "trade_state_desc": "订单未支付",
        "promotion_detail": [],
        "amount": {"total": 1880, "currency": "CNY"},
        "scene_info": {"device_id": ""},
        "attach": "store=7",
    }


async def test_a_paid_order_is_found_by_both_numbers(sim: PaySim) -> None:
    found = await sim.paid()
    assert (found["trade_state"], found["trade_type"], found["bank_type"]) == ("SUCCESS", "JSAPI", "OTHERS")
    assert (found["success_time"], found["payer"]) == ("2026-11-21T12:00:00+08:00", {"openid": sim.openid})
    assert found["amount"] == {"total": 1880, "currency": "CNY", "payer_total": 1880, "payer_currency": "CNY"}
    assert len(found["transaction_id"]) == 28
    by_id = await sim.call("GET", f"/v3/pay/transactions/id/{found['transaction_id']}?mchid={MCHID}")
    assert by_id.json() == found


async def test_a_paid_order_cannot_be_ordered_or_closed(sim: PaySim) -> None:
    await sim.paid()
    for target, body, number in ((JSAPI, sim.order(), 268498689), (CLOSE, MINE, 268449538)):
        answer = await sim.call("POST", target, body)
        assert (answer.status, answer.json()) == (400, {"code": "ORDER_PAID", "message": "订单已支付"})
        assert answer.headers["request-id"].endswith(f"-{number}")
    assert (await sim.found())["trade_state"] == "SUCCESS"


async def test_closing_is_repeatable_and_final(sim: PaySim) -> None:
    prepay_id = await sim.prepay()
    for _ in range(2):
        answer = await sim.call("POST", CLOSE, MINE)
        assert (answer.status, answer.raw) == (204, b"")
        assert sim.is_authentic(answer.headers, b"")
    assert (await sim.found())["trade_state"] == "CLOSED"
    assert (await sim.call("POST", JSAPI, sim.order())).refusal == (400, "ORDER_CLOSED")
    assert await sim.phone_pays(prepay_id) == "requestPayment:fail 该订单已关闭或已过期"


@pytest.mark.parametrize("closes", [True, False])
async def test_an_order_expires(sim: PaySim, closes: bool) -> None:
    sim.pay.settings.expired_becomes_closed = closes
    prepay_id = await sim.prepay(time_expire=at(600))
    sim.world.clock.advance(600)
    assert await sim.phone_pays(prepay_id) == "requestPayment:fail 该订单已关闭或已过期"
    assert (await sim.found())["trade_state"] == ("CLOSED" if closes else "NOTPAY")


async def test_questions_about_nothing(sim: PaySim) -> None:
    for method, target, body in (
        ("GET", f"/v3/pay/transactions/out-trade-no/order-0001?mchid={MCHID}", None),
        ("GET", f"/v3/pay/transactions/id/4200?mchid={MCHID}", None),
        ("POST", CLOSE, MINE),
    ):
        assert (await sim.call(method, target, body)).refusal == (404, "ORDER_NOT_EXIST")
    for query in ("", "?mchid=1900000002"):
        answer = await sim.call("GET", f"/v3/pay/transactions/out-trade-no/order-0001{query}")
        assert answer.field == (400, "PARAM_ERROR", "mchid")


async def test_another_merchant_sees_nothing(sim: PaySim) -> None:
    found = await sim.paid()
    other = sim.pay.add_merchant("1900000002", name="别家", appids=[seed.MINI_APPID])
    for target in (
        "/v3/pay/transactions/out-trade-no/order-0001?mchid=1900000002",
        f"/v3/pay/transactions/id/{found['transaction_id']}?mchid=1900000002",
    ):
        assert (await sim.call("GET", target, merchant=other)).refusal == (404, "ORDER_NOT_EXIST")

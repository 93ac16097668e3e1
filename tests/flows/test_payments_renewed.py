"""A payment begun again in another app: the first number stays payable until WeChat Pay has closed it, and nothing is lost."""

from typing import Any
from uuid import uuid4

import pytest

from huida.kernel.queue import Job
from huida.modules import members
from tests.asgi import Client
from tests.mallshop import BUYER, Mall, buyer_of, open_mall
from wesim import seed
from wesim.oa.web import mint_code
from wesim.pay.state import MCHID, pay_of

PAYMENTS = "/api/console/payments"
CLOSE = "/v3/pay/transactions/out-trade-no/*/close"


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


async def test_who_goes_on_in_another_app_gets_another_number_and_cannot_pay_twice(mall: Mall) -> None:
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    in_mini = await mall.to_pay(buyer, order_id)
    h5 = await on_h5(mall, member)
    asked = await h5.post(f"{BUYER}/orders/{order_id}/pay", {})
    assert asked.status == 200, asked.text
    first, second = mall.sim_orders()
    assert (first.state, second.state, second.appid) == ("CLOSED", "NOTPAY", seed.OA_APPID)
    assert await mall.phone_pays(in_mini) == "requestPayment:fail 该订单已关闭或已过期"
    await pay_on_h5(mall, asked.json()["parameters"])
    assert await mall.state(buyer, order_id) == "paid"
    assert mall.wallet() == 100_000 - 2_800
    assert await mall.shop.invariants() == {}


async def test_who_pays_the_first_number_after_all_has_paid(mall: Mall) -> None:
    """Begun in the mini program, begun again in the official account while WeChat Pay does not answer, paid in the first."""
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    in_mini = await mall.to_pay(buyer, order_id)
    h5 = await on_h5(mall, member)
    await mall.shop.fault("drop", path=CLOSE, count=1)
    assert (await h5.post(f"{BUYER}/orders/{order_id}/pay", {})).status in {503, 504}
    assert await mall.phone_pays(in_mini) == "requestPayment:ok"
    await mall.settle()
    [record] = pay_of(mall.sim).merchants[MCHID].notices
    assert [try_["status"] for try_ in record["attempts"]] == [204]
    assert (await h5.post(f"{BUYER}/orders/{order_id}/pay", {})).refusal == (409, "payments.already_paid")
    await has_one_paid_number(mall, order_id)


async def test_who_begins_again_after_paying_the_first_number_has_paid(mall: Mall) -> None:
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    await mall.shop.fault("lost_callback", event="TRANSACTION.SUCCESS", count=1)
    assert await mall.phone_pays(await mall.to_pay(buyer, order_id)) == "requestPayment:ok"
    h5 = await on_h5(mall, member)
    assert (await h5.post(f"{BUYER}/orders/{order_id}/pay", {})).refusal == (409, "payments.already_paid")
    await mall.settle()
    await has_one_paid_number(mall, order_id)


async def test_the_first_number_paid_after_the_order_was_closed_is_given_back(mall: Mall) -> None:
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    in_mini = await mall.to_pay(buyer, order_id)
    h5 = await on_h5(mall, member)
    await mall.shop.fault("drop", path=CLOSE, count=1)
    assert (await h5.post(f"{BUYER}/orders/{order_id}/pay", {})).status in {503, 504}
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/cancel", {})).status == 204
    await mall.settle()
    assert await mall.state(buyer, order_id) == "closed"
    [at_wechat] = mall.sim_orders()
    at_wechat.state = "NOTPAY"  # as if WeChat Pay had closed it a moment too late
    assert await mall.phone_pays(in_mini) == "requestPayment:ok"
    await mall.settle()
    assert ((await mall.seen(order_id))["refunded_fen"], mall.wallet()) == (2800, 100_000)
    assert await mall.told("payment.doubted") == []
    assert await mall.shop.invariants() == {}


async def has_one_paid_number(mall: Mall, order_id: str) -> None:
    """Paid once, by the only number there is, and nobody has to look."""
    [at_wechat] = mall.sim_orders()
    seen = await mall.seen(order_id)
    assert (seen["state"], seen["payment"]["out_trade_no"], seen["payment"]["trouble"]) == (
        "paid",
        at_wechat.out_trade_no,
        "",
    )
    assert await mall.told("payment.doubted") == []
    assert mall.wallet() == 100_000 - 2_800
    await mall.refund(order_id, 2_800)
    await mall.settle()
    assert mall.wallet() == 100_000
    assert await mall.shop.invariants() == {}


async def test_the_end_of_the_first_number_is_not_the_end_of_the_payment(mall: Mall) -> None:
    """WeChat Pay closed it, its answer was lost, and it is asked about before the buyer tries again."""
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    await mall.to_pay(buyer, order_id)
    h5 = await on_h5(mall, member)
    await mall.shop.fault("process_then_drop", path=CLOSE, count=1)
    assert (await h5.post(f"{BUYER}/orders/{order_id}/pay", {})).refusal == (504, "provider.unknown")
    assert [one.state for one in mall.sim_orders()] == ["CLOSED"]
    await mall.later(seconds=61)
    assert (await mall.state(buyer, order_id), await mall.stock(product)) == ("submitted", [9])
    asked = await h5.post(f"{BUYER}/orders/{order_id}/pay", {})
    assert asked.status == 200, asked.text
    await pay_on_h5(mall, asked.json()["parameters"])
    assert await mall.state(buyer, order_id) == "paid"
    assert await mall.told("payment.closed") == []


async def test_who_does_not_come_back_after_the_first_number_ended_is_closed_in_time(mall: Mall) -> None:
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    await mall.to_pay(buyer, order_id)
    h5 = await on_h5(mall, member)
    await mall.shop.fault("process_then_drop", path=CLOSE, count=1)
    assert (await h5.post(f"{BUYER}/orders/{order_id}/pay", {})).refusal == (504, "provider.unknown")
    await mall.later(minutes=31)
    assert (await mall.state(buyer, order_id), await mall.stock(product)) == ("closed", [10])
    assert len(await mall.told("payment.closed")) == 1
    assert await mall.shop.invariants() == {}


async def test_an_answer_about_the_old_number_does_not_close_the_new_one(mall: Mall) -> None:
    """The question was read before the buyer changed the app, and answered after."""
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    await mall.to_pay(buyer, order_id)
    [row] = (await mall.shop.staff.get(PAYMENTS)).json()["items"]
    look = mall.shop.world.worker.registry.errands["payments.look"]
    job = Job(0, mall.shop.tenant, uuid4(), "payments.look", (), {"payment_id": row["id"], "n": 1}, 0, None)
    async with mall.shop.db.tx(mall.shop.tenant) as tx:
        questions = await look.load(tx, [job])
    asked = await (await on_h5(mall, member)).post(f"{BUYER}/orders/{order_id}/pay", {})
    questions = await look.call(questions)
    assert [one.closed for one in questions.items] == [True]
    async with mall.shop.db.tx(mall.shop.tenant) as tx:
        await look.record(tx, questions)
    assert [one["state"] for one in (await mall.shop.staff.get(PAYMENTS)).json()["items"]] == ["prepared"]
    await pay_on_h5(mall, asked.json()["parameters"])
    assert await mall.state(buyer, order_id) == "paid"
    assert await mall.shop.invariants() == {}


async def pay_on_h5(mall: Mall, parameters: dict[str, Any]) -> None:
    body = {"person": "linxiaoman", "app": seed.OA_APPID, **parameters}
    assert (await mall.shop.sim.post("/_sim/pay/pay", body)).json() == {"err_msg": "get_brand_wcpay_request:ok"}
    await mall.settle()


async def on_h5(mall: Mall, member: Any) -> Client:
    """The same member in the page of the official account."""
    shop = mall.shop
    code = mint_code(mall.sim, kind="oauth", app=seed.OA_APPID, person="linxiaoman", scope="snsapi_userinfo")
    async with shop.db.tx(shop.tenant) as tx:
        openid = shop.openid(member, seed.OA_APPID)
        await members.link_identity(tx, member, app_id=seed.OA_APPID, openid=openid)
    login = await Client(shop.world.app).post("/api/member/login", {"app_id": seed.OA_APPID, "code": code})
    assert login.status == 200, login.text
    return Client(shop.world.app, headers={"authorization": f"Bearer {login.json()['token']}"})

"""Payments that are not what was asked for: nothing is done, and people are told."""

from typing import Any

import pytest

from tests.flows.test_payments import PAID
from tests.mallshop import Mall, buyer_of, open_mall


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


@pytest.mark.parametrize(("wrong", "reason"), [("amount", "amount"), ("app", "app")])
async def test_a_payment_that_is_not_what_was_asked_for_is_refused_and_told(
    mall: Mall, wrong: str, reason: str
) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    parameters = await mall.to_pay(buyer, order_id)
    [at_wechat] = mall.sim_orders()
    await mall.shop.fault("lost_callback", event=PAID, count=1)
    await mall.phone_pays(parameters)
    if wrong == "amount":
        at_wechat.total_fen = 1
    else:
        at_wechat.appid = "wx5e1f00000000a001"
    await mall.later(seconds=61)
    assert await mall.state(buyer, order_id) == "submitted"
    assert [one["reason"] for one in await mall.told("payment.doubted")] == [reason]
    assert (await mall.seen(order_id))["payment"]["trouble"] == reason
    await mall.later(minutes=5)
    assert len(await mall.told("payment.doubted")) == 1


async def test_a_transaction_that_has_paid_something_else_pays_nothing(mall: Mall) -> None:
    """R-16: a simulator that counts from 1 again, or a gateway that repeats itself."""
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    first = await mall.ordered(buyer, product)
    await mall.phone_pays(await mall.to_pay(buyer, first))
    await mall.settle()
    [paid] = mall.sim_orders()
    second = await mall.ordered(buyer, product)
    parameters = await mall.to_pay(buyer, second)
    await mall.shop.fault("lost_callback", event=PAID, count=1)
    await mall.phone_pays(parameters)
    [other] = [one for one in mall.sim_orders() if one is not paid]
    other.transaction_id = paid.transaction_id
    await mall.later(seconds=61)
    assert (await mall.state(buyer, first), await mall.state(buyer, second)) == ("paid", "submitted")
    assert [one["reason"] for one in await mall.told("payment.doubted")] == ["transaction"]
    assert (await mall.seen(second))["payment"]["trouble"] == "transaction"
    assert len(await mall.told("payment.succeeded")) == 1
    assert await mall.shop.invariants() == {}

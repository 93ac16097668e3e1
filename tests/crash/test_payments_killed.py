"""Workers killed while WeChat Pay says yes: every payment and refund is found out by asking, and none is made twice."""

import asyncio
import random
from typing import Any

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.crash import kit
from tests.crash.conftest import Workers
from tests.mallshop import PLAIN, Mall, buyer_of, open_mall
from wesim.pay.state import pay_of

pytestmark = pytest.mark.slow

ORDERS, DEATHS = 8, 6
PERSONS = ("linxiaoman", "chenyiming")
PAID, REFUNDED = "TRANSACTION.SUCCESS", "REFUND.SUCCESS"


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


async def hurry(url: str) -> None:
    """Let what payments wait for be due now."""
    await kit.ask(url, "UPDATE jobs_later SET due_at = now() WHERE kind LIKE 'payments.%'")


async def die_again_and_again(url: str, workers: Workers, dice: random.Random, deaths: int) -> int:
    """Kill workers in the middle of calls to WeChat Pay; returns how many calls were cut off."""
    cut_off = 0
    for _ in range(deaths):
        worker = workers.start()
        async with asyncio.timeout(60):
            while not await kit.begun(url, "payments.%", worker.id):
                await hurry(url)
                await asyncio.sleep(0.05)
        await asyncio.sleep(dice.uniform(0, 0.3))
        workers.kill(worker)
        cut_off += await kit.begun(url, "payments.%", worker.id)
        await kit.lease_over(url, worker.id)
    return cut_off


async def until(url: str, query: str, wanted: Any, *, within_s: float = 90) -> None:
    """Wait for this answer, letting what is due later be due now."""
    async with asyncio.timeout(within_s):
        while [tuple(row.values()) for row in await kit.ask(url, query)] != wanted:
            await hurry(url)
            await asyncio.sleep(0.3)


@pytest.mark.timeout(240)
async def test_payments_and_refunds_survive_their_workers(
    mall: Mall, workers: Workers, postgres: EmbeddedPostgres, dice: random.Random
) -> None:
    url = postgres.url
    product = await mall.product(PLAIN)
    buyers = [(person, (await buyer_of(mall, person))[1]) for person in PERSONS]
    await mall.shop.fault("lost_callback", event=PAID)
    await mall.shop.fault("lost_callback", event=REFUNDED)
    ids = []
    for number in range(ORDERS):
        person, buyer = buyers[number % len(buyers)]
        ids.append(await mall.ordered(buyer, product))
        assert await mall.phone_pays(await mall.to_pay(buyer, ids[-1]), person=person) == "requestPayment:ok"
    await mall.shop.fault("delay", path="/v3/*", delay_s=0.4)

    cut_off = await die_again_and_again(url, workers, dice, DEATHS)
    last = workers.start()
    count = "SELECT state, count(*)::int FROM mall_orders GROUP BY 1"
    await until(url, count, [("paid", ORDERS)])
    workers.kill(last)
    assert cut_off >= 1
    told = await kit.ask(url, "SELECT count(*)::int AS n FROM facts WHERE kind = 'mall.order_paid'")
    assert told[0]["n"] == ORDERS

    for order_id in ids:
        assert (await mall.refund(order_id, 1_000)).status == 201
    cut_off = await die_again_and_again(url, workers, dice, DEATHS)
    workers.start()
    await until(url, "SELECT state, count(*)::int FROM mall_refunds GROUP BY 1", [("succeeded", ORDERS)])
    assert cut_off >= 1
    assert len(pay_of(mall.sim).refunds) == ORDERS
    assert sum(100_000 - mall.wallet(person) for person in PERSONS) == ORDERS * 1_800
    told = await kit.ask(url, "SELECT count(*)::int AS n FROM facts WHERE kind = 'mall.order_refunded'")
    assert told[0]["n"] == ORDERS
    assert await kit.broken(url) == {}

"""Random days of a mall: buyers and staff do whatever comes to mind while WeChat Pay loses, repeats and delays.

After each step no piece of stock has come from nowhere; at the end every invariant holds and the money is where the
orders say it is.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.asgi import Client
from tests.mallshop import BUYER, CONSOLE, PLAIN, Mall, buyer_of, open_mall

STEPS = 45
STOCK = 12
PRICE = 700
FAULTS = (
    ("lost_callback", {"event": "TRANSACTION.SUCCESS"}),
    ("duplicate_callback", {"event": "TRANSACTION.SUCCESS"}),
    ("late_callback", {"event": "TRANSACTION.SUCCESS", "delay_s": 90}),
    ("lost_callback", {"event": "REFUND.SUCCESS"}),
    ("process_then_drop", {"path": "/v3/pay/*"}),
    ("process_then_drop", {"path": "/v3/refund/*"}),
    ("drop", {"path": "/v3/*"}),
    ("busy", {"path": "/v3/*"}),
)
OK = {200, 201, 204, 404, 409, 422, 429, 503, 504}
"""What a door may answer to somebody who does the wrong thing, or while WeChat Pay is away."""


@dataclass
class Day:
    mall: Mall
    dice: random.Random
    product: dict[str, Any]
    buyers: dict[str, Client]
    orders: list[tuple[str, str]] = field(default_factory=list)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)

    def order(self) -> tuple[str, str]:
        return self.dice.choice(self.orders)

    async def step(self) -> None:
        names = ["submit"] if not self.orders else [
            "submit", "submit", "ask_to_pay", "ask_to_pay", "tap_pay", "tap_pay", "tap_pay", "cancel", "close", "ship",
            "receive", "refund", "fault", "settle", "wait", "wait_long"]  # fmt: skip
        await getattr(self, self.dice.choice(names))()

    async def submit(self) -> None:
        person = self.dice.choice(list(self.buyers))
        reply = await self.mall.submit(self.buyers[person], self.product, count=self.dice.randint(1, 3))
        assert reply.status in OK, reply.text
        if reply.status == 201:
            self.orders.append((person, reply.json()["id"]))

    async def ask_to_pay(self) -> None:
        person, order_id = self.order()
        reply = await self.buyers[person].post(f"{BUYER}/orders/{order_id}/pay", {})
        assert reply.status in OK, reply.text
        if reply.status == 200:
            self.parameters[order_id] = reply.json()["parameters"]

    async def tap_pay(self) -> None:
        for person, order_id in self.orders:
            if order_id in self.parameters and self.dice.random() < 0.5:
                await self.mall.phone_pays(self.parameters.pop(order_id), person=person)
                return

    async def cancel(self) -> None:
        person, order_id = self.order()
        assert (await self.buyers[person].post(f"{BUYER}/orders/{order_id}/cancel", {})).status in OK

    async def close(self) -> None:
        assert (await self.mall.shop.staff.post(f"{CONSOLE}/orders/{self.order()[1]}/close", {})).status in OK

    async def ship(self) -> None:
        assert (await self.mall.ship(self.order()[1], f"SF{self.dice.randint(1000, 1003)}")).status in OK

    async def receive(self) -> None:
        person, order_id = self.order()
        assert (await self.buyers[person].post(f"{BUYER}/orders/{order_id}/receive", {})).status in OK

    async def refund(self) -> None:
        assert (await self.mall.refund(self.order()[1], self.dice.choice([1, 300, PRICE, 2 * PRICE]))).status in OK

    async def fault(self) -> None:
        kind, where = self.dice.choice(FAULTS)
        await self.mall.shop.fault(kind, count=1, **where)

    async def settle(self) -> None:
        await self.mall.settle()

    async def wait(self) -> None:
        await self.mall.later(seconds=self.dice.choice([20, 70, 400]))

    async def wait_long(self) -> None:
        await self.mall.later(minutes=self.dice.choice([31, 600]))

    async def stock_is_whole(self) -> None:
        """What is on the shelf and what open orders hold is what there was."""
        async with self.mall.shop.db.read(self.mall.shop.tenant) as tx:
            held = await tx.value(
                "SELECT coalesce(sum(count), 0)::int FROM mall_orders WHERE tenant_id = $1 AND stock_taken",
                tx.tenant_id,
            )
        [left] = await self.mall.stock(self.product)
        assert left + held == STOCK


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [11, 12, 13])
async def test_a_random_day(world: Any, seed: int) -> None:
    mall = await open_mall(world)
    product = await mall.product(PLAIN | {"skus": [{"values": [], "price_fen": PRICE, "stock": STOCK}]})
    buyers = {person: (await buyer_of(mall, person))[1] for person in ("linxiaoman", "chenyiming")}
    day = Day(mall, random.Random(seed), product, buyers)
    for _ in range(STEPS):
        await day.step()
        await day.stock_is_whole()
    await mall.shop.no_faults()
    for _ in range(3):
        await mall.later(hours=5)
    async with mall.shop.db.read(mall.shop.tenant) as tx:
        [row] = await tx.fetch(
            "SELECT count(*) FILTER (WHERE state = 'submitted') AS open, coalesce(sum(total_fen) "
            "FILTER (WHERE paid_at IS NOT NULL), 0)::int - coalesce(sum(refunded_fen), 0)::int AS kept, "
            "(SELECT count(*) FROM mall_refunds r WHERE r.tenant_id = $1 AND r.state = 'pending') AS pending "
            "FROM mall_orders WHERE tenant_id = $1",
            tx.tenant_id,
        )
    assert (row["open"], row["pending"]) == (0, 0)
    spent = sum(100_000 - mall.wallet(person) for person in buyers)
    assert spent == row["kept"]
    assert await mall.shop.invariants() == {}

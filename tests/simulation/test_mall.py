"""Random days of a mall: buyers and staff do whatever comes to mind while WeChat Pay loses, repeats and delays.

After each step no piece of stock has come from nowhere; at the end every invariant holds and the money is where the
orders say it is.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests import make
from tests.asgi import Client
from tests.mallshop import BUYER, CONSOLE, PLAIN, Mall, buyer_of, open_mall

STEPS = 45
STOCK = 12
PRICE = 700
REFUNDS = "/v3/refund/*"
FAULTS = (
    ("lost_callback", {"event": "TRANSACTION.SUCCESS"}),
    ("duplicate_callback", {"event": "TRANSACTION.SUCCESS"}),
    ("late_callback", {"event": "TRANSACTION.SUCCESS", "delay_s": 90}),
    ("lost_callback", {"event": "REFUND.SUCCESS"}),
    ("process_then_drop", {"path": "/v3/pay/*"}),
    ("process_then_drop", {"path": "/v3/refund/*"}),
    ("drop", {"path": "/v3/*"}),
    ("busy", {"path": "/v3/*"}),
    ("refuse", {"path": REFUNDS, "code": "NOT_ENOUGH", "http_status": 403}),
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
            "receive", "refund", "too_late", "fault", "settle", "wait", "wait_long"]  # fmt: skip
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

    async def cancel(self, person: str = "", order_id: str = "") -> None:
        if not order_id:
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

    async def too_late(self) -> None:
        """A buyer asks to pay, cancels, and pays a moment too late; often the shop cannot give the money back."""
        await self.submit()
        person, order_id = self.orders[-1]
        given = await self.buyers[person].post(f"{BUYER}/orders/{order_id}/pay", {})
        await self.cancel(person, order_id)
        await self.mall.settle()
        at_wechat = self.mall.sim_orders()[-1] if self.mall.sim_orders() else None
        if given.status == 200 and at_wechat is not None and at_wechat.state == "CLOSED":
            at_wechat.state = "NOTPAY"
            if self.dice.random() < 0.7:
                await self.mall.shop.fault("refuse", path=REFUNDS, code="NOT_ENOUGH", http_status=403, count=1)
            await self.mall.phone_pays(given.json()["parameters"], person=person)

    async def fault(self) -> None:
        kind, where = self.dice.choice(FAULTS)
        await self.mall.shop.fault(kind, count=1, **where)

    async def settle(self) -> None:
        await self.mall.settle()

    async def wait(self) -> None:
        await self.mall.later(seconds=self.dice.choice([20, 70, 400]))

    async def wait_long(self) -> None:
        await self.mall.later(minutes=self.dice.choice([31, 600]))
        await log_in(self.mall)

    async def stock_is_whole(self) -> None:
        """What is on the shelf and what open orders hold is what there was."""
        async with self.mall.shop.db.read(self.mall.shop.tenant) as tx:
            held = await tx.value(
                "SELECT coalesce(sum(count), 0)::int FROM mall_orders WHERE tenant_id = $1 AND stock_taken",
                tx.tenant_id,
            )
        [left] = await self.mall.stock(self.product)
        assert left + held == STOCK


async def log_in(mall: Mall) -> None:
    """A session of the staff ends while time goes by."""
    mall.shop.staff = await make.logged_in(
        Client(mall.shop.world.app), await make.staff(mall.shop.db, mall.shop.tenant)
    )


async def give_back_what_is_owed(mall: Mall) -> None:
    """Closed orders that still have the buyer's money are counted and listed, and people can give all of it back."""
    await log_in(mall)
    async with mall.shop.db.read(mall.shop.tenant) as tx:
        rows = await tx.fetch(
            "SELECT id, total_fen - refunded_fen AS rest FROM mall_orders o WHERE tenant_id = $1 AND state = 'closed' "
            "AND (SELECT coalesce(sum(r.amount_fen), 0) FROM mall_refunds r WHERE r.tenant_id = $1 AND r.order_id = o.id "
            "     AND r.state <> 'failed') < total_fen AND paid_at IS NOT NULL",
            tx.tenant_id,
        )
    assert (await mall.shop.staff.get(CONSOLE)).json()["owed"] == len(rows)
    listed = (await mall.shop.staff.get(f"{CONSOLE}/orders", owed="true", limit=100)).json()["items"]
    assert {one["id"] for one in listed} == {str(row["id"]) for row in rows}
    for row in rows:
        assert (await mall.refund(str(row["id"]), row["rest"])).status == 201
    await mall.settle()
    assert (await mall.shop.staff.get(CONSOLE)).json()["owed"] == 0


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
    await give_back_what_is_owed(mall)
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

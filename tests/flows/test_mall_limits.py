"""Who may use the mall: active members only, and nobody holds the shop's stock or begins payments without end."""

import asyncio
from contextvars import copy_context
from typing import Any
from uuid import UUID, uuid4

import pytest

from huida.modules import members
from tests.asgi import Client, Reply
from tests.mallshop import BUYER, Mall, buyer_of, open_mall
from tests.shop import PERSONS


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


async def keyed(buyer: Client, path: str, body: dict[str, Any]) -> Reply:
    return await buyer.request("POST", f"{BUYER}/{path}", body, headers={"Idempotency-Key": str(uuid4())})


async def freeze(mall: Mall, member: UUID) -> None:
    assert (await mall.shop.staff.post(f"/api/console/members/{member}/freeze", {})).status == 204


async def test_who_is_frozen_begins_nothing_and_changes_nothing(mall: Mall) -> None:
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    await mall.shop.recharge(member, "R-1", 10_000)
    waiting = await mall.ordered(buyer, product)
    sent = await mall.paid(buyer, product)
    await mall.ship(sent)
    before = (await mall.shop.balances(member), len(mall.sim_orders()))
    await freeze(mall, member)
    refused = (409, "member.not_active")
    assert (await mall.submit(buyer, product)).refusal == refused
    assert (await buyer.post(f"{BUYER}/orders/{waiting}/pay", {})).refusal == refused
    assert (await keyed(buyer, "recharges", {"paid_fen": 10_000})).refusal == refused
    assert (await keyed(buyer, "withdrawals", {"amount_fen": 4_000, "way": "cash"})).refusal == refused
    assert await mall.stock(product) == [8]
    assert (await mall.shop.balances(member), len(mall.sim_orders())) == before
    async with mall.shop.db.read(mall.shop.tenant) as tx:
        counts = [
            await tx.value(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tx.tenant_id)
            for table in ("mall_orders", "payments", "mall_recharges", "mall_withdrawals", "ledger_holds")
        ]
    assert counts == [2, 1, 0, 0, 0]
    # What began is finished.
    assert (await buyer.post(f"{BUYER}/orders/{waiting}/cancel", {})).status == 204
    assert (await buyer.post(f"{BUYER}/orders/{sent}/receive", {})).status == 204
    assert await mall.stock(product) == [9]
    assert await mall.shop.invariants() == {}


async def test_whoever_freezes_waits_for_what_is_being_begun(mall: Mall) -> None:
    member, _ = await buyer_of(mall)
    outside = copy_context()
    async with mall.shop.db.tx(mall.shop.tenant) as tx:
        await members.require_active(tx, member)
        freezing = asyncio.create_task(freeze(mall, member), context=outside)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not freezing.done() and not await tx.value(waiting):
            await asyncio.sleep(0.01)
        assert not freezing.done()
    await freezing
    assert (await mall.shop.staff.get(f"/api/console/members/{member}")).json()["state"] == "frozen"


async def test_who_is_active_again_goes_on(mall: Mall) -> None:
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    await freeze(mall, member)
    assert (await mall.submit(buyer, product)).refusal == (409, "member.not_active")
    assert (await mall.shop.staff.post(f"/api/console/members/{member}/unfreeze", {})).status == 204
    assert (await mall.submit(buyer, product)).status == 201


async def test_freezing_ends_the_sessions_that_a_phone_opened(mall: Mall) -> None:
    member, _ = await buyer_of(mall)
    other, _ = await buyer_of(mall, "chenyiming")
    by_phone = {}
    for one in (member, other):
        async with mall.shop.db.tx(mall.shop.tenant) as tx:
            session = await members.open_for(tx, one, phone=PERSONS[mall.shop.persons[one]])
        by_phone[one] = Client(mall.shop.world.app, headers={"authorization": f"Bearer {session.reveal()}"})
    assert (await by_phone[member].get(f"{BUYER}/orders")).status == 200
    await freeze(mall, member)
    assert (await by_phone[member].get(f"{BUYER}/orders")).status == 401
    assert (await by_phone[other].get(f"{BUYER}/orders")).status == 200


async def test_five_orders_may_wait_for_their_payment(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    waiting = [await mall.ordered(buyer, product, key=f"tap-{n}") for n in range(5)]
    sixth = await mall.submit(buyer, product)
    assert (sixth.refusal, sixth.json()["params"]["most"]) == ((409, "mall.too_many_unpaid"), 5)
    assert (await mall.submit(buyer, product, key="tap-4")).json()["id"] == waiting[4]
    assert await mall.stock(product) == [5]
    _, neighbour = await buyer_of(mall, "chenyiming")
    assert (await mall.submit(neighbour, product)).status == 201
    assert await mall.phone_pays(await mall.to_pay(buyer, waiting[0])) == "requestPayment:ok"
    await mall.settle()
    assert (await mall.submit(buyer, product)).status == 201
    assert (await mall.submit(buyer, product)).refusal == (409, "mall.too_many_unpaid")
    assert (await buyer.post(f"{BUYER}/orders/{waiting[1]}/cancel", {})).status == 204
    assert (await mall.submit(buyer, product)).status == 201
    await mall.later(minutes=31)
    assert await mall.stock(product) == [9]


async def test_recharges_do_not_begin_without_end(mall: Mall) -> None:
    _, buyer = await buyer_of(mall)
    answers = [(await keyed(buyer, "recharges", {"paid_fen": 5_000})).status for _ in range(7)]
    assert (answers[:5], answers[-1]) == ([201] * 5, 429)
    assert len(mall.sim_orders()) == answers.count(201)
    _, neighbour = await buyer_of(mall, "chenyiming")
    assert (await keyed(neighbour, "recharges", {"paid_fen": 5_000})).status == 201

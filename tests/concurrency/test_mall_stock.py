"""Many buyers at once: never more sold than there is, one order for one intention, stock back once.

The first test is the control: without the lock and the guard, the same rush sells too much.
"""

import asyncio
from collections import Counter
from contextvars import copy_context
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from huida.kernel.db import Database, Tx
from huida.modules import payments
from huida.modules.mall import orders, reactions
from tests import make
from tests.asgi import Client
from tests.mallshop import BUYER, CONSOLE, PLAIN, Mall, buyer_of, open_mall

RUSH, STOCK = 50, 10


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


async def naive_take(tx: Tx, sku_id: UUID, gate: asyncio.Barrier) -> bool:
    """What one writes first: read the stock, compare, write."""
    left = await tx.value("SELECT stock FROM mall_skus WHERE tenant_id = $1 AND id = $2", tx.tenant_id, sku_id)
    await gate.wait()
    if left <= 0:
        return False
    await tx.execute("UPDATE mall_skus SET stock = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, sku_id, left - 1)
    return True


async def test_control_reading_then_writing_sells_one_piece_to_four_buyers(mall: Mall) -> None:
    product = await mall.product(PLAIN | {"skus": [{"values": [], "price_fen": 100, "stock": 1}]})
    db: Database = mall.shop.db
    gate = asyncio.Barrier(4)

    async def one() -> bool:
        async with db.tx(mall.shop.tenant) as tx:
            return await naive_take(tx, UUID(product["skus"][0]["id"]), gate)

    assert await asyncio.gather(*(one() for _ in range(4))) == [True] * 4
    assert await mall.stock(product) == [0]


async def buyers(mall: Mall, number: int) -> list[Client]:
    """Members who hold a session."""
    from huida.modules import members

    made = []
    for place in range(number):
        phone = f"139{place:08}"
        member_id = await make.member(mall.shop.db, mall.shop.tenant, name="客人", phone=phone)
        async with mall.shop.db.tx(mall.shop.tenant) as tx:
            session = await members.open_for(tx, member_id, phone=phone)
        made.append(Client(mall.shop.world.app, headers={"authorization": f"Bearer {session.reveal()}"}))
    return made


async def test_fifty_buyers_at_once_for_ten_pieces_make_exactly_ten_orders(mall: Mall) -> None:
    product = await mall.product(PLAIN)
    replies = await asyncio.gather(*(mall.submit(one, product) for one in await buyers(mall, RUSH)))
    outcomes = Counter(reply.status if reply.status == 201 else reply.refusal[1] for reply in replies)
    assert outcomes == {201: STOCK, "mall.sold_out": RUSH - STOCK}
    assert await mall.stock(product) == [0]
    placed = (await mall.shop.staff.get(f"{CONSOLE}/orders", limit=100)).json()["items"]
    assert len(placed) == STOCK
    assert len(await mall.told("mall.order_submitted")) == STOCK
    assert await mall.shop.invariants() == {}


async def test_one_tap_sent_many_times_is_one_order(mall: Mall) -> None:
    product = await mall.product(PLAIN)
    [buyer] = await buyers(mall, 1)
    replies = await asyncio.gather(*(mall.submit(buyer, product, key="tap") for _ in range(12)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert await mall.stock(product) == [STOCK - 1]


async def test_orders_of_several_lines_in_any_order_do_not_wait_in_a_ring(mall: Mall) -> None:
    first = await mall.product(PLAIN)
    second = await mall.product({"title": "铁观音", "skus": [{"values": [], "price_fen": 100, "stock": STOCK}]})
    pair = [first["skus"][0], second["skus"][0]]

    async def one(buyer: Client, number: int) -> int:
        lines = [{"sku_id": sku["id"], "count": 1} for sku in (pair if number % 2 else pair[::-1])]
        return (await mall.submit(buyer, first, items=lines, total_fen=2900)).status

    statuses = await asyncio.gather(*(one(buyer, n) for n, buyer in enumerate(await buyers(mall, 20))))
    assert Counter(statuses) == {201: STOCK, 409: 20 - STOCK}
    assert (await mall.stock(first), await mall.stock(second)) == ([0], [0])


async def test_closing_at_many_doors_returns_the_stock_once(mall: Mall) -> None:
    product = await mall.product(PLAIN)
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product, count=3)
    await mall.to_pay(buyer, order_id)
    staff = mall.shop.staff
    await asyncio.gather(
        *(buyer.post(f"{BUYER}/orders/{order_id}/cancel", {}) for _ in range(5)),
        *(staff.post(f"{CONSOLE}/orders/{order_id}/close", {}) for _ in range(5)),
    )
    await mall.settle()
    assert (await mall.state(buyer, order_id), await mall.stock(product)) == ("closed", [STOCK])
    assert len(await mall.told("mall.order_closed")) == 1
    assert await mall.shop.invariants() == {}


async def test_refunds_at_many_doors_never_exceed_what_was_paid(mall: Mall) -> None:
    product = await mall.product(PLAIN)
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product)
    replies = await asyncio.gather(*(mall.refund(order_id, 1000) for _ in range(8)))
    outcomes = Counter(reply.status if reply.status == 201 else reply.refusal[1] for reply in replies)
    assert outcomes == {201: 2, "mall.refund_too_large": 6}
    await mall.settle()
    assert mall.wallet() == 100_000 - 800
    assert await mall.shop.invariants() == {}


async def test_the_same_payment_started_at_once_is_one(mall: Mall) -> None:
    reference = uuid4()

    async def one() -> UUID:
        async with mall.shop.db.tx(mall.shop.tenant) as tx:
            return await payments.start(
                tx, purpose="test", reference_id=reference, amount_fen=1, description="x", kind="native"
            )

    assert len(set(await asyncio.gather(*(one() for _ in range(10))))) == 1


async def test_withdrawals_at_once_hold_no_more_than_there_is(mall: Mall) -> None:
    member, buyer = await buyer_of(mall)
    await mall.shop.recharge(member, "R-1", 10_000)
    body = {"amount_fen": 4_000, "way": "cash"}

    async def one() -> int:
        headers = {"Idempotency-Key": str(uuid4())}
        return (await buyer.request("POST", f"{BUYER}/withdrawals", body, headers=headers)).status

    assert Counter(await asyncio.gather(*(one() for _ in range(8)))) == {201: 2, 409: 6}
    assert await mall.shop.invariants() == {}


async def test_two_staff_decide_a_withdrawal_once(mall: Mall) -> None:
    member, buyer = await buyer_of(mall)
    await mall.shop.recharge(member, "R-1", 10_000)
    headers = {"Idempotency-Key": "k"}
    asked = await buyer.request("POST", f"{BUYER}/withdrawals", {"amount_fen": 4_000, "way": "cash"}, headers=headers)
    path = f"{CONSOLE}/withdrawals/{asked.json()['id']}"
    replies = await asyncio.gather(
        *(mall.shop.staff.post(f"{path}/pay", {}) for _ in range(3)),
        *(mall.shop.staff.post(f"{path}/reject", {"reason": "不对"}) for _ in range(3)),
    )
    assert Counter(reply.status for reply in replies) == {204: 3, 409: 3}
    assert await mall.shop.invariants() == {}


async def test_a_guard_refuses_what_the_lock_let_through(mall: Mall) -> None:
    """Four who all read that one piece is left, without a lock: the statement itself gives it to one of them."""
    product = await mall.product(PLAIN | {"skus": [{"values": [], "price_fen": 100, "stock": 1}]})
    sku_id = UUID(product["skus"][0]["id"])
    gate = asyncio.Barrier(4)

    async def one() -> tuple[int, int]:
        async with mall.shop.db.tx(mall.shop.tenant) as tx:
            left = await tx.value("SELECT stock FROM mall_skus WHERE tenant_id = $1 AND id = $2", tx.tenant_id, sku_id)
            await gate.wait()
            return left, await tx.execute(orders.TAKE_STOCK, tx.tenant_id, [sku_id], [1])

    assert sorted(await asyncio.gather(*(one() for _ in range(4)))) == [(1, 0), (1, 0), (1, 0), (1, 1)]
    assert await mall.stock(product) == [0]


# ------------------------------------------------------- orders that wait for their payment
COUNT_UNPAID = "SELECT count(*) FROM mall_orders WHERE tenant_id = $1 AND member_id = $2 AND state = 'submitted'"
COPY_ORDER = """
INSERT INTO mall_orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', $3::uuid, 'key', $3, 'order_no', $3))).*
FROM mall_orders o WHERE o.tenant_id = $1 AND o.member_id = $2 LIMIT 1
"""


async def test_control_counting_then_placing_lets_eight_wait(mall: Mall) -> None:
    product = await mall.product(PLAIN)
    member, buyer = await buyer_of(mall)
    for _ in range(4):
        await mall.ordered(buyer, product)
    gate = asyncio.Barrier(4)

    async def one() -> bool:
        async with mall.shop.db.tx(mall.shop.tenant) as tx:
            unpaid = await tx.value(COUNT_UNPAID, tx.tenant_id, member)
            await gate.wait()
            return unpaid < 5 and bool(await tx.execute(COPY_ORDER, tx.tenant_id, member, uuid4()))

    assert await asyncio.gather(*(one() for _ in range(4))) == [True] * 4
    async with mall.shop.db.read(mall.shop.tenant) as tx:
        assert await tx.value(COUNT_UNPAID, tx.tenant_id, member) == 8


async def test_twenty_orders_of_one_member_at_once_are_five(mall: Mall) -> None:
    products = [await mall.product({"title": f"茶 {n}", "skus": [{"values": [], "price_fen": 100, "stock": 100}]})
                for n in range(4)]  # fmt: skip
    member, buyer = await buyer_of(mall)
    _, neighbour = await buyer_of(mall, "chenyiming")
    *replies, other = await asyncio.gather(
        *(mall.submit(buyer, products[n % 4]) for n in range(20)), mall.submit(neighbour, products[0])
    )
    outcomes = Counter(reply.status if reply.status == 201 else reply.refusal[1] for reply in replies)
    assert (outcomes, other.status) == ({201: 5, "mall.too_many_unpaid": 15}, 201)
    async with mall.shop.db.read(mall.shop.tenant) as tx:
        assert await tx.value(COUNT_UNPAID, tx.tenant_id, member) == 5
    assert sum([(await mall.stock(product))[0] for product in products]) == 400 - 6
    assert await mall.shop.invariants() == {}


# ---------------------------------------------------------------------------- locks in one order
async def blocked_by(mall: Mall, pid: int) -> list[int]:
    """The database's processes that wait for this one."""
    async with mall.shop.db.raw() as (_, sql):
        rows = await sql.fetch("SELECT pid FROM pg_locks WHERE NOT granted AND $1 = ANY(pg_blocking_pids(pid))", pid)
    return [row["pid"] for row in rows]


@pytest.mark.timeout(60)
async def test_closing_several_orders_and_placing_one_do_not_wait_in_a_ring(mall: Mall) -> None:
    """The older order has the later SKU: closing them one by one would hold that one and wait for the other."""
    made = [
        await mall.product({"title": f"茶 {n}", "skus": [{"values": [], "price_fen": 100, "stock": 9}]}) for n in "ab"
    ]
    early, late = sorted(made, key=lambda product: str(product["skus"][0]["id"]))
    _, buyer = await buyer_of(mall)
    first, second = [await mall.ordered(buyer, product) for product in (late, early)]
    [shopper] = await buyers(mall, 1)
    mall.shop.world.clock.advance(timedelta(minutes=31))
    lines = [{"sku_id": product["skus"][0]["id"], "count": 1} for product in (early, late)]

    async def close() -> None:
        async with mall.shop.db.tx(mall.shop.tenant) as tx:
            await reactions.close_unpaid(tx, [{"order_id": order_id} for order_id in (first, second)])

    mine, theirs = copy_context(), copy_context()  # outside of the transaction that is opened here
    async with mall.shop.db.tx(mall.shop.tenant) as gate:
        await orders.lock(gate, UUID(second))
        closing = asyncio.create_task(close(), context=mine)
        gate_pid = await gate.value("SELECT pg_backend_pid()")
        while not (waiting := await blocked_by(mall, gate_pid)):
            assert not closing.done(), closing.exception()
            await asyncio.sleep(0)
        placing = asyncio.create_task(mall.submit(shopper, early, items=lines, total_fen=200), context=theirs)
        while not placing.done() and not await blocked_by(mall, waiting[0]):
            await asyncio.sleep(0)
    await closing
    assert (await placing).status == 201
    assert [(await mall.stock(product))[0] for product in (early, late)] == [8, 8]
    assert await mall.shop.invariants() == {}

"""Many messages for one subscription. The first test is the control: counting in Python sends more than was granted."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from huida.kernel.db import Database, Tx
from huida.modules.messaging import credits as credit_ledger

APP, OPENID, TEMPLATE = "wx-race", "o-race", "tpl"
KEY = (OPENID, TEMPLATE)


async def grant(db: Database, tenant: int, times: int, *, openid: str = OPENID, template: str = TEMPLATE) -> None:
    for _ in range(times):
        async with db.tx(tenant) as tx:
            await credit_ledger.client_answered(
                tx, report_id=uuid4(), app_id=APP, openid=openid, answers={template: "accept"}
            )


async def consumed(db: Database, tenant: int) -> dict[str, tuple[int, int]]:
    """(granted, consumed) by template."""
    async with db.read(tenant) as tx:
        return {r["template_id"]: (r["granted"], r["consumed"]) for r in await credit_ledger.ledger_of(tx, APP, OPENID)}


async def naive_take(tx: Tx, gate: asyncio.Barrier) -> bool:
    row = await tx.row("SELECT by_client, consumed FROM subscribe_credits WHERE openid = $1", OPENID)
    await gate.wait()
    if row is None or row["by_client"] <= row["consumed"]:
        return False
    await tx.execute("UPDATE subscribe_credits SET consumed = $2 WHERE openid = $1", OPENID, row["consumed"] + 1)
    return True


async def test_control_one_credit_read_by_four_sends_four_messages(db: Database, tenant: int) -> None:
    await grant(db, tenant, 1)
    gate = asyncio.Barrier(4)

    async def one() -> bool:
        async with db.tx(tenant) as tx:
            return await naive_take(tx, gate)

    assert await asyncio.gather(*(one() for _ in range(4))) == [True] * 4
    assert await consumed(db, tenant) == {TEMPLATE: (1, 1)}  # and the books show nothing of it


@pytest.mark.covers("S1-25", "S1-86")
async def test_as_many_messages_as_subscriptions_however_many_ask_at_once(db: Database, tenant: int) -> None:
    await grant(db, tenant, 7)

    async def one(number: int) -> int:
        async with db.tx(tenant) as tx:
            return (await credit_ledger.take(tx, APP, {KEY: number % 3 + 1}))[KEY]

    got = await asyncio.gather(*(one(number) for number in range(30)))
    assert sum(got) == 7
    assert await consumed(db, tenant) == {TEMPLATE: (7, 7)}


async def test_takers_and_givers_in_opposite_orders_never_lock_each_other_out(db: Database, tenant: int) -> None:
    people = [f"o-{number}" for number in range(6)]
    for person in people:
        await grant(db, tenant, 10, openid=person)

    async def take(turned: bool) -> int:
        async with db.tx(tenant) as tx:
            mine = people[::-1] if turned else people
            return sum((await credit_ledger.take(tx, APP, {(p, TEMPLATE): 1 for p in mine})).values())

    async def give_back(turned: bool) -> int:
        async with db.tx(tenant) as tx:
            mine = people[::-1] if turned else people
            await credit_ledger.give_back(tx, APP, [(p, TEMPLATE) for p in mine])
        return -6

    assert await take(False) == 6
    moved = await asyncio.gather(*(take(n % 2 == 0) for n in range(9)), give_back(True))
    async with db.read(tenant) as tx:
        used = await tx.value("SELECT sum(consumed)::int FROM subscribe_credits WHERE tenant_id = $1", tenant)
    assert used == 6 + sum(moved) == 54


async def test_a_report_repeated_in_parallel_counts_once(db: Database, tenant: int) -> None:
    report = uuid4()

    async def one() -> int:
        async with db.tx(tenant) as tx:
            left = await credit_ledger.client_answered(
                tx, report_id=report, app_id=APP, openid=OPENID, answers={TEMPLATE: "accept"}
            )
            return left[TEMPLATE]

    assert Counter(await asyncio.gather(*(one() for _ in range(20)))) == {1: 20}

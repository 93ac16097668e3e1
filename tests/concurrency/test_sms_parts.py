"""Many messages at once against a small stock, a small budget, ten places and one active signature.

Each has its control: without the lock and the guard, the same rush takes too much.
"""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import pytest

from huida.kernel.db import Database, Tx
from huida.kernel.errors import AppError
from huida.kernel.ids import uuid7
from huida.modules import sms
from huida.modules.sms import Charge, Proof, plans, signatures
from tests.pictures import PNG

STOCK = 50
RUSH = 200

pytestmark = pytest.mark.usefixtures("provider")


async def give(db: Database, tenant: int, parts: int) -> None:
    async with db.tx(tenant) as tx:
        await plans.credit(tx, source_type="t", source_id=uuid4(), amount=parts, price_fen=0, contra="t")


async def kept(db: Database, tenant: int) -> tuple[int, int]:
    """(left, used); every invariant holds."""
    async with db.read(tenant) as tx:
        has = await plans.parts(tx)
        broken = {name: await tx.fetch(query) for name, query in sms.INVARIANTS.items()}
    assert not any(broken.values()), broken
    return has.left, has.used


async def naive_charge(tx: Tx, gate: asyncio.Barrier) -> bool:
    """What one writes first: read what is left, compare, write."""
    left = await tx.value("SELECT low_parts FROM sms_plans WHERE tenant_id = $1", tx.tenant_id)
    await gate.wait()
    if left < 1:
        return False
    await tx.execute("UPDATE sms_plans SET low_parts = low_parts - 1 WHERE tenant_id = $1", tx.tenant_id)
    return True


async def test_control_reading_then_writing_sends_more_than_was_bought(db: Database, tenant: int) -> None:
    async with db.tx(tenant) as tx:
        await tx.execute("INSERT INTO sms_plans (tenant_id, low_parts, updated_at) VALUES ($1, 1, $2)", tenant, tx.now)
    gate = asyncio.Barrier(4)

    async def one() -> bool:
        async with db.tx(tenant) as tx:
            return await naive_charge(tx, gate)

    assert await asyncio.gather(*(one() for _ in range(4))) == [True] * 4
    async with db.read(tenant) as tx:
        assert await tx.value("SELECT low_parts FROM sms_plans WHERE tenant_id = $1", tenant) == -3


@pytest.mark.covers("X-05", "S2-66", "S2-67")
async def test_two_hundred_at_once_for_fifty_parts_get_exactly_fifty(db: Database, tenant: int) -> None:
    await give(db, tenant, STOCK)

    async def one() -> str:
        async with db.tx(tenant) as tx:
            [charged] = await sms.charge(tx, [Charge(uuid4(), 1)])
        return charged.reason or "sent"

    outcomes = await asyncio.gather(*(one() for _ in range(RUSH)))
    assert Counter(outcomes) == {"sent": STOCK, "sms_no_balance": RUSH - STOCK}
    assert await kept(db, tenant) == (0, STOCK)


@pytest.mark.covers("X-05")
async def test_one_message_at_many_workers_is_charged_once(db: Database, tenant: int) -> None:
    await give(db, tenant, STOCK)
    message = uuid4()

    async def one() -> bool:
        async with db.tx(tenant) as tx:
            [charged] = await sms.charge(tx, [Charge(message, 3)])
        return charged.repeated

    outcomes = await asyncio.gather(*(one() for _ in range(20)))
    assert Counter(outcomes) == {False: 1, True: 19}
    assert await kept(db, tenant) == (STOCK - 3, 3)


@pytest.mark.covers("X-05", "S2-66")
async def test_reports_and_returns_at_once_settle_each_message_once(db: Database, tenant: int) -> None:
    await give(db, tenant, 1000)
    messages = [uuid4() for _ in range(40)]
    async with db.tx(tenant) as tx:
        await sms.charge(tx, [Charge(message, 2) for message in messages])

    async def report(batch: list[UUID], parts: int) -> None:
        async with db.tx(tenant) as tx:
            await sms.settle(tx, [(message, parts) for message in batch])

    async def back(batch: list[UUID]) -> None:
        async with db.tx(tenant) as tx:
            await sms.give_back(tx, batch)

    halves = [messages[:25], messages[15:][::-1], messages[::2]]
    await asyncio.gather(*(report(batch, 3) for batch in halves for _ in range(4)), *(back(batch) for batch in halves))
    await report(messages, 3)
    assert await kept(db, tenant) == (1000 - 120, 120)


@pytest.mark.covers("S2-67")
async def test_a_rush_does_not_pass_the_days_budget_and_returns_make_room(db: Database, tenant: int) -> None:
    async with db.tx(tenant) as tx:
        await plans.set_caps(tx, {"cap_parts": 20, "cap_fen": None}, model="per_part")
    sent: list[UUID] = []

    async def one() -> str:
        message = uuid4()
        async with db.tx(tenant) as tx:
            [charged] = await sms.charge(tx, [Charge(message, 1)])
        if charged.ok:
            sent.append(message)
        return charged.reason or "sent"

    assert Counter(await asyncio.gather(*(one() for _ in range(60)))) == {"sent": 20, "sms_budget": 40}
    async with db.tx(tenant) as tx:
        await sms.give_back(tx, sent[:5])
    assert Counter(await asyncio.gather(*(one() for _ in range(30)))) == {"sent": 5, "sms_budget": 25}
    assert await kept(db, tenant) == (0, 20)


async def submit(db: Database, tenant: int, name: str) -> str:
    try:
        async with db.tx(tenant) as tx:
            await signatures.submit_spare(tx, name=name, source="shop", proofs=[Proof("a.png", PNG)])
    except AppError as refused:
        return refused.code
    return "taken"


@pytest.mark.covers("S2-68", "S2-77")
async def test_control_counting_without_the_lock_passes_ten(db: Database, tenant: int) -> None:
    gate = asyncio.Barrier(4)

    async def one(number: int) -> None:
        async with db.tx(tenant) as tx:
            held = await tx.value("SELECT count(*) FROM sms_signatures WHERE tenant_id = $1", tenant)
            await gate.wait()
            assert held == 0
            await tx.execute(
                "INSERT INTO sms_signatures (tenant_id, id, name, source, files, state, submitted_at, submitted_by) "
                "VALUES ($1, $2, $3, 'shop', '[]', 'withdrawn', $4, '')",
                *(tenant, uuid7(), f"签名{number}", tx.now),
            )

    await asyncio.gather(*(one(number) for number in range(4)))
    async with db.read(tenant) as tx:
        assert await tx.value("SELECT count(*) FROM sms_signatures WHERE tenant_id = $1", tenant) == 4


@pytest.mark.covers("S2-68", "S2-77")
async def test_twenty_at_once_take_exactly_ten_places(db: Database, tenant: int) -> None:
    outcomes = await asyncio.gather(*(submit(db, tenant, f"茶事{number}号") for number in range(20)))
    assert Counter(outcomes) == {"taken": 10, "sms.signatures_full": 10}
    await kept(db, tenant)


@pytest.mark.covers("S2-76")
async def test_many_who_apply_at_once_leave_exactly_one_active(db: Database, tenant: int) -> None:
    ids = []
    for number in range(6):
        async with db.tx(tenant) as tx:
            made = await signatures.submit_spare(
                tx, name=f"山月{number}号", source="shop", proofs=[Proof("a.png", PNG)]
            )
            await signatures.approve(tx, made)
        ids.append(made)
    async with db.read(tenant) as tx:
        assert await tx.value("SELECT count(*) FROM sms_signatures WHERE tenant_id = $1 AND applied", tenant) == 0

    async def one(signature_id: UUID) -> None:
        async with db.tx(tenant) as tx:
            await signatures.apply(tx, signature_id)

    await asyncio.gather(*(one(signature_id) for signature_id in ids * 5))
    async with db.read(tenant) as tx:
        assert await tx.value("SELECT count(*) FROM sms_signatures WHERE tenant_id = $1 AND applied", tenant) == 1
    await kept(db, tenant)

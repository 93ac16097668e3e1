"""Changes of one merchant's SMS that meet: everyone takes the locks in the same order, so nobody is thrown out."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from huida.kernel.db import Database
from huida.kernel.errors import AppError
from huida.modules import sms
from huida.modules.sms import Charge, Proof, Sent, plans, signatures, usage
from tests.pictures import PNG

ROUNDS = 25


pytestmark = pytest.mark.usefixtures("provider")


async def drawn(db: Database, tenant: int, count: int) -> list[UUID]:
    messages = [uuid4() for _ in range(count)]
    async with db.tx(tenant) as tx:
        assert all(one.ok for one in await sms.charge(tx, [Charge(message, 1) for message in messages]))
    return messages


async def give(db: Database, tenant: int, parts: int) -> None:
    async with db.tx(tenant) as tx:
        await plans.credit(tx, source_type="t", source_id=uuid4(), amount=parts, price_fen=0, contra="t")


@pytest.mark.covers("X-05")
async def test_what_was_sent_and_what_was_not_meets_its_reports(db: Database, tenant: int) -> None:
    await give(db, tenant, 10_000)
    for _ in range(ROUNDS):
        messages = await drawn(db, tenant, 8)

        async def recorded(back: UUID, sent: UUID) -> None:
            async with db.tx(tenant) as tx:
                await sms.note_sent(tx, [Sent(sent, "aliyun", 2)], back=[back])

        async def reported(one: UUID) -> None:
            async with db.tx(tenant) as tx:
                await sms.settle(tx, [(one, 3)])

        await asyncio.gather(
            *(recorded(messages[n], messages[n + 1]) for n in range(0, 8, 2)),
            *(reported(messages[n]) for n in range(1, 8, 2)),
        )
    async with db.read(tenant) as tx:
        assert (await plans.parts(tx)).used == ROUNDS * 4 * 3
        assert not any([await tx.fetch(query) for query in sms.INVARIANTS.values()])


@pytest.mark.covers("X-05")
async def test_what_is_sent_anew_meets_its_late_report(db: Database, tenant: int) -> None:
    await give(db, tenant, 10_000)
    for _ in range(ROUNDS):
        messages = await drawn(db, tenant, 6)
        async with db.tx(tenant) as tx:
            await sms.give_back(tx, messages)

        async def again(one: UUID) -> None:
            async with db.tx(tenant) as tx:
                await sms.charge_again(tx, [Charge(one, 1)])

        async def reported(one: UUID) -> None:
            async with db.tx(tenant) as tx:
                await sms.settle(tx, [(one, 2)])

        await asyncio.gather(*(work(one) for one in messages for work in (again, reported)))
    async with db.read(tenant) as tx:
        assert (await plans.parts(tx)).used == ROUNDS * 6 * 2
        assert not any([await tx.fetch(query) for query in sms.INVARIANTS.values()])


@pytest.mark.covers("X-05", "S2-62")
async def test_the_first_message_of_a_day_meets_a_purchase_and_the_count(db: Database, tenant: int) -> None:
    await give(db, tenant, 100)
    for _ in range(ROUNDS):
        async with db.tx(tenant) as tx:  # a day begins: nothing was sent yet
            await tx.execute("DELETE FROM sms_days WHERE tenant_id = $1", tenant)

        async def count() -> None:
            async with db.tx(tenant) as tx:
                await usage.roll_up(tx)

        await asyncio.gather(drawn(db, tenant, 1), give(db, tenant, 2), count(), give(db, tenant, 2))
    async with db.read(tenant) as tx:
        has = await plans.parts(tx)
    assert (has.left, has.used) == (100 + ROUNDS * 3, ROUNDS)


@pytest.mark.covers("S2-70", "S2-73")
async def test_an_operator_hands_a_signature_in_while_its_merchant_takes_it_back(db: Database, tenant: int) -> None:
    async def quiet(act: Callable[[], Awaitable[None]]) -> str:
        try:
            await act()
        except AppError as no:
            return str(no.code)
        return ""

    for number in range(ROUNDS):
        async with db.tx(tenant) as tx:
            made = await signatures.submit(tx, name=f"山月{number:03}", source="shop", proofs=[Proof("a.png", PNG)])

        async def hand_in(one: UUID = made) -> None:
            async with db.tx(tenant) as tx:
                await signatures.hand_in(tx, one)

        async def withdraw(one: UUID = made) -> None:
            async with db.tx(tenant) as tx:
                await signatures.withdraw(tx, one)

        outcomes = await asyncio.gather(quiet(hand_in), quiet(withdraw), quiet(hand_in))
        assert outcomes[1] == ""
        assert {outcomes[0], outcomes[2]} <= {"", "sms.signature_not_found"}

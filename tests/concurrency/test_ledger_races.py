"""Many at one balance. The first test is the control: reading, comparing and writing back loses money."""

import asyncio
import random
from collections import Counter
from uuid import UUID, uuid4

from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database, Tx
from huida.kernel.errors import AppError
from huida.modules import ledger, loyalty
from huida.modules.ledger import Posted, Short
from tests import make
from tests.ledger import broken, entry, give, look, move, post


async def naive_debit(tx: Tx, owner: UUID, amount: int, gate: asyncio.Barrier) -> bool:
    """What one writes first."""
    balance = (await ledger.balances(tx, [owner]))[owner]["points"]
    await gate.wait()
    if balance < amount:
        return False
    await tx.execute("UPDATE ledger_accounts SET balance = $2 WHERE owner_id = $1", owner, balance - amount)
    return True


async def test_control_read_compare_write_spends_one_balance_four_times(db: Database, tenant: int) -> None:
    owner, gate = uuid4(), asyncio.Barrier(4)
    await give(db, tenant, owner, 10)

    async def one() -> bool:
        async with db.tx(tenant) as tx:
            return await naive_debit(tx, owner, 10, gate)

    assert await asyncio.gather(*(one() for _ in range(4))) == [True] * 4
    assert (await look(db, tenant)).accounts[owner, "points"][0] == 0
    async with db.tx(tenant) as tx:
        assert set(await broken(tx)) == {"ledger.balance_is_sum_of_transfers"}  # and the invariants see it
        await tx.execute("UPDATE ledger_accounts SET balance = 10 WHERE owner_id = $1", owner)


async def sound(db: Database, tenant: int) -> None:
    async with db.read(tenant) as tx:
        assert await broken(tx) == {}


async def test_of_fifty_debits_at_once_exactly_as_many_succeed_as_fit(db: Database, tenant: int) -> None:
    owner = uuid4()
    await give(db, tenant, owner, 137)
    results = await asyncio.gather(*(post(db, tenant, [entry(move(owner, -10))]) for _ in range(50)))
    assert Counter(type(result) for [result] in results) == {Posted: 13, Short: 37}
    assert {result.available for [result] in results if isinstance(result, Short)} == {7}
    assert (await look(db, tenant)).accounts[owner, "points"] == (7, 0, 14)
    await sound(db, tenant)


async def test_a_hot_account_is_credited_by_all_and_its_chain_has_no_gap(db: Database, tenant: int) -> None:
    owner = uuid4()
    results = await asyncio.gather(
        *(post(db, tenant, [entry(move(owner, n + 1)), entry(move(owner, 1))]) for n in range(50))
    )
    assert all(isinstance(result, Posted) for pair in results for result in pair)
    assert (await look(db, tenant)).accounts[owner, "points"] == (sum(range(1, 51)) + 50, 0, 100)
    await sound(db, tenant)


async def test_batches_over_the_same_accounts_in_opposite_orders_never_lock_each_other_out(
    db: Database, tenant: int
) -> None:
    owners = [uuid4() for _ in range(12)]
    await post(db, tenant, [entry(move(owner, 1000)) for owner in owners])
    order = random.Random(7)
    batches = []
    for number in range(40):
        mine = owners if number % 2 else owners[::-1]
        batches.append([entry(move(owner, order.choice((-3, 5)))) for owner in mine])
        if number % 5 == 0:
            order.shuffle(batches[-1])
    results = await asyncio.gather(*(post(db, tenant, batch) for batch in batches))
    assert all(isinstance(result, Posted) for batch in results for result in batch)
    moved = Counter[UUID]()
    for batch in batches:
        for one in batch:
            moved[one.moves[0].owner_id] += one.moves[0].amount
    assert {owner: state[0] for (owner, _), state in (await look(db, tenant)).accounts.items()} == {
        owner: 1000 + moved[owner] for owner in owners
    }
    await sound(db, tenant)


async def test_overlapping_batches_that_run_dry_are_refused_exactly_where_they_must(db: Database, tenant: int) -> None:
    owners = [uuid4() for _ in range(6)]
    await post(db, tenant, [entry(move(owner, 10)) for owner in owners])
    batches = [[entry(move(o, -1)) for o in (owners if n % 2 else owners[::-1])] for n in range(20)]
    results = await asyncio.gather(*(post(db, tenant, batch) for batch in batches))
    assert Counter(type(result) for batch in results for result in batch) == {Posted: 60, Short: 60}
    assert set((await look(db, tenant)).accounts.values()) == {(0, 0, 11)}
    await sound(db, tenant)


async def test_one_business_key_posted_at_many_desks_is_posted_once(db: Database, tenant: int) -> None:
    owner, other = uuid4(), uuid4()
    once = entry(move(owner, 10), move(other, 5))
    results = await asyncio.gather(*(post(db, tenant, [entry(move(owner, 1)), once]) for _ in range(20)))
    answers = [second for _, second in results]
    assert all(isinstance(answer, Posted) for answer in answers)
    assert Counter(answer.repeated for answer in answers if isinstance(answer, Posted)) == {False: 1, True: 19}
    assert len({answer.balances[owner, "points"] for answer in answers if isinstance(answer, Posted)}) == 1
    accounts = (await look(db, tenant)).accounts
    assert (accounts[owner, "points"][0], accounts[other, "points"][0]) == (30, 5)
    await sound(db, tenant)


async def test_the_last_ten_points_go_to_one_of_all_holds_and_debits(db: Database, tenant: int) -> None:
    owner = uuid4()
    await give(db, tenant, owner, 10)

    async def hold() -> str:
        try:
            async with db.tx(tenant) as tx:
                await ledger.hold(
                    tx, owner, unit="points", amount=10, source_type="order", source_id=uuid4(), expires_at=None
                )
        except AppError as refused:
            return refused.code
        return "held"

    async def debit() -> str:
        [result] = await post(db, tenant, [entry(move(owner, -10))])
        return "spent" if isinstance(result, Posted) else "short"

    outcomes = Counter(await asyncio.gather(*(work() for _ in range(10) for work in (hold, debit))))
    assert outcomes["held"] + outcomes["spent"] == 1
    assert outcomes["ledger.insufficient_balance"] + outcomes["short"] == 19
    await sound(db, tenant)


async def test_one_hold_is_closed_once_whoever_comes(db: Database, tenant: int) -> None:
    owner = uuid4()
    await give(db, tenant, owner, 10)
    async with db.tx(tenant) as tx:
        promised = await ledger.hold(
            tx, owner, unit="points", amount=10, source_type="order", source_id=uuid4(), expires_at=tx.now
        )

    async def close(kind: int) -> str:
        try:
            async with db.tx(tenant) as tx:
                if kind == 0:
                    await ledger.capture(tx, promised, contra="sales", reason="order")
                elif kind == 1:
                    await ledger.release(tx, promised)
                elif not await ledger.expire_holds(tx):
                    return "nothing"
        except AppError as refused:
            return refused.code
        return "closed"

    outcomes = Counter(await asyncio.gather(*(close(number % 3) for number in range(15))))
    assert outcomes["closed"] == 1
    balance, held, _ = (await look(db, tenant)).accounts[owner, "points"]
    assert (balance in (0, 10), held) == (True, 0)
    await sound(db, tenant)


async def test_expiry_at_two_workers_and_spending_meanwhile_takes_nothing_twice(
    db: Database, tenant: int, clock: ShiftedClock
) -> None:
    owners = [uuid4() for _ in range(8)]
    await post(db, tenant, [entry(move(o, 20, until=clock.now()), move(o, 7, "growth")) for o in owners])
    await post(db, tenant, [entry(move(o, 100)) for o in owners])

    async def expire() -> int:
        async with db.tx(tenant) as tx:
            return sum(amount for _, _, amount, _, _ in await ledger.expire_lots(tx))

    async def spend(owner: UUID) -> int:
        await post(db, tenant, [entry(move(owner, -5))])
        return 0

    taken = sum(await asyncio.gather(*(expire() for _ in range(4)), *(spend(o) for o in owners), expire()))
    state = await look(db, tenant)
    left = sum(balance for (_, unit), (balance, _, _) in state.accounts.items() if unit == "points")
    # A spending that came first ate five of the lot; one that came later ate five of what does not expire.
    assert left == 8 * 120 - 8 * 5 - taken
    assert 8 * 15 <= taken <= 8 * 20
    assert state.lots == {}
    await sound(db, tenant)


async def test_an_adjustment_sent_by_twenty_impatient_clicks_is_made_once(db: Database, tenant: int) -> None:
    member, key = await make.member(db, tenant), uuid4()
    await give(db, tenant, member, 30, "cny_gift")
    await give(db, tenant, member, 70, "cny_principal")

    async def click() -> int:
        async with db.tx(tenant) as tx:
            done = await loyalty.adjust(tx, member, points=0, balance_fen=-50, note="x", key=key)
        return done.balance_after_fen or 0

    assert await asyncio.gather(*(click() for _ in range(20))) == [50] * 20
    async with db.read(tenant) as tx:
        told = await tx.value(
            "SELECT count(*) FROM facts WHERE tenant_id = $1 AND kind = 'loyalty.value_moved'", tenant
        )
    assert told == 1
    await sound(db, tenant)

"""The ledger by example, with exact values; `tests/properties/test_ledger.py` walks through everything else."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database
from huida.kernel.errors import AppError
from huida.modules import ledger, loyalty
from huida.modules.ledger import InsufficientBalance, Posted, Short
from tests import make
from tests.ledger import State, broken, entry, give, look, move, post

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
async def sound(db: Database, tenant: int):  # type: ignore[no-untyped-def]
    """Whatever a test does, the invariants hold at its end."""
    yield
    async with db.read(tenant) as tx:
        assert await broken(tx) == {}


@pytest.fixture
def lin() -> UUID:
    return uuid4()


@pytest.fixture
def chen() -> UUID:
    return uuid4()


async def points(db: Database, tenant: int, owner: UUID) -> tuple[int, int, int]:
    """(balance, held, seq)"""
    return (await look(db, tenant)).accounts.get((owner, "points"), (0, 0, 0))


async def hold(
    db: Database, tenant: int, owner: UUID, amount: int, *, key: UUID | None = None, hours: float = 1
) -> UUID:
    async with db.tx(tenant) as tx:
        return await ledger.hold(
            tx, owner, unit="points", amount=amount, source_type="order", source_id=key or uuid4(),
            expires_at=tx.now + timedelta(hours=hours),
        )  # fmt: skip


# ---------------------------------------------------------------------------- posting
async def test_a_batch_is_refused_in_part_and_each_entry_has_its_own_answer(
    db: Database, tenant: int, lin: UUID, chen: UUID
) -> None:
    await give(db, tenant, lin, 100)
    batch = [
        entry(move(lin, -60)), entry(move(lin, -60)), entry(move(chen, 5)), entry(move(lin, -40)), entry(move(chen, -6)),
    ]  # fmt: skip
    assert await post(db, tenant, batch) == [
        Posted({(lin, "points"): 40}),
        Short("points", needed=60, available=40),
        Posted({(chen, "points"): 5}),
        Posted({(lin, "points"): 0}),
        Short("points", needed=6, available=5),
    ]
    assert (await look(db, tenant)).accounts == {(lin, "points"): (0, 0, 3), (chen, "points"): (5, 0, 1)}


async def test_the_moves_of_one_entry_stand_or_fall_together(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 50, "cny_gift")
    before = await look(db, tenant)
    [refused] = await post(
        db, tenant, [entry(move(lin, -50, "cny_gift"), move(lin, -1, "cny_principal"), move(lin, 9))]
    )
    assert refused == Short("cny_principal", needed=1, available=0)
    assert await look(db, tenant) == before


async def test_move_raises_and_changes_nothing(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 10)
    before = await look(db, tenant)
    with pytest.raises(InsufficientBalance) as refused:
        async with db.tx(tenant) as tx:
            await ledger.move(tx, entry(move(lin, -11)))
    assert refused.value.params == {"unit": "points", "needed": 11, "available": 10}
    assert await look(db, tenant) == before


async def test_several_entries_of_one_account_are_chained_in_their_order(db: Database, tenant: int, lin: UUID) -> None:
    results = await post(db, tenant, [entry(move(lin, n)) for n in (10, 20, -5)])
    assert [result.balances[lin, "points"] for result in results if isinstance(result, Posted)] == [10, 30, 25]
    assert [row[2:5] for row in (await look(db, tenant)).transfers] == [(1, 10, 10), (2, 20, 30), (3, -5, 25)]


# ------------------------------------------------------------------ same fact, same money
async def test_the_same_key_again_answers_as_then_and_changes_nothing(db: Database, tenant: int, lin: UUID) -> None:
    once = entry(move(lin, 10))
    assert await post(db, tenant, [once]) == [Posted({(lin, "points"): 10})]
    await give(db, tenant, lin, 5)
    before = await look(db, tenant)
    assert await post(db, tenant, [once]) == [Posted({(lin, "points"): 10}, repeated=True)]
    assert await look(db, tenant) == before


async def test_a_repeat_that_would_not_fit_any_more_is_still_a_repeat(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 10)
    spend = entry(move(lin, -10))
    await post(db, tenant, [spend])
    assert await post(db, tenant, [spend, entry(move(lin, -1)), entry(move(lin, 3))]) == [
        Posted({(lin, "points"): 0}, repeated=True),
        Short("points", needed=1, available=0),
        Posted({(lin, "points"): 3}),
    ]


async def test_a_key_twice_in_one_call_is_answered_twice_and_posted_once(db: Database, tenant: int, lin: UUID) -> None:
    twin, lacking = entry(move(lin, 10)), entry(move(lin, -50))
    assert await post(db, tenant, [twin, lacking, twin, lacking]) == [
        Posted({(lin, "points"): 10}),
        Short("points", needed=50, available=10),
        Posted({(lin, "points"): 10}, repeated=True),
        Short("points", needed=50, available=10),
    ]
    assert await points(db, tenant, lin) == (10, 0, 1)


async def test_repeats_and_fresh_entries_may_share_a_batch(db: Database, tenant: int, lin: UUID) -> None:
    old = [entry(move(lin, 1)) for _ in range(3)]
    await post(db, tenant, old)
    results = await post(db, tenant, [old[1], entry(move(lin, 10)), old[0]])
    assert [result.repeated for result in results if isinstance(result, Posted)] == [True, False, True]
    assert await points(db, tenant, lin) == (13, 0, 4)


async def test_an_adjustment_repeated_after_a_recharge_takes_nothing_from_the_other_account(
    db: Database, tenant: int
) -> None:
    member, key = await make.member(db, tenant), uuid4()
    await give(db, tenant, member, 50, "cny_gift")
    for _ in range(2):
        async with db.tx(tenant) as tx:
            await loyalty.adjust(tx, member, points=0, balance_fen=-50, note="wrong gift", key=key)
        await give(db, tenant, member, 100, "cny_principal")
    assert {k[1]: v[0] for k, v in (await look(db, tenant)).accounts.items()} == {"cny_gift": 0, "cny_principal": 200}


# ----------------------------------------------------------------------------- reversal
async def test_a_reversal_gives_every_move_back_once(db: Database, tenant: int, lin: UUID, chen: UUID) -> None:
    await give(db, tenant, lin, 100)
    sale = entry(move(lin, -30), move(chen, 30), move(lin, 3, "growth"))
    await post(db, tenant, [sale])
    async with db.tx(tenant) as tx:
        undone = await ledger.reverse(tx, source_type="test", source_id=sale.source_id, by_type="undo", by_id=uuid4())
    assert undone.balances == {(lin, "points"): 100, (chen, "points"): 0, (lin, "growth"): 0}
    before = await look(db, tenant)
    async with db.tx(tenant) as tx:
        again = await ledger.reverse(tx, source_type="test", source_id=sale.source_id, by_type="undo", by_id=uuid4())
    assert again.repeated
    assert await look(db, tenant) == before


async def test_two_moves_of_one_account_for_two_reasons_are_reversed_both(db: Database, tenant: int, lin: UUID) -> None:
    sale = entry(move(lin, 10, reason="purchase"), move(lin, 5, reason="birthday"))
    await post(db, tenant, [sale])
    async with db.tx(tenant) as tx:
        await ledger.reverse(tx, source_type="test", source_id=sale.source_id, by_type="undo", by_id=uuid4())
    assert await points(db, tenant, lin) == (0, 0, 4)


async def test_what_was_given_and_is_spent_cannot_be_taken_back(db: Database, tenant: int, lin: UUID) -> None:
    gift = entry(move(lin, 30))
    await post(db, tenant, [gift, entry(move(lin, -1))])
    before = await look(db, tenant)
    with pytest.raises(InsufficientBalance):
        async with db.tx(tenant) as tx:
            await ledger.reverse(tx, source_type="test", source_id=gift.source_id, by_type="undo", by_id=uuid4())
    assert await look(db, tenant) == before


async def test_nothing_can_be_reversed_that_never_was(db: Database, tenant: int) -> None:
    with pytest.raises(AppError) as refused:
        async with db.tx(tenant) as tx:
            await ledger.reverse(tx, source_type="test", source_id=uuid4(), by_type="undo", by_id=uuid4())
    assert refused.value.code == "ledger.nothing_to_reverse"


# -------------------------------------------------------------------------------- holds
async def test_what_is_held_is_there_but_cannot_be_spent(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 100)
    await hold(db, tenant, lin, 70)
    assert await points(db, tenant, lin) == (100, 70, 1)
    assert await post(db, tenant, [entry(move(lin, -31))]) == [Short("points", needed=31, available=30)]
    with pytest.raises(InsufficientBalance) as refused:
        await hold(db, tenant, lin, 31)
    assert refused.value.params["available"] == 30
    assert await post(db, tenant, [entry(move(lin, -30))]) == [Posted({(lin, "points"): 70})]
    assert await points(db, tenant, lin) == (70, 70, 2)


async def test_a_hold_is_captured_in_part_once(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 100)
    promised = await hold(db, tenant, lin, 70)
    async with db.tx(tenant) as tx:
        await ledger.capture(tx, promised, contra="sales", reason="order", amount=50)
    assert await points(db, tenant, lin) == (50, 0, 2)
    for act in (
        lambda tx: ledger.capture(tx, promised, contra="sales", reason="order"),
        lambda tx: ledger.release(tx, promised),
    ):
        with pytest.raises(AppError) as refused:
            async with db.tx(tenant) as tx:
                await act(tx)
        assert refused.value.code == "ledger.hold_not_open"
    assert await points(db, tenant, lin) == (50, 0, 2)


async def test_more_than_was_held_cannot_be_captured(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 100)
    promised = await hold(db, tenant, lin, 70)
    before = await look(db, tenant)
    for wrong in (71, 0, -1):
        with pytest.raises(AppError) as refused:
            async with db.tx(tenant) as tx:
                await ledger.capture(tx, promised, contra="sales", reason="order", amount=wrong)
        assert refused.value.code == "ledger.bad_amount"
    assert await look(db, tenant) == before


async def test_the_same_source_holds_once_and_releases_all(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 100)
    key = uuid4()
    assert await hold(db, tenant, lin, 70, key=key) == (promised := await hold(db, tenant, lin, 70, key=key))
    assert await points(db, tenant, lin) == (100, 70, 1)
    async with db.tx(tenant) as tx:
        await ledger.release(tx, promised)
    assert await points(db, tenant, lin) == (100, 0, 1)


async def test_only_holds_whose_time_has_come_expire(db: Database, tenant: int, lin: UUID, clock: ShiftedClock) -> None:
    await give(db, tenant, lin, 100)
    for hours in (1, 2, 50):
        await hold(db, tenant, lin, 10, hours=hours)
    clock.advance(timedelta(hours=3))
    async with db.tx(tenant) as tx:
        assert await ledger.expire_holds(tx) == 2
    assert await points(db, tenant, lin) == (100, 10, 1)


# --------------------------------------------------------------------------------- lots
def lots(state: State, owner: UUID) -> list[int]:
    """What remains in an owner's lots, earliest expiry first."""
    return [amount for (who, _, _), amount in sorted(state.lots.items(), key=lambda x: x[0][2]) if who == owner]


async def test_the_lot_that_expires_first_is_spent_first_and_what_never_expires_last(
    db: Database, tenant: int, lin: UUID, clock: ShiftedClock
) -> None:
    soon, late = clock.now() + timedelta(days=10), clock.now() + timedelta(days=20)
    await post(db, tenant, [entry(move(lin, 40, until=late)), entry(move(lin, 5)), entry(move(lin, 30, until=soon))])
    await post(db, tenant, [entry(move(lin, -20))])
    assert lots(await look(db, tenant), lin) == [10, 40]
    await post(db, tenant, [entry(move(lin, -15)), entry(move(lin, -37))])
    assert lots(await look(db, tenant), lin) == []
    assert await points(db, tenant, lin) == (3, 0, 6)


async def test_points_that_come_and_go_in_one_call_leave_no_lot_behind(
    db: Database, tenant: int, lin: UUID, clock: ShiftedClock
) -> None:
    soon = clock.now() + timedelta(days=10)
    await post(db, tenant, [entry(move(lin, 100, until=soon)), entry(move(lin, -70))])
    assert lots(await look(db, tenant), lin) == [30]


async def test_what_has_expired_goes_except_what_is_held_and_that_goes_later(
    db: Database, tenant: int, lin: UUID, clock: ShiftedClock
) -> None:
    soon, later = clock.now() + timedelta(days=10), clock.now() + timedelta(days=11)
    await post(db, tenant, [entry(move(lin, 10, until=soon)), entry(move(lin, 10, until=later))])
    promised = await hold(db, tenant, lin, 5, hours=24 * 90)
    clock.advance(timedelta(days=30))
    async with db.tx(tenant) as tx:
        assert [one[:4] for one in await ledger.expire_lots(tx)] == [(lin, "points", 15, 5)]
    async with db.tx(tenant) as tx:
        assert await ledger.expire_lots(tx) == []
        await ledger.release(tx, promised)
    async with db.tx(tenant) as tx:
        assert [one[:4] for one in await ledger.expire_lots(tx)] == [(lin, "points", 5, 0)]
    assert await points(db, tenant, lin) == (0, 0, 4)


async def test_the_same_amount_of_one_lot_may_expire_twice(
    db: Database, tenant: int, lin: UUID, clock: ShiftedClock
) -> None:
    await post(db, tenant, [entry(move(lin, 20, until=clock.now() + timedelta(days=1)))])
    promised = await hold(db, tenant, lin, 10, hours=24 * 90)
    clock.advance(timedelta(days=2))
    async with db.tx(tenant) as tx:
        assert [one[:4] for one in await ledger.expire_lots(tx)] == [(lin, "points", 10, 10)]
        await ledger.release(tx, promised)
    async with db.tx(tenant) as tx:
        assert [one[:4] for one in await ledger.expire_lots(tx)] == [(lin, "points", 10, 0)]


async def test_what_has_not_expired_stays(db: Database, tenant: int, lin: UUID, clock: ShiftedClock) -> None:
    await post(db, tenant, [entry(move(lin, 20, until=clock.now() + timedelta(days=1)), move(lin, 7, "growth"))])
    async with db.tx(tenant) as tx:
        assert await ledger.expire_lots(tx) == []
    assert await points(db, tenant, lin) == (20, 0, 1)


# ------------------------------------------------------------------- the database's own word
async def test_the_table_itself_refuses_to_go_below_what_is_held(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 10)
    await hold(db, tenant, lin, 10)
    with pytest.raises(Exception, match="never_below_held"):
        async with db.tx(tenant) as tx:
            await tx.execute("UPDATE ledger_accounts SET balance = 9 WHERE tenant_id = $1", tenant)


async def test_another_merchant_does_not_see_these_accounts(db: Database, tenant: int, lin: UUID) -> None:
    await give(db, tenant, lin, 10)
    async with db.read(await make.merchant(db)) as tx:
        assert await ledger.balances(tx, [lin]) == {lin: {}}
        assert await tx.value("SELECT count(*) FROM ledger_accounts") == 0

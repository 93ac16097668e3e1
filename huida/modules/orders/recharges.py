"""Recharges: with their gift, and taken back when they were reported wrongly (B-24)."""

from collections.abc import Mapping
from typing import Any

from huida.kernel.db import Row, Tx
from huida.kernel.errors import AppError, Conflict, NotFound
from huida.kernel.ids import uuid7
from huida.kernel.money import Fen
from huida.modules import ledger, loyalty, members, tenants
from huida.modules.ledger import Entry, Move
from huida.modules.orders import rows as pure
from huida.modules.orders.before import is_same, open_store, reused
from huida.modules.orders.facts import RechargeRecorded, RechargeReversed
from huida.modules.orders.rows import Outcome, RechargeIn, ReversalIn
from huida.modules.orders.who import find_members, member_for, print_of


async def record_recharge(tx: Tx, row: RechargeIn) -> Outcome:
    """Record a recharge with its gift. Repeated key: same answer, nothing moves. Raises what `check_recharge` raises."""
    pure.check_recharge(row)
    stores = await tenants.all_stores_by_code(tx)
    found = await find_members(tx, [row])
    try:
        store = open_store(stores, row.store, occurred_at=row.occurred_at)
        occurred_at = pure.check_time(row.occurred_at, tx.now)
        member = member_for(found, row)
    except AppError as refusal:
        return await _before_or(tx, stores.get(row.store), row, found, refusal)
    recharge_id = uuid7()
    took = await tx.execute(
        "INSERT INTO recharges (tenant_id, id, store_id, till_no, member_id, paid_fen, gift_fen, gift_points, occurred_at, who) "
        "VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8) ON CONFLICT (tenant_id, store_id, till_no) DO NOTHING",
        *(tx.tenant_id, recharge_id, store.id, row.till_no, member.id, row.paid_fen, occurred_at),
        print_of(tx, row),
    )
    if not took:
        return _answer(tx, await _recharge_of(tx, store, row.till_no), row, member.id)
    rules = await loyalty.rules_of(tx)
    settled = await loyalty.settle_recharge(
        tx, rules, recharge_id=recharge_id, member_id=member.id, paid=Fen(row.paid_fen)
    )
    await tx.execute(
        "UPDATE recharges SET gift_fen = $3, gift_points = $4, points_after = $5, balance_after_fen = $6 "
        "WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, recharge_id, settled.gift_fen, settled.points),
        *(settled.points_after, settled.balance_after_fen),
    )
    tx.emit(
        RechargeRecorded(
            subject_id=member.id,
            recharge_id=recharge_id,
            store_code=store.code,
            store_name=store.name,
            till_no=row.till_no,
            card_no=member.card_no,
            paid_fen=row.paid_fen,
            gift_fen=settled.gift_fen,
            points=settled.points,
            points_after=settled.points_after,
            balance_after_fen=settled.balance_after_fen,
            occurred_at=occurred_at,
        )
    )
    return Outcome(
        status="recorded",
        till_no=row.till_no,
        id=recharge_id,
        points=settled.points,
        points_after=settled.points_after,
        balance_after_fen=settled.balance_after_fen,
        gift_fen=settled.gift_fen,
    )


async def _recharge_of(tx: Tx, store: tenants.StoreRef, till_no: str) -> Row | None:
    return await tx.row(
        "SELECT * FROM recharges WHERE tenant_id = $1 AND store_id = $2 AND till_no = $3",
        *(tx.tenant_id, store.id, till_no),
    )


async def _before_or(
    tx: Tx,
    store: tenants.StoreRef | None,
    row: RechargeIn,
    found: Mapping[tuple[str, str], members.Known],
    refusal: AppError,
) -> Outcome:
    """The first answer to a recharge that is refused today, when it repeats one that was recorded; else the refusal."""
    known = None if store is None else await _recharge_of(tx, store, row.till_no)
    member = found.get(row.ref) if row.ref else None
    if known is None or known["paid_fen"] != row.paid_fen or not is_same(tx, known, row, member.id if member else None):
        raise refusal
    return _answer(tx, known, row, known["member_id"])


def _answer(tx: Tx, known: Row | None, row: RechargeIn, member_id: Any) -> Outcome:
    assert known is not None, "an insert found a conflict that is not there"
    if known["paid_fen"] != row.paid_fen or not is_same(tx, known, row, member_id):
        raise reused(row.till_no)
    return Outcome(
        status="repeated",
        till_no=row.till_no,
        id=known["id"],
        points=known["gift_points"],
        points_after=known["points_after"],
        balance_after_fen=known["balance_after_fen"],
        gift_fen=known["gift_fen"],
    )


async def reverse_recharge(tx: Tx, row: ReversalIn) -> Outcome:
    """Take back a recharge that was reported wrongly: what was paid, and its gift.

    The money must be there still; of the gift's points what is left is taken. Raises NotFound (no such recharge), Conflict
    `orders.recharge_reversed` (under another number already) or `ledger.insufficient_balance`; then nothing has moved.
    """
    pure.check_reversal(row)
    stores = await tenants.all_stores_by_code(tx)
    store = stores.get(row.store)
    if store is None:
        raise NotFound(code="store.not_found", where="store")
    recharged: Any = await tx.row(
        "SELECT * FROM recharges WHERE tenant_id = $1 AND store_id = $2 AND till_no = $3 FOR UPDATE",
        *(tx.tenant_id, store.id, row.recharge_till_no),
    )
    if recharged is None:
        raise NotFound(code="orders.recharge_not_found", where="recharge_till_no")
    before = await _reversal_before(tx, store, row, recharged)
    if before is not None:
        return before
    who, reversal_id = recharged["member_id"], uuid7()
    await loyalty.expire_due(tx, [who])
    wallet = await ledger.lock(tx, [who])
    lots = await ledger.of_source(tx, who, recharged["id"])
    gone = lots["points"]["expired"] if "points" in lots else 0
    points = min(recharged["gift_points"] - gone, wallet.get((who, "points"), 0))
    moves = [
        Move(who, unit, -amount, contra, "reversal", lot=recharged["id"])
        for unit, amount, contra in (
            ("cny_principal", recharged["paid_fen"], "cash_in"),
            ("cny_gift", recharged["gift_fen"], "gift_cost"),
            ("points", points, "points_issued"),
        )
        if amount
    ]
    await ledger.move(tx, Entry("recharge_reversal", reversal_id, tuple(moves)))
    now = (await ledger.balances(tx, [who]))[who]
    after = loyalty.stored_value(now)
    if not await tx.execute(
        "INSERT INTO recharge_reversals (tenant_id, id, recharge_id, store_id, till_no, reason, points, points_after, "
        "balance_after_fen, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        *(tx.tenant_id, reversal_id, recharged["id"], store.id, row.till_no, row.reason, points),
        *(now.get("points", 0), after, tx.now),
    ):
        raise reused(row.till_no)  # another recharge was taken back under this number at the same moment
    tx.emit(
        RechargeReversed(
            subject_id=who,
            reversal_id=reversal_id,
            recharge_id=recharged["id"],
            store_code=store.code,
            store_name=store.name,
            till_no=row.till_no,
            reason=row.reason,
            paid_fen=recharged["paid_fen"],
            gift_fen=recharged["gift_fen"],
            balance_fen=-(recharged["paid_fen"] + recharged["gift_fen"]),
            points=-points,
            points_after=now.get("points", 0),
            balance_after_fen=after,
        )
    )
    return _reversed("recorded", row, reversal_id, points, now.get("points", 0), after)


async def _reversal_before(tx: Tx, store: tenants.StoreRef, row: ReversalIn, recharged: Any) -> Outcome | None:
    """The first answer to this very call, None when the recharge still stands."""
    for known in await tx.fetch(
        "SELECT * FROM recharge_reversals WHERE tenant_id = $1 AND (recharge_id = $2 OR (store_id = $3 AND till_no = $4))",
        *(tx.tenant_id, recharged["id"], store.id, row.till_no),
    ):
        if (known["store_id"], known["till_no"]) != (store.id, row.till_no):
            raise Conflict(code="orders.recharge_reversed", where="recharge_till_no", till_no=known["till_no"])
        if known["recharge_id"] != recharged["id"]:
            raise reused(row.till_no)
        return _reversed(
            "repeated", row, known["id"], known["points"], known["points_after"], known["balance_after_fen"]
        )
    return None


def _reversed(status: str, row: ReversalIn, reversal_id: Any, points: int, points_after: int, after: int) -> Outcome:
    return Outcome(
        status=status,
        till_no=row.till_no,
        id=reversal_id,
        points=-points,
        points_after=points_after,
        balance_after_fen=after,
    )

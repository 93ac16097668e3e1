"""Refunds: money goes back the way it came; what the purchase gave of points, growth and level is taken back in proportion.

In one step or in ten, at the same branch or another, late or early, the result is the same: what has gone back of each part
depends on the refunded sum only (`loyalty.share`, `loyalty.gift_back`).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.ids import uuid7
from huida.modules import coupons, ledger, loyalty, members, tenants
from huida.modules.ledger import Entry, Move
from huida.modules.orders import rows as pure
from huida.modules.orders.before import reused
from huida.modules.orders.facts import PurchaseRefunded
from huida.modules.orders.rows import Outcome, RefundIn


class _Back(msgspec.Struct, frozen=True, gc=False):
    """What a refund moves: stored value back to the member, points and growth back to the shop."""

    principal: int
    gift: int
    points: int
    pending: int
    growth: int

    def moves(self, bought: Row) -> tuple[Move, ...]:
        who, own = bought["member_id"], bought["id"]
        return tuple(
            Move(who, unit, amount, contra, "refund", lot=own)
            for unit, amount, contra in (
                ("cny_principal", self.principal, "sales"),
                ("cny_gift", self.gift, "sales"),
                ("points", -self.points, "points_issued"),
                ("points_pending", -self.pending, "points_issued"),
                ("growth", -self.growth, "growth_issued"),
            )
            if amount
        )


async def record_refund(tx: Tx, row: RefundIn) -> Outcome:
    """Refund part or all of a purchase, at any branch, closed ones too.

    Stored value gets back its share (principal and gift in the proportion they paid). Of the points that the purchase gave,
    pending ones go first, then its own, then others in the place of those that were spent; what has expired is gone already,
    and nobody's points fall below nothing. Growth goes back and the level is read anew. When all of it is back, its coupons
    can be used again, as the shop has set. Raises NotFound (no such purchase),
    Conflict (more than is left to refund), Invalid (before its purchase).
    """
    pure.check_refund(row)
    stores = await tenants.all_stores_by_code(tx)
    store, sold_at = stores.get(row.store), stores.get(row.purchase_store or row.store)
    if store is None or sold_at is None:
        raise NotFound(code="store.not_found", where="store" if store is None else "purchase_store")
    bought: Any = await tx.row(
        "SELECT * FROM purchases WHERE tenant_id = $1 AND store_id = $2 AND till_no = $3 FOR UPDATE",
        *(tx.tenant_id, sold_at.id, row.purchase_till_no),
    )
    known = await tx.row(
        "SELECT * FROM refunds WHERE tenant_id = $1 AND store_id = $2 AND till_no = $3",
        *(tx.tenant_id, store.id, row.till_no),
    )
    if known is not None:
        return _before(known, row, bought)
    if bought is None:
        raise NotFound(code="orders.purchase_not_found", where="purchase_till_no")
    occurred_at = _time_of(tx, row, bought)
    left = bought["total_fen"] - bought["refunded_fen"]
    if row.amount_fen > left:
        raise Conflict(code="orders.refund_too_large", where="amount_fen", left_fen=left)
    return await _carry_out(tx, row, store, sold_at, bought, occurred_at)


def _time_of(tx: Tx, row: RefundIn, bought: Row) -> datetime:
    """When it was given back; never before the purchase (B-28), whose till may be minutes ahead of us."""
    occurred_at = pure.check_time(row.occurred_at, tx.now)
    if row.occurred_at is not None and occurred_at < bought["occurred_at"]:
        raise Invalid(code="orders.refund_before_purchase", where="occurred_at")
    sold_at: datetime = bought["occurred_at"]
    return max(occurred_at, sold_at)


async def _carry_out(
    tx: Tx,
    row: RefundIn,
    store: tenants.StoreRef,
    sold_at: tenants.StoreRef,
    bought: Row,
    occurred_at: datetime,
) -> Outcome:
    refund_id, who = uuid7(), bought["member_id"]
    if not await tx.execute(
        "INSERT INTO refunds (tenant_id, id, store_id, till_no, purchase_id, member_id, amount_fen, balance_fen, points, occurred_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8) ON CONFLICT (tenant_id, store_id, till_no) DO NOTHING",
        *(tx.tenant_id, refund_id, store.id, row.till_no, bought["id"], who, row.amount_fen, occurred_at),
    ):
        # Somebody else was faster with this number, for another purchase: two of the same wait for the purchase's row.
        raise reused(row.till_no)
    await loyalty.expire_due(tx, [who])
    wallet = await ledger.lock(tx, [who])
    back = await _share_of(tx, bought, row.amount_fen, wallet)
    moves = back.moves(bought)
    if moves:
        await ledger.move(tx, Entry("refund", refund_id, moves))
    if back.growth:
        await loyalty.read_levels(tx, await loyalty.rules_of(tx), [who])
    if bought["refunded_fen"] + row.amount_fen == bought["total_fen"]:
        state = (await members.get(tx, who))["state"]
        await coupons.reopen_of_order(
            tx, store_code=sold_at.code, order_ref=row.purchase_till_no, is_member=state in ("active", "frozen")
        )
    now = (await ledger.balances(tx, [who]))[who]
    await _write(tx, bought, row, refund_id, back, now)
    balance, after = back.principal + back.gift, loyalty.stored_value(now)
    tx.emit(
        PurchaseRefunded(
            subject_id=who,
            refund_id=refund_id,
            purchase_id=bought["id"],
            store_code=store.code,
            store_name=store.name,
            till_no=row.till_no,
            card_no=(await members.get(tx, who))["card_no"],
            amount_fen=row.amount_fen,
            balance_fen=balance,
            points=-back.points,
            points_pending=-back.pending,
            points_after=now.get("points", 0) if back.points else None,
            balance_after_fen=after if balance else None,
            occurred_at=occurred_at,
        )
    )
    return _answer("recorded", row, refund_id, back.points, back.pending, now.get("points", 0), after)


async def _share_of(tx: Tx, bought: Row, amount_fen: int, wallet: dict[tuple[UUID, str], int]) -> _Back:
    """What the next `amount_fen` of this purchase take along."""
    total, before, who = bought["total_fen"], bought["refunded_fen"], bought["member_id"]
    until = before + amount_fen
    balance, own = bought["balance_fen"], bought["principal_fen"]
    returned = [loyalty.share(balance, of=total, until=each) for each in (before, until)]
    gifts = [loyalty.gift_back(each, balance=balance, gift=balance - own) for each in returned]
    gift = gifts[1] - gifts[0]

    def part(of: int) -> int:
        return loyalty.share(of, of=total, until=until) - loyalty.share(of, of=total, until=before)

    lots = await ledger.of_source(tx, who, bought["id"])
    taken: Any = await tx.row(
        "SELECT coalesce(sum(points), 0)::bigint AS points, coalesce(sum(pending_points), 0)::bigint AS pending FROM refunds "
        "WHERE tenant_id = $1 AND purchase_id = $2",
        *(tx.tenant_id, bought["id"]),
    )
    gone = lots["points"]["expired"] if "points" in lots else 0
    wanted = min(part(bought["points"]), bought["points"] - taken["points"] - taken["pending"] - gone)
    pending = min(wanted, lots["points_pending"]["remaining"] if "points_pending" in lots else 0)
    return _Back(
        principal=returned[1] - returned[0] - gift,
        gift=gift,
        points=min(wanted - pending, wallet.get((who, "points"), 0)),
        pending=pending,
        growth=min(part(bought["growth_fen"]), wallet.get((who, "growth"), 0)),
    )


async def _write(tx: Tx, bought: Row, row: RefundIn, refund_id: UUID, back: _Back, now: dict[str, int]) -> None:
    await tx.execute(
        "UPDATE purchases SET refunded_fen = refunded_fen + $3 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, bought["id"], row.amount_fen),
    )
    await tx.execute(
        "UPDATE refunds SET balance_fen = $3, points = $4, pending_points = $5, growth_fen = $6, points_after = $7, "
        "balance_after_fen = $8 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, refund_id, back.principal + back.gift, back.points, back.pending, back.growth),
        *(now.get("points", 0), loyalty.stored_value(now)),
    )


def _before(known: Row, row: RefundIn, bought: Row | None) -> Outcome:
    if bought is None or (known["purchase_id"], known["amount_fen"]) != (bought["id"], row.amount_fen):
        raise reused(row.till_no)
    return _answer(
        "repeated",
        row,
        known["id"],
        known["points"],
        known["pending_points"],
        known["points_after"],
        known["balance_after_fen"],
    )


def _answer(
    status: str, row: RefundIn, refund_id: UUID, points: int, pending: int, points_after: Any, balance_after: Any
) -> Outcome:
    return Outcome(
        status=status,
        till_no=row.till_no,
        id=refund_id,
        points=-points,
        points_pending=-pending or None,
        points_after=points_after,
        balance_after_fen=balance_after,
    )

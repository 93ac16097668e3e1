"""A coupon's life after it was given: redeem, reopen, void, give back, expire. Each is one guarded statement."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound, move
from huida.kernel.money import yuan
from huida.modules import tenants
from huida.modules.coupons.facts import CouponExpired, CouponRedeemed, CouponReopened, CouponReturned, CouponVoided
from huida.modules.coupons.models import COUPON_MOVES
from huida.modules.coupons.queries import coupon_of
from huida.modules.coupons.rules import Coupon, normal_code, worth_fen

EXPIRE_AT_MOST = 500

REDEEM = """
UPDATE coupons SET state = 'used', used_at = least($3::timestamptz, valid_until), store_code = $4, order_ref = $5, off_fen = $6
WHERE tenant_id = $1 AND code = $2 AND state = 'issued' AND valid_from <= $3 AND valid_until > $3::timestamptz - interval '1 second'
RETURNING *
"""
"""The last second of a coupon is a whole one: it ends when the next begins."""
EXPIRE = """
UPDATE coupons SET state = 'expired', closed_at = $2 WHERE tenant_id = $1 AND id = ANY(ARRAY(
  SELECT id FROM coupons WHERE tenant_id = $1 AND state = 'issued' AND valid_until <= $2::timestamptz - interval '1 second'
  ORDER BY valid_until LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING id, member_id, code
"""
"""An array, not IN: PostgreSQL may run a locking subquery again for each row, and then its LIMIT bounds nothing."""


NOT_USABLE = {
    "used": "coupon.already_used",
    "expired": "coupon.over",
    "void": "coupon.taken_away",
    "returned": "coupon.given_back",
    "not_yet_valid": "coupon.not_yet_valid",
    "below_threshold": "coupon.below_threshold",
    "alone": "coupon.stands_alone",
    "per_order": "coupon.enough_of_it",
    "nothing_left": "coupon.nothing_left",
    "order_is_back": "coupon.order_is_back",
}


class CouponNotUsable(Conflict):
    """The coupon cannot be used now; `reason` is one of the keys of NOT_USABLE."""

    def __init__(self, reason: str, **params: Any) -> None:
        super().__init__(code=NOT_USABLE[reason], where="code", reason=reason, **params)


async def redeem(
    tx: Tx,
    code: str,
    *,
    may_use: Callable[[UUID], Awaitable[None]],
    store_code: str = "",
    order_ref: str = "",
    order_fen: int | None = None,
) -> tuple[Coupon, int | None]:
    """Mark the coupon used; returns it and, when the order's amount is told, what it takes off.

    The same order at the same store may ask again and gets the same answer, whatever has become of store and member since.
    `may_use` raises when the holder may not use coupons now. At one order (a store and its number) the templates' rules hold:
    how many of a kind, alone or not; together they never take off more than the order. Raises Invalid (mistyped code),
    NotFound (coupon, or a store that is not open), CouponNotUsable.
    """
    clean = normal_code(code)
    known = await _with_terms(tx, clean)
    if known["state"] == "used" and order_ref and (known["order_ref"], known["store_code"]) == (order_ref, store_code):
        return coupon_of(known), known["off_fen"] if known["off_fen"] is not None else _worth(known, order_fen)
    if order_ref and known["reason"] == _back(order_ref):
        raise CouponNotUsable("order_is_back")
    if known["state"] != "issued" or not known["valid_from"] <= tx.now < known["valid_until"] + timedelta(seconds=1):
        raise CouponNotUsable(_why_not(known, tx))
    if store_code and store_code not in await tenants.stores_by_code(tx):
        raise NotFound(code="store.not_found", where="store")
    await may_use(known["member_id"])
    if order_fen is not None and order_fen < known["threshold_fen"]:
        raise CouponNotUsable("below_threshold", threshold=yuan(known["threshold_fen"]))
    off = _worth(known, order_fen)
    if order_ref:
        taken = await _beside(tx, known, store_code, order_ref)
        off = off if off is None or order_fen is None else min(off, max(order_fen - taken, 0))
    if off == 0 and known["kind"] != "gift":
        raise CouponNotUsable("nothing_left")
    row = await tx.row(REDEEM, tx.tenant_id, clean, tx.now, store_code, order_ref, off)
    if row is None:
        now = await _with_terms(tx, clean)
        if now["state"] == "used" and order_ref and (now["order_ref"], now["store_code"]) == (order_ref, store_code):
            return coupon_of(now), now["off_fen"]
        raise CouponNotUsable(_why_not(now, tx))
    coupon = coupon_of(row)
    tx.emit(
        CouponRedeemed(
            subject_id=coupon.member_id, coupon_id=coupon.id, code=clean, name=coupon.name, store_code=store_code
        )
    )
    return coupon, off


def _worth(known: Any, order_fen: int | None) -> int | None:
    if order_fen is None:
        return None
    return worth_fen(
        kind=known["kind"], amount_fen=known["amount_fen"], discount_bp=known["discount_bp"], order_fen=order_fen
    )


async def _beside(tx: Tx, known: Any, store_code: str, order_ref: str) -> int:
    """What the coupons that this order has taken already take off. Raises CouponNotUsable when this one may not join them.

    Two coupons for one order wait for each other here, so neither misses the other. A redemption that names no store is of
    any store's order with that number.
    """
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"coupons/{tx.tenant_id}/{order_ref}")
    rows = await tx.fetch(
        "SELECT c.id, c.template_id, c.off_fen, t.alone FROM coupons c "
        "JOIN coupon_templates t ON t.tenant_id = c.tenant_id AND t.id = c.template_id "
        "WHERE c.tenant_id = $1 AND c.order_ref = $2 AND (c.store_code IN ($3, '') OR $3 = '') AND c.order_ref <> '' "
        "AND c.state = 'used' AND c.id <> $4",
        *(tx.tenant_id, order_ref, store_code, known["id"]),
    )
    if rows and (known["alone"] or any(row["alone"] for row in rows)):
        raise CouponNotUsable("alone")
    if sum(row["template_id"] == known["template_id"] for row in rows) >= known["per_order"]:
        raise CouponNotUsable("per_order", most=known["per_order"])
    return sum(row["off_fen"] or 0 for row in rows)


async def _with_terms(tx: Tx, code: str) -> Any:
    row = await tx.row(
        "SELECT c.*, t.kind, t.amount_fen, t.threshold_fen, t.discount_bp, t.alone, t.per_order FROM coupons c "
        "JOIN coupon_templates t ON t.tenant_id = c.tenant_id AND t.id = c.template_id "
        "WHERE c.tenant_id = $1 AND c.code = $2",
        *(tx.tenant_id, code),
    )
    if row is None:
        raise NotFound(code="coupon.not_found", where="code")
    return row


def _why_not(row: Any, tx: Tx) -> str:
    if row["state"] != "issued":
        return str(row["state"])
    return "not_yet_valid" if row["valid_from"] > tx.now else "expired"


async def reopen(tx: Tx, code: str) -> Coupon:
    """Take a redemption back (a refunded order); the coupon can be used again until its end.

    Raises Invalid, NotFound, WrongState when it is not used.
    """
    coupon = await _leave(
        tx,
        code,
        "issued",
        "UPDATE coupons SET state = 'issued', used_at = NULL, store_code = '', order_ref = '', off_fen = NULL "
        "WHERE tenant_id = $1 AND code = $2 AND state = 'used' RETURNING *",
    )
    tx.emit(CouponReopened(subject_id=coupon.member_id, coupon_id=coupon.id, code=coupon.code))
    return coupon


async def reopen_of_order(tx: Tx, *, store_code: str, order_ref: str, is_member: bool) -> int:
    """A purchase went back whole: its coupons can be used again, where the shop wants it so (B-25); returns how many.

    Not those of one who is a member no more: they stay used.
    """
    if not is_member or not await refund_reopens(tx):
        return 0
    rows = await tx.fetch(
        "UPDATE coupons SET state = 'issued', used_at = NULL, store_code = '', order_ref = '', off_fen = NULL, reason = $4 "
        "WHERE tenant_id = $1 AND order_ref = $2 AND store_code IN ($3, '') AND order_ref <> '' AND state = 'used' "
        "RETURNING id, member_id, code",
        *(tx.tenant_id, order_ref, store_code, _back(order_ref)),
    )
    for row in sorted(rows, key=lambda row: row["id"]):
        tx.emit(CouponReopened(subject_id=row["member_id"], coupon_id=row["id"], code=row["code"]))
    return len(rows)


def _back(order_ref: str) -> str:
    """What a coupon remembers of the order that gave it back, so that a late repetition of its redemption takes nothing."""
    return f"refund {order_ref}"


async def refund_reopens(tx: Tx) -> bool:
    """Whether a purchase that goes back whole gives its coupons back; so it is until the shop decides."""
    found: bool | None = await tx.value("SELECT refund_reopens FROM coupon_settings WHERE tenant_id = $1", tx.tenant_id)
    return found is not False


async def save_refund_reopens(tx: Tx, reopens: bool) -> None:
    """Decide whether a whole refund gives coupons back, for refunds from now on."""
    await tx.execute(
        "INSERT INTO coupon_settings (tenant_id, refund_reopens, updated_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (tenant_id) DO UPDATE SET refund_reopens = excluded.refund_reopens, updated_at = excluded.updated_at",
        *(tx.tenant_id, reopens, tx.now),
    )


async def void(tx: Tx, code: str, *, reason: str) -> Coupon:
    """Take an unused coupon away. Raises Invalid, NotFound, WrongState."""
    coupon = await _leave(tx, code, "void", _CLOSE.format(state="void"), tx.now, reason.strip()[:100])
    tx.emit(CouponVoided(subject_id=coupon.member_id, coupon_id=coupon.id, code=coupon.code, reason=coupon.reason))
    return coupon


async def give_back(tx: Tx, code: str) -> Coupon:
    """The member does not want an unused coupon any more (or what it came with was refunded).

    Raises Invalid, NotFound, WrongState.
    """
    coupon = await _leave(tx, code, "returned", _CLOSE.format(state="returned"), tx.now, "")
    tx.emit(CouponReturned(subject_id=coupon.member_id, coupon_id=coupon.id, code=coupon.code))
    return coupon


_CLOSE = (
    "UPDATE coupons SET state = '{state}', closed_at = $3, reason = $4 "
    "WHERE tenant_id = $1 AND code = $2 AND state = 'issued' RETURNING *"
)


async def _leave(tx: Tx, code: str, target: str, statement: str, *values: Any) -> Coupon:
    """Run a guarded move; when it touched nothing, say what state forbids it."""
    clean = normal_code(code)
    row = await tx.row(statement, tx.tenant_id, clean, *values)
    if row is None:
        current = await tx.value("SELECT state FROM coupons WHERE tenant_id = $1 AND code = $2", tx.tenant_id, clean)
        if current is None:
            raise NotFound(code="coupon.not_found", where="code")
        move(current, target, COUPON_MOVES)
        raise Conflict(code="coupon.busy", where="code")
    return coupon_of(row)


async def expire(tx: Tx, *, limit: int = EXPIRE_AT_MOST) -> int:
    """Close coupons whose last second is over; returns how many."""
    rows = await tx.fetch(EXPIRE, tx.tenant_id, tx.now, limit)
    for row in rows:
        tx.emit(CouponExpired(subject_id=row["member_id"], coupon_id=row["id"], code=row["code"]))
    return len(rows)

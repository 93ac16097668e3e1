"""A coupon's life after it was given: redeem, reopen, void, give back, expire. Each is one guarded statement."""

from typing import Any

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound, move
from huida.kernel.money import yuan
from huida.modules.coupons.facts import CouponExpired, CouponRedeemed, CouponReopened, CouponReturned, CouponVoided
from huida.modules.coupons.models import COUPON_MOVES
from huida.modules.coupons.queries import coupon_of
from huida.modules.coupons.rules import Coupon, normal_code, worth_fen

EXPIRE_AT_MOST = 500

REDEEM = """
UPDATE coupons SET state = 'used', used_at = $3, store_code = $4, order_ref = $5
WHERE tenant_id = $1 AND code = $2 AND state = 'issued' AND valid_from <= $3 AND valid_until >= $3
RETURNING *
"""
EXPIRE = """
UPDATE coupons SET state = 'expired', closed_at = $2 WHERE tenant_id = $1 AND id = ANY(ARRAY(
  SELECT id FROM coupons WHERE tenant_id = $1 AND state = 'issued' AND valid_until < $2
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
}


class CouponNotUsable(Conflict):
    """The coupon cannot be used now; `reason` is one of the keys of NOT_USABLE."""

    def __init__(self, reason: str, **params: Any) -> None:
        super().__init__(code=NOT_USABLE[reason], where="code", reason=reason, **params)


async def redeem(
    tx: Tx, code: str, *, store_code: str = "", order_ref: str = "", order_fen: int | None = None
) -> tuple[Coupon, int | None]:
    """Mark the coupon used; returns it and, when the order's amount is told, what it takes off.

    The same order at the same store may ask again and gets the same answer. Raises Invalid (mistyped code), NotFound,
    CouponNotUsable.
    """
    clean = normal_code(code)
    known = await _with_terms(tx, clean)
    if order_fen is not None and order_fen < known["threshold_fen"]:
        raise CouponNotUsable("below_threshold", threshold=yuan(known["threshold_fen"]))
    off = None
    if order_fen is not None:
        off = worth_fen(
            kind=known["kind"],
            amount_fen=known["amount_fen"],
            discount_bp=known["discount_bp"],
            order_fen=order_fen,
        )
    row = await tx.row(REDEEM, tx.tenant_id, clean, tx.now, store_code, order_ref)
    if row is None:
        now = await _with_terms(tx, clean)
        if now["state"] == "used" and order_ref and (now["order_ref"], now["store_code"]) == (order_ref, store_code):
            return coupon_of(now), off
        raise CouponNotUsable(_why_not(now, tx))
    coupon = coupon_of(row)
    tx.emit(
        CouponRedeemed(
            subject_id=coupon.member_id, coupon_id=coupon.id, code=clean, name=coupon.name, store_code=store_code
        )
    )
    return coupon, off


async def _with_terms(tx: Tx, code: str) -> Any:
    row = await tx.row(
        "SELECT c.*, t.kind, t.amount_fen, t.threshold_fen, t.discount_bp FROM coupons c "
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
        "UPDATE coupons SET state = 'issued', used_at = NULL, store_code = '', order_ref = '' "
        "WHERE tenant_id = $1 AND code = $2 AND state = 'used' RETURNING *",
    )
    tx.emit(CouponReopened(subject_id=coupon.member_id, coupon_id=coupon.id, code=coupon.code))
    return coupon


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

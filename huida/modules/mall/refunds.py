"""Money of an order that goes back, by hand or because it came too late. The fact follows WeChat Pay's word, not ours."""

from typing import Final
from uuid import UUID

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, Invalid, WrongState
from huida.kernel.ids import uuid7
from huida.kernel.money import yuan
from huida.modules import payments
from huida.modules.mall import orders
from huida.modules.mall.facts import OrderRefunded
from huida.modules.payments import RefundFailed, RefundSucceeded

LATE: Final = "late"
LATE_REASON: Final = "订单已关闭，付款原路退回"


async def refund(tx: Tx, order_id: UUID, *, amount_fen: int, reason: str, key: str) -> UUID:
    """Give back part or all of an order; the same key is the same refund.

    Whatever was paid can be given back: also of a closed order, whose late money WeChat Pay did not give back by itself.
    Raises Invalid, NotFound, WrongState (not paid), Conflict `mall.refund_too_large`.
    """
    if amount_fen <= 0:
        raise Invalid(code="mall.bad_amount", where="amount_fen")
    if not 1 <= len(reason.strip()) <= 60:
        raise Invalid(code="mall.bad_reason", where="reason")
    row = await orders.lock(tx, order_id)
    known = await tx.row(
        "SELECT id, amount_fen FROM mall_refunds WHERE tenant_id = $1 AND order_id = $2 AND key = $3",
        *(tx.tenant_id, order_id, key),
    )
    if known is not None:
        if known["amount_fen"] != amount_fen:
            raise Invalid(code="idempotency.mismatch", where="key")
        found: UUID = known["id"]
        return found
    if row["paid_at"] is None:
        raise WrongState(current=row["state"], target="refunded")
    left = row["total_fen"] - row["refunded_fen"]
    if amount_fen > left:
        raise Conflict(code="mall.refund_too_large", where="amount_fen", left=yuan(left))
    return await _begin(tx, row, amount_fen=amount_fen, reason=reason.strip(), key=key)


async def refund_late(tx: Tx, row: Row) -> UUID:
    """All of the money of an order that was closed before it came: its stock may be sold already."""
    return await _begin(tx, row, amount_fen=row["total_fen"], reason=LATE_REASON, key=LATE)


async def _begin(tx: Tx, row: Row, *, amount_fen: int, reason: str, key: str) -> UUID:
    refund_id = uuid7()
    await tx.execute(
        "INSERT INTO mall_refunds (tenant_id, id, order_id, key, amount_fen, reason, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(tx.tenant_id, refund_id, row["id"], key, amount_fen, reason, tx.now),
    )
    payment_id: UUID = await tx.value(
        "UPDATE mall_orders SET refunded_fen = refunded_fen + $3 WHERE tenant_id = $1 AND id = $2 RETURNING payment_id",
        *(tx.tenant_id, row["id"], amount_fen),
    )
    await payments.refund(tx, payment_id, amount_fen=amount_fen, reason=reason, source_id=refund_id)
    return refund_id


async def take_done(tx: Tx, fact: RefundSucceeded) -> None:
    """WeChat Pay gave it back. A second time changes nothing. An unsent order that is given back whole is over."""
    row = await orders.lock(tx, fact.reference_id)
    done = await tx.row(
        "UPDATE mall_refunds SET state = 'succeeded', failure = '', done_at = $3 "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'pending' RETURNING id, amount_fen, reason",
        *(tx.tenant_id, fact.source_id, fact.done_at),
    )
    if done is None:
        return
    back: int = await tx.value(
        "SELECT sum(amount_fen)::bigint FROM mall_refunds WHERE tenant_id = $1 AND order_id = $2 AND state = 'succeeded'",
        *(tx.tenant_id, row["id"]),
    )
    full = back == row["total_fen"]
    if full and row["state"] == "paid":
        await orders.return_stock(tx, row["id"])
        await tx.execute(
            "UPDATE mall_orders SET state = 'closed', closing = 'refunded', closed_at = $3 "
            "WHERE tenant_id = $1 AND id = $2",
            *(tx.tenant_id, row["id"], tx.now),
        )
    tx.emit(
        OrderRefunded(
            subject_id=row["member_id"],
            order_id=row["id"],
            order_no=row["order_no"],
            refund_id=done["id"],
            goods=row["goods"],
            count=row["count"],
            total_fen=row["total_fen"],
            amount_fen=done["amount_fen"],
            refunded_fen=back,
            full=full,
            reason=done["reason"],
            occurred_at=fact.done_at,
        )
    )


async def take_failed(tx: Tx, fact: RefundFailed) -> None:
    """It did not go back: told on the order's page, and when that is final the money may be given back anew."""
    await orders.lock(tx, fact.reference_id)
    state = "failed" if fact.final else "pending"
    row = await tx.row(
        "UPDATE mall_refunds SET state = $3, failure = $4, done_at = CASE WHEN $3 = 'failed' THEN $5::timestamptz END "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'pending' RETURNING order_id, amount_fen",
        *(tx.tenant_id, fact.source_id, state, fact.reason, tx.now),
    )
    if row is not None and fact.final:
        await tx.execute(
            "UPDATE mall_orders SET refunded_fen = refunded_fen - $3 WHERE tenant_id = $1 AND id = $2",
            *(tx.tenant_id, row["order_id"], row["amount_fen"]),
        )

"""The payments' verbs, each in the caller's transaction. What WeChat Pay says is asked in `prepare` and `resolve`."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, TooMany
from huida.kernel.ids import uuid7
from huida.kernel.money import yuan
from huida.kernel.rates import Buckets
from huida.modules.payments import accounts
from huida.modules.payments.facts import (
    PaymentClosed,
    PaymentDoubted,
    PaymentSucceeded,
    RefundFailed,
    RefundSucceeded,
)
from huida.modules.payments.models import REFUND_MOVES, Kind, Payee
from huida.providers.wechatpay.answers import Transaction

LONGEST: Final = timedelta(hours=2)
"""A prepay_id or code_url is good for two hours, so no payment is open for longer: its token never has to be renewed."""
SLACK: Final = timedelta(seconds=5)
LARGEST_FEN: Final = 100_000_000
LOOK: Final = "payments.look"
GIVE_BACK: Final = "payments.give_back"
_asks: Final = Buckets(rate_per_s=0.5, burst=10)


async def start(
    tx: Tx,
    *,
    purpose: str,
    reference_id: UUID,
    amount_fen: int,
    description: str,
    kind: Kind,
    payee: Payee = "merchant",
    app_id: str = "",
    openid: str = "",
    expires_at: datetime | None = None,
) -> UUID:
    """Write down what is to be paid; the same purpose and reference get the same payment, in the way asked last.

    Raises Invalid for an amount, Conflict `payments.not_set_up`, and `payments.amount_fixed` when the amount is another.
    """
    if not 0 < amount_fen <= LARGEST_FEN:
        raise Invalid(code="payments.bad_amount", where="amount_fen")
    if payee == "merchant" and not await accounts.is_set_up(tx):
        raise Conflict(code="payments.not_set_up")
    payment_id = uuid7()
    until = min(expires_at or tx.now + LONGEST, tx.now + LONGEST)
    took = await tx.execute(
        "INSERT INTO payments (tenant_id, id, purpose, reference_id, payee, kind, app_id, openid, amount_fen, description, "
        "out_trade_no, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
        "ON CONFLICT (tenant_id, purpose, reference_id) DO NOTHING",
        *(tx.tenant_id, payment_id, purpose, reference_id, payee, kind, app_id, openid, amount_fen, description),
        *(uuid7().hex, until, tx.now),
    )
    if took:
        tx.enqueue(LOOK, {"payment_id": str(payment_id), "n": 0}, lane=payment_id, due=until + SLACK)
        return payment_id
    return await _start_again(tx, purpose, reference_id, amount_fen, kind=kind, app_id=app_id, openid=openid)


async def _start_again(
    tx: Tx, purpose: str, reference_id: UUID, amount_fen: int, *, kind: Kind, app_id: str, openid: str
) -> UUID:
    row: Any = await tx.row(
        "SELECT * FROM payments WHERE tenant_id = $1 AND purpose = $2 AND reference_id = $3 FOR NO KEY UPDATE",
        *(tx.tenant_id, purpose, reference_id),
    )
    if row["amount_fen"] != amount_fen:
        raise Conflict(code="payments.amount_fixed", where="amount_fen")
    same = row["kind"] == kind and (kind == "native" or (row["app_id"], row["openid"]) == (app_id, openid))
    if not same and row["state"] in ("created", "prepared"):
        # WeChat Pay ties a number to app and payer: another way to pay needs another number, and this one closed.
        await tx.execute(
            "UPDATE payments SET kind = $3, app_id = $4, openid = $5, renew = account_id IS NOT NULL "
            "WHERE tenant_id = $1 AND id = $2",
            *(tx.tenant_id, row["id"], kind, app_id, openid),
        )
    payment_id: UUID = row["id"]
    return payment_id


async def state_of(tx: Tx, payment_id: UUID) -> Row:
    """The payment's row. Raises NotFound."""
    row = await tx.row("SELECT * FROM payments WHERE tenant_id = $1 AND id = $2", tx.tenant_id, payment_id)
    if row is None:
        raise NotFound(code="payments.not_found", where="payment_id")
    return row


async def cancel(tx: Tx, payment_id: UUID) -> None:
    """See that it is not paid any more: `PaymentClosed` follows, or `PaymentSucceeded` when it turned out to be paid.

    One that WeChat Pay never heard of is closed at once. Raises NotFound.
    """
    row = await tx.row(
        "SELECT * FROM payments WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.tenant_id, payment_id
    )
    if row is None:
        raise NotFound(code="payments.not_found", where="payment_id")
    if row["state"] not in ("created", "prepared"):
        return
    await tx.execute("UPDATE payments SET cancelling = true WHERE tenant_id = $1 AND id = $2", tx.tenant_id, payment_id)
    if row["account_id"] is None:
        await note_closed(tx, payment_id, out_trade_no=row["out_trade_no"], reason="cancelled")
    else:
        tx.enqueue(LOOK, {"payment_id": str(payment_id), "n": 0}, lane=payment_id)


def not_too_often(asker: str) -> None:
    """How often one of the staff may have WeChat Pay asked. Raises TooMany."""
    wait_s = _asks.try_take(asker)
    if wait_s:
        raise TooMany(retry_after_s=int(wait_s) + 1)


async def ask_again(tx: Tx, payment_id: UUID) -> None:
    """Have WeChat Pay asked now, once, about a payment and its refunds that are not settled. Raises NotFound."""
    row = await state_of(tx, payment_id)
    if row["state"] != "paid":
        tx.enqueue(LOOK, {"payment_id": str(payment_id), "n": 0, "once": True}, lane=payment_id)
    for refund in await tx.fetch(
        "SELECT id FROM pay_refunds WHERE tenant_id = $1 AND payment_id = $2 AND state IN ('pending', 'abnormal') LIMIT 50",
        *(tx.tenant_id, payment_id),
    ):
        tx.enqueue(GIVE_BACK, {"refund_id": str(refund["id"]), "n": 1, "once": True}, lane=refund["id"])


async def refund(tx: Tx, payment_id: UUID, *, amount_fen: int, reason: str, source_id: UUID) -> UUID:
    """Give back part or all of a payment; the same source is the same refund. `RefundSucceeded` or `RefundFailed` follow.

    Raises NotFound, Invalid, Conflict (`payments.not_paid`, `payments.refund_too_large`).
    """
    if amount_fen <= 0:
        raise Invalid(code="payments.bad_amount", where="amount_fen")
    refund_id = uuid7()
    took = await tx.execute(
        "INSERT INTO pay_refunds (tenant_id, id, payment_id, source_id, amount_fen, reason, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, source_id) DO NOTHING",
        *(tx.tenant_id, refund_id, payment_id, source_id, amount_fen, reason, tx.now),
    )
    if not took:
        known: UUID = await tx.value(
            "SELECT id FROM pay_refunds WHERE tenant_id = $1 AND source_id = $2", tx.tenant_id, source_id
        )
        return known
    if not await tx.execute(
        "UPDATE payments SET refunded_fen = refunded_fen + $3 "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'paid' AND refunded_fen + $3 <= amount_fen",
        *(tx.tenant_id, payment_id, amount_fen),
    ):
        row = await state_of(tx, payment_id)
        if row["state"] != "paid":
            raise Conflict(code="payments.not_paid")
        left = row["amount_fen"] - row["refunded_fen"]
        raise Conflict(code="payments.refund_too_large", where="amount_fen", left=yuan(left))
    tx.enqueue(GIVE_BACK, {"refund_id": str(refund_id), "n": 0}, lane=refund_id)
    return refund_id


async def note_paid(tx: Tx, row: Row, told: Transaction) -> bool:
    """Take WeChat Pay's word that it was paid, once; False when it is not what was asked for, which is told once too."""
    assert told.is_paid
    doubt = _doubt(row, told) or await _pays_something_else(tx, row, told)
    if doubt:
        if await tx.execute(
            "UPDATE payments SET trouble = $3 WHERE tenant_id = $1 AND id = $2 AND trouble <> $3",
            *(tx.tenant_id, row["id"], doubt),
        ):
            tx.emit(
                PaymentDoubted(
                    payment_id=row["id"], purpose=row["purpose"], reference_id=row["reference_id"], reason=doubt
                )
            )
        return False
    paid_at = told.paid_at or tx.now
    if await tx.execute(
        "UPDATE payments SET state = 'paid', paid_at = $3, transaction_id = $4, trouble = '' "
        "WHERE tenant_id = $1 AND id = $2 AND state IN ('created', 'prepared', 'closed')",
        *(tx.tenant_id, row["id"], paid_at, told.transaction_id),
    ):
        tx.emit(
            PaymentSucceeded(
                payment_id=row["id"],
                purpose=row["purpose"],
                reference_id=row["reference_id"],
                amount_fen=row["amount_fen"],
                transaction_id=told.transaction_id,
                paid_at=paid_at,
            )
        )
    return True


def _doubt(row: Row, told: Transaction) -> str:
    """What does not fit: the amount, the app, or our number."""
    if told.amount is None or told.amount.total != row["amount_fen"]:
        return "amount"
    # One that is to be renewed has the app of the new way already, while the number of the old one can still be paid.
    if row["app_id"] and not row["renew"] and told.app_id != row["app_id"]:
        return "app"
    return "" if told.out_trade_no == row["out_trade_no"] else "number"


async def _pays_something_else(tx: Tx, row: Row, told: Transaction) -> str:
    """A transaction pays once; that two are told of one at the same moment is left to the unique index (R-16)."""
    taken = await tx.value(
        "SELECT true FROM payments WHERE tenant_id = $1 AND transaction_id = $2 AND id <> $3",
        *(tx.tenant_id, told.transaction_id, row["id"]),
    )
    return "transaction" if taken else ""


async def note_closed(tx: Tx, payment_id: UUID, *, out_trade_no: str, reason: str) -> bool:
    """It cannot be paid any more; whether that is news.

    The end of a number is not the end of a payment that has another one, or gets it because the buyer pays in another way.
    """
    row = await tx.row(
        "UPDATE payments SET state = 'closed', closed_at = $3 "
        "WHERE tenant_id = $1 AND id = $2 AND out_trade_no = $4 AND state IN ('created', 'prepared') "
        "AND (NOT renew OR cancelling OR expires_at <= $3) RETURNING purpose, reference_id",
        *(tx.tenant_id, payment_id, tx.now, out_trade_no),
    )
    if row is not None:
        tx.emit(
            PaymentClosed(
                payment_id=payment_id, purpose=row["purpose"], reference_id=row["reference_id"], reason=reason
            )
        )
    return row is not None


async def note_refund(tx: Tx, refund_id: UUID, *, state: str, failure: str = "") -> None:
    """Take WeChat Pay's word about a refund; what was told before changes nothing."""
    before = [name for name, targets in REFUND_MOVES.items() if state in targets]
    row = await tx.row(
        "UPDATE pay_refunds r SET state = $3, failure = $4, "
        "done_at = CASE WHEN $3 IN ('succeeded', 'failed') THEN $5::timestamptz END FROM payments p "
        "WHERE r.tenant_id = $1 AND r.id = $2 AND r.state = ANY($6) AND p.tenant_id = r.tenant_id AND p.id = r.payment_id "
        "RETURNING r.id AS refund_id, r.payment_id, p.purpose, p.reference_id, r.source_id, r.amount_fen",
        *(tx.tenant_id, refund_id, state, failure, tx.now, before),
    )
    if row is None:
        return
    about: dict[str, Any] = dict(row)
    if state == "succeeded":
        tx.emit(RefundSucceeded(**about, done_at=tx.now))
        return
    if state == "failed":
        await tx.execute(
            "UPDATE payments SET refunded_fen = refunded_fen - $3 WHERE tenant_id = $1 AND id = $2",
            *(tx.tenant_id, row["payment_id"], row["amount_fen"]),
        )
    tx.emit(RefundFailed(**about, reason=failure, final=state == "failed"))

"""Withdrawals: a member asks for own money back, it is held, and the shop pays it out or gives it free again.

Only the principal can be withdrawn: what the shop added as a gift is for spending. The gift of a recharge whose principal
is withdrawn stays with the member; staff see it, and the last recharge, before they pay out, and may reject.
"""

from typing import Final
from uuid import UUID

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, WrongState
from huida.kernel.ids import uuid7
from huida.kernel.money import yuan
from huida.kernel.secrets import Secret
from huida.modules import ledger, members
from huida.modules.mall import rules
from huida.modules.mall.facts import WithdrawalAsked, WithdrawalPaid, WithdrawalRejected
from huida.modules.mall.service import require_open, settings_of

WAYS: Final = frozenset({"wechat", "bank", "cash"})
PAYEE: Final = "mall.payee"
UNIT: Final = "cny_principal"


async def ask(tx: Tx, member_id: UUID, *, amount_fen: int, way: str, payee: str, key: str) -> UUID:
    """Ask for stored value back; it is held from now on. The same key is the same withdrawal.

    Raises Forbidden without the mall, Invalid, Conflict (`mall.withdraw_off`, `member.not_active`,
    `ledger.insufficient_balance`).
    """
    await require_open(tx)
    await members.require_active(tx, member_id)
    settings = await settings_of(tx)
    if not settings.withdraw_on:
        raise Conflict(code="mall.withdraw_off")
    if not settings.withdraw_from_fen <= amount_fen <= rules.TOTAL_MOST_FEN:
        raise Invalid(code="mall.bad_withdrawal", where="amount_fen", least=yuan(settings.withdraw_from_fen))
    if way not in WAYS:
        raise Invalid(code="mall.bad_way", where="way")
    if not (0 if way == "cash" else 2) <= len(payee.strip()) <= 100:
        raise Invalid(code="mall.bad_payee", where="payee")
    known = await tx.row(
        "SELECT id, amount_fen FROM mall_withdrawals WHERE tenant_id = $1 AND member_id = $2 AND key = $3",
        *(tx.tenant_id, member_id, key),
    )
    if known is not None:
        if known["amount_fen"] != amount_fen:
            raise Invalid(code="idempotency.mismatch", where="Idempotency-Key")
        found: UUID = known["id"]
        return found
    withdrawal_id, withdrawal_no = uuid7(), rules.number(tx.today, "W")
    hold_id = await ledger.hold(
        tx, member_id, unit=UNIT, amount=amount_fen, source_type="withdrawal", source_id=withdrawal_id, expires_at=None
    )
    if not await tx.execute(
        "INSERT INTO mall_withdrawals (tenant_id, id, withdrawal_no, key, member_id, amount_fen, hold_id, payee_sealed, way, "
        "asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant_id, member_id, key) DO NOTHING",
        *(tx.tenant_id, withdrawal_id, withdrawal_no, key, member_id, amount_fen, hold_id),
        *(tx.sealer.seal(Secret(payee.strip()), purpose=PAYEE), way, tx.now),
    ):
        raise Conflict(code="mall.busy")
    tx.emit(
        WithdrawalAsked(
            subject_id=member_id,
            withdrawal_id=withdrawal_id,
            withdrawal_no=withdrawal_no,
            amount_fen=amount_fen,
            occurred_at=tx.now,
        )
    )
    return withdrawal_id


async def pay_out(tx: Tx, withdrawal_id: UUID, *, paid_ref: str) -> None:
    """Record that the shop paid it out; the money leaves the member's stored value. Twice changes nothing.

    Raises NotFound, WrongState, Invalid.
    """
    if len(paid_ref.strip()) > 60:
        raise Invalid(code="mall.bad_paid_ref", where="paid_ref")
    row = await _decide(tx, withdrawal_id, "paid", paid_ref=paid_ref.strip())
    if row is None:
        return
    await ledger.capture(tx, row["hold_id"], contra="cash_out", reason="withdrawal")
    now = (await ledger.balances(tx, [row["member_id"]]))[row["member_id"]]
    tx.emit(
        WithdrawalPaid(
            subject_id=row["member_id"],
            withdrawal_id=row["id"],
            withdrawal_no=row["withdrawal_no"],
            amount_fen=row["amount_fen"],
            way=row["way"],
            balance_after_fen=now.get("cny_principal", 0) + now.get("cny_gift", 0),
            asked_at=row["asked_at"],
            occurred_at=tx.now,
        )
    )


async def reject(tx: Tx, withdrawal_id: UUID, *, reason: str) -> None:
    """Do not pay; what was held is free again. Twice changes nothing. Raises NotFound, WrongState, Invalid."""
    if not 1 <= len(reason.strip()) <= 60:
        raise Invalid(code="mall.bad_reason", where="reason")
    row = await _decide(tx, withdrawal_id, "rejected", reason=reason.strip())
    if row is None:
        return
    await ledger.release(tx, row["hold_id"])
    tx.emit(
        WithdrawalRejected(
            subject_id=row["member_id"],
            withdrawal_id=row["id"],
            withdrawal_no=row["withdrawal_no"],
            amount_fen=row["amount_fen"],
            reason=reason.strip(),
            occurred_at=tx.now,
        )
    )


async def _decide(tx: Tx, withdrawal_id: UUID, state: str, *, reason: str = "", paid_ref: str = "") -> Row | None:
    """The row that was decided now; None when it was decided so before."""
    row = await tx.row(
        "UPDATE mall_withdrawals SET state = $3, reason = $4, paid_ref = $5, decided_by = $6, decided_at = $7 "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'asked' RETURNING *",
        *(tx.tenant_id, withdrawal_id, state, reason, paid_ref, tx.actor, tx.now),
    )
    if row is not None:
        return row
    current = await tx.value(
        "SELECT state FROM mall_withdrawals WHERE tenant_id = $1 AND id = $2", tx.tenant_id, withdrawal_id
    )
    if current is None:
        raise NotFound(code="mall.withdrawal_not_found", where="withdrawal_id")
    if current != state:
        raise WrongState(current=current, target=state)
    return None


def payee_of(tx: Tx, row: Row) -> str:
    """Where the member wants it."""
    return tx.sealer.unseal(bytes(row["payee_sealed"]), purpose=PAYEE).reveal()

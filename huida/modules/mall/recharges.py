"""Stored value bought with WeChat Pay: credited once, with the shop's gift, when the money is there."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid
from huida.kernel.ids import uuid7
from huida.kernel.money import Fen
from huida.modules import ledger, loyalty, members, payments
from huida.modules.mall import rules
from huida.modules.mall.facts import OnlineRecharged
from huida.modules.mall.service import require_open, settings_of
from huida.modules.payments import PaymentSucceeded

PAYS_RECHARGE: Final = "mall_recharge"


async def begin(
    tx: Tx, member_id: UUID, *, paid_fen: int, key: str, app_id: str, openid: str, description: str
) -> tuple[UUID, UUID]:
    """A recharge and its payment, to be prepared. The same key is the same recharge.

    Raises Forbidden without the mall, Invalid, Conflict (`member.not_active` among them).
    """
    await require_open(tx)
    await members.require_active(tx, member_id)
    settings = await settings_of(tx)
    if not settings.recharge_on:
        raise Conflict(code="mall.recharge_off")
    if paid_fen not in settings.recharge_amounts:
        raise Invalid(code="mall.bad_amount", where="paid_fen")
    if not app_id:
        raise Conflict(code="mall.pay_in_wechat")
    recharge_id = uuid7()
    took = await tx.execute(
        "INSERT INTO mall_recharges (tenant_id, id, recharge_no, key, member_id, paid_fen, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, member_id, key) DO NOTHING",
        *(tx.tenant_id, recharge_id, rules.number(tx.today, "R"), key, member_id, paid_fen, tx.now),
    )
    if not took:
        known = await tx.row(
            "SELECT id, paid_fen FROM mall_recharges WHERE tenant_id = $1 AND member_id = $2 AND key = $3",
            *(tx.tenant_id, member_id, key),
        )
        assert known is not None
        if known["paid_fen"] != paid_fen:
            raise Invalid(code="idempotency.mismatch", where="Idempotency-Key")
        recharge_id = known["id"]
    payment_id = await payments.start(
        tx,
        purpose=PAYS_RECHARGE,
        reference_id=recharge_id,
        amount_fen=paid_fen,
        description=description,
        kind="jsapi",
        app_id=app_id,
        openid=openid,
        expires_at=tx.now + rules.PAY_WITHIN,
    )
    await tx.execute(
        "UPDATE mall_recharges SET payment_id = $3 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, recharge_id, payment_id),
    )
    return recharge_id, payment_id


async def lock_all(tx: Tx, recharge_ids: Sequence[UUID]) -> None:
    """Recharges, then the accounts of their members, each in its order: before several are credited in one transaction."""
    rows = await tx.fetch(
        "SELECT member_id FROM mall_recharges WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        *(tx.tenant_id, list(recharge_ids)),
    )
    await ledger.lock(tx, [row["member_id"] for row in rows])


async def take_paid(tx: Tx, fact: PaymentSucceeded) -> None:
    """Credit it, once; also when the money came after the recharge was closed: it is the member's all the same."""
    row = await tx.row(
        "UPDATE mall_recharges SET state = 'paid', paid_at = $3 "
        "WHERE tenant_id = $1 AND id = $2 AND state IN ('submitted', 'closed') RETURNING *",
        *(tx.tenant_id, fact.reference_id, fact.paid_at),
    )
    if row is None:
        return
    settled = await loyalty.settle_recharge(
        tx, await loyalty.rules_of(tx), recharge_id=row["id"], member_id=row["member_id"], paid=Fen(row["paid_fen"])
    )
    await tx.execute(
        "UPDATE mall_recharges SET gift_fen = $3, gift_points = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, row["id"], settled.gift_fen, settled.points),
    )
    assert settled.balance_after_fen is not None
    tx.emit(
        OnlineRecharged(
            subject_id=row["member_id"],
            recharge_id=row["id"],
            recharge_no=row["recharge_no"],
            card_no=(await members.get(tx, row["member_id"]))["card_no"],
            paid_fen=row["paid_fen"],
            gift_fen=settled.gift_fen,
            points=settled.points,
            points_after=settled.points_after,
            balance_after_fen=settled.balance_after_fen,
            transaction_id=fact.transaction_id,
            occurred_at=fact.paid_at,
        )
    )


async def take_closed(tx: Tx, recharge_id: UUID) -> None:
    """It was not paid in time. A second time changes nothing."""
    await tx.execute(
        "UPDATE mall_recharges SET state = 'closed' WHERE tenant_id = $1 AND id = $2 AND state = 'submitted'",
        *(tx.tenant_id, recharge_id),
    )

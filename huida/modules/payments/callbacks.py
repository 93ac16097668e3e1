"""What WeChat Pay tells: authenticated with the account's keys, taken once, and only when it is what was asked for."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from huida.kernel.db import Database
from huida.kernel.errors import NotFound
from huida.kernel.log import log
from huida.modules.payments import accounts
from huida.modules.payments.service import note_paid, note_refund
from huida.providers.wechatpay.answers import RefundNotice, RefundStatus, Transaction
from huida.providers.wechatpay.callbacks import BadCallback
from huida.providers.wechatpay.client import WechatPay

REFUND_ENDS: Final = {
    RefundStatus.SUCCESS: "succeeded",
    RefundStatus.CLOSED: "failed",
    RefundStatus.ABNORMAL: "abnormal",
}


async def receive(db: Database, pay: WechatPay, route_key: str, headers: Mapping[str, str], body: bytes) -> None:
    """Take a callback; the same one again changes nothing. Raises NotFound, BadCallback with what to answer."""
    async with db.raw() as (_, sql):
        route = await sql.fetchrow(
            "SELECT tenant_id, account_tenant, account_id FROM pay_routes WHERE route_key = $1", route_key
        )
    if route is None:
        raise NotFound()
    desk = await accounts.desk(db, route["account_tenant"], route["account_id"])
    event = await pay.parse_callback(desk.cred, headers, body)
    await accounts.note_heard(db, desk)
    match event.about:
        case Transaction() as paid if paid.is_paid:
            await _take_payment(db, route["tenant_id"], desk.id, paid)
        case RefundNotice() as refund:
            await _take_refund(db, route["tenant_id"], desk.id, refund)
        case _:
            log.info("pay_callback_unused", event_type=event.event_type)


async def _take_payment(db: Database, tenant_id: int, account_id: UUID, paid: Transaction) -> None:
    async with db.tx(tenant_id, actor="wechatpay") as tx:
        row = await tx.row(
            "SELECT * FROM payments WHERE tenant_id = $1 AND account_id = $2 AND out_trade_no = $3 FOR NO KEY UPDATE",
            *(tx.tenant_id, account_id, paid.out_trade_no),
        )
        fits = row is not None and await note_paid(tx, row, paid)
    if not fits:
        raise BadCallback("not what was asked for", status=400)


async def _take_refund(db: Database, tenant_id: int, account_id: UUID, told: RefundNotice) -> None:
    """The state is all that is taken from it, and only of a refund of this very payment and amount."""
    state = REFUND_ENDS.get(told.status)
    if state is None:
        return
    async with db.tx(tenant_id, actor="wechatpay") as tx:
        row = await tx.row(
            "SELECT r.id, r.amount_fen FROM payments p JOIN pay_refunds r ON r.tenant_id = p.tenant_id AND r.payment_id = p.id "
            "WHERE p.tenant_id = $1 AND p.account_id = $2 AND p.out_trade_no = $3 AND r.id = $4",
            *(tx.tenant_id, account_id, told.out_trade_no, refund_id_of(told.out_refund_no)),
        )
        fits = False
        if row is not None and told.amount is not None and told.amount.refund == row["amount_fen"]:
            fits = True
            await note_refund(tx, row["id"], state=state, failure="" if state == "succeeded" else told.status.lower())
    if not fits:
        raise BadCallback("not what was asked for", status=400)


def refund_id_of(out_refund_no: str) -> UUID | None:
    """Our refund behind its number at WeChat Pay; None for a number that we never made."""
    try:
        return UUID(hex=out_refund_no)
    except ValueError:
        return None

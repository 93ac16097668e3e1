"""Asking WeChat Pay for what the buyer's phone needs. An edge: the number is committed before WeChat Pay hears it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from huida.kernel.db import Database, Row, Tx
from huida.kernel.errors import Conflict
from huida.kernel.http import Refused
from huida.kernel.ids import uuid7
from huida.modules import connections
from huida.modules.payments import accounts
from huida.modules.payments.accounts import Desk
from huida.modules.payments.models import Kind
from huida.modules.payments.service import LOOK, state_of
from huida.modules.payments.views import JsapiParameters
from huida.providers.wechatpay.client import JsapiOrder, NativeOrder, WechatPay
from huida.providers.wechatpay.judge import ORDER_CLOSED, ORDER_PAID, ORDER_UNKNOWN

FIRST_LOOK: Final = timedelta(minutes=1)
"""When WeChat Pay is first asked about a payment whose callback did not come."""
SHORTEST: Final = timedelta(seconds=60)
"""WeChat Pay takes no order that ends sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the buyer's phone needs: parameters for `wx.requestPayment`, or a code to scan."""

    payment_id: UUID
    kind: Kind
    expires_at: datetime
    jsapi: JsapiParameters | None = None
    code_url: str = ""


async def prepare(db: Database, pay: WechatPay, tenant_id: int, payment_id: UUID) -> Prepared:
    """Have WeChat Pay ready to be paid, asking it once; again gives the same.

    Raises NotFound, Conflict (`payments.already_paid`, `payments.closed`, `payments.not_set_up`, `payments.no_app`), or a
    ProviderOutcome: after Unavailable and Unknown it may be called again.
    """
    async with db.read(tenant_id) as read:
        row = await _open_payment(read, payment_id)
    if row["account_id"] is not None and not row["renew"]:
        desk = await accounts.desk(db, accounts.payee_tenant(row["payee"], tenant_id), row["account_id"])
    else:
        async with db.read(accounts.payee_tenant(row["payee"], tenant_id)) as read:
            desk = await accounts.active_desk(read)
    if row["renew"]:
        await _close_before(db, pay, tenant_id, row)
    async with db.tx(tenant_id) as tx:
        row, route_key = await _claim(tx, payment_id, desk)
    if not row["token"]:
        row = await _ask(db, pay, desk, row, notify_url=f"{pay.notify_base}/{route_key}")
    if row["kind"] == "native":
        return Prepared(payment_id=payment_id, kind="native", expires_at=row["expires_at"], code_url=row["token"])
    signed = pay.jsapi_parameters(desk.cred, app_id=row["app_id"], prepay_id=row["token"])
    shown = cast(JsapiParameters, msgspec.to_builtins(signed))
    return Prepared(payment_id=payment_id, kind="jsapi", expires_at=row["expires_at"], jsapi=shown)


async def _open_payment(tx: Tx, payment_id: UUID) -> Row:
    row = await state_of(tx, payment_id)
    if row["state"] == "paid":
        raise Conflict(code="payments.already_paid")
    if row["state"] == "closed" or row["cancelling"] or row["expires_at"] - tx.now < SHORTEST:
        raise Conflict(code="payments.closed")
    return row


async def _close_before(db: Database, pay: WechatPay, tenant_id: int, row: Row) -> None:
    """Close the number of the way that the buyer left, or it could be paid twice."""
    desk = await accounts.desk(db, accounts.payee_tenant(row["payee"], tenant_id), row["account_id"])
    try:
        await pay.close(desk.cred, out_trade_no=row["out_trade_no"])
    except Refused as no:
        if no.code == ORDER_PAID:
            await _look_now(db, tenant_id, row["id"])
            raise Conflict(code="payments.already_paid") from no
        if no.code not in (ORDER_CLOSED, ORDER_UNKNOWN):
            raise
    async with db.tx(tenant_id) as tx:
        await tx.execute(
            "UPDATE payments SET renew = false, account_id = NULL, token = '', state = 'created', out_trade_no = $4 "
            "WHERE tenant_id = $1 AND id = $2 AND out_trade_no = $3 AND state IN ('created', 'prepared')",
            *(tx.tenant_id, row["id"], row["out_trade_no"], uuid7().hex),
        )


async def _claim(tx: Tx, payment_id: UUID, desk: Desk) -> tuple[Row, str]:
    """The payment with its account and app written down, and a job that asks what became of it."""
    row = await _open_payment(tx, payment_id)
    if row["account_id"] is None:
        app_id = row["app_id"] or desk.app_id or await _any_app(tx)
        if not app_id:
            raise Conflict(code="payments.no_app")
        took = await tx.execute(
            "UPDATE payments SET account_id = $3, app_id = $4 "
            "WHERE tenant_id = $1 AND id = $2 AND account_id IS NULL AND state = 'created' AND NOT cancelling",
            *(tx.tenant_id, payment_id, desk.id, app_id),
        )
        if took:
            due = tx.now + FIRST_LOOK
            tx.enqueue(LOOK, {"payment_id": str(payment_id), "n": 1}, lane=payment_id, due=due)
        row = await _open_payment(tx, payment_id)
    if row["account_id"] != desk.id or row["renew"]:
        raise Conflict(code="payments.busy")
    return row, await accounts.route_key(tx, desk)


async def _any_app(tx: Tx) -> str:
    """An app of the merchant, for a code that any phone may scan."""
    apps = {app.kind: app.app_id for app in await connections.apps(tx) if app.connected}
    return apps.get("oa") or apps.get("mini") or ""


async def _ask(db: Database, pay: WechatPay, desk: Desk, row: Row, *, notify_url: str) -> Row:
    asked: dict[str, Any] = {
        "app_id": row["app_id"],
        "out_trade_no": row["out_trade_no"],
        "description": row["description"],
        "total_fen": row["amount_fen"],
        "notify_url": notify_url,
        "expires_at": row["expires_at"],
    }
    try:
        if row["kind"] == "native":
            token = await pay.prepay_native(desk.cred, NativeOrder(**asked))
        else:
            token = await pay.prepay_jsapi(desk.cred, JsapiOrder(openid=row["openid"], **asked))
    except Refused as no:
        if no.code in (ORDER_PAID, ORDER_CLOSED):
            await _look_now(db, row["tenant_id"], row["id"])
            raise Conflict(code="payments.already_paid" if no.code == ORDER_PAID else "payments.closed") from no
        raise
    async with db.tx(row["tenant_id"]) as tx:
        took = await tx.execute(
            "UPDATE payments SET state = 'prepared', token = $4 "
            "WHERE tenant_id = $1 AND id = $2 AND out_trade_no = $3 AND state IN ('created', 'prepared') AND NOT cancelling",
            *(tx.tenant_id, row["id"], row["out_trade_no"], token),
        )
        if not took:
            # It was cancelled, paid or renewed while WeChat Pay answered: nobody gets this token.
            await _open_payment(tx, row["id"])
            raise Conflict(code="payments.busy")
        return await state_of(tx, row["id"])


async def _look_now(db: Database, tenant_id: int, payment_id: UUID) -> None:
    async with db.tx(tenant_id) as tx:
        tx.enqueue(LOOK, {"payment_id": str(payment_id), "n": 1}, lane=payment_id)

"""Doors of payments: the console's setting of who receives money, the platform's own, WeChat Pay's callbacks."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import Field
from starlette.responses import Response

from huida.kernel import i18n
from huida.kernel.db import ReadTx, Row, Tx
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.intake.versions import Replacing, must_replace
from huida.kernel.log import log
from huida.kernel.secrets import Secret
from huida.kernel.web import Actor, Listing, Page, actor_of, language_of, page, paged, staff_only, staff_read, staff_tx
from huida.modules import tenants
from huida.modules.payments import accounts, callbacks, views
from huida.modules.payments.models import PaymentState
from huida.modules.payments.service import ask_again, not_too_often
from huida.providers.wechatpay.callbacks import GOOD_STATUS, LARGEST_BODY, BadCallback

console = Router(prefix="/api/console/payments", tags=["payments"])
operator = Router(prefix="/api/operator/pay-account", tags=["operator"])
wechat = Router(prefix="/callbacks/wechatpay", tags=["callbacks"])

Paging = Annotated[Page, Depends(page)]
Operator = Annotated[Actor, Depends(tenants.operator_of)]


class AccountBody(Body):
    """Keys may be left out once they are set; `public_key_id` is empty for platform certificates."""

    mchid: str = Field(max_length=32)
    serial: str = Field(max_length=64)
    private_key: str | None = Field(None, max_length=8000)
    api_v3_key: str | None = Field(None, max_length=64)
    public_key_id: str = Field("", max_length=64)
    public_key: str = Field("", max_length=4000)
    app_id: str = Field("", max_length=40)


class AccountPut(Replacing, AccountBody):
    """Keys that are null, and a public key that is empty, stay as they are."""


def given(body: AccountBody) -> accounts.AccountIn:
    return accounts.AccountIn(
        mchid=body.mchid.strip(),
        serial=body.serial.strip().upper(),
        private_key=Secret(body.private_key.strip() + "\n") if body.private_key else None,
        api_v3_key=Secret(body.api_v3_key.strip()) if body.api_v3_key else None,
        public_key_id=body.public_key_id.strip(),
        public_key=body.public_key.strip(),
        app_id=body.app_id.strip(),
    )


def in_words(request: Request, code: str) -> str:
    """What a check found, in the reader's language."""
    known = f"payments.check.{code.removeprefix('wechatpay.').lower()}" if code else "payments.check.ok"
    text = i18n.text(known, language_of(request))
    return text if text != known else i18n.text("payments.check.other", language_of(request), {"code": code})


def show_account(request: Request, row: Row) -> views.PayAccount:
    check: views.CheckState = "none"
    if row["checked_at"] is not None:
        check = "fail" if row["check_code"] else "ok"
    return {
        "mchid": row["mchid"],
        "serial": row["serial"],
        "verified_by": "public_key" if row["public_key_id"] else "certificate",
        "public_key_id": row["public_key_id"],
        "app_id": row["app_id"],
        "check": check,
        "check_code": row["check_code"],
        "check_text": in_words(request, row["check_code"]) if check != "none" else "",
        "checked_at": row["checked_at"],
        "heard_at": row["heard_at"],
        "updated_at": row["updated_at"],
    }


async def setting(request: Request, tx: Tx) -> views.PayAccountSetting:
    row = await accounts.account(tx)
    return {
        "account": None if row is None else show_account(request, row),
        "callback_base": request.app.state.wechat_pay.notify_base,
        "version": None if row is None else accounts.version(row),
    }


async def _version(tx: Tx) -> str | None:
    row = await accounts.account(tx)
    return None if row is None else accounts.version(row)


@console.get("/account")
async def get_account(request: Request, tx: ReadTx = staff_read("payments.manage")) -> views.PayAccountSetting:
    """Who receives the merchant's money. Keys are never shown again."""
    return await setting(request, tx)


@console.put("/account", status_code=204)
async def put_account(body: AccountPut, tx: Tx = staff_tx("payments.manage")) -> None:
    await must_replace(tx, "payments.account", body.version, _version(tx))
    await accounts.save_account(tx, given(body))


@console.post("/account/check")
async def check_account(request: Request, actor: Actor = staff_only("payments.manage")) -> views.CheckResult:
    """Ask WeChat Pay whether the keys fit; nothing is paid."""
    return await _check(request, actor.tenant_id)


@console.get("")
async def list_payments(
    paging: Paging, state: PaymentState | None = None, tx: ReadTx = staff_read("payments.manage")
) -> Listing[views.Payment]:
    """What was to be paid to the merchant, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM payments WHERE tenant_id = $1 AND payee = 'merchant' AND ($2::text IS NULL OR state = $2) "
        "AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        *(tx.tenant_id, state, paging.before, paging.limit + 1),
    )
    return paged(rows, paging, lambda row: [str(row["id"])], show_payment)


@console.post("/{payment_id}/ask", status_code=204)
async def ask(request: Request, payment_id: UUID, tx: Tx = staff_tx("payments.manage")) -> None:
    """Have WeChat Pay asked now, once, how a payment and its refunds stand."""
    not_too_often(actor_of(request).stamp)
    await ask_again(tx, payment_id)


def show_payment(row: Row) -> views.Payment:
    return {
        "id": row["id"],
        "purpose": row["purpose"],
        "reference_id": row["reference_id"],
        "kind": row["kind"],
        "amount_fen": row["amount_fen"],
        "description": row["description"],
        "state": row["state"],
        "out_trade_no": row["out_trade_no"],
        "transaction_id": row["transaction_id"],
        "trouble": row["trouble"],
        "refunded_fen": row["refunded_fen"],
        "created_at": row["created_at"],
        "paid_at": row["paid_at"],
        "closed_at": row["closed_at"],
    }


async def _check(request: Request, tenant_id: int) -> views.CheckResult:
    state = request.app.state
    code = await accounts.check_account(state.db, state.wechat_pay, tenant_id)
    return {"ok": not code, "code": code, "text": in_words(request, code)}


@operator.get("")
async def get_platform_account(request: Request, tx: ReadTx = tenants.operator_read()) -> views.PayAccountSetting:
    """Who receives the platform's money (packages of SMS)."""
    return await setting(request, tx)


@operator.put("", status_code=204)
async def put_platform_account(request: Request, body: AccountPut, actor: Operator) -> None:
    async with request.app.state.db.tx(tenants.PLATFORM, actor=f"operator:{actor.id}") as tx:
        await must_replace(tx, "payments.account", body.version, _version(tx))
        await accounts.save_account(tx, given(body))


@operator.post("/check")
async def check_platform_account(request: Request, actor: Operator) -> views.CheckResult:
    """Ask WeChat Pay whether the platform's keys fit; nothing is paid."""
    return await _check(request, tenants.PLATFORM)


@wechat.post("/{route_key}")
async def hear(request: Request, route_key: str) -> Response:
    """WeChat Pay's callbacks about payments and refunds, to the address that we gave with each."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            break
    state = request.app.state
    try:
        await callbacks.receive(state.db, state.wechat_pay, route_key, request.headers, body)
    except BadCallback as bad:
        log.warning("pay_callback_refused", reason=bad.reason)
        return Response(bad.body, bad.status, media_type="application/json")
    return Response(status_code=GOOD_STATUS)

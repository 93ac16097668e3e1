"""What the payments' doors answer. Amounts are in fen; times are aware, in UTC. Keys are in none of them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.payments.models import Kind, PaymentState

VerifiedBy = Literal["public_key", "certificate"]
CheckState = Literal["ok", "fail", "none"]


class JsapiParameters(TypedDict):
    """What the page hands to `wx.requestPayment`; `appId` is for the bridge of official-account pages only."""

    appId: str
    timeStamp: str
    nonceStr: str
    package: str
    signType: str
    paySign: str


class NativeCode(TypedDict):
    """`code_url` is what the phone scans, `qr` its picture (data URI)."""

    code_url: str
    qr: str


class PayAccount(TypedDict):
    """Who receives money, without the keys. `heard_at`: when WeChat Pay first reached us with a callback."""

    mchid: str
    serial: str
    verified_by: VerifiedBy
    public_key_id: str
    app_id: str
    check: CheckState
    check_code: str
    check_text: str
    checked_at: datetime | None
    heard_at: datetime | None
    updated_at: datetime


class PayAccountSetting(TypedDict):
    """`account` is null until it is set up; `callback_base` is where WeChat Pay tells its callbacks."""

    account: PayAccount | None
    callback_base: str
    version: str | None


class CheckResult(TypedDict):
    """What a check of the account found: `code` is empty when all is well."""

    ok: bool
    code: str
    text: str


class Payment(TypedDict):
    """A payment as the console lists it; `trouble` says what people must look at."""

    id: UUID
    purpose: str
    reference_id: UUID
    kind: Kind
    amount_fen: int
    description: str
    state: PaymentState
    out_trade_no: str
    transaction_id: str
    trouble: str
    refunded_fen: int
    created_at: datetime
    paid_at: datetime | None
    closed_at: datetime | None

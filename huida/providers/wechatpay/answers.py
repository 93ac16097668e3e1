"""What WeChat Pay answers and tells (reference: wechat-pay-and-sms §2.3, §2.5). All money is in fen."""

from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

from huida.kernel.http import Unknown
from huida.providers.readers import Fen, Key, MaybeKey, MaybeOpenId, Opaque, understood


class TradeState(StrEnum):
    """Where an order stands; the last three only with payment codes."""

    NOTPAY = "NOTPAY"
    SUCCESS = "SUCCESS"
    REFUND = "REFUND"
    CLOSED = "CLOSED"
    USERPAYING = "USERPAYING"
    PAYERROR = "PAYERROR"
    REVOKED = "REVOKED"


class RefundStatus(StrEnum):
    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    ABNORMAL = "ABNORMAL"
    CLOSED = "CLOSED"


class Payer(msgspec.Struct, frozen=True):
    openid: MaybeOpenId = ""


class Amount(msgspec.Struct, frozen=True):
    """`payer_total` is what the person paid after WeChat Pay's own vouchers."""

    total: Fen = 0
    payer_total: Fen = 0
    currency: str = "CNY"


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """An order as a query or a callback describes it."""

    mchid: Key
    out_trade_no: Key
    trade_state: TradeState
    app_id: MaybeKey = msgspec.field(name="appid", default="")
    transaction_id: MaybeKey = ""
    trade_type: str = ""
    trade_state_desc: str = ""
    bank_type: str = ""
    attach: str = ""
    success_time: str = ""
    payer: Payer | None = None
    amount: Amount | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a payment without its number: it could be told apart from no other one."""
        if self.is_paid and not self.transaction_id:
            raise ValueError("paid without transaction_id")

    @property
    def is_paid(self) -> bool:
        """Paid once, also when something was given back since."""
        return self.trade_state in (TradeState.SUCCESS, TradeState.REFUND)

    @property
    def paid_at(self) -> datetime | None:
        return moment(self.success_time)


class RefundAmount(msgspec.Struct, frozen=True):
    """`payer_refund` is what the person gets back."""

    total: Fen = 0
    refund: Fen = 0
    payer_total: Fen = 0
    payer_refund: Fen = 0


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as the API answers it."""

    refund_id: Key
    out_refund_no: Key
    status: RefundStatus
    transaction_id: MaybeKey = ""
    out_trade_no: MaybeKey = ""
    channel: str = ""
    user_received_account: str = ""
    success_time: str = ""
    create_time: str = ""
    amount: RefundAmount | None = None

    @property
    def done_at(self) -> datetime | None:
        return moment(self.success_time)


class RefundNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as a callback tells it."""

    mchid: Key
    out_trade_no: Key
    refund_id: Key
    out_refund_no: Key
    status: RefundStatus = msgspec.field(name="refund_status")
    transaction_id: MaybeKey = ""
    user_received_account: str = ""
    success_time: str = ""
    amount: RefundAmount | None = None

    @property
    def done_at(self) -> datetime | None:
        return moment(self.success_time)


class Prepaid(msgspec.Struct, frozen=True):
    prepay_id: Key


class NativeCode(msgspec.Struct, frozen=True):
    code_url: Opaque


class Sealed(msgspec.Struct, frozen=True):
    """Something encrypted with the APIv3 key."""

    ciphertext: str
    nonce: str
    algorithm: str = ""
    associated_data: str | None = None


class ListedCertificate(msgspec.Struct, frozen=True):
    serial_no: Key
    encrypt_certificate: Sealed


class Certificates(msgspec.Struct, frozen=True):
    data: list[ListedCertificate] = []


class Trouble(msgspec.Struct, frozen=True):
    """The body of every refusal; branch on `code`, never on `message`."""

    code: str
    message: str = ""


K = TypeVar("K")


def decoded(kind: type[K], body: bytes) -> K:
    """Raises Unknown: a verified answer that is not understood may still have done something."""
    found = understood(msgspec.json.Decoder(kind), body)
    if found is None:
        raise Unknown("answer not understood")
    return found


def moment(text: str) -> datetime | None:
    """An RFC 3339 time; None when there is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None

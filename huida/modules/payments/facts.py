"""What the payments module records. `purpose` and `reference_id` say what was paid for; amounts in fen."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class PaymentSucceeded(Fact, frozen=True, kw_only=True):
    """WeChat Pay said that it was paid. Told once; also after `PaymentClosed`, when money came in late all the same."""

    kind: ClassVar[str] = "payment.succeeded"
    payment_id: UUID
    purpose: str
    reference_id: UUID
    amount_fen: int
    transaction_id: str
    paid_at: datetime


class PaymentClosed(Fact, frozen=True, kw_only=True):
    """It can no longer be paid: `cancelled`, `expired`, or `refused` (WeChat Pay did not take the order)."""

    kind: ClassVar[str] = "payment.closed"
    payment_id: UUID
    purpose: str
    reference_id: UUID
    reason: str


class RefundSucceeded(Fact, frozen=True, kw_only=True):
    """The money went back to the payer. `source_id` is the asker's own number of this refund."""

    kind: ClassVar[str] = "payment.refund_succeeded"
    refund_id: UUID
    payment_id: UUID
    purpose: str
    reference_id: UUID
    source_id: UUID
    amount_fen: int
    done_at: datetime


class RefundFailed(Fact, frozen=True, kw_only=True):
    """The money did not go back. `final` is false while WeChat Pay holds it as abnormal, for people to settle."""

    kind: ClassVar[str] = "payment.refund_failed"
    refund_id: UUID
    payment_id: UUID
    purpose: str
    reference_id: UUID
    source_id: UUID
    amount_fen: int
    reason: str
    final: bool


class AccountSaved(Fact, frozen=True, kw_only=True):
    """Who receives money was set or changed (names of the settings only)."""

    kind: ClassVar[str] = "payment.account_saved"
    mchid: str
    fields: list[str]


class PaymentDoubted(Fact, frozen=True, kw_only=True):
    """WeChat Pay told of a payment that is not what was asked for (`amount`, `app`, `number`, `transaction`): nothing was done."""

    kind: ClassVar[str] = "payment.doubted"
    payment_id: UUID
    purpose: str
    reference_id: UUID
    reason: str

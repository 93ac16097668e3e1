"""What the orders module records. Amounts in fen; `*_after` is the balance after this event, None when it did not move."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class PurchaseRecorded(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "order.purchase_recorded"
    purchase_id: UUID
    store_code: str
    store_name: str
    till_no: str
    card_no: str
    total_fen: int
    balance_fen: int
    points: int
    points_pending: int = 0
    points_after: int | None = None
    balance_after_fen: int | None = None
    occurred_at: datetime


class RechargeRecorded(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "order.recharge_recorded"
    recharge_id: UUID
    store_code: str
    store_name: str
    till_no: str
    card_no: str
    paid_fen: int
    gift_fen: int
    points: int
    points_after: int | None = None
    balance_after_fen: int | None = None
    occurred_at: datetime


class PurchaseRefunded(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "order.purchase_refunded"
    refund_id: UUID
    purchase_id: UUID
    store_code: str
    store_name: str
    till_no: str
    card_no: str
    amount_fen: int
    balance_fen: int
    points: int
    points_pending: int = 0
    points_after: int | None = None
    balance_after_fen: int | None = None
    occurred_at: datetime


class RechargeReversed(Fact, frozen=True, kw_only=True):
    """A recharge was reported wrongly and is taken back with its gift; `balance_fen` and `points` are what that took."""

    kind: ClassVar[str] = "order.recharge_reversed"
    reversal_id: UUID
    recharge_id: UUID
    store_code: str
    store_name: str
    till_no: str
    reason: str
    paid_fen: int
    gift_fen: int
    balance_fen: int
    points: int
    points_after: int | None = None
    balance_after_fen: int | None = None


class SignOffDue(Fact, frozen=True, kw_only=True):
    """An order will be signed off by itself soon (S1-45, X-02 auto sign-off)."""

    kind: ClassVar[str] = "order.sign_off_due"
    order_no: str
    sign_at: datetime
    remind_at: datetime

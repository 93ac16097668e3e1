"""What the mall records. `goods` sums an order up in one line (`茉莉花茶 等 3 件`); amounts in fen, no phone, no address."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class OrderSubmitted(Fact, frozen=True, kw_only=True):
    """A buyer placed an order; it waits for its payment until `pay_until` (S2-23)."""

    kind: ClassVar[str] = "mall.order_submitted"
    order_id: UUID
    order_no: str
    goods: str
    count: int
    total_fen: int
    receiver: str
    pay_until: datetime
    occurred_at: datetime


class OrderPaid(Fact, frozen=True, kw_only=True):
    """An order is paid: the buyer hears of it (S2-18), and the shop (S2-47)."""

    kind: ClassVar[str] = "mall.order_paid"
    order_id: UUID
    order_no: str
    goods: str
    count: int
    total_fen: int
    receiver: str
    transaction_id: str
    occurred_at: datetime


class OrderShipped(Fact, frozen=True, kw_only=True):
    """A parcel of an order is on its way; an order of several parcels tells it for each (S2-19)."""

    kind: ClassVar[str] = "mall.order_shipped"
    order_id: UUID
    order_no: str
    shipment_id: UUID
    goods: str
    count: int
    total_fen: int
    receiver: str
    carrier: str
    carrier_code: str
    tracking_no: str
    occurred_at: datetime


class OrderRefunded(Fact, frozen=True, kw_only=True):
    """Money of an order went back; `refunded_fen` is all that went back so far, `full` when that is all of it (S2-20)."""

    kind: ClassVar[str] = "mall.order_refunded"
    order_id: UUID
    order_no: str
    refund_id: UUID
    goods: str
    count: int
    total_fen: int
    amount_fen: int
    refunded_fen: int
    full: bool
    reason: str
    occurred_at: datetime


class OrderClosed(Fact, frozen=True, kw_only=True):
    """An order ended without being paid: `buyer`, `shop` or `unpaid`. Its stock went back."""

    kind: ClassVar[str] = "mall.order_closed"
    order_id: UUID
    order_no: str
    reason: str
    occurred_at: datetime


class OrderCompleted(Fact, frozen=True, kw_only=True):
    """The buyer has what was ordered; `by` is `buyer` or `time`."""

    kind: ClassVar[str] = "mall.order_completed"
    order_id: UUID
    order_no: str
    by: str
    occurred_at: datetime


class WithdrawalAsked(Fact, frozen=True, kw_only=True):
    """A member wants stored value (principal) back; it is held until the shop decides."""

    kind: ClassVar[str] = "mall.withdrawal_asked"
    withdrawal_id: UUID
    withdrawal_no: str
    amount_fen: int
    occurred_at: datetime


class WithdrawalPaid(Fact, frozen=True, kw_only=True):
    """The shop paid a withdrawal out (S2-21); `way` is how (`wechat`, `bank`, `cash`)."""

    kind: ClassVar[str] = "mall.withdrawal_paid"
    withdrawal_id: UUID
    withdrawal_no: str
    amount_fen: int
    way: str
    balance_after_fen: int
    asked_at: datetime
    occurred_at: datetime


class WithdrawalRejected(Fact, frozen=True, kw_only=True):
    """The shop did not pay; what was held is free again."""

    kind: ClassVar[str] = "mall.withdrawal_rejected"
    withdrawal_id: UUID
    withdrawal_no: str
    amount_fen: int
    reason: str
    occurred_at: datetime


class OnlineRecharged(Fact, frozen=True, kw_only=True):
    """Stored value was bought online and is in the balance (S2-22)."""

    kind: ClassVar[str] = "mall.online_recharged"
    recharge_id: UUID
    recharge_no: str
    card_no: str
    paid_fen: int
    gift_fen: int
    points: int
    points_after: int | None = None
    balance_after_fen: int
    transaction_id: str
    occurred_at: datetime


class ProductChanged(Fact, frozen=True, kw_only=True):
    """A product was made or changed by people: names of what changed."""

    kind: ClassVar[str] = "mall.product_changed"
    product_id: UUID
    title: str
    fields: list[str]

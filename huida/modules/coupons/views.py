"""What the coupons' doors answer. Amounts are in fen, discounts in basis points; times are aware, in UTC."""

from datetime import date, datetime
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.coupons.models import CouponKind, CouponState, TemplateState


class Coupon(TypedDict):
    """One coupon of one member; `store` is the code of the store that it was used in."""

    id: UUID
    template_id: UUID
    member_id: UUID
    code: str
    name: str
    state: CouponState
    issued_at: datetime
    valid_from: datetime
    valid_until: datetime
    used_at: datetime | None
    store: str
    order_ref: str
    reason: str
    off_fen: int | None


class RedeemedCoupon(Coupon):
    """A used coupon; `off_fen` is what it takes off the order, null when the order's amount was not told."""


class CouponTemplate(TypedDict):
    """What a coupon is worth, how many there are and how long one lasts: from day to day, or `valid_days` after the claim.

    `discount_bp` is what is still paid: 8,500 is 85 %, and of a discount `amount_fen` is the most that it takes off (0: no
    limit). An order takes at most `per_order` of it, and nothing beside it when it stands `alone`.
    """

    id: UUID
    name: str
    kind: CouponKind
    total: int
    amount_fen: int
    threshold_fen: int
    discount_bp: int
    per_member: int
    valid_from: date | None
    valid_to: date | None
    valid_days: int | None
    claimable: bool
    note: str
    alone: bool
    per_order: int
    issued: int
    left: int
    state: TemplateState
    created_at: datetime


class Offer(CouponTemplate):
    """A template that a member may claim, and how many of it they have taken."""

    taken: int


class MyCoupon(Coupon):
    """A member's own coupon with its terms: what it takes off at most, and from which amount on (U-14)."""

    template: CouponTemplate


class OwnCoupon(MyCoupon):
    """One of them with `qr`, the picture of its code (data URI)."""

    qr: str


class Reminders(TypedDict):
    """When an unused coupon is called to mind; 0 is off."""

    remind_after_days: int
    remind_before_days: int
    version: str


class CouponSettings(TypedDict):
    """Whether a purchase that goes back whole gives its coupons back."""

    refund_reopens: bool
    version: str

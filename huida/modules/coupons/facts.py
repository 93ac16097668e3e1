"""What the coupons module records (shop coupons only; never mixed with WeChat cards or pay vouchers, X-08)."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class CouponIssued(Fact, frozen=True, kw_only=True):
    """A member has a coupon now: claimed by themselves or given by the shop (S1-06)."""

    kind: ClassVar[str] = "coupon.issued"
    coupon_id: UUID
    template_id: UUID
    code: str
    name: str
    valid_until: datetime
    source: str


class CouponRedeemed(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "coupon.redeemed"
    coupon_id: UUID
    code: str
    name: str
    store_code: str = ""


class CouponReopened(Fact, frozen=True, kw_only=True):
    """A redemption was taken back; the coupon can be used again."""

    kind: ClassVar[str] = "coupon.reopened"
    coupon_id: UUID
    code: str


class CouponVoided(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "coupon.voided"
    coupon_id: UUID
    code: str
    reason: str


class CouponReturned(Fact, frozen=True, kw_only=True):
    """The member gave it back, or what it came with was refunded."""

    kind: ClassVar[str] = "coupon.returned"
    coupon_id: UUID
    code: str


class CouponExpired(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "coupon.expired"
    coupon_id: UUID
    code: str


class CouponReminderDue(Fact, frozen=True, kw_only=True):
    """A coupon has stayed unused long enough, or ends soon (S1-07, S1-08)."""

    kind: ClassVar[str] = "coupon.reminder_due"
    coupon_id: UUID
    code: str
    name: str
    valid_until: datetime
    days_left: int
    why: str

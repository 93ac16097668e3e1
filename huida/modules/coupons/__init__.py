"""Coupons: the shop's own coupons. Issue, redeem, take back, void, expire; reminders of unused ones (S1-06..S1-08)."""

from huida.modules.coupons.facts import (
    CouponExpired,
    CouponIssued,
    CouponRedeemed,
    CouponReminderDue,
    CouponReopened,
    CouponVoided,
)

__all__ = ["CouponExpired", "CouponIssued", "CouponRedeemed", "CouponReminderDue", "CouponReopened", "CouponVoided"]

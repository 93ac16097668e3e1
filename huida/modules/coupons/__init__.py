"""Coupons: the shop's own coupons. Give, redeem, take back, void, expire; reminders of unused ones (S1-06..S1-08).

Owns: coupon_templates, coupon_holders, coupons, coupon_settings, coupon_reminders. Never more coupons than the stock,
never more than a member may have, never two for one reason, never one used twice. Not WeChat cards, not pay vouchers
(X-08). Facts: CouponIssued, CouponRedeemed, CouponReopened, CouponVoided, CouponReturned, CouponExpired,
CouponReminderDue.
"""

from huida.modules.coupons.facts import (
    CouponExpired,
    CouponIssued,
    CouponRedeemed,
    CouponReminderDue,
    CouponReopened,
    CouponReturned,
    CouponVoided,
)
from huida.modules.coupons.invariants import INVARIANTS
from huida.modules.coupons.issue import issue, issue_many
from huida.modules.coupons.lives import hand_back, hand_over, how_many_open, void_all
from huida.modules.coupons.queries import by_code, get, of_member, owner_of, used_between
from huida.modules.coupons.reactions import work
from huida.modules.coupons.redeem import CouponNotUsable, expire, give_back, redeem, reopen, reopen_of_order, void
from huida.modules.coupons.remind import Reminders, remind, reminders, save_reminders
from huida.modules.coupons.rules import Coupon, Gift, Given, Terms
from huida.modules.coupons.templates import create_template, get_template, put_on, take_off, update_template

__all__ = [
    "INVARIANTS",
    "Coupon",
    "CouponExpired",
    "CouponIssued",
    "CouponNotUsable",
    "CouponRedeemed",
    "CouponReminderDue",
    "CouponReopened",
    "CouponReturned",
    "CouponVoided",
    "Gift",
    "Given",
    "Reminders",
    "Terms",
    "by_code",
    "create_template",
    "expire",
    "get",
    "get_template",
    "give_back",
    "hand_back",
    "hand_over",
    "how_many_open",
    "issue",
    "issue_many",
    "of_member",
    "owner_of",
    "put_on",
    "redeem",
    "remind",
    "reminders",
    "reopen",
    "reopen_of_order",
    "save_reminders",
    "take_off",
    "update_template",
    "used_between",
    "void",
    "void_all",
    "work",
]

"""The scenario catalogue (X-02; S1-02..S1-08, S1-45..S1-51, S1-92, S2-18..S2-41).

A scenario says which facts fire it, which variables a merchant may use, where its card leads, and which public
template fits it by default.
"""

from typing import Any

from huida.kernel.facts import Fact
from huida.modules import coupons, loyalty, mall, orders
from huida.modules.messaging import catalogue_mall as shop
from huida.modules.messaging.library import (
    BALANCE,
    CODE,
    COMMON,
    COUPON,
    GROUPS,
    INT,
    MONEY,
    NAME,
    POINTS,
    REASON,
    SIGNED_MONEY,
    STORE,
    TEXT,
    TIME,
    DefaultTemplate,
    Family,
    Scenario,
    Variable,
    amount,
)

__all__ = [
    "BY_CODE", "CODE", "FACTS", "GROUPS", "INT", "MODULE", "MONEY", "NAME", "SCENARIOS", "SIGNED_MONEY", "TEXT", "TIME", "TIP",
    "DefaultTemplate", "Family", "Scenario", "Variable", "fired_by",
]  # fmt: skip


def _moves_balance(fact: Any) -> bool:
    return bool(getattr(fact, "balance_fen", 0)) or isinstance(fact, _SURELY_MOVES)


def _moves_points(fact: Any) -> bool:
    return bool(getattr(fact, "points", 0))


_SURELY_MOVES = (orders.RechargeRecorded, mall.OnlineRecharged, mall.WithdrawalPaid)
_POINTS_FACTS = (
    orders.PurchaseRecorded,
    orders.RechargeRecorded,
    orders.PurchaseRefunded,
    orders.RechargeReversed,
    loyalty.ValueMoved,
    mall.OnlineRecharged,
)
_VALUE_FACTS = (*_POINTS_FACTS, mall.WithdrawalPaid)
TIP = "如非本人操作请联系门店"

SCENARIOS: tuple[Scenario, ...] = (
    *shop.ORDERS,
    Scenario(
        "stored_value_consumption",
        "储值卡消费",
        "Stored-value consumption",
        (*COMMON, *STORE, *POINTS, *BALANCE, amount("消费金额", "order")),
        "pages/receipt/index?id={id}",
        lambda fact: isinstance(fact, orders.PurchaseRecorded) and fact.balance_fen > 0,
        (orders.PurchaseRecorded,),
        DefaultTemplate("储值卡消费通知", ("温馨提示", "卡号", "消费时间", "消费金额", "账户余额"), "41103"),
        ("spend_code", "receipt"),
    ),
    Scenario(
        "consumption",
        "会员消费",
        "Consumption",
        (*COMMON, *STORE, *POINTS, *BALANCE, amount("消费金额", "order")),
        "pages/receipt/index?id={id}",
        lambda fact: isinstance(fact, orders.PurchaseRecorded),
        (orders.PurchaseRecorded,),
        DefaultTemplate("会员消费通知", ("卡号", "会员姓名", "消费时间", "消费金额", "温馨提示"), "41102"),
        ("receipt", "member_card"),
    ),
    Scenario(
        "recharge",
        "会员充值",
        "Recharge",
        (
            *COMMON,
            *STORE,
            *POINTS,
            *BALANCE,
            amount("充值金额", "recharge", "10000"),
            Variable("gift", "赠送金额", "Gift", MONEY, "1000", "recharge"),
        ),
        "pages/balance/index?id={id}",
        lambda fact: isinstance(fact, orders.RechargeRecorded | mall.OnlineRecharged),
        (orders.RechargeRecorded, mall.OnlineRecharged),
        DefaultTemplate("充值成功通知", ("会员卡号", "充值时间", "充值金额", "账户余额", "温馨提示"), "41106"),
        ("recharge",),
    ),
    shop.BUYER_RECHARGE,
    Scenario(
        "balance_change",
        "储值余额变动",
        "Balance change",
        (
            *COMMON,
            *POINTS,
            *BALANCE,
            *REASON,
            Variable("till_no", "流水号", "Till number", CODE, "S01-20261121-0042", "order"),
        ),
        "pages/balance/index?id={id}",
        _moves_balance,
        _VALUE_FACTS,
        DefaultTemplate("账户余额提醒", ("温馨提示", "变动原因", "流水号", "变动金额", "当前余额"), "41104"),
        ("recharge", "balance"),
    ),
    Scenario(
        "points_change",
        "积分变动",
        "Points change",
        (*COMMON, *POINTS, *BALANCE, *REASON),
        "pages/points/index?id={id}",
        _moves_points,
        _POINTS_FACTS,
        DefaultTemplate("积分变动提醒", ("会员卡号", "变动时间", "变动数量", "当前积分", "变动原因"), "41107"),
        ("points",),
    ),
    Scenario(
        "points_expiring",
        "积分到期提醒",
        "Points expiring",
        (
            *COMMON,
            Variable("points_expiring", "到期积分", "Points expiring", INT, "120", "account"),
            Variable("expires_at", "到期时间", "Expiry", TIME, "2026-12-31T23:59:59+08:00", "account"),
            Variable("points_after", "当前积分", "Points now", INT, "860", "account"),
        ),
        "pages/points/index?id={id}",
        lambda fact: isinstance(fact, loyalty.PointsExpiring),
        (loyalty.PointsExpiring,),
        DefaultTemplate("积分到期提醒", ("会员卡号", "到期积分", "到期时间", "当前积分"), ""),
        ("points",),
    ),
    shop.COUPON_GIVEN,
    Scenario(
        "coupon_claimed",
        "优惠券领取",
        "Coupon claimed",
        (*COMMON, *COUPON),
        "pages/coupon/detail?id={id}",
        lambda fact: isinstance(fact, coupons.CouponIssued),
        (coupons.CouponIssued,),
        DefaultTemplate("优惠券领取成功通知", ("优惠券名称", "券码", "有效期", "温馨提示"), "41108"),
        ("coupon",),
    ),
    Scenario(
        "coupon_unused",
        "未使用优惠券提醒",
        "Unused coupon reminder",
        (*COMMON, *COUPON, Variable("days_left", "剩余天数", "Days left", INT, "3", "coupon")),
        "pages/coupon/detail?id={id}",
        lambda fact: isinstance(fact, coupons.CouponReminderDue),
        (coupons.CouponReminderDue,),
        DefaultTemplate("优惠券即将过期提醒", ("优惠券名称", "过期时间", "温馨提示"), "41109"),
        ("coupon",),
    ),
    Scenario(
        "auto_sign_off",
        "自动签收提醒",
        "Auto sign-off",
        (
            *COMMON,
            Variable("order_no", "订单编号", "Order number", CODE, "E20261121001", "order"),
            Variable("sign_at", "签收时间", "Sign-off time", TIME, "2026-11-24T10:00:00+08:00", "order"),
            Variable("remind_at", "提醒时间", "Reminder time", TIME, "2026-11-21T10:00:00+08:00", "order"),
        ),
        "pages/order/index?id={id}",
        lambda fact: isinstance(fact, orders.SignOffDue),
        (orders.SignOffDue,),
        DefaultTemplate("自动签收提醒", ("签收时间", "提醒时间", "订单编号"), ""),
        ("order",),
    ),
    shop.SELLER_ORDER_PAID,
    *shop.CODES,
)
"""In order of precedence: of the live scenarios that one fact fires, the first is told and the others are merged into it.
Whom the shop's own staff are told of is another matter.

A purchase that moves points and balance is one message (X-07), the most telling one the merchant has enabled.
"""

BY_CODE = {scenario.code: scenario for scenario in SCENARIOS}
FACTS: tuple[type[Fact], ...] = tuple(dict.fromkeys(fact for scenario in SCENARIOS for fact in scenario.facts))
MODULE = "member_notices"
"""The paid add-on that opens the member scenarios (S1-09); those of the mall belong to the mall."""


FIRST: dict[type[Fact], str] = {mall.OnlineRecharged: "buyer_recharge"}
"""Before all others for a fact: what is bought in the mall is told in the mall's words."""


def _order(fact: type[Fact]) -> tuple[Scenario, ...]:
    fired = [scenario for scenario in SCENARIOS if fact in scenario.facts]
    return tuple(sorted(fired, key=lambda scenario: scenario.code != FIRST.get(fact)))


_BY_FACT: dict[type[Fact], tuple[Scenario, ...]] = {fact: _order(fact) for fact in FACTS}


def fired_by(fact: Fact) -> list[Scenario]:
    """The scenarios that a fact fires, in order of precedence."""
    return [scenario for scenario in _BY_FACT.get(type(fact), ()) if scenario.fires(fact)]


def names() -> dict[str, dict[str, str]]:
    """What each scenario is called, by code and language."""
    return {scenario.code: {"zh-CN": scenario.label, "en": scenario.label_en} for scenario in SCENARIOS}

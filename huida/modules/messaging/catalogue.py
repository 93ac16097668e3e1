"""The scenario catalogue and the variable library of each scenario (X-02; S1-02..S1-08, S1-45..S1-51, S1-92).

A scenario says which facts fire it, which variables a merchant may use, where its card leads, and which public
template fits it by default. Labels are what merchants see; English stands beside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from huida.kernel.facts import Fact
from huida.modules import coupons, loyalty, orders


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: its type decides which template fields can carry it. `sample` is shown in previews."""

    key: str
    label: str
    label_en: str
    type: str
    sample: str


TEXT, NAME, CODE, MONEY, SIGNED_MONEY, INT, TIME = "text", "name", "code", "money", "signed_money", "int", "time"

COMMON = (
    Variable("member_name", "会员姓名", "Member name", NAME, "林小满"),
    Variable("card_no", "会员卡号", "Card number", CODE, "6088000001"),
    Variable("card_tail", "卡号后四位", "Last four of card", CODE, "0001"),
    Variable("level_name", "会员等级", "Level", TEXT, "金卡会员"),
    Variable("shop_name", "商户名称", "Shop", TEXT, "山月茶事"),
    Variable("time", "发生时间", "Time", TIME, "2026-11-21T14:32:00+08:00"),
)
POINTS = (
    Variable("points_delta", "变动积分", "Points moved", INT, "25"),
    Variable("points_after", "积分余额", "Points balance", INT, "1250"),
)
BALANCE = (
    Variable("balance_delta", "变动金额", "Amount moved", SIGNED_MONEY, "-2500"),
    Variable("balance_after", "储值余额", "Stored value", MONEY, "99999"),
)
STORE = (
    Variable("store_name", "门店名称", "Store", TEXT, "南门店"),
    Variable("till_no", "流水号", "Till number", CODE, "S01-20261121-0042"),
)
REASON = (Variable("reason", "变动原因", "Reason", TEXT, "消费"),)


@dataclass(frozen=True, slots=True)
class DefaultTemplate:
    """The public template that fits a scenario by default: its title, the keywords to choose, in order (at most five).

    `oa_number` is its number in the service account's category library. WeChat publishes no list of those numbers and
    they differ by category, so they are data: see docs/guide/connect-wechat.md for changing them.
    """

    title: str
    keywords: tuple[str, ...]
    oa_number: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One automatic push. `page` is the landing page with its parameter (S1-91, S1-92)."""

    code: str
    label: str
    label_en: str
    variables: tuple[Variable, ...]
    page: str
    fires: Callable[[Fact], bool]
    facts: tuple[type[Fact], ...]
    default: DefaultTemplate
    pages: tuple[str, ...] = ()

    @property
    def by_key(self) -> dict[str, Variable]:
        return {variable.key: variable for variable in self.variables}


def _moves_balance(fact: Any) -> bool:
    return bool(getattr(fact, "balance_fen", 0)) or isinstance(fact, orders.RechargeRecorded)


def _moves_points(fact: Any) -> bool:
    return bool(getattr(fact, "points", 0))


_VALUE_FACTS = (orders.PurchaseRecorded, orders.RechargeRecorded, orders.PurchaseRefunded, loyalty.ValueMoved)
TIP = "如非本人操作请联系门店"

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "stored_value_consumption",
        "储值卡消费",
        "Stored-value consumption",
        (*COMMON, *STORE, *POINTS, *BALANCE, Variable("amount", "消费金额", "Amount", MONEY, "2500")),
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
        (*COMMON, *STORE, *POINTS, *BALANCE, Variable("amount", "消费金额", "Amount", MONEY, "2500")),
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
            Variable("amount", "充值金额", "Amount", MONEY, "10000"),
            Variable("gift", "赠送金额", "Gift", MONEY, "1000"),
        ),
        "pages/balance/index?id={id}",
        lambda fact: isinstance(fact, orders.RechargeRecorded),
        (orders.RechargeRecorded,),
        DefaultTemplate("充值成功通知", ("会员卡号", "充值时间", "充值金额", "账户余额", "温馨提示"), "41106"),
        ("recharge",),
    ),
    Scenario(
        "balance_change",
        "储值余额变动",
        "Balance change",
        (*COMMON, *POINTS, *BALANCE, *REASON, Variable("till_no", "流水号", "Till number", CODE, "S01-20261121-0042")),
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
        _VALUE_FACTS,
        DefaultTemplate("积分变动提醒", ("会员卡号", "变动时间", "变动数量", "当前积分", "变动原因"), "41107"),
        ("points",),
    ),
    Scenario(
        "coupon_claimed",
        "优惠券领取",
        "Coupon claimed",
        (
            *COMMON,
            Variable("coupon_name", "优惠券名称", "Coupon", TEXT, "满30减5元券"),
            Variable("coupon_code", "券码", "Coupon code", CODE, "8A2K7Q"),
            Variable("valid_until", "有效期至", "Valid until", TIME, "2026-12-21T23:59:00+08:00"),
        ),
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
        (
            *COMMON,
            Variable("coupon_name", "优惠券名称", "Coupon", TEXT, "满30减5元券"),
            Variable("coupon_code", "券码", "Coupon code", CODE, "8A2K7Q"),
            Variable("valid_until", "有效期至", "Valid until", TIME, "2026-12-21T23:59:00+08:00"),
            Variable("days_left", "剩余天数", "Days left", INT, "3"),
        ),
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
            Variable("order_no", "订单编号", "Order number", CODE, "E20261121001"),
            Variable("sign_at", "签收时间", "Sign-off time", TIME, "2026-11-24T10:00:00+08:00"),
            Variable("remind_at", "提醒时间", "Reminder time", TIME, "2026-11-21T10:00:00+08:00"),
        ),
        "pages/order/index?id={id}",
        lambda fact: isinstance(fact, orders.SignOffDue),
        (orders.SignOffDue,),
        DefaultTemplate("自动签收提醒", ("签收时间", "提醒时间", "订单编号"), ""),
        ("order",),
    ),
)
"""In order of precedence: of the live scenarios that one fact fires, the first is told and the others are merged into it.

A purchase that moves points and balance is one message (X-07), the most telling one the merchant has enabled.
"""

BY_CODE = {scenario.code: scenario for scenario in SCENARIOS}
FACTS: tuple[type[Fact], ...] = tuple(dict.fromkeys(fact for scenario in SCENARIOS for fact in scenario.facts))
MODULE = "member_notices"
"""The paid add-on that opens this module (S1-09)."""


_BY_FACT: dict[type[Fact], tuple[Scenario, ...]] = {
    fact: tuple(scenario for scenario in SCENARIOS if fact in scenario.facts) for fact in FACTS
}


def fired_by(fact: Fact) -> list[Scenario]:
    """The scenarios that a fact fires, in order of precedence."""
    return [scenario for scenario in _BY_FACT.get(type(fact), ()) if scenario.fires(fact)]

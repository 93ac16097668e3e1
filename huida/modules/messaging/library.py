"""The variable library: what a notice can say, in groups (S2-30), and what a scenario is (X-02).

Labels are what merchants see; English stands beside. A variable's type decides which template fields can carry it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from huida.kernel.facts import Fact

Family = Literal["member", "buyer", "marketing", "seller", "code"]
Policy = Literal["exclusive", "several", "ordered"]
Channel = Literal["subscribe", "sms", "template"]
Group = Literal[
    "member",
    "account",
    "order",
    "goods",
    "buyer",
    "shop",
    "shipping",
    "coupon",
    "refund",
    "withdrawal",
    "recharge",
    "code",
]

GROUPS: dict[Group, tuple[str, str]] = {
    "order": ("订单", "Order"),
    "goods": ("商品", "Goods"),
    "buyer": ("买家", "Buyer"),
    "shop": ("门店", "Store"),
    "shipping": ("物流", "Shipping"),
    "coupon": ("优惠券", "Coupon"),
    "refund": ("退款", "Refund"),
    "withdrawal": ("提现", "Withdrawal"),
    "recharge": ("充值", "Recharge"),
    "code": ("验证码", "Verification code"),
    "member": ("会员", "Member"),
    "account": ("账户变动", "Account"),
}

TEXT, NAME, CODE, MONEY, SIGNED_MONEY, INT, TIME = "text", "name", "code", "money", "signed_money", "int", "time"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: its type decides which template fields can carry it. `sample` is shown in previews."""

    key: str
    label: str
    label_en: str
    type: str
    sample: str
    group: Group = "member"


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
    """One automatic push. `page` is the landing page with its parameter (S1-91, S1-92).

    `module` is the paid add-on that it belongs to, none when empty. A seller scenario tells the shop's staff.
    """

    code: str
    label: str
    label_en: str
    variables: tuple[Variable, ...]
    page: str
    fires: Callable[[Fact], bool]
    facts: tuple[type[Fact], ...]
    default: DefaultTemplate
    pages: tuple[str, ...] = ()
    family: Family = "member"
    channels: tuple[Channel, ...] = ("subscribe", "sms", "template")
    policy: Policy = "exclusive"
    policies: tuple[Policy, ...] = ("exclusive",)
    module: str = "member_notices"

    @property
    def by_key(self) -> dict[str, Variable]:
        return {variable.key: variable for variable in self.variables}

    @property
    def to_staff(self) -> bool:
        return self.family == "seller"


MEMBER = (
    Variable("member_name", "会员姓名", "Member name", NAME, "林小满"),
    Variable("card_no", "会员卡号", "Card number", CODE, "6088000001"),
    Variable("card_tail", "卡号后四位", "Last four of card", CODE, "0001"),
    Variable("level_name", "会员等级", "Level", TEXT, "金卡会员"),
)
SHOP = (Variable("shop_name", "商户名称", "Shop", TEXT, "山月茶事", "shop"),)


def when(group: Group) -> Variable:
    """The moment it happened, among what it happened to."""
    return Variable("time", "发生时间", "Time", TIME, "2026-11-21T14:32:00+08:00", group)


COMMON = (*MEMBER, *SHOP, when("account"))
POINTS = (
    Variable("points_delta", "变动积分", "Points moved", INT, "25", "account"),
    Variable("points_after", "积分余额", "Points balance", INT, "1250", "account"),
)
BALANCE = (
    Variable("balance_delta", "变动金额", "Amount moved", SIGNED_MONEY, "-2500", "account"),
    Variable("balance_after", "储值余额", "Stored value", MONEY, "99999", "account"),
)
STORE = (
    Variable("store_name", "门店名称", "Store", TEXT, "南门店", "shop"),
    Variable("till_no", "流水号", "Till number", CODE, "S01-20261121-0042", "order"),
)
REASON = (Variable("reason", "变动原因", "Reason", TEXT, "消费", "account"),)
COUPON = (
    Variable("coupon_name", "优惠券名称", "Coupon", TEXT, "满30减5元券", "coupon"),
    Variable("coupon_code", "券码", "Coupon code", CODE, "8A2K7Q", "coupon"),
    Variable("valid_until", "有效期至", "Valid until", TIME, "2026-12-21T23:59:00+08:00", "coupon"),
)


def amount(label: str, group: Group, sample: str = "2500") -> Variable:
    """What a scenario is about in money; its name differs by scenario."""
    return Variable("amount", label, "Amount", MONEY, sample, group)


BUYER = (
    Variable("buyer_name", "买家姓名", "Buyer", NAME, "林小满", "buyer"),
    Variable("card_no", "会员卡号", "Card number", CODE, "6088000001", "buyer"),
    Variable("card_tail", "卡号后四位", "Last four of card", CODE, "0001", "buyer"),
    Variable("level_name", "会员等级", "Level", TEXT, "金卡会员", "buyer"),
)
GOODS = (
    Variable("goods", "商品摘要", "Goods", TEXT, "茉莉花茶 等 3 件", "goods"),
    Variable("goods_count", "商品件数", "Number of goods", INT, "3", "goods"),
)
ORDER = (
    Variable("order_no", "订单编号", "Order number", CODE, "M20261121000042", "order"),
    Variable("order_total", "订单金额", "Order total", MONEY, "12800", "order"),
)
RECEIVER = (Variable("receiver", "收货人", "Receiver", NAME, "林小满", "shipping"),)
LINK = Variable("link_code", "详情链接", "Link", CODE, "8A2K7QWX3M", "shop")
"""For SMS only: the code of a short link, behind an address that is in the approved text."""
TRANSACTION = (Variable("transaction_id", "微信支付单号", "WeChat Pay number", CODE, "42000026112100000001", "order"),)

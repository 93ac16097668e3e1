"""Scenarios of the mall: what buyers, and the shop's own staff, are told (S2-18..S2-23, S2-34, S2-47), and codes (S2-38..S2-41)."""

from typing import Any

from huida.modules import coupons, mall, orders
from huida.modules.messaging.library import (
    BUYER,
    CODE,
    COUPON,
    GOODS,
    MONEY,
    ORDER,
    RECEIVER,
    SHOP,
    TEXT,
    TIME,
    TRANSACTION,
    Channel,
    DefaultTemplate,
    Policy,
    Scenario,
    Variable,
    amount,
    when,
)

MODULE = "mall"
ALL: tuple[Policy, ...] = ("several", "exclusive", "ordered")
OA_ONLY: tuple[Channel, ...] = ("template",)
ORDER_PAGE = "pages/shop/order?id={id}"
BALANCE_AFTER = Variable("balance_after", "储值余额", "Stored value", MONEY, "99999", "recharge")


def _always(_: Any) -> bool:
    return True


def _buyer(
    code: str,
    label: str,
    label_en: str,
    variables: tuple[Variable, ...],
    fact: Any,
    default: DefaultTemplate,
    **more: Any,
) -> Scenario:
    settings: dict[str, Any] = {"page": ORDER_PAGE, "fires": _always, "facts": (fact,), "pages": ("order",)} | more
    return Scenario(
        code,
        label,
        label_en,
        variables,
        default=default,
        family="buyer",
        policy="several",
        policies=ALL,
        module=MODULE,
        **settings,
    )


BUYER_ORDER = (*ORDER, when("order"), *GOODS, *BUYER, *RECEIVER, *SHOP)

ORDER_SUBMITTED = _buyer(
    "order_submitted",
    "订单提交通知",
    "Order submitted",
    (*BUYER_ORDER, Variable("pay_until", "支付截止时间", "Pay until", TIME, "2026-11-21T15:02:00+08:00", "order")),
    mall.OrderSubmitted,
    DefaultTemplate("订单提交成功通知", ("订单编号", "商品名称", "订单金额", "提交时间", "温馨提示"), "41201"),
    pages=("shop_checkout", "shop_order"),
)
ORDER_PAID = _buyer(
    "order_paid",
    "买家订单支付通知",
    "Order paid",
    (*BUYER_ORDER, *TRANSACTION),
    mall.OrderPaid,
    DefaultTemplate("订单支付成功通知", ("订单编号", "商品名称", "支付金额", "支付时间", "温馨提示"), "41202"),
    pages=("shop_checkout", "shop_order"),
)
ORDER_SHIPPED = _buyer(
    "order_shipped",
    "买家订单发货通知",
    "Order shipped",
    (
        *BUYER_ORDER,
        Variable("carrier", "物流公司", "Carrier", TEXT, "顺丰速运", "shipping"),
        Variable("tracking_no", "物流单号", "Tracking number", CODE, "SF1234567890123", "shipping"),
    ),
    mall.OrderShipped,
    DefaultTemplate("订单发货通知", ("订单编号", "商品名称", "物流公司", "物流单号", "发货时间"), "41203"),
    pages=("shop_checkout", "shop_order"),
)
ORDER_REFUNDED = _buyer(
    "order_refunded",
    "订单手动退款通知",
    "Order refunded",
    (
        *ORDER,
        *GOODS,
        *BUYER,
        *SHOP,
        when("refund"),
        amount("退款金额", "refund"),
        Variable("refunded_total", "累计退款金额", "Refunded so far", MONEY, "2500", "refund"),
        Variable("refund_reason", "退款原因", "Reason of the refund", TEXT, "协商一致退款", "refund"),
    ),
    mall.OrderRefunded,
    DefaultTemplate("退款成功通知", ("订单编号", "退款金额", "退款原因", "退款时间"), "41112"),
    pages=("shop_order",),
)
BUYER_WITHDRAWAL = _buyer(
    "buyer_withdrawal",
    "买家提现成功通知",
    "Withdrawal paid",
    (
        *BUYER,
        *SHOP,
        when("withdrawal"),
        amount("提现金额", "withdrawal", "10000"),
        Variable("withdrawal_no", "提现单号", "Withdrawal number", CODE, "W20261121000003", "withdrawal"),
        Variable("way", "提现方式", "Way", TEXT, "微信零钱", "withdrawal"),
        Variable("asked_at", "申请时间", "Asked at", TIME, "2026-11-20T09:10:00+08:00", "withdrawal"),
        Variable("balance_after", "储值余额", "Stored value", MONEY, "99999", "withdrawal"),
    ),
    mall.WithdrawalPaid,
    DefaultTemplate("提现成功通知", ("提现单号", "提现金额", "提现方式", "到账时间", "账户余额"), "41204"),
    page="pages/withdraw/index?id={id}",
    pages=("balance", "withdrawal"),
)
BUYER_RECHARGE = _buyer(
    "buyer_recharge",
    "买家充值成功通知",
    "Recharge succeeded",
    (
        *BUYER,
        *SHOP,
        when("recharge"),
        amount("充值金额", "recharge", "10000"),
        Variable("gift", "赠送金额", "Gift", MONEY, "1000", "recharge"),
        Variable("recharge_no", "充值单号", "Recharge number", CODE, "R20261121000007", "recharge"),
        BALANCE_AFTER,
    ),
    mall.OnlineRecharged,
    DefaultTemplate("充值成功通知", ("会员卡号", "充值时间", "充值金额", "账户余额", "温馨提示"), "41106"),
    facts=(mall.OnlineRecharged, orders.RechargeRecorded),
    page="pages/balance/index?id={id}",
    pages=("recharge", "balance"),
)
COUPON_GIVEN = Scenario(
    "coupon_given",
    "买家优惠券发放通知",
    "Coupon given",
    (*COUPON, when("coupon"), *BUYER, *SHOP),
    "pages/coupon/detail?id={id}",
    lambda fact: isinstance(fact, coupons.CouponIssued) and fact.source != "claim",
    (coupons.CouponIssued,),
    DefaultTemplate("优惠券发放通知", ("优惠券名称", "券码", "发放时间", "有效期", "温馨提示"), "41205"),
    ("coupon",),
    family="marketing",
    channels=OA_ONLY,
    module=MODULE,
)
SELLER_ORDER_PAID = Scenario(
    "seller_order_paid",
    "卖家订单付款通知",
    "Order paid, for the shop",
    (*BUYER_ORDER, *TRANSACTION),
    "",
    _always,
    (mall.OrderPaid,),
    DefaultTemplate("新订单通知", ("订单编号", "商品名称", "订单金额", "买家姓名", "付款时间"), "41206"),
    family="seller",
    channels=OA_ONLY,
    module=MODULE,
)

VERIFICATION = (
    Variable("code", "验证码", "Verification code", CODE, "482913", "code"),
    Variable("minutes", "有效分钟数", "Valid minutes", CODE, "5", "code"),
    *SHOP,
)
CODES = tuple(
    Scenario(
        code,
        label,
        label_en,
        VERIFICATION,
        "",
        lambda _: False,
        (),
        DefaultTemplate("", ()),
        family="code",
        channels=("sms",),
        module="",
    )
    for code, label, label_en in (
        ("code_register", "用户注册验证码", "Registration code"),
        ("code_recover", "找回密码验证码", "Password recovery code"),
        ("code_login", "用户登录验证码", "Login code"),
        ("code_bind", "绑定手机验证码", "Phone binding code"),
    )
)
ORDERS = (ORDER_SUBMITTED, ORDER_PAID, ORDER_SHIPPED, ORDER_REFUNDED, BUYER_WITHDRAWAL)

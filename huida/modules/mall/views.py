"""What the mall's doors answer. Amounts are in fen; times are aware, in UTC. Phones are masked without the permission."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.mall.models import OrderRefundState, OrderState, ProductState, RechargeState, WithdrawalState
from huida.modules.payments import JsapiParameters

Why = Literal["", "buyer", "shop", "unpaid", "refunded"]
Way = Literal["wechat", "bank", "cash"]


class PictureRef(TypedDict):
    """`picture` is what a product is saved with, `url` what a page shows."""

    picture: str
    url: str


class Axis(TypedDict):
    """One specification with its values."""

    name: str
    values: list[str]


class ShopSku(TypedDict):
    """One combination as buyers see it: `values` in the order of the specifications."""

    id: UUID
    values: list[str]
    price_fen: int
    stock: int


class Sku(ShopSku):
    """One combination, with the code that the shop's own system knows it by."""

    code: str


class ProductCard(TypedDict):
    """A product in a list of buyers."""

    id: UUID
    title: str
    url: str
    price_from_fen: int
    price_to_fen: int
    stock: int


class ProductRow(ProductCard):
    """A product in the console's list."""

    state: ProductState
    skus: int
    updated_at: datetime


class ShopProduct(TypedDict):
    """A product as its page shows it."""

    id: UUID
    title: str
    description: str
    urls: list[str]
    specs: list[Axis]
    skus: list[ShopSku]


class Product(TypedDict):
    """A product as it is edited."""

    id: UUID
    title: str
    description: str
    pictures: list[PictureRef]
    specs: list[Axis]
    skus: list[Sku]
    state: ProductState
    updated_at: datetime
    version: str


class Line(TypedDict):
    """A line of an order, as it was sold; `spec` is empty for a plain product."""

    product_id: UUID
    sku_id: UUID
    code: str
    title: str
    spec: str
    url: str
    price_fen: int
    count: int


class Parcel(TypedDict):
    """A parcel on its way."""

    id: UUID
    carrier_code: str
    carrier: str
    tracking_no: str
    at: datetime


class RefundView(TypedDict):
    """Money that went back, or is on its way; `failure` is WeChat Pay's code."""

    id: UUID
    amount_fen: int
    reason: str
    state: OrderRefundState
    failure: str
    created_at: datetime
    done_at: datetime | None


class OrderCard(TypedDict):
    """An order in a list. `closing` says why it is closed, or is about to be while its payment is being closed."""

    id: UUID
    order_no: str
    state: OrderState
    closing: Why
    goods: str
    count: int
    url: str
    total_fen: int
    refunded_fen: int
    pay_until: datetime
    created_at: datetime


class OrderRow(OrderCard):
    """An order in the console's list."""

    source: str
    member_id: UUID
    receiver: str
    phone: str
    paid_at: datetime | None


class MyOrder(OrderCard):
    """The buyer's own order."""

    receiver: str
    phone: str
    address: str
    note: str
    lines: list[Line]
    parcels: list[Parcel]
    refunds: list[RefundView]
    paid_at: datetime | None
    shipped_at: datetime | None
    complete_at: datetime | None
    completed_at: datetime | None
    closed_at: datetime | None


class PaymentRef(TypedDict):
    """The payment behind an order; `trouble` says what people must look at (`amount`, `app`, `number`, `transaction`)."""

    id: UUID
    state: str
    out_trade_no: str
    transaction_id: str
    trouble: str


class OrderDetail(MyOrder):
    """An order as the console shows it."""

    source: str
    member_id: UUID
    member_name: str
    card_no: str
    payment: PaymentRef | None


class MallSettings(TypedDict):
    """What the merchant decided."""

    complete_after_days: int
    recharge_on: bool
    recharge_amounts: list[int]
    withdraw_on: bool
    withdraw_from_fen: int
    version: str


class MallOverview(TypedDict):
    """`locked`: the mall was not bought. `pay_ready`: money can be received. The counts are what waits for the shop."""

    locked: bool
    pay_ready: bool
    to_ship: int
    to_pay_out: int
    owed: int
    settings: MallSettings


class Carrier(TypedDict):
    code: str
    name: str


class Withdrawal(TypedDict):
    """A member's own withdrawal."""

    id: UUID
    withdrawal_no: str
    amount_fen: int
    state: WithdrawalState
    way: Way
    reason: str
    asked_at: datetime
    decided_at: datetime | None


class LastRecharge(TypedDict):
    """What was paid and what the shop added."""

    at: datetime
    paid_fen: int
    gift_fen: int


class WithdrawalRow(Withdrawal):
    """A withdrawal in the console; `payee` is hidden from who may not pay out.

    `gift_fen` is the gift that stays with the member, `last_recharge` the newest one, at a till or online.
    """

    member_id: UUID
    member_name: str
    card_no: str
    member_state: str
    gift_fen: int
    last_recharge: LastRecharge | None
    payee: str
    paid_ref: str


class MallHome(TypedDict):
    """What the member centre shows of the mall; `open` false: nothing of it."""

    open: bool
    pay_ready: bool
    recharge_on: bool
    withdraw_on: bool
    balance_fen: int


class ToPay(TypedDict):
    """What the page hands to `wx.requestPayment`, and until when."""

    parameters: JsapiParameters
    expires_at: datetime


class RechargeAmount(TypedDict):
    """An amount on offer with the gift that comes with it."""

    paid_fen: int
    gift_fen: int
    gift_points: int


class RechargeOptions(TypedDict):
    """What can be recharged; `balance_fen` is the whole stored value."""

    balance_fen: int
    amounts: list[RechargeAmount]


class RechargeStarted(ToPay):
    """A recharge that waits for its payment."""

    id: UUID


class Recharge(TypedDict):
    """A recharge bought online."""

    id: UUID
    recharge_no: str
    paid_fen: int
    gift_fen: int
    gift_points: int
    state: RechargeState
    created_at: datetime
    paid_at: datetime | None


class RechargeRow(Recharge):
    """A recharge in the console's list."""

    member_id: UUID
    member_name: str
    card_no: str


class WithdrawOptions(TypedDict):
    """How much can be withdrawn: the principal that is not held. Gifts are for spending."""

    on: bool
    available_fen: int
    from_fen: int


class SkuStock(TypedDict):
    """A combination as the shop's own system sees it."""

    code: str
    title: str
    spec: str
    price_fen: int
    stock: int
    on_sale: bool


class OpenOrder(TypedDict):
    """An order for the shop's own system; the phone is whole for keys with `mall.write`, who send the parcels."""

    order_no: str
    source: str
    state: OrderState
    goods: str
    count: int
    total_fen: int
    refunded_fen: int
    receiver: str
    phone: str
    address: str
    note: str
    lines: list[Line]
    parcels: list[Parcel]
    created_at: datetime
    paid_at: datetime | None

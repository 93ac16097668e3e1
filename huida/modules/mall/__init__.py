"""The mall: products with their combinations and stock, orders, parcels, refunds, stored value in and out online.

Owns: mall_products, mall_skus, mall_pictures, mall_orders, mall_order_lines, mall_shipments, mall_refunds,
mall_recharges, mall_withdrawals, mall_settings. Never more sold than there is; stock returns exactly once; money comes
and goes through payments, stored value through the ledger. Orders carry the source `mall` (X-14).
Facts: OrderSubmitted, OrderPaid, OrderShipped, OrderCompleted, OrderClosed, OrderRefunded, OnlineRecharged,
WithdrawalAsked, WithdrawalPaid, WithdrawalRejected, ProductChanged.
"""

from huida.modules.mall.carriers import CARRIERS
from huida.modules.mall.facts import (
    OnlineRecharged,
    OrderClosed,
    OrderCompleted,
    OrderPaid,
    OrderRefunded,
    OrderShipped,
    OrderSubmitted,
    ProductChanged,
    WithdrawalAsked,
    WithdrawalPaid,
    WithdrawalRejected,
)
from huida.modules.mall.invariants import INVARIANTS
from huida.modules.mall.lives import hand_back, hand_over, how_many_open, wipe
from huida.modules.mall.models import Order
from huida.modules.mall.orders import OrderIn, Wanted, begin_payment, close, phone_of, receive, submit
from huida.modules.mall.products import add_picture, change_product, create_product, put_on, set_stock, take_off
from huida.modules.mall.queries import owner_of
from huida.modules.mall.reactions import work
from huida.modules.mall.refunds import refund
from huida.modules.mall.rules import Axis, ProductIn, SkuIn
from huida.modules.mall.service import MODULE, Settings, is_open, save_settings, settings_of
from huida.modules.mall.shipping import ship

__all__ = [
    "CARRIERS",
    "INVARIANTS",
    "MODULE",
    "Axis",
    "OnlineRecharged",
    "Order",
    "OrderClosed",
    "OrderCompleted",
    "OrderIn",
    "OrderPaid",
    "OrderRefunded",
    "OrderShipped",
    "OrderSubmitted",
    "ProductChanged",
    "ProductIn",
    "Settings",
    "SkuIn",
    "Wanted",
    "WithdrawalAsked",
    "WithdrawalPaid",
    "WithdrawalRejected",
    "add_picture",
    "begin_payment",
    "change_product",
    "close",
    "create_product",
    "hand_back",
    "hand_over",
    "how_many_open",
    "is_open",
    "owner_of",
    "phone_of",
    "put_on",
    "receive",
    "refund",
    "save_settings",
    "set_stock",
    "settings_of",
    "ship",
    "submit",
    "take_off",
    "wipe",
    "work",
]

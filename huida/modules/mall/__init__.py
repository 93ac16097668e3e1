"""The mall: products, stock, orders, shipments, withdrawals, recharges online."""

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
from huida.modules.mall.models import Order

__all__ = [
    "INVARIANTS",
    "OnlineRecharged",
    "Order",
    "OrderClosed",
    "OrderCompleted",
    "OrderPaid",
    "OrderRefunded",
    "OrderShipped",
    "OrderSubmitted",
    "ProductChanged",
    "WithdrawalAsked",
    "WithdrawalPaid",
    "WithdrawalRejected",
]

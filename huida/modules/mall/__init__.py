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

__all__ = [
    "OnlineRecharged",
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

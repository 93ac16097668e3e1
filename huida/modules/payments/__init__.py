"""Payments with WeChat Pay: prepay, callbacks, queries, closing, refunds."""

from huida.modules.payments.facts import (
    AccountSaved,
    PaymentClosed,
    PaymentSucceeded,
    RefundFailed,
    RefundSucceeded,
)

__all__ = ["AccountSaved", "PaymentClosed", "PaymentSucceeded", "RefundFailed", "RefundSucceeded"]

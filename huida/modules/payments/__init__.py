"""Payments with WeChat Pay: what is to be paid once, who receives it, what came of it, what goes back.

Owns: pay_accounts, pay_routes, payments, pay_refunds. The merchant receives with its own merchant number, the platform
(tenant 0) with its own. A number is written down before WeChat Pay hears it; what is not known is asked by that number.
Facts: PaymentSucceeded, PaymentClosed, PaymentDoubted, RefundSucceeded, RefundFailed, AccountSaved.
"""

from huida.modules.payments.accounts import AccountIn, is_set_up, save_account
from huida.modules.payments.facts import (
    AccountSaved,
    PaymentClosed,
    PaymentDoubted,
    PaymentSucceeded,
    RefundFailed,
    RefundSucceeded,
)
from huida.modules.payments.invariants import INVARIANTS
from huida.modules.payments.lives import wipe
from huida.modules.payments.models import PayAccount, Payment, PayRefund, PayRoute
from huida.modules.payments.prepare import Prepared, prepare
from huida.modules.payments.resolve import work
from huida.modules.payments.service import ask_again, cancel, not_too_often, refund, start, state_of
from huida.modules.payments.views import JsapiParameters, NativeCode

__all__ = [
    "INVARIANTS",
    "AccountIn",
    "AccountSaved",
    "JsapiParameters",
    "NativeCode",
    "PayAccount",
    "PayRefund",
    "PayRoute",
    "Payment",
    "PaymentClosed",
    "PaymentDoubted",
    "PaymentSucceeded",
    "Prepared",
    "RefundFailed",
    "RefundSucceeded",
    "ask_again",
    "cancel",
    "is_set_up",
    "not_too_often",
    "prepare",
    "refund",
    "save_account",
    "start",
    "state_of",
    "wipe",
    "work",
]

"""Orders: what tills report. Purchases (batches of up to 1,000), recharges, refunds, sign-off reminders.

Owns: purchases, recharges, their reversals, refunds. Natural key: store + till number; a repeated report changes nothing
and gets its first answer. Points and
stored value move in the same transaction through loyalty; what cannot be paid is not recorded.
Facts: PurchaseRecorded, RechargeRecorded, RechargeReversed, PurchaseRefunded, SignOffDue.
"""

from huida.modules.orders.before import owner_of
from huida.modules.orders.facts import (
    PurchaseRecorded,
    PurchaseRefunded,
    RechargeRecorded,
    RechargeReversed,
    SignOffDue,
)
from huida.modules.orders.history import PastPurchase, known_keys, record_history
from huida.modules.orders.ingest import Ingest
from huida.modules.orders.lists import last_visits
from huida.modules.orders.lives import hand_back, hand_over, how_many, taken_back_since, wipe
from huida.modules.orders.models import Purchase, Recharge, RechargeReversal, Refund
from huida.modules.orders.recharges import record_recharge, reverse_recharge
from huida.modules.orders.refunds import record_refund
from huida.modules.orders.rows import Outcome, PurchaseIn, RechargeIn, RefundIn, ReversalIn, SignOffIn
from huida.modules.orders.service import record_purchases, remind_sign_off

__all__ = [
    "Ingest",
    "Outcome",
    "PastPurchase",
    "Purchase",
    "PurchaseIn",
    "PurchaseRecorded",
    "PurchaseRefunded",
    "Recharge",
    "RechargeIn",
    "RechargeRecorded",
    "RechargeReversal",
    "RechargeReversed",
    "Refund",
    "RefundIn",
    "ReversalIn",
    "SignOffDue",
    "SignOffIn",
    "hand_back",
    "hand_over",
    "how_many",
    "known_keys",
    "last_visits",
    "owner_of",
    "record_history",
    "record_purchases",
    "record_recharge",
    "record_refund",
    "remind_sign_off",
    "reverse_recharge",
    "taken_back_since",
    "wipe",
]

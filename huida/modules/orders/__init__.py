"""Orders: what tills report. Purchases (batches of up to 1,000), recharges, refunds, sign-off reminders.

Owns: purchases, recharges, refunds. Natural key: store + till number; a repeated report changes nothing. Points and
stored value move in the same transaction through loyalty; what cannot be paid is not recorded.
Facts: PurchaseRecorded, RechargeRecorded, PurchaseRefunded, SignOffDue.
"""

from huida.modules.orders.facts import PurchaseRecorded, PurchaseRefunded, RechargeRecorded, SignOffDue
from huida.modules.orders.ingest import Ingest
from huida.modules.orders.lists import last_visits
from huida.modules.orders.models import Purchase, Recharge, Refund
from huida.modules.orders.refunds import record_refund
from huida.modules.orders.rows import Outcome, PurchaseIn, RechargeIn, RefundIn, SignOffIn
from huida.modules.orders.service import record_purchases, record_recharge, remind_sign_off

__all__ = [
    "Ingest",
    "Outcome",
    "Purchase",
    "PurchaseIn",
    "PurchaseRecorded",
    "PurchaseRefunded",
    "Recharge",
    "RechargeIn",
    "RechargeRecorded",
    "Refund",
    "RefundIn",
    "SignOffDue",
    "SignOffIn",
    "last_visits",
    "record_purchases",
    "record_recharge",
    "record_refund",
    "remind_sign_off",
]

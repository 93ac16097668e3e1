"""Loyalty: what a purchase, a recharge or a correction does to points, stored value, growth and level.

Owns: loyalty_rules. Rules are pure (`rules.py`); value moves only through the ledger. Points and stored value moved by
one business event are one posting and one fact, so the member gets one message (X-07).
Facts: ValueMoved, RulesChanged.
"""

from huida.modules.loyalty.facts import RulesChanged, ValueMoved
from huida.modules.loyalty.models import LoyaltyRules
from huida.modules.loyalty.rules import GiftTier, Level, Rules, gift_for
from huida.modules.loyalty.service import (
    Sale,
    Settled,
    adjust,
    level_names,
    points_of,
    rules_of,
    save_rules,
    settle_recharge,
    settle_sales,
    tell_moved,
)

__all__ = [
    "GiftTier",
    "Level",
    "LoyaltyRules",
    "Rules",
    "RulesChanged",
    "Sale",
    "Settled",
    "ValueMoved",
    "adjust",
    "gift_for",
    "level_names",
    "points_of",
    "rules_of",
    "save_rules",
    "settle_recharge",
    "settle_sales",
    "tell_moved",
]

"""Loyalty: what a purchase, a recharge or a correction does to points, stored value, growth and level.

Owns: loyalty_rules. Rules are pure (`rules.py`); value moves only through the ledger. Points and stored value moved by
one business event are one posting and one fact, so the member gets one message (X-07).
Facts: ValueMoved, PointsExpiring, RulesChanged.
"""

from huida.modules.loyalty.facts import PointsExpiring, RulesChanged, ValueMoved
from huida.modules.loyalty.levels import read_levels
from huida.modules.loyalty.lots import expire_due
from huida.modules.loyalty.models import LoyaltyRules
from huida.modules.loyalty.opening import Opening, book_openings, booked, growth_fen_of, level_at, openings_of
from huida.modules.loyalty.rules import GROWTH_FEN, GiftTier, Level, Rules, gift_back, gift_for, level_for, share
from huida.modules.loyalty.service import adjust, balances_of, level_names, rules_of, save_rules, tell_moved
from huida.modules.loyalty.settle import (
    Sale,
    Settled,
    growth_of,
    points_of,
    settle_recharge,
    settle_sales,
    stored_value,
)
from huida.modules.loyalty.views import Unit

__all__ = [
    "GROWTH_FEN",
    "GiftTier",
    "Level",
    "LoyaltyRules",
    "Opening",
    "PointsExpiring",
    "Rules",
    "RulesChanged",
    "Sale",
    "Settled",
    "Unit",
    "ValueMoved",
    "adjust",
    "balances_of",
    "book_openings",
    "booked",
    "expire_due",
    "gift_back",
    "gift_for",
    "growth_fen_of",
    "growth_of",
    "level_at",
    "level_for",
    "level_names",
    "openings_of",
    "points_of",
    "read_levels",
    "rules_of",
    "save_rules",
    "settle_recharge",
    "settle_sales",
    "share",
    "stored_value",
    "tell_moved",
]

"""Pure earning rules: points per yuan by store and level, recharge gifts, levels by growth, ripening and expiry of points."""

from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.money import Fen, Points

GROWTH_FEN: Final = 100
"""A point of growth (成长值) is a yuan spent; the ledger keeps it in fen, so that a refund of any amount takes its part."""

MOST_GROWTH: Final = 10**12


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A member level: reached at `growth` (yuan spent), earns `rate_bp` of the normal points (10,000 = ×1)."""

    code: str
    name: str
    growth: int = 0
    rate_bp: int = 10_000


class GiftTier(msgspec.Struct, frozen=True, kw_only=True):
    """Recharge at least `from_fen`, get `gift_fen` and `gift_points` on top."""

    from_fen: int
    gift_fen: int = 0
    gift_points: int = 0


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant has decided. `points_per_100_yuan` keeps fractions exact: 100 is one point a yuan.

    Points of a purchase are pending for `points_ripen_days` whole days after it (0: never); `expiry_notice_days` before
    points expire the member is told (0: not) (G-14).
    """

    points_per_100_yuan: int = 100
    store_rate_bp: dict[str, int] = {}
    earn_on_balance: bool = True
    levels: tuple[Level, ...] = (Level(code="normal", name="普通会员"),)
    gift_tiers: tuple[GiftTier, ...] = ()
    points_expire_months: int = 0
    points_ripen_days: int = 0
    expiry_notice_days: int = 0

    def check(self) -> str | None:
        """The name of the first field that makes no sense, or None."""
        if not 0 <= self.points_per_100_yuan <= 100_000:
            return "points_per_100_yuan"
        if any(not 0 <= rate <= 1_000_000 for rate in self.store_rate_bp.values()):
            return "store_rate_bp"
        if not self.levels or len({level.code for level in self.levels}) != len(self.levels):
            return "levels"
        if any(not 0 <= level.rate_bp <= 1_000_000 for level in self.levels):
            return "levels"
        # One level for everybody who has bought nothing yet, and never two that are reached at once.
        thresholds = [level.growth for level in self.levels]
        if min(thresholds) != 0 or max(thresholds) > MOST_GROWTH or len(set(thresholds)) != len(thresholds):
            return "levels"
        if any(tier.from_fen <= 0 or tier.gift_fen < 0 or tier.gift_points < 0 for tier in self.gift_tiers):
            return "gift_tiers"
        if len({tier.from_fen for tier in self.gift_tiers}) != len(self.gift_tiers):
            return "gift_tiers"
        if not 0 <= self.points_expire_months <= 120:
            return "points_expire_months"
        if not 0 <= self.points_ripen_days <= 366:
            return "points_ripen_days"
        return None if 0 <= self.expiry_notice_days <= 90 else "expiry_notice_days"


def points_for(rules: Rules, paid: Fen, *, level: str, store: str) -> Points:
    """Points that a payment earns at a level; one that the rules do not know counts as their first.

    Rounded down once at the end: no rounding gain by splitting the rates.
    """
    rate = next((known.rate_bp for known in rules.levels if known.code == level), level_for(rules, 0).rate_bp)
    store_rate = rules.store_rate_bp.get(store, 10_000)
    return Points(max(paid, 0) * rules.points_per_100_yuan * rate * store_rate // (10_000 * 10_000 * 10_000))


def gift_for(rules: Rules, paid: Fen) -> GiftTier:
    """The best tier that a recharge reaches; an empty one when it reaches none."""
    reached = [tier for tier in rules.gift_tiers if paid >= tier.from_fen]
    return max(reached, key=lambda tier: tier.from_fen, default=GiftTier(from_fen=1))


def level_for(rules: Rules, growth_fen: int) -> Level:
    """The highest level whose growth is reached."""
    reached = (x for x in rules.levels if growth_fen >= x.growth * GROWTH_FEN)
    return max(reached, key=lambda x: x.growth, default=rules.levels[0])


def has_levels(rules: Rules) -> bool:
    """Whether growth is worth counting for this merchant."""
    return any(level.growth > 0 for level in rules.levels)


def expiry_of(rules: Rules, earned_on: date) -> datetime | None:
    """When points earned on a day expire: the end of the month, so many months later; None when they do not."""
    if rules.points_expire_months == 0:
        return None
    months = earned_on.year * 12 + earned_on.month + rules.points_expire_months
    first_of_next = date(months // 12, months % 12 + 1, 1)
    return datetime.combine(first_of_next, time(), SHOP_ZONE)


def ripe_at(rules: Rules, bought_on: date) -> datetime | None:
    """When the points of a purchase ripen: after so many whole days, at midnight; None when they are ripe at once."""
    if rules.points_ripen_days == 0:
        return None
    return datetime.combine(bought_on + timedelta(days=rules.points_ripen_days + 1), time(), SHOP_ZONE)


def split_payment(amount: Fen, *, principal: int, gift: int) -> tuple[int, int]:
    """Stored value pays from the gift and the principal in proportion, the principal bearing the rounding.

    Merchants book the principal as sales; taking both in proportion keeps a refund fair at any moment.
    """
    total = principal + gift
    if total <= 0 or amount > total:
        return amount, 0
    from_gift = amount * gift // total
    return amount - from_gift, from_gift


def share(part: int, *, of: int, until: int) -> int:
    """What of a part has gone back when `until` of the total `of` has; of a total of nothing, nothing.

    It grows with `until` and reaches the part with the total, so refunds in any number of steps take exactly the part.
    """
    return part * until // of if of else 0


def gift_back(returned: int, *, balance: int, gift: int) -> int:
    """How much of `returned` stored value is gift: each fen that goes back is either, so neither part ever shrinks (B-12)."""
    return gift * returned // balance if balance else 0

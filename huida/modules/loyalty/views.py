"""What loyalty's doors answer. Money is in fen, rates in basis points; times are aware, in UTC."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

Unit = Literal["points", "points_pending", "growth", "cny_principal", "cny_gift"]


class MemberLevel(TypedDict):
    """A level: reached at `growth` (whole yuan spent), earns `rate_bp` of the normal points (10,000 is once)."""

    code: str
    name: str
    growth: int
    rate_bp: int


class RechargeGift(TypedDict):
    """Recharge at least `from_fen`, get this on top."""

    from_fen: int
    gift_fen: int
    gift_points: int


class LoyaltyRules(TypedDict):
    """What the merchant has decided; `store_rate_bp` is by store code, 0 months means that points do not expire.

    Points of a purchase ripen `points_ripen_days` whole days after it (0: at once); `expiry_notice_days` before they expire
    the member is told (0: not).
    """

    points_per_100_yuan: int
    store_rate_bp: dict[str, int]
    earn_on_balance: bool
    levels: list[MemberLevel]
    gift_tiers: list[RechargeGift]
    points_expire_months: int
    points_ripen_days: int
    expiry_notice_days: int
    version: str


class RulesPreview(TypedDict):
    """How many members would get another level."""

    moved: int


class Adjusted(TypedDict):
    """Points and stored value (principal and gift) after a correction."""

    points_after: int | None
    balance_after_fen: int | None


class Ripening(TypedDict):
    """Points that ripen at `ripe_at`."""

    ripe_at: datetime
    points: int


class MemberBalances(TypedDict):
    """Points and stored value; `balance_fen` is principal and gift together. `points_pending` are not ripe: not to be spent."""

    points: int
    points_pending: int
    balance_fen: int
    principal_fen: int
    gift_fen: int


class MyBalances(MemberBalances):
    """The member's own, with when the pending points ripen."""

    ripening: list[Ripening]


class Transfer(TypedDict):
    """One movement of one unit: `amount` and `balance_after` are points, or fen (`cny_…`, and `growth`: 100 are one point)."""

    unit: Unit
    seq: int
    amount: int
    balance_after: int
    reason: str
    source_type: str
    source_id: UUID
    at: datetime

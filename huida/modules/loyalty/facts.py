"""What the loyalty module records: value moved by hand, by expiry or by merging, not by a purchase or recharge."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class ValueMoved(Fact, frozen=True, kw_only=True):
    """Points and stored value moved by one business event (one fact, so one message: S1-04, S1-05, X-07)."""

    kind: ClassVar[str] = "loyalty.value_moved"
    reason: str
    points: int = 0
    balance_fen: int = 0
    points_after: int | None = None
    balance_after_fen: int | None = None
    note: str = ""
    source_id: UUID | None = None  # what the ledger's transfers name: where the member finds this movement


class PointsExpiring(Fact, frozen=True, kw_only=True):
    """So many points will expire at that moment, unless they are spent before (G-14)."""

    kind: ClassVar[str] = "loyalty.points_expiring"
    points: int
    expires_at: datetime


class RulesChanged(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "loyalty.rules_changed"
    fields: list[str]

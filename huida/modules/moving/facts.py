"""What the moving module records: one fact for a whole file, so that nobody is told what is history (G-04)."""

from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class OpeningsBooked(Fact, frozen=True, kw_only=True):
    """Opening balances of a file stand in the ledger: sums in points and fen."""

    kind: ClassVar[str] = "moving.openings_booked"
    import_id: UUID
    members: int
    points: int
    principal_fen: int
    gift_fen: int
    growth_fen: int


class HistoryLoaded(Fact, frozen=True, kw_only=True):
    """Purchases of earlier years are recorded; they count for growth only."""

    kind: ClassVar[str] = "moving.history_loaded"
    import_id: UUID
    purchases: int
    total_fen: int


class BalanceSigned(Fact, frozen=True, kw_only=True):
    """Somebody confirmed that an import's balance is right."""

    kind: ClassVar[str] = "moving.balance_signed"
    import_id: UUID

"""What the doors of members' lives answer. Amounts in fen; times are aware, in UTC."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

State = Literal["active", "frozen", "left", "merged", "erased"]
CardReason = Literal["lost", "damaged", "other"]


class OldCard(TypedDict):
    """A card number that was replaced; tills refuse it."""

    card_no: str
    reason: CardReason
    at: datetime


class MergedRecord(TypedDict):
    """A record that was merged into this member's. Its card works like the member's own while `undone_at` is null."""

    merge_id: UUID
    member_id: UUID
    card_no: str
    name: str
    at: datetime
    undo_until: datetime
    undone_at: datetime | None


class RecordName(TypedDict):
    """Another member's record, by name and number."""

    id: UUID
    card_no: str
    name: str


class Owned(TypedDict):
    """What leaving would pay out (`principal_fen`) and forfeit. `points` with those that are not ripe yet.

    `open_things` are orders, online recharges and withdrawals that must end first; `held_fen` of the principal is promised to
    withdrawals.
    """

    principal_fen: int
    gift_fen: int
    points: int
    pending_points: int
    coupons: int
    held_fen: int
    open_things: int


class Life(TypedDict):
    """A member's record as a whole: old cards, records that became one with it, and what the member owns."""

    state: State
    left_at: datetime | None
    merged_into: RecordName | None
    old_cards: list[OldCard]
    merged: list[MergedRecord]
    owned: Owned


class Side(TypedDict):
    """One of two records, to compare. The phone is masked for who may not see phones; `growth` is whole yuan, `level_name` the
    merchant's own word."""

    id: UUID
    card_no: str
    name: str
    phone: str | None
    level_name: str
    joined_at: datetime
    points: int
    balance_fen: int
    growth: int
    coupons: int
    purchases: int
    accounts: int


class MergePreview(TypedDict):
    """Both records before they become one."""

    stays: Side
    goes: Side


class Merged(TypedDict):
    """The merge, and until when it can be undone."""

    merge_id: UUID
    undo_until: datetime


class NewCard(TypedDict):
    """The number that the member has now."""

    card_no: str

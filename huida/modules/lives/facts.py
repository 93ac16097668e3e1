"""What the lives of members record. Amounts in fen; points as the member saw them, those that are not ripe yet included."""

from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class MemberLeft(Fact, frozen=True, kw_only=True):
    """`principal_fen` was paid out in this `way`, the rest is forfeited. Told again when value came after leaving."""

    kind: ClassVar[str] = "member.left"
    card_no: str
    principal_fen: int
    gift_fen: int
    points: int
    coupons: int
    way: str = ""
    note: str = ""


class MemberErased(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "member.erased"
    card_no: str


class MembersMerged(Fact, frozen=True, kw_only=True):
    """The subject has now what the record `merged_id` had; these amounts moved."""

    kind: ClassVar[str] = "member.merged"
    merge_id: UUID
    merged_id: UUID
    card_no: str
    merged_card_no: str
    points: int
    balance_fen: int
    coupons: int
    purchases: int


class MergeUndone(Fact, frozen=True, kw_only=True):
    """The record `merged_id` has again what it had; these amounts moved back."""

    kind: ClassVar[str] = "member.merge_undone"
    merge_id: UUID
    merged_id: UUID
    card_no: str
    merged_card_no: str
    points: int
    balance_fen: int

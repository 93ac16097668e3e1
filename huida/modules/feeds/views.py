"""What the feeds answer. Amounts are in fen or points; times are aware, in UTC."""

from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.loyalty import Unit
from huida.modules.members import OpenMember

T = TypeVar("T")


class Feed(TypedDict, Generic[T]):
    """The next rows. `cursor` goes on after them, now or tomorrow: keep it. `more` tells whether there are more already."""

    items: list[T]
    cursor: str
    more: bool


class FedPurchase(TypedDict):
    """A purchase as it is now. `points` is all that it earned; `history` was loaded from an older system."""

    id: UUID
    store: str
    till_no: str
    member_id: UUID
    card_no: str
    total_fen: int
    balance_fen: int
    principal_fen: int
    points: int
    refunded_fen: int
    history: bool
    occurred_at: datetime
    recorded_at: datetime


class FedRefund(TypedDict):
    """A refund: `store` is where it was given, `purchase_store` where the thing was bought; `points` is what it took."""

    id: UUID
    store: str
    till_no: str
    purchase_id: UUID
    purchase_store: str
    purchase_till_no: str
    member_id: UUID
    card_no: str
    amount_fen: int
    balance_fen: int
    points: int
    occurred_at: datetime
    recorded_at: datetime


class FedRecharge(TypedDict):
    id: UUID
    store: str
    till_no: str
    member_id: UUID
    card_no: str
    paid_fen: int
    gift_fen: int
    gift_points: int
    occurred_at: datetime
    recorded_at: datetime


class FedReversal(TypedDict):
    """A recharge that was taken back."""

    id: UUID
    store: str
    till_no: str
    recharge_id: UUID
    recharge_till_no: str
    member_id: UUID
    card_no: str
    paid_fen: int
    gift_fen: int
    points: int
    reason: str
    recorded_at: datetime


class FedTransfer(TypedDict):
    """A movement of the ledger. `seq` counts a member's movements of a unit without a gap, so the chain can be checked."""

    member_id: UUID
    card_no: str
    unit: Unit
    seq: int
    amount: int
    balance_after: int
    contra: str
    reason: str
    source_type: str
    source_id: UUID
    recorded_at: datetime


class FedMember(OpenMember):
    """A member as of now, in the place of the newest change."""

    changed_at: datetime

"""What the orders' doors answer. Amounts are in fen; times are aware, in UTC."""

from datetime import datetime
from typing import Any, Literal, NotRequired
from uuid import UUID

from typing_extensions import TypedDict


class RowError(TypedDict):
    """Why a row was refused: a stable code, its text in the reader's language, and the field."""

    code: str
    title: str
    where: str


class TillOutcome(TypedDict):
    """What became of a till's report. `points` is what it moved, `points_pending` what ripens later; `…_after` are the balances
    that it left, where it touched them. In the answer to a batch `row` is the row's place, from 0.
    """

    status: Literal["recorded", "repeated", "refused"]
    till_no: str
    id: NotRequired[UUID]
    row: NotRequired[int]
    points: NotRequired[int]
    points_pending: NotRequired[int]
    points_after: NotRequired[int]
    balance_after_fen: NotRequired[int]
    gift_fen: NotRequired[int]
    error: NotRequired[RowError]


class Purchase(TypedDict):
    """A purchase: `balance_fen` of `total_fen` was paid from stored value, `refunded_fen` was given back so far."""

    id: UUID
    store_code: str
    store_name: str
    till_no: str
    member_id: UUID
    total_fen: int
    balance_fen: int
    points: int
    refunded_fen: int
    occurred_at: datetime


class ListedPurchase(Purchase):
    """A purchase in the console's list, with whose it is."""

    member_name: str
    card_no: str


class PurchaseTotals(TypedDict):
    """What the purchases of a list come to; amounts in fen, `refunded_fen` of them was given back."""

    purchases: int
    total_fen: int
    balance_fen: int
    refunded_fen: int
    points: int


class Receipt(Purchase):
    """A purchase with its lines, as the till sent them."""

    items: list[dict[str, Any]]


class SignOffReminder(TypedDict):
    """The fact that a member will be reminded by."""

    fact_id: UUID


class SignOff(TypedDict):
    """What a reminder told: the order and when it will be signed off by itself."""

    order_no: str
    sign_at: datetime
    remind_at: datetime

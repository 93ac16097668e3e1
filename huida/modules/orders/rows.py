"""What tills send and what they are answered, and the pure checks on a row."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.errors import AppError, Invalid

LATEST = timedelta(minutes=10)
EARLIEST = timedelta(days=366)
MOST_FEN = 100_000_000_00


class Who(msgspec.Struct, kw_only=True):
    """A member by card number, phone or openid: exactly one of them."""

    card_no: str | None = None
    phone: str | None = None
    openid: str | None = None

    @property
    def ref(self) -> tuple[str, str] | None:
        """(`card_no` | `phone` | `openid`, value); None unless exactly one is given."""
        if self.card_no and not self.phone and not self.openid:
            return ("card_no", self.card_no)
        given = [(k, v) for k, v in (("card_no", self.card_no), ("phone", self.phone), ("openid", self.openid)) if v]
        return given[0] if len(given) == 1 else None


class PurchaseIn(Who, kw_only=True):
    """A purchase as a till reports it. Amounts in fen; `balance_fen` of the total is paid from stored value."""

    store: str
    till_no: str
    total_fen: int
    balance_fen: int = 0
    occurred_at: datetime | None = None
    items: list[dict[str, Any]] | None = None


class RechargeIn(Who, kw_only=True):
    store: str
    till_no: str
    paid_fen: int
    occurred_at: datetime | None = None


class RefundIn(msgspec.Struct, kw_only=True):
    """A refund of (part of) a purchase, named by its store and till number."""

    store: str
    till_no: str
    purchase_till_no: str
    amount_fen: int
    occurred_at: datetime | None = None


class SignOffIn(Who, kw_only=True):
    order_no: str
    sign_at: datetime
    remind_at: datetime | None = None


class Outcome(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One row's answer. `status`: recorded, repeated (it was recorded before) or refused."""

    status: str
    till_no: str = ""
    id: UUID | None = None
    points: int | None = None
    points_after: int | None = None
    balance_after_fen: int | None = None
    gift_fen: int | None = None
    error: AppError | None = None


def check_key(store: str, till_no: str) -> None:
    if not 1 <= len(store) <= 32:
        raise Invalid(code="orders.bad_store", where="store")
    if not 1 <= len(till_no) <= 64 or not till_no.isprintable():
        raise Invalid(code="orders.bad_till_no", where="till_no")


def check_time(occurred_at: datetime | None, now: datetime) -> datetime:
    """The time of the event. Raises Invalid without a zone, in the future (over 10 minutes) or over a year ago."""
    if occurred_at is None:
        return now
    if occurred_at.tzinfo is None:
        raise Invalid(code="orders.time_without_zone", where="occurred_at")
    if occurred_at > now + LATEST:
        raise Invalid(code="orders.time_in_future", where="occurred_at")
    if occurred_at < now - EARLIEST:
        raise Invalid(code="orders.time_too_old", where="occurred_at")
    return occurred_at


def check_purchase(row: PurchaseIn) -> None:
    """Raises Invalid saying what is wrong and where."""
    check_key(row.store, row.till_no)
    if row.ref is None:
        raise Invalid(code="orders.one_member_ref", where="card_no")
    if not 0 < row.total_fen <= MOST_FEN:
        raise Invalid(code="orders.bad_amount", where="total_fen")
    if not 0 <= row.balance_fen <= row.total_fen:
        raise Invalid(code="orders.bad_amount", where="balance_fen")
    if row.items is not None and b"\\u0000" in msgspec.json.encode(row.items):
        raise Invalid(code="orders.bad_items", where="items")


def check_recharge(row: RechargeIn) -> None:
    """Raises Invalid saying what is wrong and where."""
    check_key(row.store, row.till_no)
    if row.ref is None:
        raise Invalid(code="orders.one_member_ref", where="card_no")
    if not 0 < row.paid_fen <= MOST_FEN:
        raise Invalid(code="orders.bad_amount", where="paid_fen")

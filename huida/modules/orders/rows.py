"""What tills send and what they are answered, and the pure checks on a row."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.errors import AppError, Invalid
from huida.kernel.intake.bodies import check_plain, suspicious
from huida.kernel.money import MOST_FEN

LATEST = timedelta(minutes=10)
EARLIEST = timedelta(days=366)
LATEST_SIGN_OFF = timedelta(days=3660)
MOST_ITEMS = 1000
LONGEST_REF = 64


class Who(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
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


class PurchaseIn(Who, kw_only=True, forbid_unknown_fields=True):
    """A purchase as a till reports it. Amounts in fen; `balance_fen` of the total is paid from stored value.

    Blanks around a till number do not make another one (B-17), here and below.
    """

    store: str
    till_no: str
    total_fen: int
    balance_fen: int = 0
    occurred_at: datetime | None = None
    items: list[dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        self.till_no = self.till_no.strip()


class RechargeIn(Who, kw_only=True, forbid_unknown_fields=True):
    store: str
    till_no: str
    paid_fen: int
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        self.till_no = self.till_no.strip()


class RefundIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A refund of (part of) a purchase, named by its till number and its store: that of the refund, or `purchase_store`."""

    store: str
    till_no: str
    purchase_till_no: str
    purchase_store: str | None = None
    amount_fen: int
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        self.till_no, self.purchase_till_no = self.till_no.strip(), self.purchase_till_no.strip()


class ReversalIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A recharge that was reported wrongly, named by its store and till number, and why it is taken back."""

    store: str
    till_no: str
    recharge_till_no: str
    reason: str

    def __post_init__(self) -> None:
        self.till_no, self.recharge_till_no = self.till_no.strip(), self.recharge_till_no.strip()


class SignOffIn(Who, kw_only=True, forbid_unknown_fields=True):
    order_no: str
    sign_at: datetime
    remind_at: datetime | None = None


class Outcome(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One row's answer. `status`: recorded, repeated (it was recorded before) or refused."""

    status: str
    till_no: str = ""
    id: UUID | None = None
    points: int | None = None
    points_pending: int | None = None
    points_after: int | None = None
    balance_after_fen: int | None = None
    gift_fen: int | None = None
    error: AppError | None = None


def check_key(store: str, till_no: str) -> None:
    if not 1 <= len(store) <= 32 or "\0" in store:
        raise Invalid(code="orders.bad_store", where="store")
    check_till_no(till_no, where="till_no")


def check_till_no(till_no: str, *, where: str) -> None:
    if not 1 <= len(till_no) <= 64 or not till_no.isprintable():
        raise Invalid(code="orders.bad_till_no", where=where)


def check_who(row: Who) -> None:
    """Exactly one member, named by what a card, a phone or WeChat can bear: nothing longer, no NUL of a scanner."""
    if row.ref is None:
        raise Invalid(code="orders.one_member_ref", where="card_no")
    where, name = row.ref
    if len(name) > LONGEST_REF or "\0" in name:
        raise Invalid(where=where)


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
    """Raises Invalid saying what is wrong and where. A total of nothing is a visit: free goods, a full discount (B-23)."""
    check_key(row.store, row.till_no)
    check_who(row)
    if not 0 <= row.total_fen <= MOST_FEN:
        raise Invalid(code="orders.bad_amount", where="total_fen")
    if not 0 <= row.balance_fen <= row.total_fen:
        raise Invalid(code="orders.bad_amount", where="balance_fen")
    if row.items is not None:
        _check_items(row.items)


def _check_items(items: list[dict[str, Any]]) -> None:
    if len(items) > MOST_ITEMS:
        raise Invalid(code="orders.bad_items", where="items")
    raw = msgspec.json.encode(items)
    if suspicious(raw):
        try:
            check_plain(items)
        except Invalid:
            raise Invalid(code="orders.bad_items", where="items") from None


def check_refund(row: RefundIn) -> None:
    """Raises Invalid saying what is wrong and where."""
    check_key(row.store, row.till_no)
    check_till_no(row.purchase_till_no, where="purchase_till_no")
    if row.purchase_store is not None and (not 1 <= len(row.purchase_store) <= 32 or "\0" in row.purchase_store):
        raise Invalid(code="orders.bad_store", where="purchase_store")
    if not 0 < row.amount_fen <= MOST_FEN:
        raise Invalid(code="orders.bad_amount", where="amount_fen")


def check_reversal(row: ReversalIn) -> None:
    """Raises Invalid saying what is wrong and where: a reason of 1 to 200 characters is told."""
    check_key(row.store, row.till_no)
    check_till_no(row.recharge_till_no, where="recharge_till_no")
    if not 1 <= len(row.reason.strip()) <= 200 or not row.reason.isprintable():
        raise Invalid(code="orders.bad_reason", where="reason")


def check_sign_off(row: SignOffIn, now: datetime) -> None:
    """Raises Invalid saying what is wrong and where: an order is signed off within ten years, and was not a year ago."""
    if not 1 <= len(row.order_no) <= 64 or not row.order_no.isprintable():
        raise Invalid(code="orders.bad_order_no", where="order_no")
    check_who(row)
    for where, moment in (("sign_at", row.sign_at), ("remind_at", row.remind_at)):
        if moment is None:
            continue
        if moment.tzinfo is None:
            raise Invalid(code="orders.time_without_zone", where=where)
        if moment < now - EARLIEST:
            raise Invalid(code="orders.time_too_old", where=where)
        if moment > now + LATEST_SIGN_OFF:
            raise Invalid(code="orders.time_in_future", where=where)


def check_recharge(row: RechargeIn) -> None:
    """Raises Invalid saying what is wrong and where."""
    check_key(row.store, row.till_no)
    check_who(row)
    if not 0 < row.paid_fen <= MOST_FEN:
        raise Invalid(code="orders.bad_amount", where="paid_fen")

"""Pure decisions of coupons: terms, codes, validity, who gets one of what is left."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from huida.kernel.clock import SHOP_ZONE, business_day
from huida.kernel.errors import Conflict, Invalid
from huida.kernel.money import bp_of
from huida.modules.coupons.models import KINDS, CouponState

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without 0, 1, I, L, O. 31 letters: with a prime modulus the check letter finds every wrong or swapped letter."""

CODE_LENGTH = 10
LARGEST_STOCK = 10_000_000
LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Terms:
    """What a template promises. A fixed range (`valid_from` to `valid_to`) or `valid_days` after the claim.

    An order takes at most `per_order` of it, and no other coupons beside it when it stands `alone`.
    """

    name: str
    kind: str
    total: int
    amount_fen: int = 0
    threshold_fen: int = 0
    discount_bp: int = 0
    per_member: int = 1
    valid_from: date | None = None
    valid_to: date | None = None
    valid_days: int | None = None
    claimable: bool = True
    note: str = ""
    alone: bool = False
    per_order: int = 1


@dataclass(frozen=True, slots=True)
class Coupon:
    """One coupon as its holder, a till and the console see it."""

    id: UUID
    template_id: UUID
    member_id: UUID
    code: str
    name: str
    state: CouponState
    issued_at: datetime
    valid_from: datetime
    valid_until: datetime
    used_at: datetime | None = None
    store_code: str = ""
    order_ref: str = ""
    reason: str = ""
    off_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Gift:
    """A coupon for a member; `source_key` names what it is for, so the same reason never gives twice."""

    member_id: UUID
    source_key: str


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a gift: a coupon (`repeated` when it was given before) or a refusal."""

    coupon: Coupon | None
    repeated: bool = False
    refusal: Conflict | None = None


@dataclass
class Admission:
    """Which gifts get a coupon, which are the repetition of one, and why the others get none."""

    fresh: list[int] = field(default_factory=list)
    same_as: dict[int, int] = field(default_factory=dict)
    refused: dict[int, Conflict] = field(default_factory=dict)


def check_terms(terms: Terms) -> None:
    """Raises Invalid, naming the field."""
    if not 1 <= len(terms.name.strip()) <= 40:
        raise Invalid(code="coupon.bad_name", where="name")
    if terms.kind not in KINDS:
        raise Invalid(code="coupon.bad_kind", where="kind")
    if not 1 <= terms.total <= LARGEST_STOCK:
        raise Invalid(code="coupon.bad_total", where="total", most=LARGEST_STOCK)
    if not 1 <= terms.per_member <= 100:
        raise Invalid(code="coupon.bad_per_member", where="per_member", most=100)
    if not 1 <= terms.per_order <= 100:
        raise Invalid(code="coupon.bad_per_order", where="per_order", most=100)
    _check_worth(terms)
    fixed = terms.valid_from is not None and terms.valid_to is not None and terms.valid_days is None
    rolling = terms.valid_days is not None and terms.valid_from is None and terms.valid_to is None
    if fixed and terms.valid_from is not None and terms.valid_to is not None and terms.valid_from > terms.valid_to:
        raise Invalid(code="coupon.bad_validity", where="valid_to")
    if rolling and terms.valid_days is not None and not 1 <= terms.valid_days <= LONGEST_DAYS:
        raise Invalid(code="coupon.bad_validity", where="valid_days")
    if not fixed and not rolling:
        raise Invalid(code="coupon.bad_validity", where="valid_days")


def _check_worth(terms: Terms) -> None:
    if terms.threshold_fen < 0:
        raise Invalid(code="coupon.bad_threshold", where="threshold_fen")
    if terms.kind == "cash" and not (terms.amount_fen > 0 and terms.discount_bp == 0):
        raise Invalid(code="coupon.bad_amount", where="amount_fen")
    if terms.kind == "cash" and 0 < terms.threshold_fen < terms.amount_fen:
        raise Invalid(code="coupon.bad_threshold", where="threshold_fen")
    if terms.kind == "discount" and not (0 < terms.discount_bp < 10_000 and terms.amount_fen >= 0):
        raise Invalid(code="coupon.bad_discount", where="discount_bp")
    if terms.kind == "gift" and (terms.amount_fen or terms.discount_bp):
        raise Invalid(code="coupon.bad_amount", where="amount_fen")


def worth_fen(*, kind: str, amount_fen: int, discount_bp: int, order_fen: int) -> int:
    """What a coupon takes off an order. `discount_bp` is what remains to pay (8500: 85 %, "8.5 折"), rounded up.

    For a discount, `amount_fen` is the most it takes off (0: no limit).
    """
    if kind == "cash":
        return min(amount_fen, order_fen)
    if kind == "discount":
        off = bp_of(order_fen, 10_000 - discount_bp)
        return min(off, amount_fen) if amount_fen else off
    return 0


def validity(
    now: datetime, *, valid_from: date | None, valid_to: date | None, valid_days: int | None
) -> tuple[datetime, datetime]:
    """From when and to which last second a coupon given now can be used; whole days of the shop."""
    if valid_from is not None and valid_to is not None:
        return start_of(valid_from), end_of(valid_to)
    assert valid_days is not None
    return now, end_of(business_day(now) + timedelta(days=valid_days))


def start_of(day: date) -> datetime:
    """The first moment of a shop day."""
    return datetime.combine(day, time(0), SHOP_ZONE).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The last second of a shop day."""
    return datetime.combine(day, time(23, 59, 59), SHOP_ZONE).astimezone(UTC)


def new_code() -> str:
    """Nine random letters and their check letter."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH - 1))
    return letters + check_letter(letters)


def check_letter(letters: str) -> str:
    """The check letter of a code's first letters: their sum, each times its place."""
    return ALPHABET[sum(place * ALPHABET.index(letter) for place, letter in enumerate(letters, start=1)) % 31]


def normal_code(text: str) -> str:
    """A code as it is stored: capitals, no spaces or dashes. Raises Invalid when it cannot be one (mistyped)."""
    code = text.strip().upper().replace(" ", "").replace("-", "")
    if len(code) != CODE_LENGTH or not set(code) <= set(ALPHABET) or check_letter(code[:-1]) != code[-1]:
        raise Invalid(code="coupon.bad_code", where="code")
    return code


def admit(
    gifts: Sequence[Gift], *, left: int, per_member: int, held: Mapping[UUID, int], known: Collection[str]
) -> Admission:
    """First come, first served; what was given before takes nothing from stock or limit."""
    result = Admission()
    after = dict(held)
    seen: dict[str, int] = {}
    for number, gift in enumerate(gifts):
        if gift.source_key in known:
            continue
        if gift.source_key in seen:
            result.same_as[number] = seen[gift.source_key]
        elif after.get(gift.member_id, 0) >= per_member:
            result.refused[number] = Conflict(code="coupon.limit_reached", limit=per_member)
        elif len(result.fresh) >= left:
            result.refused[number] = Conflict(code="coupon.sold_out")
        else:
            after[gift.member_id] = after.get(gift.member_id, 0) + 1
            seen[gift.source_key] = number
            result.fresh.append(number)
    return result

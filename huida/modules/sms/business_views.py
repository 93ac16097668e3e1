"""What the doors of the SMS business answer: packages, purchases, parts, use. Money in fen, days as shops count them."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.sms.models import PayModel, Provider
from huida.modules.sms.ways import Why

PurchaseState = Literal["pending", "paid", "closed", "refunding", "refunded"]
SetUpStep = Literal["provider", "pricing", "signature", "receiving"]


class SmsPackageOffer(TypedDict):
    """So many parts for so much money."""

    id: UUID
    name: str
    parts: int
    price_fen: int


class SmsPackage(SmsPackageOffer):
    """A package as the operators keep it; `for_sale` is whether it can be bought right now."""

    on_sale: bool
    for_sale: bool
    valid_from: datetime
    valid_until: datetime | None
    position: int
    updated_at: datetime
    version: str


class SmsPurchase(TypedDict):
    """A package that the merchant ordered, as it was then."""

    id: UUID
    name: str
    parts: int
    price_fen: int
    state: PurchaseState
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    closed_at: datetime | None


class SmsPayCode(TypedDict):
    """What a phone scans to pay; `qr` is its picture (data URI)."""

    code_url: str
    qr: str
    expires_at: datetime


class SmsLimits(TypedDict):
    """Limits of a day: `soft` warns, `hard` stops; `low_parts` is the merchant's own threshold, null for the usual."""

    low_parts: int | None
    soft_parts: int | None
    hard_parts: int | None
    soft_fen: int | None
    hard_fen: int | None
    version: str


class SmsCaps(TypedDict):
    """What the operators allow in a day."""

    cap_parts: int | None
    cap_fen: int | None
    version: str


class SmsStep(TypedDict):
    """A step of the set-up, in its order (S2-12)."""

    code: SetUpStep
    done: bool


class SmsParts(TypedDict):
    """What the merchant has left and may use today; `why` says why nothing can be sent now."""

    model: PayModel
    why: Why
    parts_left: int
    parts_owed: int
    low_at: int
    low: bool
    part_fen: int
    today_parts: int
    today_fen: int
    limits: SmsLimits
    caps: SmsCaps
    steps: list[SmsStep]
    can_buy: bool
    packages: list[SmsPackageOffer]


class SmsUsageRow(TypedDict):
    """Messages of a day by scenario and provider (empty: not sent yet)."""

    day: date
    scenario: str
    scenario_label: str
    provider: str
    messages: int
    delivered: int
    failed: int
    parts: int
    cost_fen: int


class SmsUsage(TypedDict):
    """A merchant's use between two days."""

    since: date
    until: date
    messages: int
    parts: int
    cost_fen: int
    items: list[SmsUsageRow]


class SmsPrice(TypedDict):
    """What a part costs from a moment on; `state` says whether that is past, now or to come."""

    valid_from: datetime
    valid_until: datetime | None
    part_fen: int
    state: Literal["past", "now", "later"]
    entered_at: datetime


class SmsQualityDay(TypedDict):
    """How well a provider did on a day; times are those of receipts, in seconds."""

    day: date
    messages: int
    accepted: int
    delivered: int
    failed: int
    parts: int
    median_s: int | None
    p95_s: int | None


class SmsProviderState(TypedDict):
    """A provider's account with how it answers: it rests until `rests_until` after too many failures in a row."""

    provider: Provider
    state: Literal["active", "off"]
    weight: int
    version: str
    share: float
    health: Literal["good", "failing", "resting", "off", "unknown"]
    failures: int
    rests_until: datetime | None
    last_code: str
    failed_at: datetime | None
    answered_at: datetime | None
    texts: int
    quality: list[SmsQualityDay]


class SmsMerchantRow(TypedDict):
    """A merchant's use and money in a span of days, and what it has left as of the last count."""

    merchant_id: int
    merchant: str
    model: PayModel
    parts_left: int
    parts_owed: int
    messages: int
    parts: int
    post_paid_fen: int
    paid_fen: int
    as_of: datetime | None


class SmsGrant(TypedDict):
    """Parts that an operator gave by hand (negative: took back)."""

    id: UUID
    parts: int
    reason: str
    granted_at: datetime


class SmsMerchant(TypedDict):
    """One merchant's SMS for the operators."""

    merchant_id: int
    model: PayModel
    why: Why
    parts_left: int
    parts_owed: int
    parts_used: int
    used_fen: int
    caps: SmsCaps
    limits: SmsLimits
    grants: list[SmsGrant]
    purchases: list[SmsPurchase]

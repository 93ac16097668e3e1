"""What the sms module records."""

from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class SmsReported(Fact, frozen=True, kw_only=True):
    """The carrier's word on one message: `state` is delivered or failed. `out_id` is the number we gave it."""

    kind: ClassVar[str] = "sms.reported"
    out_id: str
    provider: str
    provider_ref: str
    state: str
    code: str = ""
    parts: int | None = None


class SignatureMoved(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "sms.signature_moved"
    name: str
    before: str
    after: str
    reason: str = ""


class SmsPartsLow(Fact, frozen=True, kw_only=True):
    """The parts that a merchant bought are running out; told once until it buys again (S2-67)."""

    kind: ClassVar[str] = "sms.parts_low"
    parts_left: int
    threshold: int


class SmsBudgetReached(Fact, frozen=True, kw_only=True):
    """A day's limit is reached, told once a day: `soft` warns, `hard` stops."""

    kind: ClassVar[str] = "sms.budget_reached"
    limit: str
    day: str
    parts: int
    cost_fen: int
    most_parts: int | None = None
    most_fen: int | None = None


class SmsPartsBought(Fact, frozen=True, kw_only=True):
    """A package was paid for, and its parts can be used (S2-62)."""

    kind: ClassVar[str] = "sms.parts_bought"
    purchase_id: UUID
    name: str
    parts: int
    price_fen: int


class SmsPartsGranted(Fact, frozen=True, kw_only=True):
    """An operator gave parts by hand, or took them back."""

    kind: ClassVar[str] = "sms.parts_granted"
    grant_id: UUID
    parts: int
    reason: str


class SmsPartsTaken(Fact, frozen=True, kw_only=True):
    """The parts of a purchase were taken back, and its money is on its way."""

    kind: ClassVar[str] = "sms.parts_taken"
    purchase_id: UUID
    parts: int
    reason: str


class SmsPlanChanged(Fact, frozen=True, kw_only=True):
    """How a merchant pays, or how much it may spend in a day, was changed; only what changed is named."""

    kind: ClassVar[str] = "sms.plan_changed"
    changed: dict[str, int | str | None]

"""What the doors of verification answer. Times are aware, in UTC; money in fen."""

from datetime import datetime
from uuid import UUID

from typing_extensions import TypedDict


class CodeEntries(TypedDict):
    """Which doors are open outside WeChat, by scenario."""

    register: bool
    recover: bool
    login: bool
    bind: bool


class CodeAsked(TypedDict):
    """A code is on its way; it can be used for `minutes`, and asked for again after `again_s` seconds."""

    minutes: int
    again_s: int


class CodeTemplate(TypedDict):
    """An enabled SMS template of a code scenario; `sample` is the whole text with made-up values."""

    id: UUID
    name: str
    content: str
    sample: str


class CodeScenario(TypedDict):
    """A code scenario in the console; `trouble` is why no code could go out now, a text in the reader's language."""

    scenario: str
    label: str
    live: bool
    template_id: UUID | None
    templates: list[CodeTemplate]
    trouble: str | None
    trouble_code: str | None
    sent_today: int
    version: str


class CodeLimit(TypedDict):
    """How many codes may be asked for; `seconds` is null for a calendar day."""

    name: str
    most: int
    seconds: int | None


class ShopLimits(TypedDict):
    """How many codes a merchant lets out in an hour and a day: its own numbers and the operators' caps; the smaller one holds."""

    hour: int
    day: int
    cap_hour: int | None
    cap_day: int | None
    version: str
    cap_version: str


class CodeCaps(ShopLimits):
    """A merchant's limits of codes as operators see them."""

    sent_today: int


class CodeSettings(TypedDict):
    """`limits` are those that hold; `shop` is what the merchant's two come from."""

    scenarios: list[CodeScenario]
    limits: list[CodeLimit]
    shop: ShopLimits
    minutes: int
    tries: int


class CodeRecord(TypedDict):
    """One code that was asked for; the phone is its last four digits, the code itself is never shown."""

    id: UUID
    scenario: str
    phone: str
    state: str
    reason: str
    parts: int
    cost_fen: int
    created_at: datetime
    used_at: datetime | None
    tries: int

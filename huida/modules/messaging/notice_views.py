"""What the doors of the mall's notices answer. Times are aware, in UTC."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.messaging.library import Channel, Policy
from huida.modules.messaging.views import Variable

TextState = Literal["enabled", "disabled"]


class SmsTemplate(TypedDict):
    """An SMS text of the store. `paused_reason`: the provider has another text now, or none; `used_by` are live notices.

    `sample` is the text as a phone shows it, `parts` what the carrier bills for it.
    """

    id: UUID
    name: str
    scenario: str
    content: str
    placeholders: list[str]
    mapping: dict[str, str]
    codes: dict[str, str]
    state: TextState
    paused_reason: str | None
    used_by: list[str]
    sample: str
    parts: int
    checked_at: datetime | None
    updated_at: datetime
    updated_by: str
    version: str


class SmsScenario(TypedDict):
    """A scenario that texts can be written for, with what they can say."""

    code: str
    label: str
    label_en: str
    family: str
    variables: list[Variable]


class SmsTemplates(TypedDict):
    """The store's texts, the scenarios for new ones, and the providers in use."""

    locked: bool
    items: list[SmsTemplate]
    scenarios: list[SmsScenario]
    providers: list[str]


class AddedText(TypedDict):
    id: UUID


class ApprovedText(TypedDict):
    """What a provider approved under a template's number, with its placeholders in order."""

    provider: str
    code: str
    content: str
    placeholders: list[str]


class ChosenPolicy(TypedDict):
    """How a scenario's channels go together after the change, and the channels that the change stopped."""

    scenario: str
    policy: Policy
    stopped: list[Channel]


class Fitness(TypedDict):
    """What the connected account is, and what it should be for notices of the mall."""

    channel: Channel
    kind: Literal["industry", "category"]
    state: Literal["ok", "mismatch", "unknown", "not_connected"]
    found: list[str]
    wanted: list[str]


class Looking(TypedDict):
    """The comparison is asked for; what it finds is told by facts."""

    state: Literal["queued"]


class RemapOffer(TypedDict):
    """A template that a paused channel could go on with; `open` are its fields that are still empty."""

    template_id: str
    title: str
    mapping: dict[str, str]
    open: list[str]


class RemapAnswer(TypedDict):
    """Null when the account has no template that would do."""

    offer: RemapOffer | None


class Recipient(TypedDict):
    """Somebody of the staff; bound to a WeChat account or not. `account` is the end of that account's id, for telling one
    from another; `trouble`: a code was scanned by the wrong person."""

    staff_id: UUID
    name: str
    role: str
    bound: bool
    follows: bool
    bound_at: datetime | None
    account: str
    scenarios: list[str]
    waiting_until: datetime | None
    trouble: str
    version: str | None


class Invitation(TypedDict):
    """A QR code for one person: what it holds, and a picture of that. It works once, until it expires."""

    content: str
    picture: str
    expires_at: datetime


class NoticeRules(TypedDict):
    """What is asked of accounts: a pair of industries and one of the categories; and numbers of default templates."""

    industries: list[list[str]]
    categories: list[str]
    numbers: dict[str, str]
    defaults: list["DefaultNumber"]
    version: str


class DefaultNumber(TypedDict):
    """A scenario's default template in the service account's category library."""

    scenario: str
    label: str
    label_en: str
    title: str
    number: str

"""What the messaging doors answer. Times are aware, in UTC; costs are in fen."""

from datetime import datetime
from typing import Any, Literal, NotRequired
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.messaging.library import Channel, Family, Group, Policy
from huida.providers.wechat.params import Kind

DeliveryState = Literal["queued", "retrying", "unknown", "accepted", "delivered", "failed", "dead", "not_attempted"]
Decision = Literal[DeliveryState, "not_told", "merged", "waiting"]
TemplateKind = Literal["one_time", "long_term", "template"]
ProposalState = Literal["draft", "submitted", "in_review", "approved", "rejected"]


class Variable(TypedDict):
    """A variable that a scenario offers; its type decides which template fields can carry it."""

    key: str
    label: str
    label_en: str
    type: Literal["text", "name", "code", "money", "signed_money", "int", "time"]
    sample: str
    group: Group


class ScenarioOptions(TypedDict, total=False):
    """Days after the issue and before the end at which an unused coupon is called to mind; 0 is off."""

    remind_after_days: int
    remind_before_days: int


class ScenarioChannel(TypedDict):
    """A scenario's settings in one channel; `mapping` says what each field of the template shows. Never saved: no times.

    `system`: the template is the system's default for the scenario.
    """

    channel: Channel
    live: bool
    template_id: str
    mapping: dict[str, str]
    system: bool
    paused_reason: NotRequired[str | None]
    updated_at: NotRequired[datetime]
    updated_by: NotRequired[str]


class Scenario(TypedDict):
    """One automatic push with what it can say and its channels; `page` is what the member's tap opens.

    `policy` says how its live channels go together, `policies` which may be chosen, `order` who is tried first.
    `version` is that of everything which is saved for it: its channels, its policy and its options.
    """

    code: str
    label: str
    label_en: str
    family: Family
    policy: Policy
    policies: list[Policy]
    order: list[Channel]
    options: ScenarioOptions
    default_title: str
    page: str
    variables: list[Variable]
    channels: list[ScenarioChannel]
    version: str


class Scenarios(TypedDict):
    """All scenarios; `locked` until the merchant has bought the module."""

    locked: bool
    items: list[Scenario]


class LiveChannel(TypedDict):
    """The scenario's live channel after a change, and the channels that the change stopped."""

    scenario: str
    live: Channel | None
    stopped: list[Channel]


class SavedOptions(TypedDict):
    scenario: str
    options: ScenarioOptions


class TemplateField(TypedDict):
    """One line of a template; `kind` says which values WeChat takes."""

    label: str
    key: str
    kind: Kind


class MyTemplate(TypedDict):
    """A template in the account's own list; `choices` are the values of its enum fields, `used_by` live scenarios."""

    number: int
    template_id: str
    title: str
    content: str
    example: str
    kind: TemplateKind
    choices: dict[str, list[str]]
    scene: str
    used_by: list[str]
    fields: list[TemplateField]


class StoppedScenarios(TypedDict):
    """The scenarios that stopped because their template is gone."""

    stopped: list[str]


class LibraryTemplate(TypedDict):
    """A template of the public library."""

    tid: int
    title: str
    kind: Literal["one_time", "long_term"]
    category: str


class Library(TypedDict):
    """What was found; when nothing was, a template may be proposed. `wechat_console` is WeChat's own page."""

    total: int
    items: list[LibraryTemplate]
    may_propose: bool
    wechat_console: str


class LibraryKeywordView(TypedDict):
    """A keyword of a public template; `key` is its name in messages, `rule` its field type."""

    kid: int
    name: str
    example: str
    rule: str
    key: str


class AddedTemplate(TypedDict):
    template_id: str


class PlannedDefault(TypedDict):
    """What the default template would do for a scenario; `template_id` is empty when it is still to be added."""

    scenario: str
    title: str
    template_id: str
    stops: list[Channel]


class DefaultsPlan(TypedDict):
    """The preview of the default templates; `without` are scenarios that have none."""

    items: list[PlannedDefault]
    without: list[str]


class DefaultsOutcome(TypedDict):
    """By scenario: `enabled`, or the code of what stood in the way."""

    outcome: dict[str, str]


class TemplateProposal(TypedDict):
    """A template that the merchant proposed to the public library."""

    id: UUID
    title: str
    keywords: list[str]
    scene: str
    state: ProposalState
    reason: str
    updated_at: datetime


class Delivery(TypedDict):
    """A message for one fact, scenario and slot; it is for a member or for one of the staff. `cost_fen` is for SMS.

    `address` is a phone's last digits, or an openid, masked for who may not see phones.
    """

    id: str
    scenario: str
    scenario_label: str
    audience: Literal["member", "staff"]
    slot: str
    member_id: UUID | None
    staff_id: UUID | None
    channel: Channel
    state: DeliveryState
    reason: str
    address: str
    template_id: str
    attempts: int
    parts: int
    cost_fen: int
    provider_ref: str
    created_at: datetime
    sent_at: datetime | None
    done_at: datetime | None


class DeliveryRow(Delivery):
    """A delivery in the list, with whom it is for."""

    member_name: str
    card_no: str


class FieldValue(TypedDict):
    value: str


class MiniProgramPage(TypedDict):
    appid: str
    pagepath: str


class MessageBody(TypedDict, total=False):
    """What the provider was given: `data` by field for WeChat, `text` and `params` for SMS."""

    touser: str
    template_id: str
    data: dict[str, FieldValue]
    page: str
    miniprogram_state: str
    lang: str
    client_msg_id: str
    url: str
    miniprogram: MiniProgramPage
    provider: str
    sign: str
    template: str
    params: dict[str, str]
    text: str


class DeliveryDetail(DeliveryRow):
    """A delivery with what it says; null when there was nothing to send."""

    body: MessageBody | None


class QueuedDelivery(TypedDict):
    id: str
    state: Literal["queued"]


class TraceStep(TypedDict):
    """What was decided about a fact for one scenario that it fires, and why."""

    scenario: str
    decision: Decision
    reason: str
    delivery: Delivery | None


class Trace(TypedDict):
    """Why a fact was told, held back or not attempted."""

    fact_id: UUID
    kind: str
    at: datetime
    actor: str
    steps: list[TraceStep]


class MadeMessage(TypedDict):
    """A message that was made for a fact of a member."""

    scenario: str
    channel: Channel
    state: DeliveryState
    reason: str


class TimelineEntry(TypedDict):
    """A member's fact with the messages that were made for it, if any; what `payload` holds depends on `kind`.

    `scenario`, `channel`, `state` and `reason` are those of the first message.
    """

    id: UUID
    kind: str
    actor: str
    at: datetime
    scenario: str | None
    channel: Channel | None
    state: DeliveryState | None
    reason: str | None
    messages: list[MadeMessage]
    payload: dict[str, Any]


class CreditAccount(TypedDict):
    """Subscriptions of one WeChat account for one template; `refused` when switched off in WeChat's settings.

    `openid` is masked for who may not see phones.
    """

    app_id: str
    openid: str
    template_id: str
    granted: int
    consumed: int
    refused: bool
    remaining: int


class SubscriptionEntry(TypedDict):
    """A template that the member centre may ask for."""

    scenario: str
    label: str
    template_id: str
    app_id: str


class Subscription(SubscriptionEntry):
    """A template that the member can subscribe to, and how many messages are still allowed."""

    remaining: int


class Subscriptions(TypedDict):
    """What can be subscribed to here; without anything there is no entry to show."""

    show_entry: bool
    items: list[Subscription]


class RemainingCredits(TypedDict):
    """How many messages each template still allows."""

    remaining: dict[str, int]

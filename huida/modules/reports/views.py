"""What the overview and the checklist answer. Money in fen, times aware UTC, days the shop's."""

from datetime import date, datetime
from typing import Literal

from typing_extensions import TypedDict

AttentionCode = Literal[
    "not_entitled",
    "connection_broken",
    "subscribe_not_open",
    "template_gone",
    "template_changed",
    "template_unapproved",
    "scenario_paused",
    "scenario_none",
    "messages_dead",
    "no_quota",
    "signature_rejected",
    "sms_not_set_up",
    "sms_no_balance",
    "sms_low",
    "sms_budget_hard",
    "sms_budget_soft",
    "codes_limit_hour",
    "codes_limit_day",
]
StepCode = Literal[
    "entitled",
    "store",
    "mini_program",
    "subscribe_open",
    "template",
    "scenario",
    "member",
    "credit",
    "till_key",
    "first_message",
    "official_account",
    "sms_signature",
    "staff",
]


class Day(TypedDict):
    """One of the shop's days. `delivered` counts messages that reached the member, `failed` those that will not."""

    messages: int
    delivered: int
    failed: int
    purchases: int
    sales_fen: int
    recharges_fen: int
    new_members: int


class DayMessages(TypedDict):
    """Messages handed to a provider on a day, by channel, and how many failed."""

    day: date
    subscribe: int
    sms: int
    template: int
    failed: int


class ChannelOutcome(TypedDict):
    channel: str
    state: str
    count: int
    parts: int
    cost_fen: int


class SmsMonth(TypedDict):
    """Parts billed since the month began and what they cost."""

    parts_month: int
    cost_fen_month: int


class Attention(TypedDict):
    """Something that needs a person: how often, and about what (an app's or a scenario's name)."""

    code: AttentionCode
    count: int
    subject: str | None


class Overview(TypedDict):
    today: Day
    yesterday: Day
    members: int
    days: list[DayMessages]
    channels: list[ChannelOutcome]
    sms: SmsMonth
    attention: list[Attention]
    as_of: datetime


class Step(TypedDict):
    code: StepCode
    done: bool
    optional: bool


class Checklist(TypedDict):
    """`done` and `total` count the steps that are needed."""

    done: int
    total: int
    finished: bool
    steps: list[Step]

"""What the messaging module records."""

from typing import Any, ClassVar

from huida.kernel.facts import Fact


class ChannelSaved(Fact, frozen=True, kw_only=True):
    """A channel of a scenario was saved and is live; `stopped` are the channels this stopped (S1-13, S1-16)."""

    kind: ClassVar[str] = "messaging.channel_saved"
    scenario: str
    channel: str
    template_id: str
    stopped: list[str]


class ChannelStopped(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "messaging.channel_stopped"
    scenario: str
    channel: str
    reason: str


class PolicyChosen(Fact, frozen=True, kw_only=True):
    """How the live channels of a scenario go together was set (X-01); `stopped` are the channels this stopped."""

    kind: ClassVar[str] = "messaging.policy_chosen"
    scenario: str
    before: str
    policy: str
    order: list[str]
    stopped: list[str]


class TemplateAdded(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "messaging.template_added"
    app_id: str
    template_id: str
    title: str


class TemplateRemoved(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "messaging.template_removed"
    app_id: str
    template_id: str
    title: str
    stopped: list[str]


class SmsTemplateSaved(Fact, frozen=True, kw_only=True):
    """An SMS text of the store was added, changed, enabled, disabled or removed (S2-54..S2-61)."""

    kind: ClassVar[str] = "messaging.sms_template_saved"
    template_id: str
    name: str
    scenario: str
    state: str
    change: str


class TemplateDrifted(Fact, frozen=True, kw_only=True):
    """A template is gone or says something else on WeChat's or the provider's side; `paused` are notices that stopped."""

    kind: ClassVar[str] = "messaging.template_drifted"
    channel: str
    template_id: str
    title: str
    change: str
    paused: list[str]


class StaffBound(Fact, frozen=True, kw_only=True):
    """A staff member's WeChat was bound for notices, or unbound (S2-50)."""

    kind: ClassVar[str] = "messaging.staff_bound"
    staff_id: str
    bound: bool
    why: str


class RecipientsChosen(Fact, frozen=True, kw_only=True):
    """Which notices a staff member gets was set (S2-50)."""

    kind: ClassVar[str] = "messaging.recipients_chosen"
    staff_id: str
    scenarios: list[str]


class DeliveryDied(Fact, frozen=True, kw_only=True):
    """A delivery failed its last try; it can be replayed from the console."""

    kind: ClassVar[str] = "messaging.delivery_died"
    fact_id: str
    scenario: str
    reason: str


def died(row: Any, reason: str) -> DeliveryDied:
    """Of a row of deliveries."""
    return DeliveryDied(
        subject_id=row["member_id"], fact_id=row["fact_id"].hex, scenario=row["scenario"], reason=reason
    )

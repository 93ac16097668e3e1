"""Messaging: who is told what, over which channel, and what became of it.

Owns: scenario_settings, bindings, wechat_templates, template_proposals, subscribe_credits, subscribe_reports, deliveries,
delivery_troubles, short_links. Of a scenario's three channels exactly one is live, the last one saved (S1-12). One fact makes at most one
message (S1-93, X-07), with a reason when it is not attempted. Credits are spent one by one. `accepted` is not `delivered`.
Facts: ChannelSaved, ChannelStopped, TemplateAdded, TemplateRemoved, DeliveryDied.
"""

from huida.modules.messaging.bindings import live, save_channel, save_settings, stop_channel
from huida.modules.messaging.catalogue import BY_CODE, MODULE, SCENARIOS, Scenario
from huida.modules.messaging.facts import ChannelSaved, ChannelStopped, DeliveryDied, TemplateAdded, TemplateRemoved
from huida.modules.messaging.invariants import INVARIANTS

__all__ = [
    "BY_CODE",
    "INVARIANTS",
    "MODULE",
    "SCENARIOS",
    "ChannelSaved",
    "ChannelStopped",
    "DeliveryDied",
    "Scenario",
    "TemplateAdded",
    "TemplateRemoved",
    "live",
    "save_channel",
    "save_settings",
    "stop_channel",
]

"""Messaging: who is told what, over which channel, and what became of it.

Owns: scenario_settings, bindings, wechat_templates, template_proposals, subscribe_credits, subscribe_reports, deliveries,
delivery_troubles, short_links, sms_templates, staff_bindings, staff_scenes, notice_rules. Of a member scenario's channels
exactly one is live, the last one saved (S1-12); those of the mall have a policy (X-01). One fact makes one notice for the
member (S1-93, X-07) and one for the shop's staff, with a reason when it is not attempted. Credits are spent one by one.
`accepted` is not `delivered`. Facts: ChannelSaved, ChannelStopped, PolicyChosen, TemplateAdded, TemplateRemoved,
DeliveryDied.
"""

from huida.modules.messaging.bindings import Chosen, chosen, live, save_channel, save_settings, stop_channel
from huida.modules.messaging.catalogue import BY_CODE, MODULE, SCENARIOS, Scenario
from huida.modules.messaging.facts import (
    ChannelSaved,
    ChannelStopped,
    DeliveryDied,
    PolicyChosen,
    TemplateAdded,
    TemplateRemoved,
)
from huida.modules.messaging.invariants import INVARIANTS
from huida.modules.messaging.lives import forget_accounts, hand_back, hand_over, wipe
from huida.modules.messaging.policies import choose_policy
from huida.modules.messaging.store_texts import StoreText, sms_template, sms_templates

__all__ = [
    "BY_CODE",
    "INVARIANTS",
    "MODULE",
    "SCENARIOS",
    "ChannelSaved",
    "ChannelStopped",
    "Chosen",
    "DeliveryDied",
    "PolicyChosen",
    "Scenario",
    "StoreText",
    "TemplateAdded",
    "TemplateRemoved",
    "choose_policy",
    "chosen",
    "forget_accounts",
    "hand_back",
    "hand_over",
    "live",
    "save_channel",
    "save_settings",
    "sms_template",
    "sms_templates",
    "stop_channel",
    "wipe",
]

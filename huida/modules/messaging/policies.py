"""How the live channels of a scenario go together (X-01, S2-37): one alone, several at once, or one after the other.

A member scenario is exclusive and stays so (S1-12). Those of the mall may be switched.
"""

from collections.abc import Sequence

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import Invalid
from huida.modules.messaging.bindings import channel_order, must_be_entitled, scenario_of, take_turns
from huida.modules.messaging.facts import PolicyChosen
from huida.modules.messaging.library import Channel, Policy


async def choose_policy(tx: Tx, scenario_code: str, policy: str, order: Sequence[str]) -> list[Channel]:
    """Set a scenario's policy and the order of its channels; returns the channels that this stopped.

    Becoming exclusive keeps the channel that was saved last, as if it had just been saved (S1-12). Raises Invalid for a
    policy that this scenario cannot have or an order that names another's channel.
    """
    scenario = scenario_of(scenario_code)
    await must_be_entitled(tx, scenario.module)
    chosen: Policy | None = next((one for one in scenario.policies if one == policy), None)
    if chosen is None:
        raise Invalid(code="messaging.policy_unknown", where="policy", policy=policy)
    if len(set(order)) != len(order) or not set(order) <= set(scenario.channels):
        raise Invalid(code="messaging.bad_order", where="order")
    before = await take_turns(tx, scenario)
    stopped: list[Channel] = []
    if chosen == "exclusive":
        rows = await tx.fetch(
            "UPDATE bindings SET live = false WHERE tenant_id = $1 AND scenario = $2 AND live AND channel <> ("
            "SELECT channel FROM bindings WHERE tenant_id = $1 AND scenario = $2 AND live "
            "ORDER BY updated_at DESC, channel LIMIT 1) RETURNING channel",
            *(tx.tenant_id, scenario.code),
        )
        stopped = sorted(row["channel"] for row in rows)
    await tx.execute(
        "UPDATE bindings SET exclusive = $3 WHERE tenant_id = $1 AND scenario = $2",
        *(tx.tenant_id, scenario.code, chosen == "exclusive"),
    )
    await tx.execute(
        "UPDATE scenario_settings SET policy = $3, options = options || $4::jsonb WHERE tenant_id = $1 AND scenario = $2",
        *(tx.tenant_id, scenario.code, chosen, msgspec.json.encode({"order": list(order)}).decode()),
    )
    whole: list[str] = list(channel_order(msgspec.json.encode({"order": list(order)}).decode()))
    tx.emit(PolicyChosen(scenario=scenario.code, before=before, policy=chosen, order=whole, stopped=[*stopped]))
    return stopped

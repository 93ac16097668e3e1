"""The next channel's turn, when a message was certainly refused and its scenario says one after the other (X-01).

What cannot even be attempted is passed over when the fact is told (`tell`); this is about what a provider refused. An
answer that was lost ends the turns, as does one that was accepted: nobody is told twice.
"""

from collections.abc import Sequence
from typing import Any

from huida.kernel.db import Tx
from huida.kernel.facts import Recorded
from huida.modules import tenants
from huida.modules.messaging.bindings import live
from huida.modules.messaging.keys import Key, entry
from huida.modules.messaging.tell import Draft, new_shop, send_drafts

FALL_BACK = "messaging.fall_back"
MAY_HAVE_ARRIVED = frozenset({"queued", "retrying", "unknown", "accepted", "delivered"})


async def pass_on(tx: Tx, refused: Sequence[tuple[Key, Any]]) -> None:
    """Enqueue the next turn of those refused messages (with their lanes) whose scenario is ordered."""
    ordered = await tx.fetch(
        "SELECT scenario FROM scenario_settings WHERE tenant_id = $1 AND scenario = ANY($2) AND policy = 'ordered'",
        *(tx.tenant_id, sorted({key.scenario for key, _ in refused})),
    )
    scenarios = {row["scenario"] for row in ordered}
    for key, lane in refused:
        if key.scenario in scenarios:
            tx.enqueue(FALL_BACK, entry(key), lane=lane)


async def next_turn(tx: Tx, key: Key) -> list[Draft]:
    """Write the message of the channel after this refused one; none when there is none or one may have arrived.

    Twice is safe: the refused row is locked, and a turn that was taken has left its row.
    """
    await tx.execute(
        "SELECT FROM deliveries WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4 FOR UPDATE",
        *(tx.tenant_id, *key),
    )
    # A statement of its own: what the one before waited for is seen by the next only.
    made = await tx.fetch(
        "SELECT slot, state FROM deliveries WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3",
        *(tx.tenant_id, key.fact_id, key.scenario),
    )
    state = {row["slot"]: row["state"] for row in made}
    if state.get(key.slot) not in ("failed", "dead") or MAY_HAVE_ARRIVED & set(state.values()):
        return []
    lives = (await live(tx)).get(key.scenario, ())
    if not lives or lives[0].policy != "ordered" or lives[0].scenario.module not in await tenants.modules(tx):
        return []
    rest = [one for one in lives if one.channel not in state]
    recorded = await _recorded(tx, key) if rest else None
    if recorded is None or recorded.subject_id is None:
        return []
    draft = Draft(recorded, recorded.subject_id, rest[0], slot=rest[0].channel, rest=rest[1:])
    return await send_drafts(tx, await new_shop(tx, {key.scenario: lives}), [draft])


async def _recorded(tx: Tx, key: Key) -> Recorded[Any] | None:
    row = await tx.row(
        "SELECT id, kind, subject_id, actor, at, payload FROM facts WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, key.fact_id),
    )
    decoder = None if row is None else tx.db.subscriptions.decoders.get(row["kind"])
    if row is None or decoder is None:
        return None
    return Recorded(row["id"], row["at"], row["actor"], decoder.decode(row["payload"]), row["subject_id"])

"""The next channel's turn, when a message certainly did not go out and its scenario says one after the other (X-01).

What cannot even be attempted is passed over when the fact is told (`tell`); this is about what a provider refused, or was
too busy for. An answer that was lost ends the turns, as does one that was accepted: nobody is told twice.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from huida.kernel.arrays import texts, uuids
from huida.kernel.db import Tx
from huida.kernel.facts import Recorded
from huida.kernel.queue import RETRY_LADDER_S
from huida.modules import sms, tenants
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging import texting
from huida.modules.messaging.bindings import live
from huida.modules.messaging.facts import died
from huida.modules.messaging.keys import Key, entry, key_of
from huida.modules.messaging.tell import Draft, new_shop, send_drafts, send_later
from huida.providers.sms.parts import billed_parts

FALL_BACK = "messaging.fall_back"
TURN_WAIT_S: Final = 120
"""A channel that is away keeps its turn while its next try is at most so far off: four tries, under three minutes."""
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


async def another_left(tx: Tx, keys: Sequence[Key]) -> list[Key]:
    """Those of these messages whose scenario is ordered and has a live channel that did not have its turn yet."""
    if not keys:
        return []
    rows = await tx.fetch(
        "SELECT k.fact_id, k.scenario, k.slot FROM unnest(($2::text)::uuid[], ($3::text)::text[], ($4::text)::text[]) "
        "  AS k(fact_id, scenario, slot) "
        "JOIN scenario_settings s ON s.tenant_id = $1 AND s.scenario = k.scenario AND s.policy = 'ordered' "
        "WHERE EXISTS (SELECT FROM bindings b WHERE b.tenant_id = $1 AND b.scenario = k.scenario AND b.live "
        "  AND NOT EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = $1 AND d.fact_id = k.fact_id "
        "    AND d.scenario = k.scenario AND d.slot = b.channel))",
        *(tx.tenant_id, uuids([k[0] for k in keys]), texts([k[1] for k in keys]), texts([k[2] for k in keys])),
    )
    return [key_of(row) for row in rows]


async def next_turn(tx: Tx, key: Key) -> list[Draft]:
    """Write the message of the channel after this one that did not go out; none when there is none or one may have arrived.

    One that was only too busy goes on trying when no other channel can tell it. Twice is safe: the row is locked, and a
    turn that was taken has left its row.
    """
    row = await tx.row(
        "SELECT fact_id, scenario, slot, member_id, channel, app_id, address, template_id, body, state, reason, attempt "
        "FROM deliveries WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4 FOR UPDATE",
        *(tx.tenant_id, *key),
    )
    # A statement of its own: what the one before waited for is seen by the next only.
    made = await tx.fetch(
        "SELECT slot, state FROM deliveries WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3",
        *(tx.tenant_id, key.fact_id, key.scenario),
    )
    state = {one["slot"]: one["state"] for one in made}
    if row is None or row["state"] not in ("failed", "dead") or MAY_HAVE_ARRIVED & set(state.values()):
        return []
    drafts = await _take_turn(tx, key, state)
    if row["state"] == "dead" and row["attempt"] <= len(RETRY_LADDER_S):
        if any(not draft.reason for draft in drafts):
            await _write(tx, key, "failed")
        else:
            await _go_on(tx, key, row)
    return drafts


async def _take_turn(tx: Tx, key: Key, made: Mapping[str, str]) -> list[Draft]:
    lives = (await live(tx)).get(key.scenario, ())
    if not lives or lives[0].policy != "ordered" or lives[0].scenario.module not in await tenants.modules(tx):
        return []
    rest = [one for one in lives if one.channel not in made]
    recorded = await _recorded(tx, key) if rest else None
    if recorded is None or recorded.subject_id is None:
        return []
    draft = Draft(recorded, recorded.subject_id, rest[0], slot=rest[0].channel, rest=rest[1:])
    return await send_drafts(tx, await new_shop(tx, {key.scenario: lives}), [draft])


async def _go_on(tx: Tx, key: Key, row: Any) -> None:
    """Let a message that left its turn try on; what was given back for it is taken again."""
    paid = await pay_again(tx, key, row)
    due = RETRY_LADDER_S[min(row["attempt"], len(RETRY_LADDER_S)) - 1]
    if isinstance(paid, str):
        tx.emit(died(row, row["reason"]))
        return
    await _write(tx, key, "retrying", *paid)
    send_later(tx, [key], row["member_id"], tx.now + timedelta(seconds=due))


async def _write(tx: Tx, key: Key, state: str, parts: int = 0, cost_fen: int = 0) -> None:
    await tx.execute(
        "UPDATE deliveries SET state = $5, parts = $6, cost_fen = $7, "
        "sent_at = CASE WHEN $5 = 'failed' THEN sent_at END, done_at = CASE WHEN $5 = 'failed' THEN done_at END "
        "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4",
        *(tx.tenant_id, *key, state, parts, cost_fen),
    )


async def pay_again(tx: Tx, key: Key, row: Any) -> tuple[int, int] | str:
    """Take the credit or the parts of a message that is to be sent after all: it cost nothing while it was dead.

    Returns parts and cost, or the code of what there is none of.
    """
    if row["channel"] == "subscribe":
        asked = (row["address"], row["template_id"])
        got = await credit_ledger.take(tx, row["app_id"], {asked: 1})
        return (0, 0) if got.get(asked) else "messaging.no_quota"
    if row["channel"] != "sms":
        return (0, 0)
    text = texting.read(row["body"])
    parts = text.parts or billed_parts(text.text)
    [charged] = await sms.charge_again(tx, [sms.Charge(texting.source(tx.tenant_id, key), parts, key.scenario)])
    if charged.ok:
        return (parts, charged.cost_fen)
    return "sms.no_balance" if charged.reason == "sms_no_balance" else "sms.over_budget"


async def _recorded(tx: Tx, key: Key) -> Recorded[Any] | None:
    row = await tx.row(
        "SELECT id, kind, subject_id, actor, at, payload FROM facts WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, key.fact_id),
    )
    decoder = None if row is None else tx.db.subscriptions.decoders.get(row["kind"])
    if row is None or decoder is None:
        return None
    return Recorded(row["id"], row["at"], row["actor"], decoder.decode(row["payload"]), row["subject_id"])

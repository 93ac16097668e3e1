"""Sending a dead delivery again, under the same key (so never twice)."""

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules import sms
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging import texting
from huida.modules.messaging.fallback import MAY_HAVE_ARRIVED
from huida.modules.messaging.keys import Key, from_public_id
from huida.modules.messaging.tell import send_later
from huida.providers.sms.parts import billed_parts


async def replay(tx: Tx, delivery_id: str) -> None:
    """Queue a dead delivery again.

    Raises NotFound, or Conflict when it is not dead, has no credit or parts any more, or another channel took its turn (X-01).
    """
    key = from_public_id(delivery_id)
    row = await tx.row(
        "SELECT member_id, channel, state, app_id, address, template_id, body FROM deliveries "
        "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4 FOR UPDATE",
        *(tx.tenant_id, *key),
    )
    if row is None:
        raise NotFound(code="messaging.delivery_unknown", where="id")
    if row["state"] != "dead":
        raise Conflict(code="messaging.not_dead", where="id", state=row["state"])
    if key.slot and await tx.value(
        "SELECT EXISTS (SELECT FROM deliveries d JOIN scenario_settings s ON s.tenant_id = d.tenant_id "
        "AND s.scenario = d.scenario AND s.policy = 'ordered' WHERE d.tenant_id = $1 AND d.fact_id = $2 AND d.scenario = $3 "
        "AND d.slot <> $4 AND d.audience = 'member' AND d.state = ANY($5))",
        *(tx.tenant_id, *key, sorted(MAY_HAVE_ARRIVED)),
    ):
        raise Conflict(code="messaging.told_otherwise", where="id")
    if row["channel"] == "subscribe":
        asked = (row["address"], row["template_id"])
        if not (await credit_ledger.take(tx, row["app_id"], {asked: 1})).get(asked):
            raise Conflict(code="messaging.no_quota", where="id")
    parts, cost_fen = await _charge(tx, key, row["body"]) if row["channel"] == "sms" else (0, 0)
    await tx.execute(
        "UPDATE deliveries SET state = 'queued', attempt = 0, reason = '', done_at = NULL, parts = $5, cost_fen = $6 "
        "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4",
        *(tx.tenant_id, *key, parts, cost_fen),
    )
    send_later(tx, [key], row["member_id"])


async def _charge(tx: Tx, key: Key, body: str) -> tuple[int, int]:
    """Parts and cost of a text that is to be sent now: it cost nothing while it was dead."""
    text = texting.read(body)
    parts = text.parts or billed_parts(text.text)
    charge = sms.Charge(texting.source(tx.tenant_id, key), parts, key.scenario)
    [charged] = await sms.charge_again(tx, [charge])
    if not charged.ok:
        raise Conflict(code="sms.no_balance" if charged.reason == "sms_no_balance" else "sms.over_budget", where="id")
    return parts, charged.cost_fen

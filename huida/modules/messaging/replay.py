"""Sending a dead delivery again, under the same key (so never twice)."""

from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules import sms
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging.tell import send_later
from huida.providers.sms.parts import billed_parts


def delivery_key(text: str) -> tuple[UUID, str]:
    """(fact id, scenario) of a delivery's public id. Raises NotFound for anything else."""
    hexed, _, scenario = text.partition(".")
    try:
        return UUID(hexed), scenario
    except ValueError:
        raise NotFound(code="messaging.delivery_unknown", where="id") from None


async def replay(tx: Tx, delivery_id: str) -> None:
    """Queue a dead delivery again. Raises NotFound, or Conflict when it is not dead or has no credit any more."""
    fact_id, scenario = delivery_key(delivery_id)
    row = await tx.row(
        "SELECT member_id, channel, state, app_id, address, template_id, body FROM deliveries "
        "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 FOR UPDATE",
        *(tx.tenant_id, fact_id, scenario),
    )
    if row is None:
        raise NotFound(code="messaging.delivery_unknown", where="id")
    if row["state"] != "dead":
        raise Conflict(code="messaging.not_dead", where="id", state=row["state"])
    if row["channel"] == "subscribe":
        key = (row["address"], row["template_id"])
        if not (await credit_ledger.take(tx, row["app_id"], {key: 1})).get(key):
            raise Conflict(code="messaging.no_quota", where="id")
    parts, cost_fen = await _sms_cost(tx, row["body"]) if row["channel"] == "sms" else (0, 0)
    await tx.execute(
        "UPDATE deliveries SET state = 'queued', attempt = 0, reason = '', done_at = NULL, parts = $4, cost_fen = $5 "
        "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3",
        *(tx.tenant_id, fact_id, scenario, parts, cost_fen),
    )
    send_later(tx, [(fact_id, scenario)], row["member_id"])


async def _sms_cost(tx: Tx, body: str) -> tuple[int, int]:
    """Parts and cost of a text that is to be sent now: it cost nothing while it was dead."""
    parts = billed_parts(msgspec.json.decode(body)["text"])
    part_fen, _ = await sms.settings(tx)
    return parts, parts * part_fen

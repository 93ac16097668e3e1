"""Sending a dead delivery again, under the same key (so never twice)."""

from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging.tell import send_later


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
        "SELECT member_id, channel, state, app_id, address, template_id FROM deliveries "
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
    await tx.execute(
        "UPDATE deliveries SET state = 'queued', attempt = 0, reason = '', done_at = NULL "
        "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3",
        *(tx.tenant_id, fact_id, scenario),
    )
    send_later(tx, [(fact_id, scenario)], row["member_id"])

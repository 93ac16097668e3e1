"""Sending a dead delivery again, under the same key (so never twice)."""

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules.messaging.fallback import MAY_HAVE_ARRIVED, pay_again
from huida.modules.messaging.keys import from_public_id
from huida.modules.messaging.tell import send_later


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
    paid = await pay_again(tx, key, row)
    if isinstance(paid, str):
        raise Conflict(code=paid, where="id")
    await tx.execute(
        "UPDATE deliveries SET state = 'queued', attempt = 0, reason = '', sent_at = NULL, done_at = NULL, parts = $5, cost_fen = $6 "
        "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4",
        *(tx.tenant_id, *key, *paid),
    )
    send_later(tx, [key], row["member_id"])

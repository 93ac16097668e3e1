"""What a kind of business fact gave, by owner or all together: for who must not give it twice, and for balances of a whole."""

from collections.abc import Sequence
from uuid import UUID

from huida.kernel.db import Tx


async def given(tx: Tx, owner_ids: Sequence[UUID], *, source_type: str) -> dict[UUID, dict[str, int]]:
    """What these owners got from facts of this kind, by unit; what was reversed does not count."""
    rows = await tx.fetch(
        "SELECT t.owner_id, t.unit, sum(t.amount)::bigint AS amount FROM ledger_transfers t "
        "WHERE t.tenant_id = $1 AND t.owner_id = ANY($2) AND t.source_type = $3 AND t.reverses IS NULL AND NOT EXISTS ("
        "  SELECT FROM ledger_transfers r WHERE r.tenant_id = t.tenant_id AND r.owner_id = t.owner_id AND r.unit = t.unit "
        "  AND r.reverses = t.seq) GROUP BY t.owner_id, t.unit",
        *(tx.tenant_id, list(owner_ids), source_type),
    )
    found: dict[UUID, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["owner_id"], {})[row["unit"]] = row["amount"]
    return found


async def sums(tx: Tx, source_ids: Sequence[UUID], *, source_type: str) -> dict[str, int]:
    """What these facts moved all together, by unit, as it stands in the ledger."""
    rows = await tx.fetch(
        "SELECT t.unit, sum(t.amount)::bigint AS amount FROM unnest($2::uuid[]) AS s(id) JOIN ledger_transfers t "
        "ON t.tenant_id = $1 AND t.source_id = s.id AND t.source_type = $3 GROUP BY t.unit",
        *(tx.tenant_id, list(source_ids), source_type),
    )
    return {row["unit"]: row["amount"] for row in rows}

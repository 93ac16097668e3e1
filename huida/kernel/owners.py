"""Rows that belong to somebody are given to somebody else, and back: each statement of one table, told by its ids.

For the modules that own the tables, in a transaction that is alone with its merchant (`Database.alone`).
"""

from collections.abc import Sequence
from uuid import UUID

from huida.kernel.db import Tx


async def hand_rows(tx: Tx, table: str, *, source: UUID, target: UUID) -> list[UUID]:
    """Make every row of `member_id = source` the target's; returns their ids."""
    rows = await tx.fetch(
        f"UPDATE {table} SET member_id = $3 WHERE tenant_id = $1 AND member_id = $2 RETURNING id",
        *(tx.tenant_id, source, target),
    )
    return sorted(row["id"] for row in rows)


async def return_rows(tx: Tx, table: str, ids: Sequence[UUID], *, source: UUID, target: UUID) -> int:
    """Of these rows make those that are the source's the target's; returns how many."""
    return await tx.execute(
        f"UPDATE {table} SET member_id = $3 WHERE tenant_id = $1 AND member_id = $2 AND id = ANY($4)",
        *(tx.tenant_id, source, target, list(ids)),
    )


async def count_rows(tx: Tx, table: str, member_ids: Sequence[UUID], condition: str = "true") -> dict[UUID, int]:
    """How many rows each of these members has, those without any left out."""
    rows = await tx.fetch(
        f"SELECT member_id, count(*) AS n FROM {table} WHERE tenant_id = $1 AND member_id = ANY($2) AND {condition} GROUP BY 1",
        *(tx.tenant_id, list(member_ids)),
    )
    return {row["member_id"]: row["n"] for row in rows}

"""What tills reported of one record becomes another one's, and back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.owners import count_rows, hand_rows, return_rows

TABLES: Final = ("purchases", "recharges")


async def hand_over(tx: Tx, *, source: UUID, target: UUID) -> dict[str, list[UUID]]:
    """Make every purchase, recharge and refund of the source the target's; returns their ids by table."""
    handed = {table: await hand_rows(tx, table, source=source, target=target) for table in TABLES}
    # Refunds are found by their purchases: there is no index of them by member.
    handed["refunds"] = await _give_refunds(tx, handed["purchases"], target)
    return handed


async def hand_back(tx: Tx, handed: Mapping[str, Sequence[UUID]], *, source: UUID, target: UUID) -> None:
    """Make what was handed over the target's again; what was recorded since stays with the source."""
    for table in TABLES:
        await return_rows(tx, table, handed[table], source=source, target=target)
    await _give_refunds(tx, handed["purchases"], target)


async def _give_refunds(tx: Tx, purchase_ids: Sequence[UUID], target: UUID) -> list[UUID]:
    rows = await tx.fetch(
        "UPDATE refunds SET member_id = $3 WHERE tenant_id = $1 AND purchase_id = ANY($2) RETURNING id",
        *(tx.tenant_id, list(purchase_ids), target),
    )
    return sorted(row["id"] for row in rows)


async def taken_back_since(tx: Tx, handed: Mapping[str, Sequence[UUID]], since: datetime) -> int:
    """How many refunds of purchases, and reversals of recharges, were recorded since of what was handed over.

    Each moved the accounts of who has it now.
    """
    return int(
        await tx.value(
            "SELECT (SELECT count(*) FROM refunds WHERE tenant_id = $1 AND purchase_id = ANY($2) AND NOT id = ANY($3)) "
            "+ (SELECT count(*) FROM recharge_reversals WHERE tenant_id = $1 AND recharge_id = ANY($4) AND at > $5)",
            *(tx.tenant_id, list(handed["purchases"]), list(handed["refunds"]), list(handed["recharges"]), since),
        )
    )


async def wipe(tx: Tx, member_ids: Sequence[UUID]) -> None:
    """Erase the prints of how tills called these members; what was bought, when and for how much stays."""
    for table in ("purchases", "recharges"):
        await tx.execute(
            f"UPDATE {table} SET who = NULL WHERE tenant_id = $1 AND member_id = ANY($2)",
            tx.tenant_id,
            list(member_ids),
        )


async def how_many(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many purchases each of these members has made."""
    return await count_rows(tx, "purchases", member_ids)

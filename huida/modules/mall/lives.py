"""What the mall has of a member when the record as a whole changes hands, ends or is erased."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.owners import count_rows, hand_rows, return_rows
from huida.kernel.secrets import Secret
from huida.modules.mall.orders import PHONE
from huida.modules.mall.withdrawals import PAYEE

TABLES: Final = ("mall_orders", "mall_recharges", "mall_withdrawals")
MARK: Final = "~"


async def hand_over(tx: Tx, *, source: UUID, target: UUID) -> dict[str, list[UUID]]:
    """Make every order, online recharge and withdrawal of the source the target's; returns their ids by table.

    A form's key is unique with one member: one that both have used is marked with the row's own id until it goes back.
    """
    for table in TABLES:
        await tx.execute(
            f"UPDATE {table} t SET key = t.key || $4::text || t.id WHERE t.tenant_id = $1 AND t.member_id = $2 AND EXISTS ("
            f"  SELECT FROM {table} o WHERE o.tenant_id = $1 AND o.member_id = $3 AND o.key = t.key)",
            *(tx.tenant_id, source, target, MARK),
        )
    return {table: await hand_rows(tx, table, source=source, target=target) for table in TABLES}


async def hand_back(tx: Tx, handed: Mapping[str, Sequence[UUID]], *, source: UUID, target: UUID) -> None:
    """Make what was handed over the target's again; what came since stays with the source."""
    for table in TABLES:
        await return_rows(tx, table, handed[table], source=source, target=target)
        await tx.execute(
            f"UPDATE {table} SET key = replace(key, $4::text || id, '') WHERE tenant_id = $1 AND member_id = $2 AND id = ANY($3)",
            *(tx.tenant_id, target, list(handed[table]), MARK),
        )


async def how_many_open(tx: Tx, member_id: UUID) -> int:
    """Orders, online recharges and withdrawals of this member that are not at their end."""
    counts = [
        await count_rows(tx, "mall_orders", [member_id], "state NOT IN ('completed', 'closed')"),
        await count_rows(tx, "mall_recharges", [member_id], "state = 'submitted'"),
        await count_rows(tx, "mall_withdrawals", [member_id], "state = 'asked'"),
    ]
    return sum(found.get(member_id, 0) for found in counts)


async def wipe(tx: Tx, member_ids: Sequence[UUID]) -> None:
    """Erase receivers, their phones, addresses and notes of orders, and where withdrawals were paid to; amounts stay."""
    await tx.execute(
        "UPDATE mall_orders SET receiver = '', address = '', note = '', phone_sealed = $3, phone_hash = '', digest = '' "
        "WHERE tenant_id = $1 AND member_id = ANY($2)",
        *(tx.tenant_id, list(member_ids), tx.sealer.seal(Secret(""), purpose=PHONE)),
    )
    await tx.execute(
        "UPDATE mall_withdrawals SET payee_sealed = $3 WHERE tenant_id = $1 AND member_id = ANY($2)",
        *(tx.tenant_id, list(member_ids), tx.sealer.seal(Secret(""), purpose=PAYEE)),
    )

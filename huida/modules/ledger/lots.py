"""Lots: the parts of a balance that expire or ripen, each of the source that gave it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from huida.kernel.db import Row, Tx
from huida.modules.ledger.rules import Entry, Move, Posted
from huida.modules.ledger.service import lock, post

PENDING = "points_pending"


async def expire_lots(
    tx: Tx, *, owners: Sequence[UUID] | None = None, limit: int = 500
) -> list[tuple[UUID, str, int, int, UUID]]:
    """Take back what has expired, except what is held; returns (owner, unit, amount, balance after, source) of each.

    Of these owners, or of the first `limit` that have any. The accounts are locked before the amounts are read: what is
    spent or expired meanwhile is not taken twice.
    """
    due = await tx.fetch(
        "SELECT DISTINCT l.owner_id FROM ledger_lots l JOIN ledger_accounts a USING (tenant_id, owner_id, unit) "
        "WHERE l.tenant_id = $1 AND l.expires_at <= $2 AND l.remaining > 0 AND l.unit <> $5 AND a.balance > a.held "
        "AND ($4::uuid[] IS NULL OR l.owner_id = ANY($4)) ORDER BY l.owner_id LIMIT $3",
        *(tx.tenant_id, tx.now, limit, None if owners is None else list(owners), PENDING),
    )
    found = [row["owner_id"] for row in due]
    if not found:
        return []
    await lock(tx, found)
    rows = await tx.fetch(
        "SELECT owner_id, unit, a.seq, least(l.expired, a.balance - a.held) AS amount FROM ledger_accounts a "
        "JOIN (SELECT tenant_id, owner_id, unit, sum(remaining)::bigint AS expired FROM ledger_lots "
        "      WHERE tenant_id = $1 AND owner_id = ANY($2) AND expires_at <= $3 AND remaining > 0 AND unit <> $4 "
        "      GROUP BY 1, 2, 3) l "
        "  USING (tenant_id, owner_id, unit) WHERE a.balance > a.held ORDER BY owner_id, unit",
        *(tx.tenant_id, found, tx.now, PENDING),
    )
    entries = [
        Entry(
            "expiry",
            uuid5(row["owner_id"], f"{row['unit']} {row['seq']}"),
            (Move(row["owner_id"], row["unit"], -row["amount"], f"{row['unit']}_expired", "expired"),),
        )
        for row in rows
    ]
    taken = []
    for entry, result in zip(entries, await post(tx, entries), strict=True):
        assert isinstance(result, Posted) and not result.repeated, "a locked account changed"
        [step] = entry.moves
        after = result.balances[step.owner_id, step.unit]
        taken.append((step.owner_id, step.unit, -step.amount, after, entry.source_id))
    return taken


async def ripe_lots(tx: Tx, *, limit: int = 500) -> list[Row]:
    """Pending lots whose time has come (owner_id, source_id, remaining), with their owners' accounts locked."""
    due = await tx.fetch(
        "SELECT owner_id, source_id FROM ledger_lots WHERE tenant_id = $1 AND unit = $2 AND expires_at <= $3 AND remaining > 0 "
        "ORDER BY expires_at, owner_id, source_id LIMIT $4",
        *(tx.tenant_id, PENDING, tx.now, limit),
    )
    if not due:
        return []
    await lock(tx, sorted({row["owner_id"] for row in due}))
    return await tx.fetch(
        "SELECT owner_id, source_id, remaining FROM ledger_lots WHERE tenant_id = $1 AND unit = $2 AND expires_at <= $3 "
        "AND remaining > 0 AND source_id = ANY($4) ORDER BY owner_id, source_id",
        *(tx.tenant_id, PENDING, tx.now, [row["source_id"] for row in due]),
    )


async def of_source(tx: Tx, owner_id: UUID, source_id: UUID) -> dict[str, Row]:
    """What is left (`remaining`) and what went by itself (`expired`) of the lots that a source gave, by unit."""
    rows = await tx.fetch(
        "SELECT unit, sum(remaining)::bigint AS remaining, sum(expired)::bigint AS expired FROM ledger_lots "
        "WHERE tenant_id = $1 AND source_id = $3 AND owner_id = $2 GROUP BY unit",
        *(tx.tenant_id, owner_id, source_id),
    )
    return {row["unit"]: row for row in rows}


async def expiring(tx: Tx, *, until: datetime, limit: int = 500) -> list[Row]:
    """Points that will expire by `until` and of which nobody was told (owner_id, expires_at, amount); told from now on."""
    return await tx.fetch(
        "WITH due AS (SELECT owner_id, expires_at FROM ledger_lots WHERE tenant_id = $1 AND unit = 'points' "
        "  AND expires_at > $2 AND expires_at <= $3 AND remaining > 0 AND told_at IS NULL "
        "  GROUP BY owner_id, expires_at ORDER BY expires_at, owner_id LIMIT $4), "
        "told AS (UPDATE ledger_lots l SET told_at = $2 FROM due WHERE l.tenant_id = $1 AND l.unit = 'points' "
        "  AND l.owner_id = due.owner_id AND l.expires_at = due.expires_at AND l.told_at IS NULL AND l.remaining > 0 "
        "  RETURNING l.owner_id, l.expires_at, l.remaining) "
        "SELECT owner_id, expires_at, sum(remaining)::bigint AS amount FROM told GROUP BY 1, 2 ORDER BY expires_at, owner_id",
        *(tx.tenant_id, tx.now, until, limit),
    )


async def pending_of(tx: Tx, owner_id: UUID) -> list[Row]:
    """Points that are not ripe yet (`ripe_at`, `amount`), the next first."""
    return await tx.fetch(
        "SELECT expires_at AS ripe_at, sum(remaining)::bigint AS amount FROM ledger_lots "
        "WHERE tenant_id = $1 AND owner_id = $2 AND unit = $3 AND remaining > 0 GROUP BY 1 ORDER BY 1 LIMIT 400",
        *(tx.tenant_id, owner_id, PENDING),
    )

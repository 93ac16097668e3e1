"""Reads about merchants that other modules need."""

from huida.kernel.db import Tx


async def short_name(tx: Tx) -> str:
    """How the merchant calls itself in messages."""
    return str(await tx.value("SELECT short_name FROM merchants WHERE id = $1", tx.tenant_id) or "")


async def open_merchants(tx: Tx) -> list[int]:
    """Every open merchant's tenant id: for platform schedules that fan out."""
    return [row["id"] for row in await tx.fetch("SELECT id FROM merchants WHERE state = 'open' ORDER BY id")]


async def all_merchants(tx: Tx) -> list[int]:
    """Every merchant's tenant id, closed ones too: what is kept for a time only is forgotten there as well."""
    return [row["id"] for row in await tx.fetch("SELECT id FROM merchants WHERE id > 0 ORDER BY id")]


async def find_open_merchant(tx: Tx, tenant_id: int | None) -> int | None:
    """The open merchant with this id, or without one the only open merchant there is; None otherwise."""
    rows = await tx.fetch(
        "SELECT id FROM merchants WHERE state = 'open' AND ($1::bigint IS NULL OR id = $1) LIMIT 2", tenant_id
    )
    return rows[0]["id"] if len(rows) == 1 else None

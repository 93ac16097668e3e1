"""What ledger tests share: short ways to post, and the whole state of a merchant's ledger for exact comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from huida.kernel.db import Database, Tx
from huida.modules import ledger
from huida.modules.ledger import Entry, Move


def move(
    owner: UUID, amount: int, unit: str = "points", *, reason: str = "test", until: datetime | None = None
) -> Move:
    return Move(owner, unit, amount, "contra", reason, until)


def entry(*moves: Move, key: UUID | None = None, source: str = "test") -> Entry:
    return Entry(source, key or uuid4(), moves)


@dataclass(frozen=True)
class State:
    """Everything the ledger knows of one merchant."""

    accounts: dict[tuple[UUID, str], tuple[int, int, int]]  # balance, held, seq
    transfers: list[tuple[Any, ...]]
    lots: dict[tuple[UUID, str, datetime], int]
    holds: dict[UUID, tuple[int, str]]


async def state_of(tx: Tx) -> State:
    accounts = await tx.fetch("SELECT * FROM ledger_accounts WHERE tenant_id = $1", tx.tenant_id)
    moved = await tx.fetch(
        "SELECT owner_id, unit, seq, amount, balance_after, source_id, reverses FROM ledger_transfers "
        "WHERE tenant_id = $1 ORDER BY owner_id, unit, seq",
        tx.tenant_id,
    )
    lots = await tx.fetch(
        "SELECT owner_id, unit, expires_at, sum(remaining)::bigint AS remaining FROM ledger_lots "
        "WHERE tenant_id = $1 AND remaining > 0 GROUP BY 1, 2, 3",
        tx.tenant_id,
    )
    holds = await tx.fetch("SELECT * FROM ledger_holds WHERE tenant_id = $1", tx.tenant_id)
    return State(
        {(a["owner_id"], a["unit"]): (a["balance"], a["held"], a["seq"]) for a in accounts},
        [tuple(row) for row in moved],
        {(x["owner_id"], x["unit"], x["expires_at"]): x["remaining"] for x in lots},
        {h["id"]: (h["amount"], h["state"]) for h in holds},
    )


async def look(db: Database, tenant: int) -> State:
    async with db.read(tenant) as tx:
        return await state_of(tx)


async def broken(tx: Tx) -> dict[str, list[Any]]:
    """The ledger's invariants that do not hold (for the merchants this transaction may see)."""
    found = {name: await tx.fetch(query) for name, query in ledger.INVARIANTS.items()}
    return {name: rows for name, rows in found.items() if rows}


async def post(db: Database, tenant: int, entries: Sequence[Entry]) -> list[ledger.Posted | ledger.Short]:
    async with db.tx(tenant) as tx:
        return await ledger.post(tx, entries)


async def give(db: Database, tenant: int, owner: UUID, amount: int, unit: str = "points") -> None:
    [posted] = await post(db, tenant, [entry(move(owner, amount, unit))])
    assert isinstance(posted, ledger.Posted)

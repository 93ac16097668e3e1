"""The tenants' verbs: merchants and stores (staff, logins and keys are in `staff.py` and `keys.py`)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict
from huida.kernel.ids import uuid7


@dataclass(frozen=True, slots=True)
class StoreRef:
    id: UUID
    code: str
    name: str


async def create_merchant(tx: Tx, *, name: str, short_name: str) -> int:
    """Open a merchant; returns its tenant id. Platform only."""
    tenant_id: int = await tx.value(
        "INSERT INTO merchants (name, short_name, created_at) VALUES ($1, $2, $3) RETURNING id",
        name,
        short_name,
        tx.now,
    )
    return tenant_id


async def create_store(tx: Tx, *, code: str, name: str, address: str = "", phone: str = "") -> UUID:
    """Add a store. Raises Conflict when the code is taken."""
    store_id = uuid7()
    if not await tx.execute(
        "INSERT INTO stores (tenant_id, id, code, name, address, phone) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        *(tx.tenant_id, store_id, code, name, address, phone),
    ):
        raise Conflict(code="store.code_taken", where="code", value=code)
    return store_id


async def stores_by_code(tx: Tx) -> dict[str, StoreRef]:
    """The merchant's open stores by code (a chain has hundreds, not millions)."""
    rows = await tx.fetch(
        "SELECT id, code, name FROM stores WHERE tenant_id = $1 AND state = 'open' LIMIT 5000", tx.tenant_id
    )
    return {row["code"]: StoreRef(row["id"], row["code"], row["name"]) for row in rows}


async def entitle(tx: Tx, module: str, *, until: datetime | None = None) -> None:
    """Grant a paid add-on (S1-09)."""
    await tx.execute(
        "INSERT INTO entitlements (tenant_id, module, granted_at, until) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (tenant_id, module) DO UPDATE SET until = excluded.until",
        *(tx.tenant_id, module, tx.now, until),
    )


async def withdraw(tx: Tx, module: str) -> None:
    """Take a paid add-on away."""
    await tx.execute("DELETE FROM entitlements WHERE tenant_id = $1 AND module = $2", tx.tenant_id, module)


async def is_entitled(tx: Tx, module: str) -> bool:
    """Whether the merchant has the add-on now."""
    return bool(
        await tx.value(
            "SELECT true FROM entitlements WHERE tenant_id = $1 AND module = $2 AND (until IS NULL OR until > $3)",
            *(tx.tenant_id, module, tx.now),
        )
    )

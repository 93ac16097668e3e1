"""The tenants' verbs: merchants and stores (staff, logins and keys are in `staff.py` and `keys.py`)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.ids import uuid7
from huida.modules.tenants.facts import EntitlementChanged, MerchantChanged, MerchantOpened, StoreChanged
from huida.modules.tenants.keys import forget_keys
from huida.modules.tenants.models import PLATFORM
from huida.modules.tenants.staff import create_staff

STORE_CODE = re.compile(r"[0-9A-Za-z_-]{1,32}")
MODULE = re.compile(r"[a-z][a-z0-9_.]{1,40}")


@dataclass(frozen=True, slots=True)
class StoreRef:
    id: UUID
    code: str
    name: str
    closed_at: datetime | None = None


async def create_merchant(tx: Tx, *, name: str, short_name: str) -> int:
    """Open a merchant; returns its tenant id. Platform only."""
    tenant_id: int = await tx.value(
        "INSERT INTO merchants (name, short_name, created_at) VALUES ($1, $2, $3) RETURNING id",
        name,
        short_name,
        tx.now,
    )
    return tenant_id


async def open_merchant(
    db: Database, *, operator: str, name: str, short_name: str, login: str, admin_name: str, password_hash: str
) -> tuple[int, UUID]:
    """Open a merchant together with its first administrator, or neither. An edge: the new tenant is its transaction.

    Raises Invalid or Conflict for the login.
    """
    async with db.raw() as (_, sql):
        tenant_id: int = await sql.fetchval("SELECT nextval(pg_get_serial_sequence('merchants', 'id'))")
    async with db.tx(tenant_id, actor=operator) as tx:
        await tx.execute(
            "INSERT INTO merchants (id, name, short_name, created_at) VALUES ($1, $2, $3, $4)",
            *(tenant_id, _name(name), _name(short_name or name, where="short_name"), tx.now),
        )
        tx.emit(MerchantOpened(name=_name(name)))
        staff_id = await create_staff(tx, login=login, name=admin_name, role="store_admin", password_hash=password_hash)
    return tenant_id, staff_id


async def bootstrap(db: Database, *, login: str, password_hash: str) -> bool:
    """Create the platform's first operator when there is none; returns whether it did. Safe at every start."""
    async with db.tx(PLATFORM, actor="system:bootstrap") as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(hashtext('huida.bootstrap'))")
        if await tx.value("SELECT true FROM staff WHERE tenant_id = $1 LIMIT 1", PLATFORM):
            return False
        await create_staff(tx, login=login, name=login, role="platform_admin", password_hash=password_hash)
    return True


async def list_merchants(tx: Tx, *, limit: int, after: int | None) -> list[Any]:
    """Merchants, newest first, below the id `after`. Platform only."""
    return await tx.fetch(
        "SELECT id, name, short_name, state, created_at FROM merchants WHERE $1::bigint IS NULL OR id < $1 "
        "ORDER BY id DESC LIMIT $2",
        *(after, limit),
    )


async def merchant(tx: Tx) -> Any:
    """The row of the merchant whose transaction this is. Raises NotFound (the platform has none)."""
    row = await tx.row("SELECT id, name, short_name, state, created_at FROM merchants WHERE id = $1", tx.tenant_id)
    if row is None:
        raise NotFound(code="merchant.not_found")
    return row


async def change_merchant(tx: Tx, *, name: str | None = None, short_name: str | None = None) -> None:
    """Rename the merchant. Raises Invalid for an empty name."""
    wanted = {
        column: _name(value, where=column)
        for column, value in (("name", name), ("short_name", short_name))
        if value is not None
    }
    if wanted:
        await tx.execute(
            "UPDATE merchants SET name = coalesce($2, name), short_name = coalesce($3, short_name) WHERE id = $1",
            *(tx.tenant_id, wanted.get("name"), wanted.get("short_name")),
        )
        tx.emit(MerchantChanged(fields=sorted(wanted)))


async def suspend_merchant(tx: Tx) -> None:
    """Shut the merchant's staff and keys out: here at once, keys in other processes within five seconds.

    Nothing of theirs is deleted.
    """
    forget_keys(tx)
    await _set_merchant_state(tx, "suspended")


async def resume_merchant(tx: Tx) -> None:
    """Let a suspended merchant in again."""
    await _set_merchant_state(tx, "open")


async def _set_merchant_state(tx: Tx, state: str) -> None:
    if await tx.execute("UPDATE merchants SET state = $2 WHERE id = $1 AND state <> $2", tx.tenant_id, state):
        tx.emit(MerchantChanged(fields=["state"]))


def _name(text: str, *, where: str = "name") -> str:
    name = text.strip()
    if not 1 <= len(name) <= 60:
        raise Invalid(code="request.bad_name", where=where, longest=60)
    return name


async def create_store(tx: Tx, *, code: str, name: str, address: str = "", phone: str = "") -> UUID:
    """Add a store. Raises Invalid, or Conflict when the code is taken."""
    if not STORE_CODE.fullmatch(code):
        raise Invalid(code="store.bad_code", where="code")
    store_id = uuid7()
    if not await tx.execute(
        "INSERT INTO stores (tenant_id, id, code, name, address, phone) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        *(tx.tenant_id, store_id, code, _name(name), address[:200], phone[:40]),
    ):
        raise Conflict(code="store.code_taken", where="code", value=code)
    tx.emit(StoreChanged(store_id=store_id, code=code, fields=["created"]))
    return store_id


async def change_store(
    tx: Tx, store_id: UUID, *, name: str | None = None, address: str | None = None, phone: str | None = None
) -> None:
    """Change what is given; the code stays, for tills know the store by it. Raises NotFound, Invalid."""
    code = await tx.value(
        "UPDATE stores SET name = coalesce($3, name), address = coalesce($4, address), phone = coalesce($5, phone) "
        "WHERE tenant_id = $1 AND id = $2 RETURNING code",
        *(tx.tenant_id, store_id, None if name is None else _name(name)),
        *(None if address is None else address[:200], None if phone is None else phone[:40]),
    )
    if code is None:
        raise NotFound(code="store.not_found", where="store_id")
    fields = [key for key, value in (("name", name), ("address", address), ("phone", phone)) if value is not None]
    tx.emit(StoreChanged(store_id=store_id, code=code, fields=fields))


async def close_store(tx: Tx, store_id: UUID) -> None:
    """Take no more reports for this store. Raises NotFound."""
    await _set_store_state(tx, store_id, "closed")


async def reopen_store(tx: Tx, store_id: UUID) -> None:
    """Take reports for this store again. Raises NotFound."""
    await _set_store_state(tx, store_id, "open")


async def _set_store_state(tx: Tx, store_id: UUID, state: str) -> None:
    code = await tx.value(
        "UPDATE stores SET state = $3, closed_at = CASE WHEN $3 = 'open' THEN NULL ELSE coalesce(closed_at, $4) END "
        "WHERE tenant_id = $1 AND id = $2 RETURNING code",
        *(tx.tenant_id, store_id, state, tx.now),
    )
    if code is None:
        raise NotFound(code="store.not_found", where="store_id")
    tx.emit(StoreChanged(store_id=store_id, code=code, fields=["state"]))


async def list_stores(tx: Tx) -> list[Any]:
    """All stores by code, closed ones too (a chain has hundreds, not millions)."""
    return await tx.fetch(
        "SELECT id, code, name, address, phone, state FROM stores WHERE tenant_id = $1 ORDER BY code LIMIT 5000",
        tx.tenant_id,
    )


async def stores_by_code(tx: Tx) -> dict[str, StoreRef]:
    """The merchant's open stores by code (a chain has hundreds, not millions)."""
    rows = await tx.fetch(
        "SELECT id, code, name FROM stores WHERE tenant_id = $1 AND state = 'open' LIMIT 5000", tx.tenant_id
    )
    return {row["code"]: StoreRef(row["id"], row["code"], row["name"]) for row in rows}


async def all_stores_by_code(tx: Tx) -> dict[str, StoreRef]:
    """The merchant's stores by code, closed ones too: what happened there before can still be reported and returned (B-09)."""
    rows = await tx.fetch("SELECT id, code, name, closed_at FROM stores WHERE tenant_id = $1 LIMIT 5000", tx.tenant_id)
    return {row["code"]: StoreRef(row["id"], row["code"], row["name"], row["closed_at"]) for row in rows}


async def entitle(tx: Tx, module: str, *, until: datetime | None = None) -> None:
    """Grant a paid add-on (S1-09). Raises Invalid for a name that cannot be one."""
    if not MODULE.fullmatch(module):
        raise Invalid(code="merchant.bad_module", where="module")
    await tx.execute(
        "INSERT INTO entitlements (tenant_id, module, granted_at, until) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (tenant_id, module) DO UPDATE SET until = excluded.until",
        *(tx.tenant_id, module, tx.now, until),
    )
    tx.emit(EntitlementChanged(module=module, granted=True, until=until.isoformat() if until else ""))


async def entitlements(tx: Tx) -> list[Any]:
    """What the merchant has bought, expired add-ons too."""
    return await tx.fetch(
        "SELECT module, granted_at, until FROM entitlements WHERE tenant_id = $1 ORDER BY module LIMIT 200",
        tx.tenant_id,
    )


async def withdraw(tx: Tx, module: str) -> None:
    """Take a paid add-on away."""
    if await tx.execute("DELETE FROM entitlements WHERE tenant_id = $1 AND module = $2", tx.tenant_id, module):
        tx.emit(EntitlementChanged(module=module, granted=False))


async def is_entitled(tx: Tx, module: str) -> bool:
    """Whether the merchant has the add-on now."""
    return bool(
        await tx.value(
            "SELECT true FROM entitlements WHERE tenant_id = $1 AND module = $2 AND (until IS NULL OR until > $3)",
            *(tx.tenant_id, module, tx.now),
        )
    )


async def modules(tx: Tx) -> frozenset[str]:
    """The add-ons that the merchant has now."""
    rows = await tx.fetch(
        "SELECT module FROM entitlements WHERE tenant_id = $1 AND (until IS NULL OR until > $2)", tx.tenant_id, tx.now
    )
    return frozenset(row["module"] for row in rows)

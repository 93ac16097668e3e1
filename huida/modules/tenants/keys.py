"""API keys: shown once, stored as a hash, looked up through a small cache since every open call needs it."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Invalid, NotFound, Unauthenticated
from huida.kernel.ids import uuid7
from huida.kernel.secrets import Secret, token, token_hash
from huida.kernel.web import Actor
from huida.modules.tenants.facts import KeyCreated, KeyRevoked
from huida.modules.tenants.models import SCOPES

# How long another process may still accept a key that was revoked here.
CACHED_S: Final = 5.0
CACHED_AT_MOST: Final = 5_000

# Longer than any transaction that ends keys: while one is under way, and a while after, its merchant's keys are looked up.
NOT_CACHED_S: Final = 60.0

NOTED_EVERY: Final = timedelta(hours=1)
"""How far behind the time of a key's last use may lie: a till calls all day."""

_cached: WeakKeyDictionary[Database, dict[bytes, tuple[float, Actor]]] = WeakKeyDictionary()
_looked_up: WeakKeyDictionary[Database, dict[int, float]] = WeakKeyDictionary()
"""Merchants whose keys are not cached, with the time until when."""


def forget_keys(tx: Tx) -> None:
    """What this transaction ends of this merchant's keys ends with its commit, in this process; in others within 5 s."""
    now = time.monotonic()
    looked_up = _looked_up.setdefault(tx.db, {})
    for tenant_id in [tenant_id for tenant_id, until in looked_up.items() if until <= now]:
        del looked_up[tenant_id]
    looked_up[tx.tenant_id] = now + NOT_CACHED_S
    known = _cached.get(tx.db, {})
    for digest in [digest for digest, (_, actor) in known.items() if actor.tenant_id == tx.tenant_id]:
        del known[digest]


async def create_key(tx: Tx, *, name: str, scopes: Sequence[str]) -> tuple[UUID, Secret]:
    """Make a key; the secret is not kept and cannot be shown again. Raises Invalid for unknown or no scopes."""
    unknown = sorted(set(scopes) - SCOPES)
    if unknown or not scopes:
        raise Invalid(code="key.bad_scopes", where="scopes", unknown=", ".join(unknown))
    key_id, secret = uuid7(), token("hk")
    await tx.execute(
        "INSERT INTO api_keys (token_hash, tenant_id, id, name, hint, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(token_hash(secret.reveal()), tx.tenant_id, key_id, name.strip()[:60], secret.reveal()[-4:]),
        *(sorted(set(scopes)), tx.now),
    )
    tx.emit(KeyCreated(key_id=key_id, name=name.strip()[:60], scopes=sorted(set(scopes))))
    return key_id, secret


async def list_keys(tx: Tx) -> list[Any]:
    """The merchant's keys, revoked ones too, newest first."""
    return await tx.fetch(
        "SELECT id, name, hint, scopes, created_at, revoked_at, last_used_at FROM api_keys WHERE tenant_id = $1 "
        "ORDER BY id DESC LIMIT 500",
        tx.tenant_id,
    )


async def revoke_key(tx: Tx, key_id: UUID) -> None:
    """End a key: here at once, in other processes within five seconds. Twice is once. Raises NotFound."""
    forget_keys(tx)
    row = await tx.row(
        "UPDATE api_keys k SET revoked_at = coalesce(k.revoked_at, $3) FROM api_keys b "
        "WHERE k.tenant_id = $1 AND k.id = $2 AND b.token_hash = k.token_hash "
        "RETURNING k.token_hash, b.revoked_at IS NULL AS first",
        *(tx.tenant_id, key_id, tx.now),
    )
    if row is None:
        raise NotFound(code="key.not_found", where="key_id")
    if row["first"]:
        tx.emit(KeyRevoked(key_id=key_id))


async def key_actor(db: Database, secret: str) -> Actor:
    """Whose key this is. Raises Unauthenticated. Misses are not cached: guessing fills no memory."""
    known = _cached.setdefault(db, {})
    digest = token_hash(secret)
    found = known.get(digest)
    if found is not None and found[0] > time.monotonic():
        return found[1]
    if not secret.startswith("hk_"):
        raise Unauthenticated(code="auth.bad_key")
    async with db.raw() as (_, sql):
        row = await sql.fetchrow(
            "SELECT k.id, k.tenant_id, k.name, k.scopes, k.last_used_at FROM api_keys k JOIN merchants m ON m.id = k.tenant_id "
            "WHERE k.token_hash = $1 AND k.revoked_at IS NULL AND m.state = 'open'",
            digest,
        )
    if row is None:
        known.pop(digest, None)
        raise Unauthenticated(code="auth.bad_key")
    if row["last_used_at"] is None or row["last_used_at"] <= db.clock.now() - NOTED_EVERY:
        await _note_use(db, digest)
    if len(known) >= CACHED_AT_MOST:
        known.clear()
    actor = Actor("key", row["id"], row["tenant_id"], frozenset(row["scopes"]), row["name"])
    if _looked_up.get(db, {}).get(actor.tenant_id, 0.0) <= time.monotonic():
        known[digest] = (time.monotonic() + CACHED_S, actor)
    return actor


async def _note_use(db: Database, digest: bytes) -> None:
    """Write down that the key was used now (U-26). Waits for nobody; a database that cannot write stops no caller."""
    with suppress(asyncpg.PostgresError):
        async with db.raw() as (_, sql):
            await sql.execute(
                "UPDATE api_keys SET last_used_at = $2 WHERE token_hash = "
                "(SELECT token_hash FROM api_keys WHERE token_hash = $1 FOR UPDATE SKIP LOCKED)",
                *(digest, db.clock.now()),
            )

"""The audit log as a screen: the facts of this merchant, newest first."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.modules.tenants.views import AuditEntry


async def audit(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None,
    kind: str | None = None,
    actor: str | None = None,
    subject_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Any]:
    """Facts below the id `before`; `kind` may be a family (`staff.*`), `actor` a stamp or its kind (`staff`, `job`)."""
    family = kind is not None and kind.endswith("*")
    return await tx.fetch(
        "SELECT id, kind, subject_id, actor, at, payload FROM facts WHERE tenant_id = $1 "
        "AND ($2::uuid IS NULL OR id < $2) "
        "AND ($3::text IS NULL OR kind = $3) AND ($4::text IS NULL OR starts_with(kind, $4)) "
        "AND ($5::text IS NULL OR actor = $5 OR starts_with(actor, $5 || ':')) "
        "AND ($6::uuid IS NULL OR subject_id = $6) "
        "AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8) "
        "ORDER BY id DESC LIMIT $9",
        *(tx.tenant_id, before, None if family else kind, kind[:-1] if family and kind else None),
        *(actor, subject_id, since, until, limit),
    )


async def actor_names(tx: Tx, stamps: set[str]) -> dict[str, str]:
    """Names of the staff and keys behind actor stamps; others are absent."""
    ids: dict[str, list[UUID]] = {"staff": [], "key": []}
    for stamp in stamps:
        who, _, text = stamp.partition(":")
        if who in ids:
            ids[who].append(UUID(text))
    rows = await tx.fetch(
        "SELECT 'staff:' || id AS stamp, name FROM staff WHERE tenant_id = $1 AND id = ANY($2) "
        "UNION ALL SELECT 'key:' || id, name FROM api_keys WHERE tenant_id = $1 AND id = ANY($3)",
        *(tx.tenant_id, ids["staff"], ids["key"]),
    )
    return {row["stamp"]: row["name"] for row in rows}


def show_fact(row: Any, names: dict[str, str]) -> AuditEntry:
    """A fact as the screen shows it."""
    payload = msgspec.json.decode(row["payload"])
    payload.pop("subject_id", None)
    return {
        "id": row["id"],
        "kind": row["kind"],
        "subject_id": row["subject_id"],
        "actor": row["actor"],
        "actor_name": names.get(row["actor"], ""),
        "at": row["at"],
        "payload": payload,
    }

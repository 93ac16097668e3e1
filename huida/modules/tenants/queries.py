"""The audit log as a screen: the facts of this merchant, newest first."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.kernel.facts import Fact
from huida.kernel.lists import Where, fetch, newest_id_before, oldest_id_since
from huida.modules.tenants.views import AuditEntry

PEOPLE: Final = frozenset({"staff", "operator"})
BY_PEOPLE: Final = "(actor LIKE 'staff:%' OR actor LIKE 'operator:%')"
"""The condition of the index `ix_facts_people`: the few facts that people made, among the many of tills."""


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
    where = Where(tx.tenant_id)
    where.equal(subject_id=subject_id)
    if kind is not None:
        where.add("kind = ANY({})", kinds_of(kind))
    if actor is not None:
        where.add("(actor = {} OR starts_with(actor, {}))", actor, actor + ":")
        if actor.partition(":")[0] in PEOPLE:
            where.add(BY_PEOPLE)
    if before is not None:
        where.add("id < {}", before)
    elif until is not None and subject_id is None:
        newest = await newest_id_before(tx, "facts", "id", "at", until)
        if newest is not None:
            where.add("id <= {}", newest)
    if since is not None:
        where.add("at >= {}", since)
        oldest = None if subject_id else await oldest_id_since(tx, "facts", "id", "at", since)
        if oldest is not None:
            where.add("id >= {}", oldest)
    if until is not None:
        where.add("at < {}", until)
    return await fetch(tx, "SELECT id, kind, subject_id, actor, at, payload FROM facts", where, "id DESC", limit)


def kinds_of(kind: str) -> list[str]:
    """A kind of fact, or all kinds of a family (`staff.*`)."""
    if not kind.endswith("*"):
        return [kind]
    return sorted(one.kind for one in all_facts() if one.kind.startswith(kind[:-1]))


def all_facts(root: type[Fact] = Fact) -> Iterator[type[Fact]]:
    for one in root.__subclasses__():
        yield one
        yield from all_facts(one)


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

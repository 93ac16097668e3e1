"""Facts: what happened, in the past tense, with the change that made it true.

`tx.emit(fact)` writes a row in `facts` and, for each subscriber, job rows in the same transaction. Facts of one
transaction that fall into the same shard share one job row (a batch of 1,000 purchases makes at most 64 rows per
subscriber, not 1,000). `facts` is append-only: the timeline a merchant sees, the audit log, the source of webhooks.
Payloads are public: additive changes only.
"""

import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec

from huida.kernel.arrays import texts, uuids
from huida.kernel.ids import uuid7

SHARDS = 64
DOORBELL = "huida_jobs"

F = TypeVar("F")

_encode = msgspec.json.Encoder().encode


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all facts. `kind` is the public name; `subject_id` is whom it is about (a member), or None."""

    kind: ClassVar[str] = ""
    subject_id: UUID | None = None


class Recorded(msgspec.Struct, Generic[F], frozen=True):
    """A fact as a reaction receives it: with its id, time and who caused it. `subject_id` repeats the fact's, cheaper to
    hash and to print."""

    id: UUID
    at: datetime
    actor: str
    fact: F
    subject_id: UUID | None = None


Reaction = Callable[[Any, Sequence[Recorded[Any]]], Awaitable[None]]


@dataclass
class Subscriptions:
    """Who reacts to which kind of fact: `kind → names of job kinds`, and how payloads are read."""

    by_fact: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    types: dict[str, type[Fact]] = field(default_factory=dict)
    decoders: dict[str, msgspec.json.Decoder[Any]] = field(default_factory=dict)

    def know(self, fact_types: Iterable[type[Fact]]) -> None:
        for fact_type in fact_types:
            assert fact_type.kind, f"{fact_type.__name__} has no kind"
            known = self.types.setdefault(fact_type.kind, fact_type)
            assert known is fact_type, f"two facts are called {fact_type.kind}"
            self.decoders[fact_type.kind] = msgspec.json.Decoder(fact_type)

    def subscribe(self, job_kind: str, fact_types: Iterable[type[Fact]]) -> None:
        fact_types = list(fact_types)
        self.know(fact_types)
        for fact_type in fact_types:
            self.by_fact[fact_type.kind].append(job_kind)


@dataclass(slots=True)
class Pending:
    """A fact that waits for the flush of its transaction."""

    id: UUID
    fact: Fact

    @classmethod
    def of(cls, fact: Fact) -> "Pending":
        return cls(uuid7(), fact)


@dataclass(slots=True)
class PendingJob:
    """A job that waits for the flush of its transaction."""

    id: UUID
    kind: str
    payload: str
    lane: UUID
    due: datetime | None

    @classmethod
    def of(cls, kind: str, payload: Any, *, lane: UUID | None, due: datetime | None) -> "PendingJob":
        job_id = uuid7()
        return cls(job_id, kind, _encode(payload).decode(), lane or job_id, due)


def shard_of(tenant_id: int, lane: UUID) -> int:
    """The shard of a lane: same tenant and lane, same shard, same owner, so their order is kept."""
    return zlib.crc32(lane.bytes, tenant_id & 0xFFFF_FFFF) % SHARDS


INSERT_FACTS = """
INSERT INTO facts (tenant_id, id, kind, subject_id, actor, at, payload)
SELECT $1, f.id, f.kind, f.subject_id, $2, $3, f.payload
FROM unnest(($4::text)::uuid[], ($5::text)::text[], ($6::text)::uuid[], ($7::text)::jsonb[]) AS f(id, kind, subject_id, payload)
"""
INSERT_JOBS = """
WITH added AS (
  INSERT INTO jobs (shard, tenant_id, id, kind, fact_ids, payload)
  SELECT j.shard, $1, j.id, j.kind, string_to_array(j.fact_ids, ',')::uuid[], j.payload
  FROM unnest($2::smallint[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[]) AS j(shard, id, kind, fact_ids, payload)
)
SELECT pg_notify('huida_jobs', '')
"""
INSERT_LATER = """
INSERT INTO jobs_later (tenant_id, id, due_at, shard, kind, payload, attempt)
SELECT $1, j.id, j.due_at, j.shard, j.kind, j.payload, 0
FROM unnest($2::uuid[], $3::timestamptz[], $4::smallint[], $5::text[], $6::jsonb[]) AS j(id, due_at, shard, kind, payload)
"""


async def write(
    sql: Any,
    subscriptions: Subscriptions,
    tenant_id: int,
    actor: str,
    now: datetime,
    facts: Sequence[Pending],
    jobs: Sequence[PendingJob],
) -> None:
    """Write facts and jobs of one transaction in at most three statements."""
    grouped: dict[tuple[int, str], list[str]] = defaultdict(list)
    if facts:
        await sql.execute(
            INSERT_FACTS,
            tenant_id,
            actor,
            now,
            uuids([f.id for f in facts]),
            texts([f.fact.kind for f in facts]),
            uuids([f.fact.subject_id for f in facts]),
            texts([_encode(f.fact).decode() for f in facts]),
        )
        for pending in facts:
            subscribers = subscriptions.by_fact.get(pending.fact.kind)
            if subscribers:
                shard = shard_of(tenant_id, pending.fact.subject_id or pending.id)
                for job_kind in subscribers:
                    grouped[shard, job_kind].append(str(pending.id))
    rows: list[tuple[int, UUID, str, str | None, str | None]] = [
        (shard, uuid7(), kind, ",".join(ids), None) for (shard, kind), ids in grouped.items()
    ]
    rows += [
        (shard_of(tenant_id, j.lane), j.id, j.kind, None, j.payload) for j in jobs if j.due is None or j.due <= now
    ]
    if rows:
        await sql.execute(INSERT_JOBS, tenant_id, *([row[i] for row in rows] for i in range(5)))
    later = [j for j in jobs if j.due is not None and j.due > now]
    if later:
        await sql.execute(
            INSERT_LATER,
            tenant_id,
            [j.id for j in later],
            [j.due for j in later],
            [shard_of(tenant_id, j.lane) for j in later],
            [j.kind for j in later],
            [j.payload for j in later],
        )

"""The queue's tables and statements (design/architecture §7).

`jobs` holds what can run now and is read by the owner of its shard only; a finished job is deleted in the commit of
its effects. `jobs_later` holds what is due in the future and is claimed with SKIP LOCKED. `jobs_dead` holds what was
tried for the last time, replayable under the same ids. No row-level security: the queue serves all tenants.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, BigInteger, DateTime, Index, SmallInteger, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base
from huida.kernel.facts import SHARDS

RETRY_LADDER_S = (5, 30, 120, 300, 900, 1800, 3600, 7200, 14400, 28800)
"""Waits between tries; together about sixteen hours, so a provider may be down for one (issue: an hour)."""


class FactRow(Base):
    """The append-only log of facts, partitioned by month of its UUIDv7 (the migration makes the partitions)."""

    __tablename__ = "facts"
    __table_args__ = (
        Index("ix_facts_subject", "tenant_id", "subject_id", "id"),
        # What is about no member (settings, staff, WeChat's pushes): the many facts of members are found by their member.
        Index("ix_facts_kind", "tenant_id", "kind", "id", postgresql_where=text("subject_id IS NULL")),
        # What people did, among the many facts of tills: the audit log.
        Index(
            "ix_facts_people",
            "tenant_id",
            "id",
            postgresql_where=text("actor LIKE 'staff:%' OR actor LIKE 'operator:%'"),
        ),
        {"postgresql_partition_by": "RANGE (id)"},
    )
    tenant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[UUID | None] = mapped_column(Uuid)
    actor: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    payload: Mapped[Any] = mapped_column(JSONB)


class JobRow(Base):
    __tablename__ = "jobs"
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    fact_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    payload: Mapped[Any | None] = mapped_column(JSONB)
    attempt: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    started_by: Mapped[UUID | None] = mapped_column(Uuid)


class JobLaterRow(Base):
    __tablename__ = "jobs_later"
    __table_args__ = (Index("ix_jobs_later_due", "due_at"), Index("ix_jobs_later_kind", "tenant_id", "kind"))
    tenant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    shard: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[str] = mapped_column(Text)
    fact_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    payload: Mapped[Any | None] = mapped_column(JSONB)
    attempt: Mapped[int] = mapped_column(SmallInteger)
    last_error: Mapped[str | None] = mapped_column(Text)


class JobDeadRow(Base):
    __tablename__ = "jobs_dead"
    tenant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    died_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    shard: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[str] = mapped_column(Text)
    fact_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    payload: Mapped[Any | None] = mapped_column(JSONB)
    attempt: Mapped[int] = mapped_column(SmallInteger)
    last_error: Mapped[str] = mapped_column(Text)


class ShardLease(Base):
    __tablename__ = "shard_leases"
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    owner: Mapped[UUID | None] = mapped_column(Uuid)
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WorkerRow(Base):
    """Workers alive, so that each knows its fair share of the shards."""

    __tablename__ = "workers"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ScheduleRun(Base):
    """One row per schedule and due time: whoever inserts it runs it, any number of workers, one run."""

    __tablename__ = "schedule_runs"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)


@dataclass(slots=True, frozen=True)
class Job:
    """One queue row. `facts` are its facts' ids when it is a reaction, `payload` otherwise."""

    shard: int
    tenant_id: int
    id: UUID
    kind: str
    fact_ids: tuple[UUID, ...]
    payload: Any
    attempt: int
    started_by: UUID | None


def job_of(row: Any) -> Job:
    payload = row["payload"]
    return Job(
        shard=row["shard"],
        tenant_id=row["tenant_id"],
        id=row["id"],
        kind=row["kind"],
        fact_ids=tuple(row["fact_ids"] or ()),
        payload=None if payload is None else msgspec.json.decode(payload),
        attempt=row["attempt"],
        started_by=row["started_by"],
    )


TAKE = """
SELECT j.* FROM unnest($1::smallint[]) AS s(shard)
CROSS JOIN LATERAL (
  WITH RECURSIVE t AS (
    (SELECT tenant_id, 1 AS n FROM jobs WHERE shard = s.shard AND tenant_id >= $3 ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT tenant_id FROM jobs WHERE shard = s.shard AND tenant_id > t.tenant_id ORDER BY tenant_id LIMIT 1),
           t.n + 1
    FROM t WHERE t.tenant_id IS NOT NULL AND t.n < 20
  )
  SELECT tenant_id FROM t WHERE tenant_id IS NOT NULL
) AS t
CROSS JOIN LATERAL (
  SELECT shard, tenant_id, id, kind, fact_ids, payload, attempt, started_by
  FROM jobs WHERE jobs.shard = s.shard AND jobs.tenant_id = t.tenant_id ORDER BY id LIMIT $2
) AS j
"""
"""Up to $2 rows per shard and tenant, twenty tenants a turn from $3 on: no tenant can starve the others."""

DONE = (
    "DELETE FROM jobs WHERE (shard, tenant_id, id) IN (SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::uuid[]))"
)
START = """
UPDATE jobs SET started_by = $4
WHERE (shard, tenant_id, id) IN (SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::uuid[])) AND started_by IS NULL
RETURNING id
"""
START_LEASED = START.replace(
    "RETURNING",
    "AND EXISTS (SELECT FROM shard_leases l WHERE l.shard = jobs.shard AND l.owner = $4 AND l.expires_at > clock_timestamp())\n"
    "RETURNING",
)
"""As START, by a worker that runs: only where its lease holds by PostgreSQL's clock."""
TO_LATER = """
WITH gone AS (
  DELETE FROM jobs WHERE shard = $1 AND tenant_id = $2 AND id = $3
  RETURNING tenant_id, id, shard, kind, fact_ids, payload, attempt
)
INSERT INTO jobs_later (tenant_id, id, due_at, shard, kind, fact_ids, payload, attempt, last_error)
SELECT tenant_id, id, $4, shard, kind, fact_ids, payload, attempt + 1, $5 FROM gone
"""
TO_DEAD = """
WITH gone AS (
  DELETE FROM jobs WHERE shard = $1 AND tenant_id = $2 AND id = $3
  RETURNING tenant_id, id, shard, kind, fact_ids, payload, attempt
)
INSERT INTO jobs_dead (tenant_id, id, died_at, shard, kind, fact_ids, payload, attempt, last_error)
SELECT tenant_id, id, $4, shard, kind, fact_ids, payload, attempt + 1, $5 FROM gone
"""
SPLIT = """
WITH gone AS (
  DELETE FROM jobs WHERE shard = $1 AND tenant_id = $2 AND id = $3 RETURNING shard, tenant_id, kind, attempt, fact_ids
)
INSERT INTO jobs (shard, tenant_id, id, kind, fact_ids, attempt)
SELECT g.shard, g.tenant_id, f.id, g.kind, ARRAY[f.id], g.attempt FROM gone g CROSS JOIN LATERAL unnest(g.fact_ids) AS f(id)
"""
# `= ANY(ARRAY(…))` and not `IN (…)`: the planner may run a subquery with LIMIT and FOR UPDATE more than once.
RIPEN = """
WITH ripe AS (
  DELETE FROM jobs_later WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM jobs_later WHERE due_at <= $1 ORDER BY due_at LIMIT 500 FOR UPDATE SKIP LOCKED))
  RETURNING shard, tenant_id, id, kind, fact_ids, payload, attempt
), back AS (
  INSERT INTO jobs (shard, tenant_id, id, kind, fact_ids, payload, attempt) SELECT * FROM ripe RETURNING 1
)
SELECT count(*) FROM back
"""
REPLAY = """
WITH back AS (
  DELETE FROM jobs_dead WHERE tenant_id = $1 AND id = $2 RETURNING shard, tenant_id, id, kind, fact_ids, payload
)
INSERT INTO jobs (shard, tenant_id, id, kind, fact_ids, payload, attempt)
SELECT shard, tenant_id, id, kind, fact_ids, payload, 0 FROM back
"""
# Leases and heartbeats go by PostgreSQL's clock alone: the workers' clocks may differ, and may be wrong.
JOIN_WORK = (
    "INSERT INTO workers (id, seen_at) VALUES ($1, clock_timestamp()) "
    "ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at RETURNING seen_at"
)
BURY_WORKERS = (
    "DELETE FROM workers WHERE seen_at NOT BETWEEN clock_timestamp() - make_interval(secs => $1) "
    "AND clock_timestamp() + make_interval(secs => $1)"
)
RENEW = (
    "UPDATE shard_leases SET expires_at = clock_timestamp() + make_interval(secs => $2) "
    "WHERE owner = $1 AND expires_at > clock_timestamp() RETURNING shard"
)
CUT_SHORT = (
    "UPDATE shard_leases SET expires_at = clock_timestamp() + make_interval(secs => $2) "
    "WHERE owner <> $1 AND expires_at > clock_timestamp() + make_interval(secs => $2) RETURNING owner"
)
"""A lease further ahead than leases last is void. Its owner, if it lives, renews it; else it is over after one length."""
SEIZE = """
UPDATE shard_leases SET owner = $1, expires_at = clock_timestamp() + make_interval(secs => $2) WHERE shard = ANY(ARRAY(
  SELECT shard FROM shard_leases WHERE owner IS NULL OR expires_at <= clock_timestamp()
  ORDER BY shard LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING shard
"""
RELEASE = "UPDATE shard_leases SET owner = NULL WHERE owner = $1 AND shard = ANY($2::smallint[])"


def retry_at(now: datetime, attempt: int) -> datetime | None:
    """When a job that failed its `attempt`-th try (from 0) is tried again; None when that was the last."""
    return now + timedelta(seconds=RETRY_LADDER_S[attempt]) if attempt < len(RETRY_LADDER_S) else None


def keys(jobs: list[Job]) -> tuple[list[int], list[int], list[UUID]]:
    """Jobs as the three columns of their primary key."""
    return [j.shard for j in jobs], [j.tenant_id for j in jobs], [j.id for j in jobs]


__all__ = ["SHARDS", "Job", "job_of", "keys", "retry_at"]

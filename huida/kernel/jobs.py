"""What runs: reactions, jobs, errands and schedules, collected by module and handed to the worker by `main`.

- A *reaction* gets a batch of facts of one tenant in a transaction that also deletes its job rows.
- A *job* is the same with payloads instead of facts.
- An *errand* talks to a provider in three steps: claim (rows marked) → call (no transaction) → record.
- A *schedule* is a job that the first worker to notice its due time enqueues, once.

Every one may run twice; its docstring says why that is safe.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Tx, columns
from huida.kernel.facts import DOORBELL, Fact, Reaction, Subscriptions, shard_of
from huida.kernel.ids import uuid7
from huida.kernel.queue import Job

JobBody = Callable[[Tx, Sequence[Any]], Awaitable[None]]
R = TypeVar("R", bound=Callable[..., Awaitable[None]])


class Errand(Protocol):
    """Work that leaves the house, in three steps; the job rows are marked as started in the first and gone in the last."""

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> Any:
        """Read what is to be done, in the transaction that marks the jobs as started."""

    async def call(self, work: Any) -> Any:
        """Do it on the network, with no transaction open. Provider outcomes are part of the answer, not exceptions."""

    async def record(self, tx: Tx, outcome: Any) -> None:
        """Write the outcome; commits together with the deletion of the jobs."""

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """A worker died between the first and the last step: close these as unknown (never simply repeat)."""


@dataclass(frozen=True)
class Schedule:
    """Due every `every`, or daily at `at` shop time; enqueues the platform job `name`."""

    name: str
    every: timedelta | None = None
    at: time | None = None

    def last_due(self, now: datetime) -> datetime:
        """The newest due time that is not in the future."""
        if self.every is not None:
            step = int(self.every.total_seconds())
            return datetime.fromtimestamp(int(now.timestamp()) // step * step, UTC)
        assert self.at is not None
        local = now.astimezone(SHOP_ZONE)
        due = local.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0)
        return (due if due <= local else due - timedelta(days=1)).astimezone(UTC)


@dataclass
class Work:
    """One module's reactions, jobs, errands and schedules."""

    module: str
    reactions: dict[str, tuple[Reaction, tuple[type[Fact], ...]]] = field(default_factory=dict)
    jobs: dict[str, JobBody] = field(default_factory=dict)
    errands: dict[str, Errand] = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)

    def reacts_to(self, *fact_types: type[Fact]) -> Callable[[R], R]:
        """Subscribe a function to facts; it receives `(tx, facts)` with facts of one tenant in order."""

        def register(body: R) -> R:
            self.reactions[f"{self.module}.{body.__name__}"] = (body, fact_types)
            return body

        return register

    def job(self, body: R) -> R:
        """Register a job body `(tx, payloads)` under `module.name`."""
        self.jobs[f"{self.module}.{body.__name__}"] = body
        return body

    def scheduled(self, *, every: timedelta | None = None, at: time | None = None) -> Callable[[R], R]:
        """Register a platform job (tenant 0) that runs on a schedule."""

        def register(body: R) -> R:
            name = f"{self.module}.{body.__name__}"
            self.jobs[name] = body
            self.schedules.append(Schedule(name, every, at))
            return body

        return register


@dataclass
class Registry:
    """All modules' work by job kind."""

    reactions: dict[str, Reaction] = field(default_factory=dict)
    jobs: dict[str, JobBody] = field(default_factory=dict)
    errands: dict[str, Errand] = field(default_factory=dict)
    schedules: list[Schedule] = field(default_factory=list)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)

    def add(self, work: Work) -> None:
        for kind, (body, fact_types) in work.reactions.items():
            self.reactions[kind] = body
            self.subscriptions.subscribe(kind, fact_types)
        self.jobs.update(work.jobs)
        self.errands.update(work.errands)
        self.schedules.extend(work.schedules)


async def fan_out(tx: Tx, kind: str, tenant_ids: Sequence[int], payload: Any = None) -> None:
    """Enqueue one job for each of these tenants, from a platform job: the queue alone serves all tenants.

    They go through `jobs` in one statement, as if each tenant had enqueued its own.
    """
    jobs = [(tenant_id, uuid7()) for tenant_id in tenant_ids]
    await tx.execute(
        "WITH added AS (INSERT INTO jobs (shard, tenant_id, id, kind, payload) "
        "  SELECT j.shard, j.tenant_id, j.id, $1, $2::jsonb "
        "  FROM unnest($3::smallint[], $4::bigint[], $5::uuid[]) AS j(shard, tenant_id, id)) "
        "SELECT pg_notify($6, '')",
        *(kind, msgspec.json.encode(payload).decode()),
        *columns([(shard_of(tenant_id, job_id), tenant_id, job_id) for tenant_id, job_id in jobs], 3),
        DOORBELL,
    )

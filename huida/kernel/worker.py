"""The worker: leases shards, takes their jobs in order, runs them in batches per tenant and kind.

A worker has a few streams; each owns some of the worker's shards and does one thing after the other, so the order
within a lane is free. While one stream waits for the network, the others use the database. A row found `started_by`
another worker means that worker died in the middle of an errand: the outcome is unknown (design/architecture §7, §9).
A job whose errand was started is never tried again: it is recorded, or closed by `abandoned`, or dead.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from huida.kernel import queue
from huida.kernel.arrays import uuids
from huida.kernel.clock import clock_ahead
from huida.kernel.db import AWAY, Database, Tx
from huida.kernel.facts import DOORBELL, Recorded
from huida.kernel.fence import Lease, awake_s, fenced
from huida.kernel.http import TOTAL_S
from huida.kernel.ids import uuid7
from huida.kernel.jobs import Registry
from huida.kernel.log import log
from huida.kernel.metrics import JOB_FAILURES, JOBS_DONE
from huida.kernel.queue import Job

LEASE_S = 20.0
HEARTBEAT_S = 4.0
CALL_S = TOTAL_S
"""A call begins only while the lease lasts at least as long as the client gives it, connecting and sending included."""
POLL_S = 1.0
LARGEST_SKEW_S = 2.0
"""How far a worker's clock may be from PostgreSQL's when it starts."""
IDLE_BEATS = 15
"""After so many heartbeats without a shard a worker says that it gets no work."""
GOODBYE_S = 5.0
"""How long an ending worker waits for a database that is away, to record what it did."""
AT_RISK = 128
"""How many things of an errand are started before any of them is recorded, about."""
RECORD_TRIES = 3


class ClockIsOff(Exception):
    """This machine's clock is too far from PostgreSQL's for work to begin; `seconds` is how far PostgreSQL's is ahead."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the database's clock is {seconds:+.1f} s from this machine's")


class TakenOver(Exception):
    """Jobs that this worker took are not in the queue any more: it stood still, and another has done them."""


class Worker:
    """One process's share of the work. `run()` until `stop()`; `settle()` runs one tenant to quiet for tests."""

    def __init__(self, db: Database, registry: Registry, *, streams: int = 4, rows_per_turn: int = 8) -> None:
        self.id = uuid7()
        self.db = db
        self.registry = registry
        self.streams = streams
        self.rows_per_turn = rows_per_turn
        self.shards: set[int] = set()
        self._bells = [asyncio.Event() for _ in range(streams)]
        self._stopping = asyncio.Event()
        self._listener: Any = None
        self._turns = [asyncio.Lock() for _ in range(streams)]
        self._leaving: set[int] = set()
        self._lease = Lease()
        self._running = False
        self._ahead = timedelta()  # of PostgreSQL's clock, measured at every beat
        self._idle_beats = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._schedules_seen: dict[str, datetime] = {}

    async def run(self) -> None:
        """Work until stopped. A database that goes away is waited for; nothing is lost, since jobs are rows.

        Raises ClockIsOff, before anything is touched, when this machine's clock is wrong.
        """
        await self._compare_clocks()
        self._running = True
        tasks = [asyncio.create_task(self._stream(n)) for n in range(self.streams)]
        tasks.append(asyncio.create_task(self._keep()))
        await self._stopping.wait()
        self.ring()
        await asyncio.gather(*tasks)
        await self._leave()

    def stop(self) -> None:
        self._stopping.set()
        self.ring()

    def ring(self) -> None:
        for bell in self._bells:
            bell.set()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            pass

    async def _keep(self) -> None:
        """Heartbeat, leases, the doorbell, ripening jobs and schedules."""
        beat_at = 0.0
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            try:
                if self._listener is None or self._listener.is_closed():
                    self._listener = await self.db.listen(DOORBELL, self.ring)
                if loop.time() >= beat_at:
                    await self._beat()
                    beat_at = loop.time() + HEARTBEAT_S
                if await self.ripen():
                    self.ring()
                await self.run_due_schedules()
            except AWAY as away:
                log.warning("database_away", error=type(away).__name__)
            except Exception as error:
                # A heartbeat that ends would lose the leases while the streams go on.
                log.error("heartbeat_failed", exc_info=error)
            await self._pause(0.5)

    async def _compare_clocks(self) -> None:
        """Raises ClockIsOff; waits for a database that is away."""
        while not self._stopping.is_set():
            try:
                async with self.db.raw() as (_, sql):
                    self._ahead = await clock_ahead(lambda: sql.fetchval("SELECT clock_timestamp()"))
                break
            except AWAY as away:
                log.warning("database_away", error=type(away).__name__)
                await self._pause(POLL_S)
        if abs(self._ahead.total_seconds()) > LARGEST_SKEW_S:
            raise ClockIsOff(self._ahead.total_seconds())

    async def _beat(self) -> None:
        asked_at = awake_s()
        async with self.db.raw() as (_, sql):
            self._ahead = await clock_ahead(lambda: sql.fetchval(queue.JOIN_WORK, self.id))
            self.db.clock.keep_to(self._ahead)
            await sql.execute(queue.BURY_WORKERS, LEASE_S)
            void = await sql.fetch(queue.CUT_SHORT, self.id, LEASE_S)
            alive = await sql.fetchval("SELECT count(*) FROM workers")
            share = -(-queue.SHARDS // max(alive, 1))
            held = {r["shard"] for r in await sql.fetch(queue.RENEW, self.id, LEASE_S)}
            if not self.shards <= held:
                self._lease.lost()
            held -= self._leaving  # promised away: who takes them back would run what is released under its hands
            surplus = sorted(held)[share:]
            if surplus:
                held -= set(surplus)
                self.shards = held  # before the hand-over may look for a stream that is between two turns
                self._hand_over(set(surplus))
            elif len(held) < share:
                held |= {r["shard"] for r in await sql.fetch(queue.SEIZE, self.id, LEASE_S, share - len(held))}
        self._lease.renewed(asked_at, LEASE_S)
        self._say_what_is_odd(held, void, alive)
        if held != self.shards:
            self.shards = held
            self.ring()

    def _say_what_is_odd(self, held: set[int], void: Sequence[Any], alive: int) -> None:
        if void:
            log.warning("leases_too_far_ahead", count=len(void), owners=sorted({str(row["owner"]) for row in void}))
        if abs(self._ahead.total_seconds()) > LARGEST_SKEW_S:
            log.error("clock_off", database_ahead_s=round(self._ahead.total_seconds(), 1))
        self._idle_beats = 0 if held else self._idle_beats + 1
        if self._idle_beats % IDLE_BEATS == 1 and self._idle_beats > 1:
            log.warning("no_shards", workers=alive, beats=self._idle_beats)

    def _hand_over(self, surplus: set[int]) -> None:
        """Release shards once the turn that may be using them is over, so a running call is not taken for a dead one."""
        if surplus:
            self._leaving |= surplus
            task = asyncio.create_task(self._release(surplus))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _release(self, surplus: set[int]) -> None:
        for number in {shard % self.streams for shard in surplus}:
            async with self._turns[number]:
                pass
        try:
            async with self.db.raw() as (_, sql):
                await sql.execute(queue.RELEASE, self.id, sorted(surplus))
        except AWAY as away:
            log.warning("database_away", error=type(away).__name__)  # the next beat finds them surplus again
        finally:
            self._leaving -= surplus

    async def _leave(self) -> None:
        if self._listener is not None:
            await self._listener.close()
        try:
            async with self.db.raw() as (_, sql):
                await sql.execute("UPDATE shard_leases SET owner = NULL WHERE owner = $1", self.id)
                await sql.execute("DELETE FROM workers WHERE id = $1", self.id)
        except AWAY:
            log.warning("left_without_goodbye")

    async def ripen(self) -> int:
        """Move jobs whose time has come to the queue; returns how many."""
        async with self.db.raw() as (_, sql):
            return int(await sql.fetchval(queue.RIPEN, self.db.clock.now()))

    async def run_due_schedules(self) -> None:
        """Enqueue each schedule whose newest due time nobody has taken yet."""
        now = self.db.clock.now()
        for schedule in self.registry.schedules:
            due = schedule.last_due(now)
            if self._schedules_seen.get(schedule.name) == due:
                continue
            async with self.db.tx(0) as tx:
                took = await tx.execute(
                    "INSERT INTO schedule_runs (name, due_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    schedule.name,
                    due,
                )
                if took:
                    tx.enqueue(schedule.name, {"due_at": due})
            self._schedules_seen[schedule.name] = due

    async def _stream(self, number: int) -> None:
        bell = self._bells[number]
        start = 0
        while not self._stopping.is_set():
            taken: list[Job] = []
            try:
                async with self._turns[number]:
                    mine = [s for s in self.shards if s % self.streams == number]
                    # A process that stood still may have lost its shards to another one.
                    if mine and self._lease.holds(CALL_S):
                        taken = await self.turn(mine, start)
                start = (
                    max((j.tenant_id for j in taken), default=-1) + 1 if len({j.tenant_id for j in taken}) >= 20 else 0
                )
            except AWAY as away:
                log.warning("database_away", error=type(away).__name__)
                await self._pause(POLL_S)
                continue
            except Exception as error:
                # A stream that ends would leave its shards undone while the heartbeat keeps their leases.
                log.error("turn_failed", stream=number, exc_info=error)
                await self._pause(POLL_S)
                continue
            if not taken:
                bell.clear()
                try:
                    await asyncio.wait_for(bell.wait(), POLL_S)
                except TimeoutError:
                    pass

    async def turn(self, shards: Sequence[int], start: int = 0, *, only_tenant: int | None = None) -> list[Job]:
        """Take what these shards offer and run it. Returns the jobs taken."""
        async with self.db.raw() as (_, sql):
            rows = await sql.fetch(queue.TAKE, list(shards), self.rows_per_turn, start)
        groups: dict[tuple[int, str], list[Job]] = defaultdict(list)
        taken = [queue.job_of(row) for row in rows]
        if only_tenant is not None:
            taken = [job for job in taken if job.tenant_id == only_tenant]
        for job in taken:
            groups[job.tenant_id, job.kind].append(job)
        for (tenant_id, kind), jobs in groups.items():
            jobs.sort(key=lambda job: job.id)
            await self._run(tenant_id, kind, jobs)
        return taken

    async def _run(self, tenant_id: int, kind: str, jobs: list[Job]) -> None:
        """Run a batch; on error halve it until the guilty job stands alone, then retry that one later."""
        try:
            if kind in self.registry.errands:
                await self._run_errand(tenant_id, kind, jobs)
            else:
                async with self.db.tx(tenant_id, actor=f"job:{kind}") as tx:
                    await self._in_tx(tx, kind, jobs)
            JOBS_DONE.labels(kind).inc(len(jobs))
        except AWAY:
            raise
        except Exception as error:
            gone = isinstance(error, TakenOver)
            if not gone:
                JOB_FAILURES.labels(kind).inc()
            if len(jobs) > 1:
                half = len(jobs) // 2
                await self._run(tenant_id, kind, jobs[:half])
                await self._run(tenant_id, kind, jobs[half:])
            elif gone:
                log.info("job_taken_over", job=kind, tenant=tenant_id, id=str(jobs[0].id))
            else:
                log.error("job_failed", job=kind, tenant=tenant_id, id=str(jobs[0].id), exc_info=error)
                await self._postpone(jobs[0], error)

    async def _in_tx(self, tx: Tx, kind: str, jobs: list[Job]) -> None:
        done = await tx.execute(queue.DONE, *queue.keys(jobs))
        if done != len(jobs):
            raise TakenOver
        if kind in self.registry.reactions:
            await self.registry.reactions[kind](tx, await load_facts(tx, [i for job in jobs for i in job.fact_ids]))
        elif kind in self.registry.jobs:
            await self.registry.jobs[kind](tx, [job.payload for job in jobs])
        else:
            raise LookupError(f"nobody does {kind}")

    async def _run_errand(self, tenant_id: int, kind: str, jobs: list[Job]) -> None:
        # A stream does one thing after the other, so a started row found here was left by a worker or a call that died.
        orphans = [job for job in jobs if job.started_by is not None]
        if orphans:
            await self._abandon(tenant_id, kind, orphans)
        for portion in portions([job for job in jobs if job.started_by is None]):
            await self._run_portion(tenant_id, kind, portion)

    async def _run_portion(self, tenant_id: int, kind: str, fresh: list[Job]) -> None:
        """Claim, call, record."""
        errand = self.registry.errands[kind]
        fence = self._lease.fence(CALL_S) if self._running else _open
        if not fence():
            return
        start = queue.START_LEASED if self._running else queue.START
        async with self.db.tx(tenant_id, actor=f"job:{kind}") as tx:
            claimed = {row["id"] for row in await tx.fetch(start, *queue.keys(fresh), self.id)}
            mine = [job for job in fresh if job.id in claimed]
            if not mine:
                return
            work = await errand.load(tx, mine)
        try:
            with fenced(fence):
                outcome = await errand.call(work)
        except Exception as error:
            log.error("errand_failed", job=kind, tenant=tenant_id, exc_info=error)
            await self._abandon(tenant_id, kind, mine)
            return
        await self._record(tenant_id, kind, mine, outcome)

    async def _abandon(self, tenant_id: int, kind: str, jobs: list[Job]) -> None:
        """Close what was started and not recorded; what cannot even be closed is dead, for a person to look at."""
        try:
            async with self.db.tx(tenant_id, actor=f"job:{kind}") as tx:
                if await tx.execute(queue.DONE, *queue.keys(jobs)):
                    await self.registry.errands[kind].abandoned(tx, jobs)
        except AWAY:
            raise
        except Exception as error:
            if len(jobs) > 1:
                for job in jobs:
                    await self._abandon(tenant_id, kind, [job])
                return
            log.error("abandon_failed", job=kind, tenant=tenant_id, id=str(jobs[0].id), exc_info=error)
            await self._bury(jobs[0], error)

    async def _record(self, tenant_id: int, kind: str, jobs: list[Job], outcome: Any) -> None:
        """Write an outcome that is already true outside: keep trying while the database is away.

        When a commit was cut off, the job rows tell whether it took place: it is not written twice.
        """
        tries = 0
        cut_off = False
        give_up_at: float | None = None
        while True:
            try:
                async with self.db.tx(tenant_id, actor=f"job:{kind}") as tx:
                    if await tx.execute(queue.DONE, *queue.keys(jobs)) or not cut_off:
                        await self.registry.errands[kind].record(tx, outcome)
                return
            except AWAY as away:
                cut_off = True
                log.warning("record_waits_for_database", job=kind, error=type(away).__name__)
                if self._stopping.is_set():
                    give_up_at = give_up_at or awake_s() + GOODBYE_S
                    if awake_s() >= give_up_at:
                        log.error("outcome_not_recorded", job=kind, tenant=tenant_id, count=len(jobs))
                        return  # started rows: whoever works next closes them as unknown
                await asyncio.sleep(POLL_S)
            except Exception as error:
                tries += 1
                log.error("record_failed", job=kind, tenant=tenant_id, tries=tries, exc_info=error)
                if tries == RECORD_TRIES:
                    await self._abandon(tenant_id, kind, jobs)
                    return
                await asyncio.sleep(0.05 * tries)

    async def _postpone(self, job: Job, error: Exception) -> None:
        """Split a job of several facts, or put a single one on the retry ladder, or declare it dead."""
        now = self.db.clock.now()
        text = f"{type(error).__name__}: {error}"[:500]
        async with self.db.raw() as (_, sql):
            due = queue.retry_at(now, job.attempt)
            if len(job.fact_ids) > 1:
                await sql.execute(queue.SPLIT, job.shard, job.tenant_id, job.id)
            elif due is not None:
                await sql.execute(queue.TO_LATER, job.shard, job.tenant_id, job.id, due, text)
            else:
                await sql.execute(queue.TO_DEAD, job.shard, job.tenant_id, job.id, now, text)

    async def _bury(self, job: Job, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"[:500]
        async with self.db.raw() as (_, sql):
            await sql.execute(queue.TO_DEAD, job.shard, job.tenant_id, job.id, self.db.clock.now(), text)


def _open() -> bool:
    """The fence of who works without leases (commands and tests that take one turn)."""
    return True


def portions(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs in their order, cut so that what is under way at once stays small: when a worker is killed, the outcome of all
    of a portion is unknown, also of what was not called yet."""
    cut: list[list[Job]] = []
    weight = AT_RISK
    for job in jobs:
        if weight >= AT_RISK:
            cut.append([])
            weight = 0
        cut[-1].append(job)
        weight += len(job.payload) if isinstance(job.payload, list) else 1
    return cut


async def load_facts(tx: Tx, ids: list[UUID]) -> list[Recorded[Any]]:
    """Facts by id, in the order of their ids (which is the order of their making)."""
    rows = await tx.fetch(
        "SELECT id, kind, actor, at, payload, subject_id FROM facts WHERE tenant_id = $1 AND id = ANY(($2::text)::uuid[])",
        tx.tenant_id,
        uuids(ids),
    )
    decoders = tx.db.subscriptions.decoders
    rows.sort(key=lambda row: row["id"].bytes)
    return [
        Recorded(r["id"], r["at"], r["actor"], decoders[r["kind"]].decode(r["payload"]), r["subject_id"]) for r in rows
    ]

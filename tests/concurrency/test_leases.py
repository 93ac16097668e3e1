"""Several workers share the shards: each job runs once, also while shards change hands and when a worker dies.

The first test is the control: two workers that simply read the queue do everything twice.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from huida.kernel import queue
from huida.kernel import worker as worker_module
from huida.kernel.db import Database, Tx
from huida.kernel.facts import SHARDS
from huida.kernel.fence import Lease, awake_s
from huida.kernel.jobs import Registry, Work
from huida.kernel.queue import Job
from huida.kernel.worker import Worker

TENANT = 501
CALL = "test.call"


class Calls:
    """An errand that notes what it did; the network is a gate that a test may close."""

    def __init__(self) -> None:
        self.called: Counter[int] = Counter()
        self.recorded: Counter[int] = Counter()
        self.abandoned_jobs: Counter[int] = Counter()
        self.under_way = 0
        self.open = asyncio.Event()
        self.open.set()
        self.record_fails = 0

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> list[int]:
        return [job.payload for job in jobs]

    async def call(self, work: list[int]) -> list[int]:
        self.called.update(work)
        self.under_way += 1
        await self.open.wait()
        self.under_way -= 1
        return work

    async def record(self, tx: Tx, outcome: list[int]) -> None:
        if self.record_fails:
            self.record_fails -= 1
            raise RuntimeError("a record that fails")
        self.recorded.update(outcome)

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        self.abandoned_jobs.update(job.payload for job in jobs)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def registry(calls: Calls) -> Registry:
    work = Work("test")
    work.errands[CALL] = calls
    made = Registry()
    made.add(work)
    return made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hearts that beat faster, so that a test need not wait for seconds."""
    monkeypatch.setattr(worker_module, "HEARTBEAT_S", 0.2)


async def fill(db: Database, number: int, *, kind: str = CALL) -> None:
    async with db.tx(TENANT) as tx:
        for n in range(number):
            tx.enqueue(kind, n, lane=uuid4())


async def left(db: Database) -> int:
    async with db.raw() as (_, sql):
        return int(await sql.fetchval("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM jobs_later)"))


async def until(true: Callable[[], Any], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while True:
            result = true()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks)


async def test_control_two_that_simply_read_the_queue_do_everything_twice(own_db: Database) -> None:
    await fill(own_db, 20)
    gate, done = asyncio.Barrier(2), Counter[Any]()

    async def naive() -> None:
        async with own_db.raw() as (_, sql):
            rows = await sql.fetch(queue.TAKE, list(range(SHARDS)), 100, 0)
            await gate.wait()
            done.update(row["id"] for row in rows)
            await sql.execute("DELETE FROM jobs WHERE tenant_id = $1", TENANT)

    await asyncio.gather(naive(), naive())
    assert Counter(done.values()) == {2: 20}


@pytest.mark.usefixtures("quick")
async def test_two_workers_share_the_shards_and_run_each_job_once(
    own_db: Database, registry: Registry, calls: Calls
) -> None:
    one, two = Worker(own_db, registry), Worker(own_db, registry)
    async with running(one, two):
        await until(lambda: len(one.shards) == len(two.shards) == SHARDS // 2)
        assert one.shards | two.shards == set(range(SHARDS))
        for _ in range(5):
            await fill(own_db, 100)
        await until(lambda: sum(calls.recorded.values()) == 500)
    assert calls.called == calls.recorded == dict.fromkeys(range(100), 5)
    assert calls.abandoned_jobs == {}
    assert await left(own_db) == 0


@pytest.mark.usefixtures("quick")
async def test_a_call_under_way_is_not_taken_for_dead_when_its_shard_changes_hands(
    own_db: Database, registry: Registry, calls: Calls
) -> None:
    one, two = Worker(own_db, registry), Worker(own_db, registry)
    calls.open.clear()
    async with running(one):
        await until(lambda: len(one.shards) == SHARDS)
        await fill(own_db, 200)
        await until(lambda: calls.under_way == one.streams)
        async with running(two):
            await until(lambda: len(one.shards) == SHARDS // 2)
            await asyncio.sleep(0.6)  # several beats: whoever wanted to seize a shard has had the time
            assert two.shards & one.shards == set()
            assert calls.abandoned_jobs == {}
            calls.open.set()
            await until(lambda: sum(calls.recorded.values()) == 200)
            await until(lambda: len(two.shards) == SHARDS // 2)
    assert set(calls.called.values()) == set(calls.recorded.values()) == {1}
    assert calls.abandoned_jobs == {}
    assert await left(own_db) == 0


@pytest.mark.usefixtures("quick")
async def test_workers_come_and_go_and_nothing_runs_twice(own_db: Database, registry: Registry, calls: Calls) -> None:
    stayer = Worker(own_db, registry)
    async with running(stayer):
        for _ in range(4):
            async with running(Worker(own_db, registry), Worker(own_db, registry)):
                await fill(own_db, 100)
                await asyncio.sleep(0.3)
        await until(lambda: sum(calls.recorded.values()) == 400)
        await until(lambda: len(stayer.shards) == SHARDS)
    assert calls.called == calls.recorded == dict.fromkeys(range(100), 4)
    assert calls.abandoned_jobs == {}


@pytest.mark.usefixtures("quick")
async def test_what_a_dead_worker_had_started_is_closed_once_and_the_rest_runs(
    own_db: Database, registry: Registry, calls: Calls
) -> None:
    dead = Worker(own_db, registry)
    calls.open.clear()
    process = asyncio.create_task(dead.run())
    await until(lambda: len(dead.shards) == SHARDS)
    await fill(own_db, 300)
    await until(lambda: calls.under_way == dead.streams)
    started = set(calls.called)
    for task in [t for t in asyncio.all_tasks() if "Worker._" in repr(t.get_coro())]:
        task.cancel()
    process.cancel()
    await asyncio.gather(process, return_exceptions=True)
    calls.open.set()
    async with own_db.raw() as (_, sql):  # the lease is over
        await sql.execute("UPDATE shard_leases SET expires_at = clock_timestamp() WHERE owner = $1", dead.id)
        await sql.execute("DELETE FROM workers WHERE id = $1", dead.id)
    async with running(Worker(own_db, registry)):
        await until(lambda: sum(calls.recorded.values()) + sum(calls.abandoned_jobs.values()) == 300)
    assert calls.abandoned_jobs == dict.fromkeys(started, 1)
    assert calls.recorded == {n: 1 for n in range(300) if n not in started}
    assert set(calls.called.values()) == {1}
    assert await left(own_db) == 0


async def test_a_record_that_fails_is_tried_again_and_never_the_call(
    own_db: Database, registry: Registry, calls: Calls
) -> None:
    await fill(own_db, 1)
    calls.record_fails = 2
    worker = Worker(own_db, registry)
    await worker.turn(range(SHARDS))
    assert (calls.called, calls.recorded, calls.abandoned_jobs) == ({0: 1}, {0: 1}, {})
    await fill(own_db, 1)
    calls.record_fails = 99
    await worker.turn(range(SHARDS))
    await worker.turn(range(SHARDS))
    assert (calls.called, calls.recorded, calls.abandoned_jobs) == ({0: 2}, {0: 1}, {0: 1})
    assert await left(own_db) == 0


class Stumbling(Worker):
    """A worker whose first turns break before they look at a job."""

    stumbles = 4

    async def turn(self, shards: Sequence[int], start: int = 0, *, only_tenant: int | None = None) -> list[Job]:
        if self.stumbles:
            self.stumbles -= 1
            raise RuntimeError("a turn that breaks")
        return await super().turn(shards, start, only_tenant=only_tenant)


@pytest.mark.usefixtures("quick")
async def test_a_turn_that_breaks_does_not_end_its_stream(own_db: Database, registry: Registry, calls: Calls) -> None:
    worker = Stumbling(own_db, registry)
    async with running(worker):
        await fill(own_db, 40)
        await until(lambda: sum(calls.recorded.values()) == 40)
    assert worker.stumbles == 0
    assert set(calls.called.values()) == {1}


@pytest.mark.usefixtures("quick")
async def test_a_worker_that_stood_still_does_not_work_on_shards_it_may_have_lost(
    own_db: Database, registry: Registry, calls: Calls
) -> None:
    worker = Worker(own_db, registry)
    async with running(worker):
        await until(lambda: len(worker.shards) == SHARDS)
        worker._lease._until = 0.0
        await fill(own_db, 10)
        await asyncio.sleep(0.05)
        await until(lambda: sum(calls.recorded.values()) == 10)  # the next beat renews the lease first
    assert set(calls.called.values()) == {1}


@pytest.mark.usefixtures("quick")
async def test_shards_that_were_promised_away_are_not_taken_back_under_a_release(
    own_db: Database, registry: Registry, calls: Calls
) -> None:
    """A newcomer that leaves before it got its shards, as at a rolling restart: what is released has no call under way."""
    stayer = Worker(own_db, registry)
    calls.open.clear()
    async with running(stayer):
        await until(lambda: len(stayer.shards) == SHARDS)
        await fill(own_db, 100)
        await until(lambda: calls.under_way == stayer.streams)
        async with running(Worker(own_db, registry)):
            await until(lambda: len(stayer.shards) == SHARDS // 2)
        leaving = set(stayer._leaving)
        for _ in range(3):
            await asyncio.sleep(0.25)  # a beat
            assert stayer.shards & stayer._leaving == set()
        calls.open.set()
        await until(lambda: sum(calls.recorded.values()) == 100)
        await until(lambda: len(stayer.shards) == SHARDS)
    assert len(leaving) == SHARDS // 2
    assert (calls.abandoned_jobs, set(calls.called.values())) == ({}, {1})


@pytest.mark.usefixtures("quick")
async def test_a_lease_ends_here_before_it_ends_there(own_db: Database, registry: Registry) -> None:
    """However long PostgreSQL takes to answer: the end is counted from before the question."""
    worker = Worker(own_db, registry)
    await worker._beat()
    async with own_db.raw() as (_, sql), own_db.raw() as (_, other):
        await sql.execute("BEGIN")
        await sql.execute("SELECT FROM workers WHERE id = $1 FOR UPDATE", worker.id)
        beat = asyncio.create_task(worker._beat())
        await asyncio.sleep(1.2)
        await sql.execute("COMMIT")
        await beat
        here = worker._lease._until - awake_s()
        there = float(
            await other.fetchval("SELECT extract(epoch FROM min(expires_at) - clock_timestamp()) FROM shard_leases")
        )
    assert here < there - 1


async def test_what_another_worker_has_leased_is_not_claimed(
    own_db: Database, registry: Registry, calls: Calls
) -> None:
    """R-03: a machine that was frozen from outside believes in its lease; PostgreSQL does not."""
    worker = Worker(own_db, registry)
    worker._running = True
    worker._lease.renewed(awake_s(), 60)
    async with own_db.raw() as (_, sql):
        await sql.execute(
            "UPDATE shard_leases SET owner = $1, expires_at = clock_timestamp() + interval '1 minute'", uuid4()
        )
    await fill(own_db, 10)
    await worker.turn(range(SHARDS))
    assert (calls.called, calls.abandoned_jobs, await left(own_db)) == ({}, {}, 10)
    async with own_db.raw() as (_, sql):
        await sql.execute(
            "UPDATE shard_leases SET owner = $1, expires_at = clock_timestamp() - interval '1 second'", worker.id
        )
    await worker.turn(range(SHARDS))
    assert (calls.called, await left(own_db)) == ({}, 10)
    async with own_db.raw() as (_, sql):
        await sql.execute("UPDATE shard_leases SET expires_at = clock_timestamp() + interval '1 minute'")
    await worker.turn(range(SHARDS))
    assert (calls.recorded, await left(own_db)) == (dict.fromkeys(range(10), 1), 0)


async def test_a_lease_that_was_broken_in_between_is_another_one() -> None:
    lease = Lease()
    assert not lease.fence(0)()
    lease.renewed(awake_s(), 60)
    kept, near = lease.fence(10), lease.fence(61)
    assert (kept(), near()) == (True, False)
    lease.renewed(awake_s(), 60)
    assert kept()
    lease._until = 0.0  # it ran out while nobody looked
    assert not kept()
    lease.renewed(awake_s(), 60)
    assert (kept(), lease.fence(10)()) == (False, True)
    after = lease.fence(10)
    lease.lost()
    assert not after()

"""A schedule runs once however many workers notice it. The first test is the control: asking and then noting does not do."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database, Tx
from huida.kernel.facts import SHARDS
from huida.kernel.jobs import Registry, Work
from huida.kernel.worker import Worker


def registry(ran: list[Any]) -> Registry:
    work = Work("test")

    @work.scheduled(every=timedelta(minutes=1))
    async def tick(tx: Tx, payloads: Sequence[Any]) -> None:
        ran.extend(payload["due_at"] for payload in payloads)

    made = Registry()
    made.add(work)
    return made


async def test_control_ask_then_note_runs_it_at_every_worker(own_db: Database) -> None:
    gate, runs = asyncio.Barrier(4), 0

    async def naive() -> int:
        async with own_db.tx(0) as tx:
            known = await tx.value("SELECT count(*) FROM schedule_runs WHERE name = 'naive'")
            await gate.wait()
            return 0 if known else 1

    runs = sum(await asyncio.gather(*(naive() for _ in range(4))))
    assert runs == 4


async def test_eight_workers_one_run_for_each_due_time(own_db: Database, clock: ShiftedClock) -> None:
    ran: list[Any] = []
    workers = [Worker(own_db, registry(ran)) for _ in range(8)]
    for minute in range(3):
        await asyncio.gather(*(worker.run_due_schedules() for worker in workers))
        await asyncio.gather(*(worker.run_due_schedules() for worker in workers))
        async with own_db.raw() as (_, sql):
            assert await sql.fetchval("SELECT count(*) FROM jobs WHERE kind = 'test.tick'") == 1
        await workers[minute].turn(range(SHARDS))
        assert len(set(ran)) == len(ran) == minute + 1
        clock.advance(timedelta(minutes=1))


async def test_what_was_missed_while_nobody_worked_runs_once_for_the_newest_time(
    own_db: Database, clock: ShiftedClock
) -> None:
    ran: list[Any] = []
    first = Worker(own_db, registry(ran))
    await first.run_due_schedules()
    clock.advance(timedelta(hours=5))
    for worker in (Worker(own_db, registry(ran)), first):
        await worker.run_due_schedules()
    await first.turn(range(SHARDS))
    assert len(ran) == 2


async def test_a_worker_that_dies_between_noting_and_enqueueing_has_noted_nothing(own_db: Database) -> None:
    ran: list[Any] = []
    worker = Worker(own_db, registry(ran))
    for steps in range(40):
        doomed = asyncio.create_task(Worker(own_db, registry(ran)).run_due_schedules())
        for _ in range(steps):
            await asyncio.sleep(0)
        doomed.cancel()
        await asyncio.gather(doomed, return_exceptions=True)
        async with own_db.raw() as (_, sql):
            noted = await sql.fetchval("SELECT count(*) FROM schedule_runs")
            queued = await sql.fetchval("SELECT count(*) FROM jobs")
            assert noted == queued, steps
    await worker.run_due_schedules()
    await worker.turn(range(SHARDS))
    assert len(ran) >= 1

"""What happens to the machines of the tea shop beside its business: frozen workers, wrong clocks, dead databases, full disks."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from huida import main
from huida.kernel.clock import ShiftedClock
from huida.kernel.db import AWAY
from huida.kernel.embedded import EmbeddedPostgres
from huida.kernel.facts import SHARDS
from huida.kernel.fence import awake_s
from huida.kernel.http import Answer, Headers, Send
from huida.kernel.worker import LEASE_S, Worker
from tests.asgi import Reply
from tests.crash.test_disk_full import fill
from tests.simulation.business import Day

FORGOTTEN_S = 700
"""WeChat knows a message's number for ten minutes."""


class Network:
    """The way to the simulator. Answers to calls that are made while it is `shut` wait until somebody opens it."""

    def __init__(self, plain: Send) -> None:
        self._plain = plain
        self.shut: asyncio.Event | None = None
        self.waiting = 0

    async def __call__(self, method: str, url: str, body: bytes | None, headers: Headers | None) -> Answer:
        shut = self.shut
        try:
            return await self._plain(method, url, body, headers)
        finally:
            if shut is not None:
                self.waiting += 1
                await shut.wait()
                self.waiting -= 1


@dataclass
class SkewedClock:
    """A machine's clock that is a little off: too little to be corrected."""

    true: ShiftedClock
    skew: timedelta

    def now(self) -> datetime:
        return self.true.now() + self.skew

    def keep_to(self, ahead: timedelta) -> None: ...

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class HardDay(Day):
    """A day with such troubles."""

    network: Network = field(kw_only=True)
    postgres: EmbeddedPostgres = field(kw_only=True)
    disk: Path = field(kw_only=True)
    cut_off: int = 0

    def acts(self) -> dict[Callable[[], Awaitable[None]], float]:
        return super().acts() | {self.freeze: 1.5, self.skewed: 1.5, self.database_dies: 0.08, self.disk_is_full: 0.04}

    def interruptions(self) -> int:
        return super().interruptions() + self.cut_off

    # ------------------------------------------------------------------ workers
    async def freeze(self) -> None:
        """A worker stands still with answers on their way; another takes over and works past WeChat's memory; it wakes."""
        self.tell("the worker stands still")
        frozen, opened = self.worker, asyncio.Event()
        await self._lease(frozen)
        await self.shop.world.sim.settle()
        self.network.shut = opened
        turn = asyncio.ensure_future(frozen.turn(range(SHARDS)))
        for _ in range(self.dice.choice((30, 100, 300))):
            await asyncio.sleep(0)
        frozen._lease._until = 0.0  # by the clock that counts its sleep
        self.network.shut = None
        self.cut_off += self.network.waiting
        self.worker = self.shop.world.system.worker()
        for seconds in (LEASE_S, FORGOTTEN_S):
            await self.pass_time(seconds)
            await self.work()
        opened.set()
        await turn
        await self._lease(None)

    async def _lease(self, worker: Worker | None) -> None:
        """Let this worker hold all shards, as one that runs does."""
        async with self.shop.db.raw() as (_, sql):
            await sql.execute(
                "UPDATE shard_leases SET owner = $1, expires_at = clock_timestamp() + make_interval(secs => $2)",
                *(worker and worker.id, 600.0),
            )
        if worker is not None:
            worker._running = True
            worker._lease.renewed(awake_s(), 600.0)

    async def skewed(self) -> None:
        """A worker whose clock is up to two seconds off, in either direction, does the next work."""
        skew = timedelta(seconds=self.dice.choice((-2, -1, 1, 2)))
        self.tell(f"a worker's clock is off by {skew.total_seconds():.0f} s")
        clock = SkewedClock(self.shop.world.clock, skew)
        other = main.build(self.shop.world.system.settings, clock=clock, send=self.network)
        try:
            await self.shop.world.sim.settle()
            worker = other.worker()
            await worker.ripen()
            await worker.turn(range(SHARDS))
        finally:
            await other.close()

    # ----------------------------------------------------------------- database
    async def till(self, call: Callable[[], Awaitable[Reply]]) -> Reply:
        """Tills repeat what was answered 503, as their manual tells them."""
        while True:
            reply = await super().till(call)
            if reply.status != 503:
                return reply
            assert reply.refusal == (503, "server.unavailable"), reply.text
            self.done["503"] += 1
            await asyncio.sleep(0.05)

    async def database_dies(self) -> None:
        """All its processes at once, under a till and a worker; what watches it starts it again."""
        self.tell("the database dies")
        under_way = [asyncio.ensure_future(act()) for act in (self.buy, self._work_through)]
        for _ in range(self.dice.randint(0, 80)):
            await asyncio.sleep(0)
        pid = self.postgres.pid
        assert pid is not None
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
        for victim in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        await asyncio.gather(*under_way)
        await self._back()

    async def disk_is_full(self) -> None:
        """No byte is left under a till and a worker; then there is room again."""
        self.tell("the disk is full")
        ballast = await asyncio.to_thread(fill, self.disk)
        under_way = [asyncio.ensure_future(act()) for act in (self.buy, self._work_through)]
        await asyncio.sleep(self.dice.uniform(0.2, 1.5))
        ballast.unlink()
        await asyncio.gather(*under_way)
        await self._back()

    async def _work_through(self) -> None:
        self.cut_off += 1
        with suppress(*AWAY):
            await self.worker.turn(range(SHARDS))

    async def _back(self) -> None:
        async with asyncio.timeout(90):
            while (await self.shop.key.get("/readyz")).status != 200:
                await asyncio.sleep(0.05)

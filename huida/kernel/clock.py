"""Time comes from a clock that is passed in, so tests and the simulation can move it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from huida.kernel.fence import awake_s

SMALL_S = 1.0
CLOSE = timedelta(milliseconds=100)
SHOP_ZONE = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Where `now` comes from; `sleep` waits on the same time line."""

    def now(self) -> datetime: ...
    def keep_to(self, ahead: timedelta) -> None:
        """PostgreSQL's clock is so far ahead of this machine's (behind, when it is negative)."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The time, aware UTC: at first the machine's; once PostgreSQL's is known, that one, carried on by a clock that nobody
    can set.

    What one process writes down another compares: how long a message may be repeated, when a job is due, until when a
    code holds. So a clock that jumps, or was wrong all along, changes nothing here (R-07).
    """

    def __init__(self) -> None:
        self._anchor: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        if self._anchor is None:
            return datetime.now(UTC)
        told, at = self._anchor
        return told + timedelta(seconds=awake_s() - at)

    def keep_to(self, ahead: timedelta) -> None:
        """Go by PostgreSQL's clock, which is so far ahead of the machine's. Less than `CLOSE` is no news."""
        theirs = datetime.now(UTC) + ahead
        if self._anchor is None or abs(theirs - self.now()) > CLOSE:
            self._anchor = (theirs, awake_s())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ShiftedClock:
    """The machine's time moved by an offset that a test or a demo sets; waiting stays real."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, delta: timedelta) -> None:
        self.offset += delta

    def keep_to(self, ahead: timedelta) -> None:
        """It is moved by hand only."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def clock_ahead(ask: Callable[[], Awaitable[Any]]) -> timedelta:
    """How far PostgreSQL's clock is ahead of this machine's; `ask` answers its time. The truth lies in the middle of both.

    A clock that is set in between tells nothing: then it is asked again.
    """
    for _ in range(3):
        before, began = datetime.now(UTC), time.monotonic()
        theirs: datetime = await ask()
        took = datetime.now(UTC) - before
        if abs(took.total_seconds() - (time.monotonic() - began)) < SMALL_S:
            break
    return theirs - (before + took / 2)


def business_day(moment: datetime, zone: ZoneInfo = SHOP_ZONE) -> date:
    """The shop's calendar day of a moment."""
    return moment.astimezone(zone).date()

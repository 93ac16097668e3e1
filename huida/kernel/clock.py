"""Time comes from a clock that is passed in, so tests and the simulation can move it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

SMALL_S = 1.0
SHOP_ZONE = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Where `now` comes from; `sleep` waits on the same time line."""

    def now(self) -> datetime: ...
    def keep_to(self, ahead: timedelta) -> None:
        """PostgreSQL's clock is so far ahead of this machine's (behind, when it is negative)."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The time, aware UTC: the machine's, unless that is off by more than `SMALL_S` from PostgreSQL's, which all share.

    What one process writes down another compares: how long a message may be repeated, until when a code holds.
    """

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def keep_to(self, ahead: timedelta) -> None:
        """Go by PostgreSQL's clock while the machine's own is wrong."""
        self._ahead = ahead if abs(ahead.total_seconds()) > SMALL_S else timedelta()

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
    """How far PostgreSQL's clock is ahead of this machine's; `ask` answers its time. The truth lies in the middle of both."""
    before = datetime.now(UTC)
    theirs: datetime = await ask()
    return theirs - (before + (datetime.now(UTC) - before) / 2)


def business_day(moment: datetime, zone: ZoneInfo = SHOP_ZONE) -> date:
    """The shop's calendar day of a moment."""
    return moment.astimezone(zone).date()

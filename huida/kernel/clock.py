"""Time comes from a clock that is passed in, so tests and the simulation can move it."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHOP_ZONE = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Where `now` comes from; `sleep` waits on the same time line."""

    def now(self) -> datetime: ...
    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's time, aware UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

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

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def business_day(moment: datetime, zone: ZoneInfo = SHOP_ZONE) -> date:
    """The shop's calendar day of a moment."""
    return moment.astimezone(zone).date()

"""A clock that stands still and a sender that answers from a script."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from huida.kernel.http import Answer, Headers, Outgoing

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 12:00 in China


@dataclass
class StillClock:
    """Time that only a test moves."""

    moment: datetime = NOON

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class Request:
    method: str
    url: str
    body: bytes | None
    headers: Headers | None


@dataclass
class Script:
    """Answers requests by the function given and notes them."""

    answer: Callable[[Request], object | Answer | Awaitable[object]]
    seen: list[Request] = field(default_factory=list)

    async def send(self, method: str, url: str, body: bytes | None, headers: Headers | None) -> Answer:
        request = Request(method, url, body, headers)
        self.seen.append(request)
        given = self.answer(request)
        if isinstance(given, Awaitable):
            given = await given
        return given if isinstance(given, Answer) else Answer(200, msgspec.json.encode(given), "application/json")

    def outgoing(self) -> Outgoing:
        return Outgoing(send=self.send)

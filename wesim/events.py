"""Live changes of phones, for pages that watch (SSE) and tests that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

BACKLOG = 1000


class Change(msgspec.Struct, frozen=True):
    """One thing that happened: `seq` grows by one, `kind` says what, `person` whose phone changed."""

    seq: int
    kind: str
    at: float
    person: str
    body: Any


class Bus:
    """Fan-out of changes. A slow watcher loses its oldest changes, never blocks the world."""

    def __init__(self, start: int) -> None:
        self._seq = start
        self._watchers: set[asyncio.Queue[Change]] = set()

    def publish(self, kind: str, *, at: float, person: str = "", body: Any = None) -> None:
        self._seq += 1
        if not self._watchers:
            return
        change = Change(self._seq, kind, at, person, body)
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(change)

    def watch(self) -> AsyncIterator[Change]:
        """Every change from now on."""
        queue: asyncio.Queue[Change] = asyncio.Queue(BACKLOG)
        self._watchers.add(queue)
        return self._drain(queue)

    async def _drain(self, queue: asyncio.Queue[Change]) -> AsyncIterator[Change]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.discard(queue)


def sse(change: Change) -> bytes:
    """One change as a server-sent event."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (change.seq, change.kind.encode(), msgspec.json.encode(change))

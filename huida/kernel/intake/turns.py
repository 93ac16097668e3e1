"""One merchant cannot take what all need: expensive work has a number at once for each merchant.

The counts are this process's own. Who finds all turns taken is told to come back, and waits outside: nothing queues here.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from fastapi import Depends, Request

from huida.kernel.errors import TooMany

AGAIN_S: Final = 5
"""When to ask again: most of what takes turns is over by then."""

_taken: Counter[tuple[str, int]] = Counter()


@contextmanager
def turn(kind: str, tenant_id: int, *, most: int) -> Iterator[None]:
    """One of a merchant's turns at this kind of work. Raises TooMany `request.busy` when all are taken."""
    key = (kind, tenant_id)
    if _taken[key] >= most:
        raise TooMany(code="request.busy", retry_after_s=AGAIN_S)
    _taken[key] += 1
    try:
        yield
    finally:
        _taken[key] -= 1
        if not _taken[key]:
            del _taken[key]


def taken(kind: str, tenant_id: int) -> int:
    """How many turns of this kind a merchant has now."""
    return _taken[kind, tenant_id]


def takes_turns(kind: str, *, most: int) -> Any:
    """For a door, after who is asking: it has a turn until its answer is sent to the last byte."""

    async def dependency(request: Request) -> AsyncIterator[None]:
        with turn(kind, request.state.actor.tenant_id, most=most):
            yield

    return Depends(dependency)

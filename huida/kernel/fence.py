"""What a worker may believe of its lease, and the fence before every call that its work makes outside.

A lease lasts by PostgreSQL's clock. Here its end is kept by a local clock that goes on while the machine sleeps, taken
before the lease was asked for: so it ends here before it ends there. Whoever stood still finds it over, and sends nothing
that another worker may have taken over (finding R-03 in docs/develop/findings.md). A virtual machine that is frozen
from outside stops even this clock: what it had claimed and not sent yet is the one thing left open.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Fence = Callable[[], bool]
"""Whether a call may still go out."""

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS: monotonic counts sleep there

_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


def awake_s() -> float:
    """Seconds of a clock that never jumps and counts the time asleep."""
    return time.clock_gettime(_CLOCK)


class Lease:
    """The time until which this process holds what it leased; not held at first."""

    __slots__ = ("_unbroken", "_until")

    def __init__(self) -> None:
        self._until = 0.0
        self._unbroken = 0

    def holds(self, left_s: float = 0.0) -> bool:
        """Whether it is held for at least this long."""
        return awake_s() + left_s < self._until

    def renewed(self, asked_at: float, length_s: float) -> None:
        """It was leased again, having been asked for at this moment. After a gap it is another lease."""
        if awake_s() >= self._until:
            self._unbroken += 1
        self._until = asked_at + length_s

    def lost(self) -> None:
        """Somebody else has some of it now: nothing that began under it may go on."""
        self._unbroken += 1

    def fence(self, left_s: float) -> Fence:
        """For work that begins now: true as long as the lease was never broken and lasts for at least `left_s`."""
        begun = self._unbroken
        return lambda: self._unbroken == begun and self.holds(left_s)


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Calls of this block, and of the tasks that it starts, go out only while the fence says so."""
    token = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(token)


class FencedBody(bytes):
    """A request's body that leaves only while the fence says so, asked when the connection stands and wants it.

    Between a call and its first byte lies the connecting, and a process may stand still there as well as anywhere. It costs
    more than plain bytes: for calls that another worker may repeat under their number. What remains open is the moment
    between this look and the client's own write.
    """

    fence: Fence


def fenced_body(body: bytes) -> bytes:
    """The body, kept back by the fence that holds here."""
    fence = _fence.get()
    if fence is None:
        return body
    kept = FencedBody(body)
    kept.fence = fence
    return kept


def may_go_out() -> bool:
    """Whether a call may be sent now; always, where nothing is fenced."""
    fence = _fence.get()
    return fence is None or fence()

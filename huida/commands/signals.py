"""Ending in order: one way for Ctrl-C, SIGTERM and a closed terminal; nothing interrupts the cleaning up."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_on_endings() -> None:
    """Make every ending a KeyboardInterrupt, so that `finally` blocks run."""
    for ending in ENDINGS:
        signal.signal(ending, signal.default_int_handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore further endings while things are being stopped."""
    before = {ending: signal.signal(ending, signal.SIG_IGN) for ending in ENDINGS}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


def on_endings(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Call `stop` in the loop for every ending."""
    for ending in ENDINGS:
        with suppress(ValueError):
            loop.add_signal_handler(ending, stop)

"""For processes with a faked clock: libfaketime refuses clock_nanosleep when monotonic clocks stay real, so sleep by select."""

import select
import time


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = _sleep  # type: ignore[assignment]

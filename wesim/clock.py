"""The world's clock: real time with an offset, or frozen."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


class Clock:
    """What time it is in the simulated world; tokens, codes and windows run by it."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._frozen_at: float | None = None

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def now(self) -> float:
        return self._frozen_at if self._frozen_at is not None else time.time() + self._offset_s

    def now_s(self) -> int:
        return int(self.now())

    def set(self, epoch_s: float) -> None:
        if self._frozen_at is not None:
            self._frozen_at = epoch_s
        self._offset_s = epoch_s - time.time()

    def advance(self, seconds: float) -> None:
        self.set(self.now() + seconds)

    def freeze(self) -> None:
        self._frozen_at = self.now()

    def run(self) -> None:
        now = self.now()
        self._frozen_at = None
        self.set(now)

    def reset(self) -> None:
        self._frozen_at, self._offset_s = None, 0.0

    def china_day(self) -> str:
        """Daily counters turn at midnight China time (reference §8.1, UNCONFIRMED but customary)."""
        return datetime.fromtimestamp(self.now(), UTC).astimezone(CHINA).strftime("%Y-%m-%d")

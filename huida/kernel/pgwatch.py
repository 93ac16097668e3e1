"""Whoever uses the embedded PostgreSQL starts it again when it dies (finding R-02 in docs/develop/findings.md).

Every process that uses the server watches it; `EmbeddedPostgres.start` lets one of them start it and the others wait.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from huida.kernel.embedded import EmbeddedPostgres
from huida.kernel.log import log

LOOK_EVERY_S: Final = 0.5
LONGEST_WAIT_S: Final = 10.0
SOUND_S: Final = 30.0
"""Who lives so long after a start is well again; who dies sooner is not asked at once."""


class Watch:
    """A thread that has a dead server started again, with growing pauses, until `stop`.

    When that fails for `give_up_s`, `lost` says why, and everybody who asked with `when_lost` is called, from the thread.
    """

    def __init__(self, server: EmbeddedPostgres, *, give_up_s: float) -> None:
        self.lost: Exception | None = None
        self._server = server
        self._give_up_s = give_up_s
        self._over = threading.Event()
        self._told: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="database-watch", daemon=True)

    def start(self) -> None:
        """Begin. The server is running now."""
        self._thread.start()

    def stop(self) -> None:
        """End; a start that is under way is given up, so that an ending is never waited for."""
        self._over.set()
        self._server.give_up()
        self._thread.join()

    def when_lost(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the server is given up for lost."""
        self._told.append(tell)
        if self.lost is not None:
            tell()

    def _run(self) -> None:
        down_since: float | None = None
        started_at, tries, pause = 0.0, 0, LOOK_EVERY_S
        while not self._over.wait(pause):
            now = time.monotonic()
            if self._server.running:
                pause = LOOK_EVERY_S
                if down_since is not None and now - started_at >= SOUND_S:
                    down_since, tries = None, 0
                continue
            down_since = down_since or now
            failure = self._start_again()
            if failure is not None and now - down_since >= self._give_up_s and not self._over.is_set():
                self._give_up(failure)
                return
            started_at, tries = time.monotonic(), tries + 1
            pause = min(LOOK_EVERY_S * 2 ** min(tries, 10), LONGEST_WAIT_S)

    def _start_again(self) -> Exception | None:
        """Why it does not start; None when it runs."""
        began = time.monotonic()
        try:
            self._server.start()
        except Exception as refused:  # whatever it is: a watch that ends would leave the database down for good
            log.error("database_not_started", error=type(refused).__name__, reason=str(refused)[-1000:])
            return refused
        log.warning("database_started_again", seconds=round(time.monotonic() - began, 1))
        return None

    def _give_up(self, failure: Exception) -> None:
        log.error("database_lost", tried_for_s=self._give_up_s)
        self.lost = failure
        for tell in self._told:
            tell()

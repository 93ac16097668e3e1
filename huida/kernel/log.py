"""Structured logs: one line per request and per job, key=value or JSON. No bodies, tokens or phones."""

import logging
import sys
from typing import Any, TextIO

import structlog
from prometheus_client import Counter

LOST = Counter(
    "huida_log_lines_lost_total", "Lines that could not be written: nothing that watches may stop what it watches."
)

log: Any = structlog.get_logger("huida")


class Patient:
    """A stream for logs that never raises (R-15): on a full disk lines are lost and
    counted, and the next one that can be written says how many."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> int:
        try:
            if self._lost:
                self._stream.write(f"\nlog_lines_lost count={self._lost}\n")
                self._stream.flush()
                self._lost = 0
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: somebody closed it
            self._lost += 1
            LOST.inc()
        return len(text)

    def flush(self) -> None:
        """`write` has done it."""


def configure(*, json: bool, level: str = "info") -> None:
    """Set up logging once, from main."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(Patient(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )


# Until main says otherwise: readable, and never with the values of local variables, which may be personal.
configure(json=False)

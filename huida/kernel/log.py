"""Structured logs: one line per request and per job, key=value or JSON. No bodies, tokens or phones."""

import logging
import sys
from typing import Any

import structlog

log: Any = structlog.get_logger("huida")


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


# Until main says otherwise: readable, and never with the values of local variables, which may be personal.
configure(json=False)

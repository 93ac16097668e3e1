"""Month partitions of the fact log, made a year ahead while the product runs; what falls outside goes to the default
partition, and from there to its month.

Nothing of this may stop a start: what running accepted is put in order, and when the log is busy the next day does it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import asyncpg

from huida.kernel.db import Tx
from huida.kernel.jobs import Work
from huida.kernel.log import log

MONTHS: Final = 14
"""This one and those to come: made once a day, so that a year is always there (issue: at least twelve months ahead)."""
NEEDED: Final = 13
RUNS_KEPT: Final = timedelta(days=30)
MAKE: Final = "SELECT facts_make_months($1, $2)"

work = Work("facts")


async def make_months(sql: Any, start: datetime | None = None, *, months: int = MONTHS) -> int:
    """Make the months that are missing from `start` (now) on and empty the default partition; returns how many were made.

    Raises asyncpg.LockNotAvailableError, with nothing done, when somebody keeps the fact log for a second.
    """
    made: int = await sql.fetchval(MAKE, start or datetime.now(UTC), months)
    return made


async def make_months_if_free(sql: Any) -> None:
    """As `make_months`, for a start: a busy fact log is left to the daily job."""
    try:
        await make_months(sql)
    except asyncpg.LockNotAvailableError:
        log.warning("months_wait", reason="the fact log is busy; the worker makes them later")


async def missing_months(sql: Any) -> list[str]:
    """The months of the coming year, this one included, that have no partition: `2027-03`."""
    rows = await sql.fetch(
        "SELECT to_char(m, 'YYYY-MM') AS month FROM generate_series(0, $1::int - 1) AS n, "
        "LATERAL (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => n)) AS x(m) "
        "WHERE to_regclass(to_char(m, '\"facts_\"FMYYYY_MM')) IS NULL ORDER BY 1",
        NEEDED,
    )
    return [row["month"] for row in rows]


@work.scheduled(at=time(3, 10))
async def look_ahead(tx: Tx, payloads: Sequence[Any]) -> None:
    """Make the coming months, and forget which schedules ran a month ago. Twice is safe: what is there stays."""
    made = await make_months(tx.sql)
    if made:
        log.info("months_made", count=made)
    await tx.execute("DELETE FROM schedule_runs WHERE due_at < $1", tx.now - RUNS_KEPT)

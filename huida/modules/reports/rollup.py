"""Counting closed days once, and reading a span of days from the counts and, where there are none yet, from the messages."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Tx

FIRST_TIME: Final = timedelta(days=62)
"""How far back the first count of a merchant goes: two months, for the month's cost and the one before."""
AGAIN: Final = timedelta(days=3)
"""Receipts come late: closed days this young are counted again."""

DAYS = """
SELECT (created_at AT TIME ZONE 'Asia/Shanghai')::date AS day, channel, state, count(*) AS count,
       sum(parts)::bigint AS parts, sum(cost_fen)::bigint AS cost_fen
FROM deliveries WHERE tenant_id = $1 AND created_at >= $2 AND created_at < $3 GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Count:
    """Messages of a day in one channel and state; SMS parts and their cost in fen."""

    day: date
    channel: str
    state: str
    count: int
    parts: int
    cost_fen: int


def begin(day: date) -> datetime:
    """The first moment of one of the shop's days, aware UTC."""
    return datetime.combine(day, time(), SHOP_ZONE).astimezone(UTC)


async def count_days(tx: Tx) -> None:
    """Count the closed days that have no counts yet, and the three before them again. Twice gives the same."""
    yesterday = tx.today - timedelta(days=1)
    # The mark is the lock: who counts the same merchant meanwhile waits here.
    mark: date = await tx.value(
        "INSERT INTO report_marks (tenant_id, counted_until) VALUES ($1, $2) "
        "ON CONFLICT (tenant_id) DO UPDATE SET counted_until = report_marks.counted_until RETURNING counted_until",
        *(tx.tenant_id, tx.today - FIRST_TIME),
    )
    first = max(tx.today - FIRST_TIME, min(mark, yesterday) + timedelta(days=1) - AGAIN)
    await tx.execute(
        "DELETE FROM message_days WHERE tenant_id = $1 AND day >= $2 AND day <= $3", tx.tenant_id, first, yesterday
    )
    await tx.execute(
        "INSERT INTO message_days (tenant_id, day, channel, state, count, parts, cost_fen) "
        f"SELECT $1, d.day, d.channel, d.state, d.count, d.parts, d.cost_fen FROM ({DAYS}) d",
        *(tx.tenant_id, begin(first), begin(tx.today)),
    )
    await tx.execute("UPDATE report_marks SET counted_until = $2 WHERE tenant_id = $1", *(tx.tenant_id, yesterday))


async def counts(tx: Tx, since: date) -> list[Count]:
    """Messages by day, channel and state from `since` until now."""
    mark: date | None = await tx.value("SELECT counted_until FROM report_marks WHERE tenant_id = $1", tx.tenant_id)
    live_from = max(since, min(mark + timedelta(days=1), tx.today)) if mark else since
    kept = await tx.fetch(
        "SELECT day, channel, state, count, parts, cost_fen FROM message_days "
        "WHERE tenant_id = $1 AND day >= $2 AND day < $3",
        *(tx.tenant_id, since, live_from),
    )
    live = await tx.fetch(DAYS, tx.tenant_id, begin(live_from), tx.now + timedelta(minutes=1))
    return [_count(row) for row in (*kept, *live)]


def _count(row: Any) -> Count:
    return Count(row["day"], row["channel"], row["state"], row["count"], row["parts"], row["cost_fen"])

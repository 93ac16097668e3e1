"""Month partitions of the fact log, made ahead of time; what falls outside goes to the default partition."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID


def month_bounds(year: int, month: int) -> tuple[str, UUID, UUID]:
    """Name and bounds of a month's partition: the smallest UUIDv7 of its first and of the next month's millisecond."""
    start = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    low, high = (UUID(int=int(moment.timestamp() * 1000) << 80) for moment in (start, end))
    return f"facts_{year}_{month:02d}", low, high


async def ensure_months(sql: Any, now: datetime, *, ahead: int = 3) -> int:
    """Make the partitions of this month and the next ones that are missing; returns how many were made. Owner's role."""
    made = 0
    for step in range(ahead):
        index = now.year * 12 + now.month - 1 + step
        name, low, high = month_bounds(index // 12, index % 12 + 1)
        if await sql.fetchval("SELECT to_regclass($1)", name) is None:
            await sql.execute(f"CREATE TABLE {name} PARTITION OF facts FOR VALUES FROM ('{low}') TO ('{high}')")
            made += 1
    return made

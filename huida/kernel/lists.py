"""Lists with filters over millions of rows: only the conditions that were asked for, planned for their very values.

A statement with `($1 IS NULL OR column = $1)` has one plan for all questions, so a rare value reads the whole table.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from huida.kernel.db import Tx
from huida.kernel.ids import first_at

NEAR: Final = (timedelta(hours=1), timedelta(days=1), timedelta(days=30))
SLACK: Final = timedelta(minutes=10)
"""How far an id and the time in its row may lie apart: the longest transaction, and clocks that differ."""

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)


class Where:
    """The conditions of a list within one tenant; `{}` in a condition stands for its next value."""

    def __init__(self, tenant_id: int) -> None:
        self.values: list[Any] = [tenant_id]
        self._conditions = ["tenant_id = $1"]

    def add(self, condition: str, *values: Any) -> None:
        """Another condition with its values."""
        places = range(len(self.values) + 1, len(self.values) + len(values) + 1)
        self._conditions.append(condition.format(*(f"${place}" for place in places)))
        self.values += values

    def equal(self, **columns: Any) -> None:
        """`column = value` for those that are given (not None)."""
        for column, value in columns.items():
            if value is not None:
                self.add(f"{column} = {{}}", value)

    def more(self, condition: str) -> "Where":
        """Conditions of another part of the same statement: they share the values and begin with this one."""
        other = Where.__new__(Where)
        other.values, other._conditions = self.values, [condition]
        return other

    def __str__(self) -> str:
        return " AND ".join(self._conditions)


async def fetch(tx: Tx, select: str, where: Where, order: str, limit: int) -> list[Any]:
    """`select` (up to FROM and its tables) with these conditions, planned for their values."""
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    return await tx.fetch(f"{select} WHERE {where} ORDER BY {order} LIMIT {int(limit)}", *where.values)


async def newest_id_before(tx: Tx, table: str, key: str, time: str, until: datetime) -> Any:
    """An id that no row written before `until` exceeds, so that a list by id begins there; None when nothing is known.

    Ids tell their time, up to SLACK; where they were made later than their rows say (a history that was loaded), the
    rows written right after `until` tell more. Those are looked up through the table's index of times.
    """
    for span in NEAR:
        end = shifted(until, span)
        found = await _edge(tx, table, key, time, until, end, "DESC")
        if found is not None:
            return max(found, first_at(shifted(until, SLACK)))
        if end > tx.now:
            return None
    return None


async def oldest_id_since(tx: Tx, table: str, key: str, time: str, since: datetime) -> Any:
    """An id that every row written since `since` exceeds, so that a list by id ends there; None when nothing is known.

    Only for tables whose row is written, up to SLACK, in the moment that its id names.
    """
    for span in NEAR:
        found = await _edge(tx, table, key, time, shifted(since, -span), since, "ASC")
        if found is not None:
            return min(found, first_at(shifted(since, -SLACK)))
    return None


def shifted(moment: datetime, by: timedelta) -> datetime:
    """The moment moved, at most to an end of time."""
    try:
        return moment + by
    except OverflowError:
        return LAST if by > timedelta() else FIRST


async def _edge(tx: Tx, table: str, key: str, time: str, since: datetime, until: datetime, order: str) -> Any:
    # Materialized, or it would be searched along the ids from their end.
    return await tx.value(
        f"WITH near AS MATERIALIZED (SELECT {key} AS id FROM {table} "
        f"WHERE tenant_id = $1 AND {time} >= $2 AND {time} < $3) SELECT id FROM near ORDER BY id {order} LIMIT 1",
        *(tx.tenant_id, since, until),
    )

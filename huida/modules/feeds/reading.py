"""Reading along: the page of a feed, and up to where nothing can appear any more."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from huida.kernel.db import Database, Row, Tx
from huida.kernel.errors import Invalid
from huida.kernel.intake.bodies import plain
from huida.modules.feeds.views import Feed

T = TypeVar("T")
MOST: Final = 1000
REPORTED: Final = timedelta(milliseconds=100)
"""Longer than a transaction that has begun is unknown to others."""
SPANS: Final = (timedelta(hours=1), timedelta(days=1), timedelta(days=30))
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reading:
    """Up to `limit` rows after a key; the key's first part is a time, the others tell rows of one time apart."""

    limit: int
    after: tuple[Any, ...] | None
    since: datetime | None

    def key(self, lowest: Sequence[Any], *read: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The key to go on after; before the first page `since` with the lowest rest. Raises Invalid for a made-up cursor."""
        if self.after is None:
            return (self.since or BEGINNING, *lowest)
        try:
            moment, *rest = self.after
            if len(rest) != len(read):
                raise ValueError(rest)
            return (_aware(moment), *(one(part) for one, part in zip(read, rest, strict=True)))
        except (ValueError, TypeError, OverflowError) as wrong:
            raise Invalid(code="request.bad_cursor", where="cursor") from wrong


def reading(limit: int = 500, cursor: str | None = None, since: datetime | None = None) -> Reading:
    """Query parameters: `limit` (1–1,000), `cursor` (from the answer before), or `since` (a time with its zone) to begin."""
    if not 1 <= limit <= MOST:
        raise Invalid(code="request.bad_limit", where="limit")
    if since is not None and since.tzinfo is None:
        raise Invalid(code="orders.time_without_zone", where="since")
    if cursor is None:
        return Reading(limit, None, since)
    try:
        return Reading(limit, tuple(plain(base64.urlsafe_b64decode(cursor))), None)
    except (binascii.Error, Invalid, TypeError, ValueError) as wrong:
        raise Invalid(code="request.bad_cursor", where="cursor") from wrong


def _aware(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


async def settled(db: Database, tenant_id: int) -> datetime:
    """Whatever is recorded from now on carries this time or a later one: what is before it can be read to its end.

    A row carries the time at which its transaction began, and that of the oldest one that is open may be long ago: a page
    ends before it. Asked in a transaction before that of the page: what was open then and is not any more is in the page.
    """
    async with db.read(tenant_id) as tx:
        found: datetime = await tx.value(
            "SELECT least(min(xact_start), now()) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    return found - REPORTED


async def in_steps(
    start: datetime, until: datetime, fetch: Callable[[datetime], Awaitable[list[Row]]], *, limit: int
) -> list[Row]:
    """The rows after a time, from the next hour, day or month when that is enough: the block summaries by which rows of a
    time are found tell no order, and to sort all that follows for each page would take longer the more there is."""
    for span in SPANS:
        end = min(until, start + span)
        rows = await fetch(end)
        if len(rows) > limit or end == until:
            return rows
    return await fetch(until)


def fed(
    rows: Sequence[Row],
    wanted: Reading,
    start: Sequence[Any],
    key: Callable[[Row], Sequence[Any]],
    show: Callable[[Row], T],
) -> Feed[T]:
    """The answer, from at most `limit + 1` rows; without any the cursor is where the page began."""
    page = rows[: wanted.limit]
    last = [_told(part) for part in (key(page[-1]) if page else start)]
    cursor = base64.urlsafe_b64encode(msgspec.json.encode(last)).decode()
    return {"items": [show(row) for row in page], "cursor": cursor, "more": len(rows) > len(page)}


def _told(part: Any) -> Any:
    return part.isoformat() if isinstance(part, datetime) else part if isinstance(part, int) else str(part)


def plainly(_: Tx, row: Mapping[str, Any]) -> Any:
    """A row whose columns are the answer's fields."""
    return dict(row)

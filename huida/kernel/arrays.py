"""PostgreSQL arrays as text, for the hot path.

asyncpg encodes an array element by element with several checks each; a joined text that the server parses costs a
tenth of that here (bench/arrays in docs/develop/performance.md). Use as `unnest(($1::text)::uuid[])`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID


def uuids(values: Iterable[UUID | None]) -> str:
    return "{" + ",".join(["NULL" if v is None else str(v) for v in values]) + "}"


def ints(values: Iterable[int | None]) -> str:
    return "{" + ",".join(["NULL" if v is None else str(v) for v in values]) + "}"


def times(values: Iterable[datetime | None]) -> str:
    return "{" + ",".join(["NULL" if v is None else f'"{v.isoformat()}"' for v in values]) + "}"


def texts(values: Sequence[str | None]) -> str:
    """Texts or JSON documents, quoted and escaped."""
    try:
        plain = '","'.join(values)  # type: ignore[arg-type]
    except TypeError:  # there is a None among them
        plain = "\\"
    if "\\" not in plain and plain.count('"') == 2 * max(len(values) - 1, 0):
        return f'{{"{plain}"}}' if values else "{}"
    return "{" + ",".join(["NULL" if v is None else _quoted(v) for v in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'

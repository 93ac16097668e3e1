"""Files that are written while they are read: whatever can be refused is refused before the first byte is out.

After it nobody can be told anything more: the connection is cut, and half a file looks like a whole one.
"""

from collections.abc import AsyncIterator
from typing import Final, TypeVar

T = TypeVar("T")
AHEAD: Final = 2
"""The heading, and the first part that comes from the database."""


async def begun(parts: AsyncIterator[T]) -> AsyncIterator[T]:
    """The same parts, of which the first ones are made already. Raises what making them raises."""
    made: list[T] = []
    async for part in parts:
        made.append(part)
        if len(made) == AHEAD:
            break

    async def all_of_them() -> AsyncIterator[T]:
        for part in made:
            yield part
        async for part in parts:
            yield part

    return all_of_them()

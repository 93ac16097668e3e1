"""What a PUT replaces must be what its sender saw: a version guards against lost updates.

A version is a print of what a person sees and replaces, not a counter: the same content has the same version, and what
changes beside it (a sale, a check) changes nothing. `None` is the version of what does not exist yet.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from pydantic import Field

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict
from huida.kernel.intake.bodies import Body

Version = Annotated[str | None, Field(max_length=64, description="as the answer that was read has it; null: none yet")]


class Replacing(Body):
    """A PUT's body: every field is required, and `version` says what it replaces."""

    version: Version


def version_of(state: Any) -> str:
    """The version of a state: sixteen hexadecimal digits."""
    return hashlib.sha256(msgspec.json.encode(state, order="deterministic")).hexdigest()[:16]


async def must_replace(tx: Tx, what: str, version: str | None, current: Callable[[], Awaitable[str | None]]) -> None:
    """Make sure that `what` still has this version, and that nobody replaces it before this transaction ends.

    Raises Conflict `request.changed_meanwhile`. Call it before anything is written: it takes the lock first.
    """
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", what, tx.tenant_id)
    if await current() != version:
        raise Conflict(code="request.changed_meanwhile", where="version")

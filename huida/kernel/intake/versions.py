"""What a PUT replaces must be what its sender saw: a version guards against lost updates.

A version is a print of what a person sees and replaces, not a counter: the same content has the same version, and what
changes beside it (a sale, a check) changes nothing. `None` is the version of what does not exist yet.
"""

import hashlib
from collections.abc import Awaitable
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import Field
from pydantic_core import PydanticUndefined

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict
from huida.kernel.intake.bodies import Body

Version = Annotated[str | None, Field(max_length=64, description="As the answer has it that was read; null: none yet")]


class Replacing(Body):
    """A PUT's body: `version` says what it replaces, and every field is required, also those that a POST may leave out.

    A field that is left out would be a default that nobody chose.
    """

    ASKED: ClassVar[frozenset[str]] = frozenset()
    """Fields that ask for something once and replace nothing: they may be left out."""
    version: Version

    @classmethod
    def __pydantic_init_subclass__(cls, **given: Any) -> None:
        super().__pydantic_init_subclass__(**given)
        for name, field in cls.model_fields.items():
            if name in cls.ASKED:
                continue
            field.default, field.default_factory = PydanticUndefined, None
        cls.model_rebuild(force=True)

    def replacement(self) -> dict[str, Any]:
        """Everything but the version."""
        return self.model_dump(exclude={"version"})


def version_of(*state: Any) -> str:
    """The version of a state: sixteen hexadecimal digits."""
    return hashlib.sha256(msgspec.json.encode(state, order="deterministic")).hexdigest()[:16]


async def take_turn(tx: Tx, what: str) -> None:
    """Have those who replace `what` wait for each other until their transactions end. Call it before anything is read."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", what, tx.tenant_id)


async def must_replace(tx: Tx, what: str, version: str | None, current: Awaitable[str | None]) -> None:
    """Make sure that `what` still has this version, and that nobody replaces it before this transaction ends.

    Raises Conflict `request.changed_meanwhile`. `current` is looked up under the lock.
    """
    await take_turn(tx, what)
    if await current != version:
        raise Conflict(code="request.changed_meanwhile")

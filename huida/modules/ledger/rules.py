"""Pure decisions of the ledger: which entries of a batch fit into what is available."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec


class Move(msgspec.Struct, frozen=True, gc=False):
    """`amount` (signed) of `unit` to or from an owner, against a contra account, for a reason.

    A credit with `expires_at` is a lot of its entry's source; a debit takes from the lots of the source `lot` first.
    """

    owner_id: UUID
    unit: str
    amount: int
    contra: str
    reason: str
    expires_at: datetime | None = None
    reverses: int | None = None
    lot: UUID | None = None


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Moves of one business fact: all of them or none. `source` names the fact, so it can be posted only once."""

    source_type: str
    source_id: UUID
    moves: tuple[Move, ...]


class Posted(msgspec.Struct, frozen=True, gc=False):
    """What an entry did: balance after it by (owner, unit)."""

    balances: Mapping[tuple[UUID, str], int]
    repeated: bool = False


class Short(msgspec.Struct, frozen=True, gc=False):
    """What an entry lacked; nothing of it was posted."""

    unit: str
    needed: int
    available: int


@dataclass
class Admission:
    """Entries that fit, in their order, and for the others what they lack."""

    admitted: list[int] = field(default_factory=list)
    refused: dict[int, Short] = field(default_factory=dict)


def admit(entries: Sequence[Entry], available: Mapping[tuple[UUID, str], int]) -> Admission:
    """First come, first served: walk the entries in order and refuse each that would take more than is left."""
    left = dict(available)
    result = Admission()
    for number, entry in enumerate(entries):
        after: dict[tuple[UUID, str], int] = {}
        lack: Short | None = None
        for move in entry.moves:
            key = (move.owner_id, move.unit)
            before = after[key] if key in after else left.get(key, 0)
            after[key] = before + move.amount
            if move.amount < 0 and after[key] < 0:
                lack = Short(move.unit, needed=-move.amount, available=max(before, 0))
                break
        if lack is None:
            left |= after
            result.admitted.append(number)
        else:
            result.refused[number] = lack
    return result

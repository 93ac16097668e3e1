"""Opening balances of members who move in with a shop: booked once in the ledger, told to nobody (B-23, G-04)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

import msgspec

from huida.kernel.db import Tx
from huida.modules import ledger
from huida.modules.ledger import Entry, Move, Posted
from huida.modules.loyalty import rules as pure
from huida.modules.loyalty.rules import Rules

OPENING: Final = "opening"
UNITS: Final = ("points", "cny_principal", "cny_gift", "growth")


class Opening(msgspec.Struct, frozen=True):
    """What a member brings, by unit (`points`; `cny_principal`, `cny_gift` and `growth` in fen). Points without a day of
    their own expire as the rules say, counted from today, unless they are said to expire never."""

    member_id: UUID
    amounts: dict[str, int]
    points_expire_at: datetime | None = None
    points_expire: bool = True


async def openings_of(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """What was booked of these members as an opening, by unit, and not taken back since."""
    return await ledger.given(tx, member_ids, source_type=OPENING)


async def growth_fen_of(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The growth of members in fen; who has none is absent."""
    found = await ledger.balances(tx, member_ids)
    return {member_id: own["growth"] for member_id, own in found.items() if own.get("growth")}


async def book_openings(tx: Tx, rules: Rules, openings: Sequence[Opening], *, key: UUID) -> dict[UUID, str]:
    """Book what members bring; returns the level (code) that each one's growth reaches, where growth was booked.

    `key` is the import's: booked again under it nothing moves. No fact is recorded, so nobody is told. What the caller
    makes sure of: nothing of these units was opened before (`openings_of`).
    """
    entries = [
        Entry(OPENING, source_id(key, one.member_id), tuple(_moves(tx, rules, one))) for one in openings if one.amounts
    ]
    levels: dict[UUID, str] = {}
    for result in await ledger.post(tx, entries):
        assert isinstance(result, Posted), "an opening takes nothing"
        for (owner, unit), balance in result.balances.items():
            if unit == "growth":
                levels[owner] = level_at(rules, balance)
    return levels


def level_at(rules: Rules, growth_fen: int) -> str:
    """The code of the level that a growth reaches."""
    return pure.level_for(rules, growth_fen).code


def _moves(tx: Tx, rules: Rules, one: Opening) -> list[Move]:
    expires_at = (one.points_expire_at or pure.expiry_of(rules, tx.today)) if one.points_expire else None
    return [
        Move(one.member_id, unit, one.amounts[unit], OPENING, OPENING, expires_at if unit == "points" else None)
        for unit in UNITS
        if one.amounts.get(unit)
    ]


def source_id(key: UUID, member_id: UUID) -> UUID:
    """What the ledger's transfers of this member's opening name."""
    return uuid5(member_id, f"opening {key}")


async def booked(tx: Tx, member_ids: Sequence[UUID], *, key: UUID) -> dict[str, int]:
    """What stands in the ledger of the openings under this key, by unit: for the balance of an import."""
    return await ledger.sums(tx, [source_id(key, member_id) for member_id in member_ids], source_type=OPENING)

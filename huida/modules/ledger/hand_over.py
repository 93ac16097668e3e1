"""One owner's accounts become another one's, with their lots and holds, and are taken apart again.

Nothing is made and nothing is lost: every unit moves by two transfers of one entry whose sum is zero. Lots are re-owned before
the transfers are posted, so that the debit finds none to eat, and keep all their columns.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from huida.kernel.db import Tx, columns
from huida.modules.ledger.rules import Entry, Move
from huida.modules.ledger.service import lock, move

CONTRA: Final = "merged"
PENDING: Final = "points_pending"
RIPE: Final = "points"

Key = tuple[str, datetime, UUID]


class CarriedLot(msgspec.Struct, frozen=True):
    """A lot as it was when it was handed over."""

    unit: str
    expires_at: datetime
    source_id: UUID
    remaining: int
    granted: int
    expired: int
    told_at: datetime | None = None

    @property
    def key(self) -> Key:
        """What names it among one owner's lots."""
        return self.unit, self.expires_at, self.source_id


class CarriedHold(msgspec.Struct, frozen=True):
    """An open hold that was handed over."""

    id: UUID
    unit: str
    amount: int


class Carried(msgspec.Struct, frozen=True):
    """What was handed over: the amount of each unit, every lot, every open hold."""

    units: dict[str, int]
    lots: list[CarriedLot]
    holds: list[CarriedHold]


async def hand_over(tx: Tx, *, source: UUID, target: UUID, source_type: str, source_id: UUID) -> Carried:
    """Make all that the source owns the target's: balances, lots, open holds. Returns what it was, for `take_apart`."""
    await lock(tx, [source, target])
    rows = await tx.fetch(
        "SELECT unit, balance FROM ledger_accounts WHERE tenant_id = $1 AND owner_id = $2 AND balance > 0 ORDER BY unit",
        *(tx.tenant_id, source),
    )
    units = {row["unit"]: row["balance"] for row in rows}
    lots = list((await _lots_of(tx, source)).values())
    await _drop_lots(tx, source)
    await _add_lots(tx, target, lots)
    holds = await _open_holds(tx, source)
    await _move_holds(tx, holds, source=source, target=target)
    await _post(tx, units, source=source, target=target, reason="merged", source_type=source_type, source_id=source_id)
    await _held_by(tx, holds, target)
    return Carried(units, lots, holds)


async def take_apart(
    tx: Tx, carried: Carried, *, source: UUID, target: UUID, source_type: str, source_id: UUID
) -> dict[str, int]:
    """Give what was handed over back from the source to the target; returns the amounts by unit.

    The target's lots are what they were, except what went by itself since (expired, ripened, paid out of a hold); what the
    source spent meanwhile was spent from its own. Raises InsufficientBalance when the source has too little left for that.
    """
    await lock(tx, [source, target])
    units: Counter[str] = Counter(carried.units)
    open_now = {one.id for one in await _open_holds(tx, source)}
    holds = [one for one in carried.holds if one.id in open_now]
    units.subtract(await _paid_from(tx, carried.holds))
    now = await _lots_of(tx, source)
    back = await _back(tx, carried, now, source, units)
    amounts = {unit: amount for unit, amount in sorted(units.items()) if amount > 0}
    await _move_holds(tx, holds, source=source, target=target)
    await _drop_lots(tx, source)
    await _post(
        tx, amounts, source=source, target=target, reason="merge_undone", source_type=source_type, source_id=source_id
    )
    await _held_by(tx, holds, target)
    await _add_lots(tx, source, left_to(now, back, carried, await _balances(tx, source)))
    await _add_lots(tx, target, back)
    return amounts


async def _back(
    tx: Tx, carried: Carried, now: dict[Key, CarriedLot], source: UUID, units: "Counter[str]"
) -> list[CarriedLot]:
    """The lots that go back as they are by now; what of them went by itself is taken from `units`."""
    ripened = await _ripened(tx, [lot for lot in carried.lots if lot.unit == PENDING], source)
    back = []
    known = {lot.key for lot in carried.lots}
    for lot in carried.lots:
        here = now.get(lot.key)
        expired = min(lot.remaining, max(0, here.expired - lot.expired)) if here is not None else 0
        ripe = min(lot.remaining - expired, ripened.get(lot.source_id, 0)) if lot.unit == PENDING else 0
        units[lot.unit] -= expired + ripe
        units[RIPE] += ripe
        left = msgspec.structs.replace(lot, remaining=lot.remaining - expired - ripe, expired=lot.expired + expired)
        back.append(left)
        if ripe:
            # They became points of the same source since, which may expire; those that expired are gone.
            for made in now.values():
                if made.unit == RIPE and made.source_id == lot.source_id and made.key not in known:
                    units[RIPE] -= made.expired
                    back.append(msgspec.structs.replace(made, remaining=ripe - made.expired, granted=ripe))
    return back


def left_to(
    now: dict[Key, CarriedLot], back: Sequence[CarriedLot], carried: Carried, balances: dict[str, int]
) -> list[CarriedLot]:
    """The lots that stay, when those of `back` have gone: they pay for what of those was spent, earliest expiry first.

    Together they are never more than the balance. Pure.
    """
    gone = {lot.key: lot for lot in back}
    was = {lot.key: lot for lot in carried.lots}
    stays: list[CarriedLot] = []
    owed: Counter[str] = Counter()
    for key, lot in sorted(now.items()):
        left = lot.remaining - (gone[key].remaining if key in gone else 0)
        owed[lot.unit] += max(0, -left)
        granted = lot.granted - (was[key].granted if key in was else gone[key].granted if key in gone else 0)
        expired = lot.expired - (gone[key].expired if key in gone else 0)
        if key not in gone or granted > 0 or left > 0:
            left, expired = max(0, left), max(0, expired)
            stays.append(
                msgspec.structs.replace(lot, remaining=left, expired=expired, granted=max(granted, left + expired))
            )
    for unit in {lot.unit for lot in stays}:
        total = sum(lot.remaining for lot in stays if lot.unit == unit)
        owed[unit] = max(owed[unit], total - balances.get(unit, 0))
    return [_less(lot, owed) for lot in sorted(stays, key=lambda lot: lot.key)]


def _less(lot: CarriedLot, owed: "Counter[str]") -> CarriedLot:
    taken = min(lot.remaining, max(0, owed[lot.unit]))
    owed[lot.unit] -= taken
    return msgspec.structs.replace(lot, remaining=lot.remaining - taken)


async def _post(
    tx: Tx, units: dict[str, int], *, source: UUID, target: UUID, reason: str, source_type: str, source_id: UUID
) -> None:
    moves = [
        Move(owner, unit, sign * amount, CONTRA, reason)
        for unit, amount in units.items()
        for owner, sign in ((source, -1), (target, 1))
    ]
    if moves:
        await move(tx, Entry(source_type, source_id, tuple(moves)))


async def _balances(tx: Tx, owner: UUID) -> dict[str, int]:
    rows = await tx.fetch(
        "SELECT unit, balance FROM ledger_accounts WHERE tenant_id = $1 AND owner_id = $2", tx.tenant_id, owner
    )
    return {row["unit"]: row["balance"] for row in rows}


async def _lots_of(tx: Tx, owner: UUID) -> dict[Key, CarriedLot]:
    rows = await tx.fetch(
        "SELECT unit, expires_at, source_id, remaining, granted, expired, told_at FROM ledger_lots "
        "WHERE tenant_id = $1 AND owner_id = $2 ORDER BY unit, expires_at, source_id",
        *(tx.tenant_id, owner),
    )
    lots = [CarriedLot(*row.values()) for row in rows]
    return {lot.key: lot for lot in lots}


async def _drop_lots(tx: Tx, owner: UUID) -> None:
    await tx.execute("DELETE FROM ledger_lots WHERE tenant_id = $1 AND owner_id = $2", tx.tenant_id, owner)


async def _add_lots(tx: Tx, owner: UUID, lots: Iterable[CarriedLot]) -> None:
    """Write lots, adding to those of the same source and end (from before lots had a source, both may have one)."""
    rows = [
        (lot.unit, lot.expires_at, lot.source_id, lot.remaining, lot.granted, lot.expired, lot.told_at) for lot in lots
    ]
    await tx.execute(
        "INSERT INTO ledger_lots AS l (tenant_id, owner_id, unit, expires_at, source_id, remaining, granted, expired, told_at) "
        "SELECT $1, $2, * FROM unnest($3::text[], $4::timestamptz[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], "
        "$9::timestamptz[]) ON CONFLICT (tenant_id, owner_id, unit, expires_at, source_id) DO UPDATE SET "
        "remaining = l.remaining + excluded.remaining, granted = l.granted + excluded.granted, "
        "expired = l.expired + excluded.expired, told_at = coalesce(l.told_at, excluded.told_at)",
        *(tx.tenant_id, owner, *columns(rows, 7)),
    )


async def _open_holds(tx: Tx, owner: UUID) -> list[CarriedHold]:
    rows = await tx.fetch(
        "SELECT id, unit, amount FROM ledger_holds WHERE tenant_id = $1 AND owner_id = $2 AND state = 'open' ORDER BY id",
        *(tx.tenant_id, owner),
    )
    return [CarriedHold(row["id"], row["unit"], row["amount"]) for row in rows]


async def _move_holds(tx: Tx, holds: Sequence[CarriedHold], *, source: UUID, target: UUID) -> None:
    """Give open holds to the target and free what they held of the source; `_held_by` holds it again, when it has moved."""
    await tx.execute(
        "UPDATE ledger_holds SET owner_id = $3 WHERE tenant_id = $1 AND owner_id = $2 AND id = ANY($4)",
        *(tx.tenant_id, source, target, [one.id for one in holds]),
    )
    await _change_held(tx, holds, source, sign=-1)


async def _held_by(tx: Tx, holds: Sequence[CarriedHold], owner: UUID) -> None:
    await _change_held(tx, holds, owner, sign=1)


async def _change_held(tx: Tx, holds: Sequence[CarriedHold], owner: UUID, *, sign: int) -> None:
    amounts: Counter[str] = Counter()
    for one in holds:
        amounts[one.unit] += sign * one.amount
    await tx.execute(
        "UPDATE ledger_accounts a SET held = a.held + v.amount FROM unnest($3::text[], $4::bigint[]) AS v(unit, amount) "
        "WHERE a.tenant_id = $1 AND a.owner_id = $2 AND a.unit = v.unit",
        *(tx.tenant_id, owner, *columns(list(amounts.items()), 2)),
    )


async def _paid_from(tx: Tx, holds: Sequence[CarriedHold]) -> dict[str, int]:
    """What was taken out of these holds since, by unit."""
    rows = await tx.fetch(
        "SELECT unit, -sum(amount)::bigint AS taken FROM ledger_transfers "
        "WHERE tenant_id = $1 AND source_type = 'hold' AND source_id = ANY($2) GROUP BY unit",
        *(tx.tenant_id, [one.id for one in holds]),
    )
    return {row["unit"]: row["taken"] for row in rows}


async def _ripened(tx: Tx, lots: Sequence[CarriedLot], owner: UUID) -> dict[UUID, int]:
    """How much of these pending lots became points since, by source."""
    rows = await tx.fetch(
        "SELECT source_id, sum(amount)::bigint AS amount FROM ledger_transfers WHERE tenant_id = $1 AND source_id = ANY($2) "
        "AND source_type = 'ripening' AND owner_id = $3 AND unit = $4 GROUP BY 1",
        *(tx.tenant_id, [lot.source_id for lot in lots], owner, RIPE),
    )
    return {row["source_id"]: row["amount"] for row in rows}

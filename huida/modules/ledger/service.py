"""The ledger's verbs. Only this module changes balances."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from huida.kernel.arrays import ints, texts, times, uuids
from huida.kernel.db import Row, Tx, columns
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.ids import uuid7
from huida.modules.ledger.models import UNITS
from huida.modules.ledger.rules import Entry, Move, Posted, Short, admit

POST = """
SELECT outcome, ord, owner, unit, balance, seq FROM ledger_post(
  $1, $2, ($3::text)::uuid[], ($4::text)::text[], ($5::text)::bigint[], ($6::text)::text[], ($7::text)::text[],
  ($8::text)::text[], ($9::text)::uuid[], ($10::text)::bigint[], ($11::text)::timestamptz[], ($12::text)::uuid[])
"""


class InsufficientBalance(Conflict):
    """There is less available (balance minus what is held) than this takes."""

    code = "ledger.insufficient_balance"


async def post(tx: Tx, entries: Sequence[Entry]) -> list[Posted | Short]:
    """Post entries in order, each entirely or not at all; one result per entry.

    An entry whose business key was posted before changes nothing and answers with what it did then
    (`repeated=True`), also when it would not fit any more. One that does not fit is `Short`; the others are not
    affected. A key that stands twice in one call is answered twice as its first entry was.
    """
    first: dict[tuple[str, UUID], int] = {}
    answered_by = [first.setdefault((entry.source_type, entry.source_id), n) for n, entry in enumerate(entries)]
    results: dict[int, Posted | Short] = {}
    todo = sorted(first.values())
    # Each round posts, or refuses what does not fit, or sets aside what was posted before; another transaction may post
    # the same keys between two rounds, never after the first that found something (the accounts stay locked).
    for _ in range(6):
        if not todo:
            break
        todo = await _post_some(tx, entries, todo, results)
    assert not todo, "the ledger could not settle this batch"
    return [results[owner] if owner == number else _again(results[owner]) for number, owner in enumerate(answered_by)]


def _again(result: Posted | Short) -> Posted | Short:
    return Posted(result.balances, repeated=True) if isinstance(result, Posted) else result


async def _post_some(
    tx: Tx, entries: Sequence[Entry], todo: list[int], results: dict[int, Posted | Short]
) -> list[int]:
    """One call of the posting function; returns the entries that are still open."""
    owners: list[int] = []
    moves: list[Move] = []
    for number in todo:
        entry = entries[number]
        if not entry.moves:
            results[number] = Posted({})
        for step in entry.moves:
            assert step.unit in UNITS and step.amount != 0, f"not a move: {step}"
            owners.append(number)
            moves.append(step)
    if not owners:
        return []
    rows = await tx.fetch(
        POST,
        tx.tenant_id,
        tx.now,
        uuids([m.owner_id for m in moves]),
        texts([m.unit for m in moves]),
        ints([m.amount for m in moves]),
        texts([m.contra for m in moves]),
        texts([m.reason for m in moves]),
        texts([entries[number].source_type for number in owners]),
        uuids([entries[number].source_id for number in owners]),
        ints([m.reverses for m in moves]),
        times([m.expires_at for m in moves]),
        uuids([m.lot for m in moves]),
    )
    # Rows that the function had returned before it found a repeat are not taken back with its rollback.
    outcome = rows[-1]["outcome"]
    rows = [row for row in rows if row["outcome"] == outcome]
    if outcome == "posted":
        balances: dict[int, dict[tuple[UUID, str], int]] = {number: {} for number in todo}
        for row in rows:
            balances[owners[row["ord"] - 1]][row["owner"], row["unit"]] = row["balance"]
        for number in todo:
            results.setdefault(number, Posted(balances[number]))
        return []
    if outcome == "short":
        picked = [entries[number] for number in todo]
        decision = admit(picked, {(row["owner"], row["unit"]): row["balance"] for row in rows})
        for place, short in decision.refused.items():
            results[todo[place]] = short
        return [todo[place] for place in decision.admitted]
    return _set_repeated_aside(entries, todo, owners, rows, results)


def _set_repeated_aside(
    entries: Sequence[Entry],
    todo: list[int],
    owners: list[int],
    rows: Sequence[Mapping[str, object]],
    results: dict[int, Posted | Short],
) -> list[int]:
    """Answer entries that were posted before with the balances of then; returns the others."""
    before: dict[int, dict[tuple[UUID, str], int]] = {}
    for row in rows:
        place = row["ord"]
        owner, unit, balance = row["owner"], row["unit"], row["balance"]
        assert isinstance(place, int) and isinstance(owner, UUID) and isinstance(unit, str) and isinstance(balance, int)
        before.setdefault(owners[place - 1], {})[owner, unit] = balance
    for number in before:
        results[number] = Posted(before[number], repeated=True)
    return [number for number in todo if number not in before]


async def move(tx: Tx, entry: Entry) -> Posted:
    """Post one entry. Raises InsufficientBalance when it does not fit; then nothing was posted."""
    [result] = await post(tx, [entry])
    if isinstance(result, Short):
        raise InsufficientBalance(unit=result.unit, needed=result.needed, available=result.available)
    return result


async def reverse(
    tx: Tx, *, source_type: str, source_id: UUID, by_type: str, by_id: UUID, reason: str = "reversal"
) -> Posted:
    """Undo every transfer of a business fact by new ones; a transfer can be undone once.

    Raises NotFound when there is nothing of that source, InsufficientBalance when what it gave is spent.
    """
    rows = await tx.fetch(
        "SELECT owner_id, unit, seq, amount, contra, "
        "  CASE WHEN row_number() OVER (PARTITION BY owner_id, unit ORDER BY seq) > 1 THEN '.' || reason ELSE '' END AS mark "
        "FROM ledger_transfers WHERE tenant_id = $1 AND source_id = $2 AND source_type = $3 AND reverses IS NULL "
        "ORDER BY owner_id, unit, seq",
        tx.tenant_id,
        source_id,
        source_type,
    )
    if not rows:
        raise NotFound(code="ledger.nothing_to_reverse", source=source_type)
    moves = [
        Move(r["owner_id"], r["unit"], -r["amount"], r["contra"], reason + r["mark"], reverses=r["seq"]) for r in rows
    ]
    return await move(tx, Entry(by_type, by_id, tuple(moves)))


async def balances(tx: Tx, owner_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """Balances of owners by unit; a unit that was never touched is absent."""
    result: dict[UUID, dict[str, int]] = {owner: {} for owner in owner_ids}
    for row in await tx.fetch(
        "SELECT owner_id, unit, balance FROM ledger_accounts WHERE tenant_id = $1 AND owner_id = ANY($2)",
        tx.tenant_id,
        list(owner_ids),
    ):
        result[row["owner_id"]][row["unit"]] = row["balance"]
    return result


async def available(tx: Tx, owner_id: UUID, unit: str) -> int:
    """What an owner can spend of a unit now: the balance minus what is held."""
    found: int | None = await tx.value(
        "SELECT balance - held FROM ledger_accounts WHERE tenant_id = $1 AND owner_id = $2 AND unit = $3",
        *(tx.tenant_id, owner_id, unit),
    )
    return found or 0


async def hold(
    tx: Tx, owner_id: UUID, *, unit: str, amount: int, source_type: str, source_id: UUID, expires_at: datetime | None
) -> UUID:
    """Promise `amount`; it stays in the balance but is no longer available. Same source, same hold.

    Raises InsufficientBalance when less is available.
    """
    if amount <= 0:
        raise Invalid(code="ledger.bad_amount", where="amount")
    hold_id = uuid7()
    row = await tx.row(
        "INSERT INTO ledger_holds (tenant_id, id, owner_id, unit, amount, state, expires_at, source_type, source_id) "
        "VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id",
        *(tx.tenant_id, hold_id, owner_id, unit, amount, expires_at, source_type, source_id),
    )
    if row is None:
        known = await tx.value(
            "SELECT id FROM ledger_holds WHERE tenant_id = $1 AND source_id = $2 AND source_type = $3 AND owner_id = $4 AND unit = $5",
            *(tx.tenant_id, source_id, source_type, owner_id, unit),
        )
        assert isinstance(known, UUID)
        return known
    if not await tx.execute(
        "UPDATE ledger_accounts SET held = held + $4 "
        "WHERE tenant_id = $1 AND owner_id = $2 AND unit = $3 AND balance - held >= $4",
        *(tx.tenant_id, owner_id, unit, amount),
    ):
        await tx.execute("DELETE FROM ledger_holds WHERE tenant_id = $1 AND id = $2", tx.tenant_id, hold_id)
        available = (await lock(tx, [owner_id])).get((owner_id, unit), 0)
        raise InsufficientBalance(unit=unit, needed=amount, available=available)
    return hold_id


async def _close_hold(tx: Tx, hold_id: UUID, state: str) -> tuple[UUID, str, int]:
    """Close an open hold and free what it held. Raises Conflict when it is not open any more."""
    row = await tx.row(
        "UPDATE ledger_holds SET state = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'open' RETURNING owner_id, unit, amount",
        *(tx.tenant_id, hold_id, state),
    )
    if row is None:
        raise Conflict(code="ledger.hold_not_open", hold=hold_id)
    await tx.execute(
        "UPDATE ledger_accounts SET held = held - $4 WHERE tenant_id = $1 AND owner_id = $2 AND unit = $3",
        *(tx.tenant_id, row["owner_id"], row["unit"], row["amount"]),
    )
    return row["owner_id"], row["unit"], row["amount"]


async def capture(tx: Tx, hold_id: UUID, *, contra: str, reason: str, amount: int | None = None) -> Posted:
    """Take what was held (or less of it; the rest is free again). Raises Conflict when the hold is closed."""
    owner_id, unit, held = await _close_hold(tx, hold_id, "captured")
    taken = held if amount is None else amount
    if not 0 < taken <= held:
        raise Invalid(code="ledger.bad_amount", where="amount", held=held)
    return await move(tx, Entry("hold", hold_id, (Move(owner_id, unit, -taken, contra, reason),)))


async def release(tx: Tx, hold_id: UUID) -> None:
    """Free what was held. Raises Conflict when the hold is closed."""
    await _close_hold(tx, hold_id, "released")


async def expire_holds(tx: Tx, *, limit: int = 500) -> int:
    """Free holds whose time has come; returns how many."""
    rows = await tx.fetch(
        "UPDATE ledger_holds SET state = 'expired' WHERE tenant_id = $1 AND id = ANY(ARRAY("
        "  SELECT id FROM ledger_holds WHERE tenant_id = $1 AND state = 'open' AND expires_at <= $2 "
        "  ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)) AND state = 'open' RETURNING owner_id, unit, amount",
        *(tx.tenant_id, tx.now, limit),
    )
    freed: dict[tuple[UUID, str], int] = defaultdict(int)
    for row in rows:
        freed[row["owner_id"], row["unit"]] += row["amount"]
    if freed:
        await lock(tx, sorted({owner_id for owner_id, _ in freed}))
        await tx.execute(
            "UPDATE ledger_accounts a SET held = a.held - f.amount "
            "FROM unnest($2::uuid[], $3::text[], $4::bigint[]) AS f(owner_id, unit, amount) "
            "WHERE a.tenant_id = $1 AND a.owner_id = f.owner_id AND a.unit = f.unit",
            *(tx.tenant_id, *columns([(*key, amount) for key, amount in freed.items()], 3)),
        )
    return len(rows)


async def is_posted(tx: Tx, *, source_type: str, source_id: UUID, owner_id: UUID) -> bool:
    """Whether a business fact has moved anything of this owner (lock the accounts first to act on the answer)."""
    return bool(
        await tx.value(
            "SELECT EXISTS (SELECT 1 FROM ledger_transfers "
            "WHERE tenant_id = $1 AND source_id = $2 AND source_type = $3 AND owner_id = $4)",
            *(tx.tenant_id, source_id, source_type, owner_id),
        )
    )


async def lock(tx: Tx, owner_ids: Sequence[UUID]) -> dict[tuple[UUID, str], int]:
    """Lock every account of these owners, in the ledger's order, and tell what is available in each."""
    rows = await tx.fetch(
        "SELECT owner_id, unit, balance - held AS available FROM ledger_accounts "
        "WHERE tenant_id = $1 AND owner_id = ANY($2) ORDER BY owner_id, unit FOR NO KEY UPDATE",
        *(tx.tenant_id, list(owner_ids)),
    )
    return {(row["owner_id"], row["unit"]): row["available"] for row in rows}


async def transfers(
    tx: Tx, owner_id: UUID, units: Sequence[str], *, before: Sequence[Any] | None, limit: int
) -> list[Any]:
    """An owner's transfers of these units, newest first, before the key (time, unit, seq) of a page."""
    moment = before[0] if before else None
    return await tx.fetch(
        "SELECT unit, seq, amount, balance_after, reason, source_type, source_id, at FROM ledger_transfers "
        "WHERE tenant_id = $1 AND owner_id = $2 AND unit = ANY($3) "
        "AND ($4::timestamptz IS NULL OR (at, unit, seq) < ($4, $5::text, $6::bigint)) ORDER BY at DESC, unit DESC, seq DESC LIMIT $7",
        *(
            tx.tenant_id,
            owner_id,
            list(units),
            moment,
            before[1] if before else None,
            before[2] if before else None,
            limit,
        ),
    )


async def last_of(tx: Tx, owner_ids: Sequence[UUID], *, source_type: str, unit: str, beside: str) -> dict[UUID, Row]:
    """Each owner's newest transfer of this kind: its time, its amount, and what the same source gave `beside` it."""
    rows = await tx.fetch(
        "SELECT o.id AS owner_id, t.at, t.amount, coalesce((SELECT sum(b.amount)::bigint FROM ledger_transfers b "
        "  WHERE b.tenant_id = $1 AND b.source_id = t.source_id AND b.source_type = $3 AND b.owner_id = o.id "
        "  AND b.unit = $5 AND b.reverses IS NULL), 0) AS beside "
        "FROM unnest($2::uuid[]) AS o(id) CROSS JOIN LATERAL (SELECT * FROM ledger_transfers x WHERE x.tenant_id = $1 "
        "  AND x.owner_id = o.id AND x.unit = $4 AND x.source_type = $3 AND x.reverses IS NULL "
        "  ORDER BY x.seq DESC LIMIT 1) AS t",
        *(tx.tenant_id, list(owner_ids), source_type, unit, beside),
    )
    return {row["owner_id"]: row for row in rows}

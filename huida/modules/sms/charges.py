"""What messages cost: parts drawn when a message is decided, settled by the provider's word, returned if never sent.

Locks are taken in one order: charges, days, the ledger's accounts, the plan, the operators' line. Each step of a message
is posted once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from huida.kernel.db import Tx, columns
from huida.modules import ledger
from huida.modules.ledger import Entry, Move, Short
from huida.modules.sms import plans, usage
from huida.modules.sms.facts import SmsBudgetReached
from huida.modules.sms.plans import NAMESPACE, Plan, owner, worth_fen

SOURCE: Final = "sms"


@dataclass(frozen=True, slots=True)
class Charge:
    """A message that is to be sent, with the parts it is expected to be billed as."""

    source_id: UUID
    parts: int
    scenario: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Charged:
    """Whether it may be sent, why not, and its money's worth; `repeated` when it was charged before."""

    ok: bool
    reason: str = ""
    cost_fen: int = 0
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a provider took; `parts` by our count of what that provider was given, `told` by the provider."""

    source_id: UUID
    provider: str
    parts: int
    told: bool = False

    @classmethod
    def of(cls, out_id: str, provider: str, *, told: int | None, guessed: int) -> "Sent":
        """Parts as the provider said with its answer, or, since it said nothing, as we guess."""
        return cls(source_of(out_id), provider, guessed if told is None else told, told is not None)


@dataclass(frozen=True, slots=True)
class Ended:
    """The carrier's last word on a message: `delivered` or `failed`."""

    source_id: UUID
    outcome: str
    at: datetime


def source_of(out_id: str) -> UUID:
    """The number a message is charged under, from the number that providers are given for it."""
    return uuid5(NAMESPACE, out_id)


async def charge(tx: Tx, charges: Sequence[Charge]) -> list[Charged]:
    """Draw the parts of these messages, each entirely or not at all, in their order.

    A message that was charged before changes nothing, also when it was given back since (see `charge_again`).
    """
    return await _charge(tx, charges, frozenset())


async def charge_again(tx: Tx, charges: Sequence[Charge]) -> list[Charged]:
    """As `charge`, for messages that are tried anew: what was given back is drawn once more."""
    return await _charge(tx, charges, frozenset({"returned"}))


async def _charge(tx: Tx, charges: Sequence[Charge], anew: frozenset[str]) -> list[Charged]:
    if not charges:
        return []
    mine = await plans.plan(tx)
    price_milli = await plans.part_milli(tx, mine)
    if anew:
        await _lock(tx, [one.source_id for one in charges])
    day = (await plans.lock_days(tx, [tx.today]))[tx.today]
    known = await _known(tx, [one.source_id for one in charges])
    results: dict[UUID, Charged] = {
        source: Charged(True, cost_fen=row["cost_fen"], repeated=True)
        for source, row in known.items()
        if row["state"] not in anew
    }
    room = _Room(mine, day["parts"], day["cost_fen"])
    fitting: list[Charge] = []
    for one in charges:
        if one.source_id in results:
            continue
        if price_milli is None:
            results[one.source_id] = Charged(False, "sms_no_balance")
            continue
        cost = worth_fen(one.parts, price_milli)
        if room.take(one.parts, cost):
            fitting.append(one)
            results[one.source_id] = Charged(True, cost_fen=cost)
        else:
            results[one.source_id] = Charged(False, "sms_budget")
    steps = {one.source_id: known[one.source_id]["step"] + 1 if one.source_id in known else 0 for one in fitting}
    entries = [_drawing(tx.tenant_id, one, mine.model, results[one.source_id].cost_fen, steps) for one in fitting]
    posted = []
    for one, result in zip(fitting, await ledger.post(tx, entries), strict=True):
        if isinstance(result, Short):
            results[one.source_id] = Charged(False, "sms_no_balance")
        else:
            posted.append(one)
    if posted and price_milli is not None:
        await _write(tx, posted, results, mine.model, price_milli, steps)
        await _count(tx, mine, day, posted, results)
    if any(result.reason == "sms_budget" for result in results.values()):
        await _tell_budget(tx, mine, day["hard_told"], "hard")
    if mine.model == "package":
        await plans.tell_when_low(tx, mine, (await plans.parts(tx)).left)
    if day["is_new"]:
        await plans.note_active(tx)
    return [results[one.source_id] for one in charges]


class _Room:
    """What the day's limits leave."""

    def __init__(self, mine: Plan, parts: int, cost_fen: int) -> None:
        self.parts = None if mine.most_parts is None else mine.most_parts - parts
        self.fen = None if mine.most_fen is None else mine.most_fen - cost_fen

    def take(self, parts: int, cost_fen: int) -> bool:
        if (self.parts is not None and parts > self.parts) or (self.fen is not None and cost_fen > self.fen):
            return False
        self.parts = None if self.parts is None else self.parts - parts
        self.fen = None if self.fen is None else self.fen - cost_fen
        return True


async def _known(tx: Tx, sources: Sequence[UUID]) -> dict[UUID, Any]:
    rows = await tx.fetch(
        "SELECT source_id, state, step, cost_fen FROM sms_charges WHERE tenant_id = $1 AND source_id = ANY($2)",
        *(tx.tenant_id, list(sources)),
    )
    return {row["source_id"]: row for row in rows}


def _drawing(tenant_id: int, one: Charge, model: str, cost_fen: int, steps: Mapping[UUID, int]) -> Entry:
    who, reason = owner(tenant_id), f"charge.{steps[one.source_id]}"
    moves = [Move(who, "sms_used", one.parts, "sms_carrier", reason)]
    if model == "package":
        moves.insert(0, Move(who, "sms_parts", -one.parts, "sms_used", reason))
    if cost_fen:
        moves.append(Move(who, "sms_fen", cost_fen, "sms_carrier", reason))
    return Entry(SOURCE, one.source_id, tuple(moves))


async def _write(
    tx: Tx,
    posted: Sequence[Charge],
    results: Mapping[UUID, Charged],
    model: str,
    price_milli: int,
    steps: Mapping[UUID, int],
) -> None:
    rows = [
        (one.source_id, one.scenario, one.provider, one.parts, results[one.source_id].cost_fen, steps[one.source_id])
        for one in posted
    ]
    written = await tx.execute(
        "INSERT INTO sms_charges (tenant_id, source_id, day, model, scenario, provider, price_milli, parts, cost_fen, state, step) "
        "SELECT $1, c.source_id, $2, $3, c.scenario, c.provider, $4, c.parts, c.cost_fen, 'drawn', c.step "
        "FROM unnest($5::uuid[], $6::text[], $7::text[], $8::int[], $9::bigint[], $10::smallint[]) "
        "  AS c(source_id, scenario, provider, parts, cost_fen, step) "
        "ON CONFLICT (tenant_id, source_id) DO UPDATE SET day = excluded.day, model = excluded.model, "
        "provider = excluded.provider, price_milli = excluded.price_milli, parts = excluded.parts, "
        "cost_fen = excluded.cost_fen, state = 'drawn', step = excluded.step, outcome = '', sent_at = NULL, done_at = NULL "
        "WHERE sms_charges.state = 'returned'",
        *(tx.tenant_id, tx.today, model, price_milli, *columns(rows, 6)),
    )
    assert written == len(posted), "two transactions charged one message"


async def _count(tx: Tx, mine: Plan, day: Any, posted: Sequence[Charge], results: Mapping[UUID, Charged]) -> None:
    """Take the day's room, under its guard, and warn once when the soft limit is reached."""
    parts, cost_fen = sum(one.parts for one in posted), sum(results[one.source_id].cost_fen for one in posted)
    row = await tx.row(
        "UPDATE sms_days SET parts = parts + $3, cost_fen = cost_fen + $4 WHERE tenant_id = $1 AND day = $2 "
        "AND ($5::int IS NULL OR parts + $3 <= $5) AND ($6::bigint IS NULL OR cost_fen + $4 <= $6) "
        "RETURNING parts, cost_fen, soft_told",
        *(tx.tenant_id, tx.today, parts, cost_fen, mine.most_parts, mine.most_fen),
    )
    assert row is not None, "a locked day changed"
    over_parts = mine.soft_parts is not None and row["parts"] >= mine.soft_parts
    over_fen = mine.soft_fen is not None and row["cost_fen"] >= mine.soft_fen
    if over_parts or over_fen:
        await _tell_budget(tx, mine, row["soft_told"], "soft")


async def _tell_budget(tx: Tx, mine: Plan, told: bool, limit: str) -> None:
    if told:
        return
    row = await tx.row(
        f"UPDATE sms_days SET {limit}_told = true WHERE tenant_id = $1 AND day = $2 AND NOT {limit}_told "
        "RETURNING parts, cost_fen",
        *(tx.tenant_id, tx.today),
    )
    if row is not None:
        tx.emit(
            SmsBudgetReached(
                limit=limit,
                day=tx.today.isoformat(),
                parts=row["parts"],
                cost_fen=row["cost_fen"],
                most_parts=mine.soft_parts if limit == "soft" else mine.most_parts,
                most_fen=mine.soft_fen if limit == "soft" else mine.most_fen,
            )
        )


async def give_back(tx: Tx, source_ids: Sequence[UUID]) -> None:
    """Return what was drawn for messages that were certainly not sent. Twice changes nothing."""
    await _adjust(tx, dict.fromkeys(source_ids, 0), states=("drawn",), state="returned")


async def settle(tx: Tx, billed: Sequence[tuple[UUID, int]]) -> dict[UUID, tuple[int, int]]:
    """Post what the provider says it billed; returns parts and money's worth of each message that was charged.

    Twice changes nothing. A message that was given back and is billed all the same is drawn again. What the stock does
    not hold is owed and taken from the next package.
    """
    return await _adjust(tx, dict(billed), states=("drawn", "billed", "returned"), state="billed")


async def note_sent(tx: Tx, sent: Sequence[Sent], *, back: Sequence[UUID] = ()) -> dict[UUID, tuple[int, int]]:
    """A provider took these messages, or may have: whose they are, and what they will be billed as for all we know.

    Returns parts and money's worth of each. What a report has settled before stays. `back` were certainly not sent: what
    was drawn for them is returned, all under locks taken once and in order.
    """
    if not sent and not back:
        return {}
    await _lock(tx, [*back, *(one.source_id for one in sent)])
    await give_back(tx, back)
    if not sent:
        return {}
    rows = await tx.fetch(
        "UPDATE sms_charges c SET provider = s.provider, sent_at = coalesce(c.sent_at, $2) "
        "FROM unnest($3::uuid[], $4::text[]) AS s(source_id, provider) WHERE c.tenant_id = $1 AND c.source_id = s.source_id "
        "RETURNING c.day",
        *(tx.tenant_id, tx.now, *columns([(one.source_id, one.provider) for one in sent], 2)),
    )
    usage.note_changed(tx, [row["day"] for row in rows])
    guessed = {one.source_id: one.parts for one in sent if not one.told and one.parts}
    told = {one.source_id: one.parts for one in sent if one.told}
    return {
        **await _adjust(tx, guessed, states=("drawn",), state="drawn"),
        **await _adjust(tx, told, states=("drawn",), state="billed"),
    }


async def asked_at(tx: Tx, source_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The provider that each of these messages was given to, where that is known."""
    rows = await tx.fetch(
        "SELECT source_id, provider FROM sms_charges WHERE tenant_id = $1 AND source_id = ANY($2) AND sent_at IS NOT NULL",
        *(tx.tenant_id, list(source_ids)),
    )
    return {row["source_id"]: row["provider"] for row in rows}


async def _lock(tx: Tx, sources: Sequence[UUID]) -> None:
    await tx.fetch(
        "SELECT FROM sms_charges WHERE tenant_id = $1 AND source_id = ANY($2) ORDER BY source_id FOR UPDATE",
        *(tx.tenant_id, list(sources)),
    )


async def note_ended(tx: Tx, ended: Sequence[Ended]) -> None:
    """The carrier's last words, for how good a provider is. Only the first one counts."""
    if ended:
        await _lock(tx, [one.source_id for one in ended])
        rows = [(one.source_id, one.outcome, one.at) for one in ended]
        counted = await tx.fetch(
            "UPDATE sms_charges c SET outcome = e.outcome, done_at = e.at "
            "FROM unnest($2::uuid[], $3::text[], $4::timestamptz[]) AS e(source_id, outcome, at) "
            "WHERE c.tenant_id = $1 AND c.source_id = e.source_id AND c.outcome = '' RETURNING c.day",
            *(tx.tenant_id, *columns(rows, 3)),
        )
        usage.note_changed(tx, [row["day"] for row in counted])


async def _adjust(
    tx: Tx, wanted: Mapping[UUID, int], *, states: Sequence[str], state: str
) -> dict[UUID, tuple[int, int]]:
    """Make charges in one of these states cost so many parts; the difference goes through the ledger."""
    if not wanted:
        return {}
    rows = await tx.fetch(
        "SELECT source_id, day, model, price_milli, parts, cost_fen, step, state FROM sms_charges "
        "WHERE tenant_id = $1 AND source_id = ANY($2) ORDER BY source_id FOR UPDATE",
        *(tx.tenant_id, list(wanted)),
    )
    result = {row["source_id"]: (row["parts"], row["cost_fen"]) for row in rows}
    moving = [row for row in rows if row["state"] in states]
    changed = [row for row in moving if wanted[row["source_id"]] != row["parts"]]
    if changed:
        await _post_differences(tx, changed, wanted)
    writing = []
    days: set[date] = set()
    for row in moving:
        parts = wanted[row["source_id"]]
        cost_fen = worth_fen(parts, row["price_milli"])
        result[row["source_id"]] = (parts, cost_fen)
        if parts != row["parts"] or state != row["state"]:
            writing.append((row["source_id"], parts, cost_fen, row["step"] + (parts != row["parts"])))
            days.add(row["day"])
    if writing:
        usage.note_changed(tx, days)
        await tx.execute(
            "UPDATE sms_charges c SET parts = w.parts, cost_fen = w.cost_fen, step = w.step, state = $2 "
            "FROM unnest($3::uuid[], $4::int[], $5::bigint[], $6::smallint[]) AS w(source_id, parts, cost_fen, step) "
            "WHERE c.tenant_id = $1 AND c.source_id = w.source_id",
            *(tx.tenant_id, state, *columns(writing, 4)),
        )
    return result


async def _post_differences(tx: Tx, changed: Sequence[Any], wanted: Mapping[UUID, int]) -> None:
    by_day: dict[date, list[int]] = defaultdict(lambda: [0, 0])
    for row in changed:
        parts = wanted[row["source_id"]]
        by_day[row["day"]][0] += parts - row["parts"]
        by_day[row["day"]][1] += worth_fen(parts, row["price_milli"]) - row["cost_fen"]
    await plans.lock_days(tx, list(by_day))
    await tx.execute(
        "UPDATE sms_days d SET parts = greatest(0, d.parts + c.parts), cost_fen = greatest(0, d.cost_fen + c.cost_fen) "
        "FROM unnest($2::date[], $3::int[], $4::bigint[]) AS c(day, parts, cost_fen) WHERE d.tenant_id = $1 AND d.day = c.day",
        *(tx.tenant_id, *columns([(day, *sums) for day, sums in by_day.items()], 3)),
    )
    who = owner(tx.tenant_id)
    free = await ledger.lock(tx, [who])
    left, owed = free.get((who, "sms_parts"), 0), free.get((who, "sms_owed"), 0)
    entries = []
    for row in changed:
        parts, reason = wanted[row["source_id"]], f"settle.{row['step'] + 1}"
        more = parts - row["parts"]
        moves = [("sms_used", more), ("sms_fen", worth_fen(parts, row["price_milli"]) - row["cost_fen"])]
        if row["model"] == "package":
            borrowed = max(more - left, 0) if more > 0 else -min(-more, owed)
            moves += [("sms_parts", borrowed - more), ("sms_owed", borrowed)]
            left, owed = left + borrowed - more, owed + borrowed
        steps = tuple(Move(who, unit, amount, "sms_carrier", reason) for unit, amount in moves if amount)
        entries.append(Entry(SOURCE, row["source_id"], steps))
    for posted in await ledger.post(tx, entries):
        assert not isinstance(posted, Short), "a locked account changed"

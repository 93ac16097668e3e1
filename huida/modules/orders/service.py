"""What tills report of sales: purchases, one by one or in batches with the same result, and sign-off reminders."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from huida.kernel.arrays import ints, texts, times, uuids
from huida.kernel.db import Tx, columns
from huida.kernel.errors import AppError
from huida.kernel.ids import uuid7
from huida.modules import ledger, loyalty, members, tenants
from huida.modules.ledger import Short
from huida.modules.members import LevelChanged
from huida.modules.orders import rows as pure
from huida.modules.orders.before import answer_purchase, open_store, purchases_before
from huida.modules.orders.facts import PurchaseRecorded, SignOffDue
from huida.modules.orders.rows import Outcome, PurchaseIn, SignOffIn
from huida.modules.orders.who import find_members, member_for, print_of

INSERT = """
INSERT INTO purchases (tenant_id, id, store_id, till_no, member_id, total_fen, balance_fen, principal_fen, points, growth_fen,
                       items, occurred_at, who)
SELECT $1, p.id, p.store_id, p.till_no, p.member_id, p.total_fen, p.balance_fen, 0, p.points, p.growth_fen, p.items,
       p.occurred_at, decode(p.who, 'hex')
FROM unnest(($2::text)::uuid[], ($3::text)::uuid[], ($4::text)::text[], ($5::text)::uuid[], ($6::text)::bigint[],
            ($7::text)::bigint[], ($8::text)::bigint[], ($9::text)::bigint[], ($10::text)::jsonb[],
            ($11::text)::timestamptz[], ($12::text)::text[])
  AS p(id, store_id, till_no, member_id, total_fen, balance_fen, points, growth_fen, items, occurred_at, who)
ORDER BY p.store_id, p.till_no, p.id
ON CONFLICT (tenant_id, store_id, till_no) DO NOTHING RETURNING id
"""
"""In the order of the key: two batches with the same till numbers wait for each other, not both for ever."""


class _Checked(msgspec.Struct, frozen=True, gc=False):
    """A row that passed every check that needs no money."""

    place: int
    id: UUID
    row: PurchaseIn
    store: tenants.StoreRef
    member: members.Known
    occurred_at: datetime

    @property
    def sale(self) -> loyalty.Sale:
        row = self.row
        return loyalty.Sale(self.id, self.member, self.store.code, row.total_fen, row.balance_fen, self.occurred_at)


class _Unsure(msgspec.Struct, frozen=True, gc=False):
    """A row that would be refused, unless it repeats what was recorded when its store and member were others."""

    place: int
    row: PurchaseIn
    store_id: UUID
    member_id: UUID | None
    refusal: AppError


async def record_purchases(tx: Tx, rows: Sequence[PurchaseIn]) -> list[Outcome]:
    """Record purchases with what they earn and spend; each row is answered on its own, good rows are kept.

    The natural key is store and till number: a repeated row changes nothing and answers as before; the same key with
    another member or amount is refused (`orders.till_no_reused`). The result is that of the rows one after another.
    """
    outcomes: list[Outcome] = []
    for portion in _without_twins(rows):
        outcomes += await _record(tx, portion)
    return outcomes


def _without_twins(rows: Sequence[PurchaseIn]) -> Iterator[Sequence[PurchaseIn]]:
    """The rows in portions in which no key stands twice: the second is judged when the first is done (B-30)."""
    start, seen = 0, set[tuple[str, str]]()
    for place, row in enumerate(rows):
        key = (row.store, row.till_no)
        if key in seen:
            yield rows[start:place]
            start, seen = place, set()
        seen.add(key)
    yield rows[start:]


async def _record(tx: Tx, rows: Sequence[PurchaseIn]) -> list[Outcome]:
    outcomes: list[Outcome | None] = [None] * len(rows)
    checked, unsure = await _check(tx, rows, outcomes)
    if unsure:
        await _answer_unsure(tx, unsure, outcomes)
    if checked:
        rules = await loyalty.rules_of(tx)
        fresh = await _insert(tx, rules, checked)
        todo = [item for item in checked if item.id in fresh]
        if todo:
            await _settle(tx, rules, todo, outcomes)
        if len(todo) < len(checked):
            await _answer_repeated(tx, [item for item in checked if item.id not in fresh], outcomes)
    return [outcome for outcome in outcomes if outcome is not None]


async def _check(
    tx: Tx, rows: Sequence[PurchaseIn], outcomes: list[Outcome | None]
) -> tuple[list[_Checked], list[_Unsure]]:
    stores = await tenants.all_stores_by_code(tx)
    sound: list[tuple[int, PurchaseIn]] = []
    for place, row in enumerate(rows):
        try:
            pure.check_purchase(row)
            sound.append((place, row))
        except AppError as refusal:
            outcomes[place] = Outcome(status="refused", till_no=row.till_no, error=refusal)
    # Only what is sound may be asked for: one text that no database takes would sink the whole batch.
    found = await find_members(tx, [row for _, row in sound])
    checked: list[_Checked] = []
    unsure: list[_Unsure] = []
    for place, row in sound:
        try:
            store = open_store(stores, row.store, occurred_at=row.occurred_at)
            occurred_at = pure.check_time(row.occurred_at, tx.now)
            checked.append(_Checked(place, uuid7(), row, store, member_for(found, row), occurred_at))
        except AppError as refusal:
            if row.store in stores:
                member = found.get(row.ref) if row.ref else None
                store_id = stores[row.store].id
                unsure.append(_Unsure(place, row, store_id, member.id if member else None, refusal))
            else:
                outcomes[place] = Outcome(status="refused", till_no=row.till_no, error=refusal)
    return checked, unsure


async def _answer_unsure(tx: Tx, unsure: Sequence[_Unsure], outcomes: list[Outcome | None]) -> None:
    known = await purchases_before(tx, [(item.store_id, item.row.till_no) for item in unsure])
    for item in unsure:
        before = known.get((item.store_id, item.row.till_no))
        answer = None if before is None else answer_purchase(tx, before, item.row, item.member_id)
        if answer is None or answer.status == "refused":
            answer = Outcome(status="refused", till_no=item.row.till_no, error=item.refusal)
        outcomes[item.place] = answer


async def _insert(tx: Tx, rules: loyalty.Rules, checked: Sequence[_Checked]) -> set[UUID]:
    """Insert what was not recorded before, with what it earns at the level of now; returns the ids that are new."""
    sales = [item.sale for item in checked]
    rows = await tx.fetch(
        INSERT,
        tx.tenant_id,
        uuids([item.id for item in checked]),
        uuids([item.store.id for item in checked]),
        texts([item.row.till_no for item in checked]),
        uuids([item.member.id for item in checked]),
        ints([item.row.total_fen for item in checked]),
        ints([item.row.balance_fen for item in checked]),
        ints([loyalty.points_of(rules, sale) for sale in sales]),
        ints([loyalty.growth_of(rules, sale) for sale in sales]),
        texts(
            [None if (bought := item.row.items) is None else msgspec.json.encode(bought).decode() for item in checked]
        ),
        times([item.occurred_at for item in checked]),
        texts([print_of(tx, item.row).hex() for item in checked]),
    )
    return {row["id"] for row in rows}


async def _answer_repeated(tx: Tx, repeated: Sequence[_Checked], outcomes: list[Outcome | None]) -> None:
    """Answer rows whose key is taken: as before when they are the same, refused when they are not."""
    known = await purchases_before(tx, [(item.store.id, item.row.till_no) for item in repeated])
    for item in repeated:
        before = known[item.store.id, item.row.till_no]
        outcomes[item.place] = answer_purchase(tx, before, item.row, item.member.id)


async def _settle(tx: Tx, rules: loyalty.Rules, todo: Sequence[_Checked], outcomes: list[Outcome | None]) -> None:
    """Move points and stored value, take back the rows that cannot be paid, and record the facts."""
    unpaid: list[UUID] = []
    finished: list[tuple[UUID, int, int, int | None]] = []
    for item, result in zip(todo, await loyalty.settle_sales(tx, rules, [item.sale for item in todo]), strict=True):
        if isinstance(result, Short):
            unpaid.append(item.id)
            refusal = ledger.InsufficientBalance(unit=result.unit, needed=result.needed, available=result.available)
            outcomes[item.place] = Outcome(status="refused", till_no=item.row.till_no, error=refusal)
            continue
        earned = result.points + result.pending
        if item.row.balance_fen or earned != loyalty.points_of(rules, item.sale):
            finished.append((item.id, result.principal_fen, earned, result.balance_after_fen))
        outcomes[item.place] = Outcome(
            status="recorded",
            till_no=item.row.till_no,
            id=item.id,
            points=result.points,
            points_pending=result.pending or None,
            points_after=result.points_after,
            balance_after_fen=result.balance_after_fen,
        )
        _tell(tx, item, result)
    if unpaid:
        await tx.execute("DELETE FROM purchases WHERE tenant_id = $1 AND id = ANY($2)", tx.tenant_id, unpaid)
    if finished:
        await tx.execute(
            "UPDATE purchases p SET principal_fen = v.principal, points = v.points, balance_after_fen = v.balance FROM "
            "unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) AS v(id, principal, points, balance) "
            "WHERE p.tenant_id = $1 AND p.id = v.id",
            *(tx.tenant_id, *columns(finished, 4)),
        )


def _tell(tx: Tx, item: _Checked, result: loyalty.Settled) -> None:
    if result.level is not None:
        tx.emit(LevelChanged(subject_id=item.member.id, before=result.level[0], after=result.level[1]))
    tx.emit(
        PurchaseRecorded(
            subject_id=item.member.id,
            purchase_id=item.id,
            store_code=item.store.code,
            store_name=item.store.name,
            till_no=item.row.till_no,
            card_no=item.member.card_no,
            total_fen=item.row.total_fen,
            balance_fen=item.row.balance_fen,
            points=result.points,
            points_pending=result.pending,
            points_after=result.points_after,
            balance_after_fen=result.balance_after_fen,
            occurred_at=item.occurred_at,
        )
    )


async def remind_sign_off(tx: Tx, row: SignOffIn) -> UUID:
    """Record that an order will be signed off by itself (S1-45), so that the member can be reminded."""
    pure.check_sign_off(row, tx.now)
    member = member_for(await find_members(tx, [row]), row)
    return tx.emit(
        SignOffDue(subject_id=member.id, order_no=row.order_no, sign_at=row.sign_at, remind_at=row.remind_at or tx.now)
    )

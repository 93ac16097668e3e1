"""The orders' verbs: record purchases in batches, recharges, refunds, sign-off reminders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.arrays import ints, texts, times, uuids
from huida.kernel.db import Tx, columns
from huida.kernel.errors import AppError, Conflict, NotFound
from huida.kernel.ids import uuid7
from huida.kernel.money import Fen
from huida.modules import ledger, loyalty, members, tenants
from huida.modules.ledger import Short
from huida.modules.orders import rows as pure
from huida.modules.orders.facts import PurchaseRecorded, RechargeRecorded, SignOffDue
from huida.modules.orders.rows import Outcome, PurchaseIn, RechargeIn, SignOffIn, Who

INSERT = """
INSERT INTO purchases (tenant_id, id, store_id, till_no, member_id, total_fen, balance_fen, principal_fen, points, items, occurred_at)
SELECT $1, p.id, p.store_id, p.till_no, p.member_id, p.total_fen, p.balance_fen, 0, p.points, p.items, p.occurred_at
FROM unnest(($2::text)::uuid[], ($3::text)::uuid[], ($4::text)::text[], ($5::text)::uuid[], ($6::text)::bigint[],
            ($7::text)::bigint[], ($8::text)::bigint[], ($9::text)::jsonb[], ($10::text)::timestamptz[])
  AS p(id, store_id, till_no, member_id, total_fen, balance_fen, points, items, occurred_at)
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
        return loyalty.Sale(self.id, self.member, self.store.code, self.row.total_fen, self.row.balance_fen)


async def find_members(tx: Tx, who: Sequence[Who]) -> dict[tuple[str, str], members.Known]:
    """Members by what the rows call them, in at most three queries."""
    wanted: dict[str, set[str]] = {"card_no": set(), "phone": set(), "openid": set()}
    for person in who:
        if person.ref is not None:
            wanted[person.ref[0]].add(person.ref[1])
    found: dict[tuple[str, str], members.Known] = {}
    if wanted["card_no"]:
        found |= {("card_no", k): m for k, m in (await members.by_card_no(tx, list(wanted["card_no"]))).items()}
    if wanted["phone"]:
        found |= {("phone", k): m for k, m in (await members.by_phone(tx, list(wanted["phone"]))).items()}
    if wanted["openid"]:
        found |= {("openid", k): m for k, m in (await members.by_openid(tx, list(wanted["openid"]))).items()}
    return found


def member_for(found: dict[tuple[str, str], members.Known], who: Who) -> members.Known:
    """The member a row speaks of. Raises NotFound when unknown, Conflict when frozen or gone."""
    ref = who.ref
    member = found.get(ref) if ref else None
    if member is None:
        raise NotFound(code="member.not_found", where=ref[0] if ref else "card_no")
    if member.state != "active":
        raise Conflict(code=member.refusal_code, where=ref[0] if ref else "card_no", state=member.state)
    return member


async def record_purchases(tx: Tx, rows: Sequence[PurchaseIn]) -> list[Outcome]:
    """Record purchases with what they earn and spend; each row is answered on its own, good rows are kept.

    The natural key is store and till number: a repeated row changes nothing and answers as before; the same key with
    another member or amount is refused (`orders.till_no_reused`).
    """
    outcomes: list[Outcome | None] = [None] * len(rows)
    checked = await _check(tx, rows, outcomes)
    if checked:
        rules = await loyalty.rules_of(tx)
        fresh = await _insert(tx, rules, checked)
        todo = [item for item in checked if item.id in fresh]
        if todo:
            await _settle(tx, rules, todo, outcomes)
        if len(todo) < len(checked):
            await _answer_repeated(tx, [item for item in checked if item.id not in fresh], todo, outcomes)
    return [outcome for outcome in outcomes if outcome is not None]


async def _check(tx: Tx, rows: Sequence[PurchaseIn], outcomes: list[Outcome | None]) -> list[_Checked]:
    stores = await tenants.stores_by_code(tx)
    sound: list[tuple[int, PurchaseIn]] = []
    for place, row in enumerate(rows):
        try:
            pure.check_purchase(row)
            sound.append((place, row))
        except AppError as refusal:
            outcomes[place] = Outcome(status="refused", till_no=row.till_no, error=refusal)
    # Only what is sound may be asked for: one text that no database takes would sink the whole batch.
    found = await find_members(tx, [row for _, row in sound])
    checked = []
    for place, row in sound:
        try:
            store = stores.get(row.store)
            if store is None:
                raise NotFound(code="store.not_found", where="store")
            occurred_at = pure.check_time(row.occurred_at, tx.now)
            checked.append(_Checked(place, uuid7(), row, store, member_for(found, row), occurred_at))
        except AppError as refusal:
            outcomes[place] = Outcome(status="refused", till_no=row.till_no, error=refusal)
    return checked


async def _insert(tx: Tx, rules: loyalty.Rules, checked: Sequence[_Checked]) -> set[UUID]:
    """Insert what was not recorded before, with the points it earns; returns the ids that are new."""
    rows = await tx.fetch(
        INSERT,
        tx.tenant_id,
        uuids([item.id for item in checked]),
        uuids([item.store.id for item in checked]),
        texts([item.row.till_no for item in checked]),
        uuids([item.member.id for item in checked]),
        ints([item.row.total_fen for item in checked]),
        ints([item.row.balance_fen for item in checked]),
        ints([loyalty.points_of(rules, item.sale) for item in checked]),
        texts(
            [None if (bought := item.row.items) is None else msgspec.json.encode(bought).decode() for item in checked]
        ),
        times([item.occurred_at for item in checked]),
    )
    return {row["id"] for row in rows}


async def _answer_repeated(
    tx: Tx, repeated: Sequence[_Checked], todo: Sequence[_Checked], outcomes: list[Outcome | None]
) -> None:
    """Answer rows whose key is taken: as before when they are the same, refused when they are not.

    A key that stands twice in one batch and whose first row was refused is refused alike.
    """
    rows = await tx.fetch(
        "SELECT p.id, p.store_id, p.till_no, p.member_id, p.total_fen, p.balance_fen, p.points "
        "FROM unnest(($2::text)::uuid[], ($3::text)::text[]) AS k(store_id, till_no) CROSS JOIN LATERAL ("
        "  SELECT * FROM purchases x WHERE x.tenant_id = $1 AND x.store_id = k.store_id AND x.till_no = k.till_no LIMIT 1) AS p",
        *(tx.tenant_id, uuids([item.store.id for item in repeated]), texts([item.row.till_no for item in repeated])),
    )
    known = {(row["store_id"], row["till_no"]): row for row in rows}
    first = {(item.store.id, item.row.till_no): item for item in todo}
    for item in repeated:
        row = known.get((item.store.id, item.row.till_no))
        twin = first.get((item.store.id, item.row.till_no))
        if row is None and twin is not None and (twin.member.id, twin.row) == (item.member.id, item.row):
            outcomes[item.place] = outcomes[twin.place]
        elif row is None or (row["member_id"], row["total_fen"], row["balance_fen"]) != (
            item.member.id,
            item.row.total_fen,
            item.row.balance_fen,
        ):
            refusal = Conflict(code="orders.till_no_reused", where="till_no", till_no=item.row.till_no)
            outcomes[item.place] = Outcome(status="refused", till_no=item.row.till_no, error=refusal)
        else:
            outcomes[item.place] = Outcome(
                status="repeated", till_no=item.row.till_no, id=row["id"], points=row["points"]
            )


async def _settle(tx: Tx, rules: loyalty.Rules, todo: Sequence[_Checked], outcomes: list[Outcome | None]) -> None:
    """Move points and stored value, take back the rows that cannot be paid, and record the facts."""
    unpaid: list[UUID] = []
    paid_from: list[tuple[UUID, int]] = []
    for item, result in zip(todo, await loyalty.settle_sales(tx, rules, [item.sale for item in todo]), strict=True):
        if isinstance(result, Short):
            unpaid.append(item.id)
            refusal = ledger.InsufficientBalance(unit=result.unit, needed=result.needed, available=result.available)
            outcomes[item.place] = Outcome(status="refused", till_no=item.row.till_no, error=refusal)
            continue
        if result.principal_fen:
            paid_from.append((item.id, result.principal_fen))
        outcomes[item.place] = Outcome(
            status="recorded",
            till_no=item.row.till_no,
            id=item.id,
            points=result.points,
            points_after=result.points_after,
            balance_after_fen=result.balance_after_fen,
        )
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
                points_after=result.points_after,
                balance_after_fen=result.balance_after_fen,
                occurred_at=item.occurred_at,
            )
        )
    if unpaid:
        await tx.execute("DELETE FROM purchases WHERE tenant_id = $1 AND id = ANY($2)", tx.tenant_id, unpaid)
    if paid_from:
        await tx.execute(
            "UPDATE purchases p SET principal_fen = v.principal FROM "
            "unnest($2::uuid[], $3::bigint[]) AS v(id, principal) WHERE p.tenant_id = $1 AND p.id = v.id",
            *(tx.tenant_id, *columns(paid_from, 2)),
        )


async def record_recharge(tx: Tx, row: RechargeIn) -> Outcome:
    """Record a recharge with its gift. Repeated key: same answer, nothing moves. Raises what `check_recharge` raises."""
    pure.check_recharge(row)
    store = (await tenants.stores_by_code(tx)).get(row.store)
    if store is None:
        raise NotFound(code="store.not_found", where="store")
    occurred_at = pure.check_time(row.occurred_at, tx.now)
    member = member_for(await find_members(tx, [row]), row)
    recharge_id = uuid7()
    took = await tx.execute(
        "INSERT INTO recharges (tenant_id, id, store_id, till_no, member_id, paid_fen, gift_fen, gift_points, occurred_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7) ON CONFLICT (tenant_id, store_id, till_no) DO NOTHING",
        *(tx.tenant_id, recharge_id, store.id, row.till_no, member.id, row.paid_fen, occurred_at),
    )
    if not took:
        return await _recharge_before(tx, store, row, member)
    rules = await loyalty.rules_of(tx)
    settled = await loyalty.settle_recharge(
        tx, rules, recharge_id=recharge_id, member_id=member.id, paid=Fen(row.paid_fen)
    )
    await tx.execute(
        "UPDATE recharges SET gift_fen = $3, gift_points = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, recharge_id, settled.gift_fen, settled.points),
    )
    tx.emit(
        RechargeRecorded(
            subject_id=member.id,
            recharge_id=recharge_id,
            store_code=store.code,
            store_name=store.name,
            till_no=row.till_no,
            card_no=member.card_no,
            paid_fen=row.paid_fen,
            gift_fen=settled.gift_fen,
            points=settled.points,
            points_after=settled.points_after,
            balance_after_fen=settled.balance_after_fen,
            occurred_at=occurred_at,
        )
    )
    return Outcome(
        status="recorded",
        till_no=row.till_no,
        id=recharge_id,
        points=settled.points,
        points_after=settled.points_after,
        balance_after_fen=settled.balance_after_fen,
        gift_fen=settled.gift_fen,
    )


async def _recharge_before(tx: Tx, store: tenants.StoreRef, row: RechargeIn, member: members.Known) -> Outcome:
    known: Any = await tx.row(
        "SELECT id, member_id, paid_fen, gift_fen, gift_points FROM recharges "
        "WHERE tenant_id = $1 AND store_id = $2 AND till_no = $3",
        *(tx.tenant_id, store.id, row.till_no),
    )
    if (known["member_id"], known["paid_fen"]) != (member.id, row.paid_fen):
        raise Conflict(code="orders.till_no_reused", where="till_no", till_no=row.till_no)
    return Outcome(
        status="repeated", till_no=row.till_no, id=known["id"], points=known["gift_points"], gift_fen=known["gift_fen"]
    )


async def remind_sign_off(tx: Tx, row: SignOffIn) -> UUID:
    """Record that an order will be signed off by itself (S1-45), so that the member can be reminded."""
    pure.check_sign_off(row, tx.now)
    member = member_for(await find_members(tx, [row]), row)
    return tx.emit(
        SignOffDue(subject_id=member.id, order_no=row.order_no, sign_at=row.sign_at, remind_at=row.remind_at or tx.now)
    )

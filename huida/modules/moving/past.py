"""Purchases of earlier years: whose they are, and which of them are recorded already."""

from collections.abc import Sequence
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules import loyalty, members, orders, tenants
from huida.modules.moving.planning import Planned, gone_or_replaced
from huida.modules.moving.reading import Row, Setting, Store


async def setting_of(tx: Tx) -> Setting:
    """The merchant's stores, closed ones too: what was bought there was bought."""
    return Setting(
        [Store(one.id, one.code, one.name) for one in (await tenants.all_stores_by_code(tx)).values()], [], tx.today
    )


async def plan(tx: Tx, rows: Sequence[Row], setting: Setting) -> list[Planned]:
    """Decide every line without changing anything: `created` is to be recorded, `unchanged` is recorded already."""
    made = [Planned(row, status="refused" if row.error is not None else "created") for row in rows]
    good = [one for one in made if one.row.error is None]
    seen: dict[tuple[str, str], int] = {}
    for one in good:
        first = seen.setdefault((one.row.store, one.row.till_no), one.row.number)
        if first != one.row.number:
            one.refuse(Conflict(code="moving.till_no_twice", where="till_no", row=first))
    good = [one for one in good if one.row.error is None]
    known = await members.directory(
        tx,
        card_nos=[one.row.card_no for one in good if one.row.card_no],
        hashes=[members.phone_hash(tx, one.row.phone) for one in good if one.row.phone],
    )
    stores = {store.code: store.id for store in setting.stores}
    before = await orders.known_keys(tx, [(stores[one.row.store], one.row.till_no) for one in good])
    for one in good:
        row = one.row
        match = known.of_card(row.card_no) if row.card_no else known.by_phone.get(members.phone_hash(tx, row.phone))
        gone = None if match is not None and match["merged_into"] else gone_or_replaced(row.card_no, match, known)
        if gone is not None:
            one.refuse(gone)
            continue
        if match is None:
            one.refuse(NotFound(code="member.not_found", where="card_no" if row.card_no else "phone"))
            continue
        who = match["merged_into"] or match["id"]
        recorded = before.get((stores[row.store], row.till_no))
        if recorded is not None and recorded != (who, row.total_fen):
            one.refuse(Conflict(code="orders.till_no_reused", where="till_no", till_no=row.till_no))
            continue
        one.member_id = who
        amounts = {"total_fen": row.total_fen} if row.total_fen else {}
        if recorded is None:
            one.books = amounts
        else:
            one.status, one.booked_before = "unchanged", amounts
    return made


async def grows_by_default(tx: Tx, made: Sequence[Planned]) -> bool:
    """Not where a member's growth came in as an opening: it holds these purchases already."""
    ids = sorted({one.member_id for one in made if one.member_id is not None})
    return not any("growth" in units for units in (await loyalty.openings_of(tx, ids)).values())


async def record(tx: Tx, made: Sequence[Planned], setting: Setting, *, grow: bool) -> None:
    """Record what is not recorded yet, and give members the level of their growth. Nobody is told."""
    stores = {store.code: store.id for store in setting.stores}
    fresh = [
        one for one in made if one.status == "created" and one.member_id is not None and one.row.occurred is not None
    ]
    past = [
        orders.PastPurchase(
            stores[one.row.store], one.row.till_no, one.member_id, one.row.total_fen, one.row.occurred, grow
        )
        for one in fresh
        if one.member_id is not None and one.row.occurred is not None
    ]
    levels: dict[UUID, str] = {}
    for one, taken in zip(fresh, await orders.record_history(tx, past), strict=True):
        if taken.status == "reused":
            one.refuse(Conflict(code="orders.till_no_reused", where="till_no", till_no=one.row.till_no))
        elif taken.status == "repeated":
            one.status, one.books, one.booked_before = "unchanged", {}, one.books
        elif taken.level is not None and one.member_id is not None:
            levels[one.member_id] = taken.level
    await members.set_levels(tx, levels)

"""Carrying an import out, portion by portion: each is one transaction of a worker, and twice is once."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import AWAY, CROSSED, Tx, columns
from huida.kernel.errors import Conflict
from huida.kernel.ids import uuid7
from huida.modules import loyalty, members
from huida.modules.moving import cells, past, planning, storing
from huida.modules.moving.facts import HistoryLoaded, OpeningsBooked
from huida.modules.moving.planning import Planned
from huida.modules.moving.reading import Row, Setting
from huida.modules.moving.storing import Sums

CHANNEL: Final = "import"
log = structlog.get_logger()


async def go_on(tx: Tx, import_id: UUID) -> None:
    """Carry out the next portion, or stop the import where that fails: it must not stand in the way of all others.

    What another try may mend (the database away, transactions that crossed) is raised, and the worker tries again.
    """
    try:
        async with tx.attempt():
            await _go_on(tx, import_id)
    except (*AWAY, *CROSSED):
        raise
    except Exception as failure:
        log.error("import_stopped", tenant=tx.tenant_id, id=str(import_id), exc_info=failure)
        await storing.fail(tx, import_id)


async def _go_on(tx: Tx, import_id: UUID) -> None:
    """The next portion, and have the one after follow; after the last one the import is done.

    Safe twice: the portion's lines are marked in the same transaction, and a line that is carried out again finds its
    member as it is and its opening booked.
    """
    row = await storing.locked(tx, import_id)
    if row["state"] not in ("queued", "running"):
        return
    portion = await tx.value(
        "SELECT min(portion) FROM import_lines WHERE tenant_id = $1 AND import_id = $2 AND NOT finished",
        *(tx.tenant_id, import_id),
    )
    if portion is None:
        await _finish(tx, row)
        return
    found = await tx.fetch(
        "SELECT number, content_sealed FROM import_lines WHERE tenant_id = $1 AND import_id = $2 AND portion = $3 "
        "AND NOT finished ORDER BY number",
        *(tx.tenant_id, import_id, portion),
    )
    rows = [storing.unseal(tx.sealer, one["content_sealed"]) for one in found]
    made = await (_members if row["kind"] == "members" else _purchases)(tx, row, rows)
    sums = msgspec.json.decode(row["balance"], type=Sums) if row["balance"] else Sums()
    sums.add(made)
    await _note(tx, import_id, made)
    await tx.execute(
        "UPDATE imports SET state = 'running', done = done + $3, balance = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, import_id, len(made), msgspec.json.encode(sums).decode()),
    )
    tx.enqueue(storing.CARRY_OUT, {"import_id": import_id}, lane=import_id)


async def _note(tx: Tx, import_id: UUID, made: Sequence[Planned]) -> None:
    """Write what became of each line."""
    values = [
        (
            *(one.row.number, one.status, one.row.error is not None or bool(one.row.notes), one.member_id),
            storing.seal(tx.sealer, one.row),
        )
        for one in made
    ]
    await tx.execute(
        "UPDATE import_lines l SET status = v.status, trouble = v.trouble, member_id = v.member_id, "
        "content_sealed = v.content, finished = true "
        "FROM unnest($3::int[], $4::text[], $5::bool[], $6::uuid[], $7::bytea[]) AS v(number, status, trouble, member_id, content) "
        "WHERE l.tenant_id = $1 AND l.import_id = $2 AND l.number = v.number",
        *(tx.tenant_id, import_id, *columns(values, 5)),
    )


async def _purchases(tx: Tx, row: Any, rows: Sequence[Row]) -> list[Planned]:
    setting = await past.setting_of(tx)
    made = await past.plan(tx, rows, setting)
    await past.record(tx, made, setting, grow=storing.chosen_of(row).grow)
    return made


async def _members(tx: Tx, row: Any, rows: Sequence[Row]) -> list[Planned]:
    """Ledger accounts first, then the members that are known in the order of their ids, then the new ones."""
    setting = await planning.setting_of(tx)
    made = await planning.plan(tx, rows, setting)
    rules = await loyalty.rules_of(tx)
    known = [one for one in made if one.member_id is not None]
    levels = await loyalty.book_openings(tx, rules, [_opening(one) for one in known], key=row["id"])
    changes = {one.member_id: one.changes for one in known if one.changes and one.member_id is not None}
    await members.lock_many(tx, [*changes, *levels])
    await members.change_many(tx, changes)
    await members.set_levels(tx, levels)
    await _take_in(tx, made, setting, rules, key=row["id"])
    return made


async def _take_in(tx: Tx, made: Sequence[Planned], setting: Setting, rules: loyalty.Rules, *, key: UUID) -> None:
    """New members with what they bring; one whose card or phone somebody took meanwhile is refused, with nothing booked."""
    fresh = [one for one in made if one.status == "created"]
    stores = {store.code: store.id for store in setting.stores}
    arrivals = []
    for one in fresh:
        row = one.row
        one.member_id = uuid7()
        arrivals.append(
            members.Arrival(
                id=one.member_id,
                card_no=row.card_no,
                name=row.name,
                phone=row.phone,
                birthday=row.birthday,
                note=row.note,
                store_id=stores.get(row.store),
                level=loyalty.level_at(rules, row.growth_fen),
                tags=row.tags,
                joined_at=None if row.joined is None else datetime.combine(row.joined, time(), SHOP_ZONE),
            )
        )
    taken = await members.take_in_many(tx, arrivals, channel=CHANNEL)
    for one, arrival in zip(fresh, arrivals, strict=True):
        if arrival.id in taken:
            one.row.card_no = arrival.card_no
        else:
            one.refuse(Conflict(code="moving.taken_meanwhile", where="card_no"))
    await loyalty.book_openings(tx, rules, [_opening(one) for one in fresh if one.status == "created"], key=key)


def _opening(one: Planned) -> loyalty.Opening:
    assert one.member_id is not None
    last = one.row.points_expire
    if last == cells.NEVER:
        return loyalty.Opening(one.member_id, one.books, points_expire=False)
    until = None if last is None else datetime.combine(last + timedelta(days=1), time(), SHOP_ZONE)
    return loyalty.Opening(one.member_id, one.books, until)


async def _finish(tx: Tx, row: Any) -> None:
    """Everything is carried out: the balance takes what is booked from the ledger itself, and one fact says it all."""
    sums = msgspec.json.decode(row["balance"], type=Sums) if row["balance"] else Sums()
    found = await tx.fetch(
        "SELECT status, count(*) AS lines, array_agg(member_id) FILTER (WHERE member_id IS NOT NULL) AS ids "
        "FROM import_lines WHERE tenant_id = $1 AND import_id = $2 GROUP BY status",
        *(tx.tenant_id, row["id"]),
    )
    lines = {one["status"]: one["lines"] for one in found}
    if row["kind"] == "members":
        ids = [member_id for one in found for member_id in one["ids"] or ()]
        sums.booked = await loyalty.booked(tx, ids, key=row["id"])
        _tell_members(tx, row["id"], lines, sums, len(ids))
    elif lines.get("created"):
        tx.emit(
            HistoryLoaded(import_id=row["id"], purchases=lines["created"], total_fen=sums.booked.get("total_fen", 0))
        )
    kept = storing.found_of(row)
    kept.counts |= {status: lines.get(status, 0) for status in ("created", "updated", "unchanged", "refused")}
    await tx.execute(
        "UPDATE imports SET state = 'done', finished_at = $3, balance = $4, found = $5 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, row["id"], tx.now, msgspec.json.encode(sums).decode(), msgspec.json.encode(kept).decode()),
    )


def _tell_members(tx: Tx, import_id: UUID, lines: dict[str, int], sums: Sums, count: int) -> None:
    if lines.get("created") or lines.get("updated"):
        tx.emit(
            members.MembersImported(
                created=lines.get("created", 0), updated=lines.get("updated", 0), refused=lines.get("refused", 0)
            )
        )
    if any(sums.booked.values()):
        tx.emit(
            OpeningsBooked(
                import_id=import_id,
                members=count,
                points=sums.booked.get("points", 0),
                principal_fen=sums.booked.get("cny_principal", 0),
                gift_fen=sums.booked.get("cny_gift", 0),
                growth_fen=sums.booked.get("growth", 0),
            )
        )

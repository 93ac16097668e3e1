"""Importing members from a table: read the file, plan every row, then apply the plan. The same file twice changes nothing."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Tx, columns
from huida.kernel.errors import AppError, Conflict, Invalid
from huida.kernel.ids import uuid7
from huida.kernel.intake.tables import MOST_ROWS
from huida.modules.members.facts import MemberChanged, MemberJoined, MembersImported
from huida.modules.members.profile import check_birthday, phone_columns, release_phones
from huida.modules.members.service import CARD_NO, PURPOSE, add_replaced, end_all_of, next_card_no, normal_phone
from huida.modules.members.views import ImportStatus

Progress = Callable[[str, int, int], None]
"""Hears how far an import is: the stage, how many of how many."""


def unheard(stage: str, done: int, total: int) -> None:
    """Nobody wants to know."""


PORTION: Final = 500
HEADERS: Final = {
    "card_no": ("card_no", "卡号", "会员卡号"),
    "name": ("name", "姓名", "会员姓名"),
    "phone": ("phone", "手机", "手机号", "手机号码", "电话"),
    "birthday": ("birthday", "生日", "出生日期"),
    "note": ("note", "备注"),
}
_COLUMN_OF: Final = {title: column for column, titles in HEADERS.items() for title in titles}
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


@dataclass(slots=True)
class Row:
    """One line of the file and what becomes of it: `created`, `updated`, `unchanged` or `refused`."""

    number: int
    card_no: str = ""
    name: str = ""
    phone: str = ""
    birthday: date | None = None
    note: str = ""
    status: ImportStatus = "unchanged"
    member_id: UUID | None = None
    error: AppError | None = None

    def refuse(self, error: AppError) -> None:
        self.status, self.error = "refused", error


@dataclass(slots=True)
class Plan:
    """What an import would do; `changes` holds the new columns of members that are known."""

    rows: list[Row]
    changes: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)


def read_table(lines: Sequence[tuple[int, Sequence[Any]]]) -> list[Row]:
    """The rows of a table's numbered lines. Raises Invalid without a header, or with too many rows.

    A cell that cannot be read refuses its row only.
    """
    header = lines[0][1] if lines and lines[0][0] == 1 else []
    titles = [str(cell or "").strip().removeprefix("*").lower() for cell in header]
    places = {_COLUMN_OF[title]: place for place, title in enumerate(titles) if title in _COLUMN_OF}
    if not places.keys() & {"card_no", "phone"}:
        raise Invalid(code="member.import_no_header", where="file")
    rows: list[Row] = []
    for number, cells in lines[1:]:
        texts = {column: _text(cells[place]) if place < len(cells) else "" for column, place in places.items()}
        if not any(texts.values()):
            continue
        if len(rows) >= MOST_ROWS:
            raise too_many()
        rows.append(_row(number, texts))
    return rows


def too_many() -> Invalid:
    """The file holds more than is read."""
    return Invalid(code="member.import_too_many", where="file", most=MOST_ROWS)


def _row(number: int, texts: dict[str, str]) -> Row:
    row = Row(number, texts.get("card_no", ""), texts.get("name", "")[:60])
    row.note = texts.get("note", "")[:500]
    try:
        if row.card_no and not CARD_NO.fullmatch(row.card_no):
            raise Invalid(code="member.bad_card_no", where="card_no")
        if texts.get("phone"):
            row.phone = normal_phone(texts["phone"])
        if texts.get("birthday"):
            row.birthday = _day(texts["birthday"])
        if not row.card_no and not row.phone:
            raise Invalid(code="member.import_no_key", where="card_no")
    except AppError as refusal:
        row.refuse(refusal)
    return row


def _day(text: str) -> date:
    match = _DAY.fullmatch(text)
    if match is None:
        raise Invalid(code="member.bad_birthday", where="birthday")
    try:
        return date(*map(int, match.groups()))
    except ValueError as wrong:
        raise Invalid(code="member.bad_birthday", where="birthday") from wrong


def _text(cell: Any) -> str:
    """A cell as people see it: spreadsheets keep phones as numbers and days as times. NUL cannot be kept."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, datetime):
        cell = cell.date()
    return "" if cell is None else str(cell).replace("\0", "").strip().removeprefix("'")


async def plan(tx: Tx, rows: list[Row]) -> Plan:
    """Decide every row without changing anything: match by card number, else by phone."""
    _refuse_repeats(rows)
    good = [row for row in rows if row.error is None]
    by_card, by_phone = await _known(tx, good)
    replaced = await add_replaced(tx, {}, [row.card_no for row in good if row.card_no])
    made = Plan(rows)
    taken: set[UUID] = set()
    for row in good:
        owner_of_phone = by_phone.get(tx.sealer.blind_index(row.phone, purpose=PURPOSE)) if row.phone else None
        match = by_card.get(row.card_no) if row.card_no else owner_of_phone
        try:
            if row.birthday is not None:
                check_birthday(tx, row.birthday)
            if owner_of_phone is not None and (match is None or match["id"] != owner_of_phone["id"]):
                raise Conflict(code="member.phone_taken", where="phone")
            if match is None:
                if row.card_no and row.card_no in replaced:
                    raise Conflict(code="member.card_taken", where="card_no")
                row.status = "created"
                continue
            if match["state"] == "erased":
                raise Conflict(code="member.not_active", where="card_no", state=match["state"])
            if match["id"] in taken:
                raise Conflict(code="member.import_twice", where="phone")
            taken.add(match["id"])
            _plan_change(tx, made, row, match)
        except AppError as refusal:
            row.refuse(refusal)
    return made


def _refuse_repeats(rows: Iterable[Row]) -> None:
    """A card number or a phone that the file names twice is refused the second time."""
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.error is not None:
            continue
        for where, value in (("card_no", row.card_no), ("phone", row.phone)):
            first = seen.setdefault((where, value), row.number) if value else row.number
            if first != row.number:
                row.refuse(Conflict(code="member.import_twice", where=where, row=first))
                break


async def _known(tx: Tx, rows: Sequence[Row]) -> tuple[dict[str, Any], dict[bytes, Any]]:
    cards = [row.card_no for row in rows if row.card_no]
    hashes = [tx.sealer.blind_index(row.phone, purpose=PURPOSE) for row in rows if row.phone]
    found = await tx.fetch(
        "SELECT k.card_no AS by_card, k.phone_hash AS by_phone, m.id, m.state, m.name, m.phone_hash, m.birthday, m.note "
        "FROM members k JOIN members m ON m.tenant_id = k.tenant_id AND m.id = coalesce(k.merged_into, k.id) "
        "WHERE k.tenant_id = $1 AND (k.card_no = ANY($2) OR k.phone_hash = ANY($3))",
        *(tx.tenant_id, cards, hashes),
    )
    return {one["by_card"]: one for one in found}, {bytes(one["by_phone"]): one for one in found if one["by_phone"]}


def _plan_change(tx: Tx, made: Plan, row: Row, match: Any) -> None:
    """Cells that are filled and differ; an empty cell leaves the member as it is."""
    wanted: dict[str, Any] = {"name": row.name, "birthday": row.birthday, "note": row.note}
    changes = {column: value for column, value in wanted.items() if value and value != match[column]}
    if row.phone and tx.sealer.blind_index(row.phone, purpose=PURPOSE) != match["phone_hash"]:
        changes["phone"] = row.phone
    row.member_id, row.status = match["id"], "updated" if changes else "unchanged"
    if changes:
        made.changes[match["id"]] = changes


async def carry_out(tx: Tx, made: Plan, told: Progress = unheard) -> None:
    """Do what was planned in this same transaction; a row that somebody else was faster with is refused.

    `told` hears how many of the new members are written.
    """
    fresh = [row for row in made.rows if row.status == "created"]
    for start in range(0, len(fresh), PORTION):
        told("writing", start, len(fresh))
        await _create(tx, fresh[start : start + PORTION])
    await _update(tx, made)
    told("writing", len(fresh), len(fresh))
    for member_id, changes in made.changes.items():
        tx.emit(MemberChanged(subject_id=member_id, fields=sorted(changes)))
    created, updated, refused = (made.count(status) for status in ("created", "updated", "refused"))
    if created or updated:
        tx.emit(MembersImported(created=created, updated=updated, refused=refused))


async def _create(tx: Tx, rows: Sequence[Row]) -> None:
    values = []
    for row in rows:
        row.member_id = uuid7()
        row.card_no = row.card_no or await next_card_no(tx)
        phone = phone_columns(tx, row.phone or None)
        values.append(
            (
                *(
                    row.member_id,
                    row.card_no,
                    row.name,
                    phone["phone_sealed"],
                    phone["phone_hash"],
                    phone["phone_tail"],
                ),
                *(row.birthday, row.note),
            )
        )
    fresh = {
        row["id"]
        for row in await tx.fetch(
            "INSERT INTO members (tenant_id, id, card_no, name, phone_sealed, phone_hash, phone_tail, birthday, note, joined_at) "
            "SELECT $1, v.*, $2 FROM unnest($3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::text[], "
            "$9::date[], $10::text[]) AS v ON CONFLICT DO NOTHING RETURNING id",
            *(tx.tenant_id, tx.now, *columns(values, 8)),
        )
    }
    for row in rows:
        if row.member_id in fresh:
            tx.emit(MemberJoined(subject_id=row.member_id, card_no=row.card_no, channel="import"))
        else:
            row.member_id = None
            row.refuse(Conflict(code="member.card_taken", where="card_no"))


async def _update(tx: Tx, made: Plan) -> None:
    values = []
    for member_id, changes in made.changes.items():
        phone = phone_columns(tx, changes.get("phone"))
        values.append(
            (
                *(member_id, changes.get("name"), changes.get("birthday"), changes.get("note")),
                *(phone["phone_sealed"], phone["phone_hash"], phone["phone_tail"]),
            )
        )
    if values:
        hashes = [value[5] for value in values if value[5] is not None]
        await release_phones(tx, [value[0] for value in values], hashes)
        await tx.execute(
            "UPDATE members m SET name = coalesce(v.name, m.name), birthday = coalesce(v.birthday, m.birthday), "
            "note = coalesce(v.note, m.note), phone_sealed = coalesce(v.sealed, m.phone_sealed), "
            "phone_hash = coalesce(v.hash, m.phone_hash), "
            "phone_tail = CASE WHEN v.hash IS NULL THEN m.phone_tail ELSE v.tail END "
            "FROM unnest($2::uuid[], $3::text[], $4::date[], $5::text[], $6::bytea[], $7::bytea[], $8::text[]) "
            "AS v(id, name, birthday, note, sealed, hash, tail) WHERE m.tenant_id = $1 AND m.id = v.id",
            *(tx.tenant_id, *columns(values, 7)),
        )
    await end_all_of(tx, *(member_id for member_id, changes in made.changes.items() if "phone" in changes))

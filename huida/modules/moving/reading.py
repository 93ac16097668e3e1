"""The lines of a file as they are understood: values, what was dropped or cut, or why a line is refused. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.errors import AppError, Invalid
from huida.kernel.intake.tables import MOST_ROWS, Line, Mark
from huida.kernel.intake.texts import folded, title
from huida.modules.moving import cells
from huida.modules.moving.cells import Told
from huida.modules.moving.words import statuses
from huida.modules.moving.words.titles import Column

LONGEST_NAME: Final = 60
LONGEST_NOTE: Final = 500
EARLIEST: Final = date(1990, 1, 1)
"""Purchases and joining days before it are a slip of the pen."""
UNITS: Final = ("points", "principal_fen", "gift_fen", "growth_fen")
EXPIRED: Final = "moving.points_expired"
LOSSES: Final = frozenset({"moving.cut", "moving.dropped", "moving.cell_dropped", "moving.level_from_growth", EXPIRED})
"""What a person must agree to before it is carried out: something of the file does not become the member's."""


class Level(msgspec.Struct, frozen=True):
    """A level of the merchant's rules and the growth (fen spent) from which on a member has it."""

    code: str
    name: str
    growth_fen: int


class Store(msgspec.Struct, frozen=True):
    id: UUID
    code: str
    name: str


class Setting(msgspec.Struct):
    """What a file is understood with: the merchant's stores and levels, and the shop's day."""

    stores: Sequence[Store]
    levels: Sequence[Level]
    today: date

    def store(self, text: str) -> Store | None:
        """The store of this code or name, if it is one."""
        wanted = folded(text).casefold()
        by_code = [one for one in self.stores if one.code.casefold() == wanted]
        named = by_code or [one for one in self.stores if folded(one.name).casefold() == wanted]
        return named[0] if len(named) == 1 else None

    def level(self, text: str) -> Level | None:
        """The level of this name or code, if it is one."""
        wanted = folded(text).casefold()
        named = [one for one in self.levels if wanted in (folded(one.name).casefold(), one.code.casefold())]
        return named[0] if len(named) == 1 else None

    def level_at(self, growth_fen: int) -> Level | None:
        """The highest level that this growth reaches."""
        reached = [one for one in self.levels if growth_fen >= one.growth_fen]
        return max(reached, key=lambda one: one.growth_fen, default=None)


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line as it is understood. Amounts in fen, `phone` in 11 digits; `""`, 0 and None: nothing is said.

    `error` refuses it; `notes` are what a person should know of it, its further faults among them. `unread` names the
    amounts that nobody can read. `growth_by_level`: the growth is what its level needs, and the file names none.
    """

    number: int
    card_no: str = ""
    name: str = ""
    phone: str = ""
    birthday: date | None = None
    note: str = ""
    points: int = 0
    points_expire: date | None = None
    principal_fen: int = 0
    gift_fen: int = 0
    growth_fen: int = 0
    growth_by_level: bool = False
    level: str = ""
    store: str = ""
    joined: date | None = None
    tags: list[str] = []
    till_no: str = ""
    total_fen: int = 0
    occurred: datetime | None = None
    unread: list[str] = []
    notes: list[Told] = []
    error: Told | None = None

    def refuse(self, error: AppError) -> None:
        self.error = Told.of(error)

    def tell(self, code: str, where: str, **params: Any) -> None:
        self.notes = [*self.notes, Told(code, where, params)]

    @property
    def loses(self) -> bool:
        """Whether something of it would not be kept."""
        return self.error is None and any(note.code in LOSSES for note in self.notes)


_AMOUNTS: Final[dict[str, tuple[str, Callable[[Any, str, str], int]]]] = {
    "points": ("points", cells.points),
    "principal": ("principal_fen", cells.fen),
    "gift": ("gift_fen", cells.fen),
    "growth": ("growth_fen", cells.fen),
    "total": ("total_fen", cells.fen),
}
"""By column: the field of its amounts, and how they are read in the column's unit."""


def rows(kind: str, columns: Sequence[Column], lines: Sequence[Line], setting: Setting) -> list[Row]:
    """Every line of which a recognised column is filled. Raises Invalid for more than are taken at once, and for none."""
    read = _member if kind == "members" else _purchase
    known = [column for column in columns if column.field is not None]
    width = max((column.place for column in columns if column.title), default=0) + 1
    found: list[Row] = []
    for number, line in lines:
        values = {
            column.field: None if cells.is_nothing(line[column.place]) else line[column.place]
            for column in known
            if column.field is not None and column.place < len(line)
        }
        if all(cells.shows_nothing(value) for value in values.values()):
            continue
        if len(found) >= MOST_ROWS:
            raise Invalid(code="moving.too_many_rows", where="file", most=MOST_ROWS)
        row = Row(number=number)
        amounts = [column for column in known if column.field in _AMOUNTS]
        if any(not cells.shows_nothing(cell) for cell in line[width:]):
            # Something cut a cell in two (a comma in a number without quotes): which value is whose, nobody knows.
            row.refuse(Invalid(code="moving.too_many_cells", columns=width))
            row.unread = [_AMOUNTS[column.field][0] for column in amounts if column.field]
        else:
            faults = [*_status(row, values, columns), *_read_amounts(row, amounts, values), *read(row, values, setting)]
            _refuse(row, faults)
        found.append(row)
    if not found:
        raise Invalid(code="moving.no_lines", where="file")
    return found


def _refuse(row: Row, faults: Sequence[AppError]) -> None:
    """The gravest fault refuses the line: who it is about comes before what it says; the others are told beside it."""
    order = {"status": -1, "card_no": 0, "phone": 1}
    for place, fault in enumerate(sorted(faults, key=lambda one: order.get(one.where or "", 2))):
        if place == 0:
            row.refuse(fault)
        else:
            row.notes = [*row.notes, Told.of(fault)]


def _read_amounts(row: Row, amounts: Sequence[Column], values: Mapping[str, Any]) -> list[AppError]:
    faults: list[AppError] = []
    for column in amounts:
        assert column.field is not None
        field, read = _AMOUNTS[column.field]
        wrong = _kept(row, field, values.get(column.field), partial(_in_unit, read, column.unit))
        if wrong is not None:
            row.unread = [*row.unread, field]
            faults.append(wrong)
    return faults


def _status(row: Row, values: Mapping[str, Any], columns: Sequence[Column]) -> list[AppError]:
    """A line that its system cancelled or deleted is left out; a status that nobody knows is told."""
    said = cells.text(values.get("status"))
    if not said:
        return []
    above = next(title(column.title) for column in columns if column.field == "status")
    works = statuses.works(above, said)
    if works is None:
        row.tell("moving.status_unknown", "status", text=said[:40])
    return [] if works in (True, None) else [Invalid(code="moving.status_says_no", where="status", text=said[:40])]


def _in_unit(read: Callable[[Any, str, str], int], unit: str, cell: Any, where: str) -> int:
    return read(cell, where, unit)


def _member(row: Row, values: Mapping[str, Any], setting: Setting) -> list[AppError]:
    # What is easy to read first, so that a refused line still shows it.
    row.name = _cut(row, "name", values.get("name"), LONGEST_NAME)
    row.note = _cut(row, "note", values.get("note"), LONGEST_NOTE)
    row.birthday = _birthday(row, values.get("birthday"), setting)
    row.joined = _optional(row, "joined", values.get("joined"), lambda cell: _past(cells.day(cell), setting))
    row.points_expire = _optional(row, "points_expire", values.get("points_expire"), cells.last_day)
    row.tags = _optional(row, "tags", values.get("tags"), cells.tags) or []
    row.store = getattr(
        _optional(row, "store", values.get("store"), lambda cell: _named(cell, setting.store)), "code", ""
    )
    refused = [
        wrong
        for field, read in (
            ("card_no", lambda cell, _: cells.card_no(cell)),
            ("phone", lambda cell, _: cells.phone(cell)),
        )
        if (wrong := _kept(row, field, values.get(field), read)) is not None
    ]
    _level(row, values, setting)
    if not refused and not row.card_no and not row.phone:
        refused.append(Invalid(code="moving.no_key", where="card_no"))
    return refused


def _level(row: Row, values: Mapping[str, Any], setting: Setting) -> None:
    """A level always fits the growth: without growth the level's threshold is given, with it growth decides."""
    level: Level | None = _optional(row, "level", values.get("level"), lambda cell: _named(cell, setting.level))
    if level is not None and not row.growth_fen:
        row.growth_fen, row.growth_by_level = level.growth_fen, True
    reached = setting.level_at(row.growth_fen) if level is not None or row.growth_fen else None
    row.level = reached.code if reached is not None else ""
    if level is not None and reached is not None and reached.code != level.code:
        row.tell("moving.level_from_growth", "level", said=level.name, becomes=reached.name)


def _purchase(row: Row, values: Mapping[str, Any], setting: Setting) -> list[AppError]:
    read: list[tuple[str, str, Callable[[Any, str], Any]]] = [
        ("card_no", "card_no", lambda cell, _: cells.card_no(cell)),
        ("phone", "phone", lambda cell, _: "" if row.card_no else cells.phone(cell)),
        ("store", "store", lambda cell, _: _store_code(cell, setting)),
        ("till_no", "till_no", _till_no),
        ("occurred", "occurred", lambda cell, _: _occurred(cell, setting)),
    ]
    faults = [wrong for field, name, how in read if (wrong := _kept(row, field, values.get(name), how)) is not None]
    if not row.card_no and not row.phone and not any(wrong.where in ("card_no", "phone") for wrong in faults):
        faults.append(Invalid(code="moving.no_key", where="card_no"))
    if cells.is_empty(values.get("total")):
        row.unread = ["total_fen"]
        faults.append(Invalid(code="moving.empty", where="total_fen"))
    return faults


def _store_code(cell: Any, setting: Setting) -> str:
    store = setting.store(cells.text(cell))
    if store is None:
        raise Invalid(code="moving.no_such_store", where="store", text=cells.text(cell)[:40])
    return store.code


def _till_no(cell: Any, where: str) -> str:
    found = cells.identifier(cell, where, 64)
    if not found:
        raise Invalid(code="moving.empty", where=where)
    return found


def _occurred(cell: Any, setting: Setting) -> datetime:
    try:
        moment = cells.moment(cell)
    except ValueError:
        moment = None
    if moment is None:
        raise Invalid(code="moving.no_time", where="occurred", text=cells.text(cell)[:40])
    if not EARLIEST <= moment.date() <= setting.today:
        raise Invalid(code="moving.time_out_of_range", where="occurred", text=cells.text(cell)[:40])
    return moment


def _kept(row: Row, field: str, cell: Any, read: Callable[[Any, str], Any]) -> AppError | None:
    """Keep a field that is read, or tell why it is not."""
    try:
        setattr(row, field, read(cell, field))
    except AppError as wrong:
        return wrong
    return None


def _cut(row: Row, field: str, cell: Any, longest: int) -> str:
    if isinstance(cell, Mark):
        row.tell("moving.cell_dropped", field, why=cell.why)
    whole = cells.text(cell)
    if len(whole) > longest:
        row.tell("moving.cut", field, most=longest, was=len(whole))
    return whole[:longest].strip()


def _birthday(row: Row, cell: Any, setting: Setting) -> date | None:
    def read(cell: Any) -> date | None:
        day = cells.day(cell)
        if day is not None and not date(1900, 1, 1) <= day <= setting.today:
            raise ValueError(day)
        return day

    found: date | None = _optional(row, "birthday", cell, read)
    return found


def _past(day: date | None, setting: Setting) -> date | None:
    if day is not None and not EARLIEST <= day <= setting.today + timedelta(days=1):
        raise ValueError(day)
    return day


def _named(cell: Any, find: Callable[[str], Any]) -> Any:
    if cells.is_empty(cell):
        return None
    found = find(cells.text(cell))
    if found is None:
        raise ValueError(cell)
    return found


def _optional(row: Row, field: str, cell: Any, read: Callable[[Any], Any]) -> Any:
    """The value of a field that a member can do without: what cannot be read is dropped, and told (B-21)."""
    if isinstance(cell, Mark):
        row.tell("moving.cell_dropped", field, why=cell.why)
        return None
    try:
        return read(cell)
    except (ValueError, AppError):
        row.tell("moving.dropped", field, text=cells.text(cell)[:40])
        return None

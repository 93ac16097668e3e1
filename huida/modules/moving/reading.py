"""The lines of a file as they are understood: values, what was dropped or cut, or why a line is refused. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.errors import AppError, Invalid
from huida.kernel.intake.tables import MOST_ROWS, Line, Mark
from huida.kernel.intake.texts import folded
from huida.modules.moving import cells
from huida.modules.moving.cells import Told
from huida.modules.moving.titles import Column

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

    `error` refuses it; `notes` are what a person should know of it.
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
    level: str = ""
    store: str = ""
    joined: date | None = None
    tags: list[str] = []
    till_no: str = ""
    total_fen: int = 0
    occurred: datetime | None = None
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


def rows(kind: str, columns: Sequence[Column], lines: Sequence[Line], setting: Setting) -> list[Row]:
    """Every line of which a recognised column is filled. Raises Invalid for more than are taken at once."""
    read = _member if kind == "members" else _purchase
    places = {column.field: column.place for column in columns if column.field is not None}
    found: list[Row] = []
    for number, line in lines:
        values = {field: line[place] for field, place in places.items() if place < len(line)}
        if all(cells.is_empty(value) or isinstance(value, Mark) for value in values.values()):
            continue
        if len(found) >= MOST_ROWS:
            raise Invalid(code="moving.too_many_rows", where="file", most=MOST_ROWS)
        row = Row(number=number)
        try:
            read(row, values, setting)
        except AppError as refusal:
            row.refuse(refusal)
        found.append(row)
    return found


def _member(row: Row, values: Mapping[str, Any], setting: Setting) -> None:
    # What is easy to read first, so that a refused line still shows it.
    row.name = _cut(row, "name", values.get("name"), LONGEST_NAME)
    row.note = _cut(row, "note", values.get("note"), LONGEST_NOTE)
    row.birthday = _birthday(row, values.get("birthday"), setting)
    row.joined = _optional(row, "joined", values.get("joined"), lambda cell: _past(cells.day(cell), setting))
    row.points_expire = _optional(row, "points_expire", values.get("points_expire"), cells.day)
    row.tags = _optional(row, "tags", values.get("tags"), cells.tags) or []
    row.store = getattr(
        _optional(row, "store", values.get("store"), lambda cell: _named(cell, setting.store)), "code", ""
    )
    refused = [
        wrong
        for field, column, read in (
            ("card_no", "card_no", lambda cell, _: cells.card_no(cell)),
            ("phone", "phone", lambda cell, _: cells.phone(cell)),
            ("points", "points", cells.points),
            ("principal_fen", "principal", cells.fen),
            ("gift_fen", "gift", cells.fen),
            ("growth_fen", "growth", cells.fen),
        )
        if (wrong := _kept(row, field, values.get(column), read)) is not None
    ]
    _level(row, values, setting)
    if refused:
        raise refused[0]
    if not row.card_no and not row.phone:
        raise Invalid(code="moving.no_key", where="card_no")


def _level(row: Row, values: Mapping[str, Any], setting: Setting) -> None:
    """A level always fits the growth: without growth the level's threshold is given, with it growth decides."""
    level: Level | None = _optional(row, "level", values.get("level"), lambda cell: _named(cell, setting.level))
    if level is not None and not row.growth_fen:
        row.growth_fen = level.growth_fen
    reached = setting.level_at(row.growth_fen) if level is not None or row.growth_fen else None
    row.level = reached.code if reached is not None else ""
    if level is not None and reached is not None and reached.code != level.code:
        row.tell("moving.level_from_growth", "level", said=level.name, becomes=reached.name)


def _purchase(row: Row, values: Mapping[str, Any], setting: Setting) -> None:
    row.card_no = cells.card_no(values.get("card_no"))
    row.phone = "" if row.card_no else cells.phone(values.get("phone"))
    if not row.card_no and not row.phone:
        raise Invalid(code="moving.no_key", where="card_no")
    row.total_fen = cells.fen(values.get("total"), "total_fen")
    store = setting.store(cells.text(values.get("store")))
    if store is None:
        raise Invalid(code="moving.no_such_store", where="store", text=cells.text(values.get("store"))[:40])
    row.store = store.code
    row.till_no = cells.identifier(values.get("till_no"), "till_no", 64)
    if not row.till_no:
        raise Invalid(code="moving.empty", where="till_no")
    if cells.is_empty(values.get("total")):
        raise Invalid(code="moving.empty", where="total_fen")
    row.occurred = _occurred(values.get("occurred"), setting)


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

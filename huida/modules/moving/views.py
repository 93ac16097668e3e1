"""What the moving doors answer. Amounts in fen and points, times aware UTC, days as they stand in the file."""

from datetime import date, datetime
from typing import Literal, NotRequired
from uuid import UUID

from typing_extensions import TypedDict

Kind = Literal["members", "purchases"]
State = Literal["planned", "queued", "running", "stopped", "done"]
Status = Literal["created", "updated", "unchanged", "refused"]
Unit = Literal["points", "cny_principal", "cny_gift", "growth", "total_fen"]


class FileColumn(TypedDict):
    """A column as it is titled in the file, and the field that it was taken for; null: it is ignored.

    `unit` is that of its amounts where the title names another than the usual one (`fen`, `jiao`, `thousand`,
    `ten_thousand`); `why` says in the reader's language why a column with a known title is ignored.
    """

    place: int
    title: str
    field: str | None
    unit: NotRequired[str]
    why: NotRequired[str]


class Understanding(TypedDict):
    """How a file was read: its form, encoding and separator or sheet, where its header stands, what its columns are."""

    form: str
    encoding: str
    separator: str
    sheet: str
    other_sheets: list[str]
    header_line: int
    columns: list[FileColumn]


class Counts(TypedDict):
    """Lines by what becomes of them. `troubled` have something to say, `losing` would lose something of the file,
    `numbered` are new members who get a card number made up."""

    created: int
    updated: int
    unchanged: int
    refused: int
    troubled: int
    losing: int
    numbered: int


class UnitBalance(TypedDict):
    """One unit of a file: the file's sum is what was booked by this import, what had been booked before, and what is refused
    (lines that are, and points whose day is over).

    Before it is carried out `booked` is what would be. `unread`: lines whose amount cannot be read, so no sum has it.
    """

    unit: Unit
    in_file: int
    booked: int
    before: int
    refused: int
    unread: int
    balanced: bool


class ImportSummary(TypedDict):
    id: UUID
    kind: Kind
    state: State
    file_name: str
    total: int
    done: int
    created_at: datetime
    created_by: str
    finished_at: datetime | None
    signed_at: datetime | None
    signed_by: str | None


class ImportView(ImportSummary):
    """`grows_by_default`: whether purchases count for growth unless something else is chosen. `stopped_why` says in the
    reader's language why it was stopped by itself."""

    understood: Understanding
    counts: Counts
    balance: list[UnitBalance]
    grows_by_default: bool
    stopped_why: str | None


class Said(TypedDict):
    """Something about a line: a stable code, the field, and the text in the reader's language."""

    code: str
    where: str | None
    text: str


class Values(TypedDict, total=False):
    """A line as it is understood; what the file does not say is absent."""

    card_no: str
    name: str
    phone: str
    birthday: date
    note: str
    points: int
    points_expire: date
    principal_fen: int
    gift_fen: int
    growth_fen: int
    level: str
    store: str
    joined: date
    tags: list[str]
    till_no: str
    total_fen: int
    occurred: datetime


class ImportLine(TypedDict):
    """One line of the file: what it says, what becomes of it, and why."""

    row: int
    status: Status
    finished: bool
    values: Values
    notes: list[Said]
    error: NotRequired[Said]
    member_id: NotRequired[UUID]

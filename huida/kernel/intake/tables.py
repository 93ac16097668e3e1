"""Tables that people upload, read in a process of their own that may use so much time and memory and no more.

Run as a program (`python -m huida.kernel.intake.tables`) it reads a question from its input and writes what the file holds;
`read_table` starts it, and ends it when it takes too long. It imports little, so that a small file costs little.

A file is read as people have it: the header stands within the first ten lines, of the first sheet that has one; a text
file is read in the encoding and with the separator in which its header is one. What could be read in several ways is refused.
"""

import asyncio
import csv
import io
import os
import resource
import sys
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Final

import msgspec

from huida.kernel.intake.texts import title

CPU_S: Final = 20
MEMORY: Final = 768 * 1024 * 1024
"""Address space of the reader: its libraries need a third of it."""
PATIENCE_S: Final = 60.0
AT_ONCE: Final = 2
"""Readers of all merchants together: who comes later waits in line."""

MOST_ROWS: Final = 20_000
MOST_COLUMNS: Final = 256
MOST_CELLS: Final = MOST_ROWS * 20
HEADER_WITHIN: Final = 10
"""Lines in which a header is looked for."""
SEPARATORS: Final = (",", "\t", ";", "|")
MOST_LINES: Final = 1_048_576
"""What a sheet has; a line beyond them would be reached over as many empty ones."""
LARGEST_STRINGS: Final = 8 * 1024 * 1024
LARGEST_PART: Final = 48 * 1024 * 1024
LARGEST_UNPACKED: Final = 64 * 1024 * 1024
DENSEST: Final = 200
"""How far a large part may unpack: what people type into a table shrinks to a twentieth, not to a thousandth."""
LARGE: Final = 1024 * 1024
LONGEST_CELL: Final = 2000
LARGEST_ANSWER: Final = 32 * 1024 * 1024

Line = tuple[int, list[Any]]
_TIMES: Final[dict[str, Callable[[str], Any]]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a format of its own; `shown` is how the cell shows it, None when it shows another number."""

    value: int | float
    shown: str | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell without a value of its own: `merged`, `uncomputed` (a formula without a result) or `error` (#N/A …)."""

    why: str


class Unreadable(Exception):
    """This is no table, or a damaged one. `why` says what it is instead, `line` where it breaks."""

    def __init__(self, why: str = "unreadable", line: int = 0) -> None:
        self.why, self.line = why, line
        super().__init__(why, line)


class TooLarge(Exception):
    """There is more in it than is read."""


class Table(msgspec.Struct):
    """What a file holds. Lines are numbered from 1 and not empty; those after the header, cells as Python values, `Number`
    or `Mark`. Without a header `header_line` is 0, and `header` is the first line that is not empty."""

    form: str = ""
    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    other_sheets: list[str] = []
    header_line: int = 0
    header: list[str] = []
    lines: list[Line] = []


class _Question(msgspec.Struct):
    titles: list[str]
    keys: list[str]
    body: bytes


class _Answer(msgspec.Struct):
    table: Table | None = None
    trouble: str = ""
    line: int = 0


_waiting: asyncio.Semaphore | None = None
_waiting_in: asyncio.AbstractEventLoop | None = None


def _in_line() -> asyncio.Semaphore:
    """The line of this event loop: who asked first is read first."""
    global _waiting, _waiting_in
    loop = asyncio.get_running_loop()
    if _waiting is None or _waiting_in is not loop:
        _waiting, _waiting_in = asyncio.Semaphore(AT_ONCE), loop
    return _waiting


async def read_table(body: bytes, *, titles: Collection[str], keys: Collection[str]) -> Table:
    """What a CSV or XLSX file holds. A header is the line that has most of `titles` and at least one of `keys`, both as
    `texts.title` folds them. Raises Unreadable, TooLarge.
    """
    question = msgspec.msgpack.encode(_Question(sorted(titles), sorted(keys), body))
    async with _in_line():
        reader = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "huida.kernel.intake.tables"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ},
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                written, _ = await reader.communicate(question)
        except TimeoutError:
            raise TooLarge from None
        finally:
            if reader.returncode is None:
                reader.kill()
                await reader.wait()
    if reader.returncode != 0:
        raise TooLarge  # it came to the end of its time or memory
    answer = await asyncio.to_thread(_decoded, written)
    if answer.table is None:
        raise TooLarge if answer.trouble == "too_large" else Unreadable(answer.trouble, answer.line)
    return answer.table


def _decoded(written: bytes) -> _Answer:
    answer = msgspec.msgpack.decode(written, type=_Answer)
    if answer.table is not None:
        answer.table.lines = [(number, [_cell(one) for one in cells]) for number, cells in answer.table.lines]
    return answer


def _cell(written: Any) -> Any:
    """A cell as the reader found it; what is no plain value travels as a name and what belongs to it."""
    if not isinstance(written, list):
        return written
    kind, *rest = written
    if kind in _TIMES:
        return _TIMES[kind](rest[0])
    return Number(*rest) if kind == "number" else Mark(kind)


def _written(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell[:LONGEST_CELL]
    if isinstance(cell, int) and not -(2**63) <= cell < 2**63:
        return str(cell)[:LONGEST_CELL]
    return cell


class _Header:
    """Finds the line that has most of the titles."""

    def __init__(self, titles: Collection[str], keys: Collection[str]) -> None:
        self.titles, self.keys = frozenset(titles), frozenset(keys)

    def score(self, cells: Sequence[Any]) -> int:
        """How many of the cells are titles; 0 without a key among them."""
        words = [title(cell[:100]) for cell in cells if isinstance(cell, str)]
        return sum(word in self.titles for word in words) if any(word in self.keys for word in words) else 0

    def place(self, first_lines: Sequence[Sequence[Any]]) -> tuple[int, int]:
        """(line from 0, score) of the best of the first lines; score 0: none."""
        scores = [self.score(cells) for cells in first_lines]
        best = max(scores, default=0)
        return (scores.index(best), best) if best else (0, 0)


def read(body: bytes, header: "_Header") -> Table:
    """As `read_table`, in this process. Raises Unreadable, TooLarge, and MemoryError where that is limited."""
    return _read_workbook(body, header) if body[:4] == b"PK\x03\x04" else _read_text(body, header)


def _taken(table: Table, rows: Iterator[Sequence[Any]], header: _Header) -> Table:
    """Put the lines of one sheet or file into the table, within the limits."""
    found: list[Line] = []
    cells_left = MOST_CELLS
    for number, cells in enumerate(rows, 1):
        if number > MOST_LINES:
            raise TooLarge
        kept = list(cells)
        while kept and (kept[-1] is None or kept[-1] == ""):
            kept.pop()
        if not kept:
            continue
        if len(kept) > MOST_COLUMNS:
            raise TooLarge
        cells_left -= len(kept)
        if cells_left < 0:
            raise TooLarge
        found.append((number, [_written(cell) for cell in kept]))
    near = [cells for number, cells in found if number <= HEADER_WITHIN]
    place, score = header.place(near)
    if found:
        number, cells = found[place]
        table.header = ["" if cell is None else str(cell)[:100] for cell in cells]
    if score:
        table.header_line, table.lines = number, found[place + 1 :]
    return table


def _read_text(body: bytes, header: _Header) -> Table:
    _refuse_other_forms(body)
    best: tuple[int, str, str, str] | None = None
    for encoding in _encodings(body):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        told, rest = _told_separator(text)
        for separator in (told,) if told else SEPARATORS:
            beginning = csv.reader(io.StringIO(rest, newline=""), delimiter=separator)
            _, score = header.place(_first(beginning))
            if best is None or score > best[0]:
                best = (score, encoding, separator, rest)
        if best is not None and best[0]:
            break
    if best is None:
        raise Unreadable
    _, encoding, separator, rest = best
    table = Table(form="csv", encoding=encoding.removesuffix("-sig"), separator=separator)
    return _taken(table, _strict_lines(rest, separator), header)


def _refuse_other_forms(body: bytes) -> None:
    """Files that people take for a table, by their first bytes."""
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if body[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Unreadable("old_workbook")
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<?xml")):
        raise Unreadable("web_page")
    if start.startswith((b"%pdf", b"\x89png", b"\xff\xd8\xff")):
        raise Unreadable("no_table")


def _encodings(body: bytes) -> Sequence[str]:
    """By its mark; without one UTF-8 when it is, and then what Chinese systems write, told apart by the header."""
    if body.startswith(b"\xef\xbb\xbf"):
        return ("utf-8-sig",)
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    sample = body[:2000]
    if sample.count(0) > len(sample) // 4:
        return ("utf-16-le", "utf-16-be")
    return ("utf-8", "gb18030", "big5")


def _told_separator(text: str) -> tuple[str, str]:
    """The separator of a first line `sep=;`, as Excel writes it, and the text after that line."""
    first, _, rest = text.partition("\n")
    said = first.strip('\r "')
    return (said[4], rest) if said.lower().startswith("sep=") and len(said) == 5 else ("", text)


def _first(lines: Iterator[list[str]]) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        found.extend(islice(lines, HEADER_WITHIN))
    except csv.Error:
        pass
    return found


def _strict_lines(text: str, separator: str) -> Iterator[Sequence[Any]]:
    """A quote that is never closed, or closed in the middle of a cell, is refused: the rest could be anything (B-10)."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        for cells in reader:
            number += 1
            yield cells
    except csv.Error as wrong:
        raise Unreadable("quote", number + 1) from wrong


def _read_workbook(body: bytes, header: _Header) -> Table:
    from openpyxl import load_workbook

    from huida.kernel.intake import sheet as sheets

    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            _check_parts(packed.infolist())
            if "mimetype" in packed.namelist() and b"opendocument" in packed.read("mimetype"):
                raise Unreadable("open_document")
            book = load_workbook(io.BytesIO(body), read_only=True, data_only=True)
            pages: list[Any] = [page for page in book.worksheets if page.sheet_state == "visible"] or list(
                book.worksheets
            )
            titled: list[Any] = []
            for page in pages:
                page.reset_dimensions()  # every cell that is there, whatever the file says of its extent (B-01)
                beginning = [[cell.value for cell in row] for row in page.iter_rows(max_row=HEADER_WITHIN)]
                if header.place(beginning)[1]:
                    titled.append(page)
            page = (titled or pages)[0]
            part: str = page._worksheet_path
            marked = sheets.marks(packed, part, MOST_ROWS + HEADER_WITHIN)
            table = Table(form="xlsx", sheet=page.title, other_sheets=[one.title for one in titled[1:]])
            return _taken(table, sheets.lines(page, marked), header)
    except (TooLarge, MemoryError, Unreadable):
        raise
    except sheets.TooManyMarks:
        raise TooLarge from None
    except Exception as wrong:
        # Of a file that is not as it should be, the reader says whatever it stumbled over.
        raise Unreadable from wrong


def _check_parts(parts: Sequence[zipfile.ZipInfo]) -> None:
    """Before anything is unpacked. What a part says of its size holds: no more than that is read of it."""
    for part in parts:
        strings = part.filename.lower().endswith("sharedstrings.xml")
        dense = part.file_size > LARGE and part.file_size > DENSEST * max(part.compress_size, 1)
        if dense or part.file_size > (LARGEST_STRINGS if strings else LARGEST_PART):
            raise TooLarge
    if sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        raise TooLarge


def main() -> None:
    """Read a file from the input under limits, and write what it holds."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)  # logins and tills go first
    try:
        asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Question)
        answer = _Answer(read(asked.body, _Header(asked.titles, asked.keys)))
    except Unreadable as wrong:
        answer = _Answer(trouble=wrong.why, line=wrong.line)
    except (TooLarge, MemoryError):
        answer = _Answer(trouble="too_large")
    written = msgspec.msgpack.encode(answer)
    if len(written) > LARGEST_ANSWER:
        written = msgspec.msgpack.encode(_Answer(trouble="too_large"))
    sys.stdout.buffer.write(written)


if __name__ == "__main__":
    main()

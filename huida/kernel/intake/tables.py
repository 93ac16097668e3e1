"""Tables that people upload, read in a process of their own that may use so much time and memory and no more.

Run as a program (`python -m huida.kernel.intake.tables`) it reads a file from its input and writes its cells; `lines` starts
it, and ends it when it takes too long. It imports little, so that a small file costs little.
"""

import asyncio
import csv
import io
import os
import re
import resource
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, Final

import msgspec

AS_TEXT: Final = re.compile(r'^="([0-9A-Za-z._-]+)"$')
"""How our own files write a number that is not counted with (`huida.kernel.sheets.as_text`): taken back in as it was."""
CPU_S: Final = 20
MEMORY: Final = 768 * 1024 * 1024
"""Address space of the reader: its libraries need a third of it."""
PATIENCE_S: Final = 60.0
AT_ONCE: Final = 2
"""Readers of all merchants together: who comes later waits in line."""

MOST_ROWS: Final = 20_000
MOST_COLUMNS: Final = 256
MOST_CELLS: Final = MOST_ROWS * 20
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


class Unreadable(Exception):
    """This is no table, or a damaged one."""


class TooLarge(Exception):
    """There is more in it than is read."""


class _Answer(msgspec.Struct):
    lines: list[tuple[int, list[Any]]] = []
    trouble: str = ""


_waiting: asyncio.Semaphore | None = None
_waiting_in: asyncio.AbstractEventLoop | None = None


def _in_line() -> asyncio.Semaphore:
    """The line of this event loop: who asked first is read first."""
    global _waiting, _waiting_in
    loop = asyncio.get_running_loop()
    if _waiting is None or _waiting_in is not loop:
        _waiting, _waiting_in = asyncio.Semaphore(AT_ONCE), loop
    return _waiting


async def lines(body: bytes) -> list[Line]:
    """The lines that are not empty, each with its number from 1, of a CSV (UTF-8 or GB 18030) or XLSX file.

    Cells are None, texts, numbers, truth values, days and times. Raises Unreadable, TooLarge.
    """
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
                written, _ = await reader.communicate(body)
        except TimeoutError:
            raise TooLarge from None
        finally:
            if reader.returncode is None:
                reader.kill()
                await reader.wait()
    if reader.returncode != 0:
        raise TooLarge  # it came to the end of its time or memory
    answer = msgspec.msgpack.decode(written, type=_Answer)
    if answer.trouble:
        raise TooLarge if answer.trouble == "too_large" else Unreadable
    return [(number, [_cell(one) for one in cells]) for number, cells in answer.lines]


def _cell(written: Any) -> Any:
    """A cell as the reader found it; days and times travel as a name and a text."""
    if not isinstance(written, list):
        return written
    kind, text = written
    return _TIMES[kind](text)


def _written(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell[:LONGEST_CELL]
    if cell is None or isinstance(cell, bool | float):
        return cell
    if isinstance(cell, int):
        return cell if -(2**63) <= cell < 2**63 else str(cell)[:LONGEST_CELL]
    for kind in (datetime, date, time):
        if isinstance(cell, kind):
            return [kind.__name__, cell.isoformat()]
    return str(cell)[:LONGEST_CELL]


def read(body: bytes) -> list[Line]:
    """As `lines`, in this process. Raises Unreadable, TooLarge, and MemoryError where that is limited."""
    rows = _xlsx_lines(body) if body[:4] == b"PK\x03\x04" else _csv_lines(body)
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
    return found


def _csv_lines(body: bytes) -> Iterator[Sequence[Any]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            for row in csv.reader(io.StringIO(text, newline="")):
                yield [AS_TEXT.sub(r"\1", cell) for cell in row]
        except csv.Error as wrong:
            raise Unreadable from wrong
        return
    raise Unreadable


def _xlsx_lines(body: bytes) -> Iterator[Sequence[Any]]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            _check_parts(packed.infolist())
        book = load_workbook(io.BytesIO(body), read_only=True, data_only=True)
        yield from book.worksheets[0].iter_rows(values_only=True)
    except (TooLarge, MemoryError):
        raise
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
        answer = _Answer(lines=read(sys.stdin.buffer.read()))
    except Unreadable:
        answer = _Answer(trouble="unreadable")
    except (TooLarge, MemoryError):
        answer = _Answer(trouble="too_large")
    written = msgspec.msgpack.encode(answer)
    if len(written) > LARGEST_ANSWER:
        written = msgspec.msgpack.encode(_Answer(trouble="too_large"))
    sys.stdout.buffer.write(written)


if __name__ == "__main__":
    main()

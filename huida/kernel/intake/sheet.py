"""What a workbook holds as a person sees it: numbers in their formats, merged cells, formulas that nobody has computed.

Only the reader's own process loads this (`huida.kernel.intake.tables`).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, Final
from zipfile import ZipFile

_MERGED: Final = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*\bref=\"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})\"")
_UNCOMPUTED: Final = re.compile(
    rb"<(?:\w+:)?c\b([^>]*?)\br=\"([A-Z]{1,3})(\d{1,7})\"([^>]*)>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"\s*(<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_PLAIN: Final = re.compile(r"general|@|0|#|#,##0|0(?:\.0+)?|#,##0\.0+|#(?:\.#+)?")
"""Formats in which a whole number is shown digit for digit (grouping marks and a trailing `.00` are not digits of it)."""
_ORNAMENT: Final = re.compile(r"\[[^\]]*\]|\"[^\"]*\"|\\.|_.|\*.|[¥$￥€£ ]")
_OTHER_UNIT: Final = re.compile(r"[€£万千]|\[\$(?:US|HK)?\$|usd|hk\$", re.I)
"""What makes another amount of a number than its digits: foreign money, thousands. A bare `"$"` may be a built-in format,
which Excel shows with the sign of its own country."""
MOST_MARKS: Final = 400_000


class TooManyMarks(Exception):
    """More merged cells than a sheet of people's has."""


def shown(value: int | float, number_format: str) -> str | None:
    """A number as its cell shows it, digit for digit; None when that is another number than the one that is stored.

    Digits that a narrow column or the general format leaves out are stored all the same: what is stored holds.
    """
    if _OTHER_UNIT.search(number_format):
        return None
    plain = _ORNAMENT.sub("", number_format.split(";")[0]).lower() or "general"
    whole = int(value) if isinstance(value, int) or value.is_integer() else None
    if whole is not None and re.fullmatch(r"0+", plain):
        return str(whole).zfill(len(plain))
    if plain == "general" or plain == "@":
        return str(whole) if whole is not None else repr(value)
    if _PLAIN.fullmatch(plain):
        if whole is not None:
            return str(whole)
        digits = len(plain.partition(".")[2])
        return repr(value) if round(value, digits) == value else None
    return None


def marks(packed: ZipFile, part: str, most_lines: int) -> dict[int, dict[int, str]]:
    """By line and column (from 1 and 0) what stands in place of a value: `merged` into a line above, or `uncomputed`.

    Raises TooManyMarks.
    """
    raw = packed.read(part)
    found: dict[int, dict[int, str]] = {}
    count = 0
    for first_column, first, last_column, last in _MERGED.findall(raw):
        for line in range(int(first) + 1, min(int(last), most_lines) + 1):
            for column in range(_column(first_column), min(_column(last_column), _column(first_column) + 300) + 1):
                found.setdefault(line, {})[column] = "merged"
                count += 1
                if count > MOST_MARKS:
                    raise TooManyMarks
    for before, column_name, line_no, after, value in _UNCOMPUTED.findall(raw):
        if value and b't="str"' in before + after:
            continue  # computed, and the result is an empty text
        found.setdefault(int(line_no), {})[_column(column_name)] = "uncomputed"
    return found


def _column(name: bytes) -> int:
    number = 0
    for letter in name:
        number = number * 26 + letter - 64
    return number - 1


def lines(sheet: Any, marked: dict[int, dict[int, str]]) -> Iterator[Sequence[Any]]:
    """The sheet's lines from the first on; the caller has it forget the extent that the file claims."""
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [_value(cell) for cell in row]
        here = marked.get(number)
        # A line of nothing but merged cells shows nothing; one of formulas without results does.
        if here and ("uncomputed" in here.values() or any(cell is not None and cell != "" for cell in cells)):
            for column, mark in here.items():
                while len(cells) <= column:
                    cells.append(None)
                if cells[column] is None:
                    cells[column] = [mark]
        yield cells


def _value(cell: Any) -> Any:
    value = cell.value
    if value is None or isinstance(value, str | bool):
        return ["error", value] if isinstance(value, str) and cell.data_type == "e" else value
    if isinstance(value, int | float):
        number_format = cell.number_format or "General"
        return value if number_format == "General" else ["number", value, shown(value, number_format)]
    for kind in (datetime, date, time):
        if isinstance(value, kind):
            return [kind.__name__, value.isoformat()]
    return str(value)

"""Files for spreadsheets."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final

BOM: Final = "\ufeff"
"""What spreadsheets recognise UTF-8 by."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a formula may begin; Chinese and Japanese spreadsheets take the full-width signs too."""
NUMBER: Final = re.compile(r"[0-9A-Za-z._-]+")


def csv_line(cells: Sequence[Any]) -> str:
    """One CSV line. A text that a spreadsheet would run as a formula gets an apostrophe in front."""
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) for cell in cells])
    return out.getvalue()


class Number(str):
    """A number that is read and not counted with: order numbers, transactions, codes of goods."""

    __slots__ = ()


def as_text(number: str) -> str:
    """A number that spreadsheets show as it is, not as 4.2E+27; anything but letters, digits and `._-` is a plain cell."""
    return Number(f'="{number}"') if NUMBER.fullmatch(number) else number


def harmless(cell: Any) -> str:
    if isinstance(cell, Number):
        return str(cell)
    text = "" if cell is None else str(cell)
    return "'" + text if text.startswith(FORMULA) else text

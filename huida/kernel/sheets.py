"""Files for spreadsheets."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

BOM: Final = "\ufeff"
"""What spreadsheets recognise UTF-8 by."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a formula may begin; Chinese and Japanese spreadsheets take the full-width signs too."""


def csv_line(cells: Sequence[Any]) -> str:
    """One CSV line. A text that a spreadsheet would run as a formula gets an apostrophe in front."""
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) for cell in cells])
    return out.getvalue()


def harmless(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return "'" + text if text.startswith(FORMULA) else text

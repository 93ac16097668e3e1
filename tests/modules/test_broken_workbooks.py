"""Workbooks that are broken are refused in words, and nothing of them is kept."""

import io
import zipfile
from collections.abc import Callable

import pytest
from openpyxl import Workbook

from tests.asgi import Client
from tests.moving_kit import IMPORTS, lines, understood


def spoiled(edit: Callable[[str, bytes], bytes | None]) -> bytes:
    """A good XLSX file of two members whose parts went through `edit`; None leaves a part out."""
    good, bad = io.BytesIO(), io.BytesIO()
    book = Workbook()
    assert book.active is not None
    for cells in (("卡号", "姓名"), ("7000000001", "林小满"), ("7000000002", "陈一鸣")):
        book.active.append(cells)
    book.save(good)
    with zipfile.ZipFile(good) as parts, zipfile.ZipFile(bad, "w") as out:
        for name in parts.namelist():
            edited = edit(name, parts.read(name))
            if edited is not None:
                out.writestr(name, edited)
    return bad.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
SPOILED: dict[str, Callable[[str, bytes], bytes | None]] = {
    "a sheet cut off": lambda name, part: part[: len(part) // 2] if name == SHEET else part,
    "no sheet": lambda name, part: None if name == SHEET else part,
    "a workbook cut off": lambda name, part: part[:40] if name == "xl/workbook.xml" else part,
    "a row number that is none": lambda name, part: part.replace(b'r="2"', b'r="x"') if name == SHEET else part,
}


@pytest.mark.parametrize("how", SPOILED)
async def test_a_broken_workbook_is_refused_in_words(console: Client, how: str) -> None:
    refused = await console.upload(IMPORTS, "members.xlsx", spoiled(SPOILED[how]))
    assert refused.refusal == (422, "moving.unreadable")
    assert (await console.get(IMPORTS)).json()["items"] == []


async def test_a_row_number_beyond_every_sheet_is_refused_and_keeps_nobody_busy(console: Client) -> None:
    def edit(name: str, part: bytes) -> bytes:
        return part.replace(b'r="3"', b'r="99999999999"').replace(b"A1:B3", b"A1:B99999999999")

    refused = await console.upload(IMPORTS, "members.xlsx", spoiled(edit))
    assert refused.refusal == (422, "moving.too_many_rows")
    assert (await console.get(IMPORTS)).json()["items"] == []


async def test_a_character_that_nothing_can_keep_is_left_out(console: Client) -> None:
    made = await understood(console, "卡号,姓名\n7000000001,林\0小满\n")
    assert [one["values"]["name"] for one in await lines(console, made["id"])] == ["林小满"]

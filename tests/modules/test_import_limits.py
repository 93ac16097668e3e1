"""One merchant's spreadsheets cannot take what all need (R-05): limits before anything is unpacked, a process of their own,
one import of a merchant at a time."""

import asyncio
import io
import subprocess
import sys
import zipfile
from typing import Any

import msgspec
import pytest

from huida.kernel.db import Database
from huida.kernel.intake import tables, turns
from tests import make
from tests.asgi import Client, Reply

PATH = "/api/console/imports"
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
TITLES = '<row r="1"><c r="A1" t="inlineStr"><is><t>卡号</t></is></c></row>'
STRINGS = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</sst>'
BOOK = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/sharedStrings.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/><Relationship Id="r2" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" '
    'Target="sharedStrings.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>',
}


def book(rows: str = TITLES, strings: str = "", *, packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An XLSX whose sheet and texts are as given."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as file:
        for name, content in BOOK.items():
            file.writestr(name, content)
        file.writestr("xl/worksheets/sheet1.xml", SHEET.format(rows))
        file.writestr("xl/sharedStrings.xml", STRINGS.format(strings))
    return out.getvalue()


BOMB = book(strings="<si><t/></si>" * 4_900_000)
"""The finding's file: 63 MiB of empty texts in about 125 kB."""


async def dry(client: Client, content: bytes) -> Reply:
    return await client.upload(PATH, "members.xlsx", content)


def test_the_bomb_is_small() -> None:
    assert len(BOMB) < 140_000


async def test_six_bombs_at_once_are_refused_and_nobody_waits_for_them(
    console: Client, other: Client, app: Any, db: Database
) -> None:
    neighbour = await make.staff(db, await make.merchant(db, name="邻居"))
    six = [asyncio.create_task(dry(console, BOMB)) for _ in range(6)]
    logged_in = await Client(app).log_in(neighbour.login, make.PASSWORD)
    assert logged_in.status == 200
    fine = await other.upload(PATH, "a.csv", "卡号,姓名\n700001,林小满\n".encode())
    assert (fine.status, fine.json()["counts"]["created"]) == (201, 1)
    answers = sorted([reply.refusal for reply in await asyncio.gather(*six)])
    assert answers == [(422, "moving.too_many_rows"), *[(429, "request.busy")] * 5]
    assert (await dry(console, BOMB)).refusal == (422, "moving.too_many_rows")  # the turn is free again


QUESTION = msgspec.msgpack.encode({"titles": ["卡号"], "keys": ["卡号"], "body": BOMB})
LAUNCHER = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "huida.kernel.intake.tables"], stdin=sys.stdin.buffer, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process that starts a reader: what a child of a large one needs at its start is the parent's."""


def test_a_reader_needs_less_memory_than_it_may_take() -> None:
    done = subprocess.run([sys.executable, "-c", LAUNCHER], input=QUESTION, capture_output=True, check=True)
    assert 0 < int(done.stdout) * 1024 < tables.MEMORY


async def test_six_merchants_with_heavy_files_stand_in_line_and_each_is_answered(app: Any, db: Database) -> None:
    """Files that every limit lets through: seconds of work each, if they were read here."""
    heavy = book(strings="<si><t/></si>" * 150_000, packed=zipfile.ZIP_STORED)
    clients = [
        await make.logged_in(Client(app), await make.staff(db, await make.merchant(db, name=f"店{n}")))
        for n in range(3)
    ]
    tasks = [asyncio.create_task(dry(client, heavy)) for client in clients]
    neighbour = await make.staff(db, await make.merchant(db, name="邻居"))
    assert (await Client(app).log_in(neighbour.login, make.PASSWORD)).status == 200
    assert not all(task.done() for task in tasks), "the login waited for the files"
    replies = await asyncio.gather(*tasks)
    # Each was read to its end: it holds a header and no line.
    assert [reply.refusal for reply in replies] == [(422, "moving.no_lines")] * 3


ROW = '<row r="{0}"><c r="A{0}"><v>{0}</v></c></row>'
WIDE = '<row r="2">' + "".join(
    f'<c r="{a}{b}2"><v>1</v></c>' for a in "ABCDEFGHIJKL" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)


@pytest.mark.parametrize(
    "content",
    [
        book(strings="<si><t>" + "0123456789abcdef" * 64 + "</t></si>" + "<si><t>x</t></si>" * 600_000),
        book(TITLES + ROW.format(1_048_577_000)),
        book(TITLES + "".join(ROW.format(n) for n in range(2, 20_003))),
        book(TITLES + WIDE + "</row>"),
        ("卡号," * 300 + "\n" + "1," * 300).encode(),
        ("卡号,b,c\n" + "1,2,3\n" * 140_000).encode(),
    ],
    ids=["texts", "a line far below", "rows", "columns", "columns of a CSV", "cells"],
)
async def test_what_holds_too_much_is_refused(console: Client, db: Database, tenant: int, content: bytes) -> None:
    refused = await console.upload(PATH, "a.xlsx", content)
    assert (refused.refusal, refused.json()["where"]) == ((422, "moving.too_many_rows"), "file")
    async with db.read(tenant) as tx:
        assert await tx.value("SELECT count(*) FROM members WHERE tenant_id = $1", tenant) == 0


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04nonsense", book()[:400], b"\xff\xfe\x00", b""], ids=["no zip", "half", "UTF-16", "empty"]
)
async def test_what_is_no_table_is_refused(console: Client, content: bytes) -> None:
    refused = await console.upload(PATH, "a.xlsx", content)
    assert refused.refusal in ((422, "moving.unreadable"), (422, "moving.no_header"))


async def test_who_leaves_in_the_middle_frees_the_turn(console: Client, tenant: int) -> None:
    heavy = book(strings="<si><t/></si>" * 150_000, packed=zipfile.ZIP_STORED)
    task = asyncio.create_task(dry(console, heavy))
    async with asyncio.timeout(30):
        while not turns.taken("imports", tenant):
            await asyncio.sleep(0)
    assert (await dry(console, b"x")).refusal == (429, "request.busy")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await console.upload(PATH, "a.csv", "卡号\n1\n".encode())).status == 201


async def test_days_times_and_numbers_come_out_of_the_reader_as_they_are_in_the_file() -> None:
    from datetime import date, datetime, time

    from openpyxl import Workbook

    out, workbook = io.BytesIO(), Workbook()
    sheet = workbook.active
    assert sheet is not None
    cells = [
        "a",
        7,
        7.5,
        True,
        None,
        datetime(2026, 11, 21, 10, 30),
        date(2026, 11, 21),
        time(10, 30),
        2**70,
        "x" * 3000,
    ]
    sheet.append(["卡号"])
    sheet.append(cells)
    sheet.append([None])
    sheet.append(["last"])
    workbook.save(out)
    table = await tables.read_table(out.getvalue(), titles={"卡号"}, keys={"卡号"})
    assert (table.header_line, table.header) == (1, ["卡号"])
    lines = table.lines
    assert [number for number, _ in lines] == [2, 4]
    assert lines[0][1][:6] == ["a", 7, 7.5, True, None, datetime(2026, 11, 21, 10, 30)]
    assert lines[0][1][6] == datetime(2026, 11, 21)
    assert (lines[0][1][7], len(lines[0][1][9])) == (time(10, 30), tables.LONGEST_CELL)

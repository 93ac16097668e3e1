"""An import that tells how far it is, line by line, and ends with the usual answer or with a problem; files that are broken."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from openpyxl import Workbook

from huida.kernel.embedded import EmbeddedPostgres
from huida.modules.members import import_door, imports
from tests.asgi import Client, Reply

BASE = "/api/console/members"
MANY = "卡号,姓名\n" + "".join(f"9100{number:05d},会员{number}\n" for number in range(1_200))


def lines_of(reply: Reply) -> list[Any]:
    assert reply.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.text.splitlines()]


async def test_progress_comes_before_the_result(console: Client) -> None:
    console.headers["accept"] = "application/x-ndjson"
    told = lines_of(await console.upload(f"{BASE}/import", "members.csv", MANY.encode()))
    assert [(one["stage"], one["done"], one["total"]) for one in told[:-1]] == [
        ("reading", 0, 0),
        ("planning", 0, 1_200),
        ("writing", 0, 1_200),
        ("writing", 500, 1_200),
        ("writing", 1_000, 1_200),
        ("writing", 1_200, 1_200),
    ]
    result = told[-1]["result"]
    assert (result["created"], result["refused"], len(result["rows"])) == (1_200, 0, 1_200)
    assert result["rows"][0].keys() == {"row", "status", "member_id"}


async def test_a_bad_file_ends_with_a_problem_and_nothing_is_done(console: Client) -> None:
    console.headers["accept"] = "application/x-ndjson"
    told = lines_of(await console.upload(f"{BASE}/import", "members.csv", "别的列\n1\n".encode()))
    assert told[-1]["problem"]["code"] == "member.import_no_header"
    assert told[-1]["problem"]["status"] == 422
    del console.headers["accept"]
    assert (await console.get(BASE)).json()["items"] == []


async def test_who_leaves_stops_the_import_and_nothing_is_done(console: Client, db: Any, tenant: int) -> None:
    actor = type("Somebody", (), {"tenant_id": tenant, "stamp": "staff:test"})()
    stream = import_door.lines(db, actor, MANY.encode(), dry_run=False, language="zh-CN", request_id="r")  # type: ignore[arg-type]
    async for line in stream:
        if json.loads(line).get("done") == imports.PORTION:
            break
    await stream.aclose()  # type: ignore[attr-defined]
    assert (await console.get(BASE)).json()["items"] == []


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
    refused = await console.upload(f"{BASE}/import", "members.xlsx", spoiled(SPOILED[how]))
    assert refused.refusal == (422, "member.import_unreadable")
    assert (await console.get(BASE)).json()["items"] == []


async def test_a_row_number_beyond_every_sheet_is_refused_and_keeps_nobody_busy(console: Client) -> None:
    def edit(name: str, part: bytes) -> bytes:
        return part.replace(b'r="3"', b'r="99999999999"').replace(b"A1:B3", b"A1:B99999999999")

    refused = await console.upload(f"{BASE}/import", "members.xlsx", spoiled(edit))
    assert refused.refusal == (422, "member.import_too_many")
    assert (await console.get(BASE)).json()["items"] == []


async def test_a_character_that_nothing_can_keep_is_left_out(console: Client) -> None:
    table = "卡号,姓名\n7000000001,林\0小满\n"
    report = await console.upload(f"{BASE}/import", "members.csv", table.encode())
    assert report.status == 200, report.text
    assert [one["name"] for one in (await console.get(BASE)).json()["items"]] == ["林小满"]


async def test_a_database_that_goes_away_is_told_as_such(
    console: Client, db: Any, tenant: int, postgres: EmbeddedPostgres
) -> None:
    owner = await asyncpg.connect(postgres.url)
    actor = type("Somebody", (), {"tenant_id": tenant, "stamp": "staff:test"})()
    stream = import_door.lines(db, actor, MANY.encode(), dry_run=False, language="zh-CN", request_id="r")  # type: ignore[arg-type]
    async with owner.transaction():
        await owner.execute("LOCK TABLE members IN ACCESS EXCLUSIVE MODE")
        assert json.loads(await anext(stream))["stage"] == "reading"
        assert json.loads(await anext(stream))["stage"] == "planning"
        await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'huida_app'")
        told = json.loads(await anext(stream))["problem"]
    await owner.close()
    assert (told["status"], told["code"]) == (503, "server.unavailable")
    assert (await console.get(BASE)).json()["items"] == []

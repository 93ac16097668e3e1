"""An import that tells how far it is, line by line, and ends with the usual answer or with a problem."""

import json
from typing import Any

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

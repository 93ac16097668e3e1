"""The import's door: the whole answer at once, or lines of progress that end with it (`application/x-ndjson`).

Either way one transaction: who closes the window while it runs finds nothing done.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from huida.kernel import i18n
from huida.kernel.db import Database
from huida.kernel.errors import Invalid
from huida.kernel.intake import tables
from huida.kernel.intake.turns import turn
from huida.kernel.web import Actor, problem_body, refusal_of
from huida.modules.members import imports, views
from huida.modules.members.imports import Progress, unheard

LINES: Final = "application/x-ndjson"


async def run(
    db: Database, actor: Actor, body: bytes, *, dry_run: bool, language: str, told: Progress = unheard
) -> views.ImportResult:
    """Read, plan and (unless `dry_run`) carry out an import. Raises Invalid for a file that cannot be read.

    A merchant has one at a time, and the file is read in a process of its own: nobody's login waits for it.
    """
    with turn("imports", actor.tenant_id, most=1):
        return await _run(db, actor, body, dry_run=dry_run, language=language, told=told)


async def _run(
    db: Database, actor: Actor, body: bytes, *, dry_run: bool, language: str, told: Progress
) -> views.ImportResult:
    told("reading", 0, 0)
    try:
        rows = imports.read_table(await tables.lines(body))
    except tables.Unreadable:
        raise Invalid(code="member.import_unreadable", where="file") from None
    except tables.TooLarge:
        raise imports.too_many() from None
    told("planning", 0, len(rows))
    if dry_run:
        async with db.read(actor.tenant_id) as read:
            made = await imports.plan(read, rows)
    else:
        async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
            made = await imports.plan(tx, rows)
            await imports.carry_out(tx, made, told)
    return {
        "dry_run": dry_run,
        "created": made.count("created"),
        "updated": made.count("updated"),
        "unchanged": made.count("unchanged"),
        "refused": made.count("refused"),
        "rows": [_told(row, language) for row in made.rows],
    }


async def lines(
    db: Database, actor: Actor, body: bytes, *, dry_run: bool, language: str, request_id: str
) -> AsyncIterator[bytes]:
    """Progress, a line each, and at the end `result` or `problem`; a reader who leaves stops the import."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    def told(stage: str, done: int, total: int) -> None:
        heard.put_nowait({"stage": stage, "done": done, "total": total})

    async def work() -> None:
        try:
            result = await run(db, actor, body, dry_run=dry_run, language=language, told=told)
            heard.put_nowait({"result": result})
        except Exception as error:
            refused = refusal_of(error, path="members/import")
            heard.put_nowait({"problem": problem_body(request_id, refused, language)})

    task = asyncio.create_task(work())
    try:
        while True:
            line = await heard.get()
            yield msgspec.json.encode(line) + b"\n"
            if "stage" not in line:
                return
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _told(row: imports.Row, language: str) -> views.ImportRow:
    told: views.ImportRow = {"row": row.number, "status": row.status}
    if row.member_id is not None:
        told["member_id"] = row.member_id
    if row.error is not None:
        error = row.error
        told |= {"code": error.code, "where": error.where, "text": i18n.text(error.code, language, error.params)}
    return told

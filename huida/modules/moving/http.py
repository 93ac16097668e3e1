"""Moving in, in the console: upload and see what is understood, start, watch, sign off, look at past imports."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
from fastapi import Depends, Request, UploadFile
from starlette.responses import Response, StreamingResponse

from huida.kernel import i18n
from huida.kernel.db import Database, ReadTx, Tx
from huida.kernel.errors import Invalid
from huida.kernel.intake import tables
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.intake.streams import begun
from huida.kernel.intake.turns import turn
from huida.kernel.secrets import mask_phone
from huida.kernel.sheets import BOM, as_text, csv_line
from huida.kernel.web import (
    Actor,
    Listing,
    Page,
    actor_of,
    file_answer,
    language_of,
    page,
    paged,
    staff_only,
    staff_read,
    staff_tx,
)
from huida.modules import members
from huida.modules.moving import past, planning, reading, storing, views
from huida.modules.moving.cells import Told
from huida.modules.moving.reading import Row
from huida.modules.moving.words import titles

console = Router(prefix="/api/console/imports", tags=["console"])

MAY = "members.import"
MAY_GIVE = "loyalty.adjust"
REPORT_PAGE = 1000


class StartIn(Body):
    """What a person agrees to: card numbers made up for new members without one, and what would be lost.

    `grow`: purchases count for growth.
    """

    make_numbers: bool = False
    accept_losses: bool = False
    grow: bool = True


class SignOffIn(Body):
    """`accept_refused`: the amounts of refused lines are not in the balance, and that is right."""

    accept_refused: bool = False


@console.post("", status_code=201)
async def upload(
    request: Request, file: UploadFile, kind: views.Kind = "members", actor: Actor = staff_only(MAY)
) -> views.ImportView:
    """Read a file and answer how it is understood; nothing of it is carried out. One at a time of a merchant."""
    db: Database = request.app.state.db
    with turn("imports", actor.tenant_id, most=1):
        table = await _read(await file.read(), kind)
        columns = _columns(kind, table)
        async with db.read(actor.tenant_id) as tx:
            setting = await (planning if kind == "members" else past).setting_of(tx)
        rows = await asyncio.to_thread(reading.rows, kind, columns, table.lines, setting)
        async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
            grows = True
            if kind == "members":
                made = await planning.plan(tx, rows, setting)
                portions = planning.portions(made, await planning.phone_owners(tx, made))
            else:
                made = await past.plan(tx, rows, setting)
                grows = await past.grows_by_default(tx, made)
                portions = planning.portions(made, {})
            sums = storing.Sums()
            sums.add(made)
            has_cards = any(column.field == "card_no" for column in columns)
            found = storing.Found(
                form=table.form,
                encoding=table.encoding,
                separator=table.separator,
                sheet=table.sheet,
                other_sheets=table.other_sheets,
                header_line=table.header_line,
                columns=[msgspec.to_builtins(column) for column in columns],
                counts=storing.counts_of(made, has_cards=has_cards),
                sums=sums,
                grows_by_default=grows,
            )
            import_id = await storing.keep(
                tx,
                kind=kind,
                file_name=file.filename or "",
                by=actor.name or actor.stamp,
                found=found,
                made=made,
                portions=portions,
            )
            return _shown(await storing.get(tx, import_id), language_of(request))


async def _read(body: bytes, kind: str) -> tables.Table:
    try:
        table = await tables.read_table(body, titles=titles.titles(kind), keys=titles.keys(kind))
    except tables.Unreadable as wrong:
        raise _unreadable(wrong) from None
    except tables.TooLarge:
        raise Invalid(code="moving.too_many_rows", where="file", most=tables.MOST_ROWS) from None
    if not table.header_line:
        words = "、".join(word for word in table.header if word)[:200]
        raise Invalid(code="moving.no_header", where="file", within=tables.HEADER_WITHIN, found=words)
    return table


def _unreadable(wrong: tables.Unreadable) -> Invalid:
    if wrong.why == "quote":
        return Invalid(code="moving.open_quote", where="file", line=wrong.line)
    codes = {
        "old_workbook": "moving.old_workbook",
        "open_document": "moving.open_document",
        "web_page": "moving.web_page",
    }
    return Invalid(code=codes.get(wrong.why, "moving.unreadable"), where="file")


def _columns(kind: str, table: tables.Table) -> list[titles.Column]:
    width = max([len(table.header), *(len(cells) for _, cells in table.lines)])
    columns = titles.recognised(kind, table.header, width)
    titles.without_running_numbers(kind, columns, table.lines)
    return columns


@console.get("")
async def list_imports(wanted: Page = Depends(page), tx: ReadTx = staff_read(MAY)) -> Listing[views.ImportSummary]:
    rows = await storing.list_imports(tx, before=wanted.before, limit=wanted.limit + 1)
    return paged(rows, wanted, lambda row: [str(row["id"])], _summary)


@console.get("/{import_id}")
async def read_import(request: Request, import_id: UUID, tx: ReadTx = staff_read(MAY)) -> views.ImportView:
    """How far it is and what came of it; ask again while it is `queued` or `running`."""
    return _shown(await storing.get(tx, import_id), language_of(request))


@console.get("/{import_id}/lines")
async def read_lines(
    request: Request,
    import_id: UUID,
    troubled: bool = False,
    wanted: Page = Depends(page),
    tx: ReadTx = staff_read(MAY),
) -> Listing[views.ImportLine]:
    """The lines with their values as they are understood; `troubled`: only those that say something."""
    await storing.get(tx, import_id)
    key = wanted.key(_small)
    rows = await storing.lines(tx, import_id, after=key[0] if key else 0, limit=wanted.limit + 1, troubled=troubled)
    whole, language = members.sees_whole(actor_of(request).may), language_of(request)
    return paged(rows, wanted, lambda one: [one[0]["number"]], lambda one: _line(*one, whole=whole, language=language))


@console.get("/{import_id}/report", response_class=StreamingResponse, responses=file_answer("text/csv"))
async def report(request: Request, import_id: UUID, troubled: bool = False, actor: Actor = staff_only(MAY)) -> Response:
    """The same as a file that Excel opens."""
    db: Database = request.app.state.db
    async with db.read(actor.tenant_id) as tx:
        await storing.get(tx, import_id)
    parts = _report(db, actor, import_id, troubled=troubled, language=language_of(request))
    headers = {"Content-Disposition": 'attachment; filename="import.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(await begun(parts), media_type="text/csv; charset=utf-8", headers=headers)


@console.post("/{import_id}/start", status_code=202)
async def start(request: Request, import_id: UUID, body: StartIn, tx: Tx = staff_tx(MAY_GIVE)) -> views.ImportView:
    """Have a worker carry it out, or go on after a stop. Who may do that may correct balances: an import books them."""
    await storing.start(tx, import_id, storing.Chosen(**body.model_dump()))
    return _shown(await storing.get(tx, import_id), language_of(request))


@console.post("/{import_id}/stop")
async def stop(request: Request, import_id: UUID, tx: Tx = staff_tx(MAY)) -> views.ImportView:
    """No further portion begins; `start` goes on where it stopped."""
    await storing.stop(tx, import_id)
    return _shown(await storing.get(tx, import_id), language_of(request))


@console.post("/{import_id}/sign-off")
async def sign_off(request: Request, import_id: UUID, body: SignOffIn, tx: Tx = staff_tx(MAY_GIVE)) -> views.ImportView:
    """Confirm that the sums of the file are the sums booked."""
    actor = actor_of(request)
    await storing.sign_off(tx, import_id, by=actor.name or actor.stamp, accept_refused=body.accept_refused)
    return _shown(await storing.get(tx, import_id), language_of(request))


def _small(part: Any) -> int:
    if type(part) is not int or not 0 <= part < 2**31:
        raise ValueError(part)
    return part


def _summary(row: Any) -> views.ImportSummary:
    return {
        "id": row["id"],
        "kind": row["kind"],
        "state": row["state"],
        "file_name": row["file_name"],
        "total": row["total"],
        "done": row["done"],
        "created_at": row["created_at"],
        "created_by": row["created_by"],
        "finished_at": row["finished_at"],
        "signed_at": row["signed_at"],
        "signed_by": row["signed_by"],
    }


def _shown(row: Any, language: str) -> views.ImportView:
    found = storing.found_of(row)
    counts = dict(found.counts)
    if counts.pop("cards_column", 0):
        counts["numbered"] = 0  # who has a phone and no card in a file with cards gets a number as ever
    failed = found.failed and row["state"] == "stopped"
    return {
        **_summary(row),
        "understood": {
            "form": found.form,
            "encoding": found.encoding,
            "separator": found.separator,
            "sheet": found.sheet,
            "other_sheets": found.other_sheets,
            "header_line": found.header_line,
            "columns": [_column(column, language) for column in found.columns],
        },
        "counts": counts,  # type: ignore[typeddict-item]
        "balance": storing.balance(row),  # type: ignore[typeddict-item]
        "grows_by_default": found.grows_by_default,
        "stopped_why": i18n.text("moving.portion_failed", language) if failed else None,
    }


def _column(kept: Any, language: str) -> views.FileColumn:
    column: views.FileColumn = {"place": kept["place"], "title": kept["title"], "field": kept["field"]}
    if "unit" in kept:
        column["unit"] = kept["unit"]
    if "why" in kept:
        column["why"] = i18n.text(kept["why"], language, {"said": kept.get("said", "")})
    return column


def _line(kept: Any, row: Row, *, whole: bool, language: str) -> views.ImportLine:
    values: Any = storing.texts_of(row)
    if "phone" in values and not whole:
        values = {**values, "phone": mask_phone(values["phone"])}
    line: views.ImportLine = {
        "row": kept["number"],
        "status": kept["status"],
        "finished": kept["finished"],
        "values": values,
        "notes": [_said(note, language) for note in row.notes],
    }
    if row.error is not None:
        line["error"] = _said(row.error, language)
    if kept["member_id"] is not None:
        line["member_id"] = kept["member_id"]
    return line


def _said(told: Told, language: str) -> views.Said:
    params = dict(told.params)
    if told.where:
        params["field"] = i18n.text(f"moving.field.{told.where}", language)
    return {"code": told.code, "where": told.where, "text": i18n.text(told.code, language, params)}


async def _report(
    db: Database, actor: Actor, import_id: UUID, *, troubled: bool, language: str
) -> AsyncIterator[bytes]:
    whole = members.sees_whole(actor.may)
    heads = ["row", "status", "why", "card_no", "name", "phone", "till_no"]
    yield (BOM + csv_line([i18n.text(f"moving.report.{head}", language) for head in heads])).encode()
    after = 0
    while True:
        async with db.read(actor.tenant_id) as tx:
            rows = await storing.lines(tx, import_id, after=after, limit=REPORT_PAGE, troubled=troubled)
        shown = [_line(kept, row, whole=whole, language=language) for kept, row in rows]
        yield "".join(_report_line(line, language) for line in shown).encode()
        if len(rows) < REPORT_PAGE:
            return
        after = rows[-1][0]["number"]


def _report_line(line: views.ImportLine, language: str) -> str:
    said = [*([line["error"]] if "error" in line else []), *line["notes"]]
    values = line["values"]
    return csv_line(
        [
            *(
                line["row"],
                i18n.text(f"moving.status.{line['status']}", language),
                "; ".join(one["text"] for one in said),
            ),
            *(as_text(values.get("card_no", "")), values.get("name", ""), as_text(values.get("phone", ""))),
            as_text(values.get("till_no", "")),
        ]
    )

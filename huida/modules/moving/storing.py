"""Imports as rows: kept after the dry run, read for screens and files, started, stopped, signed off, forgotten."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from huida.kernel.db import Tx, columns
from huida.kernel.errors import Conflict, NotFound, move
from huida.kernel.ids import uuid7
from huida.kernel.secrets import Sealer, Secret
from huida.modules import members
from huida.modules.moving.facts import BalanceSigned
from huida.modules.moving.models import IMPORT_MOVES
from huida.modules.moving.planning import Planned
from huida.modules.moving.reading import Row

PURPOSE: Final = "moving.line"
KEY_PURPOSE: Final = "moving.line_key"
CARRY_OUT: Final = "moving.carry_out"
UNITS: Final = ("points", "cny_principal", "cny_gift", "growth", "total_fen")
FIELD_OF: Final = {
    "points": "points",
    "cny_principal": "principal_fen",
    "cny_gift": "gift_fen",
    "growth": "growth_fen",
    "total_fen": "total_fen",
}
_row = msgspec.json.Decoder(Row)


class Sums(msgspec.Struct):
    """Amounts by unit: in the file, (to be) booked, booked before, refused (or expired); and lines whose amount cannot be read."""

    in_file: dict[str, int] = {}
    booked: dict[str, int] = {}
    before: dict[str, int] = {}
    refused: dict[str, int] = {}
    unread: dict[str, int] = {}

    def add(self, made: Sequence[Planned]) -> None:
        """Count these lines where they belong."""
        for one in made:
            for unit in UNITS:
                amount = getattr(one.row, FIELD_OF[unit])
                if FIELD_OF[unit] in one.row.unread:
                    _more(self.unread, unit, 1)
                if not amount:
                    continue
                _more(self.in_file, unit, amount)
                if one.status == "refused":
                    _more(self.refused, unit, amount)
                else:
                    _more(self.booked, unit, one.books.get(unit, 0))
                    _more(self.before, unit, one.booked_before.get(unit, 0))
                    _more(self.refused, unit, one.expired if unit == "points" else 0)


def _more(sums: dict[str, int], unit: str, amount: int) -> None:
    sums[unit] = sums.get(unit, 0) + amount


class Found(msgspec.Struct):
    """What the dry run found, as it is kept with the import. `failed`: it was stopped since a portion went wrong."""

    form: str
    encoding: str
    separator: str
    sheet: str
    other_sheets: list[str]
    header_line: int
    columns: list[Any]
    counts: dict[str, int]
    sums: Sums
    grows_by_default: bool = True
    failed: bool = False


class Chosen(msgspec.Struct):
    """What a person chose when the import was started."""

    make_numbers: bool = False
    accept_losses: bool = False
    grow: bool = True


def counts_of(made: Sequence[Planned], *, has_cards: bool) -> dict[str, int]:
    """Lines by status, and those that a person must look at."""
    by_status = Counter(one.status for one in made)
    return {
        **{status: by_status[status] for status in ("created", "updated", "unchanged", "refused")},
        "troubled": sum(one.row.error is not None or bool(one.row.notes) for one in made),
        "losing": sum(one.row.loses for one in made),
        "numbered": sum(one.status == "created" and not one.row.card_no for one in made),
        "cards_column": int(has_cards),
    }


def seal(sealer: Sealer, row: Row) -> bytes:
    return sealer.seal(Secret(msgspec.json.encode(row).decode()), purpose=PURPOSE)


def unseal(sealer: Sealer, content: bytes) -> Row:
    return _row.decode(sealer.unseal(bytes(content), purpose=PURPOSE).reveal())


async def keep(
    tx: Tx, *, kind: str, file_name: str, by: str, found: Found, made: Sequence[Planned], portions: Sequence[int]
) -> UUID:
    """Keep what was understood, to be looked at and started. Returns the import's id."""
    import_id = uuid7()
    await tx.execute(
        "INSERT INTO imports (tenant_id, id, kind, state, file_name, found, total, created_at, created_by) "
        "VALUES ($1, $2, $3, 'planned', $4, $5, $6, $7, $8)",
        *(tx.tenant_id, import_id, kind, file_name[:200], msgspec.json.encode(found).decode(), len(made), tx.now, by),
    )
    for start in range(0, len(made), 2000):
        some = list(zip(made[start : start + 2000], portions[start : start + 2000], strict=True))
        values = await asyncio.to_thread(_values, tx.sealer, some)
        await tx.execute(
            "INSERT INTO import_lines (tenant_id, import_id, number, portion, status, trouble, member_id, content_sealed, keys) "
            "SELECT $1, $2, v.number, v.portion, v.status, v.trouble, v.member_id, v.content, "
            "  array_remove(ARRAY[v.card, v.phone], NULL) FROM unnest($3::int[], $4::int[], $5::text[], $6::bool[], $7::uuid[], "
            "  $8::bytea[], $9::bytea[], $10::bytea[]) AS v(number, portion, status, trouble, member_id, content, card, phone)",
            *(tx.tenant_id, import_id, *columns(values, 8)),
        )
    return import_id


def key_of(sealer: Sealer, kind: str, value: str) -> bytes | None:
    """What lines that name the same card or phone have in common in the database."""
    return sealer.blind_index(f"{kind} {value}", purpose=KEY_PURPOSE) if value else None


def _values(sealer: Sealer, some: Sequence[tuple[Planned, int]]) -> list[tuple[Any, ...]]:
    return [
        (
            *(one.row.number, portion, one.status, one.row.error is not None or bool(one.row.notes)),
            *(one.member_id, seal(sealer, one.row)),
            *(key_of(sealer, "card", members.card_key(one.row.card_no)), key_of(sealer, "phone", one.row.phone)),
        )
        for one, portion in some
    ]


async def get(tx: Tx, import_id: UUID) -> Any:
    """The import's row. Raises NotFound."""
    row = await tx.row("SELECT * FROM imports WHERE tenant_id = $1 AND id = $2", tx.tenant_id, import_id)
    if row is None:
        raise NotFound(code="moving.not_found", where="import_id")
    return row


async def locked(tx: Tx, import_id: UUID) -> Any:
    """The same, held until this transaction ends."""
    row = await tx.row("SELECT * FROM imports WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, import_id)
    if row is None:
        raise NotFound(code="moving.not_found", where="import_id")
    return row


def found_of(row: Any) -> Found:
    return msgspec.json.decode(row["found"], type=Found)


async def list_imports(tx: Tx, *, before: UUID | None, limit: int) -> list[Any]:
    """Imports, newest first."""
    return await tx.fetch(
        "SELECT * FROM imports WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        *(tx.tenant_id, before, limit),
    )


async def lines(tx: Tx, import_id: UUID, *, after: int, limit: int, troubled: bool) -> list[tuple[Any, Row]]:
    """Lines after this number, with what they say."""
    only = "AND trouble " if troubled else ""
    rows = await tx.fetch(
        f"SELECT * FROM import_lines WHERE tenant_id = $1 AND import_id = $2 AND number > $3 {only}ORDER BY number LIMIT $4",
        *(tx.tenant_id, import_id, after, limit),
    )
    return [(row, unseal(tx.sealer, row["content_sealed"])) for row in rows]


async def start(tx: Tx, import_id: UUID, chosen: Chosen) -> None:
    """Have a worker carry it out, or go on with it. Raises NotFound, WrongState, and Conflict while another one runs, when
    card numbers would have to be made up, when something would be lost and nobody agreed, or when its lines are forgotten.
    """
    row = await locked(tx, import_id)
    state = move(row["state"], "queued", IMPORT_MOVES)
    if row["forgotten_at"] is not None:
        raise Conflict(code="moving.lines_forgotten")
    counts = found_of(row).counts
    if row["kind"] == "members" and not counts["cards_column"] and counts["numbered"] and not chosen.make_numbers:
        raise Conflict(code="moving.numbers_not_confirmed", where="make_numbers", count=counts["numbered"])
    if counts["losing"] and not chosen.accept_losses:
        raise Conflict(code="moving.losses_not_confirmed", where="accept_losses", count=counts["losing"])
    try:
        await tx.execute(
            "UPDATE imports SET state = $3, chosen = $4, started_at = coalesce(started_at, $5), found = found || '{\"failed\": false}' "
            "WHERE tenant_id = $1 AND id = $2",
            *(tx.tenant_id, import_id, state, msgspec.json.encode(chosen).decode(), tx.now),
        )
    except asyncpg.UniqueViolationError as running:
        raise Conflict(code="moving.another_runs") from running
    tx.enqueue(CARRY_OUT, {"import_id": import_id}, lane=import_id)


async def stop(tx: Tx, import_id: UUID) -> None:
    """No further portion begins; what is done stays done, and `start` goes on. Raises NotFound, WrongState."""
    row = await locked(tx, import_id)
    await tx.execute(
        "UPDATE imports SET state = $3 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, import_id, move(row["state"], "stopped", IMPORT_MOVES)),
    )


async def fail(tx: Tx, import_id: UUID) -> None:
    """Stop an import of which a portion went wrong, and say so; `start` tries that portion again."""
    await tx.execute(
        "UPDATE imports SET state = 'stopped', found = found || '{\"failed\": true}' "
        "WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running')",
        *(tx.tenant_id, import_id),
    )


async def sign_off(tx: Tx, import_id: UUID, *, by: str, accept_refused: bool) -> None:
    """Somebody confirms the balance. Raises NotFound, Conflict: not done, signed already, or amounts that are not in it."""
    row = await locked(tx, import_id)
    if row["state"] != "done":
        raise Conflict(code="moving.not_done")
    if row["signed_at"] is not None:
        raise Conflict(code="moving.signed_already")
    units = balance(row)
    if not all(one["balanced"] for one in units):
        raise Conflict(code="moving.not_balanced")
    if any(one["refused"] or one["unread"] for one in units) and not accept_refused:
        raise Conflict(code="moving.refused_not_accepted", where="accept_refused")
    await tx.execute(
        "UPDATE imports SET signed_at = $3, signed_by = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, import_id, tx.now, by),
    )
    tx.emit(BalanceSigned(import_id=import_id))


def balance(row: Any) -> list[dict[str, Any]]:
    """By unit: what the file holds and where it went; of an import that is done `booked` is what the ledger says."""
    sums = msgspec.json.decode(row["balance"], type=Sums) if row["balance"] else found_of(row).sums
    in_file = found_of(row).sums
    return [
        {
            "unit": unit,
            "in_file": (whole := in_file.in_file.get(unit, 0)),
            "booked": (booked := sums.booked.get(unit, 0)),
            "before": (before := sums.before.get(unit, 0)),
            "refused": (refused := sums.refused.get(unit, 0)),
            "unread": in_file.unread.get(unit, 0),
            "balanced": whole == booked + before + refused,
        }
        for unit in UNITS
        if unit in in_file.in_file or unit in in_file.unread
    ]


def chosen_of(row: Any) -> Chosen:
    return msgspec.json.decode(row["chosen"], type=Chosen) if row["chosen"] else Chosen()


def texts_of(row: Row) -> Mapping[str, Any]:
    """What a line says, without what it does not."""
    return {
        name: value
        for name in Row.__struct_fields__
        if name not in ("number", "growth_by_level", "unread", "notes", "error") and (value := getattr(row, name))
    }

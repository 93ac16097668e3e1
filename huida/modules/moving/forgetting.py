"""Imports forget: files that nobody starts, what lines of old imports said, and whoever is erased."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Tx, columns
from huida.modules import members
from huida.modules.moving.cells import Told
from huida.modules.moving.reading import Row
from huida.modules.moving.storing import key_of, seal, unseal

KEPT_PLANNED: Final = timedelta(days=1)
"""A file that nobody starts is forgotten: it names people."""
KEPT_LINES: Final = timedelta(days=30)
"""What lines said, after the import; counts and sums stay."""
IMPORTS: Final = 100
"""Files that one transaction forgets."""
NAMING: Final = "tenant_id = $1 AND (member_id = ANY($2) OR keys && $3::bytea[])"


async def forget(tx: Tx, *, most: int) -> bool:
    """Forget files that nobody started, and what the lines of old imports said; True when there may be more.

    A stopped import whose lines begin to go cannot go on any more. Imports that somebody starts at this moment are left alone.
    """
    rows = await tx.fetch(
        "SELECT id FROM imports i WHERE tenant_id = $1 AND ((state = 'planned' AND created_at < $2) "
        "  OR (state IN ('done', 'stopped') AND created_at < $3 AND EXISTS ("
        "    SELECT FROM import_lines l WHERE l.tenant_id = i.tenant_id AND l.import_id = i.id))) "
        "ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED",
        *(tx.tenant_id, tx.now - KEPT_PLANNED, tx.now - KEPT_LINES, IMPORTS),
    )
    due = [row["id"] for row in rows]
    await tx.execute(
        "UPDATE imports SET forgotten_at = coalesce(forgotten_at, $3) WHERE tenant_id = $1 AND id = ANY($2)",
        *(tx.tenant_id, due, tx.now),
    )
    gone = await tx.execute(
        "DELETE FROM import_lines WHERE tenant_id = $1 AND (import_id, number) IN ("
        "  SELECT import_id, number FROM import_lines WHERE tenant_id = $1 AND import_id = ANY($2) LIMIT $3)",
        *(tx.tenant_id, due, most),
    )
    await tx.execute(
        "DELETE FROM imports i WHERE tenant_id = $1 AND id = ANY($2) AND state = 'planned' AND NOT EXISTS ("
        "  SELECT FROM import_lines l WHERE l.tenant_id = i.tenant_id AND l.import_id = i.id)",
        *(tx.tenant_id, due),
    )
    return gone == most or len(due) == IMPORTS


def keys_of(tx: Tx, *, card_nos: Sequence[str], phones: Sequence[str]) -> list[bytes]:
    """What lines that name one of these cards or phones (11 digits) are found by."""
    named = [("card", members.card_key(card_no)) for card_no in card_nos] + [("phone", phone) for phone in phones]
    return sorted({key for kind, value in named if (key := key_of(tx.sealer, kind, value)) is not None})


async def wipe(tx: Tx, member_ids: Sequence[UUID], keys: Sequence[bytes]) -> None:
    """Erase what lines say that brought these members, who are erased, or that name them (`keys_of`). Looks through all lines.

    Amounts, counts and whose a booked line is stay, so that balances agree; a line that is not carried out yet is refused.
    """
    found = await tx.fetch(
        f"SELECT DISTINCT import_id FROM import_lines WHERE {NAMING}", tx.tenant_id, list(member_ids), list(keys)
    )
    for import_id in sorted(row["import_id"] for row in found):
        # A portion that is being carried out writes its lines again: wait for it.
        await tx.value("SELECT id FROM imports WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, import_id)
        lines = await tx.fetch(
            f"SELECT number, status, finished, content_sealed FROM import_lines WHERE {NAMING} AND import_id = $4",
            *(tx.tenant_id, list(member_ids), list(keys), import_id),
        )
        await _blank(tx, import_id, lines)


async def _blank(tx: Tx, import_id: UUID, lines: Sequence[Any]) -> None:
    values = []
    for line in lines:
        refused = line["status"] == "refused" or not line["finished"]
        row = _amounts_of(unseal(tx.sealer, line["content_sealed"]))
        if refused:
            row.error = Told("moving.line_erased", "card_no", {})
        values.append((line["number"], refused, seal(tx.sealer, row)))
    await tx.execute(
        "UPDATE import_lines l SET content_sealed = v.content, keys = '{}', trouble = v.refused, "
        "  status = CASE WHEN v.refused THEN 'refused' ELSE l.status END, "
        "  member_id = CASE WHEN v.refused THEN NULL ELSE l.member_id END "
        "FROM unnest($3::int[], $4::bool[], $5::bytea[]) AS v(number, refused, content) "
        "WHERE l.tenant_id = $1 AND l.import_id = $2 AND l.number = v.number",
        *(tx.tenant_id, import_id, *columns(values, 3)),
    )


def _amounts_of(row: Row) -> Row:
    return Row(
        number=row.number,
        points=row.points,
        principal_fen=row.principal_fen,
        gift_fen=row.gift_fen,
        growth_fen=row.growth_fen,
        total_fen=row.total_fen,
    )

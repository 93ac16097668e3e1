"""Members as a file for spreadsheets: heads and words in the reader's language, the shop's time, what they own (U-17)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from huida.kernel import i18n
from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Database, Tx
from huida.kernel.money import yuan
from huida.kernel.secrets import mask_phone
from huida.kernel.sheets import BOM, as_text, csv_line
from huida.modules.members import queries
from huida.modules.members.service import phone_of
from huida.modules.members.views import Balances

PAGE: Final = 1000
COLUMNS: Final = (
    "card_no",
    "name",
    "phone",
    "level",
    "state",
    "store",
    "points",
    "balance",
    "growth",
    "last_visit",
    "birthday",
    "joined_at",
    "note",
    "tags",
)

BalancesOf = Callable[[Tx, Sequence[UUID]], Awaitable[Mapping[UUID, Balances]]]
LevelNames = Callable[[Tx], Awaitable[dict[str, str]]]
LastVisits = Callable[[Tx, Sequence[UUID]], Awaitable[Mapping[UUID, datetime]]]


@dataclass(frozen=True, slots=True)
class Others:
    """What modules beside and above this one know of members; `main` gives it."""

    balances_of: BalancesOf
    level_names: LevelNames
    last_visits: LastVisits


def shown_growth(balances: Balances) -> str:
    """Growth as people read it, in whole yuan. The one place that knows the ledger's unit of it for this file."""
    return str(balances.get("growth", 0))


async def lines(
    db: Database,
    tenant_id: int,
    others: Others,
    *,
    may: frozenset[str],
    q: str = "",
    level: str | None,
    state: str | None,
    tag: str | None,
    language: str,
) -> AsyncIterator[bytes]:
    """All members as CSV that Excel opens (UTF-8 with BOM), page by page: each page is a short transaction of its own."""
    yield (BOM + csv_line([i18n.text(f"member.export.{column}", language) for column in COLUMNS])).encode()
    before: UUID | None = None
    while True:
        async with db.read(tenant_id) as tx:
            rows = await queries.search(tx, limit=PAGE, before=before, q=q, level=level, state=state, tag=tag)
            text = await _page(tx, others, rows, whole=queries.sees_whole(may), language=language)
        yield text.encode()
        if len(rows) < PAGE:
            return
        before = rows[-1]["id"]


async def _page(tx: Tx, others: Others, rows: Sequence[Any], *, whole: bool, language: str) -> str:
    ids = [row["id"] for row in rows]
    owned = await others.balances_of(tx, ids) if ids else {}
    visits = await others.last_visits(tx, ids) if ids else {}
    levels = await others.level_names(tx)
    stores = {
        one["id"]: one["name"]
        for one in await tx.fetch("SELECT id, name FROM stores WHERE tenant_id = $1 LIMIT 5000", tx.tenant_id)
    }
    text = ""
    for row in rows:
        phone = phone_of(tx, row) or ""
        has: Balances = owned.get(row["id"], {})
        text += csv_line(
            [
                as_text(row["card_no"]),
                row["name"],
                as_text(phone) if whole else mask_phone(phone) if phone else "",
                levels.get(row["level"], row["level"]),
                i18n.text(f"member.state.{row['state']}", language),
                stores.get(row["store_id"], ""),
                str(has.get("points", 0)),
                yuan(has.get("cny_principal", 0) + has.get("cny_gift", 0)),
                shown_growth(has),
                _time(visits.get(row["id"])),
                "" if row["birthday"] is None else row["birthday"].isoformat(),
                _time(row["joined_at"]),
                row["note"],
                " ".join(row["tags"]),
            ]
        )
    return text


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(SHOP_ZONE):%Y-%m-%d %H:%M:%S}"

"""Purchases as lists, sums and files: in the order in which they happened, whenever they were reported (B-29, U-20).

A page goes on below the time and id of its last row, so that what is reported meanwhile moves no other row to another page.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from huida.kernel import i18n
from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Database, ReadTx, Tx
from huida.kernel.lists import Where, fetch
from huida.kernel.money import yuan
from huida.kernel.secrets import mask_phone
from huida.kernel.sheets import BOM, as_text, csv_line
from huida.kernel.web import Listing, Page, paged
from huida.modules import members
from huida.modules.orders import views

LATEST_FIRST: Final = "occurred_at DESC, id DESC"
PAGE: Final = 1000
COLUMNS: Final = (
    "occurred_at",
    "store",
    "till_no",
    "card_no",
    "name",
    "phone",
    "total",
    "from_balance",
    "refunded",
    "points",
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; None asks for everything. Times are those of the purchase, until is outside; amounts in fen, both
    within."""

    member_id: UUID | None = None
    store: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    from_fen: int | None = None
    to_fen: int | None = None

    def where(self, tx: Tx) -> Where:
        """The conditions on `purchases`."""
        where = Where(tx.tenant_id)
        where.equal(member_id=self.member_id)
        for condition, value in (
            ("store_id = (SELECT id FROM stores s WHERE s.tenant_id = $1 AND s.code = {})", self.store),
            ("occurred_at >= {}", self.since),
            ("occurred_at < {}", self.until),
            ("total_fen >= {}", self.from_fen),
            ("total_fen <= {}", self.to_fen),
        ):
            if value is not None:
                where.add(condition, value)
        return where


async def purchases(tx: Tx, filters: Filters, page: Page) -> list[Any]:
    """Rows with `store_code` and `store_name`, the latest first; at most one more than the page holds.

    Raises Invalid for a cursor that was made up.
    """
    return await _below(tx, filters, page.key(_moment, _uuid), page.limit + 1)


async def _below(tx: Tx, filters: Filters, last: Sequence[Any] | None, limit: int) -> list[Any]:
    where = filters.where(tx)
    if last is not None:
        where.add("(occurred_at, id) < ({}, {})", *last)
    rows = await fetch(tx, "SELECT * FROM purchases", where, LATEST_FIRST, limit)
    stores = {
        one["id"]: one
        for one in await tx.fetch(
            "SELECT id, code, name FROM stores WHERE tenant_id = $1 AND id = ANY($2)",
            *(tx.tenant_id, sorted({row["store_id"] for row in rows})),
        )
    }
    return [
        {**row, "store_code": stores[row["store_id"]]["code"], "store_name": stores[row["store_id"]]["name"]}
        for row in rows
    ]


def _moment(part: Any) -> datetime:
    moment = datetime.fromisoformat(part)
    if moment.tzinfo is None:
        raise ValueError(part)
    return moment.astimezone(UTC)


def _uuid(part: Any) -> UUID:
    return UUID(str(part))


async def console_list(tx: ReadTx, filters: Filters, page: Page) -> Listing[views.ListedPurchase]:
    """A page for the console: each purchase with its member's name and card."""
    rows = await purchases(tx, filters, page)
    people = await members.people(tx, {row["member_id"] for row in rows})
    return paged(rows, page, key_of, lambda row: _listed(row, people[row["member_id"]]))


def key_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a page goes on below."""
    return row["occurred_at"].isoformat(), row["id"].hex


def _listed(row: Mapping[str, Any], person: Any) -> views.ListedPurchase:
    return {**show_purchase(row), "member_name": person["name"], "card_no": person["card_no"]}


def show_purchase(row: Mapping[str, Any]) -> views.Purchase:
    """A purchase as every list shows it."""
    return {
        "id": row["id"],
        "store_code": row["store_code"],
        "store_name": row["store_name"],
        "till_no": row["till_no"],
        "member_id": row["member_id"],
        "total_fen": row["total_fen"],
        "balance_fen": row["balance_fen"],
        "points": row["points"],
        "refunded_fen": row["refunded_fen"],
        "occurred_at": row["occurred_at"],
    }


async def totals(tx: Tx, filters: Filters) -> views.PurchaseTotals:
    """How many there are and what they come to."""
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    where = filters.where(tx)
    row = await tx.row(
        "SELECT count(*) AS purchases, coalesce(sum(total_fen), 0)::bigint AS total_fen, "
        "coalesce(sum(balance_fen), 0)::bigint AS balance_fen, coalesce(sum(refunded_fen), 0)::bigint AS refunded_fen, "
        f"coalesce(sum(points), 0)::bigint AS points FROM purchases WHERE {where}",
        *where.values,
    )
    assert row is not None  # a sum always has a row
    return {
        "purchases": row["purchases"],
        "total_fen": row["total_fen"],
        "balance_fen": row["balance_fen"],
        "refunded_fen": row["refunded_fen"],
        "points": row["points"],
    }


async def last_visits(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When these members bought something last; who never did is absent."""
    rows = await tx.fetch(
        "SELECT w.id, p.occurred_at FROM unnest($2::uuid[]) AS w(id) CROSS JOIN LATERAL (SELECT occurred_at FROM purchases "
        "WHERE tenant_id = $1 AND member_id = w.id ORDER BY occurred_at DESC, id DESC LIMIT 1) p",
        *(tx.tenant_id, list(member_ids)),
    )
    return {row["id"]: row["occurred_at"] for row in rows}


async def export(
    db: Database, tenant_id: int, filters: Filters, *, may: frozenset[str], language: str
) -> AsyncIterator[bytes]:
    """The same list as CSV for spreadsheets; each page is a short transaction of its own. Times are the shop's."""
    yield (BOM + csv_line([i18n.text(f"orders.export.{column}", language) for column in COLUMNS])).encode()
    whole = members.sees_whole(may)
    last: Sequence[Any] | None = None
    while True:
        async with db.read(tenant_id) as tx:
            rows = await _below(tx, filters, last, PAGE)
            people = await members.people(tx, {row["member_id"] for row in rows})
            text = "".join(csv_line(_cells(tx, row, people[row["member_id"]], whole=whole)) for row in rows)
        yield text.encode()
        if len(rows) < PAGE:
            return
        last = (rows[-1]["occurred_at"], rows[-1]["id"])


def _cells(tx: Tx, row: Mapping[str, Any], person: Any, *, whole: bool) -> list[str]:
    phone = members.phone_of(tx, person) or ""
    return [
        f"{row['occurred_at'].astimezone(SHOP_ZONE):%Y-%m-%d %H:%M:%S}",
        row["store_name"],
        as_text(row["till_no"]),
        as_text(person["card_no"]),
        person["name"],
        as_text(phone) if whole else mask_phone(phone) if phone else "",
        yuan(row["total_fen"]),
        yuan(row["balance_fen"]),
        yuan(row["refunded_fen"]),
        str(row["points"]),
    ]

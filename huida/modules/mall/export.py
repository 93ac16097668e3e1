"""Orders as a file: read page by page, each page a short transaction of its own."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

from huida.kernel import i18n
from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Database
from huida.kernel.money import yuan
from huida.kernel.secrets import mask_phone
from huida.kernel.sheets import BOM, as_text, csv_line
from huida.modules import members
from huida.modules.mall import queries
from huida.modules.mall.orders import phone_of

PAGE: Final = queries.ORDERS_MOST
COLUMNS: Final = (
    "order_no",
    "created_at",
    "state",
    "title",
    "spec",
    "code",
    "price",
    "count",
    "total",
    "refunded",
    "receiver",
    "phone",
    "address",
    "note",
    "parcels",
    "transaction_id",
    "paid_at",
)


async def orders(
    db: Database,
    tenant_id: int,
    *,
    may: frozenset[str],
    state: str | None,
    since: datetime | None,
    until: datetime | None,
    language: str,
) -> AsyncIterator[bytes]:
    """CSV lines, one for each line of an order, with a mark that spreadsheets recognise as UTF-8."""
    yield (BOM + csv_line([i18n.text(f"mall.export.{column}", language) for column in COLUMNS])).encode()
    before: UUID | None = None
    whole = members.sees_whole(may)
    while True:
        async with db.read(tenant_id) as tx:
            rows = await queries.search_orders(tx, limit=PAGE, before=before, state=state, since=since, until=until)
            parts = await queries.parts(tx, [row["id"] for row in rows])
            text = ""
            for row in rows:
                phone = phone_of(tx, row)
                shared = [
                    yuan(row["total_fen"]),
                    yuan(row["refunded_fen"]),
                    row["receiver"],
                    phone if whole else mask_phone(phone),
                    row["address"],
                    row["note"],
                    "; ".join(f"{one['carrier']} {one['tracking_no']}" for one in parts["parcels"][row["id"]]),
                    as_text(row["transaction_id"]),
                    _time(row["paid_at"]),
                ]
                head = [
                    as_text(row["order_no"]),
                    _time(row["created_at"]),
                    i18n.text(f"mall.state.{row['state']}", language),
                ]
                for line in parts["lines"][row["id"]]:
                    sold = [
                        line["title"],
                        line["spec"],
                        as_text(line["code"]),
                        yuan(line["price_fen"]),
                        str(line["count"]),
                    ]
                    text += csv_line([*head, *sold, *shared])
        yield text.encode()
        if len(rows) < PAGE:
            return
        before = rows[-1]["id"]


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(SHOP_ZONE):%Y-%m-%d %H:%M:%S}"

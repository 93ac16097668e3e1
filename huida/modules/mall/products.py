"""Products: save with their combinations, on and off sale, pictures, stock as the ERP tells it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, move
from huida.kernel.ids import uuid7
from huida.kernel.intake.pictures import LARGEST_SIDE, MOST_PIXELS, NoPicture, TooManyPixels
from huida.kernel.intake.pictures import picture as picture_in
from huida.modules.mall.facts import ProductChanged
from huida.modules.mall.models import PRODUCT_MOVES
from huida.modules.mall.rules import STOCK_MOST, ProductIn, SkuIn, check_product
from huida.modules.mall.service import require_open

PICTURE_BYTES: Final = 1024 * 1024
PICTURES_OF_MERCHANT: Final = 2000
UNUSED_FOR: Final = timedelta(days=1)
TIDY_AT_ONCE: Final = 500
SHOWN: Final = """
'picture:' || m.id IN (SELECT unnest(p.pictures) FROM mall_products p WHERE p.tenant_id = $1)
OR 'picture:' || m.id IN (SELECT l.picture FROM mall_order_lines l WHERE l.tenant_id = $1)
"""
"""Whether a product or an order shows the picture `m`."""


async def create_product(tx: Tx, given: ProductIn) -> UUID:
    """Draft a product. Raises Forbidden without the mall, Invalid, Conflict for a SKU code that another product has."""
    await require_open(tx)
    check_product(given)
    await _check_pictures(tx, given.pictures)
    product_id = uuid7()
    await tx.execute(
        "INSERT INTO mall_products (tenant_id, id, title, description, pictures, specs, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        *(
            tx.tenant_id,
            product_id,
            given.title.strip(),
            given.description,
            list(given.pictures),
            _specs(given),
            tx.now,
        ),
    )
    await _save_skus(tx, product_id, given.skus, known={})
    tx.emit(ProductChanged(product_id=product_id, title=given.title.strip(), fields=["created"]))
    return product_id


async def change_product(tx: Tx, product_id: UUID, given: ProductIn) -> None:
    """Replace what is shown; stock changes by what the form changed it by, so that sales meanwhile are not undone.

    Raises as `create_product`, NotFound, and Conflict when less stock is left than is taken away.
    """
    await require_open(tx)
    check_product(given)
    before = await lock_product(tx, product_id)
    await _check_pictures(tx, given.pictures)
    await tx.execute(
        "UPDATE mall_products SET title = $3, description = $4, pictures = $5, specs = $6, updated_at = $7 "
        "WHERE tenant_id = $1 AND id = $2",
        *(
            tx.tenant_id,
            product_id,
            given.title.strip(),
            given.description,
            list(given.pictures),
            _specs(given),
            tx.now,
        ),
    )
    rows = await tx.fetch(
        "SELECT id, spec_values, stock, gone FROM mall_skus WHERE tenant_id = $1 AND product_id = $2 ORDER BY id FOR NO KEY UPDATE",
        *(tx.tenant_id, product_id),
    )
    known = {tuple(row["spec_values"]): row for row in rows}
    gone = [row["id"] for values, row in known.items() if values not in {sku.values for sku in given.skus}]
    await tx.execute(
        "UPDATE mall_skus SET gone = true WHERE tenant_id = $1 AND id = ANY($2) AND NOT gone", tx.tenant_id, gone
    )
    await _save_skus(tx, product_id, given.skus, known=known)
    fields = [name for name in ("title", "description") if before[name] != getattr(given, name).strip()]
    if list(before["pictures"]) != list(given.pictures):
        fields.append("pictures")
    tx.emit(ProductChanged(product_id=product_id, title=given.title.strip(), fields=[*fields, "skus"]))


async def put_on(tx: Tx, product_id: UUID) -> None:
    """Offer it. Raises Forbidden without the mall, NotFound, WrongState."""
    await lock_product(tx, product_id)
    await require_open(tx)
    await _set_state(tx, product_id, "on")


async def take_off(tx: Tx, product_id: UUID) -> None:
    """Offer it no more; what was ordered stays ordered. Raises NotFound, WrongState."""
    await _set_state(tx, product_id, "off")


async def _set_state(tx: Tx, product_id: UUID, target: str) -> None:
    row = await lock_product(tx, product_id)
    await tx.execute(
        "UPDATE mall_products SET state = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, product_id, move(row["state"], target, PRODUCT_MOVES), tx.now),
    )
    tx.emit(ProductChanged(product_id=product_id, title=row["title"], fields=["state"]))


async def lock_product(tx: Tx, product_id: UUID) -> Row:
    """The product's row, locked. Raises NotFound."""
    row = await tx.row(
        "SELECT * FROM mall_products WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.tenant_id, product_id
    )
    if row is None:
        raise NotFound(code="mall.product_not_found", where="product_id")
    return row


async def set_stock(tx: Tx, code: str, stock: int) -> None:
    """What is in stock now, as the warehouse counts it; orders that wait for their payment have theirs already.

    Raises Invalid, NotFound.
    """
    if not 0 <= stock <= STOCK_MOST:
        raise Invalid(code="mall.bad_stock", where="stock")
    if not code or not await tx.execute(
        "UPDATE mall_skus SET stock = $3 WHERE tenant_id = $1 AND code = $2 AND NOT gone", tx.tenant_id, code, stock
    ):
        raise NotFound(code="mall.sku_not_found", where="code")


async def add_picture(tx: Tx, content: bytes) -> UUID:
    """Keep a picture of a product. Raises Forbidden without the mall, Invalid for what is none, or a large one."""
    await require_open(tx)
    try:
        if len(content) > PICTURE_BYTES:
            raise NoPicture
        known = await asyncio.to_thread(picture_in, content)
    except TooManyPixels:
        most = MOST_PIXELS // 1_000_000
        raise Invalid(code="mall.picture_too_many_pixels", where="file", most=most, side=LARGEST_SIDE) from None
    except NoPicture:
        raise Invalid(code="mall.bad_picture_file", where="file", most_mb=PICTURE_BYTES // 1024 // 1024) from None
    if await tx.value("SELECT count(*) FROM mall_pictures WHERE tenant_id = $1", tx.tenant_id) >= PICTURES_OF_MERCHANT:
        raise Conflict(code="mall.too_many_pictures", where="file", most=PICTURES_OF_MERCHANT)
    picture_id = uuid7()
    await tx.execute(
        "INSERT INTO mall_pictures (tenant_id, id, media_type, content, created_at) VALUES ($1, $2, $3, $4, $5)",
        *(tx.tenant_id, picture_id, known.media_type, known.content, tx.now),
    )
    return picture_id


async def picture(tx: Tx, picture_id: UUID) -> Row:
    """`media_type` and `content`. Raises NotFound."""
    row = await tx.row(
        "SELECT media_type, content FROM mall_pictures WHERE tenant_id = $1 AND id = $2", tx.tenant_id, picture_id
    )
    if row is None:
        raise NotFound(code="mall.picture_not_found", where="picture_id")
    return row


async def tidy_pictures(tx: Tx) -> bool:
    """Delete uploads that nothing has shown for more than a day; whether there may be more of them.

    What is deleted is locked first and looked for once more: a product that took it meanwhile keeps it.
    """
    await tx.execute(
        "UPDATE mall_pictures m SET unused_since = CASE WHEN m.unused_since IS NULL THEN $2::timestamptz END "
        f"WHERE m.tenant_id = $1 AND (m.unused_since IS NULL) <> ({SHOWN})",
        *(tx.tenant_id, tx.now),
    )
    rows = await tx.fetch(
        "SELECT id FROM mall_pictures WHERE tenant_id = $1 AND unused_since < $2 "
        "ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED",
        *(tx.tenant_id, tx.now - UNUSED_FOR, TIDY_AT_ONCE),
    )
    await tx.execute(
        f"DELETE FROM mall_pictures m WHERE m.tenant_id = $1 AND m.id = ANY($2) AND NOT ({SHOWN})",
        *(tx.tenant_id, [row["id"] for row in rows]),
    )
    return len(rows) == TIDY_AT_ONCE


async def _check_pictures(tx: Tx, pictures: Sequence[str]) -> None:
    own = {UUID(one.removeprefix("picture:")) for one in pictures if one.startswith("picture:")}
    known = await tx.fetch(
        "SELECT id FROM mall_pictures WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR KEY SHARE",
        *(tx.tenant_id, sorted(own)),
    )
    if len(known) != len(own):
        raise Invalid(code="mall.bad_picture", where="pictures")


def _specs(given: ProductIn) -> str:
    return msgspec.json.encode([{"name": axis.name, "values": axis.values} for axis in given.specs]).decode()


async def _save_skus(tx: Tx, product_id: UUID, skus: Sequence[SkuIn], *, known: dict[tuple[str, ...], Row]) -> None:
    """Write all combinations in two statements; the codes are freed first, so that two may swap theirs.

    One that comes back has the stock that was typed, since no form showed what was left of it.
    """
    old = [known[sku.values]["id"] for sku in skus if sku.values in known]
    await tx.execute("UPDATE mall_skus SET code = '' WHERE tenant_id = $1 AND id = ANY($2)", tx.tenant_id, old)
    columns: list[list[Any]] = [[], [], [], [], [], [], []]
    for place, sku in enumerate(skus):
        before = known.get(sku.values)
        values = msgspec.json.encode(sku.values).decode()
        row = (
            uuid7() if before is None else before["id"],
            place,
            sku.code,
            values,
            sku.price_fen,
            sku.stock - _stock_before(sku, before),
            before is not None,
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    try:
        done = await tx.execute(
            "WITH given AS (SELECT g.id, g.place, g.code, ARRAY(SELECT jsonb_array_elements_text(g.val)) AS val, g.price, "
            "  g.change, g.is_known FROM unnest($3::uuid[], $4::smallint[], $5::text[], $6::jsonb[], $7::bigint[], $8::int[], "
            "  $9::bool[]) AS g(id, place, code, val, price, change, is_known)), "
            "changed AS (UPDATE mall_skus s SET place = g.place, code = g.code, price_fen = g.price, gone = false, "
            "  stock = s.stock + g.change FROM given g WHERE s.tenant_id = $1 AND s.id = g.id AND g.is_known "
            "  AND s.stock + g.change >= 0 RETURNING s.id), "
            "made AS (INSERT INTO mall_skus (tenant_id, id, product_id, place, code, spec_values, price_fen, stock) "
            "  SELECT $1, g.id, $2, g.place, g.code, g.val, g.price, g.change FROM given g WHERE NOT g.is_known RETURNING id) "
            "SELECT id FROM changed UNION ALL SELECT id FROM made",
            *(tx.tenant_id, product_id, *columns),
        )
    except asyncpg.UniqueViolationError:
        raise Conflict(code="mall.sku_code_taken", where="skus", value="") from None
    if done != len(skus):
        raise Conflict(code="mall.stock_sold", where="skus")


def _stock_before(sku: SkuIn, before: Row | None) -> int:
    """What the typed stock is the difference to: what the form showed, or what there is when it showed nothing."""
    if before is None:
        return 0
    if before["gone"] or sku.stock_was is None:
        return int(before["stock"])
    return sku.stock_was

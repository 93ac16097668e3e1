"""The open API of the mall: a shop's own system lists orders, sends parcels and sets stock."""

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import Field
from starlette.responses import Response

from huida.kernel.db import ReadTx, Tx
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.web import Listing, Page, actor_of, key_read, key_tx, once, page, paged
from huida.modules.mall import products, queries, shipping, show, views
from huida.modules.mall.http import ParcelBody
from huida.modules.mall.models import OrderState

open_api = Router(prefix="/api/v1/mall", tags=["mall"])

Paging = Annotated[Page, Depends(page)]


class StockBody(Body):
    stock: int = Field(ge=0)


def whole(request: Request) -> bool:
    """Whether this key sees phones: it sends the parcels."""
    return "mall.write" in actor_of(request).may


@open_api.get("/orders")
async def open_orders(
    request: Request, paging: Paging, state: OrderState | None = None, tx: ReadTx = key_read("mall.read")
) -> Listing[views.OpenOrder]:
    """The mall's orders, newest first; `state=paid` is what waits to be sent."""
    rows = await queries.search_orders(tx, limit=paging.limit + 1, before=paging.before, state=state)
    parts = await queries.parts(tx, [row["id"] for row in rows])
    link, sees = show.Links.of(request, tx), whole(request)
    return paged(
        rows, paging, lambda row: [str(row["id"])], lambda row: show.open_order(tx, link, row, parts, whole=sees)
    )


@open_api.get("/orders/{order_no}")
async def open_order(request: Request, order_no: str, tx: ReadTx = key_read("mall.read")) -> views.OpenOrder:
    row = await queries.order_by_no(tx, order_no)
    parts = await queries.parts(tx, [row["id"]])
    return show.open_order(tx, show.Links.of(request, tx), row, parts, whole=whole(request))


@open_api.post("/orders/{order_no}/parcels", status_code=201, response_model=views.OpenOrder)
async def open_ship(request: Request, order_no: str, body: ParcelBody, tx: Tx = key_tx("mall.write")) -> Response:
    """Tell that a parcel is on its way; the same parcel again changes nothing."""

    async def work() -> tuple[int, Any]:
        row = await queries.order_by_no(tx, order_no)
        await shipping.ship(tx, row["id"], **body.model_dump())
        row = await queries.order_by_no(tx, order_no)
        parts = await queries.parts(tx, [row["id"]])
        return 201, show.open_order(tx, show.Links.of(request, tx), row, parts, whole=whole(request))

    return await once(tx, request, work)


@open_api.get("/skus")
async def open_stock(paging: Paging, tx: ReadTx = key_read("mall.read")) -> Listing[views.SkuStock]:
    """Combinations that have a code, with their stock."""
    rows = await queries.stock(tx, before=paging.before, limit=paging.limit + 1)
    return paged(rows, paging, lambda row: [str(row["id"])], show.sku_stock)


@open_api.put("/skus/{code}/stock", status_code=204)
async def open_set_stock(code: str, body: StockBody, tx: Tx = key_tx("mall.write")) -> None:
    """What is in stock now; repeating it changes nothing."""
    await products.set_stock(tx, code, body.stock)

"""The console's doors of the mall, and the pictures that everybody may see."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Request, UploadFile
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from huida.kernel.db import ReadTx, Tx
from huida.kernel.intake.bodies import Body, Moment
from huida.kernel.intake.door import Router
from huida.kernel.intake.streams import begun
from huida.kernel.intake.turns import takes_turns
from huida.kernel.intake.versions import Replacing, must_replace, version_of
from huida.kernel.web import (
    Actor,
    Created,
    Items,
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
from huida.modules import members, payments
from huida.modules.mall import export, orders, products, queries, refunds, service, shipping, show, views, withdrawals
from huida.modules.mall.carriers import CARRIERS
from huida.modules.mall.models import OrderState, ProductState, RechargeState, WithdrawalState
from huida.modules.mall.rules import Axis, ProductIn, SkuIn

console = Router(prefix="/api/console/mall", tags=["mall"])
pictures = Router(prefix="/mall/pictures", tags=["mall"])

Paging = Annotated[Page, Depends(page)]
KEPT: Final = "public, max-age=31536000, immutable"
EVERY_DOOR: Final = "default-src 'none'"
PICTURE: Final = file_answer("image/png", "image/jpeg")


class AxisBody(Body):
    name: str = Field(max_length=20)
    values: list[Annotated[str, Field(max_length=20)]] = Field(max_length=20)


class SkuBody(Body):
    """`stock_was` is the stock that the form showed: the difference is applied, so sales meanwhile stay sold."""

    values: list[Annotated[str, Field(max_length=20)]] = Field(max_length=3)
    price_fen: int
    stock: int
    stock_was: int | None = None
    code: str = Field("", max_length=40)


class ProductBody(Body):
    """`pictures` are `picture:<id>` of an upload or addresses; `specs` are empty for a plain product with one SKU."""

    title: str = Field(max_length=60)
    description: str = Field("", max_length=5000)
    pictures: list[Annotated[str, Field(max_length=500)]] = Field(default_factory=list, max_length=9)
    specs: list[AxisBody] = Field(default_factory=list, max_length=3)
    skus: list[SkuBody] = Field(max_length=100)

    def given(self) -> ProductIn:
        return ProductIn(
            title=self.title,
            description=self.description,
            pictures=tuple(self.pictures),
            specs=tuple(Axis(axis.name, tuple(axis.values)) for axis in self.specs),
            skus=tuple(
                SkuIn(
                    values=tuple(sku.values),
                    price_fen=sku.price_fen,
                    stock=sku.stock,
                    stock_was=sku.stock_was,
                    code=sku.code.strip(),
                )
                for sku in self.skus
            ),
        )


class SkuPut(SkuBody):
    stock_was: int | None
    code: str = Field(max_length=40)


class ProductPut(Replacing, ProductBody):
    skus: list[SkuPut] = Field(max_length=100)  # type: ignore[assignment]


class ParcelBody(Body):
    """`carrier` is only for the code OTHER."""

    carrier_code: str = Field(max_length=20)
    carrier: str = Field("", max_length=20)
    tracking_no: str = Field(max_length=40)


class RefundBody(Body):
    """`key` is made by the form, so that a double click gives the money back once."""

    amount_fen: int
    reason: str = Field(max_length=60)
    key: str = Field(min_length=1, max_length=64)


class PaidOutBody(Body):
    """`paid_ref` is the shop's own note of the transfer (its number at the bank, say)."""

    paid_ref: str = Field("", max_length=60)


class ReasonBody(Body):
    reason: str = Field(max_length=60)


class SettingsBody(Replacing):
    complete_after_days: int
    recharge_on: bool
    recharge_amounts: list[int] = Field(max_length=12)
    withdraw_on: bool
    withdraw_from_fen: int


@console.get("")
async def overview(tx: ReadTx = staff_read("mall.view")) -> views.MallOverview:
    """Whether the mall is bought and can receive money, what waits for the shop, and its settings."""
    to_ship, to_pay_out, owed = await queries.waiting(tx)
    return {
        "locked": not await service.is_open(tx),
        "pay_ready": await payments.is_set_up(tx),
        "to_ship": to_ship,
        "to_pay_out": to_pay_out,
        "owed": owed,
        "settings": show.settings(await service.settings_of(tx)),
    }


@console.put("/settings", status_code=204)
async def save_settings(body: SettingsBody, tx: Tx = staff_tx("mall.write")) -> None:
    await must_replace(tx, "mall.settings", body.version, _settings_version(tx))
    given = body.replacement() | {"recharge_amounts": tuple(body.recharge_amounts)}
    await service.save_settings(tx, service.Settings(**given))


async def _settings_version(tx: Tx) -> str:
    return version_of(await service.settings_of(tx))


@console.get("/carriers")
async def carriers(tx: ReadTx = staff_read("mall.view")) -> Items[views.Carrier]:
    return {"items": [{"code": code, "name": name} for code, name in CARRIERS.items()]}


# ------------------------------------------------------------------ products
@console.get("/products")
async def list_products(
    request: Request,
    paging: Paging,
    state: ProductState | None = None,
    q: str = "",
    tx: ReadTx = staff_read("mall.view"),
) -> Listing[views.ProductRow]:
    rows = await queries.products(tx, state=state, before=paging.before, limit=paging.limit + 1, q=q[:60])
    link = show.Links.of(request, tx)
    return paged(rows, paging, lambda row: [str(row["id"])], lambda row: show.product_row(link, row))


@console.post("/products", status_code=201)
async def create_product(body: ProductBody, tx: Tx = staff_tx("mall.write")) -> Created:
    return {"id": await products.create_product(tx, body.given())}


@console.get("/products/{product_id}")
async def get_product(request: Request, product_id: UUID, tx: ReadTx = staff_read("mall.view")) -> views.Product:
    row, skus = await queries.product(tx, product_id)
    return show.product(show.Links.of(request, tx), row, skus)


@console.put("/products/{product_id}", status_code=204)
async def change_product(product_id: UUID, body: ProductPut, tx: Tx = staff_tx("mall.write")) -> None:
    await must_replace(tx, f"mall.product.{product_id}", body.version, _product_version(tx, product_id))
    await products.change_product(tx, product_id, body.given())


async def _product_version(tx: Tx, product_id: UUID) -> str:
    return show.product_version(*await queries.product(tx, product_id))


@console.post("/products/{product_id}/on", status_code=204)
async def put_on(product_id: UUID, tx: Tx = staff_tx("mall.write")) -> None:
    await products.put_on(tx, product_id)


@console.post("/products/{product_id}/off", status_code=204)
async def take_off(product_id: UUID, tx: Tx = staff_tx("mall.write")) -> None:
    await products.take_off(tx, product_id)


@console.post("/pictures", status_code=201)
async def add_picture(
    request: Request,
    file: UploadFile,
    tx: Tx = staff_tx("mall.write"),
    _: None = takes_turns("pictures", most=4),
) -> views.PictureRef:
    """Upload a picture of a product: JPG or PNG, at most 1 MB."""
    picture_id = await products.add_picture(tx, await file.read(products.PICTURE_BYTES + 1))
    ref = f"picture:{picture_id}"
    return {"picture": ref, "url": show.Links.of(request, tx).url(ref)}


@pictures.get("/{m}/{picture_id}", response_class=Response, responses=PICTURE)
async def see_picture(request: Request, m: Annotated[int, Field(ge=1, lt=2**63)], picture_id: UUID) -> Response:
    """A picture of a product, for everybody; its address changes when it does."""
    async with request.app.state.db.read(m) as tx:
        row = await products.picture(tx, picture_id)
    headers = {"Cache-Control": KEPT, "Content-Security-Policy": EVERY_DOOR}
    return Response(bytes(row["content"]), media_type=row["media_type"], headers=headers)


# -------------------------------------------------------------------- orders
@console.get("/orders")
async def list_orders(
    request: Request,
    paging: Paging,
    q: str = "",
    state: OrderState | None = None,
    member_id: UUID | None = None,
    owed: bool = False,
    since: Moment | None = None,
    until: Moment | None = None,
    tx: ReadTx = staff_read("mall.view"),
) -> Listing[views.OrderRow]:
    """The mall's orders (source `mall`), newest first. `q`: a whole order number, phone or receiver's name.

    `owed`: closed orders with money that did not go back to the buyer.
    """
    rows = await queries.search_orders(
        tx,
        limit=paging.limit + 1,
        before=paging.before,
        q=q[:60],
        state=state,
        member_id=member_id,
        owed=owed,
        since=since,
        until=until,
    )
    link, may = show.Links.of(request, tx), actor_of(request).may
    whole = members.sees_whole(may)
    return paged(rows, paging, lambda row: [str(row["id"])], lambda row: show.order_row(tx, link, row, whole=whole))


@console.get("/orders/export", response_class=StreamingResponse, responses=file_answer("text/csv"))
async def export_orders(
    request: Request,
    state: OrderState | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    actor: Actor = staff_only("mall.export"),
    _: None = takes_turns("exports", most=2),
) -> Response:
    """One line for each line of an order, newest orders first."""
    lines = export.orders(
        request.app.state.db,
        actor.tenant_id,
        may=actor.may,
        state=state,
        since=since,
        until=until,
        language=language_of(request),
    )
    headers = {"Content-Disposition": 'attachment; filename="orders.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(await begun(lines), media_type="text/csv; charset=utf-8", headers=headers)


@console.get("/orders/{order_id}")
async def get_order(request: Request, order_id: UUID, tx: ReadTx = staff_read("mall.view")) -> views.OrderDetail:
    row = await queries.order(tx, order_id)
    whole = members.sees_whole(actor_of(request).may)
    return await show.order_detail(tx, show.Links.of(request, tx), row, whole=whole)


@console.post("/orders/{order_id}/parcels", status_code=201)
async def ship(order_id: UUID, body: ParcelBody, tx: Tx = staff_tx("mall.ship")) -> Created:
    """Send a parcel; the first one makes the order shipped. The same parcel again is the same one."""
    return {"id": await shipping.ship(tx, order_id, **body.model_dump())}


@console.delete("/orders/{order_id}/parcels/{parcel_id}", status_code=204)
async def take_parcel_back(order_id: UUID, parcel_id: UUID, tx: Tx = staff_tx("mall.ship")) -> None:
    """Remove a parcel that was entered wrongly, once the right one is there."""
    await shipping.take_back(tx, order_id, parcel_id)


@console.post("/orders/{order_id}/close", status_code=204)
async def close_order(order_id: UUID, tx: Tx = staff_tx("mall.write")) -> None:
    """Close an order that is not paid; its stock goes back when WeChat Pay has closed the payment."""
    await orders.close(tx, order_id, why="shop")


@console.post("/orders/{order_id}/refunds", status_code=201)
async def refund_order(order_id: UUID, body: RefundBody, tx: Tx = staff_tx("mall.refund")) -> Created:
    """Give money back by hand, to where it came from (S2-20)."""
    return {
        "id": await refunds.refund(tx, order_id, amount_fen=body.amount_fen, reason=body.reason, key=body.key),
    }


@console.post("/orders/{order_id}/ask", status_code=204)
async def ask_order(request: Request, order_id: UUID, tx: Tx = staff_tx("mall.view")) -> None:
    """Have WeChat Pay asked now, once, how the order's payment and refunds stand."""
    payments.not_too_often(actor_of(request).stamp)
    row = await orders.get(tx, order_id)
    if row["payment_id"] is not None:
        await payments.ask_again(tx, row["payment_id"])


# ------------------------------------------------- stored value in and out
@console.get("/withdrawals")
async def list_withdrawals(
    request: Request, paging: Paging, state: WithdrawalState | None = None, tx: ReadTx = staff_read("mall.view")
) -> Listing[views.WithdrawalRow]:
    """Newest first, each with what tells somebody who recharges only for the gift; the payee for who may pay it out."""
    rows = await queries.withdrawals(tx, state=state, before=paging.before, limit=paging.limit + 1)
    people = await queries.payees(tx, [row["member_id"] for row in rows])
    open_payee = bool(actor_of(request).may & {"mall.withdraw", "*"})
    return paged(
        rows, paging, lambda row: [str(row["id"])], lambda row: show.withdrawal_row(tx, row, people, whole=open_payee)
    )


@console.post("/withdrawals/{withdrawal_id}/pay", status_code=204)
async def pay_withdrawal(withdrawal_id: UUID, body: PaidOutBody, tx: Tx = staff_tx("mall.withdraw")) -> None:
    """Record that it was paid out; the money leaves the member's stored value."""
    await withdrawals.pay_out(tx, withdrawal_id, paid_ref=body.paid_ref)


@console.post("/withdrawals/{withdrawal_id}/reject", status_code=204)
async def reject_withdrawal(withdrawal_id: UUID, body: ReasonBody, tx: Tx = staff_tx("mall.withdraw")) -> None:
    await withdrawals.reject(tx, withdrawal_id, reason=body.reason)


@console.get("/recharges")
async def list_recharges(
    paging: Paging, state: RechargeState | None = None, tx: ReadTx = staff_read("mall.view")
) -> Listing[views.RechargeRow]:
    """What members recharged online, newest first."""
    rows = await queries.recharges(tx, state=state, before=paging.before, limit=paging.limit + 1)
    people = await queries.names(tx, [row["member_id"] for row in rows])
    return paged(rows, paging, lambda row: [str(row["id"])], lambda row: show.recharge_row(row, people))

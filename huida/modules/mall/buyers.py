"""The member centre's doors of the mall (`/api/member/mall`): look, order, pay, follow, recharge, withdraw."""

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Depends, Header, Request
from pydantic import Field

from huida.kernel.db import Database, ReadTx, Row, Tx
from huida.kernel.errors import Forbidden, NotFound, TooMany
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.money import Fen
from huida.kernel.rates import Buckets
from huida.kernel.web import Actor, Created, Listing, Page, actor_of, admitted, member_read, member_tx, page, paged
from huida.modules import ledger, loyalty, members, payments, tenants
from huida.modules.mall import orders, queries, recharges, service, show, views, withdrawals
from huida.modules.mall.models import OrderState

member = Router(prefix="/api/member/mall", tags=["member"])

Paging = Annotated[Page, Depends(page)]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=64)]
"""The page sends one for each intention of the buyer; it belongs to the member."""


async def _member(request: Request) -> Actor:
    return await admitted(request, "member", "")


Member = Annotated[Actor, Depends(_member)]
"""The member or visitor, without a transaction: for doors that ask WeChat Pay between their own."""
_asks: Final = Buckets(rate_per_s=0.2, burst=3)
"""How often a buyer may have WeChat Pay asked about a payment."""
_begins: Final = Buckets(rate_per_s=0.1, burst=5)
"""How often a buyer may begin a recharge."""


class LineBody(Body):
    sku_id: UUID
    count: int


class OrderBody(Body):
    """`total_fen` is what the page showed: when a price has changed since, the order is refused."""

    items: list[LineBody] = Field(min_length=1, max_length=20)
    total_fen: int
    receiver: str = Field(max_length=20)
    phone: str = Field(max_length=20)
    address: str = Field(max_length=120)
    note: str = Field("", max_length=100)


class RechargeBody(Body):
    paid_fen: int


class WithdrawBody(Body):
    amount_fen: int
    way: Literal["wechat", "bank", "cash"]
    payee: str = Field("", max_length=100)


def own_id(actor: Actor) -> UUID:
    """The member whose session this is. Raises Forbidden for a visitor who has not joined."""
    if actor.kind != "member":
        raise Forbidden(code="member.join_first")
    return actor.id


@member.get("")
async def home(request: Request, tx: ReadTx = member_read()) -> views.MallHome:
    """What the member centre shows of the mall, to visitors too."""
    actor = actor_of(request)
    settings = await service.settings_of(tx)
    return {
        "open": await service.is_open(tx),
        "pay_ready": await payments.is_set_up(tx),
        "recharge_on": settings.recharge_on,
        "withdraw_on": settings.withdraw_on,
        "balance_fen": await queries.stored_value(tx, actor.id) if actor.kind == "member" else 0,
    }


@member.get("/products")
async def shop_products(
    request: Request, paging: Paging, q: str = "", tx: ReadTx = member_read()
) -> Listing[views.ProductCard]:
    """What is on sale, newest first."""
    rows = await queries.products(tx, state="on", before=paging.before, limit=paging.limit + 1, q=q[:60])
    if not await service.is_open(tx):
        rows = []
    link = show.Links.of(request, tx)
    return paged(rows, paging, lambda row: [str(row["id"])], lambda row: show.product_card(link, row))


@member.get("/products/{product_id}")
async def shop_product(request: Request, product_id: UUID, tx: ReadTx = member_read()) -> views.ShopProduct:
    row, skus = await queries.product(tx, product_id)
    if row["state"] != "on" or not await service.is_open(tx):
        raise NotFound(code="mall.product_not_found", where="product_id")
    return show.shop_product(show.Links.of(request, tx), row, skus)


@member.post("/orders", status_code=201)
async def submit(request: Request, body: OrderBody, key: Key, tx: Tx = member_tx()) -> Created:
    """Place an order (S2-23): its stock is kept for thirty minutes. Repeating the key gives the same order."""
    given = orders.OrderIn(
        lines=tuple(orders.Wanted(line.sku_id, line.count) for line in body.items),
        total_fen=body.total_fen,
        receiver=body.receiver,
        phone=body.phone,
        address=body.address,
        note=body.note,
    )
    return {"id": await orders.submit(tx, own_id(actor_of(request)), given, key=key)}


@member.get("/orders")
async def my_orders(
    request: Request, paging: Paging, state: OrderState | None = None, tx: ReadTx = member_read()
) -> Listing[views.OrderCard]:
    rows = await queries.search_orders(
        tx, limit=paging.limit + 1, before=paging.before, state=state, member_id=own_id(actor_of(request))
    )
    link = show.Links.of(request, tx)
    return paged(rows, paging, lambda row: [str(row["id"])], lambda row: show.order_card(link, row))


@member.get("/orders/{order_id}")
async def my_order(request: Request, order_id: UUID, tx: ReadTx = member_read()) -> views.MyOrder:
    """One of the member's own orders with its parcels: the page behind a notice."""
    row = await queries.order(tx, order_id)
    if row["member_id"] != own_id(actor_of(request)):
        raise NotFound(code="mall.order_not_found", where="order_id")
    return await show.my_order(tx, show.Links.of(request, tx), row)


@member.post("/orders/{order_id}/pay")
async def pay(request: Request, order_id: UUID, actor: Member) -> views.ToPay:
    """What the page hands to `wx.requestPayment`. Whether it was paid, only the order's state tells."""
    app_id, openid = members.account_of(actor)
    db: Database = request.app.state.db
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        payment_id = await orders.begin_payment(tx, order_id, own_id(actor), app_id=app_id, openid=openid)
    return await _to_pay(request, actor, payment_id)


async def _to_pay(request: Request, actor: Actor, payment_id: UUID) -> views.ToPay:
    state = request.app.state
    prepared = await payments.prepare(state.db, state.wechat_pay, actor.tenant_id, payment_id)
    assert prepared.jsapi is not None
    return {"parameters": prepared.jsapi, "expires_at": prepared.expires_at}


@member.post("/orders/{order_id}/ask", status_code=204)
async def ask(request: Request, order_id: UUID, tx: Tx = member_tx()) -> None:
    """The page says that it was paid, and no callback came yet: have WeChat Pay asked."""
    row = await _own(tx, request, order_id)
    if row["payment_id"] is not None and row["paid_at"] is None:
        _not_too_often(_asks, actor_of(request))
        await payments.ask_again(tx, row["payment_id"])


@member.post("/orders/{order_id}/cancel", status_code=204)
async def cancel(request: Request, order_id: UUID, tx: Tx = member_tx()) -> None:
    """Close an order that is not paid."""
    await _own(tx, request, order_id)
    await orders.close(tx, order_id, why="buyer")


@member.post("/orders/{order_id}/receive", status_code=204)
async def receive(request: Request, order_id: UUID, tx: Tx = member_tx()) -> None:
    """It arrived."""
    await orders.receive(tx, order_id, own_id(actor_of(request)))


async def _own(tx: Tx, request: Request, order_id: UUID) -> Row:
    row = await orders.get(tx, order_id)
    if row["member_id"] != own_id(actor_of(request)):
        raise NotFound(code="mall.order_not_found", where="order_id")
    return row


def _not_too_often(buckets: Buckets, actor: Actor) -> None:
    wait_s = buckets.try_take(actor.stamp)
    if wait_s:
        raise TooMany(retry_after_s=int(wait_s) + 1)


@member.get("/recharge-options")
async def recharge_options(request: Request, tx: ReadTx = member_read()) -> views.RechargeOptions:
    """Amounts with the gift that comes with each."""
    own = own_id(actor_of(request))
    settings = await service.settings_of(tx)
    rules = await loyalty.rules_of(tx)
    gifts = [loyalty.gift_for(rules, Fen(paid)) for paid in settings.recharge_amounts]
    return {
        "balance_fen": await queries.stored_value(tx, own),
        "amounts": [
            {"paid_fen": paid, "gift_fen": gift.gift_fen, "gift_points": gift.gift_points}
            for paid, gift in zip(settings.recharge_amounts, gifts, strict=True)
        ]
        if settings.recharge_on
        else [],
    }


@member.post("/recharges", status_code=201)
async def recharge(request: Request, body: RechargeBody, key: Key, actor: Member) -> views.RechargeStarted:
    """Buy stored value (S2-22): the balance grows when the payment is there."""
    own = own_id(actor)
    _not_too_often(_begins, actor)
    app_id, openid = members.account_of(actor)
    db: Database = request.app.state.db
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        recharge_id, payment_id = await recharges.begin(
            tx,
            own,
            paid_fen=body.paid_fen,
            key=key,
            app_id=app_id,
            openid=openid,
            description=f"{await tenants.short_name(tx)} 会员储值",
        )
    return {"id": recharge_id, **await _to_pay(request, actor, payment_id)}


@member.get("/recharges/{recharge_id}")
async def my_recharge(request: Request, recharge_id: UUID, tx: ReadTx = member_read()) -> views.Recharge:
    return show.recharge(await queries.recharge(tx, recharge_id, own_id(actor_of(request))))


@member.post("/recharges/{recharge_id}/ask", status_code=204)
async def ask_recharge(request: Request, recharge_id: UUID, tx: Tx = member_tx()) -> None:
    """The page says that it was paid, and no callback came yet: have WeChat Pay asked."""
    row = await queries.recharge(tx, recharge_id, own_id(actor_of(request)))
    if row["payment_id"] is not None and row["state"] == "submitted":
        _not_too_often(_asks, actor_of(request))
        await payments.ask_again(tx, row["payment_id"])


@member.get("/withdraw-options")
async def withdraw_options(request: Request, tx: ReadTx = member_read()) -> views.WithdrawOptions:
    settings = await service.settings_of(tx)
    return {
        "on": settings.withdraw_on and await service.is_open(tx),
        "available_fen": await ledger.available(tx, own_id(actor_of(request)), withdrawals.UNIT),
        "from_fen": settings.withdraw_from_fen,
    }


@member.get("/withdrawals")
async def my_withdrawals(request: Request, paging: Paging, tx: ReadTx = member_read()) -> Listing[views.Withdrawal]:
    rows = await queries.withdrawals(
        tx, member_id=own_id(actor_of(request)), before=paging.before, limit=paging.limit + 1
    )
    return paged(rows, paging, lambda row: [str(row["id"])], show.withdrawal)


@member.post("/withdrawals", status_code=201)
async def withdraw(request: Request, body: WithdrawBody, key: Key, tx: Tx = member_tx()) -> Created:
    """Ask for stored value back; it is held until the shop decides."""
    own = own_id(actor_of(request))
    withdrawal_id = await withdrawals.ask(tx, own, amount_fen=body.amount_fen, way=body.way, payee=body.payee, key=key)
    return {"id": withdrawal_id}

"""Orders' doors: open API for tills (purchases are in `ingest.py`), console lists, the member's own records."""

from datetime import UTC
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import NotFound
from huida.kernel.intake.bodies import Moment, decoded
from huida.kernel.intake.door import Router
from huida.kernel.intake.streams import begun
from huida.kernel.intake.turns import takes_turns
from huida.kernel.money import MOST_FEN
from huida.kernel.web import (
    Actor,
    Listing,
    Page,
    actor_of,
    file_answer,
    key_read,
    key_tx,
    language_of,
    member_read,
    once,
    page,
    paged,
    staff_only,
    staff_read,
    staff_tx,
)
from huida.modules.orders import lists, views
from huida.modules.orders.facts import SignOffDue
from huida.modules.orders.ingest import show
from huida.modules.orders.recharges import record_recharge, reverse_recharge
from huida.modules.orders.refunds import record_refund
from huida.modules.orders.rows import PurchaseIn, RechargeIn, RefundIn, ReversalIn, SignOffIn
from huida.modules.orders.service import record_purchases, remind_sign_off

open_api = Router(prefix="/api/v1", tags=["orders"])
console = Router(prefix="/api/console/orders", tags=["orders"])
member = Router(prefix="/api/member", tags=["member"])

Paging = Annotated[Page, Depends(page)]
RECORDED_BEFORE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": views.TillOutcome, "description": "It was recorded before"}
}


def _filters(
    member_id: UUID | None = None,
    store: Annotated[str | None, Query(max_length=32)] = None,
    since: Moment | None = None,
    until: Moment | None = None,
    from_fen: Annotated[int | None, Query(ge=0, le=MOST_FEN)] = None,
    to_fen: Annotated[int | None, Query(ge=0, le=MOST_FEN)] = None,
) -> lists.Filters:
    return lists.Filters(member_id, store, since, until, from_fen, to_fen)


Filtered = Annotated[lists.Filters, Depends(_filters)]


def _documented(kind: type[Any], example: dict[str, Any]) -> dict[str, Any]:
    schema = msgspec.json.schema_components([kind], ref_template="#/{name}")[1][kind.__name__]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


@open_api.post(
    "/recharges",
    status_code=201,
    response_model=views.TillOutcome,
    responses=RECORDED_BEFORE,
    openapi_extra=_documented(
        RechargeIn, {"store": "S01", "till_no": "R-1", "card_no": "6088000001", "paid_fen": 10000}
    ),
)
async def report_recharge(request: Request, tx: Tx = key_tx("purchases.write")) -> Response:
    """Record a recharge with its gift. The natural key is store and till number: repeating it changes nothing."""
    row = decoded(await request.body(), RechargeIn)

    async def work() -> tuple[int, Any]:
        outcome = await record_recharge(tx, row)
        return (201 if outcome.status == "recorded" else 200), show(outcome, language_of(request))

    return await once(tx, request, work)


@open_api.post(
    "/refunds",
    status_code=201,
    response_model=views.TillOutcome,
    responses=RECORDED_BEFORE,
    openapi_extra=_documented(
        RefundIn, {"store": "S01", "till_no": "F-1", "purchase_till_no": "20261121-0042", "amount_fen": 2500}
    ),
)
async def report_refund(request: Request, tx: Tx = key_tx("purchases.write")) -> Response:
    """Refund part or all of a purchase: stored value and points go back in proportion."""
    row = decoded(await request.body(), RefundIn)

    async def work() -> tuple[int, Any]:
        outcome = await record_refund(tx, row)
        return (201 if outcome.status == "recorded" else 200), show(outcome, language_of(request))

    return await once(tx, request, work)


@open_api.post(
    "/recharges/reversals",
    status_code=201,
    response_model=views.TillOutcome,
    responses=RECORDED_BEFORE,
    openapi_extra=_documented(
        ReversalIn, {"store": "S01", "till_no": "V-1", "recharge_till_no": "R-1", "reason": "金额输错"}
    ),
)
async def report_reversal(request: Request, tx: Tx = key_tx("purchases.write")) -> Response:
    """Take back a recharge that was reported wrongly, with its gift; refused when the money is spent already."""
    row = decoded(await request.body(), ReversalIn)

    async def work() -> tuple[int, Any]:
        outcome = await reverse_recharge(tx, row)
        return (201 if outcome.status == "recorded" else 200), show(outcome, language_of(request))

    return await once(tx, request, work)


@open_api.post(
    "/sign-off-reminders",
    status_code=202,
    response_model=views.SignOffReminder,
    openapi_extra=_documented(
        SignOffIn, {"card_no": "6088000001", "order_no": "E20261121001", "sign_at": "2026-11-24T10:00:00+08:00"}
    ),
)
async def report_sign_off(request: Request, tx: Tx = key_tx("purchases.write")) -> Response:
    """Tell that an order will be signed off by itself, so that the member is reminded."""
    row = decoded(await request.body(), SignOffIn)

    async def work() -> tuple[int, Any]:
        return 202, {"fact_id": await remind_sign_off(tx, row)}

    return await once(tx, request, work)


@open_api.get("/purchases/{store}/{till_no:path}")
async def purchase_by_key(store: str, till_no: str, tx: ReadTx = key_read("purchases.read")) -> views.Purchase:
    """A purchase by its natural key: how a till learns what became of a call whose answer it lost."""
    row = await tx.row(
        "SELECT p.*, s.code AS store_code, s.name AS store_name FROM purchases p "
        "JOIN stores s ON s.tenant_id = p.tenant_id AND s.id = p.store_id "
        "WHERE p.tenant_id = $1 AND s.code = $2 AND p.till_no = $3",
        *(tx.tenant_id, store, till_no.strip()),
    )
    if row is None:
        raise NotFound(code="orders.purchase_not_found", where="till_no")
    return lists.show_purchase(row)


@console.get("/purchases")
async def list_purchases(
    paging: Paging, filters: Filtered, tx: ReadTx = staff_read("orders.view")
) -> Listing[views.ListedPurchase]:
    """Purchases with whose they are, in the order in which they happened, the latest first."""
    return await lists.console_list(tx, filters, paging)


@console.get("/purchases/totals")
async def purchase_totals(filters: Filtered, tx: ReadTx = staff_read("orders.view")) -> views.PurchaseTotals:
    """What the purchases of a list come to."""
    return await lists.totals(tx, filters)


@console.get("/purchases/export", response_class=StreamingResponse, responses=file_answer("text/csv"))
async def export_purchases(
    request: Request,
    filters: Filtered,
    actor: Actor = staff_only("orders.export"),
    _: None = takes_turns("exports", most=2),
) -> Response:
    """The list as a file."""
    db, language = request.app.state.db, language_of(request)
    lines = lists.export(db, actor.tenant_id, filters, may=actor.may, language=language)
    headers = {"Content-Disposition": 'attachment; filename="purchases.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(await begun(lines), media_type="text/csv; charset=utf-8", headers=headers)


@console.post(
    "/purchases",
    openapi_extra=_documented(
        PurchaseIn, {"store": "S01", "till_no": "H-1", "card_no": "6088000001", "total_fen": 2500}
    ),
)
async def enter_purchase(request: Request, tx: Tx = staff_tx("orders.write")) -> views.TillOutcome:
    """A cashier enters a purchase by hand."""
    [outcome] = await record_purchases(tx, [decoded(await request.body(), PurchaseIn)])
    if outcome.error is not None:
        raise outcome.error
    return cast(views.TillOutcome, show(outcome, language_of(request)))


@console.post(
    "/refunds",
    openapi_extra=_documented(
        RefundIn, {"store": "S01", "till_no": "HF-1", "purchase_till_no": "H-1", "amount_fen": 2500}
    ),
)
async def enter_refund(request: Request, tx: Tx = staff_tx("orders.refund")) -> views.TillOutcome:
    """Refund part or all of a purchase by hand, also one of another branch."""
    outcome = await record_refund(tx, decoded(await request.body(), RefundIn))
    return cast(views.TillOutcome, show(outcome, language_of(request)))


@console.post(
    "/recharges/reversals",
    openapi_extra=_documented(
        ReversalIn, {"store": "S01", "till_no": "HV-1", "recharge_till_no": "R-1", "reason": "金额输错"}
    ),
)
async def enter_reversal(request: Request, tx: Tx = staff_tx("orders.refund")) -> views.TillOutcome:
    """Take back a recharge that was reported wrongly."""
    outcome = await reverse_recharge(tx, decoded(await request.body(), ReversalIn))
    return cast(views.TillOutcome, show(outcome, language_of(request)))


@member.get("/purchases")
async def my_purchases(request: Request, paging: Paging, tx: ReadTx = member_read()) -> Listing[views.Purchase]:
    """The member's own purchases, newest first (electronic receipts)."""
    rows = await lists.purchases(tx, lists.Filters(member_id=actor_of(request).id), paging)
    return paged(rows, paging, lists.key_of, lists.show_purchase)


@member.get("/purchases/{purchase_id}")
async def my_receipt(request: Request, purchase_id: UUID, tx: ReadTx = member_read()) -> views.Receipt:
    """One receipt; only the member's own."""
    rows = await tx.fetch(
        "SELECT p.*, s.code AS store_code, s.name AS store_name FROM purchases p "
        "JOIN stores s ON s.tenant_id = p.tenant_id AND s.id = p.store_id "
        "WHERE p.tenant_id = $1 AND p.member_id = $2 AND p.id = $3",
        *(tx.tenant_id, actor_of(request).id, purchase_id),
    )
    if not rows:
        raise NotFound(code="orders.purchase_not_found", where="purchase_id")
    return {**lists.show_purchase(rows[0]), "items": msgspec.json.decode(rows[0]["items"]) if rows[0]["items"] else []}


@member.get("/sign-offs/{fact_id}")
async def my_sign_off(request: Request, fact_id: UUID, tx: ReadTx = member_read()) -> views.SignOff:
    """What a reminder of an automatic sign-off told the member: the page behind its card."""
    payload = await tx.value(
        "SELECT payload FROM facts WHERE tenant_id = $1 AND id = $2 AND kind = $3 AND subject_id = $4",
        *(tx.tenant_id, fact_id, SignOffDue.kind, actor_of(request).id),
    )
    if payload is None:
        raise NotFound(code="orders.sign_off_not_found", where="fact_id")
    due = msgspec.json.decode(payload, type=SignOffDue)
    return {
        "order_no": due.order_no,
        "sign_at": due.sign_at.astimezone(UTC),
        "remind_at": due.remind_at.astimezone(UTC),
    }

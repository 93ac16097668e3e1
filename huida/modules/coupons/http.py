"""Doors of coupons: the console (`/api/console/coupons`), tills (`/api/v1/coupons`), members (`/api/member/coupons`)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Header, Request
from pydantic import AfterValidator, Field
from starlette.responses import Response

from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from huida.kernel.ids import uuid7
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.intake.versions import Replacing, must_replace, version_of
from huida.kernel.pictures import qr_picture
from huida.kernel.web import (
    Created,
    Items,
    Listing,
    Page,
    actor_of,
    key_read,
    key_tx,
    member_read,
    member_tx,
    once,
    page,
    paged,
    staff_read,
    staff_tx,
)
from huida.modules.coupons import queries, templates, views
from huida.modules.coupons.issue import issue
from huida.modules.coupons.models import CouponState
from huida.modules.coupons.redeem import redeem, refund_reopens, reopen, save_refund_reopens, void
from huida.modules.coupons.remind import reminders, save_reminders
from huida.modules.coupons.rules import Coupon, Terms

console = Router(prefix="/api/console/coupons", tags=["coupons"])
open_api = Router(prefix="/api/v1/coupons", tags=["coupons"])
member = Router(prefix="/api/member/coupons", tags=["member"])

Paging = Annotated[Page, Depends(page)]


class KnownMember(Protocol):
    """A member as the members' front door tells it."""

    @property
    def id(self) -> UUID: ...
    @property
    def state(self) -> str: ...
    @property
    def refusal_code(self) -> str: ...


MembersBy = Mapping[str, Callable[[Tx, Sequence[str]], Awaitable[Mapping[str, KnownMember]]]]
"""Ways to find a member, given by `main` as `app.state.members_by`: this module stands beside members and may not import
it."""


class TemplateIn(Body):
    name: str = Field(max_length=40)
    kind: str = Field(max_length=20)
    total: int
    amount_fen: int = 0
    threshold_fen: int = 0
    discount_bp: int = 0
    per_member: int = 1
    valid_from: date | None = None
    valid_to: date | None = None
    valid_days: int | None = None
    claimable: bool = True
    note: str = Field("", max_length=500)
    alone: bool = False
    per_order: int = Field(1, ge=1, le=100)


class TemplateChange(Body):
    name: str | None = Field(None, max_length=40)
    kind: str | None = Field(None, max_length=20)
    total: int | None = None
    amount_fen: int | None = None
    threshold_fen: int | None = None
    discount_bp: int | None = None
    per_member: int | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    valid_days: int | None = None
    claimable: bool | None = None
    note: str | None = Field(None, max_length=500)
    alone: bool | None = None
    per_order: int | None = Field(None, ge=1, le=100)


class Who(Body):
    """A member, by exactly one of these."""

    card_no: str | None = Field(None, max_length=32)
    phone: str | None = Field(None, max_length=11)
    openid: str | None = Field(None, max_length=64)


class IssueIn(Who):
    """`key` names the reason (an order, an activity): the same key gives the same coupon again."""

    template_id: UUID
    key: str = Field(min_length=1, max_length=100)


def _order_ref(text: str) -> str:
    """An order's number as the till's numbers are taken: without blanks around it (B-17). Raises ValueError for unprintable ones."""
    number = text.strip()
    if number and not number.isprintable():
        raise ValueError("order_ref")
    return number


OrderRef = Annotated[str, AfterValidator(_order_ref)]


class RedeemIn(Body):
    store: str = Field("", max_length=32)
    order_ref: OrderRef = Field("", max_length=100)
    order_fen: int | None = Field(None, ge=0)


class VoidIn(Body):
    reason: str = Field(min_length=1, max_length=100)


class CouponSettingsIn(Replacing):
    refund_reopens: bool


class RemindersIn(Replacing):
    remind_after_days: int
    remind_before_days: int


def show(coupon: Coupon) -> views.Coupon:
    return {
        "id": coupon.id,
        "template_id": coupon.template_id,
        "member_id": coupon.member_id,
        "code": coupon.code,
        "name": coupon.name,
        "state": coupon.state,
        "issued_at": coupon.issued_at,
        "valid_from": coupon.valid_from,
        "valid_until": coupon.valid_until,
        "used_at": coupon.used_at,
        "store": coupon.store_code,
        "order_ref": coupon.order_ref,
        "reason": coupon.reason,
        "off_fen": coupon.off_fen,
    }


def show_template(row: Any) -> views.CouponTemplate:
    return {
        "id": row["id"],
        "name": row["name"],
        "kind": row["kind"],
        "total": row["total"],
        "amount_fen": row["amount_fen"],
        "threshold_fen": row["threshold_fen"],
        "discount_bp": row["discount_bp"],
        "per_member": row["per_member"],
        "valid_from": row["valid_from"],
        "valid_to": row["valid_to"],
        "valid_days": row["valid_days"],
        "claimable": row["claimable"],
        "note": row["note"],
        "alone": row["alone"],
        "per_order": row["per_order"],
        "issued": row["issued"],
        "left": row["total"] - row["issued"],
        "state": row["state"],
        "created_at": row["created_at"],
    }


async def member_for(request: Request, tx: Tx, who: Who) -> UUID:
    """The active member that a body names. Raises Invalid, NotFound, Conflict."""
    named = [(by, value) for by in ("card_no", "phone", "openid") if (value := getattr(who, by)) is not None]
    if len(named) != 1:
        raise Invalid(code="member.one_reference", where="card_no")
    [(by, value)] = named
    ways: MembersBy = request.app.state.members_by
    found = (await ways[by](tx, [value])).get(value)
    if found is None:
        raise NotFound(code="member.not_found", where=by)
    if found.state != "active":
        raise Conflict(code=found.refusal_code, where=by, state=found.state)
    return found.id


def may_use(request: Request, tx: Tx) -> Callable[[UUID], Awaitable[None]]:
    """Asks whether a member may claim and use coupons now: one that is frozen or has left may not (B-14)."""

    return partial(request.app.state.require_active, tx)


@console.get("/templates")
async def list_templates(
    wanted: Paging, state: str | None = None, tx: ReadTx = staff_read("coupons.view")
) -> Listing[views.CouponTemplate]:
    rows = await queries.templates(tx, state=state, limit=wanted.limit + 1, after=wanted.before)
    return paged(rows, wanted, lambda row: [str(row["id"])], show_template)


@console.post("/templates", status_code=201)
async def create_template(body: TemplateIn, tx: Tx = staff_tx("coupons.write")) -> Created:
    return {"id": await templates.create_template(tx, Terms(**body.model_dump()))}


@console.get("/templates/{template_id}")
async def get_template(template_id: UUID, tx: ReadTx = staff_read("coupons.view")) -> views.CouponTemplate:
    return show_template(await templates.get_template(tx, template_id))


@console.patch("/templates/{template_id}", status_code=204)
async def change_template(template_id: UUID, body: TemplateChange, tx: Tx = staff_tx("coupons.write")) -> None:
    await templates.update_template(tx, template_id, body.model_dump(exclude_unset=True))


@console.post("/templates/{template_id}/on", status_code=204)
async def put_on(template_id: UUID, tx: Tx = staff_tx("coupons.write")) -> None:
    await templates.put_on(tx, template_id)


@console.post("/templates/{template_id}/off", status_code=204)
async def take_off(template_id: UUID, tx: Tx = staff_tx("coupons.write")) -> None:
    await templates.take_off(tx, template_id)


@console.get("/templates/{template_id}/coupons")
async def coupons_of_template(
    template_id: UUID, wanted: Paging, state: CouponState | None = None, tx: ReadTx = staff_read("coupons.view")
) -> Listing[views.Coupon]:
    await templates.get_template(tx, template_id)
    rows = await queries.of_template(tx, template_id, state=state, limit=wanted.limit + 1, after=wanted.before)
    return paged(rows, wanted, lambda coupon: [str(coupon.id)], show)


@console.get("/members/{member_id}")
async def coupons_of_member(
    request: Request,
    member_id: UUID,
    wanted: Paging,
    state: CouponState | None = None,
    tx: ReadTx = staff_read("coupons.view"),
) -> Listing[views.Coupon]:
    await request.app.state.member(tx, member_id)
    rows = await queries.of_member(tx, member_id, state=state, limit=wanted.limit + 1, after=wanted.before)
    return paged(rows, wanted, lambda coupon: [str(coupon.id)], show)


@console.post("/issue", status_code=201)
async def give(request: Request, body: IssueIn, tx: Tx = staff_tx("coupons.write")) -> views.Coupon:
    """Give a coupon by hand; `key` is made by the form, so that a double click gives one."""
    member_id = await member_for(request, tx, body)
    return show(await issue(tx, body.template_id, member_id=member_id, source="console", source_key=body.key))


@console.get("/reminders")
async def get_reminders(tx: ReadTx = staff_read("coupons.view")) -> views.Reminders:
    timing = await reminders(tx)
    return {
        "remind_after_days": timing.after_days,
        "remind_before_days": timing.before_days,
        "version": version_of(timing),
    }


@console.get("/settings")
async def get_settings(tx: ReadTx = staff_read("coupons.view")) -> views.CouponSettings:
    reopens = await refund_reopens(tx)
    return {"refund_reopens": reopens, "version": version_of(reopens)}


async def _settings_version(tx: Tx) -> str:
    return version_of(await refund_reopens(tx))


@console.put("/settings", status_code=204)
async def put_settings(body: CouponSettingsIn, tx: Tx = staff_tx("coupons.write")) -> None:
    """Decide whether a purchase that goes back whole gives its coupons back."""
    await must_replace(tx, "coupons.settings", body.version, _settings_version(tx))
    await save_refund_reopens(tx, body.refund_reopens)


async def _reminders_version(tx: Tx) -> str:
    return version_of(await reminders(tx))


@console.put("/reminders", status_code=204)
async def put_reminders(body: RemindersIn, tx: Tx = staff_tx("coupons.write")) -> None:
    await must_replace(tx, "coupons.reminders", body.version, _reminders_version(tx))
    await save_reminders(tx, after_days=body.remind_after_days, before_days=body.remind_before_days)


@console.get("/codes/{code}")
async def console_by_code(code: str, tx: ReadTx = staff_read("coupons.redeem")) -> views.Coupon:
    return show(await queries.by_code(tx, code))


@console.post("/codes/{code}/redeem")
async def console_redeem(
    request: Request, code: str, body: RedeemIn, tx: Tx = staff_tx("coupons.redeem")
) -> views.RedeemedCoupon:
    return await _redeem(request, tx, code, body)


@console.post("/codes/{code}/reopen")
async def console_reopen(request: Request, code: str, tx: Tx = staff_tx("coupons.write")) -> views.Coupon:
    return show(await _reopen(request, tx, code))


@console.post("/codes/{code}/void")
async def console_void(code: str, body: VoidIn, tx: Tx = staff_tx("coupons.write")) -> views.Coupon:
    return show(await void(tx, code, reason=body.reason))


async def _reopen(request: Request, tx: Tx, code: str) -> Coupon:
    """Only for a member, frozen or not: who left keeps no coupons."""
    holder = (await queries.by_code(tx, code)).member_id
    state = (await request.app.state.member(tx, holder))["state"]
    if state not in ("active", "frozen"):
        raise Conflict(code="member.not_active", state=state)
    return await reopen(tx, code)


async def _redeem(request: Request, tx: Tx, code: str, body: RedeemIn) -> views.RedeemedCoupon:
    coupon, off_fen = await redeem(
        tx,
        code,
        may_use=may_use(request, tx),
        store_code=body.store,
        order_ref=body.order_ref,
        order_fen=body.order_fen,
    )
    return {**show(coupon), "off_fen": off_fen}


@open_api.post("", status_code=201, response_model=views.Coupon)
async def open_issue(request: Request, body: IssueIn, tx: Tx = key_tx("coupons.write")) -> Response:
    async def work() -> tuple[int, Any]:
        member_id = await member_for(request, tx, body)
        coupon = await issue(tx, body.template_id, member_id=member_id, source="api", source_key=body.key)
        return 201, show(coupon)

    return await once(tx, request, work)


@open_api.get("/{code}")
async def open_by_code(code: str, tx: ReadTx = key_read("coupons.write")) -> views.Coupon:
    return show(await queries.by_code(tx, code))


@open_api.post("/{code}/redeem", response_model=views.RedeemedCoupon)
async def open_redeem(request: Request, code: str, body: RedeemIn, tx: Tx = key_tx("coupons.write")) -> Response:
    async def work() -> tuple[int, Any]:
        return 200, await _redeem(request, tx, code, body)

    return await once(tx, request, work)


@open_api.post("/{code}/reopen", response_model=views.Coupon)
async def open_reopen(request: Request, code: str, tx: Tx = key_tx("coupons.write")) -> Response:
    async def work() -> tuple[int, Any]:
        return 200, show(await _reopen(request, tx, code))

    return await once(tx, request, work)


def own_id(request: Request) -> UUID:
    """The member whose session this is. Raises Forbidden for a visitor who has not joined."""
    actor = actor_of(request)
    if actor.kind != "member":
        raise Forbidden(code="coupon.join_first")
    return actor.id


@member.get("")
async def my_coupons(
    request: Request, wanted: Paging, state: CouponState | None = None, tx: ReadTx = member_read()
) -> Listing[views.MyCoupon]:
    """The member's own coupons with their terms, newest first."""
    rows = await queries.of_member(tx, own_id(request), state=state, limit=wanted.limit + 1, after=wanted.before)
    terms = await queries.templates_of(tx, rows)
    return paged(
        rows,
        wanted,
        lambda coupon: [str(coupon.id)],
        lambda coupon: {**show(coupon), "template": show_template(terms[coupon.template_id])},
    )


@member.get("/offers")
async def offers(request: Request, tx: ReadTx = member_read()) -> Items[views.Offer]:
    """What this member can claim, and what they have taken already."""
    rows = await queries.offered(tx, own_id(request))
    return {"items": [{**show_template(row), "taken": row["taken"]} for row in rows]}


@member.post("/offers/{template_id}/claim", status_code=201)
async def claim(
    request: Request,
    template_id: UUID,
    key: Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=64)] = None,
    tx: Tx = member_tx(),
) -> views.Coupon:
    """Take a coupon (S1-06). The page sends one `Idempotency-Key` for each tap, so that a repeated call takes one.

    The key belongs to the member: another member's equal key is another claim.
    """
    member_id = own_id(request)
    await may_use(request, tx)(member_id)
    if not (await templates.get_template(tx, template_id))["claimable"]:
        raise NotFound(code="coupon.template_not_found", where="template_id")
    source_key = f"{member_id}.{key or uuid7()}"
    return show(await issue(tx, template_id, member_id=member_id, source="claim", source_key=source_key))


@member.get("/{coupon_id}")
async def my_coupon(request: Request, coupon_id: UUID, tx: ReadTx = member_read()) -> views.OwnCoupon:
    """One of the member's own coupons with its terms: the page behind a message."""
    coupon = await queries.get(tx, coupon_id)
    if coupon.member_id != own_id(request):
        raise NotFound(code="coupon.not_found", where="coupon_id")
    terms = await templates.get_template(tx, coupon.template_id)
    return {**show(coupon), "template": show_template(terms), "qr": qr_picture(coupon.code)}

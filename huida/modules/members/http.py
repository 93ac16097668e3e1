"""Members' doors: the console (`/api/console/members`), the open API (`/api/v1/members`), the member (`/api/member`)."""

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.intake.streams import begun
from huida.kernel.intake.turns import takes_turns
from huida.kernel.pictures import qr_picture
from huida.kernel.rates import Buckets
from huida.kernel.secrets import mask_phone
from huida.kernel.web import (
    Actor,
    Created,
    Items,
    Listing,
    Page,
    actor_of,
    admitted,
    bearer,
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
from huida.modules import tenants
from huida.modules.members import export as export_file
from huida.modules.members import profile, queries, service, sessions, views
from huida.modules.members.identifiers import fold_phone
from huida.modules.members.strangers import limited_here

console = Router(prefix="/api/console/members", tags=["console"])
open_api = Router(prefix="/api/v1/members", tags=["members"])
member = Router(prefix="/api/member", tags=["member"])

_logins_by_network: Final = Buckets(rate_per_s=10, burst=100)


class MemberIn(Body):
    card_no: str | None = Field(None, max_length=32)
    name: str = Field("", max_length=60)
    phone: str | None = Field(None, max_length=40)
    birthday: date | None = None
    store: str | None = Field(None, max_length=32)


class MemberChange(Body):
    """What is left out stays, a null name, note or list of tags too; null removes the phone, the birthday or the store."""

    name: str | None = Field(None, max_length=60)
    phone: str | None = Field(None, max_length=40)
    birthday: date | None = None
    note: str | None = Field(None, max_length=500)
    store: str | None = Field(None, max_length=32)
    tags: list[Annotated[str, Field(max_length=40)]] | None = Field(None, max_length=40)


class CodeIn(Body):
    code: str = Field(min_length=1, max_length=200)


class MemberLoginIn(CodeIn):
    app_id: str = Field(max_length=40)


async def level_names_of(request: Request, tx: Tx) -> dict[str, str]:
    """The merchant's names of its levels by code, the lowest first: given by `main`, since loyalty stands above."""
    ask: export_file.LevelNames = request.app.state.level_names
    return await ask(tx)


async def balances_of(request: Request, tx: Tx, member_id: UUID) -> views.Balances:
    """What the member owns: asked through a function that `main` gives, since the ledger stands beside this module."""
    ask: export_file.BalancesOf = request.app.state.balances_of
    return (await ask(tx, [member_id])).get(member_id, {})


async def store_id_of(tx: Tx, code: str | None) -> UUID | None:
    """The store with this code. Raises NotFound."""
    if code is None:
        return None
    store = (await tenants.stores_by_code(tx)).get(code)
    if store is None:
        raise NotFound(code="store.not_found", where="store")
    return store.id


async def take_in(tx: Tx, body: MemberIn, *, channel: str) -> UUID:
    """A new member from a door's body. Raises Invalid for nobody: a member has a name, a phone or a card at least."""
    if not (body.name.strip() or body.phone or body.card_no):
        raise Invalid(code="member.nobody", where="name")
    return await service.join(
        tx,
        card_no=body.card_no,
        name=body.name,
        phone=body.phone,
        channel=channel,
        store_id=await store_id_of(tx, body.store),
        birthday=None if body.birthday is None else profile.check_birthday(tx, body.birthday),
    )


@console.get("")
async def list_members(
    request: Request,
    q: str = "",
    level: str | None = None,
    state: str | None = None,
    tag: str | None = None,
    wanted: Page = Depends(page),
    tx: ReadTx = staff_read("members.view"),
) -> Listing[views.Member]:
    rows = await queries.search(
        tx, limit=wanted.limit + 1, before=wanted.before, q=q, level=level, state=state, tag=tag
    )
    may = actor_of(request).may
    levels = await level_names_of(request, tx)
    return paged(rows, wanted, lambda row: [str(row["id"])], lambda row: queries.show(tx, row, may=may, levels=levels))


@console.get("/levels")
async def level_names(request: Request, tx: ReadTx = staff_read("members.view")) -> Items[views.LevelName]:
    """The merchant's levels, the lowest first: for who sees members, and not only for who may see the rules (U-08)."""
    names = await level_names_of(request, tx)
    return {"items": [{"code": code, "name": name} for code, name in names.items()]}


@console.post("", status_code=201)
async def create(body: MemberIn, tx: Tx = staff_tx("members.edit")) -> Created:
    return {"id": await take_in(tx, body, channel="console")}


@console.get("/export", response_class=StreamingResponse, responses=file_answer("text/csv"))
async def export(
    request: Request,
    q: str = "",
    level: str | None = None,
    state: str | None = None,
    tag: str | None = None,
    actor: Actor = staff_only("members.export"),
    _: None = takes_turns("exports", most=2),
) -> Response:
    """What the list shows with these filters, with what the members own and when they came last."""
    state_of = request.app.state
    lines = export_file.lines(
        state_of.db,
        actor.tenant_id,
        export_file.Others(state_of.balances_of, state_of.level_names, state_of.last_visits),
        may=actor.may,
        q=q,
        level=level,
        state=state,
        tag=tag,
        language=language_of(request),
    )
    headers = {"Content-Disposition": 'attachment; filename="members.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(await begun(lines), media_type="text/csv; charset=utf-8", headers=headers)


@console.get("/{member_id}")
async def detail(request: Request, member_id: UUID, tx: ReadTx = staff_read("members.view")) -> views.MemberDetail:
    row = await service.get(tx, member_id)
    may = actor_of(request).may
    return {
        **queries.show(tx, row, may=may, levels=await level_names_of(request, tx)),
        "identities": [queries.show_identity(one, may=may) for one in await queries.identities(tx, member_id)],
        "balances": await balances_of(request, tx, member_id),
    }


@console.patch("/{member_id}", status_code=204)
async def change(member_id: UUID, body: MemberChange, tx: Tx = staff_tx("members.edit")) -> None:
    changes = body.model_dump(exclude_unset=True)
    if "store" in changes:
        changes["store_id"] = await store_id_of(tx, changes.pop("store"))
    await profile.change(tx, member_id, changes)


@console.post("/{member_id}/freeze", status_code=204)
async def freeze(member_id: UUID, tx: Tx = staff_tx("members.edit")) -> None:
    await profile.freeze(tx, member_id)


@console.post("/{member_id}/unfreeze", status_code=204)
async def unfreeze(member_id: UUID, tx: Tx = staff_tx("members.edit")) -> None:
    await profile.unfreeze(tx, member_id)


@open_api.post("", status_code=201, response_model=views.OpenMember)
async def open_create(request: Request, body: MemberIn, tx: Tx = key_tx("members.write")) -> Response:
    async def work() -> tuple[int, Any]:
        member_id = await take_in(tx, body, channel="open_api")
        return 201, queries.show_open(tx, await service.get(tx, member_id))

    return await once(tx, request, work)


@open_api.get("")
async def open_find(
    card_no: str | None = None,
    phone: str | None = None,
    openid: str | None = None,
    tx: ReadTx = key_read("members.read"),
) -> Items[views.OpenMember]:
    """The member with this card number, phone or openid (exactly one of them), in a list of at most one."""
    if sum(value is not None for value in (card_no, phone, openid)) != 1:
        raise Invalid(code="member.one_reference", where="card_no")
    found: list[service.Known] = []
    if card_no is not None:
        found = list((await service.by_card_no(tx, [card_no])).values())
        if found and found[0].state == service.REPLACED:
            raise Conflict(code=service.CARD_REPLACED, where="card_no")
    elif phone is not None:
        found = list((await service.by_phone(tx, [fold_phone(phone)])).values())
    elif openid is not None:
        found = list((await service.by_openid(tx, [openid])).values())
    return {"items": [queries.show_open(tx, await service.get(tx, one.id)) for one in found[:1]]}


@open_api.get("/{member_id}")
async def open_get(member_id: UUID, tx: ReadTx = key_read("members.read")) -> views.OpenMember:
    return queries.show_open(tx, await service.get(tx, member_id))


@member.post("/login")
async def log_in(request: Request, body: MemberLoginIn) -> views.MemberSession:
    limited_here(_logins_by_network, request)
    state = request.app.state
    opened = await sessions.log_in(state.db, state.mini, state.oa, app_id=body.app_id, code=body.code)
    return {"token": opened.token.reveal(), "joined": opened.member_id is not None}


@member.post("/logout", status_code=204)
async def log_out(request: Request) -> None:
    await admitted(request, "member", "")
    await sessions.log_out(request.app.state.db, bearer(request))


@member.post("/phone")
async def bind_phone(request: Request, body: CodeIn) -> views.MemberCentre:
    """Give the phone by its button's code; joins or finds the member. Answers as `me` does."""
    actor = await admitted(request, "member", "")
    state = request.app.state
    member_id = await sessions.bind_phone(state.db, state.mini, actor, code=body.code)
    async with state.db.read(actor.tenant_id) as tx:
        return await _me(request, tx, member_id)


@member.get("/me")
async def me(request: Request, tx: ReadTx = member_read()) -> views.MemberCentre:
    actor = actor_of(request)
    return await _me(request, tx, actor.id if actor.kind == "member" else None)


async def _me(request: Request, tx: Tx, member_id: UUID | None) -> views.MemberCentre:
    merchant = await tenants.merchant(tx)
    answer: views.MemberCentre = {"merchant": merchant["short_name"], "member": None}
    if member_id is not None:
        row = await service.get(tx, member_id)
        phone = service.phone_of(tx, row)
        answer["member"] = {
            "id": member_id,
            "card_no": row["card_no"],
            "card_qr": qr_picture(row["card_no"]),
            "name": row["name"],
            "phone": mask_phone(phone) if phone else None,
            "level": row["level"],
            "level_name": (await level_names_of(request, tx)).get(row["level"], ""),
            "state": row["state"],
            "birthday": row["birthday"],
            "balances": await balances_of(request, tx, member_id),
        }
    return answer

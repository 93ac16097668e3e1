"""Doors that the member centre needs before and beside the member's own: what site this is, spend codes, links that open
the mini program, and the till's door that takes a spend code."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import Request
from pydantic import Field
from typing_extensions import TypedDict

from huida.kernel.db import Tx
from huida.kernel.errors import Forbidden, NotFound
from huida.kernel.http import ProviderOutcome
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.pictures import qr_picture
from huida.kernel.rates import Buckets
from huida.kernel.web import actor_of, key_tx, member_tx
from huida.modules import connections, tenants
from huida.modules.members import codes, service
from huida.modules.members.sessions import LoginUnavailable
from huida.modules.members.strangers import limited, limited_here, merchant_of

member = Router(prefix="/api/member", tags=["member"])
tills = Router(prefix="/api/v1/spend-codes", tags=["members"])

_sites_by_network: Final = Buckets(rate_per_s=10, burst=100)
_links_by_network: Final = Buckets(rate_per_s=1, burst=30)
_links_by_merchant: Final = Buckets(rate_per_s=2, burst=60)
"""WeChat makes 500,000 links a day for an app: strangers may use up a third of them."""

Merchant = Annotated[int, Field(ge=1, lt=2**63)]


class Site(TypedDict):
    """Whose member centre this is. `simulator` is the origin that may frame the page, None in real life."""

    m: int
    merchant: str
    mini_app_id: str | None
    oa_app_id: str | None
    simulator: str | None
    authorize_url: str


class SpendCodeView(TypedDict):
    """18 digits and their QR picture (data URI); `seconds` is how long the screen shows it."""

    code: str
    qr: str
    seconds: int
    expires_at: datetime


class OpenLink(TypedDict):
    url: str


class CodeOwner(TypedDict):
    """Who showed the code; balances in fen and points."""

    card_no: str
    member_id: str
    name: str
    balances: dict[str, int]


class OpenLinkIn(Body):
    m: Merchant
    page: str = Field(max_length=200, pattern=r"^pages/[a-z0-9/-]+(\?[A-Za-z0-9_=&.%~-]*)?$")


class TillIn(Body):
    store: str = Field(min_length=1, max_length=32)
    till_no: str = Field(min_length=1, max_length=64)


@member.get("/site")
async def site(request: Request, m: Merchant | None = None) -> Site:
    """What a page must know before anybody is logged in."""
    limited_here(_sites_by_network, request)
    state = request.app.state
    tenant_id = await merchant_of(state.db, m)
    async with state.db.read(tenant_id) as tx:
        apps = {app.kind: app.app_id for app in await connections.apps(tx) if app.connected}
        return {
            "m": tenant_id,
            "merchant": await tenants.short_name(tx),
            "mini_app_id": apps.get("mini"),
            "oa_app_id": apps.get("oa"),
            "simulator": state.settings.simulator_url or None,
            "authorize_url": f"{state.settings.wechat_open_url}/connect/oauth2/authorize",
        }


@member.post("/open-links")
async def open_link(request: Request, body: OpenLinkIn) -> OpenLink:
    """A WeChat link that opens the mini program at a page, for browsers outside WeChat (S1-117)."""
    limited_here(_links_by_network, request)
    state = request.app.state
    tenant_id = await merchant_of(state.db, body.m)
    limited(_links_by_merchant, str(tenant_id))
    async with state.db.read(tenant_id) as tx:
        cred = await connections.credentials(tx, "mini")
    if cred is None:
        raise NotFound(code="connection.not_found", where="m")
    path, _, query = body.page.partition("?")
    try:
        return {"url": await state.mini.url_link(cred, path=path, query_text=query, days=1)}
    except ProviderOutcome as bad:
        raise LoginUnavailable() from bad


@member.post("/spend-codes", status_code=201)
async def new_spend_code(request: Request, tx: Tx = member_tx()) -> SpendCodeView:
    """A fresh spend code in place of the one before. Raises Forbidden for a visitor who has not joined."""
    actor = actor_of(request)
    if actor.kind != "member":
        raise Forbidden(code="member.join_first")
    made = await codes.new_code(tx, actor.id)
    return {
        "code": made.code,
        "qr": qr_picture(made.code),
        "seconds": int(codes.LIFE.total_seconds()),
        "expires_at": made.expires_at,
    }


@tills.post("/{code}/use")
async def use_spend_code(request: Request, code: str, body: TillIn, tx: Tx = key_tx("purchases.write")) -> CodeOwner:
    """Who shows this code; it is used up. The same store and till number may ask again."""
    member_id = await codes.use_code(tx, code, store=body.store, till_no=body.till_no)
    row = await service.get(tx, member_id)
    balances = await request.app.state.balances_of(tx, [member_id])
    return {
        "card_no": row["card_no"],
        "member_id": str(member_id),
        "name": row["name"],
        "balances": balances.get(member_id, {}),
    }

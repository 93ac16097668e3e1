"""The composition root: it names every module (their doors are in `huida.doors`). It builds the system from settings and a clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from huida import __version__, faces, reference
from huida.kernel.clock import Clock, SystemClock, clock_ahead
from huida.kernel.db import AWAY, Database
from huida.kernel.http import Outgoing, Send
from huida.kernel.jobs import Registry
from huida.kernel.log import log
from huida.kernel.partitions import work as months
from huida.kernel.secrets import Sealer
from huida.kernel.web import Edge, install_errors
from huida.kernel.worker import LARGEST_SKEW_S, Worker
from huida.modules import (
    connections,
    coupons,
    ledger,
    lives,
    loyalty,
    mall,
    members,
    moving,
    orders,
    payments,
    reports,
    sms,
    tenants,
    verification,
)
from huida.modules.coupons import invariants as coupons_invariants
from huida.modules.loyalty import invariants as loyalty_invariants
from huida.modules.loyalty import reactions as loyalty_reactions
from huida.modules.messaging import catalogue
from huida.modules.messaging import invariants as messaging_invariants
from huida.modules.messaging import reactions as messaging_reactions
from huida.modules.messaging.ask import AskSms
from huida.modules.messaging.drift import LookForDrift
from huida.modules.messaging.sender import Sender
from huida.modules.orders import invariants as orders_invariants
from huida.providers.sms.aliyun import AliyunSms
from huida.providers.sms.provider import SmsProvider
from huida.providers.sms.tencent import TencentSms
from huida.providers.wechat.mini_program import MiniProgram
from huida.providers.wechat.official_account import OfficialAccount
from huida.providers.wechat.tokens import AccessTokens
from huida.providers.wechatpay.client import WechatPay
from huida.settings import Settings

INVARIANTS: dict[str, str] = {
    **ledger.INVARIANTS,
    **coupons_invariants.INVARIANTS,
    **sms.INVARIANTS,
    **orders_invariants.INVARIANTS,
    **loyalty_invariants.INVARIANTS,
    **messaging_invariants.INVARIANTS,
    **verification.INVARIANTS,
    **payments.INVARIANTS,
    **mall.INVARIANTS,
    **lives.INVARIANTS,
}
"""What must always hold, by name: a query that returns the rows that break it."""

KEEP_TIME_EVERY_S = 10.0

TAGS: dict[str, str] = {
    "console": "A merchant's console: session cookie, `X-CSRF-Token` with every write.",
    "messaging": "Automatic pushes in the console: scenarios, templates, deliveries and why they were made or not.",
    "coupons": "Coupon templates and coupons, for the console and for tills.",
    "loyalty": "Earning rules and corrections by hand, in the console.",
    "payments": "Who receives money by WeChat Pay, and what was paid, in the console. Amounts are in fen.",
    "feeds": "What an ERP reads along: what was recorded and changed, from a time or a cursor on, without skipping one.",
    "mall": "The mall in the console and for a shop's own system: products, stock, orders, parcels. Amounts are in fen.",
    "orders": "What tills report (API key), and the console's lists of it. Amounts are in fen.",
    "members": "Members for tills and shops: API key.",
    "balances": "Points and stored value for tills: API key.",
    "messages": "Why a message was sent or not: API key.",
    "member": "The member centre: bearer token of `POST /api/member/login`; the site and links into WeChat need none.",
    "operator": "The platform's operators: their session cookie, `X-CSRF-Token` with every write.",
    "callbacks": "What WeChat and the SMS providers call.",
    "links": "Short links in messages.",
}
"""The parts of the API document."""


@dataclass
class System:
    """Everything that one process needs; `api()` and `worker()` are its two faces."""

    settings: Settings
    clock: Clock
    db: Database
    registry: Registry
    outgoing: Outgoing
    mini: MiniProgram
    oa: OfficialAccount
    tokens: AccessTokens
    wechat_pay: WechatPay
    sms_providers: dict[str, SmsProvider] = field(default_factory=dict)

    def worker(self) -> Worker:
        return Worker(self.db, self.registry, streams=self.settings.streams)

    def api(self) -> ASGIApp:
        return build_api(self)

    async def close(self) -> None:
        await self.outgoing.aclose()
        await self.db.close()


def build(
    settings: Settings, *, clock: Clock | None = None, send: Send | None = None, outgoing: Outgoing | None = None
) -> System:
    """Wire the modules together. Opens no connection yet. `send` takes the place of the network (tests)."""
    clock = clock or SystemClock()
    registry = Registry()
    outgoing = outgoing or Outgoing(send=send)
    tokens = AccessTokens(outgoing, clock=clock, base_url=settings.wechat_api_url)
    mini = MiniProgram(outgoing, tokens, clock=clock, base_url=settings.wechat_api_url)
    oa = OfficialAccount(
        outgoing,
        tokens,
        clock=clock,
        base_url=settings.wechat_api_url,
        open_url=settings.wechat_open_url,
        pages_url=settings.wechat_pages_url,
    )
    wechat_pay = WechatPay(
        outgoing,
        clock=clock,
        base_url=settings.wechat_pay_url,
        notify_base=f"{settings.public_url}/callbacks/wechatpay",
    )
    providers: dict[str, SmsProvider] = {
        "aliyun": AliyunSms(outgoing, clock=clock, base_url=settings.aliyun_sms_url),
        "tencent": TencentSms(outgoing, clock=clock, base_url=settings.tencent_sms_url),
    }
    desk = sms.SmsDesk(providers, clock)
    sender = Sender(mini=mini, oa=oa, desk=desk, clock=clock, rate_per_s=settings.send_rate_per_s)
    messaging_reactions.work.errands = {
        "messaging.send": sender,
        "messaging.ask_sms": AskSms(providers),
        "messaging.look_for_drift": LookForDrift(mini=mini, oa=oa, sms_providers=providers),
    }
    for work in (
        months,
        connections.work,
        members.work(oa),
        coupons.work,
        loyalty_reactions.work,
        sms.work(providers),
        payments.work(wechat_pay),
        mall.work,
        messaging_reactions.work,
        reports.work,
        moving.work,
        verification.work(desk, providers),
        lives.work,
    ):
        registry.add(work)
    db = Database(
        settings.database_url,
        clock=clock,
        sealer=Sealer(settings.master()),
        subscriptions=registry.subscriptions,
        pool_size=settings.pool_size,
    )
    return System(settings, clock, db, registry, outgoing, mini, oa, tokens, wechat_pay, providers)


def build_api(system: System) -> ASGIApp:
    """The HTTP face: console, operator, member and open API, callbacks, health."""
    from huida import doors

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeping = asyncio.create_task(_keep_time(system.db))
        yield
        keeping.cancel()
        await system.close()

    app = FastAPI(
        title="Huida 会达",
        version=__version__,
        lifespan=lifespan,
        generate_unique_id_function=doors.operation_name,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        openapi_tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    doorkeeper = tenants.Doors(system.db, member=members.member_actor)
    app.state.db = system.db
    app.state.doorkeeper = doorkeeper
    app.state.mini = system.mini
    app.state.oa = system.oa
    app.state.tokens = system.tokens
    app.state.wechat_pay = system.wechat_pay
    app.state.sms_providers = system.sms_providers
    app.state.settings = system.settings
    app.state.public_url = system.settings.public_url
    app.state.balances_of = loyalty.balances_of
    app.state.level_names = loyalty.level_names
    app.state.last_visits = orders.last_visits
    app.state.scenario_names = catalogue.names()
    app.state.member = members.get
    app.state.require_active = members.require_active
    app.state.members_by = {"card_no": members.by_card_no, "phone": members.by_phone, "openid": members.by_openid}
    app.state.member_url = system.settings.member_centre
    install_errors(app)
    app.router.routes.extend(doors.prepared())
    _add_watch_doors(app, system)
    _document_ingest(app)
    reference.add_reference(app)
    faces.add_faces(app, simulator_url=system.settings.simulator_url)
    return Edge(orders.Ingest(app, system.db, doorkeeper), https=system.settings.public_url.startswith("https:"))


async def _keep_time(db: Database) -> None:
    """Have the server's clock go by PostgreSQL's, as the workers' do, when the machine's own is wrong."""
    while True:
        try:
            async with db.raw() as (_, sql):
                ahead = await clock_ahead(lambda: sql.fetchval("SELECT clock_timestamp()"))
            if abs(ahead.total_seconds()) > LARGEST_SKEW_S:
                log.error("clock_off", database_ahead_s=round(ahead.total_seconds(), 1))
            db.clock.keep_to(ahead)
        except AWAY:
            pass
        except Exception as error:
            log.error("time_not_kept", exc_info=error)
        await asyncio.sleep(KEEP_TIME_EVERY_S)


def _add_watch_doors(app: FastAPI, system: System) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def alive() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", include_in_schema=False)
    async def ready() -> JSONResponse:
        try:
            async with system.db.read(0) as tx:
                await tx.value("SELECT 1")
        except AWAY:
            return JSONResponse({"status": "database away"}, 503)
        return JSONResponse({"status": "ready"})


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _document_ingest(app: FastAPI) -> None:
    """Put the two purchase paths, which the router never sees, into the OpenAPI document."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        schema = msgspec.json.schema_components([orders.PurchaseIn], ref_template="#/components/schemas/{name}")[1]
        document["components"]["schemas"].update(schema)
        one = {"$ref": "#/components/schemas/PurchaseIn"}
        example = {"store": "S01", "till_no": "20261121-0042", "card_no": "6088000001", "total_fen": 2500}
        many = {
            "type": "object",
            "required": ["purchases"],
            "properties": {"purchases": {"type": "array", "items": one, "maxItems": 1000}},
        }
        outcome = {"$ref": "#/components/schemas/TillOutcome"}
        outcomes = {
            "type": "object",
            "required": ["results"],
            "properties": {"results": {"type": "array", "items": outcome}},
        }
        for path, name, body, sample, answers in (
            (
                "/api/v1/purchases",
                "report_purchase",
                one,
                example,
                {"200": _answer("It was recorded before", outcome), "201": _answer("Recorded", outcome)},
            ),
            (
                "/api/v1/purchases/batch",
                "report_purchases",
                many,
                {"purchases": [example]},
                {"200": _answer("What became of each row, in their order", outcomes)},
            ),
        ):
            document["paths"][path] = {
                "post": {
                    "operationId": name,
                    "tags": ["orders"],
                    "summary": "Report a purchase" if body is one else "Report up to 1,000 purchases",
                    "description": "Scope purchases.write. Repeating store and till number changes nothing; each row has its answer.",
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": body, "example": sample}},
                    },
                    "responses": answers,
                }
            }
        return document

    app.openapi = openapi  # type: ignore[method-assign]

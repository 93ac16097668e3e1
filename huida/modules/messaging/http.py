"""Messaging's doors: console (scenarios, templates, deliveries, trace) and member centre (what to subscribe to)."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request
from pydantic import Field, StringConstraints
from starlette.responses import RedirectResponse, StreamingResponse

from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import NotFound
from huida.kernel.intake.bodies import BigNumber, Body, Moment
from huida.kernel.intake.door import Router
from huida.kernel.intake.streams import begun
from huida.kernel.intake.turns import takes_turns
from huida.kernel.intake.versions import Replacing, must_replace
from huida.kernel.web import (
    Actor,
    Items,
    Listing,
    Page,
    actor_of,
    file_answer,
    key_read,
    language_of,
    member_read,
    member_tx,
    page,
    paged,
    staff_only,
    staff_read,
    staff_tx,
)
from huida.modules import members
from huida.modules.messaging import bindings, export, forecast, preview, queries, replay, templates, views
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging.keys import from_public_id, key_of, public_id
from huida.modules.messaging.library import Family
from huida.modules.messaging.notice_http import door_of, must_fit

console = Router(prefix="/api/console/messaging", tags=["messaging"])
member = Router(prefix="/api/member", tags=["member"])
open_api = Router(prefix="/api/v1/messages", tags=["messages"])
public = Router(tags=["links"])

Paging = Annotated[Page, Depends(page)]
VIEW, EDIT = "messaging.view", "messaging.edit"


Families = Annotated[Sequence[Family], Query()]
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
"""What people type; a database keeps no NUL."""


class ChannelSettings(Body):
    """What is saved for one channel of a scenario: the template and what each of its fields says.

    `despite`: the account's industry or category does not fit, and it is to be tried nevertheless (S2-06, X-17).
    """

    template_id: Text = ""
    mapping: dict[Text, Text] = Field({}, max_length=50)
    despite: bool | None = None


class ChannelPut(Replacing, ChannelSettings):
    ASKED = frozenset({"despite"})


class OptionsIn(Replacing):
    """How many days after it was taken, and before it ends, an unused coupon is called to mind; 0 is off."""

    remind_after_days: int
    remind_before_days: int


class ChannelDraft(ChannelSettings):
    """Settings to try; with `member_id` the preview speaks of that member."""

    member_id: UUID | None = None


class NewTemplate(Body):
    """A public template with the chosen keywords in display order and the service scene description."""

    tid: BigNumber
    keyword_ids: list[BigNumber] = Field(max_length=100)
    scene: Text


class Removal(Body):
    stop_scenarios: list[Text] = []


class Defaults(Body):
    scenarios: list[str] = Field(description="the scenarios that the preview showed and the merchant confirmed")


class ProposalIn(Body):
    title: Text
    keywords: list[Text] = Field(max_length=20)
    scene: Text


class SubscribeResult(Body):
    """What wx.requestSubscribeMessage returned, by template id; `report_id` makes a repeated report count once."""

    report_id: UUID
    answers: dict[Text, Text] = Field(max_length=20)


@console.get("/scenarios")
async def list_scenarios(family: Families = (), tx: ReadTx = staff_read(VIEW)) -> views.Scenarios:
    """The member scenarios, or those of the families that are asked for."""
    return await queries.scenarios(tx, family or ("member",))


@console.get("/scenarios/{scenario}/sms-forecast")
async def sms_forecast(
    scenario: str,
    template_id: str = "",
    tx: ReadTx = staff_read(VIEW),
    _: None = takes_turns("previews", most=4),
) -> forecast.SmsForecast:
    """What a day of this scenario by SMS would bring and cost, from the events of the last thirty days."""
    return await forecast.forecast(tx, scenario, template_id=template_id)


@console.put("/scenarios/{scenario}/channels/{channel}")
async def save_channel(
    request: Request, scenario: str, channel: str, body: ChannelPut, actor: Actor = staff_only(EDIT)
) -> views.LiveChannel:
    """Save a channel and make it live; `stopped` says which channels that stopped: all others of an exclusive scenario."""
    await must_fit(door_of(request, actor), scenario, channel, despite=bool(body.despite))
    async with request.app.state.db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await must_replace(tx, f"messaging.{scenario}", body.version, bindings.version(tx, scenario))
        stopped = await bindings.save_channel(tx, scenario, channel, template_id=body.template_id, mapping=body.mapping)
    return {"scenario": scenario, "live": bindings.channel_of(channel), "stopped": stopped}


@console.delete("/scenarios/{scenario}/channels/{channel}")
async def stop_channel(scenario: str, channel: str, tx: Tx = staff_tx(EDIT)) -> views.LiveChannel:
    await bindings.stop_channel(tx, scenario, channel)
    return {"scenario": scenario, "live": None, "stopped": [bindings.channel_of(channel)]}


@console.put("/scenarios/{scenario}/options")
async def save_options(scenario: str, body: OptionsIn, tx: Tx = staff_tx(EDIT)) -> views.SavedOptions:
    await must_replace(tx, f"messaging.{scenario}", body.version, bindings.version(tx, scenario))
    await bindings.save_settings(tx, scenario, body.replacement())
    return {"scenario": scenario, "options": await bindings.settings_of(tx, scenario)}


@console.post("/scenarios/{scenario}/channels/{channel}/check")
async def check_channel(
    scenario: str,
    channel: str,
    body: ChannelDraft,
    tx: ReadTx = staff_read(VIEW),
    _: None = takes_turns("previews", most=4),
) -> preview.Checked:
    """What would be refused, and how it would look with sample values or a real member's; saves nothing."""
    return await preview.check(
        tx, scenario, channel, template_id=body.template_id, wanted=body.mapping, member_id=body.member_id
    )


@console.get("/templates")
async def my_templates(channel: str = "subscribe", tx: ReadTx = staff_read(VIEW)) -> Items[views.MyTemplate]:
    rows = await templates.my_templates(tx, channel)
    return {"items": [templates.view(number, row) for number, row in enumerate(rows, start=1)]}


@console.post("/templates/sync")
async def sync_templates(
    request: Request, channel: str = "subscribe", actor: Actor = staff_only(EDIT)
) -> views.StoppedScenarios:
    app = request.app.state
    stopped = await templates.sync(app.db, actor.tenant_id, app.mini, app.oa, channel, actor=actor.stamp)
    return {"stopped": stopped}


@console.get("/library")
async def search_library(request: Request, keyword: str = "", actor: Actor = staff_only(VIEW)) -> views.Library:
    """Public templates of the mini program's categories (S1-53, S1-64); none found leads to a proposal (S1-65)."""
    app = request.app.state
    cred = await templates.credentials(app.db, actor.tenant_id, "subscribe")
    found = await templates.search_library(app.mini, cred, keyword)
    items: list[views.LibraryTemplate] = [
        {"tid": t.tid, "title": t.title, "kind": "long_term" if t.type == 3 else "one_time", "category": category}
        for t, category in found
    ]
    # Where the mini program's administrator signs in by scanning, to look through the whole library (S1-63).
    console_at = app.settings.wechat_pages_url
    return {"total": len(items), "items": items, "may_propose": not items, "wechat_console": console_at}


@console.get("/library/{tid}/keywords")
async def library_keywords(
    request: Request, tid: BigNumber, actor: Actor = staff_only(VIEW)
) -> Items[views.LibraryKeywordView]:
    app = request.app.state
    cred = await templates.credentials(app.db, actor.tenant_id, "subscribe")
    return {"items": [templates.keyword_view(k) for k in await app.mini.library_keywords(cred, tid)]}


@console.post("/templates", status_code=201)
async def add_template(request: Request, body: NewTemplate, actor: Actor = staff_only(EDIT)) -> views.AddedTemplate:
    app = request.app.state
    template_id = await templates.add(
        app.db,
        actor.tenant_id,
        app.mini,
        tid=body.tid,
        keyword_ids=body.keyword_ids,
        scene=body.scene,
        actor=actor.stamp,
    )
    return {"template_id": template_id}


@console.post("/templates/{template_id}/remove")
async def remove_template(
    request: Request, template_id: str, body: Removal, channel: str = "subscribe", actor: Actor = staff_only(EDIT)
) -> views.StoppedScenarios:
    app = request.app.state
    stopped = await templates.remove(
        app.db, actor.tenant_id, app.mini, app.oa, channel=channel, template_id=template_id,
        stop_scenarios=body.stop_scenarios, actor=actor.stamp,
    )  # fmt: skip
    return {"stopped": stopped}


@console.get("/defaults")
async def preview_defaults(request: Request, actor: Actor = staff_only(VIEW)) -> views.DefaultsPlan:
    """The preview of 使用默认模板: what would be added, enabled and stopped, and which scenarios have no match."""
    app = request.app.state
    cred = await templates.credentials(app.db, actor.tenant_id, "template")
    listed = await templates.fetch_listed(app.mini, app.oa, cred, "template")
    async with app.db.read(actor.tenant_id) as tx:
        plan, without = await templates.plan_defaults(tx, listed)
    return {
        "items": [
            {"scenario": p.scenario.code, "title": p.title, "template_id": p.template_id, "stops": list(p.stops)}
            for p in plan
        ],
        "without": without,
    }


@console.post("/defaults")
async def use_defaults(request: Request, body: Defaults, actor: Actor = staff_only(EDIT)) -> views.DefaultsOutcome:
    app = request.app.state
    outcome = await templates.use_defaults(
        app.db, actor.tenant_id, app.oa, app.mini, scenarios=body.scenarios, actor=actor.stamp
    )
    return {"outcome": outcome}


@console.get("/proposals")
async def list_proposals(tx: ReadTx = staff_read(VIEW)) -> Items[views.TemplateProposal]:
    rows = await tx.fetch(
        "SELECT * FROM template_proposals WHERE tenant_id = $1 ORDER BY id DESC LIMIT 200", tx.tenant_id
    )
    return {"items": [_show_proposal(row) for row in rows]}


@console.post("/proposals", status_code=201)
async def propose(body: ProposalIn, tx: Tx = staff_tx(EDIT)) -> views.TemplateProposal:
    return _show_proposal(await templates.propose(tx, title=body.title, keywords=body.keywords, scene=body.scene))


@console.post("/proposals/{proposal_id}/{state}")
async def move_proposal(
    proposal_id: UUID, state: str, reason: Text = "", tx: Tx = staff_tx(EDIT)
) -> views.TemplateProposal:
    return _show_proposal(await templates.move_proposal(tx, proposal_id, state, reason=reason))


def _show_proposal(row: Any) -> views.TemplateProposal:
    return {
        "id": row["id"],
        "title": row["title"],
        "keywords": msgspec.json.decode(row["keywords"]),
        "scene": row["scene"],
        "state": row["state"],
        "reason": row["reason"],
        "updated_at": row["updated_at"],
    }


@console.get("/deliveries")
async def list_deliveries(
    request: Request,
    paging: Paging,
    channel: str | None = None,
    state: str | None = None,
    scenario: str | None = None,
    member_id: UUID | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    tx: ReadTx = staff_read(VIEW),
) -> Listing[views.DeliveryRow]:
    rows = await queries.deliveries(
        tx, paging, channel=channel, state=state, scenario=scenario, member_id=member_id, since=since, until=until
    )
    shown = {one["id"]: one for one in await queries.show_deliveries(tx, rows, may=actor_of(request).may)}
    return paged(
        rows,
        paging,
        lambda r: (r["fact_id"].hex, r["scenario"], r["slot"]),
        lambda r: shown[public_id(key_of(r))],
    )


@console.get("/deliveries/export", response_class=StreamingResponse, responses=file_answer("text/csv"))
async def export_deliveries(
    request: Request,
    channel: str | None = None,
    state: str | None = None,
    scenario: str | None = None,
    member_id: UUID | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    actor: Actor = staff_only(VIEW),
    _: None = takes_turns("exports", most=2),
) -> StreamingResponse:
    """The same list as a file, newest first; addresses are left out, since openids say nothing and phones are masked."""
    lines = export.deliveries(
        request.app.state.db,
        actor.tenant_id,
        channel=channel,
        state=state,
        scenario=scenario,
        member_id=member_id,
        since=since,
        until=until,
        language=language_of(request),
    )
    headers = {"Content-Disposition": 'attachment; filename="messages.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(await begun(lines), media_type="text/csv; charset=utf-8", headers=headers)


@console.get("/deliveries/{delivery_id}")
async def delivery(request: Request, delivery_id: str, tx: ReadTx = staff_read(VIEW)) -> views.DeliveryDetail:
    row = await tx.row(
        "SELECT * FROM deliveries WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4",
        *(tx.tenant_id, *from_public_id(delivery_id)),
    )
    if row is None:
        raise NotFound(code="messaging.delivery_unknown", where="id")
    may = actor_of(request).may
    [shown] = await queries.show_deliveries(tx, [row], may=may)
    return {**shown, "body": queries.show_body(row, may=may)}


@console.post("/deliveries/{delivery_id}/replay", status_code=202)
async def replay_delivery(delivery_id: str, tx: Tx = staff_tx(EDIT)) -> views.QueuedDelivery:
    await replay.replay(tx, delivery_id)
    return {"id": delivery_id, "state": "queued"}


@console.get("/facts/{fact_id}/trace")
async def trace(request: Request, fact_id: UUID, tx: ReadTx = staff_read(VIEW)) -> views.Trace:
    """Why a fact was told, held back or not attempted."""
    return await queries.trace(tx, fact_id, may=actor_of(request).may)


@console.get("/members/{member_id}/timeline")
async def timeline(member_id: UUID, paging: Paging, tx: ReadTx = staff_read(VIEW)) -> Listing[views.TimelineEntry]:
    await members.get(tx, member_id)
    rows = await queries.timeline(tx, member_id, paging)
    return paged(rows, paging, lambda r: (r["id"].hex,), queries.show_moment)


@console.get("/members/{member_id}/credits")
async def member_credits(
    request: Request, member_id: UUID, tx: ReadTx = staff_read(VIEW)
) -> Items[views.CreditAccount]:
    """Granted, consumed and remaining by account and template (S1-78)."""
    await members.get(tx, member_id)
    accounts = await members.accounts(tx, member_id)
    return {
        "items": [
            queries.show_credit(account, row, may=actor_of(request).may)
            for account in accounts
            for row in await credit_ledger.ledger_of(tx, account["app_id"], account["openid"])
        ]
    }


@open_api.get("/trace/{fact_id}")
async def open_trace(request: Request, fact_id: UUID, tx: ReadTx = key_read("messages.read")) -> views.Trace:
    return await queries.trace(tx, fact_id, may=actor_of(request).may)


@member.get("/subscriptions")
async def subscriptions(
    request: Request, page_name: str | None = None, tx: ReadTx = member_read()
) -> views.Subscriptions:
    """What can be subscribed to, on the notices page or on one page; `show_entry` is false when nothing is (S1-74).

    A page does not ask for what was rejected in the last seven days (S1-85); the notices page still lists it.
    """
    entries = await queries.entries_for_page(tx, page_name)
    app_id, openid = members.account_of(actor_of(request))
    left = await credit_ledger.remaining(tx, app_id, openid)
    skip = await credit_ledger.just_rejected(tx, app_id, openid) if page_name is not None else set()
    items: list[views.Subscription] = [
        {**entry, "remaining": left.get(entry["template_id"], 0)}
        for entry in entries
        if entry["app_id"] == app_id and entry["template_id"] not in skip
    ]
    return {"show_entry": bool(items), "items": items}


@member.post("/subscriptions/results")
async def subscribe_results(request: Request, body: SubscribeResult, tx: Tx = member_tx()) -> views.RemainingCredits:
    """Report what the member answered; only templates that are live now are counted."""
    app_id, openid = members.account_of(actor_of(request))
    live = {entry["template_id"] for entry in await queries.entries_for_page(tx, None)}
    answers = {template_id: answer for template_id, answer in body.answers.items() if template_id in live}
    left = await credit_ledger.client_answered(
        tx, report_id=body.report_id, app_id=app_id, openid=openid, answers=answers
    )
    return {"remaining": left}


@public.get("/s/{code}")
async def follow_short_link(request: Request, code: str) -> RedirectResponse:
    """Open what an SMS links to: the member centre at the business detail (S1-117)."""
    async with request.app.state.db.read(0) as tx:
        row = await tx.row("SELECT tenant_id, page FROM short_links WHERE code = $1", code)
    if row is None:
        raise NotFound(code="messaging.link_unknown", where="code")
    return RedirectResponse(f"{request.app.state.member_url}?m={row['tenant_id']}#/{row['page']}", 302)

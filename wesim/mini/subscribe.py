"""Subscribe messages: sending, credits and the three events (reference §3.4–§3.7)."""

from __future__ import annotations

import asyncio
from typing import Any

from wesim.fields.content import bad_argument, cut, read_values
from wesim.oa.user import known
from wesim.routing import Answer, Call, Route, WxError
from wesim.state import App, AppUser, PrivateTemplate
from wesim.world import World

OK = {"errcode": 0, "errmsg": "ok"}
STATES = ("developer", "trial", "formal")


async def send(world: World, call: Call) -> Answer:
    """One message per credit. Two sends to one openid at the same time: 43108 for the later one."""
    body, app = call.json(), call.account
    openid = str(body.get("touser") or "")
    user = known(app, openid)
    if (app.id, openid) in world.in_flight:
        raise WxError(43108, "concurrent send to the same user")
    world.in_flight.add((app.id, openid))
    try:
        await call.pause()
        await asyncio.sleep(world.settings.subscribe_send_latency_s)
        return _send(world, call, body, user)
    finally:
        world.in_flight.discard((app.id, openid))


def _send(world: World, call: Call, body: dict[str, Any], user: AppUser) -> Answer:
    app = call.account
    template = app.templates.get(str(body.get("template_id") or ""))
    if template is None:
        raise WxError(40037, "invalid template_id")
    if template.state == "banned" or app.subscribe_banned:
        raise WxError(43107, "subscribe capability is banned")
    page = _page(world, app, str(body.get("page") or ""))
    if body.get("miniprogram_state", "formal") not in STATES:
        raise cut(bad_argument("miniprogram_state invalid"))
    fields = _fields(world, template, body.get("data"))
    if not may_send(user, template):
        raise WxError(43101, "user refuse to accept the msg")
    if template.kind == "one_time":
        user.credits[template.id] -= 1
    msgid = world.next_msgid()
    _deliver(world, call, user, template, fields, page, msgid)
    return {**OK, "msgid": msgid} if world.settings.subscribe_send_returns_msgid else OK


def _page(world: World, app: App, page: str) -> str:
    """41030 when the released version has no such page."""
    if not world.has_page(app.id, page):
        raise WxError(41030, "invalid page")
    return page.removeprefix("/")


def _fields(world: World, template: PrivateTemplate, data: Any) -> list[tuple[str, str]]:
    try:
        fields = read_values(template, data, settings=world.settings)
    except WxError as e:
        raise cut(e) from None
    if world.settings.extra_subscribe_keys_refused:
        keys = {template.key(k) for k in template.keywords}
        for extra in data:
            if extra not in keys:
                raise cut(bad_argument(f"data.{extra} invalid"))
    return fields


def may_send(user: AppUser, template: PrivateTemplate) -> bool:
    """43101 otherwise: switched off, never accepted, or no credit left."""
    if not user.main_switch or user.blocks_messages or template.id in user.switched_off:
        return False
    if template.kind == "long_term":
        return template.id in user.long_term
    return user.credits.get(template.id, 0) > 0


def _deliver(
    world: World,
    call: Call,
    user: AppUser,
    template: PrivateTemplate,
    fields: list[tuple[str, str]],
    page: str,
    msgid: int,
) -> None:
    app = call.account
    fault = world.faults.for_delivery(host=call.host, path=call.path, app=app.id)
    if fault is None:
        world.deliver(
            user.person,
            kind="subscribe",
            sender=app.name,
            title=template.title,
            app=app.id,
            fields=fields,
            jump={"kind": "mini", "appid": app.id, "page": page},
            extra={"msgid": str(msgid), "template_id": template.id},
        )
    entry = {
        "TemplateId": template.id,
        "MsgID": msgid,
        "ErrorCode": 0 if fault is None else fault.errcode,
        "ErrorStatus": "success" if fault is None else fault.status or "system failed",
    }
    push_event(world, app, user, "sent", [entry])


def push_event(world: World, app: App, user: AppUser, name: str, entries: list[dict[str, Any]]) -> None:
    """subscribe_msg_{popup,change,sent}_event to the mini program's callback URL."""
    event = f"subscribe_msg_{name}_event"
    wrapper = f"SubscribeMsg{name.capitalize()}Event"
    world.pusher.push(app, user.openid, {"MsgType": "event", "Event": event, wrapper: {"List": entries}})


ROUTES = [
    Route("POST", "/cgi-bin/message/subscribe/send", send, token=True, kind="mini", paces_itself=True),
]

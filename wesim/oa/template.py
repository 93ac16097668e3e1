"""Template messages of service accounts (reference §2)."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

from wesim.clock import CHINA
from wesim.fields.content import read_historical, read_values
from wesim.fields.library import INDUSTRIES
from wesim.oa.user import known
from wesim.routing import Answer, Call, Route, WxError
from wesim.state import App, AppUser, PrivateTemplate
from wesim.world import World

TEMPLATES_MAX = 25
CLIENT_MSG_ID_S = 600
URL_MAX = 1024
OK = {"errcode": 0, "errmsg": "ok"}


def template_id(*parts: str) -> str:
    """43 characters, the same for the same template in the same account."""
    return base64.urlsafe_b64encode(hashlib.sha256("|".join(parts).encode()).digest()).decode().rstrip("=")


async def set_industry(world: World, call: Call) -> Answer:
    body = call.json()
    wanted = [str(body.get("industry_id1", "")), str(body.get("industry_id2", ""))]
    if any(code not in INDUSTRIES for code in wanted):
        raise WxError(40102, "invalid industry id")
    app = call.account
    month = datetime.fromtimestamp(world.clock.now(), UTC).astimezone(CHINA).strftime("%Y-%m")
    if app.industry_month == month:
        raise WxError(43100, "change template too frequently")
    app.industry, app.industry_month = wanted, month
    for gone in [t.id for t in app.templates.values() if t.kind == "historical"]:
        del app.templates[gone]
    return OK


async def get_industry(world: World, call: Call) -> Answer:
    app = call.account
    if not app.industry:
        raise WxError(40102, "invalid industry id")
    first, second = ({"first_class": INDUSTRIES[c][0], "second_class": INDUSTRIES[c][1]} for c in app.industry)
    return {"primary_industry": first, "secondary_industry": second}


async def add(world: World, call: Call) -> Answer:
    """Category templates by their digits and keyword names; historical numbers are refused (40247)."""
    body, app = call.json(), call.account
    short = str(body.get("template_id_short", ""))
    entry = world.library_oa.get(short)
    if short.upper().startswith(("TM", "OPENTM")):
        raise WxError(40247, "must use template id of the category library")
    if entry is None or entry.category not in app.categories:
        raise WxError(40037, "invalid template_id")
    names = body.get("keyword_name_list")
    by_name = {k.name: k for k in entry.keywords}
    if not isinstance(names, list) or not names or any(str(n) not in by_name for n in names):
        raise WxError(40246, "invalid keyword_name_list")
    if len(set(names)) < len(names):
        raise WxError(40246, "invalid keyword_name_list")
    if len(app.templates) >= TEMPLATES_MAX:
        raise WxError(45026, "template num exceeds limit")
    new_id = template_id(app.id, short, *names)
    keywords = tuple(by_name[n] for n in names)
    app.templates[new_id] = PrivateTemplate(new_id, short, entry.title, keywords, "category")
    return {**OK, "template_id": new_id}


async def listing(world: World, call: Call) -> Answer:
    """`deputy_industry` here, `secondary_industry` in get_industry: both as in the documentation."""
    return {
        "template_list": [
            {
                "template_id": t.id,
                "title": t.title,
                "primary_industry": t.industry[0],
                "deputy_industry": t.industry[1],
                "content": t.content,
                "example": t.example,
            }
            for t in call.account.templates.values()
        ]
    }


async def delete(world: World, call: Call) -> Answer:
    if call.account.templates.pop(str(call.json().get("template_id", "")), None) is None:
        raise WxError(40037, "invalid template_id")
    return OK


async def send(world: World, call: Call) -> Answer:
    """Accepts the message; what became of it comes as TEMPLATESENDJOBFINISH."""
    body, app = call.json(), call.account
    openid = str(body.get("touser") or "")
    user = known(app, openid)
    template = _template(world, app, body)
    data = body.get("data")
    if not isinstance(data, dict) or not data:
        raise WxError(47001, "data format error")
    jump = _jump(world, app, body)
    if template.kind == "historical":
        fields = read_historical(template, data, world.settings)
    else:
        fields = read_values(template, data, settings=world.settings)
    if not user.following:
        raise WxError(43004, "require subscribe")
    key = (app.id, openid, str(body.get("client_msg_id") or ""))
    before = world.client_msg_ids.get(key) if key[2] else None
    now = world.clock.now()
    if before is not None and now - before[0] < CLIENT_MSG_ID_S:
        return {**OK, "msgid": before[1]}
    msgid = world.next_msgid()
    if key[2]:
        _remember(world, key, now, msgid)
    _deliver(world, call, user, template, fields, jump, msgid)
    return {**OK, "msgid": msgid}


def _remember(world: World, key: tuple[str, str, str], now: float, msgid: int) -> None:
    kept = world.client_msg_ids
    kept.pop(key, None)
    kept[key] = (now, msgid)
    while kept:
        oldest = next(iter(kept))
        if now - kept[oldest][0] < CLIENT_MSG_ID_S:
            return
        del kept[oldest]


def _template(world: World, app: App, body: dict[str, Any]) -> PrivateTemplate:
    wanted = str(body.get("template_id") or "")
    if len(wanted) < world.settings.template_id_shortest:
        raise WxError(40036, "invalid template_id size")
    template = app.templates.get(wanted)
    if template is None:
        raise WxError(40037, "invalid template_id")
    if template.state != "normal":
        raise WxError(43116, "template is restricted")
    return template


def _jump(world: World, app: App, body: dict[str, Any]) -> dict[str, str] | None:
    """The mini program first, the URL as its fall-back (reference §2.5)."""
    url = str(body.get("url") or "")
    if len(url) > URL_MAX:
        raise WxError(40039, "invalid url size")
    mini = body.get("miniprogram")
    if isinstance(mini, dict) and mini.get("appid"):
        if mini["appid"] not in app.linked:
            raise WxError(40166, "invalid weapp appid")
        page = str(mini.get("pagepath") or mini.get("path") or "")
        if not world.has_page(str(mini["appid"]), page):
            raise WxError(40165, "invalid weapp pagepath")
        return {"kind": "mini", "appid": str(mini["appid"]), "page": page, **({"url": url} if url else {})}
    return {"kind": "url", "url": url} if url else None


def _deliver(
    world: World,
    call: Call,
    user: AppUser,
    template: PrivateTemplate,
    fields: list[tuple[str, str]],
    jump: dict[str, str] | None,
    msgid: int,
) -> None:
    app = call.account
    fault = world.faults.for_delivery(host=call.host, path=call.path, app=app.id)
    if fault is not None:
        status = fault.status or "failed: system failed"
    elif user.blocks_messages:
        status = "failed:user block"
    else:
        status = "success"
        world.deliver(
            user.person,
            kind="oa_template",
            sender=app.name,
            title=template.title,
            app=app.id,
            fields=fields,
            jump=jump,
            extra={"msgid": str(msgid), "template_id": template.id},
        )
    event = {"MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": msgid, "Status": status}
    world.pusher.push(app, user.openid, event)


ROUTES = [
    Route("POST", "/cgi-bin/template/api_set_industry", set_industry, token=True, kind="service"),
    Route("GET", "/cgi-bin/template/get_industry", get_industry, token=True, kind="service"),
    Route("POST", "/cgi-bin/template/api_add_template", add, token=True, kind="service"),
    Route("GET", "/cgi-bin/template/get_all_private_template", listing, token=True, kind="service"),
    Route("POST", "/cgi-bin/template/del_private_template", delete, token=True, kind="service"),
    Route("POST", "/cgi-bin/message/template/send", send, token=True, kind="service"),
]

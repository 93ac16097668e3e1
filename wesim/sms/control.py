"""The SMS part of the control plane, under /_sim/sms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from wesim.control.edge import number
from wesim.sms.account import Account, Sign, Sms, Template, china_time, sender_number, sms_of
from wesim.sms.catalogue import APPROVED, REJECTED
from wesim.sms.reports import outbox_of
from wesim.sms.texts import mainland_number
from wesim.world import World

OPT_OUT_WORDS = {"R", "T", "TD", "N", "退订"}
PHONE_STATES = ("normal", "out_of_service", "empty_number", "blacklisted")
ACCOUNT_SWITCHES = {"report_url", "reply_url", "parts_left", "suspended", "day_limit", "month_limit", "white_list"}


class Wrong(Exception):
    """A control request that makes no sense: 400 with a sentence."""


Act = Callable[[Sms, dict[str, Any]], Awaitable[Any]]


def routes(world: World) -> list[BaseRoute]:
    """GET gives the state; each POST changes one thing and answers with it."""

    def post(path: str, act: Act) -> Route:
        async def endpoint(request: Request) -> Response:
            raw = await request.body()
            try:
                body = msgspec.json.decode(raw) if raw else {}
                if not isinstance(body, dict):
                    raise Wrong("the body must be a JSON object")
                outbox_of(world)
                return _json(await act(sms_of(world), body))
            except (Wrong, msgspec.DecodeError, msgspec.ValidationError, KeyError) as e:
                return JSONResponse({"error": str(e)}, status_code=400)

        return Route(f"/_sim/sms/{path}", endpoint, methods=["POST"])

    async def state(request: Request) -> Response:
        return _json(describe(sms_of(world)))

    async def sent(request: Request) -> Response:
        sms = sms_of(world)
        sms.carry_due()
        phone = request.query_params.get("phone", "")
        limit = min(number(request, "limit", 50), 1000)
        rows = sms.by_phone.get(phone, ()) if phone else sms.sent
        return _json(list(rows)[-limit:][::-1])

    async def billed(request: Request) -> Response:
        sms = sms_of(world)
        sms.carry_due()
        wanted = request.query_params.get("provider", "")
        echo = request.query_params.get("echo", "")
        rows = [s for s in sms.sent if wanted in ("", s.provider) and s.echo.startswith(echo)]
        items = [{"provider": s.provider, "echo": s.echo, "id": s.id, "parts": s.parts} for s in rows]
        return _json({"messages": len(rows), "parts": sum(s.parts for s in rows), "items": items})

    async def pushes(request: Request) -> Response:
        return _json(list(sms_of(world).pushes)[::-1])

    return [
        Route("/_sim/sms", state),
        Route("/_sim/sms/sent", sent),
        Route("/_sim/sms/billed", billed),
        Route("/_sim/sms/pushes", pushes),
        post("settings", _settings),
        post("account", _account),
        post("signs", _sign),
        post("templates", _template),
        post("review", _review),
        post("phones", _phone),
        post("replies", _reply),
        post("settle", _settle),
    ]


def describe(sms: Sms) -> dict[str, Any]:
    """Everything but what was sent."""
    for account in (sms.aliyun, sms.tencent):
        sms.review_due(account)
    return {
        "settings": sms.settings,
        "accounts": [_described(account) for account in (sms.aliyun, sms.tencent)],
        "phones": sms.phones,
        "opted_out": sorted(sms.opted_out),
    }


def _described(account: Account) -> dict[str, Any]:
    return {
        "provider": account.provider,
        "key_id": account.key_id,
        "signs": list(account.signs.values()),
        "templates": list(account.templates.values()),
        **{name: getattr(account, name) for name in sorted(ACCOUNT_SWITCHES)},
    }


async def _settings(sms: Sms, body: dict[str, Any]) -> Any:
    """Any field of Settings."""
    merged = {**msgspec.to_builtins(sms.settings), **body}
    unknown = set(merged) - set(sms.settings.__struct_fields__)
    if unknown:
        raise Wrong(f"unknown settings: {', '.join(sorted(unknown))}")
    sms.settings = msgspec.convert(merged, type(sms.settings))
    return sms.settings


async def _account(sms: Sms, body: dict[str, Any]) -> Any:
    """{"provider", and any of report_url, reply_url, parts_left, suspended, day_limit, month_limit, white_list}."""
    account = _named(sms, body)
    unknown = set(body) - ACCOUNT_SWITCHES - {"provider"}
    if unknown:
        raise Wrong(f"unknown fields: {', '.join(sorted(unknown))}")
    for name in ACCOUNT_SWITCHES & set(body):
        setattr(account, name, set(body[name]) if name == "white_list" else body[name])
    return _described(account)


async def _sign(sms: Sms, body: dict[str, Any]) -> Any:
    """{"provider", "name", "status"?, "carriers"?}: add a signature or change one."""
    account = _named(sms, body)
    sign = account.signs.get(body["name"])
    if sign is None:
        sign = account.signs[body["name"]] = Sign(body["name"], APPROVED, "", sms.world.clock.now())
    sign.status = int(body.get("status", sign.status))
    sign.carriers = {**sign.carriers, **body.get("carriers", {})}
    return sign


async def _template(sms: Sms, body: dict[str, Any]) -> Any:
    """{"provider", "code", "content", "kind"?, "name"?, "status"?}: add an approved template or replace one."""
    template = Template(
        str(body["code"]),
        int(body.get("kind", 1)),
        str(body.get("name", body["code"])),
        str(body["content"]),
        int(body.get("status", APPROVED)),
        "",
        sms.world.clock.now(),
    )
    _named(sms, body).templates[template.code] = template
    return template


async def _review(sms: Sms, body: dict[str, Any]) -> Any:
    """{"provider", "sign" or "template", "approve", "reason"?}: the reviewer's decision."""
    account = _named(sms, body)
    item: Sign | Template | None = account.signs.get(body.get("sign", ""))
    item = item or account.templates.get(body.get("template", ""))
    if item is None:
        raise Wrong("name an existing sign or template")
    item.status = APPROVED if body["approve"] else REJECTED
    item.reason = "" if body["approve"] else str(body.get("reason", "不符合规范"))
    if isinstance(item, Sign) and body["approve"]:
        item.carriers = dict.fromkeys(item.carriers, 3)
    return item


async def _phone(sms: Sms, body: dict[str, Any]) -> Any:
    """{"phone", "state": normal | out_of_service | empty_number | blacklisted}."""
    phone, state = mainland_number(str(body["phone"])), body["state"]
    if not phone or state not in PHONE_STATES:
        raise Wrong(f"phone must be a mainland number and state one of {', '.join(PHONE_STATES)}")
    sms.phones[phone] = state
    return {"phone": phone, "state": state}


async def _reply(sms: Sms, body: dict[str, Any]) -> Any:
    """{"phone", "text", "sign"?}: the person answers the last SMS (of that signature). R, T, TD, N opt out of
    promotions of the signature; START takes it back."""
    phone, text = mainland_number(str(body["phone"])), str(body["text"])
    wanted = body.get("sign")
    last = next((s for s in reversed(sms.by_phone.get(phone, ())) if wanted in (None, s.sign)), None)
    if last is None:
        raise Wrong("this number has no SMS to answer")
    word = text.strip().upper()
    if word in OPT_OUT_WORDS:
        sms.opted_out.add((phone, last.sign))
    elif word == "START":
        sms.opted_out.discard((phone, last.sign))
    account = _named(sms, {"provider": last.provider})
    now = china_time(sms.world.clock.now())
    if last.provider == "aliyun":
        entry = {
            "phone_number": phone,
            "content": text,
            "send_time": now,
            "dest_code": last.extend,
            "sequence_id": str(sms.number_id()),
            "sign_name": last.sign,
        }
        outbox_of(sms.world).reply(account, [entry])
    else:
        entry = {
            "nationcode": "86",
            "mobile": phone,
            "text": text,
            "sign": last.sign,
            "time": str(sms.world.clock.now_s()),
            "extend": last.extend,
        }
        outbox_of(sms.world).reply(account, entry)
    return {"to": sender_number(last.sign, last.extend), "sign": last.sign, "entry": entry}


async def _settle(sms: Sms, body: dict[str, Any]) -> Any:
    """Wait until every push that is due by the world's clock has been tried."""
    await outbox_of(sms.world).settle()
    return {"waiting": sum(push["state"] == "retrying" for push in sms.pushes)}


def _named(sms: Sms, body: dict[str, Any]) -> Account:
    account = sms.account(str(body.get("provider", "")))
    if account is None:
        raise Wrong("provider must be aliyun or tencent")
    return account


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")

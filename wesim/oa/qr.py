"""Parametric QR codes and JS-SDK tickets (reference §1.10, §1.12)."""

from __future__ import annotations

import secrets
from typing import Any

from wesim.routing import Answer, Call, Route, WxError
from wesim.world import Qr, World, remember

EXPIRE_MAX_S = 2_592_000
TICKET_S = 7200
PERMANENT_MAX = 100_000


async def create(world: World, call: Call) -> Answer:
    body = call.json()
    action = body.get("action_name")
    if action not in ("QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"):
        raise WxError(40052, "invalid action name")
    info = body.get("action_info")
    scene = _scene(action, info.get("scene", {}) if isinstance(info, dict) else {})
    permanent = "LIMIT" in action
    expire_s = _expiry(world, body.get("expire_seconds"))
    ticket = "gQ" + secrets.token_urlsafe(69)
    url = "http://weixin.qq.com/q/" + secrets.token_urlsafe(16)
    expires = None if permanent else world.clock.now() + expire_s
    remember(world.qrs, ticket, Qr(ticket, call.account.id, scene, url, expires))
    return {"ticket": ticket, **({} if permanent else {"expire_seconds": expire_s}), "url": url}


def _expiry(world: World, wanted: Any) -> int:
    if wanted is None:
        return world.settings.qr_default_expire_s
    try:
        return max(1, min(int(wanted), EXPIRE_MAX_S))
    except (TypeError, ValueError):
        raise WxError(40053, "invalid action info") from None


def _scene(action: str, scene: dict[str, Any]) -> str:
    if "STR" in action:
        text = scene.get("scene_str")
        if not isinstance(text, str) or not 1 <= len(text) <= 64:
            raise WxError(40053, "invalid action info")
        return text
    number = scene.get("scene_id")
    top = PERMANENT_MAX if "LIMIT" in action else 2**32 - 1
    if not isinstance(number, int) or not 1 <= number <= top:
        raise WxError(40053, "invalid action info")
    return str(number)


async def ticket(world: World, call: Call) -> Answer:
    kind = call.query.get("type", "jsapi")
    if kind not in ("jsapi", "wx_card"):
        raise WxError(40097, "invalid args")
    key, now = f"{call.account.id}|{kind}", world.clock.now()
    found = world.tickets.get(key)
    if found is None or now >= found["expires"]:
        found = world.tickets[key] = {"ticket": secrets.token_urlsafe(64), "expires": now + TICKET_S}
    return {"errcode": 0, "errmsg": "ok", "ticket": found["ticket"], "expires_in": int(found["expires"] - now)}


ROUTES = [
    Route("POST", "/cgi-bin/qrcode/create", create, token=True, kind="service"),
    Route("GET", "/cgi-bin/ticket/getticket", ticket, token=True, kind="service"),
]

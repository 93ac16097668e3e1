"""Mini-program codes, URL schemes and URL links (reference §4.4, §4.5)."""

from __future__ import annotations

import re
import secrets
from typing import Any

from starlette.responses import Response

from wesim.edge.picture import qr_png
from wesim.routing import Answer, Call, Route, WxError
from wesim.state import App
from wesim.world import World, remember

SCENE = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}")
DAY_S = 86400
LONGEST_DAYS = 30


async def unlimited_code(world: World, call: Call) -> Answer:
    """Image bytes, or JSON on failure."""
    body, app = call.json(), call.account
    scene, page = str(body.get("scene") or ""), str(body.get("page") or "")
    if not SCENE.fullmatch(scene):
        raise WxError(40129, "invalid scene")
    if page.startswith("/") or "?" in page:
        raise WxError(41030, "invalid page")
    if body.get("check_path", True) and not world.has_page(app.id, page):
        raise WxError(41030, "invalid page")
    width = body.get("width", 430)
    if not isinstance(width, int) or not 280 <= width <= 1280:
        raise WxError(40097, "invalid args")
    token = secrets.token_urlsafe(12)
    link = {"app": app.id, "page": page, "query": "", "scene": scene, "expires": None}
    remember(world.short_links, token, link)
    return Response(qr_png(f"https://wesim.invalid/a/{token}", width), media_type="image/png")


async def scheme(world: World, call: Call) -> Answer:
    body = call.json()
    target = body.get("jump_wxa")
    token = _link(world, call.account, target if isinstance(target, dict) else {}, body)
    return {"errcode": 0, "errmsg": "ok", "openlink": f"weixin://dl/business/?t={token}"}


async def url_link(world: World, call: Call) -> Answer:
    body = call.json()
    token = _link(world, call.account, body, body)
    return {"errcode": 0, "errmsg": "ok", "url_link": f"https://wxaurl.cn/{token}"}


def _link(world: World, app: App, target: dict[str, Any], terms: dict[str, Any]) -> str:
    path, query = str(target.get("path") or ""), str(target.get("query") or "")
    path = path.removeprefix("/")  # the documentation's own examples begin with one
    if path.startswith("/") or not world.has_page(app.id, path):
        raise WxError(40165, "invalid weapp pagepath")
    if len(query) > 1024:
        raise WxError(40212, "invalid query")
    token = secrets.token_urlsafe(8)[:11]
    link = {"app": app.id, "page": path, "query": query, "scene": "", "expires": _expires(world, terms)}
    remember(world.short_links, token, link)
    return token


def _expires(world: World, terms: dict[str, Any]) -> float:
    """At most 30 days; a longer or endless wish is silently shortened (since 2022-04-11)."""
    now = world.clock.now()
    latest = now + LONGEST_DAYS * DAY_S
    if not terms.get("is_expire"):
        return latest
    if terms.get("expire_type") == 1:
        days = terms.get("expire_interval")
        if not isinstance(days, int) or days < 1:
            raise WxError(85401, "invalid expire_interval")
        return min(latest, now + days * DAY_S)
    at = terms.get("expire_time")
    if not isinstance(at, int) or at <= now:
        raise WxError(85401, "invalid expire_time")
    return min(latest, float(at))


ROUTES = [
    Route("POST", "/wxa/getwxacodeunlimit", unlimited_code, token=True, kind="mini"),
    Route("POST", "/wxa/generatescheme", scheme, token=True, kind="mini"),
    Route("POST", "/wxa/generate_urllink", url_link, token=True, kind="mini"),
]

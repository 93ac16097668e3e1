"""The browser hosts: open.weixin.qq.com (web authorisation) and mp.weixin.qq.com (QR pictures)."""

from __future__ import annotations

from html import escape
from http.cookies import SimpleCookie
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from wesim.edge.picture import qr_png
from wesim.oa.web import mint_code
from wesim.routing import Answer, Call, Route
from wesim.world import World

PERSON_COOKIE = "wesim_person"
CHOOSER_MAX = 50
_PAGE = '<!doctype html><html lang="zh"><meta charset="utf-8"><title>错误</title><p>{text}<p>错误码：{code}</html>'


async def authorize(world: World, call: Call) -> Answer:
    """Redirects with a code for the person named by `person=` or the cookie; else shows a chooser."""
    query = call.query
    app = world.apps.get(query.get("appid", ""))
    if app is None or app.kind != "service":
        return _page("10012", "appid 参数错误")
    if query.get("scope") not in ("snsapi_base", "snsapi_userinfo"):
        return _page("10005", "scope 参数错误或没有 scope 权限")
    target = urlsplit(query.get("redirect_uri", ""))
    if not target.hostname or (app.oauth_domains and target.hostname not in app.oauth_domains):
        return _page("10003", "redirect_uri 域名与后台配置不一致")
    if query.get("response_type") != "code":
        return _page("10004", "response_type 参数错误")
    person = query.get("person") or _cookie(call)
    if person not in world.persons:
        return _chooser(world, call)
    code = mint_code(world, kind="oauth", app=app.id, person=person, scope=query["scope"])
    more = urlencode({"code": code, "state": query.get("state", "")})
    asked = f"{target.query}&{more}" if target.query else more
    response = RedirectResponse(urlunsplit(target._replace(query=asked)), status_code=302)
    response.set_cookie(PERSON_COOKIE, person, path="/")
    return response


def _cookie(call: Call) -> str:
    found = SimpleCookie(call.headers.get("cookie", "")).get(PERSON_COOKIE)
    return found.value if found else ""


def _chooser(world: World, call: Call) -> Response:
    rows = "".join(
        f'<li><a href="?{escape(call.raw_query)}&amp;person={quote(p.id)}">{escape(p.name)}</a></li>'
        for p in list(world.persons.values())[:CHOOSER_MAX]
    )
    return HTMLResponse(
        '<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>微信授权</title><h1>以谁的身份授权？</h1><ul>{rows}</ul></html>"
    )


def _page(code: str, text: str) -> Response:
    return HTMLResponse(_PAGE.format(text=text, code=code))


async def show_qr(world: World, call: Call) -> Answer:
    found = world.qrs.get(call.query.get("ticket", ""))
    if found is None:
        return Response(b"", status_code=404)
    return Response(qr_png(found.url, 430), media_type="image/png")


def unknown(world: World, call: Call) -> Response:
    """A page that is not there, for the eyes of a person (its words are UNCONFIRMED)."""
    return HTMLResponse(_PAGE.format(text=f"页面不存在：{escape(call.path)}", code="404"), status_code=404)


def open_routes(world: World) -> list[Route]:
    return [Route("GET", "/connect/oauth2/authorize", authorize)]


def mp_routes(world: World) -> list[Route]:
    return [Route("GET", "/cgi-bin/showqrcode", show_qr)]

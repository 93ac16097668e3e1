"""Web authorisation, the server half (reference §1.8)."""

from __future__ import annotations

import secrets

from wesim.oa.token import credentials
from wesim.oa.user import asked
from wesim.routing import Answer, Call, Route, WxError
from wesim.world import Code, UserToken, World, remember

CODE_S = 300
TOKEN_S = 7200
REFRESH_S = 30 * 86400


def mint_code(world: World, *, kind: str, app: str, person: str, scope: str = "") -> str:
    """A single-use code of five minutes: js | phone | oauth."""
    code = ("0" if kind == "js" else "") + secrets.token_urlsafe(24)
    remember(world.codes, code, Code(kind, app, person, world.clock.now() + CODE_S, scope=scope))
    return code


def take_code(world: World, code: str, *, kind: str, app: str, used: int, expired: int) -> Code:
    """Use up a code. Raises WxError 41008, 40029, `used` or `expired`."""
    if not code:
        raise WxError(41008, "missing code")
    found = world.codes.get(code)
    if found is None or found.kind != kind or found.app != app:
        raise WxError(40029, f"invalid code hint: [{secrets.token_urlsafe(4)}]")
    if found.used:
        raise WxError(used, "code been used" if used == 40163 else "invalid code")
    if world.clock.now() >= found.expires:
        raise WxError(expired, "code expired" if expired == 42003 else "invalid code")
    found.used = True
    return found


async def exchange(world: World, call: Call) -> Answer:
    app = credentials(world, call.query.get("appid", ""), call.query.get("secret", ""))
    if call.query.get("grant_type") != "authorization_code":
        raise WxError(40002, "invalid grant_type")
    code = take_code(world, call.query.get("code", ""), kind="oauth", app=app.id, used=40163, expired=42003)
    user, now = world.user(app, code.person), world.clock.now()
    token, refresh = secrets.token_urlsafe(64), secrets.token_urlsafe(64)
    granted = UserToken(app.id, user.openid, code.scope, now + TOKEN_S, refresh, now + REFRESH_S)
    remember(world.user_tokens, token, granted)
    remember(world.refresh_tokens, refresh, token)
    return _answer(world, token)


def _answer(world: World, token: str) -> Answer:
    found = world.user_tokens[token]
    app = world.apps[found.app]
    answer = {
        "access_token": token,
        "expires_in": TOKEN_S,
        "refresh_token": found.refresh,
        "openid": found.openid,
        "scope": found.scope,
    }
    unionid = world.unionid(app, app.users[found.openid].person)
    return {**answer, "unionid": unionid} if unionid and found.scope == "snsapi_userinfo" else answer


async def refresh(world: World, call: Call) -> Answer:
    if not call.query.get("appid"):
        raise WxError(41002, "appid missing")
    if call.query["appid"] not in world.apps:
        raise WxError(40013, "invalid appid")
    if not call.query.get("refresh_token"):
        raise WxError(41003, "missing refresh_token")
    token = world.refresh_tokens.get(call.query["refresh_token"])
    found = world.user_tokens.get(token or "")
    if token is None or found is None or found.app != call.query["appid"]:
        raise WxError(40030, "invalid refresh_token")
    if world.clock.now() >= found.refresh_expires:
        raise WxError(42002, "refresh_token expired")
    found.expires = world.clock.now() + TOKEN_S
    return _answer(world, token)


def _authorised(world: World, call: Call) -> UserToken:
    token = call.query.get("access_token", "")
    if not token:
        raise WxError(41001, "access_token missing")
    found = world.user_tokens.get(token)
    if found is None:
        raise WxError(40001, "invalid credential, access_token is invalid or not latest")
    if world.clock.now() >= found.expires:
        raise WxError(42001, "access_token expired")
    if found.openid != asked(call):
        raise WxError(40003, "invalid openid")
    return found


async def check(world: World, call: Call) -> Answer:
    _authorised(world, call)
    return {"errcode": 0, "errmsg": "ok"}


async def userinfo(world: World, call: Call) -> Answer:
    found = _authorised(world, call)
    if found.scope != "snsapi_userinfo":
        raise WxError(48001, "api unauthorized")
    app = world.apps[found.app]
    person = world.persons[app.users[found.openid].person]
    unionid = world.unionid(app, person.id)
    return {
        "openid": found.openid,
        "nickname": person.name,
        "sex": 0,
        "province": "",
        "city": "",
        "country": "",
        "headimgurl": "",
        "privilege": [],
        **({"unionid": unionid} if unionid else {}),
    }


ROUTES = [
    Route("GET", "/sns/oauth2/access_token", exchange),
    Route("GET", "/sns/oauth2/refresh_token", refresh),
    Route("GET", "/sns/auth", check),
    Route("GET", "/sns/userinfo", userinfo),
]

"""access_token in both lines, quotas, callback addresses (reference §1.1, §0.3)."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from datetime import UTC, datetime

from wesim.clock import CHINA
from wesim.edge.quotas import DAILY
from wesim.routing import Answer, Call, Route, WxError
from wesim.state import App, Token
from wesim.world import World, remember

LIFE_S = 7200
GRACE_S = 300
FORCED_PER_DAY = 20
FORCED_GAP_S = 30
STABLE_PER_DAY = 500_000
CALLBACK_IPS = ["101.226.103.0/25", "101.226.62.0/26", "127.0.0.1"]
API_IPS = ["81.69.216.43", "101.226.212.27"]


def credentials(world: World, appid: str, secret: str) -> App:
    """The app that owns this AppID and AppSecret. Raises WxError 41002, 40013, 41004, 40125."""
    if not appid:
        raise WxError(41002, "appid missing")
    app = world.apps.get(appid)
    if app is None:
        raise WxError(40013, "invalid appid")
    if not secret:
        raise WxError(41004, "appsecret missing")
    if not hmac.compare_digest(secret.encode(), app.secret.encode()):
        raise WxError(40125, "invalid appsecret")
    return app


async def classic(world: World, call: Call) -> Answer:
    """Every call gives a new token; the one before lives on for the grace time."""
    if call.query.get("grant_type") != "client_credential":
        raise WxError(40002, "invalid grant_type")
    app = _caller(world, call, call.query.get("appid", ""), call.query.get("secret", ""))
    if not world.count_daily(app, call.path, world.settings.classic_per_day):
        raise WxError(45009, "reach max api daily quota limit")
    now = world.clock.now()
    issue(world, app, app.classic, "classic", grace_s=world.settings.classic_grace_s)
    return {"access_token": app.classic.value, "expires_in": int(app.classic.expires - now)}


async def stable(world: World, call: Call) -> Answer:
    """The same token all through its life; a new one in the last five minutes or when forced."""
    body = call.json()
    if body.get("grant_type") != "client_credential":
        raise WxError(40002, "invalid grant_type")
    app = _caller(world, call, str(body.get("appid", "")), str(body.get("secret", "")))
    if not world.count_daily(app, call.path, STABLE_PER_DAY):
        raise WxError(45009, "reach max api daily quota limit")
    line, now = app.stable, world.clock.now()
    if body.get("force_refresh") is True and line.value:
        _force(world, app, now)
    elif line.expires - now <= GRACE_S:
        issue(world, app, line, "stable", grace_s=GRACE_S)
    return {"access_token": line.value, "expires_in": int(line.expires - now)}


def _force(world: World, app: App, now: float) -> None:
    line, day = app.stable, world.clock.china_day()
    if now - line.forced_at < FORCED_GAP_S and now >= line.forced_at:
        return
    if line.day != day:
        line.day, line.forced = day, 0
    if line.forced >= FORCED_PER_DAY:
        raise WxError(45009, "reach max api daily quota limit")
    line.forced, line.forced_at = line.forced + 1, now
    issue(world, app, line, "stable", grace_s=0)


def issue(world: World, app: App, line: Token, name: str, *, grace_s: float) -> None:
    now = world.clock.now()
    line.previous, line.previous_until = line.value, min(now + grace_s, line.expires)
    line.value = f"{app.id[-2:]}_{secrets.token_urlsafe(96)}"
    line.expires = now + LIFE_S
    remember(world.tokens, line.value, (app.id, name))


def _caller(world: World, call: Call, appid: str, secret: str) -> App:
    app = credentials(world, appid, secret)
    call.app = app
    if app.ip_whitelist and not _listed(call.client_ip, app.ip_whitelist):
        ip = call.client_ip
        raise WxError(40164, f"invalid ip {ip} ipv6 ::ffff:{ip}, not in whitelist")
    return app


def _listed(ip: str, whitelist: list[str]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(entry, strict=False) for entry in whitelist)


async def clear_quota(world: World, call: Call) -> Answer:
    if call.json().get("appid") != call.account.id:
        raise WxError(40013, "invalid appid")
    return _clear(world, call.account)


async def clear_quota_v2(world: World, call: Call) -> Answer:
    """Needs no token. The secret may stand in the body or in the query (UNCONFIRMED which)."""
    body = call.json() if call.body else call.form()
    where = {**call.query, **body}
    return _clear(world, credentials(world, str(where.get("appid", "")), str(where.get("appsecret", ""))))


def _clear(world: World, app: App) -> Answer:
    month = datetime.fromtimestamp(world.clock.now(), UTC).astimezone(CHINA).strftime("%Y-%m")
    if app.clears_month != month:
        app.clears_month, app.clears = month, 0
    if app.clears >= world.settings.clear_quota_per_month:
        raise WxError(48006, "forbid to clear quota because of reaching the limit")
    app.clears += 1
    app.used = {}
    return {"errcode": 0, "errmsg": "ok"}


async def get_quota(world: World, call: Call) -> Answer:
    path = str(call.json().get("cgi_path", ""))
    app = call.account
    if path.startswith("/sns/"):
        raise WxError(76022, "could not use this cgi_path, no permission")
    limit = app.daily_limits.get(path, DAILY.get(path, 0))
    if not limit:
        raise WxError(76021, "cgi_path not found, please check")
    used = app.used.get(path, 0) if app.used_day == world.clock.china_day() else 0
    return {"errcode": 0, "errmsg": "ok", "quota": {"daily_limit": limit, "used": used, "remain": limit - used}}


async def callback_ips(world: World, call: Call) -> Answer:
    return {"ip_list": CALLBACK_IPS}


async def api_ips(world: World, call: Call) -> Answer:
    return {"ip_list": API_IPS}


async def check_callback(world: World, call: Call) -> Answer:
    body = call.json()
    if body.get("action") not in ("all", "dns", "ping"):
        raise WxError(40202, "invalid action")
    if body.get("check_operator") not in ("DEFAULT", "CHINANET", "UNICOM", "CAP"):
        raise WxError(40203, "invalid check_operator")
    if not call.account.callback.url:
        raise WxError(40201, "not set callback url")
    answer: dict[str, object] = {}
    if body["action"] in ("all", "dns"):
        answer["dns"] = [{"ip": "127.0.0.1", "real_operator": "CAP"}]
    if body["action"] in ("all", "ping"):
        answer["ping"] = [{"ip": "127.0.0.1", "from_operator": "CAP", "package_loss": "0%", "time": "0.050ms"}]
    return answer


ROUTES = [
    Route("GET", "/cgi-bin/token", classic),
    Route("POST", "/cgi-bin/stable_token", stable),
    Route("POST", "/cgi-bin/clear_quota", clear_quota, token=True),
    Route("POST", "/cgi-bin/clear_quota/v2", clear_quota_v2),
    Route("POST", "/cgi-bin/openapi/quota/get", get_quota, token=True),
    Route("GET", "/cgi-bin/getcallbackip", callback_ips, token=True),
    Route("GET", "/cgi-bin/get_api_domain_ip", api_ips, token=True),
    Route("POST", "/cgi-bin/callback/check", check_callback, token=True),
]

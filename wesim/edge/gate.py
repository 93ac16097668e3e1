"""What every call passes before its handler: faults, method, token, kind, quota (reference §0, §1.1)."""

from __future__ import annotations

from starlette.responses import Response

from wesim.edge.quotas import DAILY
from wesim.routing import Answer, Call, Dropped, Manner, Route, WxError, wx_json
from wesim.state import App
from wesim.world import World


async def answer_call(world: World, call: Call, found: dict[str, Route], manner: Manner) -> Response:
    """The answer to one call; `found` are the routes of its path by method, none when the host has no such path.

    Raises Dropped when an ordered fault cuts the connection.
    """
    call.app = _caller(world, call)
    owner = call.app.id if call.app else call.mchid
    fault = world.faults.for_call(host=call.host, path=call.path, app=owner, action=call.action)
    kind = fault.kind if fault else ""
    if fault is not None:
        call.delay_s = fault.delay_s
        if kind not in ("delay", "process_then_drop"):
            await call.pause()
        if kind == "drop":
            raise Dropped("cut before processing")
        if kind in ("refuse", "busy"):
            return manner.refuse(world, call, fault)
        if kind == "status":
            return Response(b"", status_code=fault.http_status)
    try:
        response = as_response(await _handle(world, call, found, manner))
    except WxError as e:
        response = wx_json({"errcode": e.errcode, "errmsg": f"{e.errmsg} rid: {world.rid()}"})
    if kind == "process_then_drop":
        raise Dropped("processed, then cut")
    return response


def as_response(answer: Answer) -> Response:
    return answer if isinstance(answer, Response) else wx_json(answer)


async def _handle(world: World, call: Call, found: dict[str, Route], manner: Manner) -> Answer:
    route = found.get(call.method) or found.get("*")
    if route is None:
        if manner.unknown is not None:
            return manner.unknown(world, call)
        if not found:
            raise WxError(40066, "invalid url")
        raise WxError(43002, "require POST method") if "POST" in found else WxError(43001, "require GET method")
    if route.token:
        require_token(world, call)
    if route.kind and call.app is not None and call.app.kind != route.kind:
        raise WxError(48001, "api unauthorized")
    limit = DAILY.get(call.path) if route.token else None
    if limit and call.app is not None and not world.count_daily(call.app, call.path, limit):
        raise WxError(45009, "reach max api daily quota limit")
    if not route.paces_itself:
        await call.pause()
    return await route.handler(world, call)


def _caller(world: World, call: Call) -> App | None:
    """Whose call this is, by token or by appid; dead tokens name their owner too."""
    token = call.query.get("access_token")
    if token:
        owner = world.tokens.get(token)
        return world.apps.get(owner[0]) if owner else None
    return world.apps.get(call.query.get("appid", ""))


def require_token(world: World, call: Call) -> None:
    """41001 missing, 40014 never issued, 42001 expired, 40001 replaced (reference §1.1)."""
    token = call.query.get("access_token", "")
    if not token:
        raise WxError(41001, "access_token missing")
    owner = world.tokens.get(token)
    if owner is None or call.app is None:
        raise WxError(40014, "invalid access_token")
    line = call.app.classic if owner[1] == "classic" else call.app.stable
    now = world.clock.now()
    if token == line.value:
        if now >= line.expires:
            raise WxError(42001, "access_token expired")
        return
    if token == line.previous and now < line.previous_until:
        return
    raise WxError(40001, NOT_LATEST)


NOT_LATEST = (
    "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, "
    "more details at https://mmbizurl.cn/s/JtxxFh33r"
)

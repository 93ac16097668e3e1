"""The console's doors for connections (`/api/console/connections`) and WeChat's door (`/callbacks/wechat`)."""

from collections.abc import Sequence

from fastapi import Request
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from huida.kernel import i18n
from huida.kernel.db import ReadTx, Tx
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.log import log
from huida.kernel.secrets import Secret
from huida.kernel.web import Actor, Items, language_of, staff_only, staff_read, staff_tx
from huida.modules.connections import preflight, pushes, service, views
from huida.modules.connections.service import AppRef
from huida.providers.wechat.callbacks import LARGEST_BODY, NOTHING_TO_SAY, BadPush

console = Router(prefix="/api/console/connections", tags=["console"])
callbacks = Router(prefix="/callbacks/wechat", tags=["callbacks"])


class AppIn(Body):
    app_id: str = Field(max_length=40)
    kind: str
    name: str = Field(max_length=60)
    original_id: str = Field("", max_length=40)
    secret: str = Field(max_length=200)
    callback_mode: str = "safe"
    token: str | None = Field(None, max_length=40)
    aes_key: str | None = Field(None, max_length=60)


class AppChange(Body):
    name: str | None = Field(None, max_length=60)
    original_id: str | None = Field(None, max_length=40)
    secret: str | None = Field(None, max_length=200)
    callback_mode: str | None = None
    token: str | None = Field(None, max_length=40)
    aes_key: str | None = Field(None, max_length=60)


def secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)


def show(request: Request, app: AppRef) -> views.App:
    """An app as screens see it: without secrets, with the address for WeChat's console and the checks in words."""
    return {
        "app_id": app.app_id,
        "kind": app.kind,
        "name": app.name,
        "original_id": app.original_id,
        "state": app.state,
        "subscribe_open": app.subscribe_open,
        "callback_mode": app.callback_mode,
        "callback_url": f"{request.app.state.public_url}/callbacks/wechat/{app.route_key}",
        "callback_seen_at": app.callback_seen_at,
        "checks": in_words(request, app.checks),
        "checked_at": app.checked_at,
        "connected_at": app.connected_at,
    }


def in_words(request: Request, checks: Sequence[views.Check]) -> list[views.CheckInWords]:
    language = language_of(request)
    return [{**one, "text": i18n.text(one["detail"], language, one["params"])} for one in checks]


@console.get("")
async def list_apps(request: Request, tx: ReadTx = staff_read("connections.view")) -> Items[views.App]:
    return {"items": [show(request, app) for app in await service.apps(tx)]}


@console.get("/{app_id}")
async def get_app(request: Request, app_id: str, tx: ReadTx = staff_read("connections.view")) -> views.App:
    return show(request, await service.get(tx, app_id))


def wechat_of(request: Request) -> preflight.WeChat:
    state = request.app.state
    return preflight.WeChat(state.oa, state.mini, state.tokens)


@console.post("", status_code=201)
async def connect(request: Request, body: AppIn, actor: Actor = staff_only("connections.manage")) -> views.App:
    """Connected when WeChat accepts the secret, refused when it is wrong, pending while WeChat cannot say."""
    wanted = service.Wanted(
        app_id=body.app_id.strip(),
        kind=body.kind,
        name=body.name,
        secret=Secret(body.secret.strip()),
        original_id=body.original_id.strip(),
        callback_mode=body.callback_mode,
        token=secret(body.token),
        aes_key=secret(body.aes_key),
    )
    return show(request, await preflight.connect_app(request.app.state.db, actor, wechat_of(request), wanted))


@console.patch("/{app_id}", status_code=204)
async def change(
    request: Request, app_id: str, body: AppChange, actor: Actor = staff_only("connections.manage")
) -> None:
    """A new secret is taken when WeChat accepts it."""
    changes = {
        "name": body.name,
        "original_id": body.original_id,
        "secret": secret(body.secret),
        "callback_mode": body.callback_mode,
        "token": secret(body.token),
        "aes_key": secret(body.aes_key),
    }
    await preflight.change_app(request.app.state.db, actor, wechat_of(request), app_id, changes)


@console.get("/{app_id}/callback")
async def callback_settings(
    request: Request, app_id: str, tx: ReadTx = staff_read("connections.manage")
) -> views.CallbackSettings:
    """What the merchant types into WeChat's console; the only place that shows token and AES key."""
    app = await service.get(tx, app_id)
    keys = await service.callback_keys(tx, app_id)
    return {
        "url": show(request, app)["callback_url"],
        "token": keys.token.reveal() if keys else "",
        "aes_key": keys.aes_key.reveal() if keys and keys.aes_key else "",
        "mode": app.callback_mode,
    }


@console.post("/{app_id}/disconnect", status_code=204)
async def disconnect(app_id: str, tx: Tx = staff_tx("connections.manage")) -> None:
    await service.disconnect(tx, app_id)


@console.post("/{app_id}/open-subscribe", status_code=204)
async def open_subscribe(app_id: str, tx: Tx = staff_tx("connections.manage")) -> None:
    await service.open_subscribe(tx, app_id)


@console.post("/{app_id}/close-subscribe", status_code=204)
async def close_subscribe(app_id: str, tx: Tx = staff_tx("connections.manage")) -> None:
    await service.close_subscribe(tx, app_id)


@console.post("/{app_id}/preflight")
async def run_preflight(
    request: Request, app_id: str, actor: Actor = staff_only("connections.manage")
) -> views.Preflight:
    """Does the app work? A pending one becomes connected when WeChat accepts its secret."""
    checks = await preflight.check_app(request.app.state.db, actor, app_id, wechat=wechat_of(request))
    return {"checks": in_words(request, checks)}


@callbacks.get("/{route_key}")
async def verify(request: Request, route_key: str) -> Response:
    try:
        return PlainTextResponse(await pushes.verify(request.app.state.db, route_key, dict(request.query_params)))
    except BadPush as bad:
        return refused(bad)


@callbacks.post("/{route_key}")
async def push(request: Request, route_key: str) -> Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return refused(BadPush("too large"))
    try:
        await pushes.receive(request.app.state.db, route_key, dict(request.query_params), body)
    except BadPush as bad:
        return refused(bad)
    return Response(NOTHING_TO_SAY, media_type="text/plain")


def refused(bad: BadPush) -> Response:
    log.warning("push_refused", reason=bad.reason)
    return PlainTextResponse("forbidden", 403)

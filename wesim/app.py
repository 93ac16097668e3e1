"""The ASGI application: real hosts by prefix or by Host header, the control plane, the phone page."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from starlette.routing import BaseRoute, Router

from wesim import mini, oa, phone
from wesim.control import control_routes
from wesim.edge import browser
from wesim.edge.gate import answer_call
from wesim.edge.journal import record_call
from wesim.edge.spelling import spell
from wesim.routing import Call, Dropped, Manner, Route
from wesim.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

API, OPEN, MP = "api.weixin.qq.com", "open.weixin.qq.com", "mp.weixin.qq.com"
# Modules that another part of wesim may provide: routes(world) -> list[Route], refuse(world, call, fault) -> Response,
# unknown(world, call) -> Response.
ALIYUN_SMS, TENCENT_SMS = "dysmsapi.aliyuncs.com", "sms.tencentcloudapi.com"
PAY = "api.mch.weixin.qq.com"
EXTENSIONS = {ALIYUN_SMS: "wesim.sms.aliyun", TENCENT_SMS: "wesim.sms.tencent", PAY: "wesim.pay.api"}
# Where clients turn to when the main host does not answer. That of WeChat is UNCONFIRMED (reference §0).
STAND_INS = {
    API: ("api2.weixin.qq.com", "sh.api.weixin.qq.com", "sz.api.weixin.qq.com", "hk.api.weixin.qq.com"),
    PAY: ("api2.mch.weixin.qq.com", "api.wechatpay.cn", "api2.wechatpay.cn"),
}
# routes(world) -> list[BaseRoute], paths below /_sim/sms and /_sim/pay
EXTRA_CONTROLS = ("wesim.sms.control", "wesim.pay.control")


class Hosts:
    """The registry of simulated hosts. A stand-in has its main host's routes, and faults of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hosts: dict[str, list[Route]] = {}
        self.manners: dict[str, Manner] = {}
        self._index: dict[tuple[str, str], dict[str, Route]] = {}
        self._patterns: list[tuple[str, re.Pattern[str], dict[str, Route]]] = []
        self.extend(API, [*oa.routes(world), *mini.routes(world)], Manner())
        self.extend(OPEN, browser.open_routes(world), Manner(unknown=browser.unknown))
        self.extend(MP, browser.mp_routes(world), Manner(unknown=browser.unknown))

    def extend(self, host: str, routes: list[Route], manner: Manner) -> None:
        for name in (host, *STAND_INS.get(host, ())):
            self.hosts[name], self.manners[name] = routes, manner

    def index(self) -> None:
        self._index, self._patterns = {}, []
        for host, routes in self.hosts.items():
            for route in routes:
                self._index.setdefault((host, route.path), {})[route.method] = route
        for (host, path), found in self._index.items():
            if "{" in path:
                self._patterns.append((host, re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)), found))

    def find(self, call: Call) -> dict[str, Route] | None:
        """The routes of the call's path by method; fills the call's `params`."""
        found = self._index.get((call.host, call.path))
        if found is not None:
            return found
        for host, pattern, routes in self._patterns:
            match = pattern.fullmatch(call.raw_path) if host == call.host else None
            if match is not None:
                call.params = {name: unquote(value) for name, value in match.groupdict().items()}
                return routes
        return None


def create_app(world: World) -> Asgi:
    """One ASGI app for the whole world. In process: call it directly and give the World a `poster`."""
    hosts = Hosts(world)
    for host, module in EXTENSIONS.items():
        if _exists(module):
            found = importlib.import_module(module)
            hosts.extend(host, found.routes(world), Manner(refuse=found.refuse, unknown=found.unknown))
    hosts.index()
    own = Router(routes=[*control_routes(world), *_extra_control(world), *phone.routes(world)])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        host, path = _target(scope, hosts)
        if not host:
            await own(scope, receive, send)
            return
        await _serve(world, hosts, host, path, scope, receive, send)

    return app


async def _serve(world: World, hosts: Hosts, host: str, path: str, scope: Scope, receive: Receive, send: Send) -> None:
    call = _call(host, path, scope, await _body(receive))
    try:
        response = await answer_call(world, call, hosts.find(call) or {}, hosts.manners[host])
    except Dropped:
        record_call(world, call, None)
        await _cut(send)
        return
    record_call(world, call, response)
    spell(send, response.raw_headers)
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": bytes(response.body)})


async def _cut(send: Send) -> None:
    """Cut the TCP connection under a server; an in-process caller sees Dropped."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise Dropped("connection cut by an ordered fault")
    transport.abort()
    await asyncio.sleep(0.01)  # the server must notice before this returns, or it writes a 500


def _target(scope: Scope, hosts: Hosts) -> tuple[str, str]:
    """The simulated host and the path on it; ('', path) for wesim's own pages."""
    path: str = scope["path"]
    head, slash, rest = path[1:].partition("/")
    if head in hosts.hosts:
        return head, slash + rest or "/"
    if path.startswith("/_sim"):
        return "", path
    headers: dict[bytes, bytes] = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1").partition(":")[0].lower()
    if host in hosts.hosts:
        return host, path
    if headers.get(b"authorization", b"").startswith(b"WECHATPAY2-"):
        return PAY, path  # SDKs of WeChat Pay sign the whole path of their base URL, so they come without a prefix
    return _sdk_host(scope, headers) if path == "/" else "", path


def _sdk_host(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """Official SMS SDKs take host and port but no path, so their calls are known by how they name the action."""
    if b"x-tc-action" in headers:
        return TENCENT_SMS
    if b"x-acs-action" in headers:
        return ALIYUN_SMS
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    return ALIYUN_SMS if "Action" in query and query.get("Version") == "2017-05-25" else ""


def _call(host: str, path: str, scope: Scope, body: bytes) -> Call:
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    raw = scope["query_string"].decode("latin-1")
    own = f"{scope.get('scheme', 'http')}://{headers.get('host', host)}"
    under_prefix = scope["path"] != path
    sent = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    client = scope.get("client")
    return Call(
        method=scope["method"],
        host=host,
        path=path,
        query=dict(parse_qsl(raw, keep_blank_values=True)),
        headers=headers,
        body=body,
        client_ip=client[0] if client else "127.0.0.1",
        raw_query=raw,
        base_url=own if under_prefix else "",
        raw_path=(sent.removeprefix(f"/{host}") or "/") if under_prefix else sent,
    )


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    chunks = [body]
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
    return b"".join(chunks)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _extra_control(world: World) -> list[BaseRoute]:
    found: list[BaseRoute] = []
    for module in filter(_exists, EXTRA_CONTROLS):
        found += importlib.import_module(module).routes(world)
    return found


def _exists(module: str) -> bool:
    parent = module.rpartition(".")[0]
    return importlib.util.find_spec(parent) is not None and importlib.util.find_spec(module) is not None

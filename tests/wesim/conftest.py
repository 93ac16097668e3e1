"""wesim in one process: the ASGI app called directly, callbacks caught by a fake merchant server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from wesim import seed
from wesim.app import create_app
from wesim.world import World

API = "/api.weixin.qq.com"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Received:
    method: str
    url: str
    query: dict[str, str]
    body: bytes


@dataclass
class Merchant:
    """The server behind the callback URL."""

    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], tuple[int, bytes]] = lambda r: (200, r.query.get("echostr", "success").encode())

    async def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        got = Received(method, url, dict(parse_qsl(urlsplit(url).query)), body)
        self.received.append(got)
        return self.answer(got)


class Sim:
    """A small in-process client of the simulator."""

    def __init__(self) -> None:
        self.merchant = Merchant()
        self.world = World(plant=seed.plant, poster=self.merchant)
        self.app = create_app(self.world)
        self.oa = self.world.apps[seed.OA_APPID]
        self.mini = self.world.apps[seed.MINI_APPID]
        self.client_ip = "127.0.0.1"

    async def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        host: str = "sim.test",
        cookie: str = "",
        content_type: str | None = None,
    ) -> Answer:
        path, _, query = target.partition("?")
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        )
        headers = [(b"host", host.encode())]
        headers += [(b"cookie", cookie.encode())] if cookie else []
        headers += [(b"content-type", content_type.encode())] if content_type else []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "client": (self.client_ip, 1),
            "scheme": "http",
            "root_path": "",
            "http_version": "1.1",
        }
        sent: list[Any] = []

        waiting = [{"type": "http.request", "body": raw, "more_body": False}]

        async def receive() -> Any:
            if not waiting:
                await asyncio.Event().wait()  # nobody hangs up
            return waiting.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        head = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return Answer(sent[0]["status"], head, b"".join(m.get("body", b"") for m in sent[1:]))

    async def get(self, path: str, **query: Any) -> Any:
        return (await self.call("GET", f"{API}{path}?{urlencode(query)}")).json()

    async def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return (await self.call("POST", f"{API}{path}?{urlencode(query)}", body)).json()

    async def control(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        return (await self.call(method, f"/_sim{path}", body)).json()

    async def look(self, path: str) -> Any:
        return await self.control(path, method="GET")

    async def token(self, app: Any) -> str:
        answer = await self.post(
            "/cgi-bin/stable_token", {"grant_type": "client_credential", "appid": app.id, "secret": app.secret}
        )
        return str(answer["access_token"])

    def openid(self, app: Any, person: str) -> str:
        return self.world.user(app, person).openid

    @staticmethod
    def code(answer: dict[str, Any]) -> tuple[int, str]:
        """errcode, and errmsg without its rid."""
        return answer["errcode"], answer["errmsg"].split(" rid: ")[0]

    async def add_template(self, tid: int = 1102, kids: tuple[int, ...] = (4, 1, 3, 2, 5)) -> str:
        body = {"tid": str(tid), "kidList": list(kids), "sceneDesc": "会员消费"}
        answer = await self.post("/wxaapi/newtmpl/addtemplate", body, access_token=await self.token(self.mini))
        return str(answer["priTmplId"])


@pytest.fixture
def sim() -> Sim:
    return Sim()

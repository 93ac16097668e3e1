"""Calling an ASGI application in process: a small browser-like client, and the outgoing seam towards a simulator."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import count
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from starlette.types import ASGIApp, Message

from huida.kernel.http import Answer, Headers, Send, Unknown
from tests import versions


@dataclass
class Reply:
    """What an application answered, whole."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str] = field(default_factory=dict)
    raw: list[tuple[str, str]] = field(default_factory=list)
    """Every header line, as it was sent: one that comes twice is there twice."""

    def all(self, name: str) -> list[str]:
        """The values of a header, in their order."""
        return [value for known, value in self.raw if known == name]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """(status, code) of a problem."""
        return self.status, self.json()["code"]


async def call(
    app: ASGIApp,
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    address: str = "203.0.113.7",
) -> Reply:
    """One request, one reply. Exceptions of the application come through."""
    parts = urlsplit(url)
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    if body:
        raw.append((b"content-length", str(len(body)).encode()))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme or "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(b"host", (parts.netloc or "huida.test").encode()), *raw],
        "client": (address, 40000),
        "server": ("huida.test", 80),
    }
    sent = False
    status = 0
    answered: list[tuple[bytes, bytes]] = []
    chunks: list[bytes] = []

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # the caller stays until it is answered
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.extend(message["headers"])
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, send)
    cookies: dict[str, str] = {}
    for name, value in answered:
        if name == b"set-cookie":
            cookies |= {key: morsel.value for key, morsel in SimpleCookie(value.decode()).items()}
    raw = [(name.decode().lower(), value.decode("latin-1")) for name, value in answered]
    return Reply(status, dict(raw), b"".join(chunks), cookies, raw)


_callers = count(1)


def somewhere() -> str:
    """An address that no other client has: logins are limited per address, and a run has thousands of them."""
    number = next(_callers)
    return f"198.18.{number // 250 % 250}.{number % 250 + 1}"


@dataclass
class Client:
    """Somebody who calls our API from an address of their own: keeps cookies and sends what `headers` say."""

    app: ASGIApp
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = field(default_factory=somewhere)

    async def request(
        self,
        method: str,
        path: str,
        json_body: Any = None,
        *,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        sent = {**self.headers, **(headers or {})}
        if json_body is not None:
            body = json.dumps(json_body, ensure_ascii=False).encode()
            sent.setdefault("content-type", "application/json")
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = path + ("?" + urlencode(params) if params else "")
        reply = await call(self.app, method, url, headers=sent, body=body, address=self.address)
        for name, value in reply.cookies.items():
            if value in {"", '""'}:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return reply

    async def get(self, path: str, **params: Any) -> Reply:
        return await self.request("GET", path, params=params or None)

    async def post(self, path: str, json_body: Any = None, **kwargs: Any) -> Reply:
        return await self.request("POST", path, json_body, **kwargs)

    async def patch(self, path: str, json_body: Any = None) -> Reply:
        return await self.request("PATCH", path, json_body)

    async def put(self, path: str, json_body: Any = None) -> Reply:
        """Replace something as a page does: what is there is read first, and its version goes with the call."""
        if isinstance(json_body, dict) and "version" not in json_body:
            json_body = json_body | await versions.seen(self, path)
        return await self.request("PUT", path, json_body)

    async def delete(self, path: str) -> Reply:
        return await self.request("DELETE", path)

    async def upload(self, path: str, name: str, content: bytes, **params: Any) -> Reply:
        """A file as a form's field `file`."""
        edge = "----huida"
        head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        return await self.request(
            "POST",
            path,
            params=params or None,
            headers={"content-type": f"multipart/form-data; boundary={edge}"},
            body=head + content + f"\r\n--{edge}--\r\n".encode(),
        )

    async def log_in(self, login: str, password: str, totp: str = "") -> Reply:
        """Open a session; its CSRF token goes with every later request."""
        reply = await self.post("/api/console/login", {"login": login, "password": password, "totp": totp})
        if reply.status == 200:
            self.headers["x-csrf-token"] = reply.json()["csrf_token"]
        return reply


@dataclass
class Proxy:
    """Stands between the system and its peers, as a broken gateway would: changes the answers of the paths named here."""

    twists: dict[str, Callable[[Answer], Answer]] = field(default_factory=dict)
    seen: list[tuple[str, bytes]] = field(default_factory=list)

    def in_front_of(self, peer: Send) -> Send:
        async def send(method: str, url: str, body: bytes | None, headers: Headers | None) -> Answer:
            self.seen.append((url, body or b""))
            answer = await peer(method, url, body, headers)
            for part, twist in self.twists.items():
                if part in url:
                    answer = twist(answer)
            return answer

        return send


def sender(app: ASGIApp) -> Send:
    """The outgoing seam: every provider call goes to `app` (a simulator) instead of the network."""

    async def send(method: str, url: str, body: bytes | None, headers: Headers | None) -> Answer:
        given = {"content-type": "application/json; charset=utf-8", **(headers or {})}
        try:
            reply = await call(app, method, url, headers=given, body=body or b"")
        except ConnectionResetError as cut:  # how a simulator in process cuts a connection
            raise Unknown("connection lost after sending") from cut
        return Answer(reply.status, reply.body, reply.headers.get("content-type", ""), reply.headers)

    return send

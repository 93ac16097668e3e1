"""What a simulated API call is, and how it is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response

from wesim.faults import Fault
from wesim.state import App
from wesim.world import World


@dataclass(slots=True)
class Call:
    """One request to a real host of WeChat (or of an SMS provider)."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # lower-case names
    body: bytes
    client_ip: str
    raw_query: str = ""
    base_url: str = ""  # where this simulator is reached, for links in answers
    raw_path: str = ""  # as it was sent: what signatures cover
    params: dict[str, str] = field(default_factory=dict)  # of a path with {names}
    app: App | None = None  # whose access_token the call carries
    delay_s: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """What a call of an SMS provider asks for; empty for WeChat, whose paths tell."""
        return self.headers.get("x-acs-action") or self.headers.get("x-tc-action") or self.query.get("Action", "")

    @property
    def signed_paths(self) -> tuple[str, ...]:
        """What a signature may cover: the path on the host, or all that was sent, by SDKs that sign their whole base URL."""
        return (self.raw_path, f"/{self.host}{self.raw_path}") if self.base_url else (self.raw_path,)

    @property
    def mchid(self) -> str:
        """Which merchant a call of WeChat Pay says it is from."""
        return self.headers.get("authorization", "").partition('mchid="')[2].partition('"')[0]

    @property
    def account(self) -> App:
        assert self.app is not None, "only for routes with token=True"
        return self.app

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises WxError 44002, 47001."""
        if not self.body.strip():
            raise WxError(44002, "empty post data")
        try:
            body = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise WxError(47001, "data format error") from None
        if not isinstance(body, dict):
            raise WxError(47001, "data format error")
        return body

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    async def pause(self) -> None:
        """Take the ordered delay."""
        if self.delay_s > 0:
            await asyncio.sleep(self.delay_s)


Answer = Response | dict[str, Any]
Handler = Callable[[World, Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A real path of a real host; `{name}` in it stands for one segment. `token`: needs an access_token; `kind`: only for that kind of app;
    `paces_itself`: the handler calls `call.pause()` itself."""

    method: str  # GET, POST or * for both
    path: str
    handler: Handler
    token: bool = False
    kind: str = ""
    paces_itself: bool = False


class WxError(Exception):
    """An errcode answer. HTTP 200, `errmsg` with a rid (reference §0)."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(f"{errcode} {errmsg}")
        self.errcode, self.errmsg = errcode, errmsg


class Dropped(ConnectionResetError):
    """The connection was cut on purpose (in-process callers see this exception)."""


def is_whole(text: str) -> bool:
    """A whole number in ASCII digits: Python takes other scripts' digits for numbers too, platforms do not."""
    return text.isascii() and text.isdigit()


def wx_json(body: Any) -> Response:
    return Response(json.dumps(body, ensure_ascii=False, separators=(",", ":")), media_type="application/json")


def refuse_wechat(world: World, call: Call, fault: Fault) -> Response:
    """An ordered refusal in the manner of WeChat."""
    code, text = (-1, "system error") if fault.kind == "busy" else (fault.errcode, fault.errmsg)
    return wx_json({"errcode": code, "errmsg": f"{text} rid: {world.rid()}"})


@dataclass(frozen=True, slots=True)
class Manner:
    """How a host says no: to what an ordered fault refuses, and to a path or method that it does not have (None: as WeChat)."""

    refuse: Callable[[World, Call, Fault], Response] = refuse_wechat
    unknown: Callable[[World, Call], Response] | None = None

"""Pushing events and messages to an app's callback URL (reference §1.2–§1.4)."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError

from wesim.clock import Clock
from wesim.crypto import encrypt_message, signature
from wesim.faults import Faults
from wesim.state import App, Settings
from wesim.wire import Fields, to_json, to_xml

# (method, url, headers, body, timeout_s) -> (status, body). Raises OSError when nothing came back in time.
Poster = Callable[[str, str, dict[str, str], bytes, float], Awaitable[tuple[int, bytes]]]


@dataclass(slots=True)
class Push:
    """One event on its way."""

    app: App
    openid: str
    fields: Fields
    on_reply: Callable[[bytes], bool] | None = None  # False: the reply was no valid reply
    on_failure: Callable[[], None] | None = None
    delay_s: float = 0.0
    record: dict[str, Any] = field(default_factory=dict)


class HttpPoster:
    """Real HTTP, for a simulator that runs as a server."""

    def __init__(self) -> None:
        self._client: Client | None = None

    async def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        if self._client is None:
            self._client = ClientBuilder().no_proxy().max_redirects(0).build()
        limit = timedelta(seconds=timeout_s)
        request = self._client.post(url) if method == "POST" else self._client.get(url)
        for name, value in headers.items():
            request = request.header(name, value)
        try:
            async with asyncio.timeout(timeout_s):
                response = await request.timeout(limit).body_bytes(body).build().send()
                return response.status, bytes(await response.bytes())
        except (PyreqwestError, TimeoutError) as e:
            raise ConnectionError(type(e).__name__) from e


class Pusher:
    """A queue of pushes with few hands: order is kept mostly, never promised (reference §1.3)."""

    def __init__(self, clock: Clock, settings: Settings, faults: Faults, poster: Poster | None) -> None:
        self._clock, self._settings, self._faults = clock, settings, faults
        self._poster: Poster = poster or HttpPoster()
        self._waiting: deque[Push] = deque()
        self._hands: set[asyncio.Task[None]] = set()

    def push(
        self,
        app: App,
        openid: str,
        fields: Fields,
        *,
        on_reply: Callable[[bytes], bool] | None = None,
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        """Send one event or message to the app's callback URL, soon. Needs a running loop."""
        whole = {
            "ToUserName": app.original_id,
            "FromUserName": openid,
            "CreateTime": self._clock.now_s(),
            **fields,
        }
        event = str(fields.get("Event", fields.get("MsgType", "")))
        record = {"event": event, "openid": openid, "fields": whole, "attempts": [], "state": "waiting"}
        app.pushes.append(record)
        if not app.callback.url:
            record["state"] = "no_url"
            return
        first = Push(app, openid, whole, on_reply, on_failure, 0.0, record)
        fault = self._faults.for_callback(app=app.id, event=event)
        if fault is not None and fault.kind == "lost_callback":
            record["state"] = "lost"
            return
        if fault is not None and fault.kind == "late_callback":
            first.delay_s = fault.delay_s
        self._enqueue(first)
        if fault is not None and fault.kind == "duplicate_callback":
            self._enqueue(Push(app, openid, whole, None, None, fault.delay_s, record))

    async def settle(self) -> None:
        while self._hands:
            await asyncio.gather(*self._hands)

    async def verify(self, app: App) -> bool:
        """The GET with echostr (reference §1.2); the query is never encrypted (UNCONFIRMED)."""
        echo = str(secrets.randbelow(10**19))
        url = _with_query(app.callback.url, {**self._signed(app), "echostr": echo})
        try:
            status, body = await self._poster("GET", url, {}, b"", self._settings.callback_timeout_s)
        except OSError:
            return False
        return status == 200 and body.decode("utf-8", "replace") == echo

    def _enqueue(self, push: Push) -> None:
        if push.delay_s > 0:
            self._start(self._later(push))
            return
        self._waiting.append(push)
        if len(self._hands) < self._settings.callback_concurrency:
            self._start(self._work())

    def _start(self, work: Any) -> None:
        hand = asyncio.get_running_loop().create_task(work)
        self._hands.add(hand)
        hand.add_done_callback(self._hands.discard)

    async def _later(self, push: Push) -> None:
        await asyncio.sleep(push.delay_s)
        await self._deliver(push)

    async def _work(self) -> None:
        while self._waiting:
            await self._deliver(self._waiting.popleft())

    async def _deliver(self, push: Push) -> None:
        """Up to three attempts, each within five seconds (reference §1.3)."""
        url, headers, body = self._sealed(push)
        for _ in range(self._settings.callback_attempts):
            try:
                status, reply = await self._poster("POST", url, headers, body, self._settings.callback_timeout_s)
            except OSError as e:
                push.record["attempts"].append(str(e) or type(e).__name__)
                continue
            push.record["attempts"].append(status)
            if status == 200:
                push.record["state"] = "delivered"
                push.record["reply"] = reply[:4096].decode("utf-8", "replace")
                if push.on_reply is not None and not push.on_reply(reply) and push.on_failure is not None:
                    push.on_failure()
                return
        push.record["state"] = "failed"
        if push.on_failure is not None:
            push.on_failure()

    def _signed(self, app: App) -> dict[str, str]:
        timestamp, nonce = str(self._clock.now_s()), str(secrets.randbelow(10**10))
        return {
            "signature": signature(app.callback.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
        }

    def _sealed(self, push: Push) -> tuple[str, dict[str, str], bytes]:
        """URL, headers and body in the app's mode and format (reference §1.3)."""
        app, callback = push.app, push.app.callback
        write, mime = (to_json, "application/json") if callback.format == "json" else (to_xml, "text/xml")
        controls = self._settings.control_characters
        query, fields = {**self._signed(app), "openid": push.openid}, push.fields
        if callback.mode != "plain":
            secret = encrypt_message(write(fields, controls), aes_key=callback.aes_key, receive_id=app.id)
            query["encrypt_type"] = "aes"
            query["msg_signature"] = signature(callback.token, query["timestamp"], query["nonce"], secret)
            kept = fields if callback.mode == "compatible" else {"ToUserName": fields["ToUserName"]}
            fields = {**kept, "Encrypt": secret}
        return _with_query(callback.url, query), {"content-type": mime}, write(fields, controls).encode()


def _with_query(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"

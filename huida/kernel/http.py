"""Outgoing HTTP: one client, three bad outcomes, no repeats.

Every call to a provider ends as a result or as exactly one `ProviderOutcome`. The difference that matters is between
"certainly not processed" and "may have been processed": a repeat after the second may send or pay twice.

Whatever answers is a stranger: a broken gateway, a captive portal, an egress proxy. What it can make us do is bounded in
size, in time and in depth, and what it says is cut before it is looked at.
"""

import asyncio
import re
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

from prometheus_client import Counter, Histogram
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PoolTimeoutError, RequestError

from huida.kernel.fence import FencedBody, may_go_out
from huida.kernel.log import log
from huida.kernel.txstate import forbid_open_tx

T = TypeVar("T")

CONNECT_S: Final = 3.0
TOTAL_S: Final = 10.0
# Writing into a connection that the other side closes at this moment would have to be called Unknown, and nothing says when
# it will: servers and gateways in use close idle ones after 5 s (several languages' defaults) to 75 s. So we leave first.
IDLE_S: Final = 3.0
IDLE_PER_HOST: Final = 512

CALLS = Counter("huida_provider_calls_total", "Calls to providers by outcome.", ["provider", "outcome"])
SECONDS = Histogram(
    "huida_provider_seconds",
    "Time of one call to a provider.",
    ["provider"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

MOST_BYTES: Final = 1024 * 1024
"""The largest answer that is read. The longest that providers document are lists of templates and openids, far below it."""
LONGEST_TEXT: Final = 500
"""Characters of a provider's text that errors, logs and lists keep."""
LONGEST_CODE: Final = 120

# No part of it may begin anywhere in a run of letters and end elsewhere: that would be quadratic.
_SECRETS = re.compile(
    r"(?i)((?:access_?token|secret|refresh_token|session_key|js_code|code|ticket"
    r"|signature|accesskeyid|phonenumbers?|authorization)[\"']?\s{0,8}[=:]\s{0,8}[\"']?)[^\s&\"',)}]+"
)


class ProviderOutcome(Exception):
    """A call to a provider that did not end in a result; always one of the three below."""


class Refused(ProviderOutcome):
    """The provider said no. Record it and do not repeat; `later_s` says when the same call may be allowed again."""

    def __init__(self, code: str, message: str, *, later_s: float | None = None) -> None:
        self.code = code[:LONGEST_CODE]
        self.message = redact(message)
        self.later_s = later_s
        super().__init__(self.code, self.message)


class Unavailable(ProviderOutcome):
    """Certainly not processed: the call may be repeated on the ladder."""

    def __init__(self, reason: str) -> None:
        self.reason = redact(reason)
        super().__init__(self.reason)


class Withheld(Unavailable):
    """Not sent, and nobody's trouble: this worker's lease on the work is over, or nearly."""

    def __init__(self) -> None:
        super().__init__("withheld: the lease on this work is over")


class Unknown(ProviderOutcome):
    """May have been processed: ask by our own number, never simply repeat."""

    def __init__(self, reason: str) -> None:
        self.reason = redact(reason)
        super().__init__(self.reason)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole; headers are looked up by their lower-case names."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


Headers = Mapping[str, str]
Send = Callable[[str, str, bytes | None, Headers | None], Awaitable[Answer]]
"""The seam: method, URL, body, headers → Answer, or Unavailable or Unknown. Replace the client here."""


def redact(text: str) -> str:
    """The beginning of a text, with the values of tokens, secrets, codes, signatures and phones hidden."""
    return _SECRETS.sub(r"\1***", text[:LONGEST_TEXT])


def plain_answer(answer: Answer) -> Answer:
    """The answer when its status is 2xx. Raises what the status alone means otherwise."""
    status = answer.status
    if 200 <= status < 300:
        return answer
    if status == 429:
        raise Unavailable("http 429")
    if 400 <= status < 500 and status != 408:
        raise Refused(f"http.{status}", "")
    raise Unknown(f"http {status}")


@asynccontextmanager
async def one_call(about: str) -> AsyncIterator[None]:
    """What is done with one provider for one person. Whatever it raises that is no ProviderOutcome becomes Unknown.

    A judge or a reader that breaks on an answer ends this one call: the others of its portion go on, and no door answers
    500 for it. `about` names the work in the log.
    """
    broken = ""
    try:
        yield
    except ProviderOutcome:
        raise
    except Exception as error:
        # Only the kind of the error and its place: its text may quote the answer.
        last = traceback.extract_tb(error.__traceback__)[-1]
        log.error("answer_broke_us", about=about, error=type(error).__name__, at=f"{last.filename}:{last.lineno}")
        broken = f"answer not understood ({type(error).__name__})"
    if broken:
        raise Unknown(broken)


async def each(items: Iterable[T], do: Callable[[T], Awaitable[None]], *, at_once: int) -> None:
    """Do all of a portion, so many at a time. `do` is to keep every outcome of its own item to itself (`one_call`).

    What still breaks out of one is raised when all have been done, so that it cuts off nobody else's call.
    """
    waiting = iter(items)
    broken: list[Exception] = []

    async def work_through() -> None:
        for item in waiting:
            try:
                await do(item)
            except Exception as error:
                broken.append(error)

    await asyncio.gather(*(work_through() for _ in range(at_once)))
    if broken:
        raise broken[0]


class Lane:
    """The way to one provider: checks, counts and judges every call. Made by `Outgoing.lane`."""

    __slots__ = ("_counts", "_seconds", "_send", "provider")

    def __init__(self, provider: str, send: Send) -> None:
        self.provider = provider
        self._send = send
        self._seconds = SECONDS.labels(provider)
        self._counts = {outcome: CALLS.labels(provider, outcome) for outcome in ("ok", *_OUTCOMES.values())}

    async def post(self, url: str, body: bytes, judge: Callable[[Answer], T], headers: Headers | None = None) -> T:
        """What `judge` makes of the answer to a POST, sent at most once. Raises a ProviderOutcome."""
        return await self._call("POST", url, body, judge, headers)

    async def get(self, url: str, judge: Callable[[Answer], T], headers: Headers | None = None) -> T:
        """What `judge` makes of the answer to a GET. Raises a ProviderOutcome."""
        return await self._call("GET", url, None, judge, headers)

    async def _call(
        self, method: str, url: str, body: bytes | None, judge: Callable[[Answer], T], headers: Headers | None
    ) -> T:
        forbid_open_tx(self.provider)
        outcome = "ok"
        began = time.perf_counter()
        try:
            if not may_go_out():
                raise Withheld
            async with one_call(self.provider):
                return judge(_bounded(await self._send(method, url, body, headers)))
        except ProviderOutcome as bad:
            outcome = outcome_of(bad)
            raise
        finally:
            self._seconds.observe(time.perf_counter() - began)
            self._counts[outcome].inc()


class _LastLook:
    """A body in one piece, that asks its fence when the client wants to write it. Without it the request is none."""

    __slots__ = ("_left",)

    def __init__(self, body: FencedBody) -> None:
        self._left: FencedBody | None = body

    def __aiter__(self) -> "_LastLook":
        return self

    async def __anext__(self) -> bytes:
        body, self._left = self._left, None
        if body is None:
            raise StopAsyncIteration
        if not body.fence():
            raise Withheld
        return body


class Outgoing:
    """The process's outgoing HTTP client: made once in `main`, closed at shutdown.

    JSON is the default content type. Nothing is repeated, no redirect is followed, no proxy is taken from the
    environment: an egress address that a provider has on its list must not depend on it.
    """

    def __init__(
        self,
        *,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
        idle_s: float = IDLE_S,
        send: Send | None = None,
    ) -> None:
        """`total_s` ends with the last byte of the answer; a connection that nobody used for `idle_s` is closed."""
        assert connect_s < total_s, "a connect time-out that the total cuts off would have to be called Unknown"
        self._client: Client | None = None
        self._connect_s = connect_s
        self._total_s = total_s
        self._idle_s = idle_s
        self._sender: Send = send or self._send
        self._plain = Lane("other", self._sender)

    def lane(self, provider: str) -> Lane:
        """The way to one provider; its calls are counted under this name."""
        return Lane(provider, self._sender)

    async def post(self, url: str, body: bytes, headers: Headers | None = None) -> Answer:
        """POST once and return the answer of any status. Raises Unavailable or Unknown."""
        return await self._plain.post(url, body, _as_it_is, headers)

    async def get(self, url: str, headers: Headers | None = None) -> Answer:
        """GET once and return the answer of any status. Raises Unavailable or Unknown."""
        return await self._plain.get(url, _as_it_is, headers)

    async def aclose(self) -> None:
        """Close the connections; calls under way end as Unknown."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _send(self, method: str, url: str, body: bytes | None, headers: Headers | None) -> Answer:
        client = self._client or self._open()
        request = client.request(method, url)
        if isinstance(body, FencedBody):
            request = request.header("content-length", str(len(body))).body_stream(_LastLook(body))
        elif body is not None:
            request = request.body_bytes(body)
        if headers is not None:
            request = request.headers(headers)
        outcome: ProviderOutcome
        try:
            async with request.build_streamed() as response:
                found = response.headers
                content = bytearray()
                while (chunk := await response.body_reader.read_chunk()) is not None:
                    content += chunk
                    if len(content) > MOST_BYTES:
                        break
                return Answer(response.status, bytes(content), found.get("content-type", ""), found)
        except RequestError as failed:
            outcome = _outcome_of_failure(failed)
        # Raised outside the except block: the client's error carries the whole URL, and must not travel as context.
        raise outcome

    def _open(self) -> Client:
        self._client = (
            ClientBuilder()
            .connect_timeout(timedelta(seconds=self._connect_s))
            .timeout(timedelta(seconds=self._total_s))
            .pool_idle_timeout(timedelta(seconds=self._idle_s))
            .pool_max_idle_per_host(IDLE_PER_HOST)
            # Nothing is unpacked: two megabytes of gzip can be two gigabytes of zeros.
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .default_headers({"content-type": "application/json; charset=utf-8", "accept-encoding": "identity"})
            .user_agent("huida")
            .follow_redirects(False)
            .referer(False)
            .no_proxy()
            .tcp_nodelay(True)
            .build()
        )
        return self._client


def outcome_of(bad: ProviderOutcome) -> str:
    """`refused`, `unavailable` or `unknown`."""
    return next(name for kind, name in _OUTCOMES.items() if isinstance(bad, kind))


_OUTCOMES: Final = {Refused: "refused", Unavailable: "unavailable", Unknown: "unknown"}


def _as_it_is(answer: Answer) -> Answer:
    return answer


def _bounded(answer: Answer) -> Answer:
    """The answer, unless it is more than anybody documents. Raises Unknown: the call was made."""
    if len(answer.body) > MOST_BYTES:
        raise Unknown("answer too large")
    if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unknown("answer compressed")
    return answer


def _outcome_of_failure(failed: RequestError) -> ProviderOutcome:
    """Certain only when the connector itself failed: name, TCP and TLS come before the first byte of a request.

    The client's classes do not tell: it says ConnectError for a connection dropped after the request was read, and
    ConnectTimeoutError for an answer that never came. Its chain of causes does.
    """
    causes = [cause["message"] for cause in (failed.details.get("causes") or ())]
    if isinstance(failed, PoolTimeoutError):
        return Unavailable("no free connection")
    if "client error (Connect)" in causes:
        last = causes[-1]
        return Unavailable("connect: " + (last if "://" not in last else "failed"))
    if isinstance(failed, TimeoutError) or "operation timed out" in causes:
        return Unknown("timed out after sending")
    return Unknown(f"connection lost after sending ({type(failed).__name__})")

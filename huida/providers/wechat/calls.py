"""The common way of every WeChat call: token in the query, JSON both ways, `errcode` judged (§0)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from huida.kernel.clock import Clock
from huida.kernel.http import Answer, Lane, Unknown, plain_answer
from huida.kernel.secrets import Secret
from huida.providers.readers import understood
from huida.providers.wechat.judge import TokenRefused, judge

API_BASE: Final = "https://api.weixin.qq.com"
PAGES_BASE: Final = "https://mp.weixin.qq.com"
OPEN_BASE: Final = "https://open.weixin.qq.com"


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """One official account or mini program of one merchant."""

    app_id: str
    secret: Secret


class Reply(msgspec.Struct):
    """What every answer may carry; no `errcode` means success (§0)."""

    errcode: int = 0
    errmsg: str = ""


R = TypeVar("R", bound=Reply)
_PLAIN: Final = msgspec.json.Decoder(Reply, strict=False)


class Tokens(Protocol):
    """Where access tokens come from."""

    async def get(self, cred: AppCredentials) -> str: ...
    async def renew(self, cred: AppCredentials, *, refused: str) -> str: ...


def judged(kind: type[R], clock: Clock) -> Callable[[Answer], R]:
    """A judge that turns an answer into `kind`, or raises what its error means."""
    # Not strict: WeChat writes some numbers as strings (`categoryId`, `countryCode`, numbers in pushed JSON).
    decoder = msgspec.json.Decoder(kind, strict=False)

    def read(answer: Answer) -> R:
        if answer.status != 200:
            plain_answer(answer)
        reply = understood(decoder, answer.body)
        # A refusal has none of the fields that a success must have.
        said: Reply | None = reply or understood(_PLAIN, answer.body)
        if said is not None and said.errcode:
            raise judge(said.errcode, said.errmsg, now=clock.now())
        if reply is None:
            raise Unknown("answer not understood")
        return reply

    return read


def query(**values: str | int) -> str:
    """A query string, values escaped, in the given order."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in values.items())


def json_body(value: Any) -> bytes:
    """UTF-8 JSON without `\\u` escapes, which WeChat refuses (§0)."""
    return msgspec.json.encode(value)


class TokenCalls:
    """Calls that carry an access token; one renewal and one repeat when it is refused, for nothing was done then."""

    __slots__ = ("_lane", "_tokens")

    def __init__(self, lane: Lane, tokens: Tokens) -> None:
        self._lane = lane
        self._tokens = tokens

    async def post(self, cred: AppCredentials, url: str, body: bytes, read: Callable[[Answer], R]) -> R:
        """POST `body` to `url`, which ends in `access_token=`. Raises a ProviderOutcome."""
        token = await self._tokens.get(cred)
        try:
            return await self._lane.post(url + token, body, read)
        except TokenRefused:
            pass
        token = await self._tokens.renew(cred, refused=token)
        return await self._lane.post(url + token, body, read)

    async def get(self, cred: AppCredentials, url: str, read: Callable[[Answer], R], *, then: str = "") -> R:
        """GET `url`, which ends in `access_token=`, with `then` after the token. Raises a ProviderOutcome."""
        token = await self._tokens.get(cred)
        try:
            return await self._lane.get(url + token + then, read)
        except TokenRefused:
            pass
        token = await self._tokens.renew(cred, refused=token)
        return await self._lane.get(url + token + then, read)

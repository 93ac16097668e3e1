"""Access tokens and tickets: kept per process, fetched by one caller at a time (reference: wechat-platform §1.1, P-16).

Normal mode of `stable_token` answers every process with the same token, and an old token lives on for five minutes
beside its successor, so processes need no common lock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from huida.kernel.clock import Clock
from huida.kernel.http import Outgoing, Unavailable, Unknown
from huida.providers.readers import Opaque, Seconds
from huida.providers.wechat.calls import API_BASE, AppCredentials, Reply, json_body, judged

# In its last five minutes WeChat already hands out the successor.
OVERLAP_S: Final = 300
# WeChat ignores a second forced refresh within 30 s, and allows twenty a day.
FORCED_GAP: Final = timedelta(seconds=30)
KEPT_AT_MOST: Final = 10_000

Fetch = Callable[[AppCredentials], Awaitable[tuple[str, int]]]


class _Entry(NamedTuple):
    value: str
    until: datetime


class Kept:
    """Values with a lifetime, by app *and* secret: who does not know the secret gets nobody's token."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._entries: dict[AppCredentials, _Entry] = {}
        self._flights: dict[AppCredentials, asyncio.Task[str]] = {}

    async def get(self, cred: AppCredentials) -> str:
        """The live value, fetched when there is none. Raises a ProviderOutcome."""
        entry = self._entries.get(cred)
        if entry is not None and self._clock.now() < entry.until:
            return entry.value
        return await self.alone(cred, self._refetch)

    def peek(self, cred: AppCredentials) -> str | None:
        """The value last seen, even when it is due for renewal."""
        entry = self._entries.get(cred)
        return entry.value if entry is not None else None

    def put(self, cred: AppCredentials, value: str, lifetime_s: int) -> str:
        """Keep a value for its lifetime less the overlap, yet never less than half of it."""
        self._entries.pop(cred, None)
        if len(self._entries) >= KEPT_AT_MOST:
            self._entries.pop(next(iter(self._entries)))
        until = self._clock.now() + timedelta(seconds=max(lifetime_s - OVERLAP_S, lifetime_s / 2))
        self._entries[cred] = _Entry(value, until)
        return value

    async def alone(self, cred: AppCredentials, work: Callable[[AppCredentials], Awaitable[str]]) -> str:
        """Join the work under way for this app, or begin it; a caller that goes away does not stop the others."""
        flight = self._flights.get(cred)
        if flight is None:
            flight = asyncio.ensure_future(_run(work, cred))
            self._flights[cred] = flight
            flight.add_done_callback(lambda done: self._landed(cred, done))
        return await asyncio.shield(flight)

    async def _refetch(self, cred: AppCredentials) -> str:
        value, lifetime_s = await self._fetch(cred)
        return self.put(cred, value, lifetime_s)

    def _landed(self, cred: AppCredentials, done: asyncio.Task[str]) -> None:
        self._flights.pop(cred, None)
        if not done.cancelled():
            done.exception()


async def _run(work: Callable[[AppCredentials], Awaitable[str]], cred: AppCredentials) -> str:
    return await work(cred)


class _TokenReply(Reply, kw_only=True):
    access_token: Opaque
    expires_in: Seconds


class AccessTokens:
    """Access tokens of official accounts and mini programs by `stable_token`."""

    def __init__(self, outgoing: Outgoing, *, clock: Clock, base_url: str = API_BASE) -> None:
        self._lane = outgoing.lane("wechat")
        self._clock = clock
        self._url = f"{base_url}/cgi-bin/stable_token"
        self._read = judged(_TokenReply, clock)
        self._kept = Kept(self._normal, clock)
        self._forced_at: dict[AppCredentials, datetime] = {}

    async def get(self, cred: AppCredentials) -> str:
        """A token that should be accepted. Raises a ProviderOutcome: wrong secret, address not on the list…"""
        return await self._kept.get(cred)

    async def ask(self, cred: AppCredentials) -> None:
        """Ask WeChat whether it accepts this app and secret, whatever is kept. Raises a ProviderOutcome."""
        await self._kept.alone(cred, self._ask_again)

    async def _ask_again(self, cred: AppCredentials) -> str:
        token, lifetime_s = await self._normal(cred)
        return self._kept.put(cred, token, lifetime_s)

    async def renew(self, cred: AppCredentials, *, refused: str) -> str:
        """A token other than the `refused` one: somebody's newer one, or a forced one. Raises a ProviderOutcome.

        Raises Unavailable while a forced refresh is not yet allowed again: the caller's own call was not processed.
        """
        newer = self._kept.peek(cred)
        if newer is not None and newer != refused:
            return newer

        async def replace(cred: AppCredentials) -> str:
            return await self._replace(cred, refused)

        token = await self._kept.alone(cred, replace)
        if token == refused:
            raise Unavailable("access token refused, no newer one yet")
        return token

    async def _replace(self, cred: AppCredentials, refused: str) -> str:
        token, lifetime_s = await self._normal(cred)
        if token == refused:
            self._note_forced(cred)
            token, lifetime_s = await self._ask(cred, force=True)
        return self._kept.put(cred, token, lifetime_s)

    def _note_forced(self, cred: AppCredentials) -> None:
        now = self._clock.now()
        last = self._forced_at.get(cred)
        if last is not None and now - last < FORCED_GAP:
            raise Unavailable("access token refused, forced refresh not allowed again yet")
        if len(self._forced_at) >= KEPT_AT_MOST:
            self._forced_at.clear()
        self._forced_at[cred] = now

    async def _normal(self, cred: AppCredentials) -> tuple[str, int]:
        return await self._ask(cred, force=False)

    async def _ask(self, cred: AppCredentials, *, force: bool) -> tuple[str, int]:
        body = json_body(
            {
                "grant_type": "client_credential",
                "appid": cred.app_id,
                "secret": cred.secret.reveal(),
                "force_refresh": force,
            }
        )
        try:
            reply = await self._lane.post(self._url, body, self._read)
        except Unknown as lost:
            # Asking for a token changes nothing, and the call that wants it was not made.
            raise Unavailable(f"no access token: {lost.reason}") from lost
        return reply.access_token, reply.expires_in

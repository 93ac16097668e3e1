"""Whose signature is it: WeChat Pay's keys, by merchant (reference: wechat-pay-and-sms §1.4).

A merchant has a WeChat Pay public key, platform certificates, or both while they move from one to the other: the
`Wechatpay-Serial` of every answer and callback says which one signed it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from huida.kernel.clock import Clock
from huida.kernel.http import ProviderOutcome
from huida.kernel.secrets import Secret
from huida.providers.wechatpay.crypto import BadKey, public_key

PUBLIC_KEY_PREFIX: Final = "PUB_KEY_ID_"
# Old and new certificates overlap for days, so half a day finds every new one in time.
FRESH: Final = timedelta(hours=12)
# Anybody can send a callback with a made-up serial: it must not make us ask WeChat Pay each time.
GAP: Final = timedelta(minutes=1)
KEPT_AT_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class PayCredentials:
    """One direct merchant: its API certificate's serial and key, the APIv3 key, and WeChat Pay's public key if it has one."""

    mchid: str
    serial: str
    private_key: Secret
    api_v3_key: Secret
    public_key_id: str = ""
    public_key: str = ""


class PlatformKey(NamedTuple):
    """A key out of a platform certificate, with the time in which it may sign."""

    key: RSAPublicKey
    begins: datetime
    ends: datetime


Ring = Mapping[str, PlatformKey]


class _Kept(NamedTuple):
    ring: Ring
    tried_at: datetime


class PlatformKeys:
    """Finds the key that a serial names; downloads certificates once for any number of waiters."""

    def __init__(self, fetch: Callable[[PayCredentials], Awaitable[Ring]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[PayCredentials, _Kept] = {}
        self._flights: dict[PayCredentials, asyncio.Task[Ring]] = {}

    def known(self, cred: PayCredentials, serial: str) -> RSAPublicKey | None:
        """The key at hand for this serial. Raises BadKey when the merchant's public key is none."""
        if serial.startswith(PUBLIC_KEY_PREFIX):
            return public_key(cred.public_key) if serial == cred.public_key_id and cred.public_key else None
        kept = self._kept.get(cred)
        found = kept.ring.get(serial) if kept is not None else None
        if found is None or not found.begins <= self._clock.now() < found.ends:
            return None
        return found.key

    async def find(self, cred: PayCredentials, serial: str) -> RSAPublicKey | None:
        """The key for this serial, downloaded when it is new. Raises BadKey, or a ProviderOutcome of the download."""
        found = self.known(cred, serial)
        if found is not None or serial.startswith(PUBLIC_KEY_PREFIX) or self._just_tried(cred):
            return found
        await self.download(cred)
        return self.known(cred, serial)

    async def ready(self, cred: PayCredentials) -> None:
        """Be able to verify an answer before asking for one. Raises BadKey, or a ProviderOutcome of the download."""
        if cred.public_key_id:
            public_key(cred.public_key)
            return
        kept = self._kept.get(cred)
        usable = kept is not None and any(one.ends > self._clock.now() for one in kept.ring.values())
        if usable and kept is not None and self._clock.now() - kept.tried_at < FRESH:
            return
        try:
            await self.download(cred)
        except ProviderOutcome:
            if not usable:
                raise

    async def download(self, cred: PayCredentials) -> Ring:
        """Fetch the certificates, or join who does; a caller that goes away does not stop the others."""
        flight = self._flights.get(cred)
        if flight is None:
            flight = asyncio.ensure_future(self._refetch(cred))
            self._flights[cred] = flight
            flight.add_done_callback(lambda done: self._landed(cred, done))
        return await asyncio.shield(flight)

    def _just_tried(self, cred: PayCredentials) -> bool:
        kept = self._kept.get(cred)
        return kept is not None and self._clock.now() - kept.tried_at < GAP

    async def _refetch(self, cred: PayCredentials) -> Ring:
        kept = self._kept.get(cred)
        ring: Ring = kept.ring if kept is not None else {}
        try:
            ring = await self._fetch(cred)
        finally:
            self._keep(cred, ring)
        return ring

    def _keep(self, cred: PayCredentials, ring: Ring) -> None:
        self._kept.pop(cred, None)
        if len(self._kept) >= KEPT_AT_MOST:
            self._kept.pop(next(iter(self._kept)))
        self._kept[cred] = _Kept(ring, self._clock.now())

    def _landed(self, cred: PayCredentials, done: asyncio.Task[Ring]) -> None:
        self._flights.pop(cred, None)
        if not done.cancelled():
            done.exception()


__all__ = ["FRESH", "GAP", "PUBLIC_KEY_PREFIX", "BadKey", "PayCredentials", "PlatformKey", "PlatformKeys", "Ring"]

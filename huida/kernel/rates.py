"""How often something may happen, counted in this process: a token bucket, and one bucket per key."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

Seconds = Callable[[], float]


class TokenBucket:
    """`rate_per_s` on average, up to `burst` at once."""

    def __init__(self, rate_per_s: float, burst: float, clock: Seconds = time.monotonic) -> None:
        assert rate_per_s > 0 and burst > 0
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._clock = clock
        self._tokens = burst
        self._at = clock()

    async def take(self, n: float = 1) -> None:
        """Wait until `n` may pass. The tokens are reserved at once, so callers pass in the order they came."""
        self._refill()
        self._tokens -= n
        if self._tokens < 0:
            try:
                await asyncio.sleep(-self._tokens / self.rate_per_s)
            except asyncio.CancelledError:
                self._tokens += n
                raise

    def try_take(self, n: float = 1) -> float:
        """0 when `n` may pass now (and they are taken); otherwise the seconds to wait, and nothing is taken."""
        self._refill()
        if self._tokens >= n:
            self._tokens -= n
            return 0.0
        return (n - self._tokens) / self.rate_per_s

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate_per_s)
        self._at = now


class Buckets:
    """A bucket per key (an address, a login); the keys not used for longest are forgotten past `keep`."""

    def __init__(self, rate_per_s: float, burst: float, *, keep: int = 10_000, clock: Seconds = time.monotonic) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._keep = keep
        self._clock = clock
        self._by_key: OrderedDict[str, TokenBucket] = OrderedDict()

    def try_take(self, key: str) -> float:
        """0 when it may happen now; otherwise the seconds to wait."""
        bucket = self._by_key.get(key)
        if bucket is None:
            bucket = self._by_key[key] = TokenBucket(self._rate_per_s, self._burst, self._clock)
            if len(self._by_key) > self._keep:
                self._by_key.popitem(last=False)
        self._by_key.move_to_end(key)
        return bucket.try_take()

"""Token buckets on a clock that the test moves."""

import asyncio
import time

from huida.kernel.rates import Buckets, TokenBucket


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_burst_passes_and_then_the_rate() -> None:
    hand = Hand()
    bucket = TokenBucket(2, 3, hand)
    assert [bucket.try_take() for _ in range(4)] == [0, 0, 0, 0.5]
    hand.at = 0.5
    assert [bucket.try_take(), bucket.try_take()] == [0, 0.5]
    hand.at = 100
    assert [bucket.try_take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_what_is_refused_takes_nothing() -> None:
    hand = Hand()
    bucket = TokenBucket(1, 2, hand)
    assert [bucket.try_take(5), bucket.try_take(2)] == [3, 0]


async def test_taking_waits_for_its_turn() -> None:
    bucket = TokenBucket(100, 1)
    began = time.monotonic()
    await asyncio.gather(*(bucket.take() for _ in range(6)))
    assert 0.05 <= time.monotonic() - began < 1


def test_keys_have_buckets_of_their_own_and_the_oldest_is_forgotten() -> None:
    hand = Hand()
    buckets = Buckets(1, 1, keep=2, clock=hand)
    assert [buckets.try_take(key) for key in ("a", "a", "b")] == [0, 1, 0]
    buckets.try_take("a")
    buckets.try_take("c")
    assert [buckets.try_take("a"), buckets.try_take("b")] == [1, 0]

"""Clocks that go wrong while workers work (R-07): no message twice, and no queue that stands."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.crash import kit
from tests.crash.conftest import Workers
from tests.crash.runner import LEASE_S
from tests.crash.test_stood_still import SEND, followers
from tests.faked_clock import Clock
from tests.shop import Shop

pytestmark = pytest.mark.slow

PEOPLE = 24
SKEWS_S = (60, -60, 3600, -3600)


@pytest.mark.timeout(200)
async def test_a_clock_that_goes_wrong_at_work_neither_doubles_nor_holds_up_anything(
    shop: Shop, workers: Workers, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    # given: two workers, one of them on a machine whose clock will go wrong
    await shop.enable("consumption", "template")
    people = await followers(shop, PEOPLE)
    clock = Clock(tmp_path / "clock.txt")
    odd = workers.start_with(clock)
    workers.start()

    async def shared() -> bool:
        rows = await kit.ask(
            postgres.url, "SELECT owner FROM shard_leases WHERE owner IS NOT NULL AND expires_at > clock_timestamp()"
        )
        return Counter(row["owner"] for row in rows)[odd.id] == 32 and len(rows) == 64

    async with asyncio.timeout(60):
        while not await shared():
            await asyncio.sleep(0.05)

    # when: it is off by so much, and some answers are lost meanwhile
    expected: Counter[str] = Counter()
    for round_, skew in enumerate(SKEWS_S):
        clock.move(timedelta(seconds=skew))
        await shop.fault("process_then_drop", path=SEND, count=3)
        for place, member in enumerate(people):
            total = 1000 * (round_ + 1) + place
            assert (await shop.buy(member, f"T-{round_}-{place}", total)).status == 201
            expected[kit.yuan(total)] += 1
        await kit.quiet(postgres.url, within_s=40)
        assert await shared() or round_ == 0, "its shards went to the other: a wrong clock must not lose a lease"

    # then: each message once; and when it dies with its clock an hour ahead, the other does its work after one lease
    seen = Counter(
        value
        for member in people
        for message in shop.world.sim.persons[shop.persons[member]].inbox
        for _, value in message.fields
        if value.endswith("元")
    )
    assert seen == expected
    clock.move(timedelta(hours=1))
    await asyncio.sleep(1)  # a few heartbeats with that clock
    workers.kill(odd)
    ahead = await kit.ask(
        postgres.url,
        "SELECT shard FROM shard_leases WHERE expires_at > clock_timestamp() + make_interval(secs => $1)",
        LEASE_S + 0.5,
    )
    assert ahead == []
    assert (await shop.buy(people[0], "T-last", 77)).status == 201
    await kit.quiet(postgres.url, within_s=20)
    rows = await kit.ask(postgres.url, "SELECT state, count(*) AS n FROM deliveries GROUP BY 1")
    assert {row["state"] for row in rows} <= {"accepted", "delivered"}
    assert await kit.broken(postgres.url) == {}

"""Workers that stand still and come back (a suspended machine, a laptop's lid): what another took over is not sent again.

Without the fence in `kernel/fence.py` the first test finds the same message twice on most of the phones (finding R-03).
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from huida.modules import members
from tests import make
from tests.crash import kit
from tests.crash.conftest import Workers
from tests.crash.runner import LEASE_S
from tests.crash.test_killed import under_way
from tests.shop import Shop
from wesim import seed

pytestmark = pytest.mark.slow

PEOPLE = 240
"""Of the quarter that a stream takes at once, half is called at once: the rest has been claimed and waits."""
SEND = "/cgi-bin/message/template/send"
FORGOTTEN_S = 700
"""WeChat knows a client_msg_id for ten minutes; after that the same message under it arrives again."""


async def followers(shop: Shop, number: int) -> list[UUID]:
    """Members who follow the official account."""
    made = []
    for place in range(number):
        person, phone = f"fan{place}", f"1394000{place:04d}"
        await shop.sim.post("/_sim/persons", {"id": person, "name": "客人", "phone": phone})
        member = await make.member(shop.db, shop.tenant, name="客人", phone=phone)
        shop.persons[member] = person
        await shop.centre(member)
        async with shop.db.tx(shop.tenant) as tx:
            await members.link_identity(tx, member, app_id=seed.MINI_APPID, openid=shop.openid(member))
        await shop.sim.post("/_sim/follow", {"person": person, "app": seed.OA_APPID})
        made.append(member)
    await shop.settle()
    return made


async def sell(shop: Shop, people: list[UUID]) -> None:
    """One purchase for everybody, each of another amount."""
    rows = [
        {"store": "S01", "till_no": f"T-{n}", "card_no": await shop.card_no(member), "total_fen": 1000 + n}
        for n, member in enumerate(people)
    ]
    told = await shop.key.post("/api/v1/purchases/batch", {"purchases": rows})
    assert Counter(row["status"] for row in told.json()["results"]) == {"recorded": len(people)}


def arrived(shop: Shop, people: list[UUID]) -> Counter[int]:
    """How many phones have how many messages."""
    inboxes = [shop.world.sim.persons[shop.persons[member]].inbox for member in people]
    return Counter(sum(m.kind == "oa_template" for m in inbox) for inbox in inboxes)


async def until(what: str, true: Callable[[], Awaitable[bool]], within_s: float = 40) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while not await true():
        assert asyncio.get_running_loop().time() < deadline, f"never: {what}"
        await asyncio.sleep(0.02)


async def wave(shop: Shop) -> None:
    """Wait until the first calls have all arrived at WeChat, which takes its time: nothing is on its way, the rest waits."""
    [fault] = [one for one in shop.world.sim.faults.items if one.path == SEND]
    seen, still = 0, 0
    async with asyncio.timeout(40):
        while seen < PEOPLE // 3 or still < 10:
            await asyncio.sleep(0.02)
            seen, still = fault.hits, still + 1 if fault.hits == seen else 0


@pytest.mark.timeout(180)
async def test_a_worker_that_stood_still_past_lease_and_window_sends_nothing_again(
    shop: Shop, workers: Workers, postgres: EmbeddedPostgres
) -> None:
    # given: a message for everybody on its way, most of each portion claimed and not called yet
    await shop.enable("consumption", "template")
    people = await followers(shop, PEOPLE)
    await shop.fault("delay", path=SEND, delay_s=1.5)
    frozen = workers.start()
    await sell(shop, people)
    await wave(shop)
    pid = frozen.process.pid
    assert pid is not None

    # when: it stands still, another takes over after the lease and repeats, and WeChat forgets the numbers
    os.kill(pid, signal.SIGSTOP)
    began = await under_way(postgres.url, frozen)
    assert began > 0
    workers.start()
    await kit.quiet(postgres.url)
    before = arrived(shop, people)
    await shop.no_faults()
    await shop.sim.post("/_sim/clock", {"advance": FORGOTTEN_S})
    os.kill(pid, signal.SIGCONT)

    async def awake() -> bool:
        [row] = await kit.ask(postgres.url, "SELECT count(*) AS n FROM shard_leases WHERE owner = $1", frozen.id)
        return bool(row["n"])

    await until("the frozen worker has work again", awake)
    await kit.quiet(postgres.url)

    # then
    assert before == arrived(shop, people) == {1: PEOPLE}
    rows = await kit.ask(postgres.url, "SELECT state, count(*) AS n FROM deliveries GROUP BY 1")
    assert {row["state"] for row in rows} <= {"accepted", "delivered"}
    assert sum(row["n"] for row in rows) == PEOPLE
    assert await kit.broken(postgres.url) == {}
    print(f"{began} messages begun when it stood still")


@pytest.mark.timeout(120)
async def test_a_lone_worker_that_stood_still_gives_back_what_it_had_not_sent_and_sends_it_once(
    shop: Shop, workers: Workers, postgres: EmbeddedPostgres
) -> None:
    await shop.enable("consumption", "template")
    people = await followers(shop, PEOPLE)
    await shop.fault("delay", path=SEND, delay_s=1.5)
    alone = workers.start()
    await sell(shop, people)
    await wave(shop)
    pid = alone.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(LEASE_S + 0.5)
    waiting = await under_way(postgres.url, alone)
    os.kill(pid, signal.SIGCONT)
    await shop.no_faults()
    await kit.quiet(postgres.url)
    assert waiting > 0
    assert arrived(shop, people) == {1: PEOPLE}
    assert await kit.broken(postgres.url) == {}


@pytest.mark.timeout(60)
async def test_a_lease_from_a_clock_that_was_ahead_is_over_after_one_length(
    shop: Shop, workers: Workers, postgres: EmbeddedPostgres
) -> None:
    """R-07: one worker's clock was an hour ahead, then it died. Its leases and its heartbeat lie in the future."""
    dead = UUID(int=7)
    await shop.enable("consumption", "template")
    people = await followers(shop, 4)
    await kit.ask(
        postgres.url, "UPDATE shard_leases SET owner = $1, expires_at = clock_timestamp() + interval '1 hour'", dead
    )
    await kit.ask(postgres.url, "INSERT INTO workers VALUES ($1, clock_timestamp() + interval '1 hour')", dead)
    await sell(shop, people)
    workers.start()
    await kit.quiet(postgres.url, within_s=20)
    assert arrived(shop, people) == {1: 4}
    left = await kit.ask(postgres.url, "SELECT id FROM workers WHERE id = $1", dead)
    assert left == []

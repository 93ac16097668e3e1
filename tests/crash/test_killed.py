"""Workers and PostgreSQL killed with SIGKILL while purchases stream in: nothing is lost, nothing is doubled."""

import asyncio
import os
import random
import signal
import subprocess
from collections import Counter
from contextlib import suppress
from uuid import UUID

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.crash import kit
from tests.crash.conftest import WorkerProcess, Workers
from tests.shop import Shop

pytestmark = pytest.mark.slow

GUESTS = 12
DEATHS = 6
SALES = int(os.environ.get("HUIDA_CRASH_SALES", "300"))


class Stream:
    """Purchases that come in all the time, each with an amount of its own."""

    def __init__(self, shop: Shop, people: list[UUID], dice: random.Random) -> None:
        self.shop, self.people, self.dice = shop, people, dice
        self.sold: dict[str, tuple[UUID, int]] = {}
        self.answers: Counter[int] = Counter()
        self.acknowledged: set[str] = set()

    async def run(self, number: int, *, tills: int = 4, pause_s: float) -> None:
        cards = {member: await self.shop.card_no(member) for member in self.people}
        for place in range(number):
            member = self.people[place % len(self.people)]
            self.sold[f"T-{place}"] = (member, 1000 + place * 101)
        waiting = iter(self.sold.items())

        async def till() -> None:
            for till_no, (member, total) in waiting:
                await kit.report(self.shop, cards[member], till_no, total, self.answers)
                self.acknowledged.add(till_no)
                await asyncio.sleep(self.dice.uniform(0, 2 * pause_s))

        await asyncio.gather(*(till() for _ in range(tills)))

    async def reckon(self, url: str) -> None:
        """One purchase, one fact, exact points for each; invariants hold."""
        tenant = self.shop.tenant
        bought = await kit.ask(url, "SELECT till_no FROM purchases WHERE tenant_id = $1", tenant)
        assert Counter(row["till_no"] for row in bought) == Counter(dict.fromkeys(self.sold, 1))
        told = await kit.ask(
            url,
            "SELECT payload->>'till_no' AS till_no FROM facts WHERE tenant_id = $1 AND kind = 'order.purchase_recorded'",
            tenant,
        )
        assert Counter(row["till_no"] for row in told) == Counter(dict.fromkeys(self.sold, 1))
        for member in self.people:
            expected = sum(total // 100 for who, total in self.sold.values() if who == member)
            assert (await self.shop.balances(member))["points"] == expected
        assert await kit.broken(url) == {}

    async def reckon_messages(self, url: str, *, at_most_unknown: int) -> Counter[str]:
        """One delivery for each fact; each message at most once on a phone, and there when we say that it is."""
        rows = await kit.ask(
            url,
            "SELECT d.state, d.reason, d.member_id, (f.payload->>'total_fen')::bigint AS total FROM deliveries d "
            "JOIN facts f ON f.tenant_id = d.tenant_id AND f.id = d.fact_id WHERE d.tenant_id = $1",
            self.shop.tenant,
        )
        assert len(rows) == len(self.sold)
        assert {(row["member_id"], row["total"]) for row in rows} == set(self.sold.values())
        phones = {member: Counter(kit.amounts(self.shop, member)) for member in self.people}
        states = Counter(row["state"] for row in rows)
        assert set(states) <= {"accepted", "delivered", "unknown"}, Counter((r["state"], r["reason"]) for r in rows)
        assert {n for phone in phones.values() for n in phone.values()} == {1}, "a message came twice"
        for row in rows:
            arrived = phones[row["member_id"]][kit.yuan(row["total"])]
            assert arrived == 1 or row["state"] == "unknown", row
        on_phones = sum(sum(phone.values()) for phone in phones.values())
        certain = states["accepted"] + states["delivered"]
        assert certain <= on_phones <= certain + states["unknown"]
        assert states["unknown"] <= at_most_unknown
        return states


async def under_way(url: str, by: WorkerProcess) -> int:
    """Messages of errands that this worker has started and not recorded."""
    [row] = await kit.ask(
        url,
        "SELECT coalesce(sum(jsonb_array_length(payload)), 0)::int AS n FROM jobs "
        "WHERE kind = 'messaging.send' AND started_by = $1",
        by.id,
    )
    return int(row["n"])


@pytest.mark.timeout(240)
@pytest.mark.covers("S1-89", "S1-93")
async def test_workers_killed_again_and_again_lose_and_double_nothing(
    shop: Shop, workers: Workers, postgres: EmbeddedPostgres, dice: random.Random
) -> None:
    template_id = await shop.enable("consumption")
    people = await kit.guests(shop, GUESTS, template_id, 30)
    await shop.fault("delay", path="/cgi-bin/message/subscribe/send", delay_s=0.3)
    stream = Stream(shop, people, dice)
    selling = asyncio.create_task(stream.run(SALES, pause_s=0.2))
    cut_off, lost, current = 0, 0, [workers.start(), workers.start()]
    for _ in range(DEATHS):
        place = dice.randrange(2)
        victim = current[place]
        async with asyncio.timeout(40):
            while not await under_way(postgres.url, victim):
                await asyncio.sleep(0.02)
        await asyncio.sleep(dice.uniform(0, 0.25))
        before = await under_way(postgres.url, victim)
        workers.kill(victim)
        after = 0
        for _ in range(4):  # a commit that was on its way still takes place
            after = max(after, await under_way(postgres.url, victim))
            await asyncio.sleep(0.02)
        cut_off += after > 0
        lost += max(before, after)
        current[place] = workers.start()
    assert not selling.done(), "the last worker died when there was nothing left to sell"
    await selling
    assert cut_off > DEATHS // 2
    await kit.quiet(postgres.url)
    assert stream.answers == {201: SALES}
    await shop.world.sim.settle()
    await kit.quiet(postgres.url)
    await stream.reckon(postgres.url)
    states = await stream.reckon_messages(postgres.url, at_most_unknown=lost)
    print(f"{cut_off} of {DEATHS} deaths cut something off, at most {lost} under way: {dict(states)}")


def kill_server(postgres: EmbeddedPostgres) -> None:
    """The postmaster and all its processes at once, as when the machine's memory killer strikes."""
    pid = postgres.pid
    assert pid is not None
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    for victim in (pid, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


@pytest.mark.timeout(240)
async def test_postgresql_killed_under_load_answers_503_and_comes_back_with_everything(
    shop: Shop, workers: Workers, postgres: EmbeddedPostgres, dice: random.Random
) -> None:
    template_id = await shop.enable("consumption")
    people = await kit.guests(shop, GUESTS, template_id, 30)
    workers.start()
    stream = Stream(shop, people, dice)
    selling = asyncio.create_task(stream.run(SALES, tills=8, pause_s=0.15))
    for _ in range(3):
        await asyncio.sleep(dice.uniform(1.0, 2.0))
        acknowledged = set(stream.acknowledged)
        kill_server(postgres)
        await asyncio.sleep(0.5)
        health = await shop.key.get("/readyz")
        assert health.status == 503
        seen_by_staff = await shop.staff.get("/api/console/messaging/scenarios")
        assert seen_by_staff.refusal == (503, "server.unavailable")
        await asyncio.to_thread(postgres.start)
        rows = await kit.ask(postgres.url, "SELECT till_no FROM purchases WHERE tenant_id = $1", shop.tenant)
        assert acknowledged <= {row["till_no"] for row in rows}
    await selling
    assert stream.answers[503] > 0
    assert stream.answers[201] + stream.answers[200] == SALES  # 200: committed, but the answer was lost
    await kit.quiet(postgres.url)
    await shop.world.sim.settle()
    await kit.quiet(postgres.url)
    await stream.reckon(postgres.url)
    # Not killed, the worker keeps what it was told and records it when the database is back.
    states = await stream.reckon_messages(postgres.url, at_most_unknown=3 * 16)
    print(dict(stream.answers), dict(states))

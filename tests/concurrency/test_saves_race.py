"""Who saves, connects or logs in at the same moment as others: one gets it, the others are told, and nobody meets a 500."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from huida.kernel.db import Database
from huida.kernel.intake import tables
from huida.modules.tenants import brakes
from tests import make
from tests.asgi import Client
from tests.shop import Shop, whole_rules
from wesim import seed

RULES = "/api/console/loyalty/rules"


async def test_of_many_who_save_what_they_saw_one_saves(shop: Shop) -> None:
    """R-11: the version is compared under a lock that lasts until the commit."""
    seen = (await shop.staff.get(RULES)).json()["version"]
    bodies = [whole_rules(points_per_100_yuan=n) | {"version": seen} for n in range(101, 109)]
    replies = await asyncio.gather(*(shop.staff.request("PUT", RULES, body) for body in bodies))
    assert Counter(reply.status == 409 for reply in replies) == {False: 1, True: 7}
    assert {reply.json()["code"] for reply in replies if reply.status == 409} == {"request.changed_meanwhile"}
    [saved] = [body for body, reply in zip(bodies, replies, strict=True) if reply.status != 409]
    assert (await shop.staff.get(RULES)).json()["points_per_100_yuan"] == saved["points_per_100_yuan"]


async def test_of_two_apps_of_a_kind_one_becomes_live(world: Any) -> None:
    """R-17."""
    await make.nobody_connected(world.db)
    apps = [seed.OA_APPID, *(f"wx00000000000000a{n}" for n in range(5))]
    for app_id in apps[1:]:
        world.sim.apps[app_id] = msgspec.structs.replace(world.sim.apps[seed.OA_APPID], id=app_id)
    boss = await make.logged_in(Client(world.app), await make.staff(world.db, await make.merchant(world.db)))
    body = {"kind": "oa", "name": "会达茶社", "secret": seed.OA_SECRET}
    replies = await asyncio.gather(*(boss.post("/api/console/connections", {**body, "app_id": one}) for one in apps))
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 5}
    assert {reply.json()["code"] for reply in replies if reply.status == 409} == {"connection.kind_taken"}


async def test_tries_of_many_logins_do_not_wait_in_a_ring(db: Database) -> None:
    """R-09: old tries are forgotten on the way, by whoever comes."""
    dice = random.Random(9)
    keys = [(dice.randbytes(16), 5) for _ in range(120)]
    async with db.tx(0) as tx:
        for key, _ in keys:
            await tx.execute(
                "INSERT INTO login_tries (key, count, next_at, forget_at) VALUES ($1, 1, 'epoch', $2)",
                *(key, tx.now - timedelta(hours=2)),
            )

    async def one() -> None:
        mine = dice.sample(keys, 4)
        async with db.tx(0) as tx:
            await brakes.press(tx, mine)
            await asyncio.sleep(0)
            await brakes.forgive(tx, mine)

    await asyncio.gather(*(one() for _ in range(300)))


async def test_who_leaves_in_the_middle_leaves_no_reader_behind() -> None:
    """R-05."""
    rows = b"name\n" + b"x" * 4_000_000
    reading = asyncio.create_task(tables.read_table(rows, titles={"name"}, keys={"name"}))
    async with asyncio.timeout(20):
        while not _readers():
            await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert _readers() == []


def _readers() -> list[str]:
    """Our own children that read tables."""
    here = Path(f"/proc/self/task/{Path('/proc/thread-self').resolve().name}/children")
    found = []
    for pid in here.read_text().split():
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and b"intake.tables" in command.read_bytes():
            found.append(pid)
    return found


pytestmark = pytest.mark.timeout(120)

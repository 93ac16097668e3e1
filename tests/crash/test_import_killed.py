"""Workers killed in the middle of an import: it goes on where it stopped, nothing is lost and nothing doubled."""

import asyncio
import random
from typing import Any

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.asgi import Client
from tests.conftest import World
from tests.crash import kit
from tests.crash.conftest import Workers
from tests.moving_kit import IMPORTS, counts, understood

pytestmark = pytest.mark.slow

LINES, DEATHS = 3_000, 4


@pytest.mark.timeout(240)
async def test_an_import_survives_its_workers(
    world: World, console: Client, workers: Workers, postgres: EmbeddedPostgres, dice: random.Random
) -> None:
    # given
    url = postgres.url
    table = "卡号,积分,储值余额\n" + "".join(f"K{number:05d},{number % 7 + 1},0.01\n" for number in range(LINES))
    made = await understood(console, table)
    path = f"{IMPORTS}/{made['id']}"
    assert (await console.post(f"{path}/start", {})).status == 202

    async def now() -> Any:
        return (await console.get(path)).json()

    # when: workers die, each after it has done a portion, at any moment of the next one
    cut_short = 0
    for _ in range(DEATHS):
        before = (await now())["done"]
        worker = workers.start()
        async with asyncio.timeout(60):
            while (await now())["done"] == before:
                await asyncio.sleep(0.02)
        await asyncio.sleep(dice.uniform(0, 0.1))
        workers.kill(worker)
        cut_short += (await now())["state"] == "running"
        await kit.lease_over(url, worker.id)
    workers.start()
    async with asyncio.timeout(120):
        while (await now())["state"] != "done":
            await asyncio.sleep(0.1)

    # then
    done = await now()
    assert cut_short > 0
    assert (done["done"], counts(done)) == (LINES, (LINES, 0, 0, 0))
    points = sum(number % 7 + 1 for number in range(LINES))
    booked = {one["unit"]: (one["in_file"], one["booked"], one["before"], one["balanced"]) for one in done["balance"]}
    assert booked == {"points": (points, points, 0, True), "cny_principal": (LINES, LINES, 0, True)}
    [(members, joined, told)] = [
        tuple(row.values())
        for row in await kit.ask(
            url,
            "SELECT (SELECT count(*) FROM members WHERE tenant_id = $1), "
            "(SELECT count(*) FROM facts WHERE tenant_id = $1 AND kind = 'member.joined'), "
            "(SELECT count(*) FROM facts WHERE tenant_id = $1 AND kind = 'moving.openings_booked')",
            world.tenant,
        )
    ]
    assert (members, joined, told) == (LINES, LINES, 1)
    assert await kit.broken(url) == {}

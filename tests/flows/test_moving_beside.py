"""An import beside others' work: logins stay under a second, tills are answered, nothing fails (the large one: `bench/moving.py`)."""

import asyncio
import contextvars
import os
import statistics
import time
from typing import Any
from uuid import UUID

import pytest

from huida.kernel.facts import SHARDS
from huida.modules.moving import carrying
from tests import make
from tests.asgi import Client
from tests.conftest import World
from tests.moving_kit import AGREED, IMPORTS, MEMBERS, counts, understood

pytestmark = pytest.mark.long

LINES = 20_000 if os.environ.get("HUIDA_LONG") else 1_500
PAUSE_S = 0.05


def table() -> str:
    rows = (f"M{n:08d},会员{n},139{n:08d},{n % 500},{n % 300}.5" for n in range(LINES))
    return "卡号,姓名,手机号,积分,储值余额\n" + "\n".join(rows)


@pytest.mark.timeout(280)
async def test_logins_and_tills_go_on_beside_an_import(world: World, console: Client, app: Any) -> None:
    """Server, worker and callers share one loop here: whoever keeps it busy keeps everybody waiting."""
    await make.store(world.db, world.tenant)
    for number in range(50):
        await make.member(world.db, world.tenant, card_no=f"T{number:04d}")
    person = await make.staff(world.db, world.tenant)
    till = Client(app)
    till.headers["authorization"] = f"Bearer {await make.key(world.db, world.tenant)}"
    over = asyncio.Event()
    took: list[float] = []
    answers: set[Any] = set()

    async def logins() -> None:
        while not over.is_set():
            began = time.perf_counter()
            reply = await Client(app).log_in(person.login, make.PASSWORD)
            took.append(time.perf_counter() - began)
            answers.add(("login", reply.status))
            await asyncio.sleep(PAUSE_S)

    async def batches() -> None:
        for number in range(10**6):
            if over.is_set():
                return
            rows = [
                {"store": "S01", "till_no": f"B{number}-{n}", "card_no": f"T{n:04d}", "total_fen": 2500}
                for n in range(50)
            ]
            reply = await till.post("/api/v1/purchases/batch", {"purchases": rows})
            answers.add(("batch", reply.status, *{one["status"] for one in reply.json()["results"]}))
            await asyncio.sleep(PAUSE_S * 10)

    beside = [asyncio.create_task(one(), context=contextvars.Context()) for one in (logins, batches)]
    made = await understood(console, table())
    assert (await console.post(f"{IMPORTS}/{made['id']}/start", {})).status == 202
    while (done := (await console.get(f"{IMPORTS}/{made['id']}")).json())["state"] != "done":
        await world.worker.turn(range(SHARDS), world.tenant, only_tenant=world.tenant)
    over.set()
    await asyncio.gather(*beside)
    assert counts(done) == (LINES, 0, 0, 0)
    assert [(one["unit"], one["balanced"], one["booked"] - one["in_file"]) for one in done["balance"]] == [
        ("points", True, 0),
        ("cny_principal", True, 0),
    ]
    assert answers == {("login", 200), ("batch", 200, "recorded")}
    assert statistics.quantiles(took, n=20)[18] < 1, f"{len(took)} logins, the slowest took {max(took):.2f} s"


async def test_four_imports_of_the_same_members_at_once(world: World, console: Client) -> None:
    """B-11: whoever comes while one runs is told so; one after the other all are carried out, in whatever order."""
    cards = [f"D{number:04d}" for number in range(300)]

    def names(word: str, order: list[str]) -> str:
        return "卡号,姓名\n" + "".join(f"{card},{word}{card}\n" for card in order)

    first = await understood(console, names("零", cards))
    await console.post(f"{IMPORTS}/{first['id']}/start", AGREED)
    await world.settle()
    files = [names(word, order) for word, order in zip("甲乙丙丁", (cards, cards[::-1]) * 2, strict=True)]
    ids = [(await understood(console, file))["id"] for file in files]
    started = await asyncio.gather(*(console.post(f"{IMPORTS}/{one}/start", {}) for one in ids))
    assert sorted(reply.status for reply in started) == [202, 409, 409, 409]
    for import_id in ids:
        await world.settle()
        await console.post(f"{IMPORTS}/{import_id}/start", {})
    await world.settle()
    finished = [(await console.get(f"{IMPORTS}/{one}")).json() for one in ids]
    assert [(one["state"], counts(one)) for one in finished] == [("done", (0, 300, 0, 0))] * 4


async def test_an_import_and_saves_by_hand_of_the_same_members_do_not_cross(world: World, console: Client) -> None:
    """Ledger accounts first, then members in the order of their ids: portions and counters wait for each other in one order."""
    await make.store(world.db, world.tenant)
    members = [await make.member(world.db, world.tenant, card_no=f"D{number:04d}") for number in range(60)]
    made = await understood(console, "卡号,积分,姓名\n" + "".join(f"D{n:04d},5,改{n}\n" for n in reversed(range(60))))
    await console.post(f"{IMPORTS}/{made['id']}/start", {})

    async def portion() -> None:
        async with world.db.tx(world.tenant) as tx:
            await carrying.go_on(tx, UUID(made["id"]))

    async def saves(order: list[Any]) -> list[int]:
        return [
            (await console.post(f"/api/console/loyalty/members/{one}/adjust", adjustment(one))).status for one in order
        ]

    def adjustment(member_id: Any) -> dict[str, Any]:
        return {"key": str(UUID(int=member_id.int ^ 1)), "points": 3, "note": "补"}

    async def elsewhere(work: Any) -> Any:
        return await asyncio.create_task(work, context=contextvars.Context())

    results = await asyncio.gather(elsewhere(portion()), elsewhere(saves(members)), elsewhere(saves(members[::-1])))
    assert set(results[1] + results[2]) == {200}
    await world.settle()
    people = (await console.get(MEMBERS, limit=100)).json()["items"]
    assert {one["name"][0] for one in people} == {"改"}
    for one in people[:5]:
        detail = (await console.get(f"{MEMBERS}/{one['id']}")).json()
        assert detail["balances"] == {"points": 8}

"""What time does to an import: points whose day is over, files that nobody starts, lines that are forgotten (B-23)."""

import asyncio
import contextvars
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from huida.modules import loyalty
from huida.modules.moving import forgetting, storing
from tests import make
from tests.asgi import Client
from tests.conftest import World
from tests.flows.test_moving import TABLE, balance, balances
from tests.moving_kit import IMPORTS, carried_out, counts, everybody, lines, moved_in, understood


async def days(world: World, count: float) -> Client:
    """So much time passes; the administrator logs in again."""
    world.clock.advance(timedelta(days=count))
    return await make.logged_in(Client(world.app), await make.staff(world.db, world.tenant))


async def test_points_whose_day_is_over_are_a_loss_and_are_not_booked(world: World, console: Client) -> None:
    today = world.clock.now().astimezone(ZoneInfo("Asia/Shanghai")).date()
    file = f"卡号,积分,积分到期日\nA00001,10,2020-12-31\nA00002,20,{today}\nA00003,30,{today - timedelta(days=1)}\n"
    made = await understood(console, file)
    assert (made["counts"]["losing"], made["counts"]["refused"]) == (2, 0)
    start = f"{IMPORTS}/{made['id']}/start"
    assert (await console.post(start, {})).refusal == (409, "moving.losses_not_confirmed")
    done = await carried_out(world, console, made["id"])
    assert counts(done) == (3, 0, 0, 0)
    assert balance(done) == {"points": (60, 20, 0, 40, True)}
    [first, second, _] = await lines(console, done["id"])
    assert [(note["code"], note["where"], note["text"]) for note in first["notes"]] == [
        ("moving.points_expired", "points_expire", "积分已于 2020-12-31 到期，10 分不导入")
    ]
    assert second["notes"] == []
    assert [await balances(console, card) for card in ("A00001", "A00002", "A00003")] == [{}, {"points": 20}, {}]
    # the same file again finds nothing to do, what was booked before stays so when its day is over
    assert counts(again := await moved_in(world, console, file)) == (0, 0, 3, 0)
    assert balance(again) == {"points": (60, 0, 20, 40, True)}
    sign = f"{IMPORTS}/{done['id']}/sign-off"
    assert (await console.post(sign, {})).refusal == (409, "moving.refused_not_accepted")
    assert (await console.post(sign, {"accept_refused": True})).status == 200
    # and nobody is told of what was lost
    async with world.db.tx(world.tenant) as tx:
        tx.enqueue("loyalty.expire_points", None)
    await world.settle()
    assert await world.facts(loyalty.ValueMoved.kind) == []


async def test_points_that_expire_while_the_import_waits_are_not_booked(world: World, console: Client) -> None:
    today = world.clock.now().astimezone(ZoneInfo("Asia/Shanghai")).date()
    made = await understood(console, f"卡号,积分,积分到期日\nA00001,10,{today}\n")
    assert made["counts"]["losing"] == 0
    assert (await console.post(f"{IMPORTS}/{made['id']}/start", {})).status == 202
    world.clock.advance(timedelta(days=1))
    await world.settle()
    console = await make.logged_in(Client(world.app), await make.staff(world.db, world.tenant))
    done = (await console.get(f"{IMPORTS}/{made['id']}")).json()
    assert (done["state"], balance(done)) == ("done", {"points": (10, 0, 0, 10, True)})
    assert await balances(console, "A00001") == {}


async def test_files_and_what_their_lines_said_are_forgotten(world: World, console: Client) -> None:
    kept = (await moved_in(world, console, TABLE))["id"]
    planned = (await understood(console, TABLE))["id"]
    world.clock.advance(timedelta(days=31))
    async with world.db.tx(world.tenant) as tx:
        assert await forgetting.forget(tx, most=100) is False
    console = await make.logged_in(Client(world.app), await make.staff(world.db, world.tenant))
    assert (await console.get(f"{IMPORTS}/{planned}")).refusal == (404, "moving.not_found")
    assert counts((await console.get(f"{IMPORTS}/{kept}")).json()) == (4, 0, 0, 3)
    assert await lines(console, kept) == []


async def test_an_import_that_was_stopped_does_not_go_on_without_its_lines(world: World, console: Client) -> None:
    # given: stopped before the first line
    made = await understood(console, "卡号,积分\nA00001,10\nA00002,20\n")
    path = f"{IMPORTS}/{made['id']}"
    assert (await console.post(f"{path}/start", {})).status == 202
    assert (await console.post(f"{path}/stop", {})).status == 200
    await world.settle()

    # then: its lines are there for 30 days, and gone after them
    console = await days(world, 29)
    await forgotten(world)
    assert len(await lines(console, made["id"])) == 2
    console = await days(world, 2)
    await forgotten(world)
    assert await lines(console, made["id"]) == []
    assert (await console.post(f"{path}/start", {})).refusal == (409, "moving.lines_forgotten")
    await world.settle()
    now = (await console.get(path)).json()
    assert (now["state"], now["done"], now["total"], now["signed_at"]) == ("stopped", 0, 2, None)
    assert await everybody(console) == {}
    assert counts(await moved_in(world, console, "卡号,积分\nA00001,10\nA00002,20\n")) == (2, 0, 0, 0)


async def test_lines_go_in_portions_and_none_is_carried_out_from_then_on(world: World, console: Client) -> None:
    made = await understood(console, "卡号,积分\nA00001,10\nA00002,20\n")
    console = await days(world, 2)
    async with world.db.tx(world.tenant) as tx:
        assert await forgetting.forget(tx, most=1) is True
    assert len(await lines(console, made["id"])) == 1
    assert (await console.post(f"{IMPORTS}/{made['id']}/start", {})).refusal == (409, "moving.lines_forgotten")
    await forgotten(world)
    assert (await console.get(f"{IMPORTS}/{made['id']}")).refusal == (404, "moving.not_found")


async def test_a_file_that_somebody_starts_at_this_moment_is_not_forgotten(world: World, console: Client) -> None:
    made = await understood(console, "卡号,积分\nA00001,10\n")
    console = await days(world, 2)
    async with world.db.tx(world.tenant) as tx:
        await storing.start(tx, UUID(made["id"]), storing.Chosen())
        await asyncio.create_task(forgotten(world), context=contextvars.Context())
    await world.settle()
    done = (await console.get(f"{IMPORTS}/{made['id']}")).json()
    assert (done["state"], done["done"]) == ("done", 1)
    assert await balances(console, "A00001") == {"points": 10}


async def forgotten(world: World) -> Any:
    """What a night forgets."""
    async with world.db.tx(world.tenant) as tx:
        while await forgetting.forget(tx, most=100):
            pass

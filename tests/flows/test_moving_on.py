"""What an import does beside what is there already, and when a portion goes wrong (B-11, B-23)."""

import pytest

from tests import make
from tests.asgi import Client
from tests.conftest import World
from tests.flows.test_moving_titles import balances, sums
from tests.moving_kit import carried_out, counts, everybody, lines, moved_in, understood

LEVELS = [
    {"code": "normal", "name": "普通会员", "growth": 0, "rate_bp": 10_000},
    {"code": "silver", "name": "银卡", "growth": 300, "rate_bp": 12_000},
    {"code": "gold", "name": "金卡", "growth": 800, "rate_bp": 15_000},
    {"code": "black", "name": "黑卡", "growth": 1_200, "rate_bp": 20_000},
]


@pytest.fixture
async def shop(world: World, console: Client) -> World:
    await make.store(world.db, world.tenant, code="S01", name="一号店")
    rules = (await console.get("/api/console/loyalty/rules")).json() | {"levels": LEVELS, "points_expire_months": 12}
    assert (await console.put("/api/console/loyalty/rules", rules)).status == 200
    await world.settle()
    return world


async def spent(world: World, console: Client, card_no: str, yuan: int) -> None:
    """Growth of a purchase of earlier years."""
    await make.member(world.db, world.tenant, card_no=card_no)
    file = f"门店,小票号,卡号,金额,时间\nS01,{card_no},{card_no},{yuan},2020-01-01\n"
    assert counts(await moved_in(world, console, file, kind="purchases")) == (1, 0, 0, 0)


async def test_a_level_gives_the_growth_that_is_missing(shop: World, console: Client) -> None:
    await spent(shop, console, "A0001", 500)
    await spent(shop, console, "A0002", 1_300)
    await spent(shop, console, "A0003", 800)
    file = "卡号,等级\nA0001,金卡\nA0002,金卡\nA0003,金卡\nA0004,金卡\n"
    made = await understood(console, file)
    assert sums(made) == {"growth": (3_200_00, 1_100_00, 2_100_00, 0, 0)}
    done = await carried_out(shop, console, made["id"])
    assert (counts(done), sums(done), [one["balanced"] for one in done["balance"]]) == (
        (1, 1, 2, 0),
        {"growth": (3_200_00, 1_100_00, 2_100_00, 0, 0)},
        [True],
    )
    assert {card: (await balances(console, card))["growth"] for card in ("A0001", "A0002", "A0003", "A0004")} == {
        "A0001": 800,
        "A0002": 1_300,
        "A0003": 800,
        "A0004": 800,
    }
    levels = {card: one["level"] for card, one in (await everybody(console)).items()}
    assert levels == {"A0001": "gold", "A0002": "black", "A0003": "gold", "A0004": "gold"}
    notes = {one["row"]: [note["code"] for note in one["notes"]] for one in await lines(console, done["id"])}
    assert notes == {2: [], 3: ["moving.level_has_more"], 4: [], 5: []}
    again = await moved_in(shop, console, file)
    assert (counts(again), sums(again)) == ((0, 0, 4, 0), {"growth": (3_200_00, 0, 3_200_00, 0, 0)})


@pytest.mark.parametrize("said", ["9999-12-31", "2100-01-01", "永久", "永久有效", "不过期", "never"])
async def test_points_that_never_expire(shop: World, console: Client, said: str) -> None:
    """A day at the end of the calendar once stopped every import that came after."""
    done = await moved_in(shop, console, f"卡号,积分,积分到期日\nA0001,10,{said}\nA0002,20,2099-12-31\n")
    assert (done["state"], counts(done)) == ("done", (2, 0, 0, 0))
    assert [one["notes"] for one in await lines(console, done["id"])] == [[], []]
    async with shop.db.read(shop.tenant) as tx:
        lots = await tx.fetch("SELECT remaining, expires_at FROM ledger_lots WHERE tenant_id = $1", shop.tenant)
    assert [(lot["remaining"], lot["expires_at"].isoformat()) for lot in lots] == [(20, "2099-12-31T16:00:00+00:00")]
    assert (await balances(console, "A0001"))["points"] == 10


async def test_an_import_that_goes_wrong_stops_and_stands_in_nobodys_way(shop: World, console: Client) -> None:
    made = await understood(console, "卡号,积分\nA0001,10\n")
    async with shop.db.tx(shop.tenant) as tx:
        kept = await tx.value("SELECT content_sealed FROM import_lines WHERE tenant_id = $1", shop.tenant)
        await tx.execute("UPDATE import_lines SET content_sealed = 'broken' WHERE tenant_id = $1", shop.tenant)
    stopped = await carried_out(shop, console, made["id"])
    assert (stopped["state"], stopped["done"]) == ("stopped", 0)
    assert stopped["stopped_why"].startswith("导入时出现意外错误，已自动停止")
    assert counts(await moved_in(shop, console, "卡号\nA0002\n")) == (1, 0, 0, 0)
    async with shop.db.tx(shop.tenant) as tx:
        await tx.execute(
            "UPDATE import_lines SET content_sealed = $3 WHERE tenant_id = $1 AND import_id = $2",
            *(shop.tenant, made["id"], kept),
        )
    done = await carried_out(shop, console, made["id"])
    assert (done["state"], counts(done), done["stopped_why"]) == ("done", (1, 0, 0, 0), None)
    assert await balances(console, "A0001") == {"points": 10}

"""A word that comes days late: what it changes is in the ledger, and once in the counts that operators and merchants read."""

from datetime import date
from typing import Any

import pytest

from tests.asgi import Client
from tests.shop import Shop
from tests.smsshop import CONSOLE, OPERATOR, Desk, open_desk

ALIYUN = "dysmsapi.aliyuncs.com"


@pytest.fixture
async def desk(shop: Shop) -> Desk:
    await shop.enable("consumption", "sms")
    return await open_desk(shop)


async def roll_up(desk: Desk) -> None:
    """What the schedule does every ten minutes for a merchant that has sent lately."""
    async with desk.shop.db.tx(0) as tx:
        jobs = desk.shop.world.system.registry.jobs
        await jobs["sms.count_everywhere"](tx, [{}])
    await desk.settle()


async def today(desk: Desk) -> date:
    async with desk.shop.db.read(desk.shop.tenant) as tx:
        return date.fromisoformat(tx.today.isoformat())


async def counted(desk: Desk, day: date) -> dict[str, Any]:
    """The operators' counts of a day, as they are kept, over scenarios and providers."""
    async with desk.shop.db.read(0) as tx:
        row = await tx.row(
            "SELECT coalesce(sum(messages), 0)::int AS messages, coalesce(sum(delivered), 0)::int AS delivered, "
            "coalesce(sum(failed), 0)::int AS failed, coalesce(sum(parts), 0)::int AS parts, "
            "coalesce(sum(cost_fen), 0)::int AS cost_fen FROM sms_usage_days WHERE merchant_id = $1 AND day = $2",
            *(desk.shop.tenant, day),
        )
    assert row is not None
    return dict(row)


async def for_operators(desk: Desk, day: date) -> dict[str, int]:
    """The merchant's line on the operators' page, for one day."""
    query: dict[str, Any] = {"since": day.isoformat(), "until": day.isoformat(), "limit": 100}
    while True:
        page = (await desk.operator.get(f"{OPERATOR}/merchants", **query)).json()
        for row in page["items"]:
            if row["merchant_id"] == desk.shop.tenant:
                return {name: row[name] for name in ("messages", "parts", "parts_left")}
        query["cursor"] = page["next_cursor"]


async def for_merchant(desk: Desk, day: date) -> dict[str, int]:
    shown = (await desk.shop.staff.get(f"{CONSOLE}/usage", since=day.isoformat(), until=day.isoformat())).json()
    return {name: shown[name] for name in ("messages", "parts", "cost_fen")}


async def same_everywhere(desk: Desk, day: date) -> tuple[int, int]:
    """(parts, fen) of the only day with messages: in the ledger, for the merchant and for operators."""
    left, used, _ = await desk.ledger()
    fen = (await desk.operator.get(f"{OPERATOR}/merchants/{desk.shop.tenant}")).json()["used_fen"]
    kept, own, line = await counted(desk, day), await for_merchant(desk, day), await for_operators(desk, day)
    assert (kept["parts"], kept["cost_fen"]) == (used, fen)
    assert (own["parts"], own["cost_fen"]) == (used, fen)
    assert (line["parts"], line["parts_left"]) == (used, left)
    assert kept["messages"] == own["messages"] == line["messages"]
    assert await desk.shop.invariants() == {}
    return used, fen


@pytest.mark.covers("S2-15", "S2-66", "X-05")
async def test_receipts_that_come_after_six_days_are_counted_once_in_their_day(desk: Desk) -> None:
    await desk.bought(parts=100, price_fen=1000)
    await desk.shop.sim.post("/_sim/sms/settings", {"receipt_delay_s": 6 * 86_400, "extra_parts": 2})
    member = await desk.shop.member()
    await desk.tell(member, 2)
    await desk.shop.fault("fail_delivery", host=ALIYUN, status="MOBILE_NOT_ON_SERVICE", count=1)
    await desk.tell(member, 1, first=3)
    day = await today(desk)
    await roll_up(desk)
    assert await same_everywhere(desk, day) == (3, 30)  # as we guess
    await desk.later(days=4)
    await roll_up(desk)
    assert await same_everywhere(desk, day) == (3, 30)

    await desk.later(days=2)
    assert await desk.billed() == 9
    assert await same_everywhere(desk, day) == (9, 90)
    assert await counted(desk, day) == {"messages": 3, "delivered": 2, "failed": 1, "parts": 9, "cost_fen": 90}
    async with desk.shop.db.read(0) as tx:
        waits = await tx.fetch(
            "SELECT day, messages FROM sms_wait_days WHERE merchant_id = $1 ORDER BY seconds", desk.shop.tenant
        )
    assert [(row["day"], row["messages"]) for row in waits] in ([(day, 2)], [(day, 1), (day, 1)])

    # Every report once more, and every roll-up: nothing is counted a second time, on no day.
    account = [row for row in (await desk.shop.sim.get("/_sim/sms")).json()["accounts"] if row["provider"] == "aliyun"]
    path = account[0]["report_url"].removeprefix("http://huida.test")
    for push in (await desk.shop.sim.get("/_sim/sms/pushes")).json():
        await Client(desk.shop.world.app).post(path, push["body"])
    await desk.settle()
    await roll_up(desk)
    await desk.later(days=1)
    await roll_up(desk)
    assert await same_everywhere(desk, day) == (9, 90)
    async with desk.shop.db.read(0) as tx:
        total = await tx.value("SELECT sum(parts) FROM sms_usage_days WHERE merchant_id = $1", desk.shop.tenant)
    assert int(total) == 9


@pytest.mark.covers("S2-15", "S2-66", "X-05")
async def test_a_message_that_a_provider_disowns_after_days_leaves_the_counts_as_well(desk: Desk) -> None:
    await desk.bought(parts=100, price_fen=1000)
    member = await desk.shop.member()
    await desk.tell(member, 1)
    await desk.shop.fault("drop", host=ALIYUN)
    await desk.tell(member, 1, first=2)
    day = await today(desk)
    await roll_up(desk)
    assert await same_everywhere(desk, day) == (2, 20)
    for hours in (1, 1, 1, 2, 7, 25, 25, 25, 25):
        await desk.later(hours=hours)
        await roll_up(desk)
    assert (await today(desk) - day).days > 3
    assert await same_everywhere(desk, day) == (2, 20)  # nobody knows yet
    await desk.shop.no_faults()
    await desk.later(hours=25)
    assert [one["reason"] for one in await desk.shop.deliveries()][:1] == ["provider_knows_none"]
    assert await same_everywhere(desk, day) == (1, 10)
    assert (await counted(desk, day))["messages"] == 1

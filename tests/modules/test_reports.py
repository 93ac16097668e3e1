"""The overview and the set-up checklist, as a merchant sees them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from huida.modules.reports import rollup
from tests import make
from tests.asgi import Client
from tests.shop import Shop, open_shop
from wesim import seed


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


async def overview(shop: Shop) -> Any:
    reply = await shop.staff.get("/api/console/overview")
    assert reply.status == 200, reply.text
    return reply.json()


async def steps(client: Client) -> dict[str, bool]:
    reply = await client.get("/api/console/checklist")
    assert reply.status == 200, reply.text
    return {step["code"]: step["done"] for step in reply.json()["steps"]}


async def test_a_new_merchant_sees_zeros_and_every_step_open(console: Client) -> None:
    shown = (await console.get("/api/console/overview")).json()
    nothing = dict.fromkeys(
        ("messages", "delivered", "failed", "purchases", "sales_fen", "recharges_fen", "new_members"), 0
    )
    assert shown["today"] == nothing
    assert shown["yesterday"] == nothing
    assert (shown["members"], shown["channels"], shown["sms"]) == (0, [], {"parts_month": 0, "cost_fen_month": 0})
    assert len(shown["days"]) == 14
    assert shown["attention"] == [{"code": "not_entitled", "count": 1, "subject": None}]
    answer = (await console.get("/api/console/checklist")).json()
    assert (answer["done"], answer["total"], answer["finished"]) == (0, 10, False)
    assert [step["code"] for step in answer["steps"]] == [
        "entitled", "store", "mini_program", "subscribe_open", "template", "scenario", "member", "credit", "till_key",
        "first_message", "official_account", "sms_signature", "staff",
    ]  # fmt: skip


async def test_a_day_of_business_is_counted(shop: Shop) -> None:
    template = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template)
    await shop.buy(member, "T-1", 2_500)
    await shop.buy(member, "T-2", 1_500)
    await shop.recharge(member, "R-1", 10_000)
    await shop.settle()
    shown = await overview(shop)
    assert shown["today"] == {
        "messages": 1,
        "delivered": 1,
        "failed": 0,
        "purchases": 2,
        "sales_fen": 4_000,
        "recharges_fen": 10_000,
        "new_members": 1,
    }
    assert shown["members"] == 1
    assert shown["days"][-1] | {"day": ""} == {"day": "", "subscribe": 1, "sms": 0, "template": 0, "failed": 0}
    assert shown["channels"] == [
        {"channel": "subscribe", "state": "delivered", "count": 1, "parts": 0, "cost_fen": 0},
        {"channel": "subscribe", "state": "not_attempted", "count": 1, "parts": 0, "cost_fen": 0},
    ]
    assert shown["attention"] == [{"code": "no_quota", "count": 1, "subject": None}]


async def test_sms_of_the_month_and_closed_days_are_the_same_counted_or_not(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    before = await overview(shop)
    assert before["sms"] == {"parts_month": 1, "cost_fen_month": 10}
    await shop.world.later(timedelta(days=1))
    shop.staff = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant))
    live = await overview(shop)
    assert live["yesterday"]["messages"] == 1
    async with shop.db.tx(shop.tenant) as tx:
        tx.enqueue("reports.count_days", None)
    await shop.settle()
    async with shop.db.read(shop.tenant) as tx:
        counted = [tuple(row) for row in await tx.fetch("SELECT channel, state, count, parts FROM message_days")]
    assert counted == [("sms", "delivered", 1, 1)]
    kept = await overview(shop)
    assert {**kept, "as_of": ""} == {**live, "as_of": ""}


async def counted(shop: Shop) -> list[tuple[Any, ...]]:
    """Count the closed days; what is kept of them."""
    async with shop.db.tx(shop.tenant) as tx:
        tx.enqueue("reports.count_days", None)
    await shop.settle()
    async with shop.db.read(shop.tenant) as tx:
        return [tuple(row) for row in await tx.fetch("SELECT state, count FROM message_days ORDER BY state")]


async def one_sms_and_then(shop: Shop, **delta: float) -> None:
    await shop.enable("consumption", "sms")
    await shop.buy(await shop.member(), "T-1")
    await shop.settle()
    await shop.world.later(timedelta(**delta))


async def test_after_weeks_without_a_worker_the_last_counted_days_are_counted_again(shop: Shop) -> None:
    await one_sms_and_then(shop, days=1)
    assert await counted(shop) == [("delivered", 1)]
    async with shop.db.tx(shop.tenant) as tx:
        await tx.execute("UPDATE deliveries SET state = 'failed' WHERE tenant_id = $1", shop.tenant)
    await shop.world.later(timedelta(days=20))
    assert await counted(shop) == [("failed", 1)]


async def test_two_workers_may_count_the_same_days(shop: Shop) -> None:
    await one_sms_and_then(shop, days=1)

    async def count() -> None:
        async with shop.db.tx(shop.tenant) as tx:
            await rollup.count_days(tx)

    await asyncio.gather(count(), count(), count())
    assert await counted(shop) == [("delivered", 1)]


async def test_a_clock_that_was_wrong_hides_no_message_of_today(shop: Shop) -> None:
    await one_sms_and_then(shop, days=3)
    assert await counted(shop) == [("delivered", 1)]
    shop.world.clock.advance(timedelta(days=-3))
    await shop.buy(await shop.member("chenyiming"), "T-2")
    await shop.settle()
    shown = await overview(shop)
    assert (shown["today"]["messages"], shown["days"][-1]["sms"]) == (2, 2)
    assert shown["sms"] == {"parts_month": 2, "cost_fen_month": 20}


async def test_what_needs_a_person(shop: Shop) -> None:
    assert (await overview(shop))["attention"] == [{"code": "scenario_none", "count": 1, "subject": None}]
    template = await shop.enable("consumption")
    assert (await overview(shop))["attention"] == []
    await shop.staff.post(f"/api/console/connections/{seed.MINI_APPID}/close-subscribe")
    assert [one["code"] for one in (await overview(shop))["attention"]] == ["subscribe_not_open"]
    await shop.staff.post(f"/api/console/connections/{seed.MINI_APPID}/open-subscribe")
    gone = {"stop_scenarios": ["consumption"]}
    await shop.staff.post(f"/api/console/messaging/templates/{template}/remove", gone)
    assert (await overview(shop))["attention"] == [{"code": "template_gone", "count": 1, "subject": "consumption"}]


async def test_an_account_that_does_not_work_is_no_finished_step(shop: Shop) -> None:
    """U-10: ticked after a passed look only, and again once the right secret is there."""
    path = f"/api/console/connections/{seed.MINI_APPID}"
    sim_app = shop.world.sim_app(seed.MINI_APPID)
    sim_app.secret, before = "1" * 32, sim_app.secret
    assert (await shop.staff.post(f"{path}/preflight")).json()["checks"][0]["state"] == "fail"
    found = await steps(shop.staff)
    assert (found["mini_program"], found["official_account"]) == (False, True)

    # when: a wrong secret is refused, the new one taken: what was found with the old one says nothing any more
    assert (await shop.staff.patch(path, {"secret": "2" * 32})).refusal == (422, "connection.wrong_secret")
    assert (await steps(shop.staff))["mini_program"] is False
    assert (await shop.staff.patch(path, {"secret": "1" * 32})).status == 204
    app = (await shop.staff.get(path)).json()
    assert (app["state"], app["checks"], app["checked_at"]) == ("connected", [], None)
    assert (await steps(shop.staff))["mini_program"] is True
    sim_app.secret = before

    # when: one that never worked is kept as pending, or refused, it is no step either
    await shop.staff.post(f"{path}/disconnect")
    wrong = {"app_id": seed.MINI_APPID, "kind": "mini", "name": "山月", "secret": "3" * 32}
    assert (await shop.staff.post("/api/console/connections", wrong)).refusal == (422, "connection.wrong_secret")
    assert (await steps(shop.staff))["mini_program"] is False


async def test_the_checklist_leads_to_the_first_message(shop: Shop) -> None:
    assert await steps(shop.staff) == {
        "entitled": True,
        "store": True,
        "mini_program": True,
        "subscribe_open": True,
        "template": False,
        "scenario": False,
        "member": False,
        "credit": False,
        "till_key": True,
        "first_message": False,
        "official_account": True,
        "sms_signature": False,
        "staff": False,
    }
    template = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template)
    await shop.buy(member, "T-1")
    await shop.settle()
    answer = (await shop.staff.get("/api/console/checklist")).json()
    assert (answer["done"], answer["total"], answer["finished"]) == (10, 10, True)


async def test_the_overview_needs_its_permission_and_is_the_own_one(shop: Shop, other: Client) -> None:
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    shown = (await other.get("/api/console/overview")).json()
    assert (shown["members"], shown["today"]["purchases"], shown["channels"]) == (0, 0, [])
    viewer = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant, role="viewer"))
    assert (await viewer.get("/api/console/overview")).status == 200

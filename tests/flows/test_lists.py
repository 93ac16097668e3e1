"""Lists with filters give what a look at every row gives, page by page, also for what was in trouble and got well."""

import asyncio
from contextvars import Context
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database
from huida.main import System
from huida.modules.members.facts import MemberChanged
from tests import make
from tests.asgi import Client
from tests.shop import Shop, open_shop

DELIVERIES = "/api/console/messaging/deliveries"


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


async def every(shop: Shop, path: str, **asked: Any) -> list[dict[str, Any]]:
    """All pages, two rows each."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        reply = await shop.staff.get(path, limit=2, **asked, **({"cursor": cursor} if cursor else {}))
        assert reply.status == 200, reply.text
        page = reply.json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def busy(shop: Shop) -> None:
    """Messages of three channels in many states: delivered, refused, dead, without credit."""
    template = await shop.enable("consumption")
    await shop.enable("recharge", "sms")
    lin, chen = await shop.member("linxiaoman"), await shop.member("chenyiming")
    await shop.answer(lin, template)
    await shop.answer(lin, template)
    await shop.buy(lin, "T-1")
    await shop.buy(chen, "T-2")
    await shop.recharge(lin, "R-1")
    await shop.settle()
    await shop.fault("refuse", path="/cgi-bin/message/subscribe/send", errcode=40037, errmsg="invalid template_id")
    await shop.buy(lin, "T-3")
    await shop.settle()
    await shop.no_faults()


async def test_every_filter_gives_what_all_rows_give(shop: Shop) -> None:
    await busy(shop)
    rows = await shop.deliveries()
    assert {(row["channel"], row["state"]) for row in rows} >= {
        ("subscribe", "delivered"),
        ("subscribe", "not_attempted"),
        ("sms", "delivered"),
    }
    assert len(rows) == 4
    channels, scenarios = [None, "subscribe", "sms", "template"], [None, "consumption", "recharge", "coupon_claimed"]
    states = [None, *sorted({row["state"] for row in rows}), "queued", "retrying", "dead", "unknown"]
    members = [None, *{row["member_id"] for row in rows}]
    for channel, scenario, state, member in product(channels, scenarios, dict.fromkeys(states), members):
        asked = {"channel": channel, "scenario": scenario, "state": state, "member_id": member}
        asked = {name: value for name, value in asked.items() if value is not None}
        right = [row["id"] for row in rows if all(row[name] == value for name, value in asked.items())]
        assert [row["id"] for row in await every(shop, DELIVERIES, **asked)] == right, asked


async def test_dates_bound_the_list_on_both_sides(shop: Shop) -> None:
    await busy(shop)
    rows = await shop.deliveries()
    moments = sorted(row["created_at"] for row in rows)
    for since, until in product([None, *moments], repeat=2):
        asked = {name: value for name, value in (("since", since), ("until", until)) if value is not None}
        right = [
            row["id"]
            for row in rows
            if (since is None or row["created_at"] >= since) and (until is None or row["created_at"] < until)
        ]
        for state in (None, "delivered", "failed"):
            wanted = [one for one in right if state is None or state in {r["state"] for r in rows if r["id"] == one}]
            more = {"state": state} if state else {}
            assert [row["id"] for row in await every(shop, DELIVERIES, **asked, **more)] == wanted, (asked, state)


async def test_what_got_well_is_not_in_trouble_any_more(shop: Shop) -> None:
    template = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template)
    await shop.fault("busy", path="/cgi-bin/message/subscribe/send")
    await shop.buy(member, "T-1")
    await shop.settle()
    assert [row["state"] for row in await every(shop, DELIVERIES, state="retrying")] == ["retrying"]
    await shop.no_faults()
    await shop.later(minutes=10)
    assert await every(shop, DELIVERIES, state="retrying") == []
    assert [row["state"] for row in await every(shop, DELIVERIES, state="delivered")] == ["delivered"]
    async with shop.db.read(shop.tenant) as tx:
        assert await tx.fetch("SELECT state FROM delivery_troubles") == []


async def test_what_is_in_trouble_again_is_listed_again(shop: Shop) -> None:
    template = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template)
    await shop.fault("busy", path="/cgi-bin/message/subscribe/send")
    await shop.buy(member, "T-1")
    await shop.settle()
    [first] = await every(shop, DELIVERIES, state="retrying")
    await shop.later(minutes=2)
    [again] = await every(shop, DELIVERIES, state="retrying")
    assert again["id"] == first["id"]
    assert again["attempts"] > first["attempts"]


async def test_the_audit_log_by_people_kinds_and_dates(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    rows = await every(shop, "/api/console/audit")
    kinds = {row["kind"] for row in rows}
    assert {"order.purchase_recorded", "messaging.channel_saved", "staff.logged_in"} <= kinds
    for kind in sorted(kinds):
        assert [row["id"] for row in await every(shop, "/api/console/audit", kind=kind)] == [
            row["id"] for row in rows if row["kind"] == kind
        ]
    family = await every(shop, "/api/console/audit", kind="staff.*")
    assert [row["id"] for row in family] == [row["id"] for row in rows if row["kind"].startswith("staff.")]
    people = await every(shop, "/api/console/audit", actor="staff")
    assert people
    assert [row["id"] for row in people] == [row["id"] for row in rows if row["actor"].startswith("staff:")]
    middle = sorted(row["at"] for row in rows)[len(rows) // 2]
    assert [row["id"] for row in await every(shop, "/api/console/audit", since=middle)] == [
        row["id"] for row in rows if row["at"] >= middle
    ]
    assert [row["id"] for row in await every(shop, "/api/console/audit", until=middle)] == [
        row["id"] for row in rows if row["at"] < middle
    ]
    long_ago = shop.world.clock.now() - timedelta(days=900)
    assert await every(shop, "/api/console/audit", until=long_ago.isoformat()) == []


async def test_a_message_that_was_decided_late_hides_no_earlier_one(shop: Shop) -> None:
    """Its fact is older than those of messages written before it: ids and times of messages are not in one order."""
    await busy(shop)
    oldest, *_, newest = sorted(await shop.deliveries(), key=lambda row: row["id"])
    async with shop.db.tx(shop.tenant) as tx:
        await tx.execute(
            "UPDATE deliveries SET created_at = $3 WHERE tenant_id = $1 AND replace(fact_id::text, '-', '') = $2",
            *(shop.tenant, oldest["id"].partition(".")[0], tx.now + timedelta(minutes=30)),
        )
        until = tx.now + timedelta(minutes=1)
    shown = [row["id"] for row in await every(shop, DELIVERIES, until=until.isoformat())]
    assert oldest["id"] not in shown
    assert shown[0] == newest["id"]
    assert len(shown) == 3


async def test_the_audit_log_finds_what_a_long_transaction_wrote_late(
    system: System, app: Any, clock: ShiftedClock
) -> None:
    clock.advance(timedelta(hours=-2))
    tenant = await make.merchant(system.db)
    staff = await make.logged_in(Client(app), await make.staff(system.db, tenant))
    clock.advance(timedelta(hours=2))
    first, second = uuid4(), uuid4()
    async with system.db.tx(tenant) as long:
        clock.advance(timedelta(seconds=1))
        await asyncio.create_task(_changed(system.db, tenant, second), context=Context())
        long.emit(MemberChanged(subject_id=first, fields=["name"]))
    rows = {
        row["subject_id"]: row for row in (await staff.get("/api/console/audit", kind="member.changed")).json()["items"]
    }
    middle = rows[str(second)]["at"]
    assert rows[str(first)]["at"] < middle
    assert rows[str(first)]["id"] > rows[str(second)]["id"]
    since = (await staff.get("/api/console/audit", since=middle)).json()["items"]
    assert str(second) in {row["subject_id"] for row in since}
    until = (await staff.get("/api/console/audit", until=middle, kind="member.changed")).json()["items"]
    assert [row["subject_id"] for row in until] == [str(first)]


async def _changed(db: Database, tenant: int, member_id: UUID) -> None:
    async with db.tx(tenant) as tx:
        tx.emit(MemberChanged(subject_id=member_id, fields=["name"]))


async def test_dates_at_the_ends_of_time_are_no_crash(shop: Shop) -> None:
    first, last = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
    for path in (DELIVERIES, "/api/console/audit"):
        rows = await every(shop, path)
        assert await every(shop, path, since=first, until=last) == rows
        assert await every(shop, path, since=last) == []
        assert await every(shop, path, until=first) == []
        assert (await shop.staff.get(path, since="2026-01-01T00:00:00")).refusal == (422, "request.invalid")

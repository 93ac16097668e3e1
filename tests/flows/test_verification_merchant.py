"""A merchant's own limit of codes: set in the console, held for its customers, and told when they meet it."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests import make
from tests.asgi import Client
from tests.flows.test_verification import LIN, NEW, Browser, shop
from tests.flows.verification_kit import codes_on
from tests.shop import Shop

__all__ = ["shop"]
AT = "/api/console/verification/limits"


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    await codes_on(shop, "login")
    return Browser(shop)


async def shown(shop: Shop) -> dict[str, int]:
    limits = (await shop.staff.get("/api/console/verification")).json()["limits"]
    return {one["name"]: one["most"] for one in limits if one["name"].startswith("merchant")}


async def alerts(shop: Shop) -> list[Any]:
    attention = (await shop.staff.get("/api/console/overview")).json()["attention"]
    return [(one["code"], one["count"]) for one in attention if one["code"].startswith("codes_limit")]


async def facts(shop: Shop, name: str) -> list[Any]:
    told = await shop.world.facts(f"verification.{name}")
    return [{field: value for field, value in one.items() if field != "subject_id"} for one in told]


async def test_a_merchant_sets_its_limits(shop: Shop) -> None:
    assert await shown(shop) == {"merchant_hour": 500, "merchant_day": 5000}
    # when
    assert (await shop.staff.put(AT, {"hour": 20, "day": 40})).status == 204
    assert (await shop.staff.put(AT, {"hour": 20, "day": 40})).status == 204
    # then: the second time nothing changed
    assert await shown(shop) == {"merchant_hour": 20, "merchant_day": 40}
    assert await facts(shop, "limits_set") == [{"hour": 20, "day": 40}]
    # and what cannot be is refused
    less = await shop.staff.put(AT, {"hour": 41, "day": 40})
    assert (less.refusal, less.json()["where"]) == ((422, "verification.bad_limits"), "day")
    for body in ({"hour": 0, "day": 40}, {"hour": 1, "day": 1_000_001}, {"hour": 1}):
        assert (await shop.staff.put(AT, body)).status == 422
    assert await shown(shop) == {"merchant_hour": 20, "merchant_day": 40}


async def test_another_merchant_keeps_its_own_and_not_everybody_may(shop: Shop) -> None:
    other = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, await make.merchant(shop.db)))
    assert (await shop.staff.put(AT, {"hour": 20, "day": 40})).status == 204
    theirs = (await other.get("/api/console/verification")).json()["limits"]
    assert {one["most"] for one in theirs if one["name"].startswith("merchant")} == {500, 5000}
    clerk = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant, role="store_staff"))
    assert (await clerk.put(AT, {"hour": 1000, "day": 100_000})).status == 403
    assert (await Client(shop.world.app).put(AT, {"hour": 1, "day": 1})).status == 401
    assert await shown(shop) == {"merchant_hour": 20, "merchant_day": 40}


async def test_whoever_meets_the_limit_makes_the_merchant_know(shop: Shop, browser: Browser) -> None:
    # given: one an hour, two a day
    assert (await shop.staff.put(AT, {"hour": 1, "day": 2})).status == 204
    assert (await browser.ask("login", LIN)).status == 202
    assert await alerts(shop) == []
    # when
    refused = await Browser(shop).ask("login", NEW)
    # then
    assert refused.refusal == (429, "verification.shop_limit")
    assert (refused.json()["params"]["limit"], await alerts(shop)) == ("merchant_hour", [("codes_limit_hour", 1)])
    assert (await Browser(shop).ask("login", NEW)).status == 429
    assert await facts(shop, "codes_limited") == [{"limit": "hour", "most": 1}]
    # when: the next hour, and then the day
    await shop.later(hours=1)
    assert (await browser.ask("login", NEW)).status == 202
    assert (await Browser(shop).ask("login", "13800000003")).json()["params"]["limit"] == "merchant_day"
    assert await alerts(shop) == [("codes_limit_day", 2)]
    assert await facts(shop, "codes_limited") == [
        {"limit": "hour", "most": 1},
        {"limit": "day", "most": 2},
    ]
    # then: raised, it holds at once; tomorrow nothing is to be seen of it
    assert (await shop.staff.put(AT, {"hour": 10, "day": 20})).status == 204
    assert (await Browser(shop).ask("login", "13800000003")).status == 202
    await shop.later(days=1)
    shop.staff = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant))
    assert await alerts(shop) == []


async def test_an_empty_device_is_counted_by_address_and_browser(shop: Shop, browser: Browser) -> None:
    visitor = Client(shop.world.app, headers={"user-agent": "curl/8"})

    async def ask(number: int) -> Any:
        body = {"m": shop.tenant, "scenario": "login", "phone": f"1390000{number:04}"}
        return await visitor.post("/api/member/codes", body)

    # when: twenty of an hour are as many as of a day
    assert {(await ask(number)).status for number in range(20)} == {202}
    await shop.later(hours=1)
    refused = await ask(20)
    # then
    assert (refused.refusal, refused.json()["params"]["limit"]) == ((429, "verification.too_many"), "device_day")


async def test_two_hundred_requests_over_http_send_and_charge_what_the_limit_allows(shop: Shop) -> None:
    """The same through the door: phones, addresses and devices are all different, and nothing else is out of order."""
    # given
    await codes_on(shop, "login")
    saved = await shop.staff.put("/api/console/verification/limits", {"hour": 30, "day": 100})
    assert saved.status == 204, saved.text

    async def one(number: int) -> Any:
        body = {"m": shop.tenant, "scenario": "login", "phone": f"1390000{number:04}", "device": f"d{number}"}
        return await Client(shop.world.app).post("/api/member/codes", body)

    # when
    replies = await asyncio.gather(*(one(number) for number in range(200)))
    # then
    assert Counter(reply.status for reply in replies) == {202: 24, 429: 176}
    refused = next(reply for reply in replies if reply.status == 429)
    assert (refused.json()["code"], refused.json()["title"]) == (
        "verification.shop_limit",
        "商户的验证码发送量已达上限，请稍后再试或联系商户",
    )
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    async with shop.db.read(shop.tenant) as tx:
        assert await tx.value("SELECT count(*) FROM verification_codes WHERE tenant_id = $1", shop.tenant) == 24
        assert await tx.value("SELECT sum(parts) FROM sms_charges WHERE tenant_id = $1", shop.tenant) == 24
    # and the merchant is told once
    assert await facts(shop, "codes_limited") == [{"limit": "hour", "most": 30}]
    assert await shop.invariants() == {}


async def operator_at(shop: Shop) -> Client:
    return await make.logged_in(Client(shop.world.app), await make.operator(shop.db))


def caps_of(tenant: int) -> str:
    return f"/api/operator/merchants/{tenant}/code-limits"


async def test_an_operator_caps_a_merchant_and_the_smaller_number_holds(shop: Shop, browser: Browser) -> None:
    operator = await operator_at(shop)
    at = caps_of(shop.tenant)
    told = (await operator.get(at)).json()
    assert {name: told[name] for name in told if not name.endswith("version")} == {
        "hour": 500,
        "day": 5000,
        "cap_hour": None,
        "cap_day": None,
        "sent_today": 0,
    }
    # when
    for _ in range(2):
        assert (await operator.put(at, {"cap_hour": 1, "cap_day": 2})).status == 204
    # then: what holds is the cap, what the merchant set stays its own, and both read both
    assert await shown(shop) == {"merchant_hour": 1, "merchant_day": 2}
    own = (await shop.staff.get("/api/console/verification")).json()["shop"]
    assert [own[name] for name in ("hour", "day", "cap_hour", "cap_day")] == [500, 5000, 1, 2]
    assert await facts(shop, "caps_set") == [{"hour": 1, "day": 2}]
    assert (await browser.ask("login", LIN)).status == 202
    refused = await Browser(shop).ask("login", NEW)
    assert (refused.refusal, refused.json()["params"]["limit"]) == ((429, "verification.shop_limit"), "merchant_hour")
    assert await alerts(shop) == [("codes_limit_hour", 1)]
    assert await facts(shop, "codes_limited") == [{"limit": "hour", "most": 1}]
    assert (await operator.get(at)).json()["sent_today"] == 1
    # and the merchant cannot lift itself over the cap, and can stay below it
    assert (await shop.staff.put(AT, {"hour": 1000, "day": 9000})).status == 204
    assert await shown(shop) == {"merchant_hour": 1, "merchant_day": 2}
    assert (await Browser(shop).ask("login", NEW)).status == 429
    assert (await operator.put(at, {"cap_hour": 700, "cap_day": None})).status == 204
    assert await shown(shop) == {"merchant_hour": 700, "merchant_day": 9000}
    assert (await Browser(shop).ask("login", NEW)).status == 202
    assert (await shop.staff.put(AT, {"hour": 3, "day": 4})).status == 204
    assert await shown(shop) == {"merchant_hour": 3, "merchant_day": 4}
    # and without a cap its own numbers hold again
    assert (await operator.put(at, {"cap_hour": None, "cap_day": None})).status == 204
    told = (await operator.get(at)).json()
    assert [told[name] for name in ("hour", "day", "cap_hour", "cap_day", "sent_today")] == [3, 4, None, None, 2]
    assert await facts(shop, "caps_set") == [
        {"hour": 1, "day": 2},
        {"hour": 700, "day": None},
        {"hour": None, "day": None},
    ]
    assert await shop.invariants() == {}


async def test_only_operators_cap_and_only_the_merchant_they_name(shop: Shop) -> None:
    operator = await operator_at(shop)
    tenant = await make.merchant(shop.db)
    other = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, tenant))
    before = (await operator.get(caps_of(tenant))).json()
    assert (await operator.put(caps_of(shop.tenant), {"cap_hour": 7, "cap_day": 70})).status == 204
    # then: the other merchant reads and keeps its own
    assert (await operator.get(caps_of(tenant))).json() == before
    theirs = (await other.get("/api/console/verification")).json()
    own = theirs["shop"]
    assert [own[name] for name in ("hour", "day", "cap_hour", "cap_day")] == [500, 5000, None, None]
    # and nobody of a merchant does it, for itself or for another
    body = {"cap_hour": 999_999, "cap_day": 999_999}
    for who, status in ((shop.staff, 403), (other, 403), (shop.key, 401), (Client(shop.world.app), 401)):
        assert (await who.put(caps_of(shop.tenant), body)).status == status
        assert (await who.get(caps_of(shop.tenant))).status == status
    assert (await shop.staff.put(AT, {"hour": 5, "day": 50, "cap_hour": 999})).status == 422
    # and what cannot be is refused
    less = await operator.put(caps_of(shop.tenant), {"cap_hour": 71, "cap_day": 70})
    assert (less.refusal, less.json()["where"]) == ((422, "verification.bad_limits"), "cap_day")
    for wrong in ({"cap_hour": 0, "cap_day": 1}, {"cap_hour": 1, "cap_day": 1_000_001}, {"cap_hour": 1}):
        assert (await operator.put(caps_of(shop.tenant), wrong)).status == 422
    for unknown in (0, 2**62):
        assert (await operator.put(caps_of(unknown), body)).status in (404, 422)
    shown_now = (await operator.get(caps_of(shop.tenant))).json()
    assert (shown_now["cap_hour"], shown_now["cap_day"]) == (7, 70)


async def test_requests_at_once_meet_the_cap_exactly(shop: Shop) -> None:
    await codes_on(shop, "login")
    operator = await operator_at(shop)
    assert (await operator.put(caps_of(shop.tenant), {"cap_hour": 10, "cap_day": None})).status == 204

    async def one(number: int) -> int:
        body = {"m": shop.tenant, "scenario": "login", "phone": f"1391000{number:04}", "device": f"c{number}"}
        return (await Client(shop.world.app).post("/api/member/codes", body)).status

    replies = await asyncio.gather(*(one(number) for number in range(40)))
    # a fifth of it is kept for phones that are members'
    assert Counter(replies) == {202: 8, 429: 32}
    for number in range(3):
        await make.member(shop.db, shop.tenant, phone=f"1391000{number + 20:04}")
    assert [await one(number + 20) for number in range(3)] == [202, 202, 429]
    assert await facts(shop, "codes_limited") == [{"limit": "hour", "most": 10}]

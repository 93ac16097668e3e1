"""Two providers: messages divided by weight, the next one only after a certain no, a rest for who keeps failing."""

from collections import Counter
from typing import Any

import pytest

from tests.shop import Shop
from tests.smsshop import OPERATOR, Desk, open_desk, two_providers

ALIYUN, TENCENT = "dysmsapi.aliyuncs.com", "sms.tencentcloudapi.com"


@pytest.fixture
async def desk(shop: Shop) -> Desk:
    await shop.enable("consumption", "sms")
    await shop.sim.post("/_sim/sms/settings", {"flow_control": False})
    return await open_desk(shop)


async def carried(desk: Desk) -> Counter[str]:
    """Messages of this merchant by the provider that took them."""
    found = (await desk.shop.sim.get("/_sim/sms/billed", echo=f"{desk.shop.tenant}.")).json()
    return Counter(item["provider"] for item in found["items"])


async def provider(desk: Desk, name: str) -> dict[str, Any]:
    rows = (await desk.operator.get(f"{OPERATOR}/providers")).json()["items"]
    return next(row for row in rows if row["provider"] == name)


@pytest.mark.covers("S2-11", "S2-13")
async def test_messages_are_divided_by_weight(desk: Desk) -> None:
    async with two_providers(desk.shop, aliyun=100, tencent=100):
        await desk.tell(await desk.shop.member(), 24)
        shared = await carried(desk)
        assert sum(shared.values()) == 24
        assert all(5 <= shared[name] <= 19 for name in ("aliyun", "tencent"))
        assert {d["state"] for d in await desk.shop.deliveries()} == {"delivered"}
        assert [(await provider(desk, name))["share"] for name in ("aliyun", "tencent")] == [0.5, 0.5]
        routing = {"weight": 0, "state": "active"}
        assert (await desk.operator.put(f"{OPERATOR}/accounts/tencent/routing", routing)).status == 204
        await desk.tell(await desk.shop.member("chenyiming"), 8, first=100)
        assert await carried(desk) == shared + Counter(aliyun=8)


@pytest.mark.covers("S2-11", "S2-13")
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "refuse", "code": "isv.AMOUNT_NOT_ENOUGH"},
        {"kind": "refuse", "code": "isv.BUSINESS_LIMIT_CONTROL"},
        {"kind": "refuse", "code": "isp.SYSTEM_ERROR"},
        {"kind": "refuse", "code": "isv.SMS_SIGNATURE_ILLEGAL"},
    ],
)
async def test_a_certain_no_lets_the_next_provider_send(desk: Desk, fault: dict[str, Any]) -> None:
    async with two_providers(desk.shop, aliyun=100, tencent=0):
        await desk.given(10)
        await desk.shop.fault(host=ALIYUN, count=1, **fault)
        member = await desk.shop.member()
        await desk.tell(member)
        assert await carried(desk) == Counter(tencent=1)
        [delivery] = await desk.shop.deliveries()
        assert (delivery["state"], delivery["parts"]) == ("delivered", 1)
        assert len(await desk.shop.texts(member)) == 1
        assert await desk.ledger() == (9, 1, 0)
        assert await desk.billed() == 1


@pytest.mark.covers("S2-11")
@pytest.mark.parametrize(("kind", "arrives"), [("process_then_drop", 1), ("drop", 0)])
async def test_after_a_lost_answer_nobody_else_is_asked_to_send(desk: Desk, kind: str, arrives: int) -> None:
    async with two_providers(desk.shop, aliyun=100, tencent=0):
        await desk.given(10)
        await desk.shop.sim.post("/_sim/sms/account", {"provider": "aliyun", "report_url": ""})
        await desk.shop.fault(kind, host=ALIYUN, count=1)
        member = await desk.shop.member()
        await desk.tell(member)
        assert [d["state"] for d in await desk.shop.deliveries()] == ["unknown"]
        for hours in (1, 1, 1, 2, 7, 25):
            await desk.later(hours=hours)
        assert len(await desk.shop.texts(member)) == arrives
        assert (await carried(desk))["tencent"] == 0
        assert await desk.ledger() == (10 - arrives, arrives, 0)
        assert await desk.billed() == arrives


@pytest.mark.covers("S2-11")
async def test_what_concerns_the_number_is_not_tried_elsewhere(desk: Desk) -> None:
    async with two_providers(desk.shop, aliyun=100, tencent=0):
        await desk.shop.fault("refuse", host=ALIYUN, code="isv.MOBILE_NUMBER_ILLEGAL", count=1)
        await desk.tell(await desk.shop.member())
        assert [(d["state"], d["reason"]) for d in await desk.shop.deliveries()] == [
            ("failed", "aliyun.isv.MOBILE_NUMBER_ILLEGAL")
        ]
        assert await carried(desk) == Counter()


@pytest.mark.covers("S2-11")
async def test_who_keeps_failing_rests_and_is_tried_again(desk: Desk) -> None:
    async with two_providers(desk.shop, aliyun=100, tencent=0):
        await desk.shop.fault("refuse", host=ALIYUN, code="isv.AMOUNT_NOT_ENOUGH")
        member = await desk.shop.member()
        await desk.tell(member, 5)
        seen = await provider(desk, "aliyun")
        assert (seen["health"], seen["failures"], seen["last_code"]) == ("resting", 5, "aliyun.isv.AMOUNT_NOT_ENOUGH")
        await desk.shop.no_faults()
        await desk.tell(member, 3, first=10)
        assert await carried(desk) == Counter(tencent=8)  # nobody asked the one that rests
        await desk.later(seconds=61)
        await desk.tell(member, 2, first=20)
        assert await carried(desk) == Counter(tencent=8, aliyun=2)
        seen = await provider(desk, "aliyun")
        assert (seen["health"], seen["failures"]) == ("good", 0)


@pytest.mark.covers("S2-11", "S2-12", "S2-15")
async def test_quality_is_counted_by_day_for_each_provider(desk: Desk) -> None:
    async with two_providers(desk.shop, aliyun=100, tencent=0):
        async with desk.shop.db.tx(0) as tx:  # what other merchants of this run have sent
            await tx.execute("DELETE FROM sms_usage_days")
            await tx.execute("DELETE FROM sms_wait_days")
        await desk.shop.sim.post("/_sim/sms/settings", {"receipt_delay_s": 7})
        member = await desk.shop.member()
        await desk.tell(member, 4)
        await desk.shop.later(seconds=8)
        await desk.shop.fault("fail_delivery", host=ALIYUN, status="MOBILE_NOT_ON_SERVICE", count=1)
        await desk.tell(member, 1, first=10)
        await desk.shop.later(seconds=8)
        async with desk.shop.db.tx(desk.shop.tenant) as tx:
            await desk.shop.world.system.registry.jobs["sms.count_days"](tx, [{}])
            rows = await tx.fetch(
                "SELECT provider, accepted, delivered, failed FROM sms_usage_days WHERE merchant_id = $1",
                desk.shop.tenant,
            )
            waits = await tx.fetch(
                "SELECT seconds, messages FROM sms_wait_days WHERE merchant_id = $1", desk.shop.tenant
            )
        assert [tuple(row) for row in rows] == [("aliyun", 5, 4, 1)]
        assert sum(row["messages"] for row in waits) == 4
        assert all(6 <= row["seconds"] <= 9 for row in waits)
        [today] = (await provider(desk, "aliyun"))["quality"]
        assert [today[name] for name in ("messages", "accepted", "delivered", "failed", "parts")] == [5, 5, 4, 1, 5]
        assert today["median_s"] in range(6, 10)
        assert today["p95_s"] in range(6, 10)


@pytest.mark.covers("S2-12", "S2-43")
async def test_without_a_provider_or_a_price_a_store_cannot_send_and_sees_why(desk: Desk) -> None:
    path = f"{OPERATOR}/accounts/aliyun/routing"
    try:
        assert (await desk.operator.put(path, {"weight": 100, "state": "off"})).status == 204
        now = await desk.parts()
        assert (now["why"], now["can_buy"]) == ("sms_not_set_up", False)
        assert [(step["code"], step["done"]) for step in now["steps"]] == [
            ("provider", False),
            ("pricing", True),
            ("signature", False),
        ]
        member = await desk.shop.member()
        await desk.tell(member)
        assert [(d["state"], d["reason"]) for d in await desk.shop.deliveries()] == [
            ("not_attempted", "sms_not_set_up")
        ]
    finally:
        assert (await desk.operator.put(path, {"weight": 100, "state": "active"})).status == 204
    async with desk.shop.db.tx(0) as tx:
        prices = await tx.fetch("DELETE FROM sms_prices RETURNING valid_from, part_fen, entered_at, entered_by")
        packages = await tx.fetch("UPDATE sms_packages SET on_sale = false WHERE on_sale RETURNING id")
    try:
        now = await desk.parts()
        assert (now["why"], now["steps"][1]) == ("sms_not_set_up", {"code": "pricing", "done": False})
        steps = (await desk.operator.get(f"{OPERATOR}/steps")).json()["items"]
        assert [step["code"] for step in steps if not step["done"]] == ["pricing"]
        await desk.package()
        now = await desk.parts()
        assert (now["why"], now["can_buy"], now["model"]) == ("sms_no_balance", True, "per_part")
        await desk.tell(member, first=2)
        assert [(d["state"], d["reason"]) for d in await desk.shop.deliveries()][:1] == [
            ("not_attempted", "sms_no_balance")
        ]
        assert (await desk.ledger(), await desk.billed()) == ((0, 0, 0), 0)
        await desk.bought(parts=5)
        assert (await desk.parts())["why"] == ""
        await desk.tell(member, first=3)
        assert (await desk.ledger(), await desk.billed()) == ((4, 1, 0), 1)
    finally:
        async with desk.shop.db.tx(0) as tx:
            await tx.sql.executemany(
                "INSERT INTO sms_prices (valid_from, part_fen, entered_at, entered_by) VALUES ($1, $2, $3, $4)",
                [tuple(row) for row in prices],
            )
            await tx.execute(
                "UPDATE sms_packages SET on_sale = true WHERE id = ANY($1)", [row["id"] for row in packages]
            )


@pytest.mark.covers("S2-15")
async def test_the_platforms_doors_are_closed_to_stores(desk: Desk) -> None:
    for path in ("packages", "prices", "providers", "merchants", "steps", f"merchants/{desk.shop.tenant}"):
        assert (await desk.shop.staff.get(f"{OPERATOR}/{path}")).status == 403
    body = {"parts": 1000, "reason": "自己给自己"}
    path = f"{OPERATOR}/merchants/{desk.shop.tenant}/grants"
    assert (await desk.shop.staff.post(path, body)).status == 403
    assert (await desk.parts())["parts_left"] == 0

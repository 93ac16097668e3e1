"""Prepaid parts from the package to the carrier's bill: bought, drawn, given back, settled to the last one."""

import csv
import io
from importlib import import_module
from typing import Any

import pytest

from tests import make
from tests.asgi import Client
from tests.shop import Shop
from tests.smsshop import CONSOLE, OPERATOR, Desk, open_desk

WAYS = import_module("huida.modules.sms.ways")
MANY_LOST = 120
"""More than one errand asks about at once."""


@pytest.fixture
async def desk(shop: Shop) -> Desk:
    await shop.enable("consumption", "sms")
    return await open_desk(shop)


async def outcomes(shop: Shop) -> list[tuple[str, str, int]]:
    """(state, reason, parts), oldest first."""
    return [(d["state"], d["reason"], d["parts"]) for d in reversed(await shop.deliveries())]


@pytest.mark.covers("S2-62", "S2-63", "S2-64", "S2-65", "S2-66")
async def test_a_package_is_bought_by_scanning_and_can_be_used_right_after(desk: Desk) -> None:
    package = await desk.package(100, 900, "一百条")
    assert [
        (p["name"], p["parts"], p["price_fen"]) for p in (await desk.parts())["packages"] if p["id"] == package
    ] == [("一百条", 100, 900)]
    purchase = await desk.order(package)
    assert (purchase["state"], purchase["parts"], purchase["price_fen"]) == ("pending", 100, 900)
    code = await desk.code(purchase["id"])
    assert await desk.code(purchase["id"]) == code
    assert (await desk.parts())["parts_left"] == 0
    assert (await desk.scan(code))["result"] == "ok"
    await desk.settle()
    paid = await desk.purchase(purchase["id"])
    assert (paid["state"], paid["paid_at"] is not None) == ("paid", True)
    now = await desk.parts()
    assert (now["model"], now["parts_left"], now["why"]) == ("package", 100, "")
    member = await desk.shop.member()
    await desk.tell(member)
    assert await outcomes(desk.shop) == [("delivered", "", 1)]
    assert (await desk.parts())["parts_left"] == 99
    listed = (await desk.shop.staff.get(f"{CONSOLE}/purchases")).json()["items"]
    assert [(row["name"], row["state"]) for row in listed] == [("一百条", "paid")]
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-62")
async def test_the_callback_may_come_twice_and_credits_once(desk: Desk) -> None:
    purchase = await desk.bought(50, 500)
    notices = (await desk.shop.sim.get("/_sim/pay/merchants/1900000001/notices")).json()
    for notice in notices["notices"]:
        await desk.shop.sim.post(f"/_sim/pay/merchants/1900000001/notices/{notice['id']}/repeat")
    await desk.settle()
    assert (await desk.parts())["parts_left"] == 50
    assert (await desk.purchase(purchase["id"]))["state"] == "paid"
    assert len(await desk.shop.world.facts("sms.parts_bought")) == 1


@pytest.mark.covers("S2-63")
async def test_an_order_that_is_not_paid_can_be_taken_up_again_or_closed(desk: Desk) -> None:
    package = await desk.package()
    first, again = await desk.order(package), await desk.order(package)
    assert first["id"] == again["id"]
    code = await desk.code(first["id"])
    assert (await desk.shop.staff.post(f"{CONSOLE}/purchases/{first['id']}/cancel", {})).status == 204
    await desk.settle()
    closed = await desk.purchase(first["id"])
    assert (closed["state"], closed["paid_at"]) == ("closed", None)
    assert (await desk.scan(code))["result"] != "ok"
    assert (await desk.shop.staff.post(f"{CONSOLE}/purchases/{first['id']}/pay", {})).refusal == (
        409,
        "sms.purchase_not_pending",
    )
    assert (await desk.parts())["parts_left"] == 0
    assert (await desk.order(package))["id"] != first["id"]


@pytest.mark.covers("S2-65")
async def test_what_is_not_on_sale_cannot_be_bought(desk: Desk) -> None:
    off = await desk.package(on_sale=False)
    later = await desk.package(valid_from="2099-01-01T00:00:00+08:00")
    for package in (off, later):
        refused = await desk.shop.staff.post(f"{CONSOLE}/purchases", {"package_id": package})
        assert refused.refusal == (409, "sms.package_not_on_sale")
    offered = {row["id"] for row in (await desk.parts())["packages"]}
    assert not offered & {off, later}
    # what was ordered keeps its parts and its price
    package = await desk.package(100, 900)
    purchase = await desk.order(package)
    known = (await desk.operator.get(f"{OPERATOR}/packages")).json()["items"]
    [now] = [one for one in known if one["id"] == str(package)]
    body = {name: now[name] for name in ("name", "on_sale", "valid_from", "valid_until", "position")}
    body |= {"parts": 10, "price_fen": 990}
    assert (await desk.operator.put(f"{OPERATOR}/packages/{package}", body)).status == 204
    assert (await desk.scan(await desk.code(purchase["id"])))["result"] == "ok"
    await desk.settle()
    assert (await desk.parts())["parts_left"] == 100
    bad = {"name": "", "parts": 0, "price_fen": 0}
    assert (await desk.operator.post(f"{OPERATOR}/packages", bad)).refusal == (422, "sms.bad_package")


@pytest.mark.covers("S2-67", "S2-45")
async def test_at_zero_nothing_is_sent_and_the_reason_is_told(desk: Desk) -> None:
    await desk.given(2)
    member = await desk.shop.member()
    await desk.tell(member, 3)
    assert await outcomes(desk.shop) == [
        ("delivered", "", 1),
        ("delivered", "", 1),
        ("not_attempted", "sms_no_balance", 0),
    ]
    assert len(await desk.shop.texts(member)) == 2
    now = await desk.parts()
    assert (now["parts_left"], now["why"], now["low"]) == (0, "sms_no_balance", True)
    assert len(await desk.shop.world.facts("sms.parts_low")) == 1
    attention = (await desk.shop.staff.get("/api/console/overview")).json()["attention"]
    assert [row["count"] for row in attention if row["code"] == "sms_no_balance"] == [1]
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-66", "X-05")
async def test_a_refused_message_gives_its_parts_back(desk: Desk) -> None:
    await desk.given(10)
    member = await desk.shop.member()
    await desk.shop.fault("refuse", host="dysmsapi.aliyuncs.com", code="isv.MOBILE_NUMBER_ILLEGAL", count=1)
    await desk.tell(member, 2)
    assert await outcomes(desk.shop) == [
        ("failed", "aliyun.isv.MOBILE_NUMBER_ILLEGAL", 0),
        ("delivered", "", 1),
    ]
    assert await desk.ledger() == (9, 1, 0)
    assert await desk.billed() == 1


@pytest.mark.covers("S2-66", "X-05")
async def test_the_carriers_count_decides_and_what_is_missing_is_owed(desk: Desk) -> None:
    await desk.given(1)
    member = await desk.shop.member()
    await desk.shop.sim.post("/_sim/sms/settings", {"extra_parts": 2})
    await desk.tell(member)
    assert await outcomes(desk.shop) == [("delivered", "", 3)]
    assert (await desk.ledger(), await desk.billed()) == ((0, 3, 2), 3)
    await desk.given(10)
    assert await desk.ledger() == (8, 3, 0)
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-66", "X-05")
async def test_a_lost_answer_stays_drawn_until_the_provider_says_that_it_knows_nothing(desk: Desk) -> None:
    await desk.given(10)
    member = await desk.shop.member()
    await desk.shop.fault("drop", host="dysmsapi.aliyuncs.com", count=1)
    await desk.tell(member)
    assert [(state, parts) for state, _, parts in await outcomes(desk.shop)] == [("unknown", 1)]
    assert await desk.ledger() == (9, 1, 0)
    for hours in (1, 1, 1, 2, 7, 25):
        await desk.later(hours=hours)
    assert [(d["state"], d["reason"], d["parts"]) for d in await desk.shop.deliveries()] == [
        ("unknown", "provider_knows_none", 0)
    ]
    assert (await desk.ledger(), await desk.billed()) == ((10, 0, 0), 0)
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-66", "X-05")
async def test_a_provider_that_says_nothing_for_days_is_asked_until_it_speaks(desk: Desk) -> None:
    await desk.given(10)
    member = await desk.shop.member()
    await desk.shop.fault("drop", host="dysmsapi.aliyuncs.com")
    await desk.tell(member)
    for hours in (1, 1, 1, 2, 7, 25, 25):
        await desk.later(hours=hours)
    assert [state for state, _, _ in await outcomes(desk.shop)] == ["unknown"]
    assert await desk.ledger() == (9, 1, 0)  # it may have been sent, and billed
    await desk.shop.no_faults()
    await desk.later(hours=25)
    assert [one["reason"] for one in await desk.shop.deliveries()] == ["provider_knows_none"]
    assert (await desk.ledger(), await desk.billed()) == ((10, 0, 0), 0)
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-66", "X-05")
async def test_after_many_lost_answers_every_message_is_asked_about(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WAYS, "REST_AFTER", 2 * MANY_LOST)  # as if a worker died with all of them under way
    await desk.given(200)
    members = [
        await make.member(desk.shop.db, desk.shop.tenant, phone=f"138{number:08}") for number in range(MANY_LOST)
    ]
    await desk.shop.fault("drop", host="dysmsapi.aliyuncs.com")
    for number, member in enumerate(members):
        assert (await desk.shop.buy(member, f"T-{number}")).status == 201
    await desk.settle()
    assert await desk.ledger() == (200 - MANY_LOST, MANY_LOST, 0)
    await desk.shop.no_faults()
    for hours in (1, 1, 1, 2, 7, 25):
        await desk.later(hours=hours)
    assert (await desk.ledger(), await desk.billed()) == ((200, 0, 0), 0)
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-66", "X-05")
async def test_after_faults_of_every_kind_the_ledger_holds_what_was_billed_to_the_last_part(desk: Desk) -> None:
    await desk.given(100)
    member = await desk.shop.member()
    kinds: list[dict[str, Any]] = [
        {"kind": "process_then_drop"},
        {"kind": "drop"},
        {"kind": "refuse", "code": "isv.SMS_TEMPLATE_ILLEGAL"},
        {"kind": "refuse", "code": "isp.SYSTEM_ERROR"},
        {"kind": "fail_delivery", "status": "MOBILE_NOT_ON_SERVICE"},
        {"kind": "refuse", "code": "isv.AMOUNT_NOT_ENOUGH"},
        {"kind": "process_then_drop"},
    ]
    await desk.shop.sim.post("/_sim/sms/settings", {"extra_parts": 1, "flow_control": False})
    for number, fault in enumerate(kinds, start=1):
        await desk.shop.fault(host="dysmsapi.aliyuncs.com", count=1, **fault)
        await desk.tell(member, 1, first=number)
    await desk.tell(member, 3, first=50)
    pushes = (await desk.shop.sim.get("/_sim/sms/pushes")).json()
    account = [row for row in (await desk.shop.sim.get("/_sim/sms")).json()["accounts"] if row["provider"] == "aliyun"]
    path = account[0]["report_url"].removeprefix("http://huida.test")
    for push in pushes:  # every report once more, late
        await Client(desk.shop.world.app).post(path, push["body"])
    for hours in (1, 1, 1, 2, 7, 25):
        await desk.later(hours=hours)
    left, used, owed = await desk.ledger()
    assert (used, owed) == (await desk.billed(), 0)
    assert left == 100 - used
    assert sum(d["parts"] for d in await desk.shop.deliveries()) == used
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("X-05", "X-16", "S2-66")
async def test_paid_by_the_part_is_in_the_same_ledger_with_its_money(desk: Desk) -> None:
    member = await desk.shop.member()
    await desk.tell(member, 2)
    shown = (await desk.operator.get(f"{OPERATOR}/merchants/{desk.shop.tenant}")).json()
    assert (shown["model"], shown["parts_left"], shown["parts_used"], shown["used_fen"]) == ("per_part", 0, 2, 20)
    assert await desk.billed() == 2
    # a part's price has dates: what was charged stays, what comes is dearer
    path = f"{OPERATOR}/prices"
    assert (await desk.operator.post(path, {"part_fen": 12})).status == 204
    try:
        await desk.tell(member, 1, first=9)
        assert [d["cost_fen"] for d in await desk.shop.deliveries()] == [12, 10, 10]
        past = {"part_fen": 5, "valid_from": "2020-01-01T00:00:00+08:00"}
        assert (await desk.operator.post(path, past)).refusal == (422, "sms.price_in_the_past")
        later = {"part_fen": 15, "valid_from": "2099-01-01T00:00:00+08:00"}
        assert (await desk.operator.post(path, later)).status == 204
        rows = (await desk.operator.get(path)).json()["items"]
        assert [(row["part_fen"], row["state"]) for row in rows][:2] == [(15, "later"), (12, "now")]
        gone = await desk.operator.request("DELETE", f"{path}?valid_from=2098-12-31T16:00:00Z")
        assert gone.status == 204
    finally:
        assert (await desk.operator.post(path, {"part_fen": 10})).status == 204


@pytest.mark.covers("S2-64", "S2-66")
async def test_the_report_of_use_adds_up_and_can_be_taken_away(desk: Desk) -> None:
    await desk.bought(100, 900)
    member = await desk.shop.member()
    await desk.tell(member, 3)
    shown = (await desk.shop.staff.get(f"{CONSOLE}/usage")).json()
    [row] = shown["items"]
    assert (shown["messages"], shown["parts"], shown["cost_fen"]) == (3, 3, 27)
    assert (row["scenario"], row["scenario_label"], row["provider"], row["delivered"]) == (
        "consumption",
        "会员消费",
        "aliyun",
        3,
    )
    got = await desk.shop.staff.get(f"{CONSOLE}/usage/export")
    lines = list(csv.reader(io.StringIO(got.text.removeprefix("\ufeff"))))
    assert lines[1][2:] == ["阿里云", "3", "3", "0", "3", "0.27"]
    # the operators' copy
    async with desk.shop.db.tx(0) as tx:
        await desk.shop.world.system.registry.jobs["sms.count_everywhere"](tx, [{}])
    await desk.settle()
    found = (await desk.operator.get(f"{OPERATOR}/merchants", limit=100)).json()
    while not any(one["merchant_id"] == desk.shop.tenant for one in found["items"]):
        found = (await desk.operator.get(f"{OPERATOR}/merchants", limit=100, cursor=found["next_cursor"])).json()
    [mine] = [one for one in found["items"] if one["merchant_id"] == desk.shop.tenant]
    assert (mine["model"], mine["messages"], mine["parts"], mine["paid_fen"], mine["post_paid_fen"]) == (
        *("package", 3, 3, 900),
        0,
    )
    assert mine["parts_left"] == 97


@pytest.mark.covers("S2-63")
async def test_an_operator_gives_the_money_back_and_the_parts_go(desk: Desk) -> None:
    purchase = await desk.bought(100, 900)
    path = f"{OPERATOR}/merchants/{desk.shop.tenant}/purchases/{purchase['id']}/refund"
    assert (await desk.operator.post(path, {"reason": "买错了"})).status == 204
    assert (await desk.parts())["parts_left"] == 0
    await desk.settle()
    assert (await desk.purchase(purchase["id"]))["state"] == "refunded"
    assert (await desk.operator.post(path, {"reason": "再来"})).refusal == (409, "sms.purchase_not_paid")
    # used parts cannot be taken back
    second = await desk.bought(100, 900)
    await desk.tell(await desk.shop.member())
    path = f"{OPERATOR}/merchants/{desk.shop.tenant}/purchases/{second['id']}/refund"
    assert (await desk.operator.post(path, {"reason": "买错了"})).refusal == (409, "sms.not_enough_parts")
    assert ((await desk.purchase(second["id"]))["state"], (await desk.parts())["parts_left"]) == ("paid", 99)
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("X-05")
async def test_parts_by_hand_need_a_reason_and_are_in_the_audit(desk: Desk) -> None:
    assert (await desk.grant(10, "")).refusal == (422, "sms.bad_grant")
    assert (await desk.grant(0)).refusal == (422, "sms.bad_grant")
    assert (await desk.grant(30)).status == 201
    assert (await desk.grant(-31, "多给了")).refusal == (409, "sms.not_enough_parts")
    assert (await desk.grant(-5, "多给了")).status == 201
    shown = (await desk.operator.get(f"{OPERATOR}/merchants/{desk.shop.tenant}")).json()
    assert [(row["parts"], row["reason"]) for row in shown["grants"]] == [(-5, "多给了"), (30, "开业赠送")]
    assert shown["parts_left"] == 25
    told = await desk.shop.world.facts("sms.parts_granted")
    assert [(fact["parts"], fact["reason"]) for fact in told] == [(30, "开业赠送"), (-5, "多给了")]


@pytest.mark.covers("X-05")
async def test_parts_by_hand_are_given_once_for_one_entry(desk: Desk) -> None:
    path = f"{OPERATOR}/merchants/{desk.shop.tenant}/grants"

    async def give(parts: int, key: str) -> Any:
        body = {"parts": parts, "reason": "补偿"}
        return await desk.operator.post(path, body, headers={"Idempotency-Key": key})

    first, again = await give(30, "one"), await give(30, "one")
    assert (first.status, again.status, first.json()) == (201, 201, again.json())
    assert (await give(40, "one")).refusal == (422, "idempotency.mismatch")
    assert await desk.ledger() == (30, 0, 0)
    assert (await give(30, "two")).status == 201
    shown = (await desk.operator.get(f"{OPERATOR}/merchants/{desk.shop.tenant}")).json()["grants"]
    assert (await desk.ledger(), [one["parts"] for one in shown]) == ((60, 0, 0), [30, 30])
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-67")
async def test_a_days_budget_warns_then_stops_and_gets_its_room_back(desk: Desk) -> None:
    none = dict.fromkeys(("low_parts", "soft_parts", "hard_parts", "soft_fen", "hard_fen"))
    limits = none | {"soft_parts": 2, "hard_parts": 3}
    assert (await desk.shop.staff.put(f"{CONSOLE}/limits", limits)).status == 204
    bad = await desk.shop.staff.put(f"{CONSOLE}/limits", none | {"soft_parts": 9, "hard_parts": 3})
    assert bad.refusal == (422, "sms.bad_limits")
    member = await desk.shop.member()
    await desk.shop.fault("refuse", host="dysmsapi.aliyuncs.com", code="isv.MOBILE_NUMBER_ILLEGAL", count=1)
    await desk.tell(member, 1)
    assert (await desk.parts())["today_parts"] == 0  # refused: its room is back
    await desk.tell(member, 4, first=2)
    assert await outcomes(desk.shop) == [
        ("failed", "aliyun.isv.MOBILE_NUMBER_ILLEGAL", 0),
        *[("delivered", "", 1)] * 3,
        ("not_attempted", "sms_budget", 0),
    ]
    told = await desk.shop.world.facts("sms.budget_reached")
    assert sorted(fact["limit"] for fact in told) == ["hard", "soft"]
    attention = (await desk.shop.staff.get("/api/console/overview")).json()["attention"]
    assert [(row["code"], row["count"]) for row in attention if row["code"].startswith("sms_")] == [
        ("sms_budget_hard", 3)
    ]
    now = await desk.parts()
    assert (now["today_parts"], now["why"]) == (3, "sms_budget")
    # the operators' cap is the tighter one, in money
    plan = {"model": "per_part", "cap_parts": None, "cap_fen": 20}
    assert (await desk.operator.put(f"{OPERATOR}/merchants/{desk.shop.tenant}/plan", plan)).status == 204
    assert (await desk.shop.staff.put(f"{CONSOLE}/limits", none)).status == 204
    assert (await desk.parts())["why"] == "sms_budget"
    await desk.later(hours=24)
    await desk.tell(member, 3, first=20)
    assert [state for state, _, _ in await outcomes(desk.shop)][-3:] == ["delivered", "delivered", "not_attempted"]
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-66", "X-05")
async def test_a_dead_message_that_is_sent_again_draws_again(desk: Desk) -> None:
    await desk.given(1)
    member = await desk.shop.member()
    await desk.shop.fault("refuse", host="dysmsapi.aliyuncs.com", code="isp.SYSTEM_ERROR")
    await desk.tell(member)
    for hours in (1, 1, 2, 2, 4, 4, 8, 8, 24, 24):
        await desk.later(hours=hours)
    [dead] = await desk.shop.deliveries()
    assert (dead["state"], dead["parts"]) == ("dead", 0)
    assert await desk.ledger() == (1, 0, 0)
    await desk.shop.no_faults()
    await desk.later(minutes=5)
    again = f"/api/console/messaging/deliveries/{dead['id']}/replay"
    assert (await desk.shop.staff.post(again, {})).status == 202
    await desk.settle()
    assert await outcomes(desk.shop) == [("delivered", "", 1)]
    assert await desk.ledger() == (0, 1, 0)

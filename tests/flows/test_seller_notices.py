"""The shop's own staff are told in WeChat: bound by a code that works once, each with a message of their own."""

from typing import Any
from uuid import uuid4

import pytest

from tests.noticeshop import PATH, Desk, buyer_of, open_desk
from wesim import seed


@pytest.fixture
async def desk(world: Any) -> Desk:
    return await open_desk(world)


@pytest.mark.covers("S2-01", "S2-46", "S2-47", "S2-48", "S2-49", "S2-50")
async def test_everybody_who_is_bound_is_told_of_a_paid_order(desk: Desk) -> None:
    await desk.on("seller_order_paid")
    first = await desk.bind("张店长", "chenyiming")
    second = await desk.bind("李店员", "wangsiyuan")
    assert await desk.bound() == {"张店长": "follows", "李店员": "follows"}
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    order_id = await desk.mall.paid(buyer, product, count=2)
    order_no = (await desk.mall.seen(order_id))["order_no"]
    for person in ("chenyiming", "wangsiyuan"):
        [message] = await desk.heard(person)
        fields = dict(message["fields"])
        assert (message["title"], fields["订单编号"], fields["买家姓名"], fields["订单金额"]) == (
            "新订单通知",
            order_no,
            "林小满",
            "56.00元",
        )
        assert message["jump"] is None
    rows = await desk.shop.deliveries(scenario="seller_order_paid")
    assert {(row["audience"], row["staff_id"], row["member_id"], row["member_name"], row["state"]) for row in rows} == {
        ("staff", str(first), None, "张店长", "delivered"),
        ("staff", str(second), None, "李店员", "delivered"),
    }
    assert await desk.shop.deliveries(member_id=member) == []  # the buyer has no notice of their own yet
    assert await desk.shop.invariants() == {}

    # One of them wants it no more, the other leaves the account: neither message is made, each for its reason.
    assert (await desk.staff.put(f"{PATH}/recipients/{first}", {"scenarios": []})).status == 204
    await desk.shop.sim.post("/_sim/unfollow", {"person": "wangsiyuan", "app": seed.OA_APPID})
    await desk.settle()
    assert await desk.bound() == {"张店长": "follows", "李店员": "away"}
    await desk.mall.paid(buyer, product)
    assert len(await desk.heard("chenyiming")) == 1
    newest = (await desk.shop.deliveries(scenario="seller_order_paid"))[0]
    assert (newest["staff_id"], newest["state"], newest["reason"]) == (str(second), "not_attempted", "not_following")
    sms = await desk.save("seller_order_paid", "sms", "", {})
    assert sms.refusal == (409, "messaging.channel_not_offered")


@pytest.mark.covers("S2-50")
async def test_a_code_works_once_for_its_person_and_not_for_ever(desk: Desk) -> None:
    staff_id = await desk.colleague("张店长")
    old = await desk.invite(staff_id)
    code = await desk.invite(staff_id)
    await desk.scan("chenyiming", old)  # a newer code is shown: the older one binds nobody
    assert await desk.bound() == {}
    await desk.scan("chenyiming", code)
    assert await desk.bound() == {"张店长": "follows"}
    rows = {row["name"]: row for row in (await desk.staff.get(f"{PATH}/recipients")).json()["items"]}
    openid = desk.shop.world.user(seed.OA_APPID, "chenyiming").openid
    assert (rows["张店长"]["account"], openid[:-4] in str(rows)) == (f"…{openid[-4:]}", False)
    await desk.scan("wangsiyuan", code)  # somebody scans it off the screen afterwards
    await desk.on("seller_order_paid")
    product = await desk.mall.product()
    _, buyer = await buyer_of(desk.mall)
    await desk.mall.paid(buyer, product)
    assert (len(await desk.heard("chenyiming")), await desk.heard("wangsiyuan")) == (1, [])

    other = await desk.colleague("李店员")
    late = await desk.invite(other)
    await desk.shop.later(minutes=11)
    late_scan = await desk.shop.sim.post("/_sim/scan", {"person": "wangsiyuan", "content": late})
    await desk.settle()
    assert (late_scan.status in (200, 404), await desk.bound()) == (True, {"张店长": "follows"})

    # A WeChat that is bound to somebody is not taken from them.
    await desk.scan("chenyiming", await desk.invite(other))
    assert await desk.bound() == {"张店长": "follows"}
    rows = {row["name"]: row for row in (await desk.staff.get(f"{PATH}/recipients")).json()["items"]}
    assert (rows["李店员"]["bound"], rows["李店员"]["trouble"]) == (False, "taken")

    # Unbound, the same WeChat may be bound anew; a scan of the shop's other codes binds nobody.
    assert (await desk.staff.delete(f"{PATH}/recipients/{staff_id}")).status == 204
    assert (await desk.staff.delete(f"{PATH}/recipients/{staff_id}")).refusal == (404, "messaging.staff_not_bound")
    await desk.scan("chenyiming", await desk.invite(other))
    assert await desk.bound() == {"李店员": "follows"}
    assert [fact["bound"] for fact in await desk.shop.world.facts("messaging.staff_bound")] == [True, False, True]


@pytest.mark.covers("S2-50")
async def test_who_is_not_there_cannot_be_bound_and_who_left_is_told_no_more(desk: Desk) -> None:
    assert (await desk.staff.post(f"{PATH}/recipients/{uuid4()}/invitation", {})).refusal == (404, "staff.not_found")
    staff_id = await desk.bind("张店长", "chenyiming")
    await desk.on("seller_order_paid")
    wrong = await desk.staff.put(f"{PATH}/recipients/{staff_id}", {"scenarios": ["order_paid"]})
    assert wrong.refusal == (422, "messaging.scenario_unknown")
    assert (await desk.staff.post(f"/api/console/staff/{staff_id}/disable", {})).status in (200, 204)
    product = await desk.mall.product()
    _, buyer = await buyer_of(desk.mall)
    await desk.mall.paid(buyer, product)
    assert await desk.heard("chenyiming") == []
    assert await desk.shop.deliveries(scenario="seller_order_paid") == []

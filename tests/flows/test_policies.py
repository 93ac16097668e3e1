"""How live channels go together (X-01): one alone, several at once, one after the other; never two by accident."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from huida.modules.messaging.fallback import next_turn
from huida.modules.messaging.keys import Key
from tests.noticeshop import Desk, buyer_of, open_desk
from wesim import seed


@pytest.fixture
async def desk(world: Any) -> Desk:
    return await open_desk(world)


async def three(desk: Desk) -> str:
    """All channels of `order_paid`, tried one after the other: subscription, official account, SMS."""
    subscribe = await desk.on("order_paid", "subscribe")
    await desk.on("order_paid", "template")
    await desk.sms_on()
    chosen = await desk.policy("order_paid", "ordered", "subscribe", "template", "sms")
    assert chosen.json() == {"scenario": "order_paid", "policy": "ordered", "stopped": []}
    return subscribe


@pytest.mark.covers("X-01")
async def test_in_order_the_next_channel_is_tried_only_when_the_one_before_cannot_be(desk: Desk) -> None:
    subscribe = await three(desk)
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.mall.paid(buyer, product)
    assert await desk.made("order_paid") == [
        ("sms", "delivered", ""),
        ("subscribe", "not_attempted", "no_quota"),
        ("template", "not_attempted", "no_official_account"),
    ]
    assert (len(await desk.shop.texts(member)), await desk.shop.notices(member)) == (1, [])
    await desk.shop.follow(member)
    await desk.mall.paid(buyer, product)
    assert (len(await desk.shop.texts(member)), len(await desk.shop.account_messages(member))) == (1, 1)
    await desk.shop.answer(member, subscribe)
    await desk.mall.paid(buyer, product)
    assert len(await desk.shop.notices(member)) == 1
    assert (len(await desk.shop.texts(member)), len(await desk.shop.account_messages(member))) == (1, 1)
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("X-01")
async def test_after_a_certain_refusal_the_next_channel_has_its_turn_exactly_once(desk: Desk) -> None:
    await three(desk)
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.shop.fault("lost_callback", event="unsubscribe")
    await desk.shop.unfollow(member)  # we have not heard of it, so WeChat refuses
    await desk.mall.paid(buyer, product)
    assert await desk.made("order_paid") == [
        ("sms", "delivered", ""),
        ("subscribe", "not_attempted", "no_quota"),
        ("template", "failed", "wechat.43004"),
    ]
    assert len(await desk.shop.texts(member)) == 1
    fact = (await desk.shop.deliveries(scenario="order_paid"))[0]["id"].split(".")[0]

    async def again() -> None:
        async with desk.shop.db.tx(desk.shop.tenant) as tx:
            await next_turn(tx, Key(UUID(fact), "order_paid", "template"))

    await asyncio.gather(*(again() for _ in range(6)))
    await desk.settle()
    assert len(await desk.shop.texts(member)) == 1
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("X-01")
async def test_a_turn_that_was_taken_is_not_taken_for_a_third_channel(desk: Desk) -> None:
    subscribe = await three(desk)
    await desk.policy("order_paid", "ordered", "template", "sms", "subscribe")
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.answer(member, subscribe)
    await desk.shop.follow(member)
    await desk.shop.fault("lost_callback", event="unsubscribe")
    await desk.shop.unfollow(member)
    await desk.mall.paid(buyer, product)
    made = [("sms", "delivered", ""), ("template", "failed", "wechat.43004")]
    assert await desk.made("order_paid") == made
    fact = (await desk.shop.deliveries(scenario="order_paid"))[0]["id"].split(".")[0]
    for _ in range(2):  # a worker that died after taking the turn: its job runs again
        async with desk.shop.db.tx(desk.shop.tenant) as tx:
            assert await next_turn(tx, Key(UUID(fact), "order_paid", "template")) == []
    await desk.settle()
    assert await desk.made("order_paid") == made
    assert (len(await desk.shop.texts(member)), await desk.shop.notices(member)) == (1, [])


@pytest.mark.covers("X-01")
async def test_a_repeat_that_is_refused_after_a_lost_answer_passes_the_turn_to_nobody(desk: Desk) -> None:
    await desk.on("order_paid", "template")
    await desk.sms_on()
    await desk.policy("order_paid", "ordered", "template", "sms")
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.shop.fault("process_then_drop", path="/cgi-bin/message/template/send", count=1)
    await desk.shop.fault("lost_callback", event="TEMPLATESENDJOBFINISH")
    await desk.mall.paid(buyer, product)
    assert [one[:2] for one in await desk.made("order_paid")] == [("template", "retrying")]
    await desk.shop.fault("lost_callback", event="unsubscribe")
    await desk.shop.unfollow(member)
    await settle_ladder(desk, [5, 30])
    assert await desk.made("order_paid") == [("template", "failed", "wechat.43004")]
    assert (len(await desk.shop.account_messages(member)), await desk.shop.texts(member)) == (1, [])


@pytest.mark.covers("X-01")
async def test_of_many_workers_that_take_the_turn_at_once_one_writes_the_message(desk: Desk) -> None:
    await three(desk)
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.mall.paid(buyer, product)
    [card] = await desk.shop.account_messages(member)
    [row] = [row for row in await desk.shop.deliveries(scenario="order_paid") if row["channel"] == "template"]
    key = Key(UUID(row["id"].split(".")[0]), "order_paid", "template")
    async with desk.shop.db.tx(desk.shop.tenant) as tx:  # as if WeChat had refused, and the worker died right there
        await tx.execute(
            "UPDATE deliveries SET state = 'failed', reason = 'wechat.43004' WHERE tenant_id = $1 AND fact_id = $2 "
            "AND slot = 'template'",
            *(desk.shop.tenant, key.fact_id),
        )

    async def turn() -> int:
        async with desk.shop.db.tx(desk.shop.tenant) as tx:
            return len(await next_turn(tx, key))

    assert sorted(await asyncio.gather(*(turn() for _ in range(6)))) == [0, 0, 0, 0, 0, 1]
    await desk.settle()
    assert len(await desk.shop.texts(member)) == 1
    assert card["title"] == "订单支付成功通知"


@pytest.mark.covers("X-01")
@pytest.mark.parametrize("end", ["unknown", "accepted_then_failed"])
async def test_after_an_answer_that_was_lost_or_a_message_that_was_taken_nobody_else_is_asked(
    desk: Desk, end: str
) -> None:
    subscribe = await three(desk)
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.answer(member, subscribe)
    if end == "unknown":
        await desk.shop.fault("process_then_drop", path="/cgi-bin/message/subscribe/send")
        await desk.shop.fault("lost_callback", event="subscribe_msg_sent_event")
    else:
        await desk.shop.fault("fail_delivery", path="/cgi-bin/message/subscribe/send")
    await desk.mall.paid(buyer, product)
    [made] = await desk.made("order_paid")
    assert made[:2] == ("subscribe", "unknown" if end == "unknown" else "failed")
    assert await desk.shop.texts(member) == []
    await desk.later(hours=30)
    assert len(await desk.made("order_paid")) == 1
    assert await desk.shop.texts(member) == []


@pytest.mark.covers("X-01", "S1-12", "S2-37")
async def test_a_policy_is_switched_where_it_may_be_and_the_last_save_stays(desk: Desk) -> None:
    await desk.on("order_paid", "subscribe")
    await desk.sms_on()
    await desk.on("order_paid", "template")
    shown = await desk.scenario("order_paid")
    assert (shown["policy"], shown["policies"]) == ("several", ["several", "exclusive", "ordered"])
    alone = await desk.policy("order_paid", "exclusive")
    assert alone.json()["stopped"] == ["sms", "subscribe"]
    assert await desk.live("order_paid") == ["template"]
    await desk.on("order_paid", "subscribe")
    assert await desk.live("order_paid") == ["subscribe"]  # exclusive: the others stop
    assert (await desk.policy("order_paid", "several")).status == 200
    await desk.on("order_paid", "template")
    assert await desk.live("order_paid") == ["subscribe", "template"]
    wrong = await desk.policy("order_paid", "ordered", "sms", "sms")
    assert wrong.refusal == (422, "messaging.bad_order")

    for scenario, policy in (("consumption", "several"), ("consumption", "ordered"), ("seller_order_paid", "several")):
        assert (await desk.policy(scenario, policy)).refusal == (422, "messaging.policy_unknown")
    assert await desk.shop.invariants() == {}
    [first, *_] = await desk.shop.world.facts("messaging.policy_chosen")
    assert (first["before"], first["policy"], first["stopped"]) == ("several", "exclusive", ["sms", "subscribe"])


async def settle_ladder(desk: Desk, seconds: Sequence[int]) -> None:
    for wait in seconds:
        await desk.later(seconds=wait)


@pytest.mark.covers("X-01")
async def test_a_channel_that_is_only_busy_leaves_its_turn_within_minutes(desk: Desk) -> None:
    subscribe = await three(desk)
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.answer(member, subscribe)
    await desk.shop.answer(member, subscribe)
    await desk.shop.fault("busy", path="/cgi-bin/message/subscribe/send")
    await desk.mall.paid(buyer, product)
    assert await desk.made("order_paid") == [("subscribe", "retrying", "wechat.-1")]
    await settle_ladder(desk, [5, 30])
    assert await desk.made("order_paid") == [("subscribe", "retrying", "wechat.-1")]
    assert await desk.shop.texts(member) == []
    await settle_ladder(desk, [120])
    assert await desk.made("order_paid") == [
        ("sms", "delivered", ""),
        ("subscribe", "failed", "wechat.-1"),
        ("template", "not_attempted", "no_official_account"),
    ]
    await desk.shop.no_faults()
    await settle_ladder(desk, [300, 3600, 30 * 3600])
    assert (len(await desk.shop.texts(member)), await desk.shop.notices(member)) == (1, [])
    assert await desk.attention() == []
    for _ in range(2):  # both subscriptions are there: the first was given back
        await desk.mall.paid(buyer, product)
    assert len(await desk.shop.notices(member)) == 2
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("X-01")
async def test_a_busy_channel_goes_on_trying_when_no_other_can_tell(desk: Desk) -> None:
    subscribe = await desk.on("order_paid", "subscribe")
    await desk.on("order_paid", "template")
    await desk.policy("order_paid", "ordered", "subscribe", "template")
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.answer(member, subscribe)
    await desk.shop.fault("busy", path="/cgi-bin/message/subscribe/send")
    await desk.mall.paid(buyer, product)
    await settle_ladder(desk, [5, 30, 120])
    trying = [("subscribe", "retrying", "wechat.-1"), ("template", "not_attempted", "no_official_account")]
    assert await desk.made("order_paid") == trying
    await settle_ladder(desk, [300, 900])
    assert await desk.made("order_paid") == trying
    await desk.shop.no_faults()
    await settle_ladder(desk, [1800])
    assert [one[:2] for one in await desk.made("order_paid")] == [
        ("subscribe", "delivered"),
        ("template", "not_attempted"),
    ]
    assert len(await desk.shop.notices(member)) == 1
    assert await desk.shop.world.facts("messaging.delivery_died") == []
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("X-01", "S2-66")
async def test_parts_of_a_carrier_that_is_away_come_back_before_the_next_channel_tells(desk: Desk) -> None:
    await desk.on("order_paid", "template")
    await desk.sms_on()
    await desk.policy("order_paid", "ordered", "sms", "template")
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.shop.fault("refuse", event="SendSms", code="isp.SYSTEM_ERROR")
    await desk.mall.paid(buyer, product)
    assert (await parts_used(desk), [one[1] for one in await desk.made("order_paid")]) == (1, ["retrying"])
    await settle_ladder(desk, [5, 30, 120])
    assert [one[:2] for one in await desk.made("order_paid")] == [("sms", "failed"), ("template", "delivered")]
    assert (await parts_used(desk), len(await desk.shop.account_messages(member))) == (0, 1)
    await desk.shop.no_faults()
    await settle_ladder(desk, [300, 30 * 3600])
    assert await desk.shop.texts(member) == []
    assert await desk.shop.invariants() == {}


async def parts_used(desk: Desk) -> int:
    return int((await desk.staff.get("/api/console/sms/parts")).json()["today_parts"])


@pytest.mark.covers("X-01")
async def test_what_is_replayed_and_meets_a_busy_channel_once_more_is_still_sent(desk: Desk) -> None:
    await desk.on("order_paid", "template")
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.shop.fault("busy", path="/cgi-bin/message/template/send")
    await desk.mall.paid(buyer, product)
    for _ in range(11):
        await desk.later(hours=9)
    [dead] = await desk.shop.deliveries(state="dead")
    again = await desk.staff.post(f"/api/console/messaging/deliveries/{dead['id']}/replay")
    assert again.status == 202, again.text
    await desk.settle()
    await settle_ladder(desk, [3600])
    assert await desk.made("order_paid") == [("template", "retrying", "wechat.-1")]
    await desk.shop.no_faults()
    await settle_ladder(desk, [3600])
    assert (await desk.made("order_paid"), len(await desk.shop.account_messages(member))) == (
        [("template", "delivered", "")],
        1,
    )


@pytest.mark.covers("X-01")
async def test_a_dead_message_is_not_replayed_once_another_channel_told(desk: Desk) -> None:
    await three(desk)
    assert (await desk.policy("order_paid", "several")).status == 200
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.shop.fault("busy", path="/cgi-bin/message/template/send")
    await desk.mall.paid(buyer, product)
    for _ in range(11):
        await desk.later(hours=9)
    made = {slot: (state, reason) for slot, state, reason in await desk.made("order_paid")}
    assert made["template"][0] == "dead"
    assert made["sms"][0] == "delivered"
    await desk.shop.no_faults()
    shop = desk.shop
    assert (await desk.policy("order_paid", "ordered")).status == 200
    [dead] = await shop.deliveries(state="dead")
    again = await shop.staff.post(f"/api/console/messaging/deliveries/{dead['id']}/replay")
    assert again.refusal == (409, "messaging.told_otherwise")
    assert len(await shop.texts(member)) == 1
    assert shop.openid(member, seed.OA_APPID) != ""

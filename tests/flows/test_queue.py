"""The queue: one event, one message, in order, through failures."""

import pytest

from huida.kernel.facts import shard_of
from huida.kernel.ids import uuid7
from tests import make
from tests.shop import Shop

SEND = "/cgi-bin/message/subscribe/send"
TEMPLATE_SEND = "/cgi-bin/message/template/send"


async def ready(shop: Shop, credits: int = 1, scenario: str = "consumption"):  # type: ignore[no-untyped-def]
    template_id = await shop.enable(scenario)
    member = await shop.member()
    for _ in range(credits):
        await shop.answer(member, template_id)
    return member, template_id


async def credit(shop: Shop, member: object) -> tuple[int, int, int]:
    [row] = (await shop.staff.get(f"/api/console/messaging/members/{member}/credits")).json()["items"]
    return row["granted"], row["consumed"], row["remaining"]


@pytest.mark.covers("S1-88", "S1-89", "S1-93")
async def test_a_replayed_purchase_is_one_task(shop: Shop) -> None:
    member, _ = await ready(shop, credits=2)
    first = await shop.buy(member, "T-1")
    assert await shop.deliveries() == []  # the business action itself sends nothing
    again = await shop.buy(member, "T-1")
    assert (first.status, again.status, again.json()["status"]) == (201, 200, "repeated")
    assert again.json()["id"] == first.json()["id"]
    await shop.settle()
    assert len(await shop.notices(member)) == 1
    assert await shop.outcomes() == [("subscribe", "delivered", "")]
    assert await credit(shop, member) == (2, 1, 1)


@pytest.mark.covers("S1-93")
async def test_an_event_that_is_delivered_twice_is_one_task(shop: Shop) -> None:
    member, _ = await ready(shop, credits=3)
    await shop.buy(member, "T-1")
    await shop.settle()
    async with shop.db.tx(shop.tenant) as tx:
        fact_id = await tx.value(
            "SELECT id FROM facts WHERE tenant_id = $1 AND kind = 'order.purchase_recorded'", shop.tenant
        )
        await tx.execute(
            "INSERT INTO jobs (shard, tenant_id, id, kind, fact_ids) VALUES ($1, $2, $3, 'messaging.tell_members', $4)",
            *(shard_of(shop.tenant, member), shop.tenant, uuid7(), [fact_id]),
        )
    await shop.buy(member, "T-2")
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "delivered", ""), ("subscribe", "delivered", "")]
    assert len(await shop.notices(member)) == 2
    assert await credit(shop, member) == (3, 2, 1)
    assert await shop.invariants() == {}


@pytest.mark.covers("X-07")
async def test_points_and_balance_of_one_purchase_are_one_message(shop: Shop) -> None:
    member, template_id = await ready(shop, scenario="stored_value_consumption")
    for scenario in ("points_change", "balance_change", "consumption"):
        await shop.answer(member, await shop.enable(scenario))
    await shop.recharge(member, "R-1", 10000)
    await shop.settle()
    before = len(await shop.notices(member))
    await shop.buy(member, "T-1", 2500, balance_fen=2500)
    await shop.settle()
    notices = await shop.notices(member)
    assert len(notices) == before + 1
    assert notices[-1]["title"] == "储值卡消费通知"
    assert dict(notices[-1]["fields"])["账户余额"] == "75.00元"
    assert notices[-1]["extra"]["template_id"] == template_id


@pytest.mark.covers("S1-88")
async def test_messages_of_one_member_keep_their_order_through_a_failure(shop: Shop) -> None:
    member, _ = await ready(shop, credits=3)
    await shop.fault("busy", path=SEND, count=1)
    await shop.buy(member, "T-1", 100)
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "retrying", "wechat.-1")]
    await shop.buy(member, "T-2", 200)
    await shop.buy(member, "T-3", 300)
    await shop.settle()
    assert await shop.notices(member) == []  # what follows waits behind what must be tried again
    await shop.later(seconds=6)
    await shop.later(seconds=61)
    await shop.later(seconds=61)
    amounts = [dict(n["fields"])["消费金额"] for n in await shop.notices(member)]
    assert amounts == ["1.00元", "2.00元", "3.00元"]
    assert await credit(shop, member) == (3, 3, 0)


async def test_a_provider_that_is_down_for_an_hour_costs_no_message(shop: Shop) -> None:
    member, _ = await ready(shop, credits=2)
    await shop.fault("busy", path=SEND)
    await shop.buy(member, "T-1")
    for wait_s in (0, 6, 31, 121, 301, 901, 1801):
        await shop.later(seconds=wait_s)
    [waiting] = await shop.deliveries()
    assert (waiting["state"], waiting["attempts"]) == ("retrying", 7)
    await shop.no_faults()
    await shop.later(hours=1, seconds=1)
    [done] = await shop.deliveries()
    assert (done["state"], done["attempts"]) == ("delivered", 8)
    assert len(await shop.notices(member)) == 1
    assert await credit(shop, member) == (2, 1, 1)


async def test_after_the_last_try_it_is_dead_gives_the_credit_back_and_can_be_replayed(shop: Shop) -> None:
    member, _ = await ready(shop)
    await shop.fault("busy", path=SEND)
    await shop.buy(member, "T-1")
    for _ in range(11):
        await shop.later(hours=9)
    await make.logged_in(shop.staff, await make.staff(shop.db, shop.tenant))  # the session of yesterday is over
    [dead] = await shop.deliveries()
    assert (dead["state"], dead["attempts"], dead["reason"]) == ("dead", 11, "wechat.-1")
    assert await credit(shop, member) == (1, 0, 1)
    assert [f["reason"] for f in await shop.world.facts("messaging.delivery_died")] == ["wechat.-1"]
    await shop.no_faults()
    path = f"/api/console/messaging/deliveries/{dead['id']}/replay"
    assert (await shop.staff.post(path)).status == 202
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "delivered", "")]
    assert len(await shop.notices(member)) == 1
    assert await credit(shop, member) == (1, 1, 0)
    assert (await shop.staff.post(path)).refusal == (409, "messaging.not_dead")
    assert await shop.invariants() == {}


async def test_an_unknown_outcome_of_a_subscribe_message_is_never_repeated(shop: Shop) -> None:
    member, _ = await ready(shop, credits=2)
    await shop.fault("process_then_drop", path=SEND, count=1)
    await shop.fault("lost_callback", event="subscribe_msg_sent_event")
    await shop.buy(member, "T-1")
    await shop.settle()
    [delivery] = await shop.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("unknown", 1)
    await shop.later(hours=2)
    assert len(await shop.notices(member)) == 1
    assert (await shop.deliveries())[0]["state"] == "unknown"
    assert await credit(shop, member) == (2, 1, 1)
    path = f"/api/console/messaging/deliveries/{delivery['id']}/replay"
    assert (await shop.staff.post(path)).refusal == (409, "messaging.not_dead")


@pytest.mark.covers("S1-127")
async def test_an_unknown_template_message_is_repeated_under_its_number_and_arrives_once(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member(follows=True)
    await shop.fault("process_then_drop", path=TEMPLATE_SEND, count=2)
    await shop.buy(member, "T-1")
    await shop.settle()
    assert [d["state"] for d in await shop.deliveries()] == ["retrying"]
    await shop.later(seconds=6)
    await shop.later(seconds=31)
    await shop.later(seconds=61)
    [delivery] = await shop.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)
    assert len(await shop.account_messages(member)) == 1


async def test_a_template_message_is_not_repeated_when_ten_minutes_may_have_passed(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member(follows=True)
    await shop.fault("drop", path=TEMPLATE_SEND)
    await shop.fault("lost_callback", app="*")
    await shop.buy(member, "T-1")
    for wait_s in (0, 6, 31, 121, 301, 901, 3600):
        await shop.later(seconds=wait_s)
    [delivery] = await shop.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("unknown", 5)  # at 0, 5, 35, 155 and 455 seconds


async def test_a_credit_that_wechat_does_not_know_is_not_believed_again(shop: Shop) -> None:
    member, template_id = await ready(shop, credits=2)
    shop.world.user("wx5e1f00000000b001").credits.clear()
    await shop.buy(member, "T-1")
    await shop.buy(member, "T-2")
    await shop.settle()
    assert await shop.notices(member) == []
    assert [(state, reason) for _, state, reason in await shop.outcomes()] == [("failed", "wechat.43101")] * 2
    assert await credit(shop, member) == (2, 2, 0)
    await shop.buy(member, "T-3")
    await shop.settle()
    assert (await shop.outcomes())[-1] == ("subscribe", "not_attempted", "no_quota")


async def test_a_day_quota_waits_until_midnight(shop: Shop) -> None:
    member, _ = await ready(shop)
    await shop.fault("refuse", path=SEND, errcode=45009, errmsg="reach max api daily quota limit", count=1)
    await shop.buy(member, "T-1")
    await shop.settle()
    [waiting] = await shop.deliveries()
    assert (waiting["state"], waiting["reason"]) == ("retrying", "wechat.45009")
    await shop.later(hours=24)
    await make.logged_in(shop.staff, await make.staff(shop.db, shop.tenant))
    assert await shop.outcomes() == [("subscribe", "delivered", "")]


async def test_a_member_who_is_frozen_gets_nothing(shop: Shop) -> None:
    member, _ = await ready(shop)
    await shop.buy(member, "T-1")
    assert (await shop.staff.post(f"/api/console/members/{member}/freeze")).status == 204
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "not_attempted", "member_not_active")]
    assert await credit(shop, member) == (1, 0, 1)

"""WeChat away for an hour, and callbacks that come twice, late or in the wrong order."""

from typing import Any

import pytest

from tests import asgi
from tests.conftest import World
from tests.crash import kit
from tests.shop import Shop


@pytest.mark.timeout(180)
async def test_after_an_hour_without_wechat_everything_arrives_once_and_in_order(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    people = await kit.guests(shop, 4, template_id, 12)
    await shop.settle()
    await shop.fault("busy", path="/cgi-bin/message/subscribe/send")
    expected: dict[Any, list[str]] = {member: [] for member in people}
    number = 0
    for minute in range(12):
        for member in people if minute % 3 else people[:2]:
            number += 1
            assert (await shop.buy(member, f"T-{number}", 1000 + number)).status == 201
            expected[member].append(kit.yuan(1000 + number))
        await shop.later(minutes=5)
    assert [kit.amounts(shop, member) for member in people] == [[]] * 4
    await shop.no_faults()
    for _ in range(60):
        await shop.later(minutes=5)
        async with shop.db.read(shop.tenant) as tx:
            if not await tx.value("SELECT count(*) FROM deliveries WHERE state IN ('queued', 'retrying')"):
                break
    assert {member: kit.amounts(shop, member) for member in people} == expected
    states = {state for _, state, _ in await shop.outcomes()}
    assert states <= {"delivered", "accepted"}
    assert await shop.invariants() == {}


async def snapshot(shop: Shop) -> dict[str, Any]:
    """Everything that a callback could change."""
    async with shop.db.read(shop.tenant) as tx:
        return {
            "facts": await tx.value("SELECT count(*) FROM facts WHERE tenant_id = $1", shop.tenant),
            "deliveries": await tx.fetch(
                "SELECT fact_id, scenario, state, reason, done_at FROM deliveries WHERE tenant_id = $1 ORDER BY 1, 2",
                shop.tenant,
            ),
            "credits": await tx.fetch(
                "SELECT openid, template_id, by_client, by_event, consumed, refused FROM subscribe_credits "
                "WHERE tenant_id = $1 ORDER BY 1, 2",
                shop.tenant,
            ),
            "identities": await tx.fetch(
                "SELECT * FROM identities WHERE tenant_id = $1 ORDER BY app_id, openid", shop.tenant
            ),
        }


async def test_callbacks_that_come_again_in_the_wrong_order_change_nothing(shop: Shop, world: World) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member(follows=True)
    for number in range(3):
        await shop.answer(member, template_id)
        await shop.buy(member, f"T-{number}", 1000)
        await shop.settle()
    await shop.unfollow(member)
    before = await snapshot(shop)
    assert len(world.posted) >= 8
    assert {row["state"] for row in before["deliveries"]} == {"delivered"}
    for url, headers, body in [*reversed(world.posted), *world.posted]:
        reply = await asgi.call(world.app, "POST", url, headers=headers, body=body)
        assert reply.status == 200, reply.text
    await shop.settle()
    assert await snapshot(shop) == before
    assert len(await shop.notices(member)) == 3
    assert await shop.invariants() == {}


async def test_a_report_that_is_late_by_hours_still_closes_its_message(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id)
    await shop.fault("late_callback", event="subscribe_msg_sent_event", delay_s=0.3)
    await shop.buy(member, "T-1", 1000)
    await shop.world.worker.turn(range(64), shop.tenant, only_tenant=shop.tenant)
    await shop.world.worker.turn(range(64), shop.tenant, only_tenant=shop.tenant)
    assert [state for _, state, _ in await shop.outcomes()] == ["accepted"]
    await shop.settle()
    assert [state for _, state, _ in await shop.outcomes()] == ["delivered"]


async def test_a_template_message_whose_answer_was_lost_is_not_repeated_when_wechat_has_forgotten_its_number(
    shop: Shop,
) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member(follows=True)
    path = "/cgi-bin/message/template/send"
    await shop.fault("process_then_drop", path=path, count=1)
    await shop.buy(member, "T-1", 1000)
    await shop.settle()
    assert [state for _, state, _ in await shop.outcomes()] == ["retrying"]
    await shop.fault("busy", path=path, count=1)
    await shop.later(minutes=1)  # the repeat meets a busy WeChat, which must not make the first try forgotten
    assert [state for _, state, _ in await shop.outcomes()] == ["retrying"]
    await shop.later(minutes=30)
    assert [state for _, state, _ in await shop.outcomes()] == ["unknown"]
    assert len(await shop.account_messages(member)) == 1


async def test_a_template_message_whose_answer_was_lost_is_repeated_at_once_and_arrives_once(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member(follows=True)
    await shop.fault("process_then_drop", path="/cgi-bin/message/template/send", count=1)
    await shop.buy(member, "T-1", 1000)
    await shop.settle()
    await shop.later(seconds=20)  # the repeat
    await shop.later(minutes=1)  # WeChat's word on the first try came before our record of it, and is looked at again
    assert [state for _, state, _ in await shop.outcomes()] == ["delivered"]
    assert len(await shop.account_messages(member)) == 1

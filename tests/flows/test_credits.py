"""Subscribe credits: what members allow in the member centre, and what a message uses up."""

from uuid import uuid4

import pytest

from tests.asgi import Client
from tests.shop import Shop
from wesim import seed

ENTRY = "/api/member/subscriptions"


async def ledger(shop: Shop, member: object) -> list[tuple[int, int, int]]:
    rows = (await shop.staff.get(f"/api/console/messaging/members/{member}/credits")).json()["items"]
    return [(row["granted"], row["consumed"], row["remaining"]) for row in rows]


@pytest.mark.covers("S1-73", "S1-74")
async def test_the_entry_is_there_while_a_scenario_is_enabled_for_subscription(shop: Shop) -> None:
    member = await shop.member()
    centre = await shop.centre(member)
    assert (await centre.get(ENTRY)).json() == {"show_entry": False, "items": []}
    await shop.enable("recharge", "sms")
    assert (await centre.get(ENTRY)).json()["show_entry"] is False

    template_id = await shop.enable("consumption")
    shown = (await centre.get(ENTRY)).json()
    assert shown == {
        "show_entry": True,
        "items": [
            {
                "scenario": "consumption",
                "label": "会员消费",
                "template_id": template_id,
                "app_id": seed.MINI_APPID,
                "remaining": 0,
            }
        ],
    }
    await shop.enable("coupon_claimed")
    assert {item["scenario"] for item in (await centre.get(ENTRY)).json()["items"]} == {"consumption", "coupon_claimed"}
    await shop.enable("consumption", "sms")
    await shop.enable("coupon_claimed", "template")
    assert (await centre.get(ENTRY)).json() == {"show_entry": False, "items": []}


@pytest.mark.covers("S1-84")
async def test_a_page_asks_only_for_its_own_scenarios(shop: Shop) -> None:
    for scenario in ("recharge", "stored_value_consumption", "coupon_claimed", "consumption", "points_change"):
        await shop.enable(scenario)
    centre = await shop.centre(await shop.member())

    async def asked(page: str) -> set[str]:
        return {item["scenario"] for item in (await centre.get(ENTRY, page_name=page)).json()["items"]}

    assert await asked("recharge") == {"recharge"}
    assert await asked("spend_code") == {"stored_value_consumption"}
    assert await asked("coupon") == {"coupon_claimed"}
    assert await asked("receipt") == {"consumption", "stored_value_consumption"}
    assert await asked("points") == {"points_change"}
    assert await asked("nowhere") == set()


@pytest.mark.covers("S1-25", "S1-76", "S1-77", "S1-78")
async def test_credits_add_up_without_a_limit_and_each_message_uses_one(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    for _ in range(12):
        await shop.answer(member, template_id)
    assert await ledger(shop, member) == [(12, 0, 12)]
    for number in range(3):
        await shop.buy(member, f"T-{number}")
    await shop.settle()
    assert await ledger(shop, member) == [(12, 3, 9)]
    assert shop.world.user(seed.MINI_APPID).credits[template_id] == 9  # WeChat counts the same
    assert len(await shop.notices(member)) == 3


@pytest.mark.covers("S1-85")
async def test_a_refusal_grants_nothing_and_a_page_does_not_ask_again(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    centre = await shop.centre(member)
    await shop.answer(member, template_id, choice="reject")
    assert await ledger(shop, member) == [(0, 0, 0)]
    assert (await centre.get(ENTRY, page_name="receipt")).json() == {"show_entry": False, "items": []}
    assert len((await centre.get(ENTRY)).json()["items"]) == 1  # the list of all templates still offers it
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "not_attempted", "no_quota")]
    assert await shop.notices(member) == []

    await shop.later(days=6, hours=23)
    centre = await shop.centre(member)
    assert (await centre.get(ENTRY, page_name="receipt")).json()["items"] == []
    await shop.later(hours=2)
    centre = await shop.centre(member)
    assert len((await centre.get(ENTRY, page_name="receipt")).json()["items"]) == 1


@pytest.mark.covers("S1-85")
async def test_a_later_accept_is_asked_for_again(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id, choice="reject")
    await shop.answer(member, template_id)
    centre = await shop.centre(member)
    [item] = (await centre.get(ENTRY, page_name="receipt")).json()["items"]
    assert item["remaining"] == 1


@pytest.mark.covers("S1-86")
async def test_without_credit_no_push_is_attempted(shop: Shop) -> None:
    await shop.enable("consumption")
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    [delivery] = await shop.deliveries()
    assert (delivery["state"], delivery["reason"], delivery["attempts"]) == ("not_attempted", "no_quota", 0)
    calls = (await shop.sim.get("/_sim/log", limit=1000)).json()["log"]
    assert [call for call in calls if "subscribe/send" in call["path"]] == []


@pytest.mark.covers("S1-78")
@pytest.mark.parametrize(("by_client", "by_event"), [(True, True), (True, False), (False, True)])
async def test_what_page_and_wechat_both_report_is_one_credit(shop: Shop, by_client: bool, by_event: bool) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    if not by_event:
        await shop.fault("lost_callback", event="subscribe_msg_popup_event")
    await shop.answer(member, template_id, report=by_client)
    assert await ledger(shop, member) == [(1, 0, 1)]


async def test_the_same_report_twice_is_one_credit_and_foreign_templates_are_none(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    centre = await shop.centre(member)
    body = {"report_id": str(uuid4()), "answers": {template_id: "accept", "made-up": "accept"}}
    for _ in range(2):
        told = await centre.post(f"{ENTRY}/results", body)
        assert told.json() == {"remaining": {template_id: 1}}
    assert await ledger(shop, member) == [(1, 0, 1)]


async def test_a_duplicated_callback_counts_once(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.fault("duplicate_callback", event="subscribe_msg_popup_event", delay_s=0)
    await shop.answer(member, template_id, report=False)
    assert await ledger(shop, member) == [(1, 0, 1)]


@pytest.mark.covers("P-04")
async def test_an_always_kept_accept_answers_silently_and_is_counted(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    assert await shop.answer(member, template_id, choice="always") == {template_id: "accept"}
    assert await shop.answer(member, template_id) == {template_id: "accept"}
    assert await ledger(shop, member) == [(2, 0, 2)]
    assert shop.world.user(seed.MINI_APPID).credits[template_id] == 2


async def test_switched_off_in_wechats_settings_means_no_push(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id)
    off = {"person": "linxiaoman", "app": seed.MINI_APPID, "template": template_id, "status": "reject"}
    assert (await shop.sim.post("/_sim/setting", off)).status == 200
    await shop.settle()
    assert await ledger(shop, member) == [(1, 0, 0)]
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "not_attempted", "no_quota")]


@pytest.mark.covers("S1-73")
async def test_without_a_session_of_the_member_centre_nothing_is_told_or_taken(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    stranger = Client(shop.world.app)
    assert (await stranger.get(ENTRY)).refusal == (401, "auth.required")
    body = {"report_id": str(uuid4()), "answers": {template_id: "accept"}}
    assert (await stranger.post(f"{ENTRY}/results", body)).refusal == (401, "auth.required")


async def test_a_refused_content_gives_the_credit_back(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id)
    await shop.fault(
        "refuse", path="/cgi-bin/message/subscribe/send", errcode=47003, errmsg="argument invalid!", count=1
    )
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "failed", "wechat.47003")]
    assert await ledger(shop, member) == [(1, 0, 1)]
    assert await shop.invariants() == {}

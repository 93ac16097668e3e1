"""Template messages of the official account: one click for all, followers only, at the merchant's own initiative."""

import msgspec
import pytest

from tests.shop import Shop
from wesim import seed

PATH = "/api/console/messaging"


@pytest.mark.covers("S1-122", "S1-123", "S1-124", "S1-126")
async def test_default_templates_are_previewed_and_then_flip_the_channels(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    await shop.enable("recharge", "subscribe")
    preview = (await shop.staff.get(f"{PATH}/defaults")).json()
    stops = {item["scenario"]: item["stops"] for item in preview["items"]}
    assert stops == {
        "stored_value_consumption": [],
        "consumption": ["sms"],
        "recharge": ["subscribe"],
        "balance_change": [],
        "points_change": [],
        "coupon_claimed": [],
        "coupon_unused": [],
    }
    assert preview["without"] == ["points_expiring", "auto_sign_off"]
    assert shop.world.sim_app(seed.OA_APPID).templates == {}  # a preview changes nothing
    assert await shop.live() == {"consumption": "sms", "recharge": "subscribe"}

    done = await shop.staff.post(f"{PATH}/defaults", {"scenarios": [*stops, "auto_sign_off"]})
    assert done.json()["outcome"] == dict.fromkeys(stops, "enabled") | {
        "auto_sign_off": "messaging.no_default_template"
    }
    assert await shop.live() == dict.fromkeys(stops, "template")
    assert len(shop.world.sim_app(seed.OA_APPID).templates) == 7
    saves = [f for f in await shop.world.facts("messaging.channel_saved") if f["channel"] == "template"]
    assert {f["scenario"]: f["stopped"] for f in saves} == stops


@pytest.mark.covers("S1-122", "S1-126")
async def test_only_what_was_confirmed_is_enabled_and_a_second_click_adds_nothing(shop: Shop) -> None:
    for _ in range(2):
        done = await shop.staff.post(f"{PATH}/defaults", {"scenarios": ["consumption"]})
        assert done.json() == {"outcome": {"consumption": "enabled"}}
    assert await shop.live() == {"consumption": "template"}
    assert len(shop.world.sim_app(seed.OA_APPID).templates) == 1


@pytest.mark.covers("S1-122", "P-05")
async def test_a_full_account_is_told_and_what_fits_is_enabled(shop: Shop) -> None:
    app = shop.world.sim_app(seed.OA_APPID)
    await shop.enable("recharge", "template")
    [only] = list(app.templates.values())
    for number in range(24):
        app.templates[f"filler{number}"] = msgspec.structs.replace(only, id=f"filler{number}", title=f"别的{number}")
    done = await shop.staff.post(f"{PATH}/defaults", {"scenarios": ["recharge", "consumption"]})
    assert done.json()["outcome"] == {"recharge": "enabled", "consumption": "messaging.templates_full"}
    assert await shop.live() == {"recharge": "template"}


async def test_a_template_that_wechat_refuses_does_not_stop_the_others(shop: Shop) -> None:
    await shop.fault("refuse", path="/cgi-bin/template/api_add_template", errcode=40246, errmsg="no", count=1)
    done = await shop.staff.post(f"{PATH}/defaults", {"scenarios": ["stored_value_consumption", "consumption"]})
    assert done.json()["outcome"] == {"stored_value_consumption": "provider.refused", "consumption": "enabled"}
    assert await shop.live() == {"consumption": "template"}


@pytest.mark.covers("S1-124", "S1-125", "S1-127", "S1-129")
async def test_the_assignment_of_an_enabled_template_is_edited_and_the_next_message_shows_it(shop: Shop) -> None:
    template_id = await shop.enable("consumption", "template")
    shown = (await shop.staff.get(f"{PATH}/scenarios")).json()["items"]
    [row] = [c for s in shown if s["code"] == "consumption" for c in s["channels"] if c["channel"] == "template"]
    name = next(key for key, value in row["mapping"].items() if value == "{{member_name}}")
    saved = await shop.save("consumption", "template", template_id, row["mapping"] | {name: "尊敬的{{member_name}}"})
    assert saved.json() == {"scenario": "consumption", "live": "template", "stopped": []}
    member = await shop.member(follows=True)
    bought = await shop.buy(member, "T-1")
    assert await shop.account_messages(member) == []
    await shop.settle()
    [message] = await shop.account_messages(member)
    assert dict(message["fields"])["会员姓名"] == "尊敬的林小满"
    assert message["sound"] is False  # an official account's chat is muted
    assert message["jump"] == {
        "kind": "mini",
        "appid": seed.MINI_APPID,
        "page": f"pages/receipt/index?id={bought.json()['id'].replace('-', '')}",
    }
    assert await shop.outcomes() == [("template", "delivered", "")]


@pytest.mark.covers("S1-27")
async def test_a_member_who_unfollowed_is_undeliverable_with_that_reason(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member(follows=True)
    await shop.unfollow(member)
    await shop.buy(member, "T-1")
    await shop.settle()
    [delivery] = await shop.deliveries()
    assert (delivery["state"], delivery["reason"], delivery["attempts"]) == ("not_attempted", "not_following", 0)
    assert await shop.account_messages(member) == []


@pytest.mark.covers("S1-27")
async def test_an_unfollow_that_we_have_not_heard_of_yet_fails_with_wechats_code(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member(follows=True)
    await shop.fault("lost_callback", event="unsubscribe")
    await shop.unfollow(member)
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [("template", "failed", "wechat.43004")]


@pytest.mark.covers("S1-130", "X-10")
async def test_the_follower_is_found_by_the_unionid_of_the_mini_program(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [("template", "not_attempted", "no_official_account")]
    await shop.follow(member)
    await shop.buy(member, "T-2")
    await shop.settle()
    assert (await shop.outcomes())[1] == ("template", "delivered", "")
    assert len(await shop.account_messages(member)) == 1
    assert (await shop.deliveries())[0]["address"] == shop.openid(member, seed.OA_APPID)


@pytest.mark.covers("S1-130")
async def test_a_follower_who_is_no_member_is_nobodys_address(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    await shop.sim.post("/_sim/follow", {"person": "chenyiming", "app": seed.OA_APPID})
    await shop.settle()
    member = await shop.member(wechat=False)
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [("template", "not_attempted", "no_official_account")]


async def test_a_delivery_that_wechat_reports_as_failed_is_failed(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member(follows=True)
    await shop.fault("fail_delivery", status="failed:user block", path="/cgi-bin/message/template/send")
    await shop.buy(member, "T-1")
    await shop.settle()
    [(channel, state, reason)] = await shop.outcomes()
    assert (channel, state) == ("template", "failed")
    assert "user block" in reason


async def test_without_an_official_account_the_channel_cannot_be_used(shop: Shop) -> None:
    gone = await shop.staff.post(f"/api/console/connections/{seed.OA_APPID}/disconnect")
    assert gone.status == 204
    assert (await shop.staff.get(f"{PATH}/defaults")).refusal == (409, "messaging.app_missing")
    assert (await shop.save("consumption", "template", "x", {"a": "b"})).refusal == (409, "messaging.app_missing")
    assert await shop.live() == {}

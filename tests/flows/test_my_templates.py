"""My templates and WeChat's public library."""

import msgspec
import pytest

from tests.shop import Shop
from wesim import seed

PATH = "/api/console/messaging"
SAMPLES = {
    "自动签收提醒": (["签收时间", "提醒时间", "订单编号"], ["date1", "date3", "character_string2"]),
    "会员消费通知": (
        ["卡号", "会员姓名", "消费时间", "消费金额", "温馨提示"],
        ["character_string4", "thing1", "time3", "amount2", "thing5"],
    ),
    "储值卡消费通知": (
        ["温馨提示", "卡号", "消费时间", "消费金额", "账户余额"],
        ["thing2", "character_string1", "time3", "amount4", "amount5"],
    ),
    "账户余额提醒": (
        ["温馨提示", "变动原因", "流水号", "变动金额", "当前余额"],
        ["thing1", "thing3", "character_string2", "thing4", "amount5"],
    ),
    "交易提醒": (["交易单号", "交易金额"], ["character_string5", "amount2"]),
}


async def mine(shop: Shop) -> list[dict]:
    return (await shop.staff.get(f"{PATH}/templates")).json()["items"]


@pytest.mark.covers(
    "S1-33", "S1-36", "S1-37", "S1-38", "S1-39", "S1-40", "S1-41", "S1-44", "S1-45", "S1-46", "S1-47",
    "S1-48", "S1-50", "S1-58",
)  # fmt: skip
@pytest.mark.parametrize("title", list(SAMPLES))
async def test_a_sample_template_is_added_as_the_source_shows_it(shop: Shop, title: str) -> None:
    labels, keys = SAMPLES[title]
    template_id = await shop.add_template(title, labels)
    [row] = await mine(shop)
    assert (row["number"], row["template_id"], row["title"]) == (1, template_id, title)
    assert len(template_id) == 43
    assert row["content"].rstrip("\n").split("\n") == [
        f"{label}:{{{{{key}.DATA}}}}" for label, key in zip(labels, keys, strict=True)
    ]
    assert [line.split(":")[0] for line in row["example"].rstrip("\n").split("\n")] == labels
    assert (row["kind"], row["choices"], row["used_by"]) == ("one_time", {}, [])
    assert [(field["label"], field["key"]) for field in row["fields"]] == list(zip(labels, keys, strict=True))


@pytest.mark.covers("S1-39")
async def test_a_long_term_template_keeps_its_type_and_its_credit_is_not_one_time(shop: Shop) -> None:
    await shop.add_template("就诊提醒", await two_keywords(shop, "就诊提醒"))
    [row] = await mine(shop)
    assert row["kind"] == "long_term"


@pytest.mark.covers("S1-40")
async def test_a_keyword_with_choices_shows_its_range(shop: Shop) -> None:
    found = (await shop.staff.get(f"{PATH}/library", keyword="订单状态通知")).json()["items"]
    offered = (await shop.staff.get(f"{PATH}/library/{found[0]['tid']}/keywords")).json()["items"]
    await shop.add_template("订单状态通知", [k["name"] for k in offered][:5])
    [row] = await mine(shop)
    assert [len(choices) > 1 for choices in row["choices"].values()] == [True]


async def two_keywords(shop: Shop, title: str) -> list[str]:
    found = (await shop.staff.get(f"{PATH}/library", keyword=title)).json()["items"]
    offered = (await shop.staff.get(f"{PATH}/library/{found[0]['tid']}/keywords")).json()["items"]
    return [k["name"] for k in offered][:2]


@pytest.mark.covers("S1-33")
async def test_a_template_of_nobody_cannot_be_used(shop: Shop) -> None:
    refused = await shop.save("consumption", "subscribe", "x" * 43, {"thing1": "好"})
    assert refused.refusal == (409, "messaging.template_not_mine")
    assert await shop.live() == {}


@pytest.mark.covers("S1-53", "S1-33")
async def test_the_library_is_searched_by_keyword_within_the_own_categories(shop: Shop) -> None:
    found = (await shop.staff.get(f"{PATH}/library", keyword="消费")).json()
    assert sorted(item["title"] for item in found["items"]) == ["会员消费通知", "储值卡消费通知"]
    assert found["total"] == 2
    assert {item["category"] for item in found["items"]} == {"工具>会员卡"}
    assert (await shop.staff.get(f"{PATH}/library", keyword="就诊")).json()["total"] >= 0


@pytest.mark.covers("S1-57", "S1-59", "S1-61")
@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"keyword_ids": [1, 2, 3, 4, 5, 6]}, "messaging.keywords_too_many", "keyword_ids"),
        ({"keyword_ids": []}, "messaging.keywords_empty", "keyword_ids"),
        ({"keyword_ids": [1]}, "messaging.keywords_too_few", "keyword_ids"),
        ({"keyword_ids": [1, 1]}, "messaging.keywords_repeated", "keyword_ids"),
        ({"scene": ""}, "messaging.scene_empty", "scene"),
        ({"scene": "  "}, "messaging.scene_empty", "scene"),
        ({"scene": "一" * 16}, "messaging.scene_too_long", "scene"),
    ],
)
async def test_a_wrong_addition_is_refused_before_wechat_is_asked(
    shop: Shop, change: dict, code: str, where: str
) -> None:
    body = {"tid": 1102, "keyword_ids": [1, 2, 3, 4, 5], "scene": "会员消费后通知"}
    refused = await shop.staff.post(f"{PATH}/templates", body | change)
    assert (refused.refusal, refused.json()["where"]) == ((422, code), where)
    assert await mine(shop) == []
    assert shop.world.sim_app(seed.MINI_APPID).templates == {}
    accepted = await shop.staff.post(f"{PATH}/templates", body)
    assert accepted.status == 201  # five keywords are the most


@pytest.mark.covers("S1-62")
async def test_the_same_template_with_the_same_keywords_is_a_duplicate(shop: Shop) -> None:
    body = {"tid": 1102, "keyword_ids": [1, 2, 3], "scene": "通知"}
    first = await shop.staff.post(f"{PATH}/templates", body)
    for again in (body, body | {"scene": "别的"}, body | {"keyword_ids": [3, 1, 2]}):
        assert (await shop.staff.post(f"{PATH}/templates", again)).refusal == (409, "messaging.template_twice")
    assert [row["template_id"] for row in await mine(shop)] == [first.json()["template_id"]]
    other = await shop.staff.post(f"{PATH}/templates", body | {"keyword_ids": [1, 2]})
    assert other.status == 201
    assert len(shop.world.sim_app(seed.MINI_APPID).templates) == 2


@pytest.mark.covers("S1-42")
async def test_a_template_that_nothing_uses_is_deleted_here_and_at_wechat(shop: Shop) -> None:
    template_id = await shop.add_template("会员消费通知", ["卡号", "消费金额"])
    removed = await shop.staff.post(f"{PATH}/templates/{template_id}/remove", {})
    assert removed.json() == {"stopped": []}
    assert await mine(shop) == []
    assert shop.world.sim_app(seed.MINI_APPID).templates == {}
    again = await shop.staff.post(f"{PATH}/templates/{template_id}/remove", {})
    assert again.refusal == (404, "messaging.template_not_mine")


@pytest.mark.covers("S1-43")
async def test_a_template_in_use_is_not_deleted_unless_its_scenarios_are_to_stop(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    path = f"{PATH}/templates/{template_id}/remove"
    for body in ({}, {"stop_scenarios": ["recharge"]}):
        refused = await shop.staff.post(path, body)
        assert refused.refusal == (409, "messaging.template_in_use")
        assert refused.json()["params"]["scenarios"] == ["consumption"]
    assert await shop.live() == {"consumption": "subscribe"}
    assert list(shop.world.sim_app(seed.MINI_APPID).templates) == [template_id]

    removed = await shop.staff.post(path, {"stop_scenarios": ["consumption"]})
    assert removed.json() == {"stopped": ["consumption"]}
    assert await shop.live() == {}
    assert shop.world.sim_app(seed.MINI_APPID).templates == {}
    [stopped] = await shop.world.facts("messaging.channel_stopped")
    assert (stopped["scenario"], stopped["channel"], stopped["reason"]) == (
        "consumption",
        "subscribe",
        "template_deleted",
    )
    assert await shop.invariants() == {}


@pytest.mark.covers("S1-43")
async def test_a_template_deleted_in_wechats_console_stops_its_scenario_at_the_next_sync(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    del shop.world.sim_app(seed.MINI_APPID).templates[template_id]
    synced = await shop.staff.post(f"{PATH}/templates/sync")
    assert synced.json() == {"stopped": ["consumption"]}
    assert (await shop.live(), await mine(shop)) == ({}, [])


@pytest.mark.covers("S1-42")
async def test_deleting_what_wechat_has_no_more_succeeds(shop: Shop) -> None:
    template_id = await shop.add_template("会员消费通知", ["卡号", "消费金额"])
    del shop.world.sim_app(seed.MINI_APPID).templates[template_id]
    assert (await shop.staff.post(f"{PATH}/templates/{template_id}/remove", {})).status == 200
    assert await mine(shop) == []


@pytest.mark.covers("S1-43")
@pytest.mark.parametrize("channel", ["subscribe", "template"])
async def test_a_send_that_finds_the_template_gone_stops_the_scenario_and_says_why(shop: Shop, channel: str) -> None:
    template_id = await shop.enable("consumption", channel)
    await shop.enable("recharge", "sms")
    member = await shop.member(follows=True)
    if channel == "subscribe":
        await shop.answer(member, template_id)
    app_id = seed.MINI_APPID if channel == "subscribe" else seed.OA_APPID
    del shop.world.sim_app(app_id).templates[template_id]
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [(channel, "failed", "wechat.40037")]
    assert await shop.live() == {"recharge": "sms"}
    shown = (await shop.staff.get(f"{PATH}/scenarios")).json()["items"]
    [row] = [c for s in shown if s["code"] == "consumption" for c in s["channels"] if c["channel"] == channel]
    assert (row["live"], row["paused_reason"]) == (False, "template_gone")
    [stopped] = await shop.world.facts("messaging.channel_stopped")
    assert (stopped["scenario"], stopped["channel"], stopped["reason"]) == ("consumption", channel, "template_gone")
    assert await shop.invariants() == {}


@pytest.mark.covers("S1-63", "S1-65", "S1-66", "S1-67")
async def test_a_template_that_the_library_lacks_is_proposed_and_found_once_approved(shop: Shop) -> None:
    assert (await shop.staff.get(f"{PATH}/library", keyword="12345678")).json() == {
        "total": 0,
        "items": [],
        "may_propose": True,
        "wechat_console": "http://wesim.test/mp.weixin.qq.com",
    }
    body = {"title": "寄存到期提醒", "keywords": ["物品", "到期时间"], "scene": "寄存快到期"}
    made = (await shop.staff.post(f"{PATH}/proposals", body)).json()
    assert (made["state"], made["keywords"]) == ("draft", ["物品", "到期时间"])
    path = f"{PATH}/proposals/{made['id']}"
    assert (await shop.staff.post(f"{path}/approved")).refusal == (409, "state.wrong")
    for state in ("submitted", "in_review"):
        assert (await shop.staff.post(f"{path}/{state}")).json()["state"] == state
    rejected = await shop.staff.request("POST", f"{path}/rejected", params={"reason": "与已有模板重复"})
    assert (rejected.json()["state"], rejected.json()["reason"]) == ("rejected", "与已有模板重复")
    for state in ("draft", "submitted", "in_review", "approved"):
        assert (await shop.staff.post(f"{path}/{state}")).json()["state"] == state
    assert (await shop.staff.post(f"{path}/draft")).refusal == (409, "state.wrong")
    [listed] = (await shop.staff.get(f"{PATH}/proposals")).json()["items"]
    assert listed["state"] == "approved"
    await publish(shop, "寄存到期提醒")
    found = (await shop.staff.get(f"{PATH}/library", keyword="寄存到期")).json()
    assert ([item["title"] for item in found["items"]], found["may_propose"]) == (["寄存到期提醒"], False)


async def publish(shop: Shop, title: str) -> None:
    """WeChat takes a template into its library."""
    library = shop.world.sim.library_mini
    like = next(t for t in library.values() if t.title == "会员消费通知")
    library["9901"] = msgspec.structs.replace(like, id="9901", title=title)


@pytest.mark.parametrize("field", ["title", "keywords", "scene"])
async def test_an_incomplete_proposal_is_refused(shop: Shop, field: str) -> None:
    body: dict = {"title": "提醒", "keywords": ["物品"], "scene": "场景"} | {field: [] if field == "keywords" else " "}
    refused = await shop.staff.post(f"{PATH}/proposals", body)
    assert (refused.refusal, refused.json()["where"]) == ((422, "messaging.proposal_incomplete"), field)
    assert (await shop.staff.get(f"{PATH}/proposals")).json()["items"] == []

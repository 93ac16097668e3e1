"""What each field of a template says: every variable has a value, and none can break its field."""

import pytest

from tests.shop import Shop

GOOD = {
    "character_string4": "{{card_no}}",
    "thing1": "{{member_name}}",
    "time3": "{{time}}",
    "amount2": "{{amount}}",
    "thing5": "如非本人操作请联系门店",
}


async def template(shop: Shop) -> str:
    return await shop.add_template("会员消费通知", ["卡号", "会员姓名", "消费时间", "消费金额", "温馨提示"])


@pytest.mark.covers("S1-69", "S1-70", "S1-51", "S1-92")
async def test_each_variable_is_assigned_and_arrives(shop: Shop) -> None:
    template_id = await template(shop)
    assert (await shop.save("consumption", "subscribe", template_id, GOOD)).status == 200
    member = await shop.member()
    await shop.answer(member, template_id)
    bought = await shop.buy(member, "T-1", 123456, occurred_at="2026-11-21T23:59:00Z")
    assert bought.status == 201, bought.text
    await shop.settle()
    [notice] = await shop.notices(member)
    assert notice["fields"] == [
        ["卡号", await shop.card_no(member)],
        ["会员姓名", "林小满"],
        ["消费时间", "2026年11月22日 07:59"],
        ["消费金额", "1234.56元"],
        ["温馨提示", "如非本人操作请联系门店"],
    ]
    assert notice["jump"]["page"] == f"pages/receipt/index?id={bought.json()['id'].replace('-', '')}"


@pytest.mark.covers("S1-70", "S1-71")
@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"thing5": ""}, "messaging.field_empty", "thing5"),
        ({"thing5": "   "}, "messaging.field_empty", "thing5"),
        ({"amount2": "{{member_name}}"}, "messaging.variable_misfit", "amount2"),
        ({"time3": "{{amount}}"}, "messaging.variable_misfit", "time3"),
        ({"amount2": "{{balance_delta}}"}, "messaging.variable_misfit", "amount2"),
        ({"amount2": "很多"}, "messaging.value_misfit", "amount2"),
        ({"character_string4": "卡{{card_no}}"}, "messaging.value_misfit", "character_string4"),
        ({"character_string4": "{{card_no}}-{{till_no}}"}, "messaging.value_misfit", "character_string4"),
        ({"thing1": "{{nobody}}"}, "messaging.variable_unknown", "thing1"),
        ({"thing1": "{{member_name}"}, "messaging.variable_broken", "thing1"),
        ({"thing9": "好"}, "messaging.field_unknown", "thing9"),
    ],
)
async def test_a_mapping_that_could_break_is_refused_and_nothing_is_saved(
    shop: Shop, change: dict, code: str, field: str
) -> None:
    template_id = await template(shop)
    await shop.enable("consumption", "sms")
    refused = await shop.save("consumption", "subscribe", template_id, GOOD | change)
    assert (refused.refusal, refused.json()["where"]) == ((422, code), f"mapping/{field}")
    assert "messaging." not in refused.json()["title"]
    assert await shop.live() == {"consumption": "sms"}
    checked = await shop.staff.post(
        "/api/console/messaging/scenarios/consumption/channels/subscribe/check",
        {"template_id": template_id, "mapping": GOOD | change},
    )
    assert [(t["field"], t["code"]) for t in checked.json()["troubles"]] == [(field, code)]


@pytest.mark.covers("S1-71")
async def test_a_missing_field_is_refused(shop: Shop) -> None:
    template_id = await template(shop)
    refused = await shop.save("consumption", "subscribe", template_id, {k: v for k, v in GOOD.items() if k != "time3"})
    assert (refused.refusal, refused.json()["where"]) == ((422, "messaging.field_empty"), "mapping/time3")
    assert await shop.live() == {}


async def test_the_preview_shows_the_card_with_sample_values(shop: Shop) -> None:
    template_id = await template(shop)
    checked = await shop.staff.post(
        "/api/console/messaging/scenarios/consumption/channels/subscribe/check",
        {"template_id": template_id, "mapping": GOOD | {"thing5": "满 {{points_after}} 分"}},
    )
    assert checked.status == 200, checked.text
    assert [(p["label"], p["value"]) for p in checked.json()["preview"]] == [
        ("卡号", "6088000001"),
        ("会员姓名", "林小满"),
        ("消费时间", "2026年11月21日 14:32"),
        ("消费金额", "25.00元"),
        ("温馨提示", "满 1250 分"),
    ]


async def test_nul_in_a_mapping_is_refused(shop: Shop) -> None:
    template_id = await template(shop)
    refused = await shop.save("consumption", "subscribe", template_id, GOOD | {"thing5": "a\x00b"})
    assert refused.refusal == (422, "request.invalid")
    assert await shop.live() == {}


@pytest.mark.covers("S1-49")
async def test_a_negative_change_is_carried_in_a_text_field(shop: Shop) -> None:
    template_id = await shop.enable("balance_change")
    member = await shop.member()
    await shop.recharge(member, "R-1", 109999)
    await shop.settle()
    await shop.answer(member, template_id)
    await shop.buy(member, "T-1", 10000, balance_fen=10000)
    await shop.settle()
    [notice] = await shop.notices(member)
    values = dict(notice["fields"])
    assert (values["变动金额"], values["当前余额"], values["变动原因"]) == ("-100.00元", "999.99元", "消费")
    assert values["流水号"] == "T-1"


async def test_a_value_that_cannot_stand_in_its_field_costs_no_credit(shop: Shop) -> None:
    template_id = await shop.enable("balance_change")
    member = await shop.member()
    await shop.answer(member, template_id)
    await shop.recharge(member, "充值单一", 10000)
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "not_attempted", "value_misfit:character_string")]
    assert await shop.notices(member) == []
    [row] = (await shop.staff.get(f"/api/console/messaging/members/{member}/credits")).json()["items"]
    assert row["remaining"] == 1
    assert await shop.invariants() == {}

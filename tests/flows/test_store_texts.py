"""SMS texts of the store: every placeholder mapped, and word for word what the provider approved."""

from typing import Any

import pytest

from huida.modules import messaging
from tests.noticeshop import PAID_CODE, PAID_MAPPING, PAID_TEXT, PATH, Desk, buyer_of, open_desk


@pytest.fixture
async def desk(world: Any) -> Desk:
    return await open_desk(world)


@pytest.mark.covers("S2-54", "S2-55", "S2-56", "S2-57", "S2-58", "S2-59", "X-03")
async def test_a_text_is_added_chosen_sent_disabled_and_removed(desk: Desk) -> None:
    await desk.approve()
    listed = (await desk.staff.get(f"{PATH}/sms-templates")).json()
    conditions = {one["code"] for one in listed["scenarios"]}
    assert conditions == {
        "order_submitted", "order_paid", "order_shipped", "order_refunded", "buyer_withdrawal", "buyer_recharge",
        "code_register", "code_recover", "code_login", "code_bind",
    }  # fmt: skip
    read = await desk.staff.post(f"{PATH}/sms-templates/approved", {"provider": "aliyun", "code": PAID_CODE})
    assert (read.json()["content"], read.json()["placeholders"]) == (PAID_TEXT, ["no", "sum"])
    added = await desk.add_text()
    assert added.status == 201, added.text
    template_id = added.json()["id"]
    assert (await desk.save("order_paid", "sms", template_id, {})).status == 200
    [shown] = (await desk.staff.get(f"{PATH}/sms-templates")).json()["items"]
    assert (shown["name"], shown["scenario"], shown["mapping"], shown["codes"], shown["state"], shown["used_by"]) == (
        "支付成功", "order_paid", PAID_MAPPING, {"aliyun": PAID_CODE}, "enabled", ["order_paid"],
    )  # fmt: skip
    assert shown["sample"].startswith("【会达】您的订单M2026")
    checked = await desk.staff.post(
        f"{PATH}/scenarios/order_paid/channels/sms/check", {"template_id": template_id, "mapping": {}}
    )
    assert checked.json()["text"] == shown["sample"]

    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.mall.paid(buyer, product)
    [text] = await desk.shop.texts(member)
    assert "共28.00元" in text["text"]

    in_use = await desk.staff.put(f"{PATH}/sms-templates/{template_id}/state", {"state": "disabled"})
    assert in_use.refusal == (409, "messaging.template_in_use")
    assert (await desk.staff.delete(f"{PATH}/sms-templates/{template_id}")).status == 409
    assert (await desk.staff.delete(f"{PATH}/scenarios/order_paid/channels/sms")).status == 200
    assert (await desk.staff.put(f"{PATH}/sms-templates/{template_id}/state", {"state": "disabled"})).status == 204
    assert (await desk.save("order_paid", "sms", template_id, {})).refusal == (409, "messaging.sms_template_missing")
    assert (await desk.staff.delete(f"{PATH}/sms-templates/{template_id}")).status == 204
    assert (await desk.staff.get(f"{PATH}/sms-templates")).json()["items"] == []
    changes = [fact["change"] for fact in await desk.shop.world.facts("messaging.sms_template_saved")]
    assert changes == ["added", "disabled", "removed"]


@pytest.mark.covers("S2-31", "S2-60", "S2-61")
@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"name": " "}, "request.bad_name", "name"),
        ({"scenario": "consumption"}, "messaging.sms_scenario_unknown", "scenario"),
        ({"scenario": "coupon_given"}, "messaging.sms_scenario_unknown", "scenario"),
        ({"content": ""}, "messaging.sms_content_length", "content"),
        ({"mapping": {"no": "order_no"}}, "messaging.placeholder_unmapped", "mapping/sum"),
        ({"mapping": {"no": "order_no", "sum": "order_totl"}}, "messaging.variable_unknown", "mapping/sum"),
        ({"codes": {}}, "messaging.sms_code_missing", "codes"),
        ({"codes": {"aliyun": "SMS_999"}}, "messaging.sms_template_unknown", "codes/aliyun"),
        ({"codes": {"tencent": "1"}}, "messaging.sms_provider_off", "codes/tencent"),
        ({"codes": {"tencent": "２０００００２"}}, "messaging.sms_code_wrong", "codes/tencent"),
        ({"content": PAID_TEXT.replace("${no}", "${单号}")}, "messaging.sms_text_differs", "content"),
        ({"content": PAID_TEXT.replace("尽快", "马上")}, "messaging.sms_text_differs", "content"),
        ({"state": "perhaps"}, "messaging.sms_state_unknown", "state"),
    ],
)
async def test_a_text_that_is_not_whole_or_not_approved_is_refused_and_nothing_is_kept(
    desk: Desk, change: dict[str, Any], code: str, where: str
) -> None:
    await desk.approve()
    refused = await desk.add_text(**change)
    assert (refused.json()["code"], refused.json()["where"]) == (code, where)
    assert refused.status in (409, 422)
    assert (await desk.staff.get(f"{PATH}/sms-templates")).json()["items"] == []


@pytest.mark.covers("S2-60")
async def test_a_difference_is_shown_piece_by_piece_and_an_unapproved_text_by_its_state(desk: Desk) -> None:
    await desk.approve()
    refused = await desk.add_text(content=PAID_TEXT.replace("尽快发货", "马上发货"))
    pieces = refused.json()["params"]["pieces"]
    assert [(one["kind"], one["text"]) for one in pieces if one["kind"] != "same"] == [
        ("extra", "马上"),
        ("missing", "尽快"),
    ]
    assert refused.json()["params"]["approved"] == PAID_TEXT
    await desk.approve(status=0)
    assert (await desk.add_text()).json()["code"] == "messaging.sms_template_reviewing"
    await desk.approve(status=2)
    assert (await desk.add_text()).json()["code"] == "messaging.sms_template_rejected"


@pytest.mark.covers("S2-42", "S2-56", "X-02")
async def test_code_scenarios_offer_their_own_texts_only(desk: Desk) -> None:
    content = "您的验证码为${code}，5分钟内有效，请勿泄露给他人。"
    added = await desk.add_text(
        name="登录", scenario="code_login", content=content, mapping={"code": "code"}, codes={"aliyun": "SMS_100000001"}
    )
    assert added.status == 201, added.text
    foreign = await desk.add_text(
        name="登录",
        scenario="code_bind",
        content=content,
        mapping={"code": "order_no"},
        codes={"aliyun": "SMS_100000001"},
    )
    assert foreign.refusal == (422, "messaging.variable_unknown")
    async with desk.shop.db.read(desk.shop.tenant) as tx:
        [text] = await messaging.sms_templates(tx, "code_login")
        assert (text.name, text.mapping, text.codes) == ("登录", {"code": "code"}, {"aliyun": "SMS_100000001"})
        assert await messaging.sms_templates(tx, "code_bind") == []

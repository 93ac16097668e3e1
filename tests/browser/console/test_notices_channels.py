"""A scenario's three channels: compared, exactly one live, the others kept; locked without the paid module."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.notices_kit import DOOR, choose, live, saved
from tests.browser.stage import Shop, Stage
from tests.browser.watch import login

COMPARED = {
    "优点": [
        ["模板场景多", "到达时有声音提醒", "免费", "100% 到达会员微信"],
        ["模板场景多", "到达时有声音提醒", "商家可主动推送，不需要会员操作"],
        ["免费", "商家可主动推送，不需要会员操作"],
    ],
    "缺点": [
        ["需要会员先订阅", "订阅一次只能推送一次"],
        ["收费", "短信商已提交，仍可能被运营商拦截"],
        ["模板场景少", "随时可能被微信关闭", "会员取消关注后无法到达", "默认没有声音提醒"],
    ],
}
PAGES = ("/notices", "/notices/consumption", "/subscribe-push", "/sms", "/template-push")


@pytest.mark.covers("S1-17", "S1-120")
@pytest.mark.parametrize("path", PAGES)
def test_the_channels_are_compared(stage: Stage, shop: Shop, page: Page, path: str) -> None:
    login(page, stage, shop.admin, path)
    table = page.get_by_role("table").filter(has=page.get_by_role("caption"))
    expect(table.get_by_role("columnheader")).to_have_text(
        [r"订阅消息", "短信", re.compile("模板消息.*即将关闭、有风险")]
    )
    for name, columns in COMPARED.items():
        cells = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name)).get_by_role("cell")
        for place, points in enumerate(columns):
            expect(cells.nth(place).get_by_role("listitem")).to_have_text(points)


@pytest.mark.covers("S1-10")
def test_without_the_module_everything_is_seen_and_nothing_changed(stage: Stage, page: Page) -> None:
    shop = stage.open_shop(entitled=False)
    login(page, stage, shop.admin, "/notices")
    note = page.get_by_role("note").filter(has_text="尚未购买会员消息通知")
    expect(note).to_contain_text("本页内容可以查看，不能修改，也不会发送消息。这是增值模块，请联系平台客服购买")
    expect(page.get_by_role("link", name="查看 会员消费")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(9 + 1 + 3)
    page.get_by_role("link", name="查看 未使用优惠券提醒").click()
    expect(note).to_be_visible()
    expect(page.get_by_label("领取后第几天提醒")).to_be_disabled()
    expect(page.get_by_role("button", name="保存提醒时间")).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("启用|保存$"))).to_have_count(0)
    for path in ("/subscribe-push", "/my-templates", "/sms", "/template-push"):
        page.goto(stage.console + path)
        expect(note).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for name in ("添加模板", "从微信同步", "修改签名", "使用默认模板"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("switch")).to_have_count(0)
    page.goto(f"{stage.console}/sms")
    expect(page.get_by_role("switch", name="启用短信 会员消费")).to_be_disabled()
    assert live(shop) == {}


@pytest.mark.covers("S1-12", "S1-13", "S1-14", "S1-15")
def test_saving_a_channel_names_and_stops_the_live_one_and_keeps_its_settings(
    stage: Stage, shop: Shop, page: Page
) -> None:
    shop.open_for_business()
    assert live(shop) == {"consumption": "subscribe", "recharge": "sms", "points_change": "template"}
    before = saved(shop, "consumption", "subscribe")
    login(page, stage, shop.admin, "/notices/consumption")
    choose(page, "短信")
    page.get_by_role("button", name="启用短信").click()
    asked = page.get_by_role("dialog", name="改用短信")
    expect(asked).to_contain_text("保存后，「订阅消息」将停止，设置会保留。")
    asked.get_by_role("button", name="取消").click()
    expect(asked).to_be_hidden()
    assert live(shop)["consumption"] == "subscribe"

    page.get_by_role("button", name="启用短信").click()
    asked.get_by_role("button", name="保存并启用").click()
    expect(page.get_by_role("status")).to_have_text("「短信」已启用；「订阅消息」已停止，设置已保留。")
    panels = page.get_by_role("radiogroup", name="推送渠道").locator("label")
    expect(panels.nth(0)).to_contain_text("已停止，设置已保留")
    expect(panels.nth(1)).to_contain_text("使用中")
    assert live(shop) == {"consumption": "sms", "recharge": "sms", "points_change": "template"}
    after = saved(shop, "consumption", "subscribe")
    assert (after["template_id"], after["mapping"]) == (before["template_id"], before["mapping"])

    choose(page, "订阅消息")
    expect(page.get_by_role("textbox", name="会员姓名")).to_have_text("会员姓名")
    page.get_by_role("button", name="保存并启用订阅").click()
    page.get_by_role("dialog", name="改用订阅消息").get_by_role("button", name="保存并启用").click()
    expect(page.get_by_role("status")).to_have_text("「订阅消息」已启用；「短信」已停止，设置已保留。")
    again = saved(shop, "consumption", "subscribe")
    assert (again["live"], again["mapping"]) == (True, before["mapping"])
    assert live(shop) == {"consumption": "subscribe", "recharge": "sms", "points_change": "template"}


@pytest.mark.covers("S1-15")
def test_a_channel_is_stopped_after_a_question_and_keeps_its_settings(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    before = saved(shop, "consumption", "subscribe")
    login(page, stage, shop.admin, "/notices/consumption")
    page.get_by_role("button", name="停用").click()
    asked = page.get_by_role("dialog", name="停用订阅消息")
    expect(asked).to_contain_text("停用后，“会员消费”不再推送消息，设置会保留。")
    asked.get_by_role("button", name="停用").click()
    expect(page.get_by_role("status")).to_have_text("「订阅消息」已停用，这个场景不再推送消息。")
    assert live(shop) == {"recharge": "sms", "points_change": "template"}
    assert saved(shop, "consumption", "subscribe")["mapping"] == before["mapping"]


@pytest.mark.covers("S1-08")
def test_the_reminder_of_unused_coupons_has_its_days(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.admin, "/notices/coupon_unused")
    page.get_by_label("领取后第几天提醒").fill("7")
    page.get_by_label("到期前几天提醒").fill("2")
    page.get_by_label("到期前几天提醒").blur()
    page.get_by_role("button", name="保存提醒时间").click()
    expect(page.get_by_text("已保存", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="保存提醒时间")).to_be_disabled()
    [row] = [one for one in shop.api.get(f"{DOOR}/scenarios")["items"] if one["code"] == "coupon_unused"]
    assert row["options"] == {"remind_after_days": 7, "remind_before_days": 2}
    page.get_by_role("link", name="返回").click()
    expect(page.get_by_text("领取后 7 天提醒，到期前 2 天提醒")).to_be_visible()


def test_unsaved_changes_ask_before_they_are_lost(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    login(page, stage, shop.admin, "/notices/consumption")
    page.get_by_role("textbox", name="温馨提示").fill("谢谢光临")
    expect(page.get_by_text("未保存")).to_be_visible()
    page.get_by_role("link", name="推送记录").click()
    asked = page.get_by_role("dialog", name="修改还没有保存")
    asked.get_by_role("button", name="取消").click()
    expect(page.get_by_role("textbox", name="温馨提示")).to_have_text("谢谢光临")
    page.get_by_role("button", name="放弃修改").click()
    expect(page.get_by_role("textbox", name="温馨提示")).to_have_text("如非本人操作请联系门店")
    page.get_by_role("textbox", name="温馨提示").fill("谢谢光临")
    page.get_by_role("link", name="推送记录").click()
    asked.get_by_role("button", name="离开").click()
    expect(page).to_have_url(re.compile("/deliveries$"))
    assert saved(shop, "consumption", "subscribe")["mapping"]["thing5"] == "如非本人操作请联系门店"

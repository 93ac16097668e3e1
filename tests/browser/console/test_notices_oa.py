"""Template messages of the official account: the guide, default templates by one click after a look at what it does."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.notices_kit import live, mine, row_of, saved
from tests.browser.stage import Shop, Stage
from tests.browser.watch import login

WITH_MATCH = ["储值卡消费", "会员消费", "会员充值", "储值余额变动", "积分变动", "优惠券领取", "未使用优惠券提醒"]


@pytest.mark.covers("S1-121", "S1-120")
def test_the_page_has_its_place_its_warning_and_its_guide(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.admin, "/notices")
    page.get_by_role("navigation", name="主菜单").get_by_role("link", name="会员模板消息推送").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("会员模板消息推送")
    warning = page.get_by_role("note").filter(has_text="即将关闭、有风险")
    expect(warning).to_contain_text("随时可能关闭")
    expect(page.get_by_text("还没有连接公众号")).to_be_visible()
    expect(page.get_by_role("button", name="使用默认模板")).to_be_disabled()
    page.get_by_role("button", name="使用前必读").click()
    guide = page.get_by_role("dialog", name="使用前必读：开通模板消息")
    expect(guide).to_contain_text("只有已认证的服务号可以发送模板消息，只能发给关注者")
    expect(guide.get_by_role("heading", level=3)).to_have_text(
        ["登录公众平台", "申请模板消息功能", "选择服务类目", "连接公众号", "使用默认模板", "检查结果"]
    )


@pytest.mark.covers("S1-122", "S1-123", "S1-124", "S1-126")
def test_default_templates_are_used_after_a_preview_with_ticks(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    before = live(shop)
    kept = saved(shop, "consumption", "subscribe")["mapping"]
    login(page, stage, shop.admin, "/template-push")
    page.get_by_role("button", name="使用默认模板").click()
    dialog = page.get_by_role("dialog", name="使用默认模板")
    expect(dialog.get_by_role("columnheader")).to_have_text(["启用", "场景", "使用的模板", "影响"])
    rows = dialog.get_by_role("row")
    expect(rows).to_have_count(1 + len(WITH_MATCH))
    for place, name in enumerate(WITH_MATCH, start=1):
        expect(rows.nth(place).get_by_role("cell").nth(1)).to_have_text(name)
    expect(rows.nth(2)).to_contain_text("「订阅消息」将停止")
    expect(rows.nth(3)).to_contain_text("「短信」将停止")
    expect(rows.nth(5)).to_contain_text("账号里已有")
    expect(rows.nth(1)).to_contain_text("将添加到公众号")
    expect(dialog.get_by_role("note")).to_have_text(
        "「积分到期提醒」「自动签收提醒」没有可用模板，请为这些场景选择其他渠道。"
    )
    use = dialog.get_by_role("button", name="启用 7 个场景")
    expect(use).to_be_disabled()
    dialog.get_by_role("button", name="取消").click()
    expect(dialog).to_be_hidden()
    assert live(shop) == before
    assert [one["title"] for one in mine(shop, "template")] == ["积分变动提醒"]

    page.get_by_role("button", name="使用默认模板").click()
    rows.nth(3).locator(".el-checkbox").click()
    expect(dialog.get_by_role("checkbox", name="会员充值", exact=True)).not_to_be_checked()
    dialog.get_by_text("我知道「会员消费」现在使用的渠道会停止，设置会保留").click()
    dialog.get_by_role("button", name="启用 6 个场景").click()
    expect(dialog.get_by_role("status")).to_have_text("处理完成：")
    expect(dialog.get_by_role("listitem").filter(has_text="会员消费").filter(has_text="已启用模板")).not_to_have_count(
        0
    )
    dialog.get_by_role("button", name="关闭").last.click()
    now = live(shop)
    assert (now["consumption"], now["recharge"], now["points_change"]) == ("template", "sms", "template")
    assert "auto_sign_off" not in now
    assert saved(shop, "consumption", "subscribe")["mapping"] == kept
    table = page.get_by_role("region", name="自动推送场景")
    expect(table.get_by_role("row").filter(has_text="会员消费后").get_by_text("已启用模板")).to_be_visible()
    unmatched = table.get_by_role("row").filter(has_text="自动签收提醒")
    expect(unmatched).to_contain_text("无可用模板，请改用其他渠道")


@pytest.mark.covers("S1-125")
def test_what_an_enabled_template_says_can_be_changed(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    login(page, stage, shop.admin, "/template-push")
    page.get_by_role("link", name="修改内容 积分变动").click()
    expect(page.get_by_role("note").filter(has_text="模板消息随时可能被微信关闭")).to_be_visible()
    reason = page.get_by_role("textbox", name="变动原因")
    expect(reason).to_have_text("变动原因")
    reason.fill("积分有变动")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("「模板消息」已启用。")
    assert saved(shop, "points_change", "template")["mapping"]["thing1"] == "积分有变动"
    assert row_of(page, "优点") is not None

"""For every reader: two languages, narrow screens, no serious fault that axe finds; who may only look cannot change."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.readers import faults_of
from tests.browser.stage import LIN, Shop, Stage
from tests.browser.watch import login

PAGES = {
    "/notices": "Notices",
    "/notices/consumption": "Consumption",
    "/notices/recharge": "Recharge",
    "/notices/coupon_unused": "Unused coupon reminder",
    "/subscribe-push": "Subscription messages",
    "/my-templates": "My subscription templates",
    "/sms": "SMS",
    "/template-push": "Template messages",
    "/deliveries": "Message log",
    "/sms-records": "SMS log",
}
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_page_is_sound_fits_and_speaks_the_language(stage: Stage, shop: Shop, page: Page, language: str) -> None:
    shop.open_for_business()
    shop.member(LIN)
    shop.buys(LIN)
    page.add_init_script(f"localStorage.setItem('huida.language', '{language}')")
    login(page, stage, shop.admin, "/notices")
    for path, title in PAGES.items():
        page.goto(stage.console + path)
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_be_visible()
        expect(page.locator(".el-skeleton")).to_have_count(0)
        if language == "en":
            expect(heading).to_contain_text(title)
            expect(page).to_have_title(re.compile(r"^[^\u4e00-\u9fff]+ · "))
            for text in page.locator("main :is(h2, h3, th, button, label)").all_inner_texts():
                assert not HAN.search(re.sub(r"【.*?】", "", text)), (path, text)
        for width in (1280, 768):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        page.set_viewport_size({"width": 1280, "height": 800})
        assert faults_of(page) == [], path


@pytest.mark.parametrize(
    ("path", "button"),
    [
        ("/my-templates", "添加模板"),
        ("/sms", "修改签名"),
        ("/template-push", "使用默认模板"),
        ("/subscribe-push", "使用前必读"),
    ],
)
def test_the_dialogs_are_sound(stage: Stage, shop: Shop, page: Page, path: str, button: str) -> None:
    shop.open_for_business()
    login(page, stage, shop.admin, path)
    page.get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog", name=button)
    expect(dialog).to_be_visible()
    expect(dialog.locator(".el-skeleton")).to_have_count(0)
    if button == "添加模板":
        expect(dialog.get_by_role("link", name="扫码登录微信公众平台")).to_be_visible()
        assert faults_of(page) == []
        dialog.get_by_role("button", name="选用 会员消费通知", exact=True).click()
        expect(dialog.get_by_role("listitem").first).to_be_visible()
    expect(dialog).to_have_css("opacity", "1")
    assert faults_of(page) == []
    page.set_viewport_size({"width": 768, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 768


def test_a_shop_that_has_nothing_yet_is_told_what_to_do(stage: Stage, shop: Shop, page: Page) -> None:
    shop.connect()
    login(page, stage, shop.admin, "/my-templates")
    expect(page.get_by_role("note")).to_contain_text("小程序还没有开通订阅消息功能，暂时不能添加模板。")
    assert faults_of(page) == []
    page.goto(f"{stage.console}/notices/consumption?channel=subscribe")
    expect(page.get_by_role("link", name="我的订阅消息模板")).to_be_visible()
    assert faults_of(page) == []


def test_who_may_only_look_is_offered_nothing_to_change(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    login(page, stage, shop.staff("viewer"), "/notices/consumption")
    expect(page.get_by_role("textbox", name="卡号")).to_have_attribute("contenteditable", "false")
    expect(page.get_by_role("button", name=re.compile("保存|停用|插入变量"))).to_have_count(0)
    page.goto(f"{stage.console}/my-templates")
    expect(page.get_by_role("cell", name="会员消费通知").first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("添加模板|删除|从微信同步"))).to_have_count(0)
    page.goto(f"{stage.console}/subscribe-push")
    expect(page.get_by_text("账号的连接情况需要管理员查看。")).to_be_visible()

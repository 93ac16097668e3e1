"""What a template's fields say: fixed words and variables, checked while one types, seen on the phone."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.notices_kit import add_template, choose, connect_mini, live, phone, pick, saved, told_on
from tests.browser.stage import LIN, Shop, Stage
from tests.browser.watch import login

LABELS = ["卡号", "会员姓名", "消费时间", "消费金额", "温馨提示"]
SAID = {
    "character_string4": "{{card_no}}",
    "thing1": "{{member_name}}",
    "time3": "{{time}}",
    "amount2": "{{amount}}",
    "thing5": "如非本人操作请联系门店",
}


@pytest.fixture
def template_id(shop: Shop) -> str:
    connect_mini(shop)
    return add_template(shop, "会员消费通知", LABELS)


@pytest.mark.covers("S1-68", "S1-69", "S1-70")
def test_every_field_is_given_a_value_and_saved(stage: Stage, shop: Shop, page: Page, template_id: str) -> None:
    login(page, stage, shop.admin, "/subscribe-push")
    page.get_by_role("link", name="启用订阅 会员消费", exact=True).click()
    pick(page, page.get_by_role("combobox", name="消息模板"), "会员消费通知")
    page.get_by_role("button", name="填入推荐内容").click()
    for label, words in zip(
        LABELS, ["会员卡号", "会员姓名", "发生时间", "消费金额", "如非本人操作请联系门店"], strict=True
    ):
        expect(page.get_by_role("textbox", name=label)).to_have_text(words)
    page.get_by_role("button", name="保存并启用订阅").click()
    expect(page.get_by_role("status")).to_have_text("「订阅消息」已启用。")
    assert live(shop) == {"consumption": "subscribe"}
    kept = saved(shop, "consumption", "subscribe")
    assert (kept["template_id"], kept["mapping"]) == (template_id, SAID)


@pytest.mark.covers("S1-71")
def test_an_empty_field_is_named_and_nothing_is_saved(stage: Stage, shop: Shop, page: Page, template_id: str) -> None:
    login(page, stage, shop.admin, "/notices/consumption?channel=subscribe")
    pick(page, page.get_by_role("combobox", name="消息模板"), "会员消费通知")
    page.get_by_role("button", name="填入推荐内容").click()
    page.get_by_role("textbox", name="会员姓名").fill("")
    page.get_by_role("button", name="保存并启用订阅").click()
    expect(page.get_by_role("alert")).to_have_text(["请填写这个字段"])
    expect(page.get_by_role("textbox", name="会员姓名")).to_have_attribute("aria-invalid", "true")
    assert live(shop) == {}
    assert saved(shop, "consumption", "subscribe")["mapping"] == {}


@pytest.mark.covers("S1-71")
def test_what_breaks_the_limit_of_a_field_is_told_while_one_types_and_refused(
    stage: Stage, shop: Shop, page: Page, template_id: str
) -> None:
    login(page, stage, shop.admin, "/notices/consumption?channel=subscribe")
    pick(page, page.get_by_role("combobox", name="消息模板"), "会员消费通知")
    page.get_by_role("button", name="填入推荐内容").click()
    wrong = {
        "卡号": ("会员的卡", "内容不符合这种字段的格式，微信会拒收"),
        "消费金额": ("{{balance_delta}}", "变量“变动金额”不能用在这种字段里"),
        "会员姓名": ("{{secret_name}}", "这个场景没有变量“secret_name”，请删除或改用变量库里的变量"),
        "消费时间": ("{{time", "变量写法不完整，请检查大括号"),
    }
    for label, (words, _) in wrong.items():
        page.get_by_role("textbox", name=label).fill(words)
    tip = page.get_by_role("textbox", name="温馨提示")
    tip.fill("一二三四五六七八九十一二三四五六七八九十")
    expect(page.get_by_text("20/20", exact=True)).to_be_visible()
    tip.press_sequentially("多")
    expect(page.get_by_text("21/20", exact=True)).to_be_visible()
    expect(page.get_by_text("超过 20 个字的部分会被截短")).to_be_visible()
    for _, why in wrong.values():
        expect(page.get_by_role("alert").filter(has_text=why)).to_be_visible()
    expect(page.locator(".token.unknown")).to_have_text("secret_name")
    page.get_by_role("button", name="保存并启用订阅").click()
    expect(page.get_by_role("alert")).to_have_count(4)
    assert live(shop) == {}
    assert saved(shop, "consumption", "subscribe")["mapping"] == {}


@pytest.mark.covers("S1-70", "S1-51")
def test_a_variable_is_put_where_the_caret_is_with_the_keyboard_alone(
    stage: Stage, shop: Shop, page: Page, template_id: str
) -> None:
    login(page, stage, shop.admin, "/notices/consumption?channel=subscribe")
    pick(page, page.get_by_role("combobox", name="消息模板"), "会员消费通知")
    tip = page.get_by_role("textbox", name="温馨提示")
    tip.fill("在消费")
    tip.press("ArrowLeft")
    tip.press("ArrowLeft")
    page.get_by_role("button", name="插入变量到“温馨提示”").press("Enter")
    library = page.get_by_role("dialog", name="插入变量到“温馨提示”")
    expect(library.get_by_role("group")).to_have_count(4)
    expect(library.get_by_role("textbox")).to_be_focused()
    expect(library.get_by_role("group", name="门店").get_by_role("button")).to_have_text(["商户名称", "门店名称"])
    page.keyboard.type("门店")
    expect(library.get_by_role("group")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(library.get_by_role("button", name="门店名称")).to_be_focused()
    page.keyboard.press("Enter")
    expect(tip).to_be_focused()
    expect(tip.locator(".token")).to_have_text("门店名称")
    page.keyboard.type("里")
    expect(phone(page)).to_contain_text("在南门店里消费")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    expect(tip.locator(".token")).to_have_count(0)
    expect(phone(page)).to_contain_text("在消费")


def test_the_preview_shows_samples_or_a_member_of_ones_own(
    stage: Stage, shop: Shop, page: Page, template_id: str
) -> None:
    shop.member(LIN, card_no="6088123456")
    login(page, stage, shop.admin, "/notices/consumption?channel=subscribe")
    pick(page, page.get_by_role("combobox", name="消息模板"), "会员消费通知")
    page.get_by_role("button", name="填入推荐内容").click()
    expect(phone(page)).to_contain_text("6088000001")
    shown = told_on(page)
    assert shown | {"消费时间": ""} == {
        "卡号": "6088000001",
        "会员姓名": "林小满",
        "消费时间": "",
        "消费金额": "25.00元",
        "温馨提示": "如非本人操作请联系门店",
    }
    pick(page, page.get_by_role("combobox", name="选择会员"), "6088123456")
    expect(phone(page)).to_contain_text("6088123456")
    expect(page.get_by_text("点击后打开：会员中心 · 电子小票")).to_be_visible()
    assert live(shop) == {}


@pytest.mark.covers("S1-112", "S1-113")
def test_the_text_of_an_sms_is_locked_and_its_parameters_are_shown(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    login(page, stage, shop.admin, "/notices/consumption")
    choose(page, "短信")
    settings = page.get_by_role("region", name="短信设置")
    expect(settings.get_by_text("短信正文经运营商审核，由平台统一维护，不能修改；您只需选择是否启用。")).to_be_visible()
    expect(settings.locator("p.text")).to_contain_text("【会达】尾号0001于")
    expect(settings.get_by_role("textbox")).to_have_count(0)
    rows = settings.get_by_role("row")
    expect(rows.nth(1).get_by_role("cell").nth(0)).to_have_text("p1")
    expect(rows.nth(1).get_by_role("cell").nth(1)).to_have_text("会员卡号后四位")
    expect(rows.nth(1).get_by_role("cell").nth(2)).to_have_text("0001")
    expect(rows.nth(2).get_by_role("cell").nth(0)).to_have_text("p2")
    expect(rows.nth(2).get_by_role("cell").nth(1)).to_have_text("业务发生时间")
    expect(settings.get_by_text("计 1 条，¥0.10")).to_be_visible()
    expect(settings.locator("dd").first).to_contain_text("【会达】")
    page.get_by_role("button", name="启用短信").click()
    page.get_by_role("dialog", name="改用短信").get_by_role("button", name="保存并启用").click()
    expect(page.get_by_role("status")).to_be_visible()
    kept = saved(shop, "consumption", "sms")
    assert (kept["template_id"], kept["mapping"]) == ("SMS_100000014", {})

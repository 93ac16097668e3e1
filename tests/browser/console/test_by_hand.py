"""What hands do in the console: type without a mouse, send with Enter, go away in the middle (U-01, U-02, U-06 to U-08, U-15,
U-20, U-26). Text is typed with keys, since a browser takes that otherwise than a value that is set."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.console.pages import agree, dialog, field, rows, told
from tests.browser.mallshop import grant
from tests.browser.stage import CHEN, LIN, Shop, Stage
from tests.browser.watch import login
from tests.make import PASSWORD

pytestmark = pytest.mark.slow

SESSION = "huida_session"


def tabbed_to(page: Page, label: str) -> None:
    """Tab until the field with this label has the focus, as a cashier without a mouse does."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if (
            page.evaluate("() => document.activeElement.getAttribute('aria-label') || document.activeElement.id")
            == label
        ):
            return
    raise AssertionError(f"no way to {label} by Tab")


def purchases(shop: Shop) -> list[dict[str, Any]]:
    return list(shop.api.get("/api/console/orders/purchases")["items"])


def test_a_purchase_is_registered_without_a_mouse(stage: Stage, shop: Shop, page: Page) -> None:
    """U-01: who is typed is who is found; U-02: Enter sends 25.00; U-20: the list says whose it was, and what it comes to."""
    # given: more members than the list shows at once
    shop.store()
    for one in range(11):
        shop.api.post("/api/console/members", {"card_no": f"7000{one:04d}", "name": f"路人{one}"})
    shop.member(CHEN, card_no="60880002")
    login(page, stage, shop.admin, "/purchases")
    expect(page.get_by_text("还没有消费记录")).to_be_visible()

    # when: the picker is reached by Tab and the phone typed, and Enter comes before the answer does
    page.get_by_role("button", name="登记消费").first.click()
    form = dialog(page, "登记消费")
    waiting: list[Route] = []
    page.route("**/api/console/members?*", lambda route: waiting.append(route))
    page.evaluate("document.querySelector('[role=dialog]').focus()")
    tabbed_to(page, "选择会员")
    with page.expect_request("**/api/console/members?*13800000002*"):
        page.keyboard.type("13800000002")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    # then: nobody is chosen; whatever is answered late, the typed one is found
    expect(form.get_by_text("路人", exact=False)).to_have_count(0)
    for route in reversed(waiting):
        route.continue_()
    page.unroute("**/api/console/members?*")
    options = page.get_by_role("option").filter(visible=True)
    expect(options).to_have_count(1)
    expect(options).to_contain_text("陈一鸣")

    # when: a text that the list does not answer yet is typed over it, and Enter comes at once
    page.keyboard.press("End")
    for _ in range(11):
        page.keyboard.press("Backspace")
    page.keyboard.type("路人3")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(form.get_by_text("陈一鸣")).to_have_count(0)

    # when: it is answered
    expect(options).to_have_count(1)
    expect(options).to_contain_text("路人3")
    for _ in range(3):
        page.keyboard.press("Backspace")
    page.keyboard.type("陈一鸣")
    expect(options).to_contain_text("60880002")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(form.get_by_text("陈一鸣 · 60880002")).to_be_visible()

    # when: an ordinary amount, and Enter
    tabbed_to(page, "p-total")
    page.keyboard.type("25")
    with page.expect_response("**/api/console/orders/purchases"):
        page.keyboard.press("Enter")

    # then
    expect(form).to_be_hidden()
    assert [(one["card_no"], one["total_fen"]) for one in purchases(shop)] == [("60880002", 2500)]
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("陈一鸣")
    expect(rows(page).first).to_contain_text("卡号尾号 0002")

    # when: filtered by amount
    expect(page.get_by_test_id("sums")).to_have_count(0)
    field(page, "最低金额").fill("20")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("sums")).to_contain_text("共 1 笔，金额 ¥25.00，其中储值支付 ¥0.00")
    href = page.get_by_role("link", name="导出").get_attribute("href") or ""
    assert href.endswith("?from_fen=2000")
    field(page, "最低金额").fill("25.01")
    page.keyboard.press("Enter")
    expect(page.get_by_text("没有符合条件的记录")).to_be_visible()
    expect(page.get_by_test_id("sums")).to_contain_text("共 0 笔")


def test_ordinary_amounts_are_saved_and_errors_are_ours(stage: Stage, shop: Shop, page: Page) -> None:
    """U-02: no constraint of the browser stands before ours."""
    grant(shop)
    login(page, stage, shop.admin, "/mall/settings")
    expect(field(page, "每次至少")).to_have_value("1.00")
    with page.expect_response("**/api/console/mall/settings"):
        page.get_by_role("button", name="保存").click()
    told(page, "已保存")
    field(page, "每次至少").fill("25")
    with page.expect_response("**/api/console/mall/settings"):
        page.keyboard.press("Enter")
    assert shop.api.get("/api/console/mall")["settings"]["withdraw_from_fen"] == 2500

    # when: a coupon of 5.50, with Enter
    page.goto(f"{stage.console}/coupons")
    page.get_by_role("button", name="新增券种").first.click()
    form = dialog(page, "新增券种")
    field(form, "名称").fill("五元券")
    page.locator("#c-amount").fill("5.5")
    page.keyboard.press("Enter")
    expect(form).to_be_hidden()
    made = shop.api.get("/api/console/coupons/templates")["items"]
    assert [(one["name"], one["amount_fen"]) for one in made] == [("五元券", 550)]


def test_confirmations_are_boxes_not_bands(stage: Stage, shop: Shop, page: Page) -> None:
    """U-07, and U-26: the key's end is called so, and a long scope stays in its box."""
    shop.api.post("/api/console/keys", {"name": "till", "scopes": ["mall.write"]})
    login(page, stage, shop.admin, "/keys")
    expect(page.get_by_role("columnheader", name="密钥末四位")).to_be_visible()
    expect(rows(page).first).to_contain_text("未使用")
    for width, most in ((1280, 440), (390, 358)):
        page.set_viewport_size({"width": width, "height": 800})
        page.get_by_role("button", name="停用").first.click()
        box = page.locator(".el-message-box").bounding_box()
        assert box is not None and box["width"] == most, (width, box)
        page.keyboard.press("Escape")
        expect(page.locator(".el-message-box")).to_be_hidden()
    page.get_by_role("button", name="创建密钥").first.click()
    form = dialog(page, "创建密钥")
    for size in (390, 1280):
        page.set_viewport_size({"width": size, "height": 800})
        over = form.evaluate(
            """(form) => [...form.querySelectorAll('.scopes .el-checkbox')].filter((one) => one.scrollWidth > one.clientWidth
              || one.getBoundingClientRect().right > form.getBoundingClientRect().right).map((one) => one.innerText)"""
        )
        assert over == [], size


def test_what_was_typed_is_not_lost(stage: Stage, shop: Shop, page: Page) -> None:
    """U-15: another page, Esc, and a login that ended in the middle."""
    grant(shop)
    shop.store()
    login(page, stage, shop.admin, "/mall/products/new")
    asked = page.locator(".el-message-box")
    menu = page.get_by_role("navigation", name="主菜单")

    # when: a product is half filled in and another entry of the menu pressed
    for path, label, text in (
        ("/mall/products/new", "商品名称", "明前龙井"),
        ("/mall/settings", "每次至少", "3"),
        ("/pay-account", "商户号", "1900000001"),
        ("/settings", "商户全称", "山月"),
    ):
        page.goto(stage.console + path)
        field(page, label).click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(text)
        field(page, label).blur()
        menu.get_by_role("link", name="会员列表").click()

        # then: asked; who stays keeps it
        expect(asked).to_contain_text("修改还没有保存")
        asked.get_by_role("button", name="取消").click()
        expect(field(page, label)).to_have_value(re.compile(text))
        menu.get_by_role("link", name="会员列表").click()
        agree(page, "离开")
        expect(page).to_have_url(f"{stage.console}/members")

    # when: nothing was changed, nobody is asked
    page.goto(f"{stage.console}/mall/settings")
    expect(field(page, "每次至少")).to_have_value("1.00")
    menu.get_by_role("link", name="会员列表").click()
    expect(page).to_have_url(f"{stage.console}/members")

    # when: Esc in a dialog, with and without input
    page.get_by_role("button", name="新增会员").first.click()
    form = dialog(page, "新增会员")
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    page.get_by_role("button", name="新增会员").first.click()
    form = dialog(page, "新增会员")
    field(form, "姓名").click()
    page.keyboard.type("周晓芸")
    page.keyboard.press("Escape")
    expect(asked).to_contain_text("填写的内容会丢失")
    asked.get_by_role("button", name="取消").click()
    expect(field(form, "姓名")).to_have_value("周晓芸")

    # when: the login has ended, and the form is sent
    page.context.clear_cookies(name=SESSION)
    form.get_by_role("button", name="保存").click()
    again = dialog(page, "请重新登录")
    expect(field(again, "账号")).to_have_value(shop.admin.login)
    field(again, "密码").click()
    page.keyboard.type("wrong password")
    page.keyboard.press("Enter")
    expect(again.get_by_role("alert")).to_contain_text("不正确")
    field(again, "密码").fill(PASSWORD)
    page.keyboard.press("Enter")

    # then: it was sent after all, once
    expect(page.get_by_role("heading", name="周晓芸")).to_be_visible()
    assert [one["name"] for one in shop.api.get("/api/console/members")["items"]] == ["周晓芸"]


def test_an_administrator_without_a_password_gets_in_again(stage: Stage, shop: Shop, page: Page) -> None:
    """U-06: the operator gives a password that works once; U-08: a clerk sees the merchant's own names of levels."""
    # given
    login(page, stage, stage.operator, f"/platform/merchants/{shop.tenant}")
    card = page.get_by_role("region", name="商户管理员")
    expect(card).to_contain_text(shop.admin.login)

    # when
    card.get_by_role("button", name="重置管理员密码").click()
    agree(page, "重置管理员密码")
    password = page.get_by_test_id("one-time").inner_text()
    page.get_by_role("button", name="我已告知").click()
    page.context.clear_cookies()
    page.goto(f"{stage.console}/login")
    expect(page.get_by_text("忘记密码", exact=False)).to_be_visible()
    field(page, "账号").fill(shop.admin.login)
    field(page, "密码").fill(password)
    page.keyboard.press("Enter")

    # then: a password of one's own is asked for
    expect(page.get_by_role("alert")).to_contain_text("请设置您自己的新密码")
    field(page, "新密码").fill("short")
    field(page, "再输入一次新密码").fill("short")
    page.keyboard.press("Enter")
    expect(page.locator(".el-form-item__error")).to_contain_text("密码长度")
    field(page, "新密码").fill("a password of mine 7")
    field(page, "再输入一次新密码").fill("a password of mine 7")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{stage.console}/overview")


def test_a_clerk_sees_the_merchants_names_of_levels(stage: Stage, shop: Shop, page: Page) -> None:
    rules = shop.api.get("/api/console/loyalty/rules")
    rules["levels"][0]["name"] = "金叶会员"
    shop.api.put("/api/console/loyalty/rules", rules)
    member = shop.member(LIN)
    login(page, stage, shop.staff("store_staff"), "/members")
    expect(rows(page).first).to_contain_text("金叶会员")
    page.goto(f"{stage.console}/members/{member}")
    expect(page.locator(".member-card .level")).to_have_text("金叶会员")

"""Getting in and out of the console, and what each role sees."""

import re

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.pages import dialog, field, told
from tests.browser.stage import LIN, Shop, Stage
from tests.browser.watch import login
from tests.make import PASSWORD

WRONG = "账号、密码或验证码不正确；连续输错 5 次后需等待才能再试"


def type_in(page: Page, name: str, password: str) -> None:
    field(page, "账号").fill(name)
    field(page, "密码").fill(password)
    page.get_by_role("button", name="登录").click()


def test_who_is_not_known_logs_in_and_is_led_to_where_they_wanted(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    page.goto(f"{stage.console}/stores")
    expect(page).to_have_url(re.compile(r"/console/login\?from=/stores$"))

    # when: a wrong password
    type_in(page, shop.admin.login, "wrong password")

    # then: the reason, with the warning that it will slow down
    expect(page.get_by_role("alert")).to_have_text(WRONG)

    # when: the right one
    type_in(page, shop.admin.login, PASSWORD)

    # then
    expect(page).to_have_url(f"{stage.console}/stores")
    expect(page).to_have_title("门店 · 会达")


def test_an_ended_session_is_renewed_over_the_page_or_leads_to_the_login_and_back(
    stage: Stage, shop: Shop, page: Page
) -> None:
    # given
    login(page, stage, shop.admin, "/stores")
    expect(page.get_by_role("heading", name="门店")).to_be_visible()

    # when: the session has ended and the person goes on working
    page.context.clear_cookies()
    page.get_by_role("link", name="会员列表").click()

    # then: asked over the page; who logs in goes on there
    again = dialog(page, "请重新登录")
    expect(again.get_by_role("alert")).to_have_text("登录已过期，请重新登录")
    field(again, "密码").fill(PASSWORD)
    again.get_by_role("button", name="登录", exact=True).click()
    expect(again).to_be_hidden()
    expect(page).to_have_url(f"{stage.console}/members")
    expect(page.get_by_text("还没有会员", exact=False)).to_be_visible()

    # when: somebody else wants to log in
    page.context.clear_cookies()
    page.get_by_role("link", name="员工与权限", exact=True).click()
    dialog(page, "请重新登录").get_by_role("button", name="不登录了", exact=False).click()

    # then
    expect(page).to_have_url(re.compile(r"/console/login\?from="))
    expect(page.get_by_role("alert")).to_have_text("登录已过期，请重新登录")
    type_in(page, shop.admin.login, PASSWORD)
    expect(page).to_have_url(re.compile(r"/console/(members|staff)$"))


def test_the_second_factor_is_set_up_by_its_qr_code_and_then_asked_for(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    login(page, stage, shop.admin, "/account")

    # when: it is turned on, first without the right password, then with a wrong code
    page.get_by_role("button", name="开启两步验证").click()
    expect(page.get_by_role("img", name="两步验证二维码")).to_be_visible()
    secret = page.locator("#totp code").inner_text()
    field(page, "动态验证码").fill("000000" if pyotp.TOTP(secret).now() != "000000" else "111111")
    page.locator("#totp-password").fill("not my password")
    page.get_by_role("button", name="确认开启").click()
    expect(page.locator("#totp .el-form-item__error")).to_have_text(WRONG)
    page.locator("#totp-password").fill(PASSWORD)
    page.get_by_role("button", name="确认开启").click()
    expect(page.locator("#totp .el-form-item__error")).to_have_text("动态验证码不正确")
    field(page, "动态验证码").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="确认开启").click()
    told(page, "两步验证已开启")

    # when: logging in again with the password alone
    page.get_by_role("button", name="我的账号").click()
    page.get_by_role("menuitem", name="退出登录").click()
    type_in(page, shop.admin.login, PASSWORD)

    # then: the code is asked for; the one that was spent is refused
    expect(field(page, "动态验证码")).to_be_focused()
    field(page, "动态验证码").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="登录").click()
    expect(page.locator("main").get_by_role("alert")).to_have_text(WRONG)


def test_a_new_password_ends_the_session(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    login(page, stage, shop.admin, "/account")

    # when: the old one is wrong, the new ones differ
    field(page, "当前密码").fill("not my password")
    field(page, "新密码").fill("a new password 7")
    field(page, "再输入一次新密码").fill("a new password 8")
    page.get_by_role("button", name="修改密码").click()
    expect(page.locator("#password .el-form-item__error")).to_have_text("两次输入的新密码不一致")
    field(page, "再输入一次新密码").fill("a new password 7")
    page.get_by_role("button", name="修改密码").click()
    expect(page.locator("#password .el-form-item__error").filter(has_text=WRONG)).to_have_count(1)

    # when
    field(page, "当前密码").fill(PASSWORD)
    page.get_by_role("button", name="修改密码").click()

    # then
    expect(page).to_have_url(re.compile(r"/console/login"))
    type_in(page, shop.admin.login, "a new password 7")
    expect(page).to_have_url(re.compile(r"/console/overview$"))


def test_a_viewer_sees_masked_phones_and_nothing_to_change(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    shop.store()
    member_id = shop.member(LIN)
    viewer = shop.staff("viewer")

    # when
    login(page, stage, viewer, "/members")

    # then: no write buttons, the phone partly hidden
    expect(page.get_by_text("138****0001")).to_be_visible()
    for name in ("新增会员", "导入"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("link", name="导出")).to_have_count(0)
    menu = page.get_by_role("navigation", name="主菜单")
    for name in ("优惠券", "积分与储值规则", "连接微信", "员工与权限", "接口密钥", "操作日志"):
        expect(menu.get_by_role("link", name=name)).to_have_count(0)
    for name in ("概览", "会员列表", "消费记录", "门店", "商户设置"):
        expect(menu.get_by_role("link", name=name)).to_have_count(1)

    # when: the member, the stores
    page.goto(f"{stage.console}/members/{member_id}")
    expect(page.get_by_text("138****0001")).to_be_visible()
    for name in ("冻结", "修改资料", "调整积分 / 储值"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.goto(f"{stage.console}/stores")
    expect(page.get_by_text("人民路店")).to_be_visible()
    expect(page.get_by_role("button", name="添加门店")).to_have_count(0)

    # when: the address of a page that is not for them
    page.goto(f"{stage.console}/keys")
    expect(page.get_by_role("heading", name="没有权限")).to_be_visible()


def test_shop_staff_redeem_but_do_not_set_up(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.staff("store_staff"), "/coupons")
    expect(page.get_by_role("tab")).to_have_text(["核销"])
    expect(page.get_by_role("navigation", name="主菜单").get_by_role("link", name="员工与权限")).to_have_count(0)


@pytest.mark.covers("S1-30")
@pytest.mark.parametrize("width", [1280, 768])
def test_the_menu_names_what_merchants_know(stage: Stage, shop: Shop, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    login(page, stage, shop.admin, "/stores")
    menu = page.get_by_role("navigation", name="主菜单")
    expect(menu.get_by_role("link", name="门店")).to_have_attribute("aria-current", "page")
    if width == 768:
        page.get_by_role("button", name="展开菜单").click()
        menu = page.get_by_role("dialog").get_by_role("navigation", name="主菜单")
    for name in ("会员列表", "连接微信", "会员订阅消息推送", "会员短信推送", "会员模板消息推送"):
        expect(menu.get_by_role("link", name=name)).to_be_visible()
    expect(menu.get_by_role("button", name="微平台管理")).to_have_attribute("aria-expanded", "true")


def test_the_simulator_is_never_forgotten(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.admin, "/stores")
    expect(page.get_by_role("link", name="模拟环境")).to_have_attribute("href", stage.sim_url)

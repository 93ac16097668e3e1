"""Getting in and out of the console, and what each role sees."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import LIN, Shop, Stage
from tests.browser.watch import login
from tests.make import PASSWORD


def test_who_is_not_known_logs_in_and_is_led_to_where_they_wanted(stage: Stage, shop: Shop, page: Page) -> None:
    page.goto(f"{stage.console}/stores")
    expect(page).to_have_url(re.compile(r"/console/login\?from=/stores$"))
    page.get_by_label("账号").fill(shop.admin.login)
    page.get_by_label("密码", exact=True).fill("wrong password")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_have_text("账号、密码或验证码不正确；连续失败 10 次将锁定 15 分钟")
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page).to_have_url(f"{stage.console}/stores")
    expect(page).to_have_title("门店 · 会达")


def test_an_ended_session_leads_to_the_login_and_back(stage: Stage, shop: Shop, page: Page) -> None:
    shop.member(LIN)
    login(page, stage, shop.admin, "/members")
    expect(page.get_by_role("heading", name="会员列表").first).to_be_visible()
    page.context.clear_cookies()
    page.reload()
    expect(page).to_have_url(re.compile(r"/console/login\?from=/members$"))


@pytest.mark.parametrize("width", [1280, 768])
def test_the_menu_names_what_merchants_know(stage: Stage, shop: Shop, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    login(page, stage, shop.admin, "/stores")
    menu = page.get_by_role("navigation", name="主菜单")
    expect(menu.get_by_role("link", name="会员列表")).to_be_visible()
    expect(menu.get_by_role("link", name="连接微信")).to_be_visible()
    expect(menu.get_by_role("link", name="门店")).to_have_attribute("aria-current", "page")

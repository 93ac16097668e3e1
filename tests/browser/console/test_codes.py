"""Verification codes in the console: what is missing is said, a template is chosen, and what was sent is listed."""

import os

import pytest
from playwright.sync_api import Page, expect

from huida.demo.stage import SMS_ACCOUNT
from tests.browser.console.notices_kit import pick
from tests.browser.readers import faults_of
from tests.browser.stage import Shop, Stage
from tests.browser.watch import login
from tests.flows.verification_kit import ALIYUN_CODE, CODE_TEXT

SHOTS = os.environ.get("HUIDA_SHOTS")


def shoot(page: Page, name: str) -> None:
    """A picture for who changes the page: `HUIDA_SHOTS=folder`."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.mark.covers("S2-17", "S2-42", "S2-43", "S2-44")
def test_a_code_is_switched_on_with_a_template(stage: Stage, shop: Shop, page: Page) -> None:
    # given: the platform's SMS, and no template yet
    operator = stage.as_operator()
    operator.put("/api/operator/sms/accounts/aliyun", {**SMS_ACCOUNT, "sdk_app_id": "", "weight": 100})
    operator.post("/api/operator/sms/prices", {"part_fen": 10})
    login(page, stage, shop.admin, "/notify/buyers?group=codes")
    card = page.get_by_test_id("code-login")
    expect(card).to_contain_text("请先在“模板设置 · 短信模板”中添加并启用这个场景的模板")
    expect(card.get_by_role("link", name="去添加短信模板")).to_be_visible()

    # when: a template is there
    body = {
        "name": "登录验证码",
        "scenario": "code_login",
        "content": CODE_TEXT,
        "codes": {"aliyun": ALIYUN_CODE},
        "mapping": {"code": "code"},
    }
    shop.api.post("/api/console/messaging/sms-templates", body)
    page.reload()
    card.locator(".el-switch").click()
    pick(page, card.get_by_role("combobox", name="短信模板"), "登录验证码")
    expect(card).to_contain_text("【会达】您的验证码为314159，5分钟内有效，请勿泄露给他人。")
    card.get_by_role("button", name="保存").click()

    # then
    expect(page.get_by_text("已保存")).to_be_visible()
    [saved] = [one for one in shop.api.get("/api/console/verification")["scenarios"] if one["live"]]
    assert (saved["scenario"], saved["trouble"]) == ("login", None)
    expect(page.get_by_text("还没有发送过验证码")).to_be_visible()


def test_the_shop_sets_its_limit_and_reads_that_customers_met_it(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    operator = stage.as_operator()
    operator.put("/api/operator/sms/accounts/aliyun", {**SMS_ACCOUNT, "sdk_app_id": "", "weight": 100})
    operator.post("/api/operator/sms/prices", {"part_fen": 10})
    body = {
        "name": "登录验证码",
        "scenario": "code_login",
        "content": CODE_TEXT,
        "codes": {"aliyun": ALIYUN_CODE},
        "mapping": {"code": "code"},
    }
    made = shop.api.post("/api/console/messaging/sms-templates", body)
    shop.api.put("/api/console/verification/login", {"live": True, "template_id": made["id"]})
    login(page, stage, shop.admin, "/notify/buyers?group=codes")
    card = page.get_by_role("region", name="发送限制")
    hour, day = card.get_by_label("本店每小时最多发送"), card.get_by_label("本店每天最多发送")
    expect(hour).to_have_value("500")
    expect(day).to_have_value("5000")
    expect(card.get_by_role("button", name="保存")).to_be_disabled()

    # when: a day below the hour is refused next to its field
    hour.fill("2")
    day.fill("1")
    card.get_by_role("button", name="保存").click()
    expect(card.get_by_text("每天的上限不能低于每小时的上限")).to_be_visible()
    shoot(page, "code-limits")
    hour.fill("1")
    day.fill("2")
    card.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已保存")).to_be_visible()
    page.reload()
    expect(hour).to_have_value("1")
    expect(day).to_have_value("2")

    # when: customers meet it
    for number, status in (("13700000001", 202), ("13700000002", 429)):
        wanted = {"m": shop.tenant, "scenario": "login", "phone": number, "device": number}
        asked = page.request.post(f"{stage.url}/api/member/codes", data=wanted)
        assert asked.status == status, asked.text()

    # then
    page.goto(f"{stage.url}/console/")
    told = page.get_by_role("listitem").filter(has_text="今天有顾客收不到验证码：已达到每小时 1 条的上限")
    expect(told).to_be_visible()
    shoot(page, "code-limit-met")
    told.get_by_role("link", name="去处理").click()
    expect(card).to_be_visible()
    page.set_viewport_size({"width": 768, "height": 900})
    card.scroll_into_view_if_needed()
    shoot(page, "code-limits-768")


def test_an_operator_caps_codes_and_the_shop_reads_that_the_cap_holds(stage: Stage, shop: Shop, page: Page) -> None:
    # given: the operator's page of the merchant
    login(page, stage, stage.operator, f"/platform/merchants/{shop.tenant}")
    card = page.get_by_role("region", name="验证码发送上限")
    expect(card).to_contain_text("每小时 500 条，每天 5,000 条")
    hour, day = card.get_by_label("平台上限：每小时"), card.get_by_label("平台上限：每天")
    expect(hour).to_have_value("")
    expect(card.get_by_role("button", name="保存")).to_be_disabled()

    # when: a day below the hour is refused next to its field, then a cap is set for the hour only
    hour.fill("20")
    day.fill("10")
    card.get_by_role("button", name="保存").click()
    expect(card.get_by_text("每天的上限不能低于每小时的上限")).to_be_visible()
    day.fill("")
    card.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已保存")).to_be_visible()
    expect(card.get_by_test_id("codes-now")).to_have_text("每小时 20 条，每天 5,000 条")
    card.scroll_into_view_if_needed()
    assert faults_of(page) == []
    shoot(page, "code-caps-operator")
    page.set_viewport_size({"width": 768, "height": 900})
    shoot(page, "code-caps-operator-768")

    # then: the merchant's page says so, and its own number is kept
    login(page, stage, shop.admin, "/notify/buyers?group=codes")
    page.set_viewport_size({"width": 1280, "height": 800})
    limits = page.get_by_role("region", name="发送限制")
    expect(limits.get_by_label("本店每小时最多发送")).to_have_value("500")
    expect(limits.get_by_test_id("codes-held")).to_have_text("您设的数超过平台上限，正在按平台上限执行：每小时 20 条。")
    expect(limits.get_by_test_id("codes-caps")).to_have_count(0)
    assert faults_of(page) == []
    shoot(page, "code-caps-shop")
    page.set_viewport_size({"width": 768, "height": 900})
    shoot(page, "code-caps-shop-768")
    limits.get_by_label("本店每小时最多发送").fill("5")
    limits.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已保存")).to_be_visible()
    expect(limits.get_by_test_id("codes-held")).to_have_count(0)
    expect(limits.get_by_test_id("codes-caps")).to_have_text("平台上限：每小时 20 条。按较小的数执行。")

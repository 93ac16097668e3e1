"""Verification codes in the console: what is missing is said, a template is chosen, and what was sent is listed."""

import pytest
from playwright.sync_api import Page, expect

from huida.demo.stage import SMS_ACCOUNT
from tests.browser.console.notices_kit import pick
from tests.browser.stage import Shop, Stage
from tests.browser.watch import login
from tests.flows.verification_kit import ALIYUN_CODE, CODE_TEXT


@pytest.mark.covers("S2-17", "S2-42", "S2-43", "S2-44")
def test_a_code_is_switched_on_with_a_template(stage: Stage, shop: Shop, page: Page) -> None:
    # given: the platform's SMS, and no template yet
    operator = stage.as_operator()
    operator.put("/api/operator/sms/accounts/aliyun", {**SMS_ACCOUNT, "weight": 100})
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

"""Members in the console: adding, finding, importing, exporting, and what one member's page tells and does."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.pages import agree, choose, dialog, field, rows, told
from tests.browser.stage import CHEN, LIN, Shop, Stage
from tests.browser.watch import login


def test_a_member_is_added_and_found_by_card_phone_and_name(stage: Stage, shop: Shop, page: Page) -> None:
    # given: nobody yet
    login(page, stage, shop.admin, "/members")
    expect(page.get_by_text("还没有会员，导入表格可以一次添加全部老会员")).to_be_visible()

    # when: a phone that is none
    page.get_by_role("button", name="新增会员").click()
    form = dialog(page, "新增会员")
    field(form, "卡号").fill("88880001")
    field(form, "姓名").fill("周晓芸")
    field(form, "手机号").fill("12345")
    form.get_by_role("button", name="保存").click()

    # then: said beside the field; nothing was added
    expect(form.locator(".el-form-item__error")).to_have_count(1)
    assert shop.api.get("/api/console/members")["items"] == []

    # when
    field(form, "手机号").fill("13912345678")
    form.get_by_role("button", name="保存").click()

    # then: their page opens
    expect(page.get_by_role("heading", name="周晓芸")).to_be_visible()
    expect(page.get_by_role("region", name="会员卡").or_(page.locator(".member-card"))).to_contain_text("88880001")

    # then: found in each way, and by nothing else
    page.goto(f"{stage.console}/members")
    for typed, found in (("88880001", 1), ("13912345678", 1), ("周晓", 1), ("晓芸", 0)):
        field(page, "卡号 / 手机号 / 姓名").fill(typed)
        if found:
            expect(rows(page)).to_have_count(1)
            expect(rows(page).first).to_contain_text("周晓芸")
        else:
            expect(page.get_by_text("没有符合条件的记录")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/members\?q="))
    page.get_by_role("button", name="重置").first.click()
    expect(rows(page)).to_have_count(1)


def test_the_export_holds_what_the_filters_show(stage: Stage, shop: Shop, page: Page) -> None:
    # given: two members, one of them frozen
    shop.member(LIN)
    frozen = shop.member(CHEN)
    shop.api.post(f"/api/console/members/{frozen}/freeze")
    login(page, stage, shop.admin, "/members?state=frozen")
    expect(rows(page)).to_have_count(1)

    # when
    with page.expect_download() as download:
        page.get_by_role("link", name="导出").click()

    # then
    lines = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert [(line["卡号"], line["手机号"]) for line in lines] == [(f'="{shop.cards[CHEN]}"', '="13800000002"')]


def test_points_are_corrected_with_a_reason_after_a_confirmation(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    member_id = shop.member(LIN)
    login(page, stage, shop.admin, f"/members/{member_id}?tab=ledger")
    page.get_by_role("button", name="调整积分 / 储值").click()
    form = dialog(page, "调整积分 / 储值")

    # when: no amount, no reason
    form.get_by_role("button", name="确认调整").click()
    expect(form.locator(".el-form-item__error")).to_have_text(["请填写大于 0 的数量", "请填写原因"])

    # when
    field(form, "数量").fill("120")
    field(form, "原因").fill("周年庆赠送")
    form.get_by_role("button", name="确认调整").click()
    expect(page.locator(".el-message-box")).to_contain_text(f"“林小满”（卡号 {shop.cards[LIN]}）的积分将变动 +120")
    agree(page, "确认调整")

    # then
    told(page, "已调整：+120")
    expect(page.locator(".member-card dd").first).to_have_text("120")
    expect(rows(page).first).to_contain_text("手工调整")
    expect(rows(page).first).to_contain_text("+120")

    # when: more stored value is taken away than there is
    page.get_by_role("button", name="调整积分 / 储值").click()
    form = dialog(page, "调整积分 / 储值")
    form.get_by_text("储值余额").click()
    form.get_by_text("减少").click()
    field(form, "数量").fill("5")
    field(form, "原因").fill("录入有误")
    form.get_by_role("button", name="确认调整").click()
    agree(page, "确认调整")

    # then: refused, nothing moved
    expect(page.locator(".el-message--error").or_(form.locator(".el-form-item__error"))).to_have_count(1)
    assert shop.api.get(f"/api/console/members/{member_id}")["balances"].get("cny_principal", 0) == 0


def test_what_is_cleared_in_a_profile_is_gone(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    shop.store()
    body = {"name": "林小满", "phone": "13800000001", "birthday": "1990-02-28", "store": "S01"}
    member_id = shop.api.post("/api/console/members", body)["id"]
    login(page, stage, shop.admin, f"/members/{member_id}")

    # when: only the name is changed, with the store on the screen the first time already
    page.get_by_role("button", name="修改资料").click()
    form = dialog(page, "修改资料")
    expect(form).to_contain_text("人民路店")
    field(form, "姓名").fill("林满")
    form.get_by_role("button", name="保存").click()
    told(page, "已保存")
    kept = shop.api.get(f"/api/console/members/{member_id}")
    assert (kept["name"], kept["phone"], kept["birthday"]) == ("林满", "13800000001", "1990-02-28")
    assert kept["store_id"] is not None

    # when
    page.get_by_role("button", name="修改资料").click()
    expect(form).to_contain_text("人民路店")
    field(form, "手机号").fill("")
    field(form, "生日").fill("")
    field(form, "生日").press("Enter")
    form.locator(".el-select").hover()
    form.locator(".el-select__clear").click()
    form.get_by_role("button", name="保存").click()
    expect(form).not_to_be_visible()

    # then
    gone = shop.api.get(f"/api/console/members/{member_id}")
    assert (gone["name"], gone["phone"], gone["birthday"], gone["store_id"]) == ("林满", None, None, None)


def test_a_frozen_member_is_asked_about_and_thawed_again(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    member_id = shop.member(LIN)
    login(page, stage, shop.admin, f"/members/{member_id}")

    # when: asked and declined
    page.locator("main").get_by_role("button", name="冻结", exact=True).click()
    expect(page.locator(".el-message-box")).to_contain_text("林小满")
    agree(page, "取消")
    assert shop.api.get(f"/api/console/members/{member_id}")["state"] == "active"

    # when
    page.locator("main").get_by_role("button", name="冻结", exact=True).click()
    agree(page, "冻结")
    expect(page.get_by_text("已冻结", exact=True).first).to_be_visible()
    assert shop.api.get(f"/api/console/members/{member_id}")["state"] == "frozen"

    # when
    page.locator("main").get_by_role("button", name="解冻").click()
    agree(page, "解冻")
    expect(page.locator("main").get_by_role("button", name="冻结", exact=True)).to_be_visible()
    assert shop.api.get(f"/api/console/members/{member_id}")["state"] == "active"


@pytest.mark.covers("S1-78")
def test_the_timeline_says_why_a_message_was_sent_and_why_another_was_not(stage: Stage, shop: Shop, page: Page) -> None:
    # given: a purchase that was told, by one of five subscriptions
    shop.open_for_business()
    member_id = shop.member(LIN)
    shop.welcome(LIN)
    shop.buys(LIN, 2500)

    # when
    login(page, stage, shop.admin, f"/members/{member_id}")
    line = page.locator("li").filter(has_text="在人民路店消费 ¥25.00，得 25 积分")
    expect(line).to_contain_text("订阅消息 已送达")
    line.get_by_role("button", name="为什么发").click()

    # then
    trace = line.locator("section")
    expect(trace.get_by_role("heading")).to_have_text("为什么发 / 没发")
    expect(trace.locator("li")).to_have_count(2)
    expect(trace.locator("li").first).to_contain_text("会员消费")
    expect(trace.locator("li").nth(1)).to_contain_text("已合并到“会员消费”，同一件事只发一条")

    # then: four of five subscriptions are left
    page.get_by_role("tab", name="微信与订阅").click()
    credit = rows(page.get_by_role("tabpanel", name="微信与订阅")).filter(has_text="会员消费通知")
    expect(credit.locator("td")).to_have_text(["会员消费通知", "5", "1", "4", ""])


def test_a_coupon_is_given_and_shown(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    member_id = shop.member(LIN)
    terms = {
        "name": "满50减10",
        "kind": "cash",
        "total": 5,
        "amount_fen": 1000,
        "threshold_fen": 5000,
        "valid_days": 30,
    }
    template = shop.api.post("/api/console/coupons/templates", terms)["id"]
    shop.api.post(f"/api/console/coupons/templates/{template}/on")
    login(page, stage, shop.admin, f"/members/{member_id}?tab=coupons")

    # when
    page.get_by_role("button", name="发券").click()
    form = dialog(page, "发券")
    choose(page, field(form, "券种"), "满50减10")
    form.get_by_role("button", name="发放").click()

    # then
    told(page, "已发放")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("满50减10")
    expect(rows(page).first).to_contain_text("未使用")

"""Daily work in the console: purchases by hand, coupons, the rules; and what the platform's operator does."""

import base64
import re

import pytest
from playwright.sync_api import Page, Route, expect

from huida.demo.stage import SMS_ACCOUNT
from tests import make
from tests.browser.console.pages import agree, choose, dialog, field, pick_member, rows, told
from tests.browser.stage import CHEN, LIN, Api, Shop, Stage
from tests.browser.watch import login
from tests.make import PASSWORD, number

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_a_purchase_is_entered_by_hand_and_counted_once(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    shop.store()
    member_id = shop.member(LIN)
    shop.member(CHEN)
    login(page, stage, shop.admin, "/purchases")

    # when: incomplete
    page.get_by_role("button", name="登记消费").first.click()
    form = dialog(page, "登记消费")
    form.get_by_role("button", name="登记").click()
    expect(form.locator(".el-form-item__error")).to_have_text(["请填写此项", "请填写此项"])

    # when
    pick_member(page, form, "林小", "林小满")
    field(form, "消费金额").fill("88.5")
    form.get_by_role("button", name="登记").click()

    # then
    told(page, "已登记，获得 88 积分")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("¥88.50")
    assert shop.api.get(f"/api/console/members/{member_id}")["balances"]["points"] == 88

    # when: more stored value than there is
    page.get_by_role("button", name="登记消费").first.click()
    form = dialog(page, "登记消费")
    pick_member(page, form, shop.cards[LIN], "林小满")
    field(form, "消费金额").fill("10")
    field(form, "其中用储值支付").fill("10")
    form.get_by_role("button", name="登记").click()
    expect(page.locator(".el-message-box")).to_contain_text(f"“林小满”（卡号 {shop.cards[LIN]}）的储值余额扣除 ¥10.00")
    agree(page, "登记")

    # then: refused in words
    expect(page.locator(".el-message--error, .el-form-item__error").filter(has_text=re.compile("余额"))).to_have_count(
        1
    )
    assert len(shop.api.get("/api/console/orders/purchases")["items"]) == 1


def test_a_store_is_chosen_even_if_the_stores_come_late(stage: Stage, shop: Shop, page: Page) -> None:
    shop.store()
    held: list[Route] = []
    page.route("**/api/console/stores", lambda route: held.append(route), times=1)
    with page.expect_request("**/api/console/stores"):
        login(page, stage, shop.admin, "/purchases")
    page.get_by_role("button", name="登记消费").first.click()
    form = dialog(page, "登记消费")
    form.get_by_role("button", name="登记").click()
    expect(form.locator(".el-form-item__error")).to_have_count(3)
    for route in held:
        route.continue_()
    expect(form).to_contain_text("人民路店")
    expect(form.locator(".el-form-item__error")).to_have_count(2)


def test_who_is_found_stays_but_is_not_picked_while_the_next_search_is_under_way(
    stage: Stage, shop: Shop, page: Page
) -> None:
    shop.member(LIN)
    login(page, stage, shop.admin, "/purchases")
    page.get_by_role("button", name="登记消费").first.click()
    form = dialog(page, "登记消费")
    box = form.get_by_label("选择会员")
    box.click()
    option = page.get_by_role("option", name="林小满")
    expect(option).to_be_visible()
    held: list[Route] = []
    page.route("**/api/console/members?q=6088*", lambda route: held.append(route))
    with page.expect_request("**/api/console/members?q=6088*"):
        box.fill("6088")
    # then: the list answers another text (U-01): it stays where it is, and a click on it chooses nobody
    expect(option).to_have_attribute("aria-disabled", "true")
    option.click(force=True)
    expect(form).not_to_contain_text("林小满 ·")
    held.pop().continue_()
    expect(option).to_have_count(0)

    # when: what is typed is answered
    page.unroute("**/api/console/members?q=6088*")
    box.fill(shop.cards[LIN])
    expect(option).not_to_have_attribute("aria-disabled", "true")
    option.click()
    expect(form).to_contain_text(f"林小满 · {shop.cards[LIN]}")


def test_a_coupon_lives_from_its_terms_to_the_till(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    shop.member(LIN)
    login(page, stage, shop.admin, "/coupons")

    # when: terms that make no sense
    page.get_by_role("button", name="新增券种").first.click()
    form = dialog(page, "新增券种")
    field(form, "名称").fill("满50减10元券")
    form.get_by_role("button", name="保存").click()
    expect(form.locator(".el-form-item__error")).to_have_count(1)

    # when
    field(form, "减多少").fill("10")
    field(form, "满多少可用").fill("50")
    form.get_by_role("button", name="保存").click()

    # then: a draft, to be put on before it can be given
    expect(page.get_by_role("heading", name="满50减10元券")).to_contain_text("草稿")
    expect(page.get_by_role("button", name="发券")).to_be_disabled()
    page.get_by_role("button", name="开始发放").click()
    told(page, "已开始发放")
    page.get_by_role("button", name="发券").click()
    form = dialog(page, "发券")
    pick_member(page, form, shop.cards[LIN], "林小满")
    form.get_by_role("button", name="发放").click()
    expect(rows(page)).to_have_count(1)
    code = rows(page).locator(".mono").inner_text()

    # when: redeemed by its code, first mistyped
    page.goto(f"{stage.console}/coupons?tab=redeem")
    field(page, "券码").fill("AAAAAAAAAA")
    page.get_by_role("button", name="查询").click()
    expect(page.locator(".el-form-item__error")).to_have_count(1)
    field(page, "券码").fill(code.lower())
    page.get_by_role("button", name="查询").click()
    field(page, "订单金额").fill("66")
    page.get_by_role("button", name="确认核销").click()

    # then
    expect(page.get_by_role("status").filter(has_text="核销成功")).to_have_text("核销成功，本单减 ¥10.00")
    assert shop.api.get(f"/api/console/coupons/codes/{code}")["state"] == "used"

    # when: it is taken back
    page.goto(f"{stage.console}/coupons")
    page.get_by_role("link", name="满50减10元券").click()
    rows(page).get_by_role("button", name="撤销核销").click()
    agree(page, "撤销核销")
    expect(rows(page)).to_contain_text("未使用")
    assert shop.api.get(f"/api/console/coupons/codes/{code}")["state"] == "issued"


def test_reminders_of_unused_coupons_have_their_days(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.admin, "/coupons?tab=reminders")
    field(page, "领取后多少天未使用时提醒").fill("7")
    field(page, "过期前多少天提醒").fill("3")
    page.get_by_role("button", name="保存").click()
    told(page, "已保存")
    kept = shop.api.get("/api/console/coupons/reminders")
    assert (kept["remind_after_days"], kept["remind_before_days"]) == (7, 3)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_who_saves_what_another_has_changed_meanwhile_is_told(
    stage: Stage, shop: Shop, page: Page, language: str
) -> None:
    login(page, stage, shop.admin, "/coupons?tab=reminders")
    expect(field(page, "过期前多少天提醒")).to_have_value("3")
    field(page, "领取后多少天未使用时提醒").fill("7")
    if language == "en":
        page.get_by_role("button", name="EN", exact=True).click()
    shop.api.put("/api/console/coupons/reminders", {"remind_after_days": 1, "remind_before_days": 2})
    page.get_by_role("button", name={"zh-CN": "保存", "en": "Save"}[language]).click()
    words = {"zh-CN": "其他人刚刚修改过这里，请重新加载后再保存", "en": "Somebody else has changed this meanwhile"}
    told(page, words[language])
    kept = shop.api.get("/api/console/coupons/reminders")
    assert (kept["remind_after_days"], kept["remind_before_days"]) == (1, 2)

    # when, then: what is there now is loaded, and can be changed and saved
    page.get_by_role("button", name={"zh-CN": "重新加载", "en": "Load again"}[language]).click()
    before = field(page, {"zh-CN": "过期前多少天提醒", "en": "Remind so many days before the end"}[language])
    expect(before).to_have_value("2")


def test_rules_that_somebody_overtook_can_be_saved_after_giving_up_the_change(
    stage: Stage, shop: Shop, page: Page
) -> None:
    login(page, stage, shop.admin, "/loyalty")
    unsaved = page.get_by_role("region", name="有未保存的修改")
    rules = shop.api.get("/api/console/loyalty/rules")
    field(page, "每消费 ¥100 得").fill("300")
    page.keyboard.press("Tab")
    shop.api.put("/api/console/loyalty/rules", {**rules, "points_per_100_yuan": 150})
    unsaved.get_by_role("button", name="保存").click()
    told(page, "其他人刚刚修改过这里")
    unsaved.get_by_role("button", name="放弃修改").click()
    expect(field(page, "每消费 ¥100 得")).to_have_value("150")
    expect(unsaved).to_have_count(0)
    field(page, "每消费 ¥100 得").fill("250")
    page.keyboard.press("Tab")
    unsaved.get_by_role("button", name="保存").click()
    told(page, "已保存")
    assert shop.api.get("/api/console/loyalty/rules")["points_per_100_yuan"] == 250


def test_rules_are_tried_out_before_they_are_saved(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    before = shop.api.get("/api/console/loyalty/rules")
    login(page, stage, shop.admin, "/loyalty")

    # when
    field(page, "每消费 ¥100 得").fill("200")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="添加一档").click()

    # then: examples at once, nothing saved
    expect(page.get_by_text("普通会员 在普通门店消费 ¥100，得 200 积分")).to_be_visible()
    assert shop.api.get("/api/console/loyalty/rules") == before

    # when: leaving is asked about, and stayed
    page.get_by_role("navigation", name="主菜单").get_by_role("link", name="门店").click()
    agree(page, "取消")
    expect(page).to_have_url(f"{stage.console}/loyalty")

    # when
    field(page, "赠送金额 1").fill("15")
    page.keyboard.press("Tab")
    page.get_by_role("region", name="有未保存的修改").get_by_role("button", name="保存").click()

    # then
    told(page, "已保存")
    expect(page.get_by_text("充值 ¥100.00，到账 ¥115.00")).to_be_visible()
    expect(page.get_by_role("region", name="有未保存的修改")).to_have_count(0)
    rules = shop.api.get("/api/console/loyalty/rules")
    assert rules["points_per_100_yuan"] == 200
    assert rules["gift_tiers"] == [{"from_fen": 10000, "gift_fen": 1500, "gift_points": 0}]


def test_the_short_name_is_what_the_bar_shows(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.admin, "/settings")
    field(page, "商户简称").fill("山月茶事（新）")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("banner")).to_contain_text("山月茶事（新）")


def test_the_operator_opens_a_merchant_and_gives_and_takes_the_module(stage: Stage, page: Page) -> None:
    # given
    login(page, stage, stage.operator, "/")
    expect(page).to_have_url(f"{stage.console}/platform/merchants")
    expect(page.get_by_role("navigation", name="主菜单").get_by_role("link", name="会员列表")).to_have_count(0)
    name = f"boss-{number()}-{stage.url.rsplit(':', 1)[1]}"

    # when
    page.get_by_role("button", name="开通商户").first.click()
    form = dialog(page, "开通商户")
    field(form, "商户全称").fill("杭州清和茶业有限公司")
    field(form, "商户简称").fill("清和茶")
    field(form, "登录账号").fill(name)
    field(form, "初始密码").fill(PASSWORD)
    form.get_by_role("button", name="开通").click()

    # then
    expect(page.get_by_role("heading", name="清和茶")).to_be_visible()
    merchant = int(page.url.rsplit("/", 1)[1])
    operator = stage.as_operator()

    # when: granted, one module of the two
    notices = page.locator(".module").filter(has_text="会员消息通知")
    mall = page.locator(".module").filter(has_text="商城")
    notices.get_by_role("button", name="开通模块").click()
    form = dialog(page, "开通模块")
    form.get_by_role("button", name="确认开通").click()
    expect(notices.get_by_text("长期有效")).to_be_visible()
    expect(mall.get_by_text("未开通", exact=True)).to_be_visible()
    held = operator.get(f"/api/operator/merchants/{merchant}")["entitlements"]
    assert [(one["module"], one["until"]) for one in held] == [("member_notices", None)]

    # when: withdrawn, after a warning
    notices.get_by_role("button", name="关闭模块").click()
    agree(page, "关闭模块")
    expect(notices.get_by_text("未开通", exact=True)).to_be_visible()
    assert operator.get(f"/api/operator/merchants/{merchant}")["entitlements"] == []

    # when: suspended and resumed
    page.get_by_role("button", name="暂停").click()
    agree(page, "暂停")
    expect(page.get_by_text("已暂停", exact=True).first).to_be_visible()
    assert operator.get(f"/api/operator/merchants/{merchant}")["state"] == "suspended"
    page.locator("main").get_by_role("button", name="恢复").click()
    agree(page, "恢复")
    expect(page.locator("main").get_by_role("button", name="暂停")).to_be_visible()
    assert operator.get(f"/api/operator/merchants/{merchant}")["state"] == "open"


def test_staff_of_a_merchant_are_not_let_into_the_platform(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.admin, "/platform/merchants")
    expect(page.get_by_role("heading", name="没有权限")).to_be_visible()
    expect(page.get_by_role("button", name="开通商户")).to_have_count(0)


@pytest.mark.covers("S1-97", "S1-98")
def test_the_operator_decides_about_a_signature_after_reading_its_papers(stage: Stage, shop: Shop, page: Page) -> None:
    # given: two shops have handed a signature in
    other = stage.run(make.staff(stage.db, stage.run(make.merchant(stage.db, name="隔壁小店"))))
    names = {f"山月{number()}": shop.api, f"隔壁{number()}": Api(stage.url).log_in(other)}
    papers = [("files", ("licence.png", PNG, "image/png"))]
    for name, api in names.items():
        api.post("/api/console/sms/signatures", data={"name": name, "source": "company"}, files=papers)
    (good, mine), (bad, theirs) = names.items()
    stage.as_operator().put("/api/operator/sms/accounts/aliyun", {**SMS_ACCOUNT, "sdk_app_id": "", "weight": 100})
    login(page, stage, stage.operator, "/platform/reviews")

    # when: one is looked at and approved
    rows(page).filter(has_text=good).get_by_role("button", name="审核").click()
    drawer = page.get_by_role("dialog", name="审核")
    expect(drawer.get_by_text("企业全称或简称")).to_be_visible()
    with page.expect_download() as download:
        drawer.get_by_role("link", name="licence.png").click()
    assert download.value.path().read_bytes() == PNG
    drawer.get_by_role("button", name="通过").click()
    agree(page, "通过")
    told(page, "已通过")

    # when: the other is rejected, first without a reason
    rows(page).filter(has_text=bad).get_by_role("button", name="审核").click()
    drawer = page.get_by_role("dialog", name="审核")
    expect(drawer.get_by_text("licence.png")).to_be_visible()
    drawer.get_by_role("button", name="拒绝").click()
    expect(drawer.locator(".el-form-item__error")).to_have_text("请填写此项")
    field(drawer, "拒绝原因").fill("营业执照看不清")
    drawer.get_by_role("button", name="拒绝").click()
    agree(page, "拒绝")

    # then
    expect(rows(page).filter(has_text=bad)).to_have_count(0)
    states = [api.get("/api/console/sms")["signatures"][0] for api in (mine, theirs)]
    assert [(one["state"], one["reason"]) for one in states] == [("approved", ""), ("rejected", "营业执照看不清")]


def test_the_operator_sets_up_what_sms_are_sent_with(stage: Stage, page: Page) -> None:
    # given
    operator = stage.as_operator()
    before = operator.get("/api/operator/sms")
    login(page, stage, stage.operator, "/platform/sms")

    # when: an account at Tencent Cloud, first without its secret
    page.locator(".one").filter(has_text="腾讯云短信").get_by_role("button").first.click()
    form = dialog(page, "腾讯云短信账号")
    field(form, "密钥 ID").fill("AKIDtest")
    form.get_by_role("button", name="保存").click()
    expect(form.locator(".el-form-item__error")).to_have_text("请填写此项")
    assert operator.get("/api/operator/sms")["accounts"] == before["accounts"]
    field(form, "密钥").fill("top-secret-value")
    field(form, "SdkAppId").fill("1400000001")
    form.get_by_role("button", name="保存").click()

    # then: kept, and the secret is never shown
    told(page, "已保存")
    expect(page.get_by_text("AKIDtest")).to_be_visible()
    expect(form).to_have_count(0)
    assert "top-secret-value" not in page.content()

    # when: a text whose variables are named
    page.get_by_role("button", name="添加模板").click()
    form = dialog(page, "添加模板")
    choose(page, field(form, "服务商"), "腾讯云短信")
    field(form, "模板编号").fill("100001")
    field(form, "内容").fill("您尾号{1}的会员卡于{2}消费成功")
    choose(page, field(form, "变量 2 填入"), "发生时间")
    choose(page, field(form, "变量 1 填入"), "卡号后四位")
    form.get_by_role("button", name="保存").click()

    # then
    expect(rows(page).filter(has_text="100001")).to_contain_text("会员消费")
    texts = [one for one in operator.get("/api/operator/sms")["texts"] if one["provider"] == "tencent"]
    assert [one["params"] for one in texts] == [{"1": "card_tail", "2": "time"}]

    # when: the account is turned off again
    page.locator(".one").filter(has_text="腾讯云短信").get_by_role("button", name="停用").click()
    agree(page, "停用")
    expect(page.locator(".one").filter(has_text="腾讯云短信")).to_contain_text("已停用")

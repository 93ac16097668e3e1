"""Setting a shop up in the console: the checklist, connecting WeChat, stores, staff, keys, and what the log tells of it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.pages import agree, choose, dialog, field, rows, told
from tests.browser.stage import LIN, Api, Shop, Stage
from tests.browser.watch import login
from tests.make import PASSWORD
from wesim import seed

NEEDED = [
    "开通会员消息通知",
    "添加门店",
    "连接小程序",
    "开通订阅消息功能",
    "添加订阅消息模板",
    "启用一个消息场景",
    "添加会员",
    "让一位会员订阅消息",
    "创建收银接口密钥",
    "发出第一条消息",
]


def test_the_checklist_leads_from_step_to_step_until_it_is_finished(stage: Stage, shop: Shop, page: Page) -> None:
    # given: nothing but the paid module
    login(page, stage, shop.admin, "/overview")
    expect(page.get_by_role("heading", name="开店清单：已完成 1/10 步")).to_be_visible()
    expect(page.get_by_text("下一步：添加门店")).to_be_visible()

    # when: the next step is taken
    page.get_by_role("link", name="添加门店").click()
    page.get_by_role("button", name="添加门店").first.click()
    form = dialog(page, "添加门店")
    field(form, "门店代码").fill("S01")
    field(form, "门店名称").fill("人民路店")
    form.get_by_role("button", name="保存").click()
    told(page, "已保存")

    # then: it is ticked, and the one after it is next
    page.goto(f"{stage.console}/checklist")
    steps = page.locator("ol").first.locator("li")
    expect(steps.locator("h3")).to_contain_text(NEEDED)
    expect(steps.nth(1)).to_contain_text("已完成")
    expect(steps.nth(2)).to_have_class("next")
    expect(steps.nth(2).get_by_role("link", name="连接小程序: 连接小程序")).to_be_visible()

    # when: everything is done
    demo = stage.open_shop()
    demo.open_for_business()
    demo.member(LIN)
    demo.welcome(LIN)
    demo.buys(LIN)
    page.context.clear_cookies()
    login(page, stage, demo.admin, "/checklist")

    # then: the page says so, and the overview is without the card
    expect(page.get_by_text("全部完成，消息推送已经可以正常使用")).to_be_visible()
    page.goto(f"{stage.console}/overview")
    expect(page.get_by_role("heading", name="今日推送")).to_be_visible()
    expect(page.get_by_text("开店清单：已完成")).to_have_count(0)
    kpi = page.locator("article").filter(has_text="今日推送")
    expect(kpi.locator(".value")).to_have_text("1")
    expect(kpi).to_contain_text("已送达 1，未送达 0")
    demo.close()


@pytest.mark.covers("S1-10")
def test_without_the_paid_module_the_overview_says_so(stage: Stage, page: Page) -> None:
    shop = stage.open_shop(entitled=False)
    login(page, stage, shop.admin, "/overview")
    need = page.locator("li").filter(has_text="尚未开通会员消息通知，所有消息都不会发送")
    need.get_by_role("link", name="去处理").click()
    expect(page).to_have_url(f"{stage.console}/settings")
    expect(page.get_by_text("需要购买后由平台开通，请联系平台客服").first).to_be_visible()


@pytest.mark.covers("S1-31", "S1-32")
def test_a_mini_program_is_connected_checked_and_its_function_opened(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    login(page, stage, shop.admin, "/connections")
    page.get_by_role("link", name="连接小程序").click()

    # when: nothing is filled in
    page.get_by_role("button", name="保存并继续").click()
    expect(page.locator(".el-form-item__error")).to_have_text(["请填写此项"] * 3)

    # when: with a wrong secret
    field(page, "名称").fill("会达小店会员中心")
    field(page, "AppID").fill(seed.MINI_APPID)
    field(page, "AppSecret").fill("0" * 32)
    page.get_by_role("button", name="保存并继续").click()

    # then: the word stands at the field, and nothing is connected
    expect(page.locator(".el-form-item__error")).to_have_text(["微信不接受这个 AppSecret：请在微信后台核对或重置"])
    assert shop.api.get("/api/console/connections") == {"items": []}

    # when
    field(page, "AppSecret").fill(seed.MINI_SECRET)
    page.get_by_role("button", name="保存并继续").click()

    # then: what to enter at WeChat, to be copied
    expect(page.get_by_text(f"{stage.url}/callbacks/wechat/")).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="复制令牌（Token）").click()
    token = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"[A-Za-z0-9]{32}", token)

    # when
    page.get_by_role("button", name="已填写，下一步").click()

    # when: on the account's page the secret is changed, to a wrong one and to the right one
    expect(page.locator('li[data-state="ok"]')).to_have_count(4)
    page.get_by_role("button", name="完成").click()
    page.get_by_role("button", name="修改").click()
    form = dialog(page, "修改账号")
    field(form, "AppSecret").fill("0" * 32)
    form.get_by_role("button", name="保存").click()
    expect(form.locator(".el-form-item__error")).to_have_text(["微信不接受这个 AppSecret：请在微信后台核对或重置"])
    field(form, "AppSecret").fill(seed.MINI_SECRET)
    form.get_by_role("button", name="保存").click()
    told(page, "已保存")

    # then: it is checked again by itself; all but the callback, which WeChat has not reached yet
    expect(page.locator('li[data-state="ok"]')).to_have_count(4)
    expect(page.locator('li[data-state="warn"]')).to_contain_text("微信还没有访问过回调地址")

    # when: the function is opened, after reading how
    card = page.locator("section").filter(has=page.get_by_role("heading", name=re.compile("订阅消息功能")))
    expect(card).to_contain_text("未开通")
    card.get_by_role("button", name="使用前必读").click()
    guide = page.get_by_role("dialog", name="使用前必读：开通订阅消息")
    expect(guide.locator("h3")).to_have_text(["设置服务类目", "开通订阅消息", "回来确认", "请会员订阅"])
    page.keyboard.press("Escape")
    expect(guide).to_be_hidden()
    card.get_by_role("button", name="确认已开通").click()
    agree(page, "确认已开通")
    told(page, "已开通")
    assert shop.api.get(f"/api/console/connections/{seed.MINI_APPID}")["subscribe_open"] is True

    # when: and closed again
    card.get_by_role("button", name="关闭功能").click()
    agree(page, "取消")
    assert shop.api.get(f"/api/console/connections/{seed.MINI_APPID}")["subscribe_open"] is True
    card.get_by_role("button", name="关闭功能").click()
    agree(page, "关闭功能")
    expect(card).to_contain_text("未开通")
    assert shop.api.get(f"/api/console/connections/{seed.MINI_APPID}")["subscribe_open"] is False


def test_an_account_that_wechat_cannot_vouch_for_waits_and_is_tried_again(stage: Stage, shop: Shop, page: Page) -> None:
    # given: WeChat does not answer
    stage.sim.post("/_sim/faults", {"kind": "busy", "path": "/cgi-bin/stable_token"})
    login(page, stage, shop.admin, "/connections/new/mini")
    field(page, "名称").fill("会达小店会员中心")
    field(page, "AppID").fill(seed.MINI_APPID)
    field(page, "AppSecret").fill(seed.MINI_SECRET)
    page.get_by_role("button", name="保存并继续").click()

    # then: the account's page says so, and offers neither callback nor function
    expect(page.get_by_text("待验证", exact=True)).to_be_visible()
    expect(page.get_by_text("微信还没有确认这个账号的 AppSecret")).to_be_visible()
    expect(page.get_by_role("heading", name="订阅消息功能")).to_have_count(0)

    # when
    stage.sim.delete("/_sim/faults")
    page.get_by_role("button", name="重新检测").click()

    # then
    expect(page.get_by_text("待验证", exact=True)).to_have_count(0)
    expect(page.get_by_text("已连接，有提醒")).to_be_visible()


def test_an_account_is_disconnected_only_after_a_warning(stage: Stage, shop: Shop, page: Page) -> None:
    shop.connect()
    login(page, stage, shop.admin, f"/connections/{seed.OA_APPID}")
    page.get_by_role("button", name="断开连接").click()
    expect(page.locator(".el-message-box")).to_contain_text("断开“会达小店”后，所有模板消息场景停止推送。")
    agree(page, "断开连接")
    expect(page).to_have_url(f"{stage.console}/connections")
    expect(page.get_by_role("link", name="连接公众号")).to_be_visible()
    expect(page.get_by_role("heading", name="以前连接过的账号")).to_be_visible()


def test_a_store_is_added_changed_and_closed(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    shop.store("S01", "人民路店")
    login(page, stage, shop.admin, "/stores")

    # when: a code that is taken
    page.get_by_role("button", name="添加门店").click()
    form = dialog(page, "添加门店")
    field(form, "门店代码").fill("S01")
    field(form, "门店名称").fill("南门店")
    form.get_by_role("button", name="保存").click()
    expect(form.locator(".el-form-item__error")).to_have_count(1)

    # when
    field(form, "门店代码").fill("S02")
    form.get_by_role("button", name="保存").click()
    expect(rows(page)).to_have_count(2)
    row = rows(page).filter(has_text="S02")
    row.get_by_role("button", name="停用").click()
    expect(page.locator(".el-message-box")).to_contain_text("停用“南门店”")
    agree(page, "停用")

    # then
    expect(row).to_contain_text("已停用")
    states = {one["code"]: one["state"] for one in shop.api.get("/api/console/stores")["items"]}
    assert states == {"S01": "open", "S02": "closed"}


def test_staff_are_added_disabled_and_told_apart(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    login(page, stage, shop.admin, "/staff")
    name = f"clerk-{shop.tenant}"

    # when: a password that everybody knows
    page.get_by_role("button", name="添加员工").click()
    form = dialog(page, "添加员工")
    field(form, "登录账号").fill(name)
    field(form, "姓名").fill("小李")
    form.locator(".el-radio").filter(has_text="只读").click()
    field(form, "初始密码").fill("short")
    form.get_by_role("button", name="保存").click()
    expect(form.locator(".el-form-item__error")).to_contain_text("密码长度必须在")

    # when
    field(form, "初始密码").fill(PASSWORD)
    form.get_by_role("button", name="保存").click()
    row = rows(page).filter(has_text=name)
    expect(row).to_contain_text("只读")
    assert Api(stage.url).post("/api/console/login", {"login": name, "password": PASSWORD})["role"] == "viewer"

    # when: disabled; oneself cannot be
    expect(rows(page).filter(has_text="（我）").get_by_role("button", name="停用")).to_have_count(0)
    row.get_by_role("button", name="停用").click()
    agree(page, "停用")

    # then
    expect(row).to_contain_text("已停用")
    refused = Api(stage.url).http.post(
        f"{stage.url}/api/console/login", json={"login": name, "password": PASSWORD}, timeout=10
    )
    assert refused.status_code == 401


def test_a_key_is_shown_once_works_and_is_revoked(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    shop.store()
    shop.member(LIN)
    login(page, stage, shop.admin, "/keys")

    # when
    page.get_by_role("button", name="创建密钥").first.click()
    form = dialog(page, "创建密钥")
    form.get_by_role("button", name="创建").click()
    expect(form.locator(".el-form-item__error")).to_have_text("请填写此项")
    field(form, "用途").fill("人民路店收银台")
    form.get_by_role("button", name="创建").click()
    made = dialog(page, "密钥已创建")
    key = made.get_by_test_id("key").inner_text()
    made.get_by_role("button", name="我已保存").click()

    # then: it works, and is nowhere to be seen any more
    till = Api(stage.url, {"Authorization": f"Bearer {key}"})
    purchase = {"store": "S01", "till_no": "1", "card_no": shop.cards[LIN], "total_fen": 1000}
    assert till.post("/api/v1/purchases", purchase)["status"] == "recorded"
    expect(rows(page)).to_have_count(1)
    expect(made).to_have_count(0)
    assert key not in page.content()

    # when
    rows(page).get_by_role("button", name="停用").click()
    expect(page.locator(".el-message-box")).to_contain_text("人民路店收银台")
    agree(page, "停用")

    # then
    expect(rows(page)).to_contain_text("已停用")
    refused = till.http.post(f"{stage.url}/api/v1/purchases", json=purchase | {"till_no": "2"}, timeout=10)
    assert refused.status_code == 401


def test_the_log_tells_in_sentences_who_did_what(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    store = shop.store("S07", "老街店")
    shop.api.patch(f"/api/console/stores/{store}", {"phone": "0571-1"})
    key = shop.api.post("/api/console/keys", {"name": "收银台", "scopes": ["purchases.write"]})["id"]
    shop.api.delete(f"/api/console/keys/{key}")
    login(page, stage, shop.admin, "/audit")

    # then
    expect(rows(page).filter(has_text="新增门店 S07")).to_have_count(1)
    expect(rows(page).filter(has_text="修改了门店 S07：手机号")).to_contain_text(shop.admin.login)
    expect(rows(page).filter(has_text="创建了接口密钥“收银台”：上报消费、充值、退款")).to_have_count(1)

    # when: only keys
    choose(page, field(page, "类型"), "接口密钥")
    expect(rows(page)).to_have_count(2)
    expect(page).to_have_url(f"{stage.console}/audit?kind=key")

    # then: the filter is part of the address
    page.reload()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="重置").click()
    expect(rows(page).filter(has_text="新增门店 S07")).to_have_count(1)

"""Notices of the mall in the console, and on the simulated phones: buyers, staff bound by a code, templates that drift."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from huida.demo.stage import OA, SMS_ACCOUNT
from huida.modules import mall, members, tenants
from tests.browser.readers import faults_of
from tests.browser.stage import CHEN, LIN, Shop, Stage
from tests.browser.watch import login

DOOR = "/api/console/messaging"
PAID = "SMS_300000001"
PAID_TEXT = "您的订单${no}已支付，共${sum}元，我们会尽快发货。"


@pytest.fixture
def mall_shop(stage: Stage, shop: Shop) -> Shop:
    """A merchant with an open mall, both accounts connected, and the platform's SMS."""

    async def entitle() -> None:
        async with stage.db.tx(shop.tenant) as tx:
            await tenants.entitle(tx, mall.MODULE)

    stage.run(entitle())
    operator = stage.as_operator()
    operator.put("/api/operator/sms/accounts/aliyun", {**SMS_ACCOUNT, "sdk_app_id": "", "weight": 100})
    operator.post("/api/operator/sms/prices", {"part_fen": 10})
    stage.sim.post("/_sim/sms/templates", {"provider": "aliyun", "code": PAID, "content": PAID_TEXT, "kind": 1})
    shop.connect()
    shop.api.post("/api/console/connections/wx5e1f00000000b001/open-subscribe")
    return shop


def buyer(stage: Stage, shop: Shop, person: str = LIN) -> UUID:
    """A member who follows the official account."""
    member = shop.member(person)
    known = stage.sim.post("/_sim/follow", {"person": person, "app": OA})
    shop.settle()

    async def link() -> None:
        async with stage.db.tx(shop.tenant) as tx:
            await members.link_identity(tx, member, app_id=OA, openid=known["openid"])

    stage.run(link())
    return member


def pays(stage: Stage, shop: Shop, member: UUID, order_no: str = "M20261122000001") -> None:
    """An order of the mall is paid."""

    async def told() -> None:
        async with stage.db.tx(shop.tenant) as tx:
            tx.emit(
                mall.OrderPaid(
                    subject_id=member,
                    order_id=uuid4(),
                    order_no=order_no,
                    goods="茉莉花茶 等 3 件",
                    count=3,
                    total_fen=12800,
                    receiver="林小满",
                    transaction_id="4200002611220001",
                    occurred_at=tx.now,
                )
            )

    stage.run(told())
    shop.settle()


def panel(page: Page, channel: str) -> Locator:
    return page.get_by_test_id(f"panel-{channel}")


def switch(page: Page, channel: str) -> None:
    """Turn a channel on, and wait for what the page then says about the account."""
    panel(page, channel).locator(".el-switch").click()
    if channel != "sms":
        expect(page.get_by_test_id(f"fitness-{channel}")).to_be_visible()


def save(page: Page, channel: str) -> None:
    panel(page, channel).get_by_role("button", name="保存").click()


def choose(page: Page, box: Locator, option: str) -> None:
    """Choose in this drop-down list, not in one that is just closing."""
    box.locator("xpath=ancestor::*[contains(@class, 'el-select__wrapper')]").click()
    page.locator(f"[id='{box.get_attribute('aria-controls')}']").get_by_role("option", name=option, exact=True).click()


def chat(stage: Stage, person: str) -> list[dict[str, Any]]:
    """Messages of the official account on a phone, oldest first."""
    chats = stage.sim.get(f"/_sim/phones/{person}")["chats"]
    return [m for c in chats if c["kind"] == "official_account" for m in c["messages"]]


@pytest.mark.covers("S2-16", "S2-17", "S2-24", "S2-25", "S2-26", "S2-28", "S2-29", "S2-30", "S2-31", "S2-37", "X-01")
def test_a_buyers_notice_is_set_up_and_received(stage: Stage, mall_shop: Shop, page: Page) -> None:
    member = buyer(stage, mall_shop)
    login(page, stage, mall_shop.admin, "/")
    page.get_by_role("link", name="消息通知", exact=True).click()
    expect(page.get_by_role("heading", name="消息通知", exact=True)).to_be_visible()
    for tab in ("买家通知", "卖家通知", "模板设置", "短信购买", "短信签名"):
        expect(page.get_by_role("link", name=tab, exact=True)).to_be_visible()
    page.get_by_text("营销通知", exact=True).click()
    page.get_by_role("link", name="买家优惠券发放通知", exact=True).click()
    for channel in ("短信", "订阅消息"):
        off = page.get_by_role("region", name=channel)
        expect(off).to_contain_text("优惠券发放通知只支持公众号模板消息")
        expect(off.get_by_role("switch")).to_have_count(0)
    page.get_by_role("link", name="返回列表").click()
    page.get_by_text("基础通知", exact=True).click()
    page.get_by_role("link", name="买家订单支付通知", exact=True).click()

    # The system's default: one switch, one save.
    expect(panel(page, "template")).to_contain_text("未启用")
    switch(page, "template")
    expect(page.get_by_test_id("fitness-template")).to_contain_text("公众号所属行业符合要求")
    expect(panel(page, "template")).to_contain_text("系统会自动在账号里找到或添加模板「订单支付成功通知」")
    save(page, "template")
    expect(panel(page, "template")).to_contain_text("「模板消息」已启用")
    pays(stage, mall_shop, member)
    [message] = chat(stage, LIN)
    assert dict(message["fields"])["订单编号"] == "M20261122000001"

    # One's own words, with a variable out of the library; a misspelled one is named and not saved.
    panel(page, "template").get_by_text("自定义内容", exact=True).click()
    tip = panel(page, "template").get_by_role("textbox", name="温馨提示")
    tip.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("订单{order_n}已支付")
    save(page, "template")
    expect(panel(page, "template").get_by_role("alert").first).to_contain_text("是不是想用“订单编号”")
    tip.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("谢谢惠顾")
    page.get_by_role("region", name="变量库").get_by_role("button", name="买家姓名").click()
    expect(tip).to_contain_text("谢谢惠顾买家姓名")
    expect(page.get_by_role("img", name="手机预览")).to_contain_text("谢谢惠顾林小满")
    save(page, "template")
    expect(panel(page, "template")).to_contain_text("「模板消息」已启用")
    pays(stage, mall_shop, member, "M20261122000002")
    assert dict(chat(stage, LIN)[1]["fields"])["温馨提示"] == "谢谢惠顾林小满"

    # What the phone itself shows.
    screen = page.context.new_page()
    screen.goto(f"{stage.sim_url}/?person={LIN}")
    phone = screen.locator(f'[data-person="{LIN}"]')
    phone.locator("[data-chat]").filter(has_text="会达小店").click()  # its owner's buttons have the name, too
    expect(phone.get_by_text("M20261122000002")).to_be_visible()
    screen.close()
    assert faults_of(page) == []


@pytest.mark.covers("S2-54", "S2-57", "S2-58", "S2-60", "S2-61", "S2-37")
def test_an_sms_template_is_added_compared_and_used_after_the_others(stage: Stage, mall_shop: Shop, page: Page) -> None:
    member = buyer(stage, mall_shop, CHEN)
    login(page, stage, mall_shop.admin, "/notify/buyers/order_paid")
    switch(page, "sms")
    panel(page, "sms").get_by_role("link", name="去添加短信模板").click()
    dialog = page.get_by_role("dialog", name="新增模板")
    dialog.get_by_label("模板名称").fill("支付成功")
    dialog.get_by_label("阿里云模板编号").fill(PAID)
    dialog.get_by_label("短信内容").fill(PAID_TEXT.replace("尽快", "马上"))
    dialog.get_by_role("button", name="保存").click()
    expect(dialog).to_contain_text("内容里的 no 还没有选择变量")
    for placeholder, variable in (("no", "订单编号"), ("sum", "订单金额")):
        choose(page, dialog.get_by_role("combobox", name=f"{placeholder} 显示"), variable)
    dialog.get_by_role("button", name="保存").click()
    expect(dialog).to_contain_text("和审核通过的内容不一致，不同之处已标出")
    expect(dialog.locator("del")).to_have_text("马上")
    expect(dialog.locator("ins")).to_have_text("尽快")
    assert faults_of(page) == []
    dialog.get_by_role("button", name="改用审核通过的内容").click()
    dialog.get_by_role("button", name="保存").click()
    expect(page.get_by_role("row").filter(has_text="支付成功")).to_contain_text("买家订单支付通知")

    page.goto(f"{stage.console}/notify/buyers/order_paid")
    switch(page, "sms")
    expect(panel(page, "sms")).to_contain_text("您的订单M20261121000042已支付，共128.00元")
    save(page, "sms")
    expect(panel(page, "sms")).to_contain_text("「短信」已启用")
    switch(page, "template")
    save(page, "template")
    expect(panel(page, "template")).to_contain_text("「模板消息」已启用")
    card = page.get_by_test_id("policy")
    card.get_by_text("依次尝试", exact=True).click()
    card.get_by_role("button", name="模板消息上移").click()
    card.get_by_role("button", name="保存发送方式").click()
    expect(page.get_by_text("已保存").first).to_be_visible()
    pays(stage, mall_shop, member)
    assert len(chat(stage, CHEN)) == 1
    stage.sim.post("/_sim/unfollow", {"person": CHEN, "app": OA})
    mall_shop.settle()
    pays(stage, mall_shop, member, "M20261122000003")
    texts = [m["text"] for s in stage.sim.get(f"/_sim/phones/{CHEN}")["sms"] for m in s["messages"]]
    assert texts == ["【会达】您的订单M20261122000003已支付，共128.00元，我们会尽快发货。"]
    assert len(chat(stage, CHEN)) == 1


@pytest.mark.covers("S2-46", "S2-47", "S2-50")
def test_a_seller_binds_by_code_and_is_told(stage: Stage, mall_shop: Shop, page: Page) -> None:
    member = mall_shop.member(LIN)
    login(page, stage, mall_shop.admin, "/notify/sellers")
    page.get_by_role("link", name="卖家订单付款通知", exact=True).click()
    for channel in ("短信", "订阅消息"):
        expect(page.get_by_role("region", name=channel)).to_contain_text("卖家通知只支持公众号模板消息")
    switch(page, "template")
    save(page, "template")
    expect(panel(page, "template")).to_contain_text("「模板消息」已启用")
    page.get_by_role("link", name="返回列表").click()
    recipients = page.get_by_test_id("recipients")
    expect(recipients).to_contain_text("未绑定")
    recipients.get_by_role("button", name="扫码绑定").first.click()
    dialog = page.get_by_role("dialog")
    picture = dialog.locator("img")
    expect(picture).to_be_visible()
    content = picture.get_attribute("data-content")
    stage.sim.post("/_sim/scan", {"person": CHEN, "content": content})
    expect(dialog).to_contain_text("已绑定，可以收到订单通知了")
    dialog.get_by_role("button", name="关闭").last.click()
    expect(recipients).to_contain_text("已绑定")
    expect(recipients.get_by_role("checkbox", name="卖家订单付款通知")).to_be_checked()
    assert faults_of(page) == []
    pays(stage, mall_shop, member)
    [message] = chat(stage, CHEN)
    assert (message["title"], dict(message["fields"])["买家姓名"]) == ("新订单通知", "林小满")
    page.goto(f"{stage.console}/deliveries")
    expect(page.get_by_role("row").filter(has_text="卖家订单付款通知")).to_contain_text("员工")


@pytest.mark.covers("S2-50")
def test_who_scanned_is_shown_and_somebody_else_is_undone_at_once(stage: Stage, mall_shop: Shop, page: Page) -> None:
    login(page, stage, mall_shop.admin, "/notify/sellers")
    recipients = page.get_by_test_id("recipients")
    recipients.get_by_role("button", name="扫码绑定").first.click()
    dialog = page.get_by_role("dialog")
    content = dialog.locator("img").get_attribute("data-content")
    stage.sim.post("/_sim/scan", {"person": CHEN, "content": content})
    expect(dialog).to_contain_text("如果刚才扫码的不是")
    [bound] = [one for one in mall_shop.api.get(f"{DOOR}/recipients")["items"] if one["bound"]]
    expect(dialog).to_contain_text(f"微信标识 {bound['account']}")
    assert faults_of(page) == []
    dialog.get_by_role("button", name="不是本人，解除绑定").click()
    expect(dialog).to_contain_text("已解除绑定")
    assert not any(one["bound"] for one in mall_shop.api.get(f"{DOOR}/recipients")["items"])
    stage.sim.post("/_sim/scan", {"person": CHEN, "content": content})
    mall_shop.settle()
    assert not any(one["bound"] for one in mall_shop.api.get(f"{DOOR}/recipients")["items"])
    dialog.get_by_role("button", name="重新生成").click()
    expect(dialog.locator("img")).to_be_visible()


@pytest.mark.covers("S2-51", "S2-52", "S2-53")
def test_a_template_that_drifted_is_shown_and_mapped_anew(stage: Stage, mall_shop: Shop, page: Page) -> None:
    mall_shop.api.post(f"{DOOR}/scenarios/order_paid/channels/template/default", {})
    [mine] = mall_shop.api.get(f"{DOOR}/templates", channel="template")["items"]
    names = ["订单编号", "支付单号", "支付金额", "支付时间", "温馨提示"]
    stage.sim.post(f"/_sim/apps/{OA}/templates/{mine['template_id']}", {"keywords": names})
    login(page, stage, mall_shop.admin, "/notify/templates")
    page.get_by_role("button", name="立即检查模板").click()
    mall_shop.settle()
    page.goto(f"{stage.console}/overview")
    need = page.locator("li").filter(has_text="“买家订单支付通知”用的模板被改过，已暂停")
    need.get_by_role("link").click()
    expect(page.get_by_role("row").filter(has_text="买家订单支付通知")).to_contain_text("已暂停")
    page.get_by_role("link", name="买家订单支付通知", exact=True).click()
    expect(panel(page, "template")).to_contain_text("这个渠道已暂停：模板在微信或短信服务商那里被改过")
    panel(page, "template").get_by_role("button", name="查看建议的新设置").click()
    expect(panel(page, "template")).to_contain_text("已按原来的内容填好，请确认后保存")
    expect(panel(page, "template").get_by_role("textbox", name="支付单号")).to_contain_text("微信支付单号")
    save(page, "template")
    expect(panel(page, "template")).to_contain_text("「模板消息」已启用")
    assert faults_of(page) == []

    page.goto(f"{stage.console}/notify/templates")
    page.get_by_role("button", name="详情 订单支付成功通知").click()
    expect(page.get_by_role("dialog")).to_contain_text(mine["template_id"])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="删除 订单支付成功通知").click()
    expect(page.locator(".confirm-danger")).to_contain_text("买家订单支付通知")
    page.locator(".confirm-danger").get_by_role("button").last.click()
    expect(page.get_by_test_id("templates-template")).to_contain_text("还没有模板")


@pytest.mark.covers("S2-05", "S2-06", "S2-07")
def test_the_wrong_industry_is_seen_before_enabling_and_may_be_overridden(
    stage: Stage, mall_shop: Shop, page: Page
) -> None:
    stage.sim.post(f"/_sim/apps/{OA}", {"industry": ["10", "31"]})
    login(page, stage, mall_shop.admin, "/notify/buyers/order_shipped")
    switch(page, "template")
    note = page.get_by_test_id("fitness-template")
    expect(note).to_contain_text("公众号所属行业不符合要求")
    expect(note).to_contain_text("餐饮 | 餐饮")
    save(page, "template")
    box = page.locator(".confirm-danger")
    expect(box).to_contain_text("账号类型不符合要求")
    box.get_by_role("button", name="取消").click()
    expect(panel(page, "template")).to_contain_text("未启用")
    save(page, "template")
    box.get_by_role("button", name="仍然开启").click()
    expect(panel(page, "template")).to_contain_text("「模板消息」已启用")


@pytest.mark.covers("S2-26")
def test_a_refusal_of_the_systems_default_is_seen_whatever_it_holds(stage: Stage, mall_shop: Shop, page: Page) -> None:
    """The server's answer is replaced on its way: a default that does not fit is refused in other words today."""
    trouble = {"field": "thing1", "code": "messaging.variable_unknown", "detail": "order_n"}
    refusal = {
        "code": "messaging.variable_unknown",
        "title": "没有这个变量：order_n",
        "status": 422,
        "params": {"troubles": [trouble]},
    }
    page.route("**/channels/template/default", lambda route: route.fulfill(status=422, json=refusal))
    login(page, stage, mall_shop.admin, "/notify/buyers/order_shipped")
    switch(page, "template")
    save(page, "template")
    expect(panel(page, "template").get_by_role("alert")).to_contain_text("没有这个变量：order_n")
    expect(panel(page, "template")).to_contain_text("未启用")


@pytest.mark.parametrize("path", ["buyers", "buyers/order_paid", "sellers", "templates", "templates?kind=sms"])
def test_the_pages_fit_a_tablet_and_are_sound(stage: Stage, mall_shop: Shop, page: Page, path: str) -> None:
    page.set_viewport_size({"width": 768, "height": 1024})
    login(page, stage, mall_shop.admin, f"/notify/{path}")
    expect(page.get_by_role("heading", name="消息通知", exact=True)).to_be_visible()
    expect(page.locator(".el-skeleton")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert faults_of(page) == []


@pytest.mark.covers("X-17")
def test_operators_keep_what_accounts_are_checked_by(stage: Stage, page: Page) -> None:
    login(page, stage, stage.operator, "/platform/notice-rules")
    expect(page.get_by_label("主营行业 · 一级行业")).to_have_value("IT科技")
    assert faults_of(page) == []
    page.get_by_label("类目 1").fill("商家自营>食品")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已保存")).to_be_visible()
    assert stage.as_operator().get("/api/operator/notice-rules")["categories"] == ["商家自营>食品"]
    stage.as_operator().put(
        "/api/operator/notice-rules",
        {
            "industries": [["IT科技", "互联网|电子商务"], ["其它", "其它"]],
            "categories": ["商家自营>服装/鞋/箱包"],
            "numbers": {},
        },
    )

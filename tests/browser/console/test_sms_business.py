"""The SMS business in the browser: operators set it up, a merchant buys by scanning and sends, signatures are reviewed."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.console.pages import agree, dialog, field, rows, told
from tests.browser.readers import faults_of
from tests.browser.stage import Api, Shop, Stage
from tests.browser.watch import login
from tests.make import number
from tests.pictures import PNG
from wesim import seed

PICTURE = {"name": "licence.png", "mimeType": "image/png", "buffer": PNG}
MCHID = "1900000001"


def open_till(stage: Stage) -> Api:
    """The platform can receive money; returns an operator's calls."""
    operator = stage.as_operator()
    stage.sim.post(f"/_sim/pay/merchants/{MCHID}", {"mode": "public_key"})
    found = stage.sim.get(f"/_sim/pay/merchants/{MCHID}")
    keys = {
        name: found[name] for name in ("mchid", "serial", "private_key", "api_v3_key", "public_key_id", "public_key")
    }
    operator.put("/api/operator/pay-account", {**keys, "app_id": seed.OA_APPID})
    return operator


def region(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def hand_in(shop: Shop, name: str) -> str:
    made = shop.api.http.post(
        f"{shop.stage.url}/api/console/sms/signatures",
        data={"name": name, "source": "shop", "use_at_once": "false"},
        files=[("files", ("licence.png", PNG, "image/png"))],
        timeout=20,
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


@pytest.mark.covers("S2-16", "S2-62", "S2-63", "S2-64", "S2-65", "S2-66")
def test_a_merchant_buys_a_package_by_scanning_and_sends(stage: Stage, shop: Shop, page: Page) -> None:
    # given: a shop whose recharges are told by SMS, and a package on sale
    shop.open_for_business()
    shop.member()
    operator = open_till(stage)
    name = f"一百条 {number()}"
    operator.post("/api/operator/sms/packages", {"name": name, "parts": 100, "price_fen": 880})
    login(page, stage, shop.admin, "/notify")
    page.get_by_role("navigation", name="消息通知").get_by_role("link", name="短信购买").click()
    expect(region(page, "剩余条数")).to_contain_text("当前按条后付，¥0.10/条")
    expect(page.get_by_text("还没有购买过短信")).to_be_visible()
    assert faults_of(page) == []

    # when: it buys, and a phone scans the code
    page.get_by_role("button", name=f"购买 {name}").click()
    paying = dialog(page, "微信扫码付款")
    expect(paying).to_contain_text("¥8.80")
    code = paying.get_by_role("img", name="付款二维码")
    expect(code).to_be_visible()
    records = region(page, "购买记录")
    expect(rows(records).first).to_contain_text("待付款")
    scanned = stage.sim.post(
        "/_sim/pay/scan", {"person": "linxiaoman", "code_url": code.get_attribute("data-code"), "act": "pay"}
    )
    assert scanned["result"] == "ok"
    stage.sim.post("/_sim/pay/settle")

    # then: the page tells, the parts are there
    expect(paying).to_contain_text("付款成功，100 条短信已到账")
    paying.get_by_role("button", name="完成").click()
    expect(rows(records).first).to_contain_text("已付款")
    expect(region(page, "剩余条数").locator(".figure").first).to_have_text("100")

    # and: a message draws one
    row = {"store": "S01", "till_no": f"R{number()}", "card_no": shop.cards["linxiaoman"], "paid_fen": 10000}
    shop.till().post("/api/v1/recharges", row)
    shop.settle()
    page.reload()
    expect(region(page, "剩余条数").locator(".figure").first).to_have_text("99")
    used = region(page, "用量与费用")
    expect(used).to_contain_text("发送 1 条短信，计费 1 条，¥0.09")
    expect(rows(used).first).to_contain_text("会员充值")
    with page.expect_download() as download:
        used.get_by_role("link", name="导出").click()
    assert "阿里云" in download.value.path().read_text("utf-8")


@pytest.mark.covers("S2-63", "S2-67")
def test_orders_can_be_closed_and_limits_warn(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    operator = open_till(stage)
    name = f"五十条 {number()}"
    operator.post("/api/operator/sms/packages", {"name": name, "parts": 50, "price_fen": 500})
    login(page, stage, shop.admin, "/notify/sms-purchase")
    page.get_by_role("button", name=f"购买 {name}").click()
    dialog(page, "微信扫码付款").get_by_role("button", name="稍后付款").click()
    records = region(page, "购买记录")
    rows(records).first.get_by_role("button", name="关闭订单").click()
    agree(page, "关闭订单")
    told(page, "订单已关闭")
    shop.settle()
    page.reload()
    expect(rows(records).first).to_contain_text("已关闭")

    # limits: the warning is not above the stop
    page.get_by_role("button", name="提醒与限额").click()
    form = dialog(page, "提醒与限额")
    form.locator("#l-soft-parts").fill("9")
    form.locator("#l-hard-parts").fill("3")
    form.get_by_role("button", name="保存").click()
    expect(form.locator(".el-form-item__error")).to_have_text("限额须为 1 到 100000000 的整数，提醒值不能大于上限")
    form.locator("#l-soft-parts").fill("2")
    form.locator("#l-hard-fen").fill("5")
    assert faults_of(page) == []
    form.get_by_role("button", name="保存").click()
    told(page, "已保存")
    expect(page.get_by_text("3 条", exact=True)).to_be_visible()
    limits = shop.api.get("/api/console/sms/parts")["limits"]
    names = ("low_parts", "soft_parts", "hard_parts", "soft_fen", "hard_fen")
    assert [limits[name] for name in names] == [None, 2, 3, None, 500]

    # few parts left: the page and the overview say so
    operator.post(f"/api/operator/sms/merchants/{shop.tenant}/grants", {"parts": 5, "reason": "试用"})
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("短信只剩 5 条（提醒值 20 条）")
    page.goto(f"{stage.console}/")
    card = page.locator("li").filter(has_text="短信只剩 5 条，请及时购买")
    card.get_by_role("link", name="去处理").click()
    expect(region(page, "短信套餐")).to_be_visible()


@pytest.mark.covers("S2-16", "S2-69", "S2-70", "S2-71", "S2-72", "S2-73", "S2-74", "S2-75", "S2-76", "S2-15")
def test_a_signature_goes_from_the_store_over_the_provider_to_the_texts(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    name = f"山月{number() % 10000}"
    login(page, stage, shop.admin, "/notify/sms-signature")
    expect(region(page, "使用的签名")).to_contain_text("【会达】")
    assert faults_of(page) == []
    region(page, "申请记录").get_by_role("button", name="申请签名").first.click()
    form = dialog(page, "申请签名")
    form.get_by_label("短信签名").fill(name)
    box = form.get_by_role("combobox", name="签名来源")
    box.locator("xpath=ancestor::div[contains(@class, 'el-select__wrapper')]").click()
    page.get_by_role("option", name="电商平台店铺名").click()
    form.locator("input[type=file]").set_input_files([PICTURE])
    form.get_by_role("button", name="提交").click()
    row = rows(region(page, "申请记录")).filter(has_text=name)
    expect(row).to_contain_text("审核中")
    expect(row).to_contain_text("等待平台审核")
    signature = shop.api.get("/api/console/sms")["signatures"][0]["id"]

    # the operator finds it, hands it in, and it passes at the provider
    other = page.context.browser.new_page(locale="zh-CN")  # type: ignore[union-attr]
    login(other, stage, stage.operator, "/platform/reviews")
    expect(other.get_by_role("navigation", name="主菜单").get_by_role("button", name="系统设置")).to_be_visible()
    waiting = rows(other).filter(has_text=name)
    waiting.get_by_role("button", name="审核").click()
    drawer = dialog(other, "审核")
    expect(drawer.get_by_role("checkbox", name="阿里云短信")).to_be_checked()
    drawer.get_by_role("button", name="提交服务商").click()
    agree(other, "提交服务商")
    told(other, "已提交")
    shop.settle()
    stage.sim.post("/_sim/sms/review", {"provider": "aliyun", "sign": name, "approve": True})
    stage.run(_ask(stage))
    shop.settle()
    other.reload()
    expect(waiting).to_contain_text("服务商已通过")
    assert shop.api.get("/api/console/sms")["signatures"][0]["state"] == "in_review"
    waiting.get_by_role("button", name="审核").click()
    expect(drawer).to_contain_text("请在这里确认")
    assert faults_of(other) == []
    drawer.get_by_role("button", name="通过").click()
    agree(other, "通过")
    told(other, "已通过")
    other.close()

    # approved: the store picks it and saves
    page.reload()
    expect(row).to_contain_text("审核通过")
    choices = region(page, "使用的签名")
    choices.get_by_role("radio", name=name).locator("xpath=ancestor::label").click()
    choices.get_by_role("button", name="保存并应用").click()
    told(page, f"短信将使用签名【{name}】")
    assert [(one["id"], one["applied"]) for one in shop.api.get("/api/console/sms")["signatures"]] == [
        (signature, True)
    ]
    row.get_by_role("button", name="撤回").click()
    agree(page, "撤回")
    expect(row).to_contain_text("已撤回")
    row.get_by_role("button", name="重新申请").click()
    expect(dialog(page, "申请签名").get_by_label("短信签名")).to_have_value(name)


@pytest.mark.covers("S2-12", "S2-70")
def test_without_a_provider_the_review_says_what_to_do_first(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    name = "山月夜市"
    hand_in(shop, name)
    routing = "/api/operator/sms/accounts/aliyun/routing"
    stage.as_operator().put(routing, {"weight": 100, "state": "off"})
    try:
        login(page, stage, stage.operator, "/platform/reviews")
        rows(page).filter(has_text=name).get_by_role("button", name="审核").click()
        drawer = dialog(page, "审核")
        expect(drawer.get_by_role("note")).to_contain_text("还没有接入短信服务商")
        for action in ("通过", "提交服务商"):
            expect(drawer.get_by_role("button", name=action, exact=True)).to_be_disabled()
        assert faults_of(page) == []
        drawer.get_by_role("link", name="短信设置").click()
        expect(page.get_by_role("heading", name="短信设置", exact=True)).to_be_visible()
    finally:
        stage.as_operator().put(routing, {"weight": 100, "state": "active"})
    assert shop.api.get("/api/console/sms")["signatures"][0]["state"] == "in_review"


async def _ask(stage: Stage) -> None:
    from huida.kernel.jobs import fan_out

    async with stage.db.tx(0) as tx:
        rows = await tx.fetch("SELECT DISTINCT merchant_id FROM sms_reviews WHERE handed_in_at IS NOT NULL")
        await fan_out(tx, "sms.ask_signature", [row["merchant_id"] for row in rows])


@pytest.mark.covers("S2-68", "S2-77", "S2-74")
def test_ten_signatures_are_all_and_a_rejected_one_frees_its_place(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    ids = [hand_in(shop, f"山月第{place}店") for place in range(10)]
    login(page, stage, shop.admin, "/notify/sms-signature")
    records = region(page, "申请记录")
    expect(records).to_contain_text("审核中和审核通过的共 10/10 个")
    expect(records.get_by_role("button", name="申请签名")).to_be_disabled()
    expect(records.get_by_role("note")).to_contain_text("已有 10 个审核中或审核通过的签名")
    path = f"/api/operator/sms/reviews/{shop.tenant}/{ids[3]}/reject"
    stage.as_operator().post(path, {"reason": "与营业执照不符"})
    page.reload()
    row = rows(records).filter(has_text="山月第3店")
    expect(row).to_contain_text("审核拒绝")
    expect(row).to_contain_text("原因：与营业执照不符")
    expect(records.get_by_role("button", name="申请签名")).to_be_enabled()


@pytest.mark.covers("S2-11", "S2-12", "S2-14", "S2-15", "S2-65", "X-16")
def test_the_operator_sets_packages_prices_and_providers(stage: Stage, shop: Shop, page: Page) -> None:
    operator = open_till(stage)
    shop.open_for_business()
    login(page, stage, stage.operator, "/platform/sms")
    menu = page.get_by_role("navigation", name="主菜单")
    expect(menu).to_contain_text("系统管理")
    for label in ("短信设置", "短信签名", "短信套餐", "短信用量与收入"):
        expect(menu.get_by_role("link", name=label, exact=True)).to_be_visible()
    expect(region(page, "开通步骤").get_by_text("已完成")).to_have_count(4)
    one = page.locator(".one").filter(has_text="阿里云短信")
    one.get_by_role("button", name="分配").click()
    form = dialog(page, "阿里云短信：分配")
    form.locator("#rt-weight").fill("80")
    form.get_by_role("button", name="保存").click()
    told(page, "已保存")
    expect(one).to_contain_text("80")
    assert (
        next(
            row["weight"] for row in operator.get("/api/operator/sms/providers")["items"] if row["provider"] == "aliyun"
        )
        == 80
    )
    assert faults_of(page) == []

    menu.get_by_role("link", name="短信套餐", exact=True).click()
    page.get_by_role("button", name="添加套餐").first.click()
    form = dialog(page, "添加套餐")
    form.get_by_role("button", name="保存").click()
    expect(form.locator(".el-form-item__error")).to_have_count(2)
    name = f"两千条 {number()}"
    field(form, "套餐名称").fill(name)
    form.locator("#p-parts").fill("2000")
    form.locator("#p-price").fill("160")
    form.get_by_role("button", name="保存").click()
    row = rows(region(page, "短信套餐")).filter(has_text=name)
    expect(row).to_contain_text("¥160.00")
    expect(row).to_contain_text("上架")
    row.get_by_role("button", name="修改").click()
    dialog(page, "修改套餐").locator(".el-switch").click()
    page.get_by_role("button", name="保存").click()
    expect(row).to_contain_text("已下架")

    prices = region(page, "价格表（按条后付）")
    prices.get_by_role("button", name="调整价格").click()
    form = dialog(page, "调整价格")
    form.locator("#pr-fen").fill("0.12")
    field(form, "生效时间").fill("2099-01-01")
    field(form, "生效时间").press("Enter")
    form.get_by_role("button", name="保存").click()
    first = rows(prices).first
    expect(first).to_contain_text("¥0.12")
    expect(first).to_contain_text("未生效")
    expect(form).to_be_hidden()
    assert faults_of(page) == []
    first.get_by_role("button", name="撤销").click()
    agree(page, "撤销")
    expect(rows(prices).first).to_contain_text("生效中")


@pytest.mark.covers("S2-64", "S2-66", "X-05")
def test_the_operator_sees_use_and_revenue_and_gives_parts(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    login(page, stage, stage.operator, "/platform/sms/usage")
    row = _find(page, shop)
    expect(row).to_contain_text("按条后付")
    row.get_by_role("button", name="管理").click()
    drawer = page.get_by_role("dialog")
    drawer.locator("#sm-grant").fill("30")
    drawer.get_by_role("button", name="确定").click()
    expect(drawer.locator(".el-form-item__error")).to_have_text("请填写此项")
    drawer.locator("#sm-reason").fill("开业赠送")
    drawer.get_by_role("button", name="确定").click()
    told(page, "已调整")
    expect(drawer).to_contain_text("+30 · 开业赠送")
    drawer.locator("#sm-parts").fill("200")
    drawer.get_by_role("button", name="保存").click()
    told(page, "已保存")
    assert faults_of(page) == []
    mine = shop.api.get("/api/console/sms/parts")
    assert (mine["parts_left"], mine["caps"]["cap_parts"], mine["model"]) == (30, 200, "package")
    page.keyboard.press("Escape")
    expect(_find(page, shop)).to_contain_text("套餐预付")
    with page.expect_download() as download:
        page.get_by_role("link", name="导出").click()
    assert f"{shop.tenant},山月茶事,套餐预付" in download.value.path().read_text("utf-8")


def _find(page: Page, shop: Shop) -> Locator:
    """The merchant's row, on whichever page of the list it is."""
    row: Any = rows(page).filter(has_text=str(shop.tenant))
    expect(rows(page).first).to_be_visible()
    while not row.count() and page.get_by_role("button", name="下一页").is_enabled():
        first = rows(page).first.inner_text()
        page.get_by_role("button", name="下一页").click()
        expect(rows(page).first).not_to_have_text(first)
    return row


@pytest.mark.covers("S2-66")
def test_what_a_scenario_will_cost_is_said_before_it_is_switched_on(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    shop.member()
    for _ in range(6):
        shop.buys()
    login(page, stage, shop.admin, "/sms")
    row = page.get_by_role("region", name="自动推送场景").locator("tr").filter(has_text="会员消费").first
    row.locator(".el-switch").click()
    asked = dialog(page, "改用短信")
    expect(asked).to_contain_text("按最近 30 天估算：每天约 0.2 条短信，计费 0.2 条")
    asked.get_by_role("button", name="取消").click()
    page.goto(f"{stage.console}/notices/consumption")
    page.get_by_role("radio", name="短信").locator("xpath=ancestor::label").click()
    expect(region(page, "按以往业务估算")).to_contain_text("一个月约 ¥0.60")

"""SMS: the signature and its review, the switch of each scenario, what a text costs, and the records of what was sent."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.notices_kit import DOOR, live, pick, row_of, saved
from tests.browser.stage import LIN, Shop, Stage
from tests.browser.watch import login
from tests.pictures import PNG

PICTURE = {"name": "licence.png", "mimeType": "image/png", "buffer": PNG}
PAPER = {"name": "brand.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 trade mark"}


def recharge(shop: Shop, till_no: str, person: str = LIN) -> None:
    body = {"store": "S01", "till_no": till_no, "card_no": shop.cards[person], "paid_fen": 10000}
    shop.till().post("/api/v1/recharges", body)


@pytest.mark.covers("S1-94", "S1-95", "S1-96", "S1-97", "S1-98", "S1-100", "S1-101")
def test_a_signature_is_handed_in_with_its_papers_and_decided(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    login(page, stage, shop.admin, "/notices")
    page.get_by_role("navigation", name="主菜单").get_by_role("link", name="会员短信推送").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("会员短信推送")
    card = page.get_by_role("region", name="短信签名")
    expect(card).to_contain_text("【会达】")
    expect(card).to_contain_text("平台签名")
    expect(card).to_contain_text("未设置")
    card.get_by_role("button", name="修改签名").click()
    form = page.get_by_role("dialog", name="修改签名")
    form.get_by_role("button", name="提交").click()
    for why in ("请选择签名来源", "请填写此项", "请上传证明文件"):
        expect(form.locator(".el-form-item__error", has_text=why)).to_be_visible()
    pick(page, form.get_by_role("combobox", name="签名来源"), "电商平台店铺名")
    form.get_by_label("短信签名").fill("1")
    chooser = form.locator("input[type=file]")
    chooser.set_input_files({"name": "big.png", "mimeType": "image/png", "buffer": PNG + b"0" * (2 * 1024 * 1024)})
    expect(form.get_by_text("“big.png”不能上传：须为 PNG、JPG 或 PDF，且不超过 2 MB")).to_be_visible()
    chooser.set_input_files([PICTURE, PAPER])
    expect(form.get_by_role("img", name="licence.png")).to_be_visible()
    expect(form.get_by_text("brand.pdf · 1 KB")).to_be_visible()
    form.get_by_role("button", name="提交").click()
    expect(form.get_by_text("签名为 2 到 12 个汉字、字母或数字，不能全为数字")).to_be_visible()
    assert shop.api.get("/api/console/sms")["signatures"] == []

    form.get_by_label("短信签名").fill("山月茶事")
    form.get_by_role("button", name="提交").click()
    expect(form).to_be_hidden()
    expect(card).to_contain_text("审核中")
    expect(card).to_contain_text("审核期间继续使用【会达】。")
    expect(card.get_by_role("button", name="修改签名")).to_be_disabled()
    shown = shop.api.get("/api/console/sms")
    [signature] = shown["signatures"]
    assert (signature["name"], signature["source"], signature["state"]) == ("山月茶事", "shop", "in_review")
    assert [file["name"] for file in signature["files"]] == ["licence.png", "brand.pdf"]
    assert (shown["sign_name"], shown["sign_is_own"]) == ("会达", False)

    review = f"/api/operator/sms/reviews/{shop.tenant}/{signature['id']}"
    operator = stage.as_operator()
    operator.post(f"{review}/reject", {"reason": "证件看不清"})
    page.reload()
    expect(card.get_by_role("alert")).to_have_text("签名“山月茶事”被驳回：证件看不清。请修改后重新提交。")
    expect(card.get_by_role("button", name="修改签名")).to_be_enabled()


@pytest.mark.covers("S1-98", "S1-99", "S1-100")
def test_an_approved_signature_is_used_put_aside_and_withdrawn(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    made = shop.api.http.post(
        f"{stage.url}/api/console/sms/signatures",
        data={"name": "山月茶事", "source": "company"},
        files=[("files", ("licence.png", PNG, "image/png"))],
        timeout=20,
    )
    assert made.status_code == 201, made.text
    stage.as_operator().post(f"/api/operator/sms/reviews/{shop.tenant}/{made.json()['id']}/approve")
    login(page, stage, shop.admin, "/sms")
    card = page.get_by_role("region", name="短信签名")
    expect(card).to_contain_text("自有签名")
    expect(card).to_contain_text("已通过")
    texts = page.get_by_role("region", name="自动推送场景")
    expect(texts.get_by_text("【山月茶事】尾号0001于11-21 14:32消费25.00元").first).to_be_visible()
    card.get_by_role("button", name="使用平台签名").click()
    page.get_by_role("dialog", name="改用平台签名").get_by_role("button", name="使用平台签名").click()
    expect(card.locator("b")).to_have_text("【会达】")
    assert shop.api.get("/api/console/sms")["sign_name"] == "会达"
    card.get_by_role("button", name="使用", exact=True).click()
    expect(card.locator("b")).to_have_text("【山月茶事】")
    card.get_by_role("button", name="撤回").click()
    asked = page.get_by_role("dialog", name="撤回签名“山月茶事”")
    expect(asked).to_contain_text("这个签名正在使用。撤回后，短信改用平台签名【会达】。")
    asked.get_by_role("button", name="撤回").click()
    expect(card.locator("b")).to_have_text("【会达】")
    assert [one["state"] for one in shop.api.get("/api/console/sms")["signatures"]] == ["withdrawn"]


@pytest.mark.covers("S1-102", "S1-103", "S1-112", "S1-113")
def test_only_the_switch_of_a_scenario_is_the_merchants(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    login(page, stage, shop.admin, "/sms")
    region = page.get_by_role("region", name="自动推送场景")
    expect(region.get_by_role("textbox")).to_have_count(0)
    expect(region).to_contain_text("短信正文经运营商审核，由平台统一维护，不能修改；您只需选择是否启用。")
    row = row_of(page, "会员消费")
    row.locator(".el-table__expand-icon").click()
    params = region.get_by_role("table").filter(has=page.get_by_role("columnheader", name="含义")).last
    expect(params.get_by_role("row").nth(1).get_by_role("cell")).to_have_text(["p1", "会员卡号后四位"])
    expect(params.get_by_role("row").nth(2).get_by_role("cell")).to_have_text(["p2", "业务发生时间"])
    expect(params.get_by_role("row").nth(3).get_by_role("cell")).to_have_text(["p3", "金额"])
    switch = page.get_by_role("switch", name="启用短信 会员消费", exact=True)
    expect(switch).not_to_be_checked()
    row.locator(".el-switch").click()
    asked = page.get_by_role("dialog", name="改用短信")
    expect(asked).to_contain_text("保存后，「订阅消息」将停止，设置会保留。")
    asked.get_by_role("button", name="取消").click()
    expect(switch).not_to_be_checked()
    assert live(shop)["consumption"] == "subscribe"
    row.locator(".el-switch").click()
    asked.get_by_role("button", name="保存并启用").click()
    expect(region.get_by_role("status")).to_have_text("「会员消费」已启用短信；「订阅消息」已停止，设置已保留。")
    expect(switch).to_be_checked()
    assert live(shop) == {"consumption": "sms", "recharge": "sms", "points_change": "template"}
    assert saved(shop, "consumption", "sms")["template_id"] == "SMS_100000014"


@pytest.mark.covers("S1-104", "S1-105", "S1-106", "S1-108", "S1-109", "S1-110", "S1-24")
def test_length_and_cost_are_counted_while_one_types(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    login(page, stage, shop.admin, "/sms")
    counter = page.get_by_role("region", name="字数与费用计算")
    expect(counter).to_contain_text("例如 150 字 = 67 / 67 / 16，计 3 条，¥0.30")
    for length, says in {
        70: "共 70 字（含签名 4 字），计 1 条，¥0.10",
        71: "共 71 字（含签名 4 字），计 2 条，¥0.20分为 67 / 4 字多出 1 个字，因此多计 1 条。缩短 1 个字可以少付 1 条。",
        75: "共 75 字（含签名 4 字），计 2 条，¥0.20分为 67 / 8 字多出 5 个字，因此多计 1 条。缩短 5 个字可以少付 1 条。",
        76: "共 76 字（含签名 4 字），计 2 条，¥0.20分为 67 / 9 字",
        134: "共 134 字（含签名 4 字），计 2 条，¥0.20分为 67 / 67 字",
        135: "共 135 字（含签名 4 字），计 3 条，¥0.30分为 67 / 67 / 1 字多出 1 个字，因此多计 1 条。缩短 1 个字可以少付 1 条。",
        150: "共 150 字（含签名 4 字），计 3 条，¥0.30分为 67 / 67 / 16 字",
    }.items():
        counter.get_by_role("textbox").fill("字" * (length - 4))
        expect(counter.get_by_role("status")).to_have_text(
            re.compile(rf"^{re.escape(says).replace('分为', ' ?分为').replace('多出', ' ?多出')}\s*$")
        )


@pytest.mark.covers("S1-111", "S1-26", "S1-118")
def test_the_records_say_how_each_text_ended_and_why(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    shop.member(LIN)
    login(page, stage, shop.admin, "/sms")
    page.get_by_role("link", name="短信发送记录").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("短信发送记录")
    expect(page.get_by_text("还没有推送过消息。")).to_be_visible()
    recharge(shop, "R-1")
    shop.settle()
    stage.sim.post("/_sim/sms/phones", {"phone": "13800000001", "state": "out_of_service"})
    recharge(shop, "R-2")
    shop.settle()
    page.reload()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("未送达")
    expect(rows.nth(1)).to_contain_text("运营商：号码已停机")
    cells = rows.nth(2).get_by_role("cell")
    expect(cells.nth(1)).to_contain_text("林小满")
    expect(cells.nth(2)).to_have_text("会员充值")
    expect(cells.nth(3)).to_have_text("***0001")
    expect(cells.nth(4)).to_have_text("已送达")
    expect(cells.nth(5)).to_have_text("1")
    expect(cells.nth(6)).to_have_text("¥0.10")
    pick(page, page.get_by_role("combobox", name="结果"), "未送达")
    expect(page).to_have_url(re.compile(r"state=failed"))
    expect(rows).to_have_count(2)
    page.reload()
    expect(rows).to_have_count(2)
    expect(page.get_by_role("link", name="导出")).to_have_attribute(
        "href", "/api/console/messaging/deliveries/export?state=failed&channel=sms"
    )
    page.get_by_role("button", name="重置").click()
    expect(rows).to_have_count(3)
    rows.nth(2).get_by_role("button", name=re.compile("^详情")).click()
    drawer = page.get_by_role("dialog", name="推送详情")
    expect(drawer).to_contain_text("【会达】尾号")
    expect(drawer.get_by_text("为什么发 / 没发")).to_be_visible()
    expect(drawer).to_contain_text("储值余额变动")
    expect(drawer).to_contain_text("这个场景当时没有启用")


@pytest.mark.covers("S1-26")
def test_accepted_by_the_carrier_is_not_yet_delivered(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    shop.member(LIN)
    stage.sim.post("/_sim/sms/settings", {"receipt_delay_s": 3600})
    recharge(shop, "R-1")
    login(page, stage, shop.admin, "/sms-records?state=accepted")
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("已提交运营商", timeout=30_000)
    row.get_by_role("button", name=re.compile("^详情")).click()
    expect(page.get_by_role("dialog", name="推送详情")).to_contain_text("运营商已接收，正在等待送达结果。")


@pytest.mark.covers("S1-111")
def test_a_dead_message_is_sent_again_after_a_question(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    shop.member(LIN)
    recharge(shop, "R-1")
    shop.settle()
    [delivery] = shop.api.get(f"{DOOR}/deliveries")["items"]
    stage.run(_die(stage, shop, delivery["id"]))
    login(page, stage, shop.admin, "/deliveries?state=dead")
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("发送失败")
    row.get_by_role("button", name=re.compile("^详情")).click()
    drawer = page.get_by_role("dialog", name="推送详情")
    drawer.get_by_role("button", name="重新发送").click()
    asked = page.get_by_role("dialog", name="重新发送")
    expect(asked).to_contain_text("将向“林小满”再发送一次「会员充值」（短信）。")
    asked.get_by_role("button", name="取消").click()
    assert shop.api.get(f"{DOOR}/deliveries")["items"][0]["state"] == "dead"
    drawer.get_by_role("button", name="重新发送").click()
    asked.get_by_role("button", name="重新发送").click()
    expect(page.get_by_text("已加入发送队列")).to_be_visible()
    shop.settle()
    assert shop.api.get(f"{DOOR}/deliveries")["items"][0]["state"] == "delivered"


async def _die(stage: Stage, shop: Shop, delivery_id: str) -> None:
    """As after the last try: what only hours of an absent provider bring about."""
    async with stage.db.tx(shop.tenant) as tx:
        await tx.execute(
            "UPDATE deliveries SET state = 'dead', reason = 'aliyun.isp.SYSTEM_ERROR', attempt = 6 "
            "WHERE tenant_id = $1 AND fact_id = $2::text::uuid",
            *(shop.tenant, delivery_id.partition(".")[0]),
        )

"""The mall's pages of the console: what each role sees, specifications, reviews, and every page in order for every reader."""

import os
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.pages import agree, dialog, field, rows, told, wider_than_screen
from tests.browser.console.test_everywhere import HAN, opened
from tests.browser.mallshop import BOX, CONSOLE, TEA, grant, open_mall, pay_keys
from tests.browser.readers import faults_of
from tests.browser.stage import LIN, Api, Shop, Stage
from tests.browser.watch import login
from tests.shop import whole_rules
from wesim.pay.state import MCHID

BUYER = "/api/member/mall"
SHOTS = os.environ.get("HUIDA_SHOTS", "")


def buyer(shop: Shop) -> Api:
    """A member's own calls, from a session of the mini program."""
    opened_ = shop.stage.sim.post("/_sim/open", {"person": LIN, "app": "wx5e1f00000000b001"})
    known = Api(shop.stage.url).post("/api/member/login", {"app_id": "wx5e1f00000000b001", "code": opened_["code"]})
    return Api(shop.stage.url, {"Authorization": f"Bearer {known['token']}"})


def joined(shop: Shop) -> Api:
    me = buyer(shop)
    code = shop.stage.sim.post("/_sim/phone-code", {"person": LIN, "app": "wx5e1f00000000b001"})["code"]
    me.post("/api/member/phone", {"code": code})
    return me


def ordered(shop: Shop, me: Api, product_id: str, *, pay: bool = True, latin: bool = False) -> str:
    sku = me.get(f"{BUYER}/products/{product_id}")["skus"][0]
    to = {"receiver": "Lin" if latin else "林小满", "phone": "13800000001", "address": "1 Longjing Road, Hangzhou"}
    body = {"items": [{"sku_id": sku["id"], "count": 1}], "total_fen": sku["price_fen"], **to}
    order_id = str(me.post(f"{BUYER}/orders", body, headers={"Idempotency-Key": str(uuid4())})["id"])
    if pay:
        given = me.post(f"{BUYER}/orders/{order_id}/pay")["parameters"]
        shop.stage.sim.post("/_sim/pay/pay", {"person": LIN, "app": "wx5e1f00000000b001", **given})
        shop.stage.sim.post("/_sim/pay/settle")
        shop.settle()
    return order_id


@pytest.fixture
def ready(shop: Shop) -> Shop:
    shop.store()
    shop.connect()
    return shop


@pytest.mark.covers("S1-09")
def test_without_the_module_the_pages_say_how_to_get_it(ready: Shop, page: Page, stage: Stage) -> None:
    login(page, stage, ready.admin, "/mall/products")
    expect(page.get_by_role("note")).to_contain_text("商城未开通")
    expect(page.get_by_role("button", name="新增商品").first).to_be_disabled()
    login(page, stage, stage.operator, f"/platform/merchants/{ready.tenant}")
    row = page.locator(".module").filter(has_text="商城")
    row.get_by_role("button", name="开通模块").click()
    dialog(page, "开通模块").get_by_role("button", name="确认开通").click()
    expect(row.get_by_role("button", name="关闭模块")).to_be_visible()
    login(page, stage, ready.admin, "/mall/products")
    expect(page.get_by_role("note")).to_contain_text("还不能收款")
    expect(page.get_by_role("button", name="新增商品").first).to_be_enabled()


def test_a_wrong_key_is_told_and_a_right_one_checked(ready: Shop, page: Page, stage: Stage) -> None:
    keys = pay_keys(ready)
    login(page, stage, ready.admin, "/pay-account")
    page.get_by_role("button", name="保存并检查").click()
    expect(page.locator(".el-form-item__error").filter(has_text="请填写此项")).to_have_count(6)
    for place, name in (
        ("#pa-mchid", "mchid"),
        ("#pa-serial", "serial"),
        ("#pa-private", "private_key"),
        ("#pa-v3", "api_v3_key"),
        ("#pa-keyid", "public_key_id"),
        ("#pa-public", "public_key"),
    ):
        page.locator(place).fill(keys[name])
    page.locator("#pa-v3").fill("short")
    page.get_by_role("button", name="保存并检查").click()
    expect(page.locator(".el-form-item__error").filter(has_text="APIv3 密钥是 32 位字母和数字")).to_be_visible()
    page.locator("#pa-v3").fill(keys["api_v3_key"])
    page.locator("#pa-serial").fill("5" * 40)
    page.get_by_role("button", name="保存并检查").click()
    expect(page.get_by_text("签名不对：商户号、证书序列号和私钥不是一套")).to_be_visible()
    page.locator("#pa-serial").fill(keys["serial"])
    page.get_by_role("button", name="保存并检查").click()
    expect(page.get_by_text("商户号、证书和密钥都对，可以收款")).to_be_visible()
    page.reload()
    expect(page.locator("#pa-private")).to_have_value("")
    expect(page.locator("#pa-v3")).to_have_value("")
    assert keys["api_v3_key"] not in page.content()


def test_specifications_make_the_table_and_changes_keep_what_was_typed(ready: Shop, page: Page, stage: Stage) -> None:
    [product_id] = open_mall(ready, BOX)
    login(page, stage, ready.admin, f"/mall/products/{product_id}")
    expect(page.get_by_label("100g 铁罐 的价格")).to_have_value("188.00")
    field(page, "净含量的新规格值").fill("250g")
    field(page, "净含量的新规格值").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(6)
    expect(page.get_by_label("100g 铁罐 的价格")).to_have_value("188.00")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_text("每种组合都要填价格和库存")).to_be_visible()
    for box in ("纸盒", "铁罐"):
        page.get_by_label(f"250g {box} 的价格").fill("428")
        page.get_by_label(f"250g {box} 的库存").fill("2")
    page.get_by_role("button", name="保存", exact=True).click()
    told(page, "已保存")
    skus = ready.api.get(f"{CONSOLE}/products/{product_id}")["skus"]
    assert [(one["values"], one["price_fen"], one["stock"]) for one in skus[4:]] == [
        (["250g", "纸盒"], 42800, 2),
        (["250g", "铁罐"], 42800, 2),
    ]
    assert [one["stock"] for one in skus[:4]] == [5, 0, 5, 5]


def test_a_picture_is_uploaded_and_shown(ready: Shop, page: Page, stage: Stage) -> None:
    [product_id] = open_mall(ready, TEA)
    login(page, stage, ready.admin, f"/mall/products/{product_id}")
    picture = page.screenshot(type="jpeg", quality=20, clip={"x": 0, "y": 0, "width": 64, "height": 64})
    page.locator("input[type=file]").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": picture})
    shown = page.get_by_alt_text("第 1 张图片")
    expect(shown).to_be_visible()
    page.get_by_role("button", name="保存", exact=True).click()
    told(page, "已保存")
    page.goto(f"{stage.console}/mall/products")
    image = page.locator(".what img")
    expect(image).to_be_visible()
    assert image.evaluate("one => one.naturalWidth") == 64


def test_closing_an_unpaid_order_asks_first(ready: Shop, page: Page, stage: Stage) -> None:
    [product_id] = open_mall(ready, TEA)
    order_id = ordered(ready, joined(ready), product_id, pay=False)
    login(page, stage, ready.admin, f"/mall/orders/{order_id}")
    page.get_by_role("button", name="关闭订单").click()
    agree(page, "关闭订单")
    told(page, "正在关闭")
    expect(page.get_by_text("商家关闭")).to_be_visible()
    assert ready.api.get(f"{CONSOLE}/products/{product_id}")["skus"][0]["stock"] == 10


def test_orders_are_found_and_staff_see_parts_of_phones(ready: Shop, page: Page, stage: Stage) -> None:
    [product_id] = open_mall(ready, TEA)
    me = joined(ready)
    order_id = ordered(ready, me, product_id)
    ordered(ready, me, product_id, pay=False)
    login(page, stage, ready.staff("store_staff"), "/mall/orders")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("138****0001")
    expect(page.get_by_role("link", name="导出")).to_have_count(0)
    field(page, "订单号、手机号或收货人").fill(ready.api.get(f"{CONSOLE}/orders/{order_id}")["order_no"])
    expect(rows(page)).to_have_count(1)
    rows(page).first.click()
    expect(page.get_by_role("button", name="发货", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="退款")).to_have_count(0)
    expect(page.get_by_text("13800000001")).to_have_count(0)


def test_a_refund_that_failed_says_why(ready: Shop, page: Page, stage: Stage) -> None:
    [product_id] = open_mall(ready, TEA)
    order_id = ordered(ready, joined(ready), product_id)
    stage.sim.post(f"/_sim/pay/merchants/{MCHID}", {"balance_fen": 0})
    login(page, stage, ready.admin, f"/mall/orders/{order_id}")
    page.get_by_role("button", name="退款").click()
    form = dialog(page, "退款")
    field(form, "退款原因").fill("没货了")
    form.get_by_role("button", name="下一步").click()
    agree(page, "退款 ¥28.00")
    expect(page.get_by_text("商户号余额不足，充值后再退")).to_be_visible()
    expect(page.get_by_text("未退成")).to_be_visible()
    stage.sim.post(f"/_sim/pay/merchants/{MCHID}", {"balance_fen": None})


def close_though_paid(shop: Shop, order_id: str) -> None:
    """As if the money had come a moment too late and had not gone back."""

    async def closed() -> None:
        async with shop.stage.db.tx(shop.tenant) as tx:
            await tx.execute(
                "UPDATE mall_orders SET state = 'closed', closing = 'unpaid', closed_at = $3, stock_taken = false "
                "WHERE tenant_id = $1 AND id = $2",
                *(tx.tenant_id, UUID(order_id), tx.now),
            )

    shop.stage.run(closed())


def test_a_closed_order_that_holds_money_is_shown_and_refunded(ready: Shop, page: Page, stage: Stage) -> None:
    [product_id] = open_mall(ready, TEA)
    me = joined(ready)
    ordered(ready, me, product_id)
    order_id = ordered(ready, me, product_id)
    close_though_paid(ready, order_id)
    login(page, stage, ready.admin, "/mall/orders")
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_role("note")).to_contain_text("有 1 笔已关闭的订单还留着买家的钱")
    shoot(page, "owed-list")
    assert faults_of(page) == []
    page.get_by_role("link", name="去退款").click()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_label("只看待退款的")).to_be_checked()
    rows(page).first.click()
    expect(page.get_by_role("alert")).to_contain_text("还有 ¥28.00 没有退给买家")
    shoot(page, "owed-order")
    page.get_by_role("button", name="退款").click()
    form = dialog(page, "退款")
    field(form, "退款原因").fill("订单已关闭")
    form.get_by_role("button", name="下一步").click()
    agree(page, "退款 ¥28.00")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("button", name="退款")).to_have_count(0)
    ready.settle()
    assert ready.api.get(CONSOLE)["owed"] == 0
    assert ready.api.get(f"{CONSOLE}/orders/{order_id}")["refunded_fen"] == 2800
    page.goto(f"{stage.console}/mall/orders?owed=1")
    expect(page.get_by_text("还没有订单").or_(page.get_by_text("没有符合条件的"))).to_be_visible()
    expect(page.get_by_role("note")).to_have_count(0)


def test_who_pays_out_sees_the_gift_the_last_recharge_and_a_frozen_member(
    ready: Shop, page: Page, stage: Stage
) -> None:
    open_mall(ready, TEA)
    me = joined(ready)
    ready.api.put("/api/console/loyalty/rules", whole_rules(gift_tiers=[{"from_fen": 10_000, "gift_fen": 2_000}]))
    [member] = ready.api.get("/api/console/members")["items"]
    till = {"store": "S01", "card_no": member["card_no"]}
    for till_no, paid_fen in (("R-1", 5_000), ("R-2", 10_000)):
        ready.till().post("/api/v1/recharges", {**till, "till_no": till_no, "paid_fen": paid_fen})
    body: dict[str, Any] = {"amount_fen": 10_000, "way": "bank", "payee": "招商银行 6225 8888"}
    me.post(f"{BUYER}/withdrawals", body, headers={"Idempotency-Key": "w"})
    ready.api.post(f"/api/console/members/{member['id']}/freeze", {})
    [row] = ready.api.get(f"{CONSOLE}/withdrawals")["items"]
    assert (row["gift_fen"], row["member_state"]) == (2_000, "frozen")
    assert (row["last_recharge"]["paid_fen"], row["last_recharge"]["gift_fen"]) == (10_000, 2_000)
    login(page, stage, ready.admin, "/mall/withdrawals")
    for text in ("¥100.00", "¥20.00", "¥100.00，送 ¥20.00", "会员已冻结"):
        expect(rows(page).first).to_contain_text(text)
    shoot(page, "withdrawals")
    assert faults_of(page) == []
    page.get_by_role("button", name="处理", exact=True).click()
    form = dialog(page, "处理提现")
    for text in ("¥100.00，送 ¥20.00", "会员已冻结", "赠送的 ¥20.00 会留在会员的余额里"):
        expect(form).to_contain_text(text)
    shoot(page, "withdrawal")
    assert faults_of(page) == []
    page.set_viewport_size({"width": 768, "height": 1024})
    shoot(page, "withdrawal-768")
    assert not wider_than_screen(page)


def test_a_picture_by_its_address_is_https(ready: Shop, page: Page, stage: Stage) -> None:
    [product_id] = open_mall(ready, TEA)
    login(page, stage, ready.admin, f"/mall/products/{product_id}")
    address = page.get_by_label("或填写图片地址 https://")
    address.fill("http://img.test/1.jpg")
    page.get_by_role("button", name="添加", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="图片地址要以 https:// 开头")).to_be_visible()
    expect(page.get_by_alt_text("第 1 张图片")).to_have_count(0)
    assert ready.api.get(f"{CONSOLE}/products/{product_id}")["pictures"] == []


def shoot(page: Page, name: str) -> None:
    """A picture for who changes the page: `HUIDA_SHOTS=folder`."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


def furnished(shop: Shop) -> dict[str, str]:
    """Something on every page; names in Latin letters, so that what is Chinese is the page's own."""
    shop.api.patch("/api/console/settings", {"name": "Shanyue Tea", "short_name": "Shanyue Tea"})
    names = {"title": "Jasmine tea", "description": "Green", "skus": TEA["skus"]}
    [product_id] = open_mall(shop, names)
    me = joined(shop)
    order_id = ordered(shop, me, product_id, latin=True)
    ordered(shop, me, product_id, pay=False, latin=True)
    shop.api.post(f"{CONSOLE}/orders/{order_id}/parcels", {"carrier_code": "EMS", "tracking_no": "EM123456"})
    shop.api.post(f"{CONSOLE}/orders/{order_id}/refunds", {"amount_fen": 100, "reason": "short", "key": "k"})
    member = shop.api.get("/api/console/members")["items"][0]
    shop.api.patch(f"/api/console/members/{member['id']}", {"name": "Lin"})
    shop.cards[LIN] = member["card_no"]
    recharge = {"store": "S01", "till_no": "R", "card_no": member["card_no"], "paid_fen": 9900}
    shop.till().post("/api/v1/recharges", recharge)
    body: dict[str, Any] = {"amount_fen": 900, "way": "bank", "payee": "Bank 6225"}
    me.post(f"{BUYER}/withdrawals", body, headers={"Idempotency-Key": "w"})
    shop.settle()
    return {"product": product_id, "order": order_id}


PAGES = (
    "/mall/products",
    "/mall/products/new",
    "/mall/products/{product}",
    "/mall/orders",
    "/mall/orders/{order}",
    "/mall/withdrawals",
    "/mall/withdrawals?tab=recharges",
    "/mall/settings",
    "/pay-account",
)


def test_every_page_of_the_mall_is_in_order(ready: Shop, page: Page, stage: Stage) -> None:
    made = furnished(ready)
    login(page, stage, ready.admin, "/settings")
    found: list[str] = []
    for path in PAGES:
        address = path.format(**made)
        page.set_viewport_size({"width": 1280, "height": 800})
        opened(page, stage, address)
        found += [f"{path}: {fault}" for fault in faults_of(page)]
        page.set_viewport_size({"width": 768, "height": 1024})
        if wide := wider_than_screen(page):
            found.append(f"{path}: {wide} px wider than a tablet")
    page.set_viewport_size({"width": 1280, "height": 800})
    for path, name in (
        ("/mall/orders/{order}", "再发一个包裹"),
        ("/mall/orders/{order}", "退款"),
        ("/mall/withdrawals", "处理"),
    ):
        opened(page, stage, path.format(**made))
        page.locator("main").get_by_role("button", name=name, exact=True).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_timeout(400)
        found += [f"{path} {name}: {fault}" for fault in faults_of(page)]
    assert not found, "\n".join(found)


def test_every_page_of_the_mall_is_complete_in_english(ready: Shop, page: Page, stage: Stage) -> None:
    made = furnished(ready)
    login(page, stage, ready.admin, "/settings")
    page.get_by_role("button", name="EN", exact=True).click()
    expect(page.get_by_role("heading", name="Merchant settings")).to_be_visible()
    found: list[str] = []
    for path in PAGES:
        opened(page, stage, path.format(**made))
        shown = page.locator("main").inner_text()
        found += [f"{path}: {line}" for line in shown.splitlines() if HAN.search(line)]
    assert [line for line in found if not re.search("件|会达", line)] == []


def test_the_operator_sets_the_platforms_account_up(ready: Shop, page: Page, stage: Stage) -> None:
    grant(ready)
    login(page, stage, stage.operator, "/platform/pay")
    expect(page.get_by_label("收款 AppID")).to_be_visible()
    assert faults_of(page) == []
    keys = pay_keys(ready)
    for place, name in (
        ("#pa-mchid", "mchid"),
        ("#pa-serial", "serial"),
        ("#pa-private", "private_key"),
        ("#pa-v3", "api_v3_key"),
        ("#pa-keyid", "public_key_id"),
        ("#pa-public", "public_key"),
    ):
        page.locator(place).fill(keys[name])
    page.locator("#pa-app").fill("wx5e1f00000000a001")
    page.get_by_role("button", name="保存并检查").click()
    expect(page.get_by_text("商户号、证书和密钥都对，可以收款")).to_be_visible()


def test_an_ordinary_amount_is_saved(stage: Stage, ready: Shop, page: Page) -> None:
    """A field for yuan takes every amount, not only those that are a cent more than a whole one."""
    login(page, stage, ready.admin, "/mall/settings")
    page.get_by_role("button", name="保存").click()
    told(page, "已保存")

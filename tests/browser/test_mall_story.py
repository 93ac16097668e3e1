"""Buying on a phone: the shop sets payments and a product up, a buyer pays on the simulated phone, staff send and refund."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect

from huida import faces
from huida.demo import stage as demo
from huida.kernel.clock import SystemClock
from huida.kernel.http import Outgoing
from huida.modules import payments
from huida.providers.wechatpay.client import WechatPay
from tests.browser.console.pages import agree, choose, dialog, field, told
from tests.browser.mallshop import BOX, TEA, grant, open_mall, orders, pay_keys
from tests.browser.stage import LIN, Shop
from tests.browser.watch import login

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    assert (faces.STATIC / "h5" / "index.html").exists(), "the member centre is not built: make faces"


@pytest.fixture
def phones(context: BrowserContext, shop: Shop) -> Iterator[Page]:
    """The phone page of a shop whose accounts are connected, with the member centre in the phones."""
    shop.store()
    shop.connect()
    demo.show_pages(shop._demo(), shop.tenant)
    shop.member(LIN)
    page = context.new_page()
    page.set_viewport_size({"width": 1580, "height": 1040})
    yield page


def holder(page: Page) -> Locator:
    return page.locator(f'.holder[data-person="{LIN}"]')


def centre_of(page: Page) -> FrameLocator:
    return holder(page).frame_locator('iframe[data-testid="mini"]')


def join(page: Page, shop: Shop) -> FrameLocator:
    """Open the member centre on the phone and give the phone number."""
    page.goto(shop.stage.sim_url)
    holder(page).locator('[data-act="open"]').click()
    centre = centre_of(page)
    centre.get_by_role("button", name=re.compile("手机号")).first.click()
    holder(page).locator('[data-act="accept"]').click()
    expect(centre.locator(".face")).to_be_visible()
    return centre


def fill_in(centre: FrameLocator) -> None:
    for name, text in (("receiver", "林小满"), ("phone", "13800000001"), ("address", "杭州市西湖区龙井路 1 号")):
        centre.get_by_test_id(name).locator("input").fill(text)


@pytest.mark.covers("S2-01", "S2-18", "S2-19", "S2-20")
def test_from_setting_up_to_a_refund(phones: Page, shop: Shop, page: Page) -> None:
    # given: the shop sets payments up in the console, and a product with specifications
    grant(shop)
    login(page, shop.stage, shop.admin, "/mall/products")
    expect(page.get_by_text("还不能收款")).to_be_visible()
    page.get_by_role("link", name="去设置收款").click()
    keys = pay_keys(shop)
    for place, name in (
        ("#pa-mchid", "mchid"),
        ("#pa-serial", "serial"),
        ("#pa-private", "private_key"),
        ("#pa-v3", "api_v3_key"),
        ("#pa-keyid", "public_key_id"),
        ("#pa-public", "public_key"),
    ):
        page.locator(place).fill(keys[name])
    page.get_by_role("button", name="保存并检查").click()
    expect(page.get_by_text("商户号、证书和密钥都对，可以收款")).to_be_visible()

    page.goto(f"{shop.stage.console}/mall/products/new")
    field(page, "商品名称").fill("龙井礼盒")
    page.get_by_role("button", name="添加规格").click()
    field(page, "第 1 个规格名").fill("净含量")
    for value in ("50g", "100g"):
        field(page, "净含量的新规格值").fill(value)
        field(page, "净含量的新规格值").press("Enter")
    for sku, price, stock in (("50g", "98", "5"), ("100g", "188", "5")):
        page.get_by_label(f"{sku} 的价格").fill(price)
        page.get_by_label(f"{sku} 的库存").fill(stock)
    page.get_by_role("button", name="保存并上架").click()
    told(page, "已上架")
    expect(page.get_by_role("link", name="龙井礼盒")).to_be_visible()

    # when: a member buys it on the phone
    centre = join(phones, shop)
    phone = holder(phones)
    centre.get_by_test_id("way-shop").click()
    centre.get_by_test_id("product").click()
    expect(centre.get_by_test_id("price")).to_have_text("¥98.00")
    centre.get_by_test_id("spec").filter(has_text="100g").click()
    expect(centre.get_by_test_id("price")).to_have_text("¥188.00")
    centre.get_by_test_id("buy").click()
    centre.get_by_test_id("submit").click()
    expect(centre.get_by_role("alert")).to_have_text("请填写收货人")
    fill_in(centre)
    centre.get_by_test_id("submit").click()
    expect(phone.get_by_test_id("sum")).to_have_text("¥188.00")
    expect(phone.get_by_test_id("cashier")).to_contain_text("龙井礼盒")
    phone.locator('[data-act="pay"]').click()
    expect(centre.get_by_test_id("state")).to_have_text("待发货")
    [order] = orders(shop)
    assert (order["state"], order["total_fen"]) == ("paid", 18800)

    # then: staff send it, and the buyer sees the parcel
    page.goto(f"{shop.stage.console}/mall/orders")
    page.get_by_role("link", name=order["order_no"]).click()
    page.get_by_role("button", name="发货", exact=True).click()
    form = dialog(page, "发货")
    choose(page, form.get_by_role("combobox", name="快递公司"), "顺丰速运")
    field(form, "快递单号").fill("SF1234567890")
    form.get_by_role("button", name="确认发货").click()
    told(page, "已发货")
    phones.reload()
    holder(phones).locator('[data-act="open"]').click()
    centre = centre_of(phones)
    centre.get_by_test_id("way-orders").click()
    expect(centre.get_by_test_id("order")).to_contain_text("待收货")
    centre.get_by_test_id("order").click()
    expect(centre.get_by_test_id("parcel")).to_contain_text("顺丰速运 SF1234567890")

    # and: a part of the money goes back to the phone's wallet
    page.get_by_role("button", name="退款").click()
    form = dialog(page, "退款")
    page.locator("#r-amount").fill("20")
    field(form, "退款原因").fill("少发一盒")
    form.get_by_role("button", name="下一步").click()
    agree(page, "退款 ¥20.00")
    told(page, "已提交退款")
    expect(page.locator("section").filter(has_text="退款记录")).to_contain_text("已退款")
    holder(phones).locator('[data-act="wallet"]').click()
    expect(holder(phones).get_by_test_id("balance")).to_have_text("¥832.00")
    expect(holder(phones).get_by_test_id("moved")).to_have_count(2)
    expect(holder(phones).get_by_test_id("moved").first).to_contain_text("+20.00")


def test_who_leaves_the_cashier_can_pay_later_or_cancel(phones: Page, shop: Shop) -> None:
    open_mall(shop, TEA)
    centre = join(phones, shop)
    phone = holder(phones)
    centre.get_by_test_id("way-shop").click()
    centre.get_by_test_id("product").click()
    centre.get_by_test_id("buy").click()
    fill_in(centre)
    centre.get_by_test_id("submit").click()
    phone.get_by_test_id("cashier").locator('[data-act="cancel"]').click()
    expect(centre.get_by_test_id("state")).to_have_text("待付款")
    centre.get_by_test_id("pay").click()
    phone.locator('[data-act="pay"]').click()
    expect(centre.get_by_test_id("state")).to_have_text("待发货")
    assert [one["state"] for one in orders(shop)] == ["paid"]


def test_a_buyer_cancels_what_is_not_paid(phones: Page, shop: Shop) -> None:
    open_mall(shop, BOX)
    centre = join(phones, shop)
    centre.get_by_test_id("way-shop").click()
    centre.get_by_test_id("product").click()
    expect(centre.get_by_test_id("stock")).to_have_text("库存 5")
    centre.get_by_test_id("spec").filter(has_text="铁罐").click()
    expect(centre.get_by_test_id("stock")).to_have_text("已售罄")
    expect(centre.get_by_test_id("buy")).to_have_attribute("aria-disabled", "true")
    centre.get_by_test_id("spec").filter(has_text="100g").click()
    centre.get_by_test_id("buy").click()
    fill_in(centre)
    centre.get_by_test_id("submit").click()
    holder(phones).get_by_test_id("cashier").locator('[data-act="cancel"]').click()
    centre.get_by_test_id("cancel").click()
    centre.get_by_text("确定", exact=True).click()
    expect(centre.get_by_test_id("state")).to_have_text(re.compile("正在取消|已关闭"))
    shop.settle()
    [order] = orders(shop)
    assert (order["state"], order["closing"]) == ("closed", "buyer")


@pytest.mark.covers("S2-21", "S2-22")
def test_recharging_and_withdrawing(phones: Page, shop: Shop, page: Page) -> None:
    open_mall(shop)
    centre = join(phones, shop)
    phone = holder(phones)
    centre.get_by_test_id("way-recharge").click()
    centre.get_by_test_id("amount").filter(has_text="¥100").click()
    centre.get_by_test_id("recharge").click()
    expect(phone.get_by_test_id("sum")).to_have_text("¥100.00")
    phone.locator('[data-act="pay"]').click()
    expect(centre.get_by_test_id("note")).to_have_text("充值成功")
    expect(centre.get_by_test_id("total")).to_have_text("¥100.00")

    centre.get_by_test_id("to-withdraw").click()
    expect(centre.get_by_test_id("available")).to_have_text("¥100.00")
    centre.get_by_test_id("amount").locator("input").fill("60")
    centre.get_by_test_id("ask").click()
    expect(centre.get_by_role("alert")).to_have_text("请填写收款账户")
    centre.get_by_test_id("payee").locator("input").fill("linxiaoman-wx")
    centre.get_by_test_id("ask").click()
    expect(centre.get_by_test_id("withdrawal")).to_contain_text("等待打款")
    expect(centre.get_by_test_id("available")).to_have_text("¥40.00")

    login(page, shop.stage, shop.admin, "/mall/withdrawals")
    page.get_by_role("button", name="处理").click()
    form = dialog(page, "处理提现")
    expect(form).to_contain_text("linxiaoman-wx")
    field(form, "打款备注").fill("转账 0001")
    form.locator("footer").get_by_role("button", name="已打款").click()
    told(page, "已登记打款")
    expect(page.locator(".el-table__row")).to_contain_text("已打款")
    assert shop.api.get("/api/console/members")["items"] != []


def test_a_native_code_is_scanned_with_the_phone(phones: Page, shop: Shop) -> None:
    open_mall(shop)
    code = native_code(shop)
    phones.goto(shop.stage.sim_url)
    phone = holder(phones)
    phone.locator('[data-act="wallet"]').click()
    phone.get_by_label("粘贴付款码 weixin://").fill(code)
    phone.get_by_role("button", name="扫码").click()
    expect(phone.get_by_test_id("sum")).to_have_text("¥12.00")
    phone.locator('[data-act="pay"]').click()
    expect(phone.get_by_test_id("balance")).to_have_text("¥988.00")
    expect(phone.get_by_test_id("moved")).to_contain_text("短信套餐")


def native_code(shop: Shop) -> str:
    """A code as a page of the console shows it."""

    async def made() -> str:
        pay = WechatPay(
            Outgoing(),
            clock=SystemClock(),
            base_url=f"{shop.stage.sim_url}/api.mch.weixin.qq.com",
            notify_base=f"{shop.stage.url}/callbacks/wechatpay",
        )
        async with shop.stage.db.tx(shop.tenant) as tx:
            payment_id = await payments.start(
                tx, purpose="test", reference_id=uuid4(), amount_fen=1200, description="短信套餐", kind="native"
            )
        return (await payments.prepare(shop.stage.db, pay, shop.tenant, payment_id)).code_url

    return shop.stage.run(made())

"""The member's shop on a phone of 375×667: for every reader, in both languages, and outside of where one can pay."""

from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from huida.demo.stage import OA
from tests.browser.mallshop import BOX, TEA, open_mall
from tests.browser.member.kit import Centre
from tests.browser.stage import LIN
from tests.browser.watch import Watch

WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"

PATHS = (
    "pages/shop/index",
    "pages/shop/product?id={product}",
    "pages/shop/checkout?product={product}&sku={sku}&count=2",
    "pages/shop/orders",
    "pages/recharge/index",
    "pages/withdraw/index",
)


@pytest.fixture
def mall(centre: Centre, lin: UUID) -> tuple[Centre, dict[str, str]]:
    _, product = open_mall(centre.shop, TEA, BOX)
    found = centre.shop.api.get(f"/api/console/mall/products/{product}")
    return centre, {"product": product, "sku": found["skus"][0]["id"]}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_of_the_shop_is_accessible_and_no_wider_than_the_phone(
    mall: tuple[Centre, dict[str, str]], language: str
) -> None:
    centre, made = mall
    for path in PATHS:
        centre.open(path.format(**made), language=language)
        centre.shoot(f"{language}-{path.split('?')[0].replace('/', '-')}")
        assert (path, centre.unreadable()) == (path, [])
        assert centre.screen.locator("html").evaluate("page => page.scrollWidth") == 375, path


def test_a_shop_that_is_not_open_says_so_and_is_not_offered(centre: Centre, lin: UUID) -> None:
    screen = centre.open()
    expect(screen.get_by_test_id("way-recharge")).to_be_visible()
    expect(screen.get_by_test_id("way-shop")).to_have_count(0)
    screen = centre.open("pages/shop/index")
    expect(screen.get_by_text("商城还没有开放")).to_be_visible()
    screen = centre.open("pages/recharge/index")
    expect(screen.get_by_text("线上充值还未开放，目前请到店充值")).to_be_visible()


def test_a_sold_out_combination_cannot_be_bought(mall: tuple[Centre, dict[str, str]]) -> None:
    centre, made = mall
    screen = centre.open(f"pages/shop/product?id={made['product']}")
    expect(screen.get_by_test_id("stock")).to_have_text("库存 5")
    screen.get_by_test_id("spec").filter(has_text="铁罐").click()
    expect(screen.get_by_test_id("stock")).to_have_text("已售罄")
    expect(screen.get_by_test_id("buy")).to_have_attribute("aria-disabled", "true")
    screen.get_by_role("button", name="增加").click()
    expect(screen.get_by_test_id("count")).to_have_text("1")


def test_an_address_that_was_cut_leads_back_to_where_it_came_from(mall: tuple[Centre, dict[str, str]]) -> None:
    """U-13, and every other page that is about one thing."""
    centre, made = mall
    product = made["product"]
    for path, shown in (
        ("pages/shop/checkout", "茉莉花茶"),
        (f"pages/shop/checkout?product={product}", "净含量"),
        (f"pages/shop/checkout?product={product}&sku={UUID(int=7)}&count=2", "净含量"),
        ("pages/shop/product", "茉莉花茶"),
        ("pages/shop/order", "还没有订单"),
        ("pages/coupon/detail", "这里还没有优惠券"),
    ):
        screen = centre.open(path)
        expect(screen.get_by_text(shown).first).to_be_visible()

    # when: a page with all of it is loaded again
    screen = centre.open(f"pages/shop/checkout?product={product}&sku={made['sku']}&count=2")
    expect(screen.get_by_test_id("total")).to_have_text("¥196.00")
    screen.locator("html").evaluate("() => location.reload()")
    expect(screen.get_by_test_id("total")).to_have_text("¥196.00")


def test_a_wrong_receiver_is_refused_at_the_page(mall: tuple[Centre, dict[str, str]]) -> None:
    centre, made = mall
    screen = centre.open(f"pages/shop/checkout?product={made['product']}&sku={made['sku']}&count=1")
    for name, wrong in (("receiver", "林小满"), ("phone", "1380"), ("address", "杭州")):
        screen.get_by_test_id("submit").click()
        expect(screen.get_by_role("alert")).to_be_visible()
        screen.get_by_test_id(name).locator("input").fill(wrong)
    screen.get_by_test_id("submit").click()
    expect(screen.get_by_role("alert")).to_have_text("请填写 11 位手机号")
    assert centre.shop.api.get("/api/console/mall/orders")["items"] == []


def test_the_last_receiver_is_remembered_where_the_browser_keeps_things(
    mall: tuple[Centre, dict[str, str]], browser: Browser, watch: Watch
) -> None:
    centre, made = mall
    page = in_wechat(centre, browser, watch)
    address = f"{centre.shop.stage.url}/h5/?m={centre.shop.tenant}#/pages/shop/checkout?product={made['product']}&sku={made['sku']}&count=1"
    page.goto(address)
    to = {"receiver": "林小满", "phone": "13800000001", "address": "杭州市西湖区龙井路 1 号"}
    for name, right in {**to, "note": "周末送"}.items():
        field = page.get_by_test_id(name).locator("input")
        expect(field).to_have_value("")
        field.fill(right)
    page.get_by_test_id("submit").click()
    page.wait_for_url("**/pages/shop/order?**")
    [order] = centre.shop.api.get("/api/console/mall/orders")["items"]
    assert order["receiver"] == "林小满"
    page.goto("about:blank")
    page.goto(address)
    for name, kept in {**to, "note": ""}.items():
        expect(page.get_by_test_id(name).locator("input")).to_have_value(kept)
    page.context.close()


def in_wechat(centre: Centre, browser: Browser, watch: Watch) -> Page:
    """WeChat's own browser: it says who the person is, and the person does not pay."""
    opened = browser.new_context(viewport={"width": 375, "height": 667}, user_agent=WECHAT, locale="zh-CN")
    watch.over(opened)
    opened.add_init_script(
        "window.WeixinJSBridge = { invoke: (name, given, told) => told({ err_msg: 'get_brand_wcpay_request:cancel' }) }"
    )

    def authorize(route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        body = {"person": LIN, "app": OA, "scope": "snsapi_userinfo"}
        code = centre.shop.stage.sim.post("/_sim/oauth-code", body)["code"]
        back = f"{unquote(query['redirect_uri'])}&code={code}&state={query['state']}"
        route.fulfill(status=302, headers={"Location": back})

    opened.route("**/connect/oauth2/authorize*", authorize)
    return opened.new_page()

"""The simulated phones with the real member centre inside: join, subscribe, buy, receive, pay with a code, on one screen."""

import re

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from huida import faces
from huida.demo import stage as demo
from tests import make
from tests.browser.member.kit import enable
from tests.browser.stage import LIN, Shop


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    assert (faces.STATIC / "h5" / "index.html").exists(), "the member centre is not built: make faces"


@pytest.fixture
def phones(page: Page, shop: Shop) -> Page:
    """The phone page of a shop whose accounts are connected, with its till and the member centre in the phones."""
    shop.store()
    shop.connect()
    shop.api.post(f"/api/console/connections/{demo.MINI}/open-subscribe")
    stage = shop._demo()
    demo.show_pages(stage, shop.tenant)
    demo.set_up_till(stage, shop.stage.run(make.key(shop.stage.db, shop.tenant)))
    page.set_viewport_size({"width": 1580, "height": 1040})
    return page


def opened(page: Page, shop: Shop) -> None:
    page.goto(shop.stage.sim_url)
    expect(page.locator(".phone")).to_have_count(3)


def holder(page: Page, person: str = LIN) -> Locator:
    return page.locator(f'.holder[data-person="{person}"]')


def mini(page: Page, person: str = LIN) -> FrameLocator:
    return holder(page, person).frame_locator('iframe[data-testid="mini"]')


def open_centre(page: Page) -> FrameLocator:
    holder(page).locator('[data-act="open"]').click()
    return mini(page)


def ring_up(page: Page, number: int, yuan: str, customer: str = "") -> None:
    till = page.get_by_test_id("till")
    till.locator('[data-key="till-yuan"]').fill(yuan)
    till.locator('[data-key="till-customer"]').fill(customer)
    till.locator(f'[data-ring="{number}"]').click()


@pytest.mark.covers("S1-73", "S1-76", "S1-90", "S1-91")
def test_join_subscribe_buy_and_receive_on_one_screen(phones: Page, shop: Shop) -> None:
    enable(shop, "consumption")
    opened(phones, shop)
    phone = holder(phones)
    centre = open_centre(phones)
    centre.get_by_role("button", name=re.compile("手机号")).first.click()
    expect(phone.get_by_test_id("sheet")).to_contain_text("13800000001")
    phone.locator('[data-act="accept"]').click()
    expect(centre.locator(".face")).to_be_visible()

    centre.get_by_test_id("subscribe-entry").get_by_role("button").click()
    expect(phone.get_by_test_id("sheet").locator(".choices label span")).to_have_text(["会员消费通知"])
    phone.locator('[data-act="accept"]').click()
    expect(phone.get_by_test_id("sheet")).to_have_count(0)
    expect(centre.get_by_test_id("subscribe-entry")).to_contain_text("1")

    ring_up(phones, 0, "25.00")
    expect(phones.get_by_test_id("till-answer")).to_contain_text("已记账")
    expect(phone.get_by_test_id("banner")).to_contain_text("会员消费通知")
    expect(phone.get_by_test_id("bell")).to_have_attribute("data-rings", "1")
    phone.get_by_test_id("banner").click()
    phone.locator(".card .detail").click()
    receipt = mini(phones)
    expect(receipt.get_by_text("¥25.00")).to_be_visible()
    expect(phone.locator('iframe[data-testid="mini"]')).to_have_attribute(
        "data-page", re.compile(r"^pages/receipt/index\?id=[0-9a-f]{32}$|^pages/receipt/index\?id=[0-9a-f-]{36}$")
    )
    shop.settle()
    items = shop.api.get("/api/console/messaging/deliveries")["items"]
    assert [(one["channel"], one["state"]) for one in items] == [("subscribe", "delivered")]


@pytest.mark.covers("S1-85", "S1-86")
def test_a_refusal_grants_nothing_and_the_next_purchase_is_not_told(phones: Page, shop: Shop) -> None:
    enable(shop, "consumption")
    opened(phones, shop)
    phone = holder(phones)
    centre = open_centre(phones)
    centre.get_by_role("button", name=re.compile("手机号")).first.click()
    phone.locator('[data-act="accept"]').click()
    centre.get_by_test_id("subscribe-entry").get_by_role("button").click()
    phone.locator('[data-act="reject"]').click()
    expect(centre.get_by_test_id("subscribe-entry")).to_have_count(0)
    ring_up(phones, 0, "25.00")
    expect(phones.get_by_test_id("till-answer")).to_contain_text("已记账")
    shop.settle()
    items = shop.api.get("/api/console/messaging/deliveries")["items"]
    assert [(one["state"], one["reason"]) for one in items] == [("not_attempted", "no_quota")]
    assert shop.stage.sim.get(f"/_sim/phones/{LIN}")["received"] == 0


def test_who_keeps_the_number_to_oneself_is_still_a_visitor(phones: Page, shop: Shop) -> None:
    opened(phones, shop)
    centre = open_centre(phones)
    centre.get_by_role("button", name=re.compile("手机号")).first.click()
    holder(phones).locator('[data-act="reject"]').click()
    expect(centre.locator(".face")).to_have_count(0)
    assert shop.api.get("/api/console/members")["items"] == []


@pytest.mark.covers("S1-80")
def test_a_spend_code_is_read_off_the_phone_and_pays(phones: Page, shop: Shop) -> None:
    shop.member(LIN, card_no="6088000001")
    opened(phones, shop)
    centre = open_centre(phones)
    centre.get_by_role("button", name=re.compile("手机号")).first.click()
    holder(phones).locator('[data-act="accept"]').click()
    expect(centre.locator(".face")).to_be_visible()
    ring_up(phones, 2, "100.00")
    expect(phones.get_by_test_id("till-answer")).to_have_text("已记账，卡号 6088000001")
    centre.get_by_test_id("way-spend").click()
    digits = centre.get_by_text(re.compile(r"^\s*86[\d\s]{16,24}$")).first
    expect(digits).to_be_visible()
    code = re.sub(r"\D", "", digits.inner_text())
    ring_up(phones, 1, "30.00", code)
    expect(phones.get_by_test_id("till-answer")).to_have_text("已记账，卡号 6088000001")
    ring_up(phones, 1, "30.00", code)
    expect(phones.get_by_test_id("till-answer")).to_contain_text("未记账")
    member = shop.api.get("/api/console/members", q="6088000001")["items"][0]["id"]
    assert shop.api.get(f"/api/console/members/{member}")["balances"]["cny_principal"] == 7_000


@pytest.mark.covers("S1-117")
def test_the_link_of_an_sms_opens_the_mini_program_at_the_detail(phones: Page, shop: Shop) -> None:
    demo.set_up(shop._demo(), shop.tenant)
    shop.member(LIN, card_no="6088000001")
    opened(phones, shop)
    ring_up(phones, 2, "100.00")
    phone = holder(phones)
    expect(phone.get_by_test_id("banner")).to_be_visible()
    phone.get_by_test_id("banner").click()
    phone.locator(".link").click()
    web = phone.frame_locator('iframe[data-testid="web"]')
    web.get_by_role("button", name=re.compile("打开小程序")).click()
    expect(phone.locator('iframe[data-testid="mini"]')).to_have_attribute(
        "data-page", re.compile(r"^pages/balance/index\?id=")
    )
    mini(phones).get_by_role("button", name=re.compile("手机号")).first.click()
    phone.locator('[data-act="accept"]').click()
    expect(mini(phones).get_by_text("¥100.00").first).to_be_visible()


def test_the_back_key_goes_back_in_the_mini_program_and_then_out_of_it(phones: Page, shop: Shop) -> None:
    opened(phones, shop)
    shop.member(LIN)
    centre = open_centre(phones)
    centre.get_by_role("button", name=re.compile("手机号")).first.click()
    holder(phones).locator('[data-act="accept"]').click()
    centre.get_by_test_id("points").click()
    expect(centre.get_by_test_id("total")).to_be_visible()
    expect(centre.get_by_test_id("way-spend")).not_to_be_visible()
    holder(phones).get_by_label("back").click()
    expect(centre.get_by_test_id("way-spend")).to_be_visible()
    holder(phones).get_by_label("back").click()
    expect(holder(phones).locator("iframe")).to_have_count(0)
    expect(holder(phones).locator(".bar .title")).to_have_text("微信")

"""For every reader: two languages, and no serious fault that axe finds."""

from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.browser.member.kit import Centre, enable
from tests.browser.stage import LIN

PATHS = (
    "pages/index/index",
    "pages/login/index",
    "pages/balance/index",
    "pages/points/index",
    "pages/recharge/index",
    "pages/spend-code/index",
    "pages/coupon/index",
    "pages/receipt/index",
    "pages/order/index",
    "pages/subscribe/index",
)


@pytest.fixture
def busy(centre: Centre, lin: UUID) -> Centre:
    """A shop where something is on every page."""
    shop = centre.shop
    shop.till().post("/api/v1/recharges", {"store": "S01", "till_no": "R", "card_no": "6088000001", "paid_fen": 99900})
    shop.buys(LIN, 2500, balance_fen=1200)
    terms = {
        "name": "满30减5元券",
        "kind": "cash",
        "total": 9,
        "amount_fen": 500,
        "threshold_fen": 3000,
        "valid_days": 30,
    }
    for terms_now in (terms, terms | {"name": "老友8.5折券", "kind": "discount", "amount_fen": 0, "discount_bp": 8500}):
        template = shop.api.post("/api/console/coupons/templates", terms_now)["id"]
        shop.api.post(f"/api/console/coupons/templates/{template}/on")
    body = {"card_no": "6088000001", "template_id": template, "key": "k"}
    shop.api.post("/api/console/coupons/issue", body)
    for scenario in ("consumption", "recharge", "points_change", "coupon_claimed"):
        enable(shop, scenario)
    return centre


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_accessible_and_no_wider_than_the_phone(busy: Centre, language: str) -> None:
    for path in PATHS:
        busy.open(path, language=language)
        expect(busy.screen.locator("html")).to_have_attribute("lang", {"zh": "zh-CN", "en": "en"}[language])
        busy.shoot(f"{language}-{path.split('/')[1]}")
        assert (path, busy.unreadable()) == (path, [])
        assert busy.screen.locator("html").evaluate("page => page.scrollWidth") == 375, path
    busy.open("pages/receipt/index", kind="web", language=language)
    assert busy.unreadable() == []
    [coupon] = busy.shop.api.get("/api/console/coupons/members/" + member_id(busy))["items"]
    busy.open(f"pages/coupon/detail?id={coupon['id']}", language=language)
    assert busy.unreadable() == []


def member_id(centre: Centre) -> str:
    return str(centre.shop.api.get("/api/console/members")["items"][0]["id"])


def test_the_language_is_the_phones_and_can_be_changed(busy: Centre) -> None:
    screen = busy.open(language="en")
    expect(screen.get_by_test_id("way-recharge")).to_have_text("Top up")
    expect(screen.get_by_test_id("points")).to_contain_text("Points")
    assert busy.calls("title")[-1]["text"] == "Member centre"
    screen.get_by_role("button", name="中文").click()
    expect(screen.get_by_test_id("way-recharge")).to_have_text("储值充值")
    screen.get_by_test_id("way-recharge").click()
    expect(screen.get_by_text("到店充值", exact=True)).to_be_visible()
    assert busy.calls("title")[-1]["text"] == "储值充值"


def test_the_keyboard_reaches_and_presses_everything(busy: Centre) -> None:
    screen = busy.open()
    screen.get_by_role("button", name="会员码").focus()
    busy.page.keyboard.press("Enter")
    expect(screen.get_by_role("dialog", name="会员码")).to_be_visible()
    screen.get_by_role("button", name="关闭").focus()
    busy.page.keyboard.press("Space")
    expect(screen.get_by_role("dialog")).to_have_count(0)
    screen.get_by_test_id("way-coupons").focus()
    busy.page.keyboard.press("Enter")
    expect(screen.get_by_text("我的优惠券")).to_be_visible()

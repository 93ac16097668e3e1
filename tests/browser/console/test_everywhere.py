"""Every page of the console: in both languages, on a tablet, and for people who do not see or point."""

import re
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.pages import wider_than_screen
from tests.browser.readers import faults_of
from tests.browser.stage import LIN, Shop, Stage
from tests.browser.watch import login
from wesim import seed

pytestmark = pytest.mark.slow

HAN = re.compile(r"[\u4e00-\u9fff]")
SHOP = "Shanyue Tea"
PAGES = (
    "/overview",
    "/checklist",
    "/members",
    "/members/import",
    "/members/{member}",
    "/members/{member}?tab=ledger",
    "/members/{member}?tab=purchases",
    "/members/{member}?tab=coupons",
    "/members/{member}?tab=wechat",
    "/coupons",
    "/coupons?tab=redeem",
    "/coupons?tab=reminders",
    "/coupons/{template}",
    "/loyalty",
    "/purchases",
    "/connections",
    "/connections/new/oa",
    f"/connections/{seed.MINI_APPID}",
    "/stores",
    "/staff",
    "/keys",
    "/audit",
    "/settings",
    "/account",
    "/help",
    "/nowhere",
)
NAMED_BY_OPERATORS = ("/notify/sms-purchase", "/notify/sms-signature")
"""Pages that show what operators have named, in whatever language."""
STILL = """() => Promise.all(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().iterations !== Infinity).map((one) => one.finished.catch(() => null)))"""
OPERATOR = (
    "/platform/merchants",
    "/platform/merchants/{tenant}",
    "/platform/sms",
    "/platform/sms/packages",
    "/platform/sms/usage",
    "/platform/reviews",
    "/account",
    "/help",
)
DIALOGS = {
    "/members": ("新增会员",),
    "/members/{member}": ("修改资料", "调整积分 / 储值", "冻结"),
    "/coupons": ("新增券种",),
    "/purchases": ("登记消费",),
    "/stores": ("添加门店",),
    "/staff": ("添加员工",),
    "/keys": ("创建密钥",),
    "/connections": ("使用前必读",),
    "/account": ("开启两步验证",),
}


def set_up(shop: Shop) -> dict[str, str]:
    """Something on every page; names in Latin letters, so that what is Chinese is the page's own."""
    shop.api.patch("/api/console/settings", {"name": SHOP, "short_name": SHOP})
    shop.api.post("/api/console/stores", {"code": "S01", "name": "Main street"})
    shop.connect()
    shop.cards[LIN] = "60880001"
    member = shop.api.post("/api/console/members", {"card_no": "60880001", "name": "Lin", "phone": "13800000001"})["id"]
    rules = shop.api.get("/api/console/loyalty/rules")
    rules["levels"][0]["name"] = "Standard"
    shop.api.put("/api/console/loyalty/rules", rules)
    terms = {"name": "Ten off", "kind": "cash", "total": 5, "amount_fen": 1000, "valid_days": 30}
    template = shop.api.post("/api/console/coupons/templates", terms)["id"]
    shop.api.post(f"/api/console/coupons/templates/{template}/on")
    shop.api.post("/api/console/coupons/issue", {"template_id": template, "card_no": "60880001", "key": "1"})
    shop.api.post("/api/console/keys", {"name": "till", "scopes": ["purchases.write"]})
    shop.buys(LIN, 2500)
    return {"member": str(UUID(member)), "template": template, "tenant": str(shop.tenant)}


def opened(page: Page, stage: Stage, path: str) -> None:
    """The page with what it reads."""
    page.goto(stage.console + path)
    expect(page.locator("main h1").first).to_be_visible()
    expect(page.locator(".el-skeleton")).to_have_count(0)
    page.wait_for_load_state("networkidle")


def test_every_page_is_in_order(stage: Stage, shop: Shop, page: Page) -> None:
    """No serious or critical fault that axe finds, nothing wider than a tablet, no Chinese in English."""
    made = set_up(shop)
    login(page, stage, shop.admin, "/settings")
    found: list[str] = []
    for path in (*PAGES, *NAMED_BY_OPERATORS):
        address = path.format(**made)
        page.set_viewport_size({"width": 1280, "height": 800})
        opened(page, stage, address)
        found += [f"{path}: {fault}" for fault in faults_of(page)]
        page.set_viewport_size({"width": 768, "height": 1024})
        if wide := wider_than_screen(page):
            found.append(f"{path}: {wide} px wider than a tablet")
    assert not found, "\n".join(found)


def test_every_page_is_complete_in_english(stage: Stage, shop: Shop, page: Page) -> None:
    made = set_up(shop)
    login(page, stage, shop.admin, "/settings")
    page.get_by_role("button", name="EN", exact=True).click()
    expect(page.get_by_role("heading", name="Merchant settings")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.set_viewport_size({"width": 768, "height": 1024})
    found: list[str] = []
    for path in PAGES:
        opened(page, stage, path.format(**made))
        shown = page.locator("body").inner_text().replace("中\n", "")
        found += [f"{path}: {line}" for line in shown.splitlines() if HAN.search(line) and line.strip() != "中"]
        if HAN.search(page.title()):
            found.append(f"{path}: title {page.title()}")
        if wide := wider_than_screen(page):
            found.append(f"{path}: {wide} px wider than a tablet")
    assert [line for line in found if "会达小店" not in line] == []

    # then: the choice is remembered
    page.reload()
    expect(page.get_by_role("button", name="EN", exact=True)).to_have_attribute("aria-pressed", "true")


def test_every_dialog_is_in_order(stage: Stage, shop: Shop, page: Page) -> None:
    made = set_up(shop)
    login(page, stage, shop.admin, "/settings")
    found: list[str] = []
    for path, names in DIALOGS.items():
        for name in names:
            opened(page, stage, path.format(**made))
            page.locator("main").get_by_role("button", name=name, exact=True).first.click()
            if path != "/account":
                expect(page.get_by_role("dialog").first).to_be_visible()
                page.evaluate(STILL)
            found += [f"{path} {name}: {fault}" for fault in faults_of(page)]
    assert not found, "\n".join(found)


def test_the_operators_pages_and_the_login_are_in_order(stage: Stage, shop: Shop, page: Page) -> None:
    page.goto(f"{stage.console}/login")
    expect(page.get_by_role("heading", name="登录会达")).to_be_visible()
    found = [f"/login: {fault}" for fault in faults_of(page)]
    login(page, stage, stage.operator, "/platform/merchants")
    for path in OPERATOR:
        opened(page, stage, path.format(tenant=shop.tenant))
        found += [f"{path}: {fault}" for fault in faults_of(page)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_the_login_fits_any_screen(stage: Stage, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{stage.console}/login")
    expect(page.get_by_role("button", name="登录")).to_be_in_viewport()
    assert wider_than_screen(page) == 0


def test_the_console_can_be_used_with_the_keyboard(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.admin, "/stores")
    expect(page.get_by_role("heading", name="门店")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到内容")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="添加门店").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="添加门店")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="添加门店")).to_be_hidden()


@pytest.mark.parametrize("path", ["/members", "/overview"])
def test_the_first_page_is_light(stage: Stage, shop: Shop, page: Page, path: str) -> None:
    """Under 500 KB over the wire, the charts of the overview included; and none of it from elsewhere."""
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    login(page, stage, shop.admin, path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes) < 500_000

"""Every page that the console has routes for, on a phone and on a desk: nothing scrolls sideways, no form is checked by the
browser. The pages are read from the routes, so that a new one is looked at without being named here."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.pages import wider_than_screen
from tests.browser.mallshop import TEA, open_mall
from tests.browser.stage import LIN, Shop, Stage
from tests.browser.watch import login
from wesim import seed

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).resolve().parents[3] / "console/src/pages"
ROUTE = re.compile(r"path: '([^']+)'")
NOTHING_TO_SEE = {"denied"}
OPERATORS = "platform"
WIDTHS = (375, 1280)


WIDEST = """() => [...document.querySelectorAll('main *')]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth && !one.closest('.el-table, .scroll'))
  .map((one) => one.className || one.tagName).slice(-3).join(' | ')"""
"""What stands out, the innermost last."""


def routes() -> list[str]:
    """The addresses as the routes write them, children with their parent's."""
    found = []
    for file in sorted(SOURCE.glob("*/routes.ts")):
        text = file.read_text("utf-8")
        parent = "notify/" if file.parent.name == "notify" else ""
        found += [path if path == "notify" else parent + path for path in ROUTE.findall(text)]
    return [path for path in found if path not in NOTHING_TO_SEE]


def filled(path: str, made: dict[str, str]) -> str:
    """The address with something that exists in place of each parameter."""
    for pattern, value in made.items():
        if path == pattern:
            return value
    assert ":" not in path, f"name something for /{path}"
    return path


def busy(shop: Shop) -> dict[str, str]:
    """Something to see on every page, with long names."""
    shop.open_for_business()
    [product] = open_mall(shop, TEA | {"title": "明前特级西湖龙井茶礼盒装（狮峰山核心产区手工炒制）" * 2})
    member = str(shop.member(LIN))
    terms = {
        "name": "老友八五折券（全场通用不限次数）",
        "kind": "cash",
        "total": 5,
        "amount_fen": 1000,
        "valid_days": 30,
    }
    template = shop.api.post("/api/console/coupons/templates", terms)["id"]
    shop.api.post("/api/console/keys", {"name": "人民路店收银台", "scopes": ["mall.write", "purchases.write"]})
    shop.buys(LIN, 123456)
    return {
        "connections/new/:kind(oa|mini)": "connections/new/oa",
        "connections/:id": f"connections/{seed.MINI_APPID}",
        "coupons/:id": f"coupons/{template}",
        "mall/products/:id": f"mall/products/{product}",
        "mall/orders/:id": "mall/orders",
        "members/:id": f"members/{member}",
        "members/import/:id": f"members/import/{understood(shop)}",
        "notices/:code": "notices/consumption",
        "notify/buyers/:code": "notify/buyers/order_paid",
        "notify/sellers/:code": "notify/sellers/order_paid_staff",
        "platform/merchants/:id(\\\\d+)": f"platform/merchants/{shop.tenant}",
    }


def understood(shop: Shop) -> str:
    """An import that waits to be started, of a file with much to say about."""
    table = "会员卡号,会员姓名,手机号码(必填),微信昵称,储值余额（元）\n60880077,明前特级西湖龙井,12345,很长的昵称,五元五角\n"
    asked = shop.api.post(
        "/api/console/imports", params={"kind": "members"}, files={"file": ("老系统导出的会员名单.csv", table)}
    )
    return str(asked["id"])


def shown(page: Page, stage: Stage, path: str) -> None:
    """The page with what it reads: nothing stands in for it any more."""
    page.goto(stage.console + path)
    expect(page.locator("main h1").first).to_be_visible()
    expect(page.locator(".el-skeleton, [aria-busy=true]")).to_have_count(0)


def faults_at(page: Page, stage: Stage, paths: list[str]) -> list[str]:
    found: list[str] = []
    for path in paths:
        page.set_viewport_size({"width": WIDTHS[0], "height": 800})
        shown(page, stage, f"/{path}")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if wide := wider_than_screen(page):
                found.append(f"/{path}: {wide} px wider than {width}, {page.evaluate(WIDEST)}")
        if checked := page.evaluate("[...document.forms].filter((one) => !one.noValidate).length"):
            found.append(f"/{path}: {checked} forms that the browser checks")
    return found


def test_no_page_scrolls_sideways(stage: Stage, shop: Shop, page: Page) -> None:
    made = busy(shop)
    paths = [filled(path, made) for path in routes()]
    assert len(paths) > 40
    login(page, stage, shop.admin, "/settings")
    found = faults_at(page, stage, [path for path in paths if not path.startswith(OPERATORS)])
    page.context.clear_cookies()
    login(page, stage, stage.operator, "/platform/merchants")
    found += faults_at(page, stage, [path for path in paths if path.startswith(OPERATORS)])
    assert not found, "\n".join(found)

"""A phone's screen, and a tea shop whose member centre is connected."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from huida import faces
from huida.demo.stage import MINI
from tests.browser.member.kit import Centre
from tests.browser.stage import LIN, Api, Shop
from tests.browser.watch import Watch


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    assert (faces.STATIC / "h5" / "index.html").exists(), "the member centre is not built: make faces"


@pytest.fixture
def context(browser: Browser, watch: Watch) -> Iterator[BrowserContext]:
    """A phone of 375×667 that knows nobody. At its end nothing may have gone wrong unseen."""
    opened = browser.new_context(viewport={"width": 375, "height": 667}, locale="zh-CN", timezone_id="Europe/Berlin")
    watch.allow("/favicon.ico")  # of the page around, which is not ours
    watch.over(opened)
    yield opened
    opened.close()
    assert watch.faults == []


@pytest.fixture
def centre(page: Page, shop: Shop) -> Centre:
    """The shop with a store and both accounts connected; nothing is told by message yet."""
    shop.store(name="南门店")
    shop.connect()
    shop.api.post(f"/api/console/connections/{MINI}/open-subscribe")
    return Centre(page, shop)


@pytest.fixture
def lin(centre: Centre) -> UUID:
    """林小满, a member whose WeChat is known."""
    member = centre.shop.member(LIN, card_no="6088000001")
    sim, api = centre.shop.stage.sim, Api(centre.shop.stage.url)
    opened = sim.post("/_sim/open", {"person": LIN, "app": MINI})
    token = api.post("/api/member/login", {"app_id": MINI, "code": opened["code"]})["token"]
    api.http.headers["Authorization"] = f"Bearer {token}"
    api.post("/api/member/phone", {"code": sim.post("/_sim/phone-code", {"person": LIN, "app": MINI})["code"]})
    return member

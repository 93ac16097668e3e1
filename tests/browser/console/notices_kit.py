"""What the tests of the notice pages share: what the shop has saved, and how parts of the pages are found."""

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.stage import Shop

DOOR = "/api/console/messaging"
MINI = "wx5e1f00000000b001"


def saved(shop: Shop, scenario: str, channel: str) -> dict[str, Any]:
    """A scenario's settings in one channel, as the server keeps them."""
    [row] = [one for one in shop.api.get(f"{DOOR}/scenarios")["items"] if one["code"] == scenario]
    [kept] = [one for one in row["channels"] if one["channel"] == channel]
    return dict(kept)


def live(shop: Shop) -> dict[str, str]:
    """The live channel of each scenario that has one."""
    rows = shop.api.get(f"{DOOR}/scenarios")["items"]
    return {row["code"]: one["channel"] for row in rows for one in row["channels"] if one["live"]}


def mine(shop: Shop, channel: str = "subscribe") -> list[dict[str, Any]]:
    return list(shop.api.get(f"{DOOR}/templates", channel=channel)["items"])


def connect_mini(shop: Shop) -> None:
    """Both accounts, and subscription messages opened; nothing else."""
    shop.connect()
    shop.api.post(f"/api/console/connections/{MINI}/open-subscribe")


def add_template(shop: Shop, title: str, labels: list[str]) -> str:
    """Put a public template with these keywords into my templates; its id."""
    [found] = [one for one in shop.api.get(f"{DOOR}/library", keyword=title)["items"] if one["title"] == title]
    ids = {one["name"]: one["kid"] for one in shop.api.get(f"{DOOR}/library/{found['tid']}/keywords")["items"]}
    body = {"tid": found["tid"], "keyword_ids": [ids[label] for label in labels], "scene": "测试"}
    return str(shop.api.post(f"{DOOR}/templates", body)["template_id"])


def choose(page: Page, channel: str) -> None:
    """Look at one of the three channels of a scenario."""
    page.get_by_role("radiogroup", name="推送渠道").get_by_text(channel, exact=True).click()
    expect(page.get_by_role("radio", name=channel)).to_be_checked()


def pick(page: Page, select: Locator, option: str) -> None:
    """Choose in a drop-down list."""
    select.locator("xpath=ancestor::*[contains(@class, 'el-select__wrapper')]").click()
    page.get_by_role("option").filter(has_text=option).locator("visible=true").first.click()


def row_of(page: Page, text: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_text(text, exact=True))


def phone(page: Page) -> Locator:
    """The simulated screen beside a form."""
    return page.get_by_role("img", name="手机预览")


def told_on(page: Page) -> dict[str, str]:
    """Label and value of each line on the card of the preview."""
    return dict(
        page.locator(".notice .pair").evaluate_all(
            "rows => rows.map(row => [row.querySelector('dt').innerText, row.querySelector('dd').innerText])"
        )
    )

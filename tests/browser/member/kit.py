"""The member centre on a phone of 375×667: opened in a frame of the simulator's origin that plays the phone's part."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import FrameLocator, Locator, Page, expect

from huida.demo.stage import MINI
from huida.modules.messaging.catalogue import BY_CODE
from tests.browser.readers import faults_of
from tests.browser.stage import LIN, Shop

FRAME = (Path(__file__).parent / "frame.html").read_text("utf-8")
SHOTS = os.environ.get("HUIDA_SHOTS", "")
MESSAGING = "/api/console/messaging"


@dataclass
class Centre:
    """One person's member centre. `choice` is what the person answers when asked to subscribe."""

    page: Page
    shop: Shop

    @property
    def screen(self) -> FrameLocator:
        return self.page.frame_locator("#mini")

    def open(
        self,
        path: str = "pages/index/index",
        person: str = LIN,
        *,
        kind: str = "mini",
        language: str = "zh",
        choice: str = "accept",
        phone: str = "allow",
    ) -> FrameLocator:
        """Open a page of the member centre as a card, a link or the launcher does."""
        src = f"{self.shop.stage.url}/h5/?m={self.shop.tenant}#/{path}"
        play = {"person": person, "app": MINI, "kind": kind, "language": language, "choice": choice, "phone": phone}
        self.page.goto(f"{self.shop.stage.sim_url}/_sim/health")
        self.page.set_content(FRAME.replace("PLAY", json.dumps(play | {"src": src})))
        expect(self.screen.locator(".shell")).to_be_visible()
        expect(self.screen.get_by_test_id("loading")).to_have_count(0)
        return self.screen

    def calls(self, name: str) -> list[dict[str, Any]]:
        """What the page asked of the phone."""
        found: list[dict[str, Any]] = self.page.evaluate("name => calls.filter(c => c.call === name)", name)
        return found

    def asked(self) -> list[list[str]]:
        """The templates of each question that the phone was to show."""
        return [call["templates"] for call in self.calls("subscribe")]

    def entry(self) -> Locator:
        return self.screen.get_by_test_id("subscribe-entry")

    def shoot(self, name: str) -> None:
        if SHOTS:
            self.page.screenshot(path=f"{SHOTS}/{name}.png")

    def unreadable(self) -> list[str]:
        """The serious and critical faults that axe finds."""
        handle = self.page.query_selector("#mini")
        assert handle is not None
        frame = handle.content_frame()
        assert frame is not None
        return faults_of(frame)


def enable(shop: Shop, scenario: str) -> str:
    """Add the scenario's default template to the mini program and make it live; returns the template's id."""
    default = BY_CODE[scenario].default
    found = shop.api.get(f"{MESSAGING}/library", keyword=default.title)["items"]
    tid = next(item["tid"] for item in found if item["title"] == default.title)
    offered = shop.api.get(f"{MESSAGING}/library/{tid}/keywords")["items"]
    ids = [next(k["kid"] for k in offered if k["name"] == name) for name in default.keywords]
    body = {"tid": tid, "keyword_ids": ids, "scene": "会员通知"}
    template_id = str(shop.api.post(f"{MESSAGING}/templates", body)["template_id"])
    path = f"{MESSAGING}/scenarios/{scenario}/channels/subscribe"
    mapping = shop.api.post(f"{path}/check", {"template_id": template_id, "mapping": {}})["suggested"]
    shop.api.put(path, {"template_id": template_id, "mapping": mapping})
    return template_id


def stop(shop: Shop, scenario: str) -> None:
    shop.api.delete(f"{MESSAGING}/scenarios/{scenario}/channels/subscribe")


def credits(shop: Shop, member: Any) -> dict[str, tuple[int, int]]:
    """What the console says of a member: (granted, remaining) by template."""
    items = shop.api.get(f"{MESSAGING}/members/{member}/credits")["items"]
    return {item["template_id"]: (item["granted"], item["remaining"]) for item in items}

"""Take the pictures of the handbook anew: plays the demo in a folder of its own and photographs its pages.

`make pictures`; needs the built pages and Chromium. Takes about two minutes.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "images" / "handbook"
READY_WITHIN_S = 240
MINI = "wx5e1f00000000b001"


@dataclass
class Demo:
    """The running demo: its addresses and what it noted."""

    url: str
    sim: str
    notes: dict[str, Any]

    def buy(self, card: str, fen: int, **more: Any) -> None:
        body = {"store": "S01", "till_no": f"P{time.time_ns()}"[:20], "card_no": card, "total_fen": fen, **more}
        self._till("/api/v1/purchases", body)

    def recharge(self, card: str, fen: int) -> None:
        self._till(
            "/api/v1/recharges",
            {"store": "S01", "till_no": f"R{time.time_ns()}"[:20], "card_no": card, "paid_fen": fen},
        )

    def _till(self, path: str, body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.notes['api_key']}"}
        answer = requests.post(self.url + path, json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def demo() -> Iterator[Demo]:
    """The sample shop, connected with the simulator, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="huida-pictures-") as folder:
        port, wesim = free_port(), free_port()
        command = [str(Path(sys.executable).parent / "huida"), "demo", "--no-play", "--data-dir", folder]
        command += ["--port", str(port), "--wesim-port", str(wesim)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert process.stdout is not None
            deadline = time.monotonic() + READY_WITHIN_S
            for line in process.stdout:
                print(" ", line.rstrip())
                if "Ctrl-C" in line:
                    break
                if time.monotonic() > deadline:
                    raise TimeoutError("the demo does not start")
            notes = json.loads((Path(folder) / "demo.json").read_text())
            yield Demo(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{wesim}", notes)
        finally:
            process.terminate()
            process.wait(30)


class Camera:
    """Photographs pages of the console as one person sees them."""

    def __init__(self, browser: Browser, shop: Demo, login_name: str) -> None:
        self.shop = shop
        self.context = browser.new_context(
            viewport={"width": 1280, "height": 800}, locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        login = {"login": login_name, "password": shop.notes["passwords"][login_name]}
        answer = self.context.request.post(f"{shop.url}/api/console/login", data=login)
        assert answer.ok, answer.text()
        self.page = self.context.new_page()

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.shop.url}/console{path}")
        expect(self.page.locator("main h1").first).to_be_visible()
        expect(self.page.locator(".el-skeleton")).to_have_count(0)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def shoot(self, name: str) -> None:
        self.page.evaluate("document.fonts.ready")
        self.page.wait_for_timeout(400)  # what moves in has come to rest
        self.page.screenshot(path=OUT / f"{name}.png")
        print("  picture", name)

    def take(self, name: str, path: str) -> None:
        self.open(path)
        self.shoot(name)


def busy(shop: Demo) -> None:
    """A few sales and recharges, so that there is something to look at."""
    for n, (card, fen) in enumerate(
        [("6088000001", 2800), ("6088000002", 5600), ("6088000003", 3200), ("6088000020", 6800)]
    ):
        shop.buy(card, fen)
        if n % 2 == 0:
            shop.recharge(card, 20_000)
    shop.buy("6088000001", 2400, balance_fen=2400)
    time.sleep(3)


def console(camera: Camera) -> None:
    page = camera.open("/overview")
    page.wait_for_timeout(800)  # the chart draws itself
    camera.shoot("overview")
    camera.take("checklist", "/checklist")
    camera.take("members", "/members")
    page = camera.open("/members?q=6088000001")
    page.locator(".el-table__body-wrapper tbody tr").first.click()
    expect(page.get_by_role("tab", name="动态")).to_be_visible()
    page.get_by_role("button", name=re.compile("为什么")).first.click()
    expect(page.locator("section.trace").first).to_be_visible()
    camera.shoot("member")
    camera.take("connections", "/connections")
    camera.take("connection", f"/connections/{MINI}")
    camera.take("notices", "/notices")
    page = camera.open("/notices/consumption")
    page.wait_for_timeout(800)  # the preview follows what is typed
    camera.shoot("notice")
    page = camera.open("/my-templates")
    page.get_by_role("button", name="添加模板").click()
    form = page.get_by_role("dialog", name="添加模板")
    form.get_by_role("textbox", name="输入模板标题的关键词").fill("余额")
    form.get_by_role("button", name="选用 账户余额提醒").click()
    for keyword in ("变动原因", "变动金额", "当前余额"):
        form.get_by_role("checkbox", name=re.compile(f"^{keyword}")).check()
    form.get_by_role("button", name="添加", exact=True).click()
    camera.shoot("add-template")
    camera.take("sms", "/sms")
    page = camera.open("/template-push")
    page.get_by_role("button", name="使用默认模板").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(500)
    camera.shoot("defaults")
    page = camera.open("/deliveries")
    camera.shoot("deliveries")
    page.get_by_role("button", name=re.compile("详情")).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(500)
    camera.shoot("delivery")
    camera.take("coupons", "/coupons")
    camera.take("keys", "/keys")
    camera.take("staff", "/staff")


def selling(camera: Camera) -> None:
    """The mall, its notices, and the SMS that the shop buys."""
    page = camera.open("/mall/orders")
    camera.shoot("orders")
    page.get_by_role("row").filter(has_text="已发货").get_by_role("link").first.click()
    expect(page.locator(".el-skeleton")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    camera.shoot("order")
    camera.take("buyers", "/notify/buyers")
    page = camera.open("/notify/buyers/order_shipped")
    page.wait_for_timeout(800)  # the preview follows what is typed
    camera.shoot("buyer-notice")
    camera.take("sellers", "/notify/sellers")
    camera.take("sms-purchase", "/notify/sms-purchase")
    camera.take("sms-signature", "/notify/sms-signature")


def platform(camera: Camera) -> None:
    """What the platform's operator works with."""
    camera.take("platform-sms", "/platform/sms")
    camera.take("platform-packages", "/platform/sms/packages")


def phones(browser: Browser, shop: Demo) -> None:
    """The simulator's page with the member centre in its phones."""
    page = browser.new_page(viewport={"width": 1580, "height": 900})
    page.goto(shop.sim)
    expect(page.locator(".phone")).to_have_count(3)
    for person, entry in (("linxiaoman", ""), ("chenyiming", "way-spend")):
        holder = page.locator(f'.holder[data-person="{person}"]')
        holder.locator('[data-act="open"]').click()
        centre = holder.frame_locator('iframe[data-testid="mini"]')
        expect(centre.locator(".face")).to_be_visible()
        if entry:
            centre.get_by_test_id(entry).click()
            expect(centre.locator(".face")).not_to_be_visible()
    page.locator('.holder[data-person="wangsiyuan"] [data-chat="services"]').click()
    expect(page.locator(".banner")).to_have_count(0, timeout=8000)
    page.wait_for_timeout(1000)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=OUT / "phones.png")
    print("  picture phones")
    page.close()


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "no Chromium: sh tools/browser.sh"
    OUT.mkdir(parents=True, exist_ok=True)
    with demo() as shop, sync_playwright() as playwright:
        busy(shop)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        merchant = Camera(browser, shop, "shanyue")
        console(merchant)
        selling(merchant)
        platform(Camera(browser, shop, "operator"))
        phones(browser, shop)
        browser.close()
    sizes = {picture.name: picture.stat().st_size // 1024 for picture in sorted(OUT.glob("*.png"))}
    print(f"{len(sizes)} pictures, {sum(sizes.values())} KB")


if __name__ == "__main__":
    main()

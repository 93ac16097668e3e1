"""What `make demo` shows, seen in a real Chromium: a till speaks to the open API, and phones ring.

Everything is real but WeChat and the carrier: the demo's own processes, its PostgreSQL, HTTP with an API key. With
HUIDA_PICTURE=1 the picture in docs/images is made anew.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from huida.demo.stage import MINI, OA
from tests.commands import processes
from tests.commands.conftest import Terminal
from wesim.sms.account import sender_number

LIN, CHEN, WANG = "linxiaoman", "chenyiming", "wangsiyuan"
CARDS = {LIN: "6088000001", CHEN: "6088000002", WANG: "6088000003"}
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "first-message.png"
LARGEST_PICTURE = 350_000


@dataclass
class Shop:
    """The running demo as the outside world meets it: the till with its key, the console, the phones."""

    product: str
    phones: str
    key: str
    password: str

    def till(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(
            method, f"{self.product}{path}", json=body, headers={"Authorization": f"Bearer {self.key}"}, timeout=15
        )
        assert answer.ok, answer.text
        return answer.json()

    def buys(self, person: str, total_fen: int) -> UUID:
        """A purchase at the till; returns its id."""
        body = {"store": "S01", "till_no": uuid4().hex[:16], "card_no": CARDS[person], "total_fen": total_fen}
        answer = self.till("POST", "/api/v1/purchases", body)
        assert answer["status"] == "recorded"
        return UUID(answer["id"])

    def recharges(self, person: str, paid_fen: int) -> UUID:
        body = {"store": "S01", "till_no": uuid4().hex[:16], "card_no": CARDS[person], "paid_fen": paid_fen}
        return UUID(self.till("POST", "/api/v1/recharges", body)["id"])

    def gives_points(self, person: str, points: int) -> int:
        """The shop's administrator corrects points by hand; returns how many there are now."""
        [member] = self.till("GET", f"/api/v1/members?card_no={CARDS[person]}")["items"]
        console = requests.Session()
        login = {"login": "shanyue", "password": self.password}
        me = console.post(f"{self.product}/api/console/login", json=login, timeout=15).json()
        answer = console.post(
            f"{self.product}/api/console/loyalty/members/{member['id']}/adjust",
            json={"key": str(uuid4()), "points": points, "note": "周年庆赠送"},
            headers={"X-CSRF-Token": me["csrf_token"]},
            timeout=15,
        )
        assert answer.ok, answer.text
        return int(answer.json()["points_after"])


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """`huida demo --no-play`, in a folder and on ports of its own."""
    home = Path(tempfile.mkdtemp(prefix="huida-demo-"))
    home.chmod(0o711)  # the database's user must pass it when the tests run as root
    terminal = Terminal(home)
    try:
        product, phones = free_ports()
        demo = terminal.start("demo", "--no-play", "--port", str(product), "--wesim-port", str(phones))
        terminal.await_output("Running until Ctrl-C", within_s=180)
        notes = json.loads((home / "var" / "demo" / "demo.json").read_text())
        yield Shop(
            f"http://127.0.0.1:{product}",
            f"http://127.0.0.1:{phones}",
            notes["api_key"],
            notes["passwords"]["shanyue"],
        )
        demo.terminate()
        demo.wait(60)
    finally:
        processes.kill_of(home)
        subprocess.run(["rm", "-rf", str(home)], check=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium: sh tools/browser.sh"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(shop: Shop, browser: Browser) -> Iterator[Page]:
    """The phone page with its three phones, live; what earlier tests left there is read."""
    for person in CARDS:
        requests.post(f"{shop.phones}/_sim/read", json={"person": person}, timeout=10)
    opened = browser.new_page(viewport={"width": 1580, "height": 1056})
    opened.goto(shop.phones)
    expect(opened.locator(".owner b")).to_have_text(["林小满", "陈一鸣", "王思远"])
    yield opened
    opened.close()


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def holder(page: Page, person: str) -> Locator:
    return page.locator(f'.holder[data-person="{person}"]')


def bell(page: Page, person: str) -> Locator:
    return holder(page, person).get_by_test_id("bell")


@pytest.mark.covers("S1-90", "S1-91", "S1-92")
def test_a_purchase_at_the_till_rings_the_phone_and_leads_to_its_receipt(shop: Shop, page: Page) -> None:
    # given
    phone = holder(page, LIN)
    expect(bell(page, LIN)).to_have_attribute("data-rings", "0")
    expect(phone.locator('[data-chat="services"] .badge')).to_have_count(0)

    # when: the till reports ¥25.00
    purchase = shop.buys(LIN, 2500)

    # then: without a reload the phone rings, once, and only this one
    expect(bell(page, LIN)).to_have_attribute("data-rings", "1")
    expect(bell(page, LIN)).to_have_class("bell ringing")
    expect(phone.get_by_test_id("banner")).to_have_text("服务通知会达小店会员中心：会员消费通知")
    expect(phone.locator('[data-chat="services"] .badge')).to_have_text("1")
    expect(bell(page, CHEN)).to_have_attribute("data-rings", "0")

    # when: 服务通知 is opened
    phone.locator('[data-chat="services"]').click()

    # then: the card tells what happened
    card = phone.locator(".card").last
    expect(card.locator(".headline")).to_have_text("会员消费通知")
    expect(card.locator("dt")).to_have_text(["会员姓名", "消费金额", "消费时间", "卡号", "温馨提示"])
    expect(card.locator("dd")).to_have_text(
        ["林小满", "25.00元", re.compile(r"20\d\d年\d\d月\d\d日 \d\d:\d\d"), "6088000001", "如非本人操作请联系门店"]
    )
    expect(phone.locator('.dock [data-app="chats"] .badge')).to_have_count(0)

    # when: the card is tapped
    card.locator(".detail").click()

    # then: the member centre opens at the receipt of this purchase
    opened = phone.get_by_test_id("mini")
    expect(opened).to_have_attribute("data-app", MINI)
    expect(opened).to_have_attribute("data-page", f"pages/receipt/index?id={purchase.hex}")


@pytest.mark.covers("S1-116", "S1-117")
def test_a_recharge_arrives_as_sms_and_its_link_leads_to_the_balance(shop: Shop, page: Page) -> None:
    # when
    recharge = shop.recharges(CHEN, 10_000)

    # then: a sound, and the message in the inbox of the phone
    phone = holder(page, CHEN)
    expect(bell(page, CHEN)).to_have_attribute("data-rings", "1")
    expect(phone.locator('.dock [data-app="sms"] .badge')).to_have_text("1")
    phone.locator('.dock [data-app="sms"]').click()
    phone.locator(f'[data-thread="{sender_number("山月茶事")}"]').click()
    bubble = phone.locator(".sms-bubble").last
    expect(bubble).to_have_text(
        re.compile(r"^【山月茶事】尾号0002于\d\d-\d\d \d\d:\d\d充值100\.00元 hd\.example/s/\w{10} $")
    )

    # when: its link is tapped
    code = bubble.locator(".link").inner_text().rsplit("/", 1)[-1]
    bubble.locator(".link").click()

    # then: the phone asks the shop's server, which leads to the member centre at this recharge
    expect(phone.locator("iframe")).to_have_attribute("src", f"{shop.product}/s/{code}")
    led = requests.get(f"{shop.product}/s/{code}", allow_redirects=False, timeout=10)
    address, _, fragment = led.headers["location"].partition("#")
    assert (led.status_code, fragment) == (302, f"/pages/balance/index?id={recharge.hex}")
    assert re.fullmatch(re.escape(shop.product) + r"/h5/\?m=\d+", address)


@pytest.mark.covers("S1-128", "S1-129")
def test_a_change_of_points_waits_behind_a_red_dot_without_a_sound(shop: Shop, page: Page) -> None:
    # when
    points = shop.gives_points(WANG, 200)

    # then: a dot, no sound, no banner
    phone = holder(page, WANG)
    row = phone.locator(f'[data-chat="{OA}"]')
    expect(row.locator(".badge")).to_have_class("badge dot")
    expect(row.locator(".preview")).to_have_text("积分变动提醒")
    expect(bell(page, WANG)).to_have_attribute("data-rings", "0")
    expect(phone.get_by_test_id("banner")).to_have_count(0)

    # when
    row.click()

    # then: the card tells what changed, and leads to the points
    card = phone.locator(".card").last
    expect(card.locator(".headline")).to_have_text("积分变动提醒")
    values = dict(zip(card.locator("dt").all_inner_texts(), card.locator("dd").all_inner_texts(), strict=True))
    assert (values["会员卡号"], values["当前积分"]) == (CARDS[WANG], str(points))
    card.locator(".detail").click()
    expect(phone.get_by_test_id("mini")).to_have_attribute("data-page", re.compile(r"^pages/points/index\?id=\w{32}$"))


def test_the_picture_for_the_documentation(shop: Shop, page: Page) -> None:
    # given: three phones, each with its kind of message
    shop.buys(LIN, 3600)
    shop.gives_points(WANG, 50)
    shop.recharges(CHEN, 30_000)
    expect(holder(page, WANG).locator(f'[data-chat="{OA}"] .badge')).to_have_count(1)
    expect(bell(page, CHEN)).to_have_attribute("data-rings", "1")
    holder(page, CHEN).get_by_test_id("banner").click()
    expect(bell(page, LIN)).to_have_attribute("data-rings", "1")
    expect(bell(page, LIN)).to_have_class("bell")
    holder(page, LIN).locator('[data-chat="services"]').click()

    # when: 林小满 buys a tea while she looks
    shop.buys(LIN, 5600)

    # then
    expect(holder(page, LIN).locator(".card").last.locator("dd").nth(1)).to_have_text("56.00元")
    expect(bell(page, LIN)).to_have_class("bell ringing")
    if "HUIDA_PICTURE" in os.environ:
        expect(page.locator(".call").first).to_contain_text("subscribe/send")  # the log is looked at every 2 s
        page.evaluate("scrollTo(0, 0)")
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURE)
    assert PICTURE.stat().st_size < LARGEST_PICTURE

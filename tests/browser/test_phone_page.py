"""The phone page in a real Chromium, against a real wesim server. Messages arrive through the simulated APIs."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import uvicorn
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from wesim import seed
from wesim.app import create_app
from wesim.seed import seeded_world
from wesim.sms import catalogue, signing
from wesim.sms.account import sender_number

LIN, CHEN = "linxiaoman", "chenyiming"
SATURDAY_1432 = 1795242720  # 2026-11-21 14:32 in China
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "phone-page.png"
PAGE = "pages/shop/order?id=A087&from=notice"


class Sim:
    """The simulator over HTTP, as a merchant's backend and as the control plane."""

    def __init__(self, base: str) -> None:
        self.base = base

    def control(self, path: str, body: Any) -> Any:
        answer = requests.post(f"{self.base}/_sim{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def look(self, path: str) -> Any:
        return requests.get(f"{self.base}/_sim{path}", timeout=10).json()

    def api(self, path: str, body: Any, app: tuple[str, str]) -> Any:
        host = f"{self.base}/api.weixin.qq.com"
        grant = {"grant_type": "client_credential", "appid": app[0], "secret": app[1]}
        token = requests.post(f"{host}/cgi-bin/stable_token", json=grant, timeout=10).json()["access_token"]
        answer = requests.post(
            f"{host}{path}?access_token={token}", data=json.dumps(body, ensure_ascii=False).encode(), timeout=10
        ).json()
        assert answer.get("errcode", 0) == 0, answer
        return answer

    def openid(self, app: str, person: str) -> str:
        return str(self.look(f"/apps/{app}/users/{person}")["openid"])

    def add_notice_template(self) -> str:
        body = {"tid": "1102", "kidList": [2, 3, 6, 5], "sceneDesc": "会员消费"}
        return str(self.api("/wxaapi/newtmpl/addtemplate", body, MINI)["priTmplId"])

    def send_notice(self, template: str, person: str = LIN) -> None:
        values = {
            "amount2": "¥128.00",
            "time3": "2026年11月21日 14:32",
            "thing6": "万象城店",
            "thing5": "本次获得 128 积分",
        }
        body = {
            "touser": self.openid(MINI[0], person),
            "template_id": template,
            "page": PAGE,
            "data": {key: {"value": value} for key, value in values.items()},
        }
        self.api("/cgi-bin/message/subscribe/send", body, MINI)

    def send_template_message(self, person: str = LIN) -> None:
        names = ["消费金额", "消费时间", "消费门店"]
        made = self.api(
            "/cgi-bin/template/api_add_template", {"template_id_short": "41102", "keyword_name_list": names}, OA
        )
        values = {"amount2": "¥66.00", "time3": "2026年11月21日 14:30", "thing6": "万象城店"}
        body = {
            "touser": self.openid(OA[0], person),
            "template_id": made["template_id"],
            "miniprogram": {"appid": MINI[0], "pagepath": "pages/points/index?tab=log"},
            "data": {key: {"value": value} for key, value in values.items()},
        }
        self.api("/cgi-bin/message/template/send", body, OA)

    def send_sms(self, phone: str = "13800000001", code: str = "SMS_100000002", link: str = "a8Kd") -> None:
        params = {
            "PhoneNumbers": phone,
            "SignName": "会达小店",
            "TemplateCode": code,
            "TemplateParam": json.dumps({"p1": "0001", "p2": "11-21 14:32", "code": link}),
            "AccessKeyId": catalogue.ALIYUN_KEY_ID,
            "Action": "SendSms",
            "Format": "JSON",
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": str(time.monotonic_ns()),
            "SignatureVersion": "1.0",
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.look("/clock")["now"])),
            "Version": "2017-05-25",
        }
        signature = signing.rpc_signature(
            catalogue.ALIYUN_KEY_SECRET, signing.rpc_string_to_sign("POST", params.items())
        )
        query = urlencode({**params, "Signature": signature})
        answer = requests.post(f"{self.base}/dysmsapi.aliyuncs.com/?{query}", timeout=10).json()
        assert answer["Code"] == "OK", answer


MINI = (seed.MINI_APPID, seed.MINI_SECRET)
OA = (seed.OA_APPID, seed.OA_SECRET)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("no Chromium: apt-get install -y --no-install-recommends chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def sim() -> Iterator[Sim]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(seeded_world()), log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    found = Sim(f"http://127.0.0.1:{listener.getsockname()[1]}")
    found.control("/clock", {"freeze": True, "set": SATURDAY_1432})
    yield found
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def page(sim: Sim, browser: Browser) -> Iterator[Page]:
    """The page with its phones loaded; anything on the console that is an error fails the test."""
    errors: list[str] = []
    opened = browser.new_page(viewport={"width": 1580, "height": 1040})
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.goto(sim.base)
    expect(opened.locator(".phone")).to_have_count(3)
    yield opened
    opened.close()
    assert errors == []


def holder(page: Page, person: str = LIN) -> Locator:
    return page.locator(f'.holder[data-person="{person}"]')


def rings(page: Page, person: str = LIN) -> Locator:
    return holder(page, person).get_by_test_id("bell")


def follow(page: Page, person: str = LIN) -> None:
    holder(page, person).locator('[data-act="follow"]').click()
    expect(holder(page, person).locator('[data-act="unfollow"]')).to_have_count(1)


def subscribe(page: Page, person: str = LIN) -> None:
    holder(page, person).locator('[data-act="subscribe"]').click()
    holder(page, person).locator('[data-act="accept"]').click()
    expect(holder(page, person).get_by_test_id("sheet")).to_have_count(0)


@pytest.mark.covers("S1-90", "S1-91")
def test_a_service_notice_sounds_and_opens_the_mini_program(sim: Sim, page: Page) -> None:
    template = sim.add_notice_template()
    subscribe(page)
    expect(rings(page)).to_have_attribute("data-rings", "0")
    sim.send_notice(template)
    expect(rings(page)).to_have_attribute("data-rings", "1")
    expect(rings(page)).to_have_class("bell ringing")
    phone = holder(page)
    expect(phone.get_by_test_id("banner")).to_have_text("服务通知会达小店会员中心：会员消费通知")
    expect(phone.locator('[data-chat="services"] .badge')).to_have_text("1")
    expect(phone.locator(".bar .title")).to_have_text("微信(1)")
    expect(rings(page, CHEN)).to_have_attribute("data-rings", "0")
    phone.get_by_test_id("banner").click()
    card = phone.locator(".card")
    expect(phone.locator(".screen")).not_to_contain_text("null")
    expect(card.locator(".headline")).to_have_text("会员消费通知")
    expect(card.locator("dt")).to_have_text(["消费金额", "消费时间", "消费门店", "温馨提示"])
    expect(card.locator("dd")).to_have_text(["¥128.00", "2026年11月21日 14:32", "万象城店", "本次获得 128 积分"])
    card.locator(".detail").click()
    opened = phone.get_by_test_id("mini")
    expect(opened).to_have_attribute("data-page", PAGE)
    expect(opened).to_have_attribute("data-app", MINI[0])
    expect(opened.locator(".fact")).to_have_text(
        [f"小程序{MINI[0]}", "打开的页面pages/shop/order", "idA087", "fromnotice"]
    )
    assert sim.look(f"/phones/{LIN}")["unread"] == {"chats": 0, "sms": 0}


@pytest.mark.covers("S1-128", "S1-129")
def test_a_template_message_shows_a_red_dot_and_stays_silent(sim: Sim, page: Page) -> None:
    follow(page)
    sim.send_template_message()
    row = holder(page).locator(f'[data-chat="{OA[0]}"]')
    expect(row.locator(".badge")).to_have_class("badge dot")
    expect(row.locator(".preview")).to_have_text("会员消费通知")
    expect(rings(page)).to_have_attribute("data-rings", "0")
    expect(holder(page).get_by_test_id("banner")).to_have_count(0)
    row.click()
    holder(page).locator(".card .detail").click()
    expect(holder(page).get_by_test_id("mini")).to_have_attribute("data-page", "pages/points/index?tab=log")


@pytest.mark.covers("S1-90")
def test_a_message_does_not_take_a_button_from_under_a_finger(sim: Sim, page: Page) -> None:
    template = sim.add_notice_template()
    subscribe(page)
    phone = holder(page)
    phone.locator('.dock [data-app="sms"]').hover()
    page.mouse.down()
    with page.expect_response(lambda answer: answer.url.endswith(f"/phones/{LIN}")):
        sim.send_notice(template)
    page.wait_for_timeout(300)  # long enough to draw it
    expect(phone.get_by_test_id("banner")).to_have_count(0)
    page.mouse.up()
    expect(phone.locator(".bar .title")).to_have_text("信息")
    expect(phone.locator('.dock [data-app="chats"] .badge')).to_have_text("1")


@pytest.mark.covers("S1-116", "S1-117")
def test_an_sms_sounds_and_its_link_opens(sim: Sim, page: Page) -> None:
    sim.send_sms()
    phone = holder(page)
    expect(rings(page)).to_have_attribute("data-rings", "1")
    expect(phone.locator('.dock [data-app="sms"] .badge')).to_have_text("1")
    expect(phone.locator('.dock [data-app="chats"] .badge')).to_have_count(0)
    phone.locator('.dock [data-app="sms"]').click()
    phone.locator(f'[data-thread="{sender_number("会达小店")}"]').click()
    expect(phone.locator(".sms-bubble")).to_have_text(
        "【会达小店】您尾号0001的会员卡于11-21 14:32消费成功，详情 https://hd.example/s/a8Kd "
    )
    expect(phone.locator(".stamp")).to_have_text("短信/彩信今天 14:32")
    phone.locator(".link").click()
    expect(phone.get_by_test_id("web")).to_have_attribute("data-url", "https://hd.example/s/a8Kd")
    expect(phone.locator('.dock [data-app="sms"] .badge')).to_have_count(0)


def test_a_short_link_is_shown_in_the_phone_where_the_simulator_knows_its_server(sim: Sim, page: Page) -> None:
    sim.control("/sms/settings", {"dns": {"hd.example": sim.base}})
    page.reload()
    expect(page.locator(".phone")).to_have_count(3)  # shown when the live changes are connected
    sim.send_sms(link="../_sim/health")
    holder(page).get_by_test_id("banner").click()
    holder(page).locator(".link").click()
    frame = holder(page).locator("iframe")
    expect(frame).to_have_attribute("src", f"{sim.base}/s/../_sim/health")
    expect(frame.content_frame.locator("body")).to_contain_text('"ok":true')


def test_a_reply_to_an_sms_opts_out(sim: Sim, page: Page) -> None:
    sim.send_sms()
    phone = holder(page)
    phone.get_by_test_id("banner").click()
    phone.locator(".writer input").fill("R")
    phone.locator(".writer button").click()
    expect(phone.locator(".sms-bubble.mine")).to_have_text("R")
    assert sim.look("/sms")["opted_out"] == [["13800000001", "会达小店"]]


def test_a_person_writes_to_the_account_and_keeps_a_draft_while_messages_arrive(sim: Sim, page: Page) -> None:
    follow(page)
    phone = holder(page)
    phone.locator(f'[data-chat="{OA[0]}"]').click()
    phone.locator(".writer input").fill("积分怎么")
    sim.send_template_message()
    expect(phone.locator(".card")).to_have_count(1)
    expect(phone.locator(".writer input")).to_have_value("积分怎么")
    expect(phone.locator(".writer input")).to_be_focused()
    phone.locator(".writer input").press_sequentially("查？")
    phone.locator(".writer input").press("Enter")
    expect(phone.locator(".said.mine .text")).to_have_text("积分怎么查？")
    expect(phone.locator(".writer input")).to_have_value("")


def test_unfollowing_and_blocking_reach_the_simulator(sim: Sim, page: Page) -> None:
    follow(page)
    holder(page).locator('[data-act="block"]').click()
    expect(holder(page).locator('[data-act="block"]')).to_have_text("恢复接收消息")
    holder(page).locator('[data-act="unfollow"]').click()
    expect(holder(page).locator('[data-act="follow"]')).to_have_count(1)
    user = sim.look(f"/apps/{OA[0]}/users/{LIN}")
    assert (user["following"], user["blocks_messages"]) == (False, True)


def test_the_subscription_sheet_counts_credits_and_can_be_refused(sim: Sim, page: Page) -> None:
    template = sim.add_notice_template()
    subscribe(page)
    subscribe(page)
    holder(page).locator('[data-act="subscribe"]').click()
    expect(holder(page).locator(".choices small")).to_have_text("剩余 2 次")
    holder(page).locator('[data-act="reject"]').click()
    expect(holder(page).get_by_test_id("sheet")).to_have_count(0)
    assert sim.look(f"/apps/{MINI[0]}/users/{LIN}")["credits"] == {template: 2}


def test_a_suspended_number_receives_nothing(sim: Sim, page: Page) -> None:
    holder(page).get_by_role("button", name="手机停机").click()
    expect(holder(page).get_by_role("button", name="手机复机")).to_have_count(1)
    sim.send_sms()
    assert sim.look("/sms/sent")[0]["err_code"] == "MOBILE_NOT_ON_SERVICE"
    expect(rings(page)).to_have_attribute("data-rings", "0")


def test_persons_are_added_and_removed(sim: Sim, page: Page) -> None:
    page.locator('[data-act="add"]').click()
    page.get_by_placeholder("姓名").fill("赵敏")
    page.get_by_placeholder("手机号").fill("13700000001")
    page.get_by_role("button", name="创建").click()
    expect(page.locator(".owner b")).to_have_text(["林小满", "陈一鸣", "王思远", "赵敏"])
    holder(page).get_by_role("button", name="移除这部手机").click()
    expect(page.locator(".owner b")).to_have_text(["陈一鸣", "王思远", "赵敏"])
    page.reload()
    expect(page.locator(".owner b")).to_have_text(["陈一鸣", "王思远", "赵敏"])


def test_the_clock_moves(sim: Sim, page: Page) -> None:
    expect(page.locator("#clock-now")).to_have_text("2026-11-21 14:32:00")
    page.get_by_role("button", name="+1小时").click()
    expect(page.locator("#clock-now")).to_have_text("2026-11-21 15:32:00")
    expect(holder(page).locator(".status .clock")).to_have_text("15:32")
    page.get_by_role("button", name="继续").click()
    expect(page.get_by_role("button", name="暂停")).to_have_count(1)
    assert sim.look("/clock")["frozen"] is False


def test_the_log_shows_the_last_fifty_requests_raw(sim: Sim, page: Page) -> None:
    for _ in range(51):
        sim.send_sms("13900000009")
        sim.control("/clock", {"advance": 86_400})
    expect(page.locator(".call")).to_have_count(50)
    expect(page.locator(".call").first).to_contain_text("SendSms")
    page.locator(".call button").first.click()
    expect(page.locator(".raw pre").first).to_contain_text("POST /?PhoneNumbers=13900000009&SignName=会达小店")
    expect(page.locator(".raw pre").first).not_to_contain_text(catalogue.ALIYUN_KEY_SECRET)
    expect(page.locator(".raw pre").nth(1)).to_contain_text('"Code": "OK"')
    expect(page.locator(".others p")).to_have_count(20)


def test_both_languages_have_the_same_words(sim: Sim, page: Page) -> None:
    words = page.evaluate("import('/phone/static/i18n.js').then(m => m.WORDS)")
    assert sorted(words["zh"]) == sorted(words["en"])
    assert [key for language in words.values() for key, word in language.items() if not word.strip()] == []
    page.locator('[data-act="language"]').click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    shown = page.locator(".dock").first.inner_text().split() + page.locator(".tabs").first.inner_text().split()
    assert shown == ["WeChat", "SMS", "Chats", "Contacts", "Discover", "Me"]
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth") is True
    page.reload()
    expect(page.get_by_role("button", name="中文")).to_have_count(1)


def test_a_reset_empties_the_phones(sim: Sim, page: Page) -> None:
    sim.send_sms()
    expect(rings(page)).to_have_attribute("data-rings", "1")
    sim.control("/reset", {})
    expect(rings(page)).to_have_attribute("data-rings", "0")
    expect(holder(page).locator('.dock [data-app="sms"] .badge')).to_have_count(0)


def test_the_page_for_the_documentation(sim: Sim, page: Page, request: pytest.FixtureRequest) -> None:
    """Three phones, three screens. With WESIM_PICTURE=1 the picture in docs/images is made anew."""
    template = sim.add_notice_template()
    follow(page)
    subscribe(page)
    subscribe(page, CHEN)
    sim.send_template_message()
    sim.send_notice(template)
    sim.send_notice(template, CHEN)
    sim.send_sms("13800000003")
    holder(page, CHEN).locator('[data-chat="services"]').click()
    holder(page, "wangsiyuan").get_by_test_id("banner").click()
    expect(holder(page, CHEN).locator(".card")).to_have_count(1)
    expect(holder(page, "wangsiyuan").locator(".sms-bubble")).to_have_count(1)
    expect(holder(page).locator(".row")).to_have_count(2)
    expect(page.locator(".banner")).to_have_count(0, timeout=8000)
    for phone in page.locator(".phone").all():
        box = phone.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (360, 720)
    if "WESIM_PICTURE" in os.environ:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURE)
    assert PICTURE.stat().st_size < 300_000

"""Verification codes: asked for in a browser, read on the phone, used once."""

import asyncio
import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests import make
from tests.asgi import Client, Reply
from tests.flows.verification_kit import code_template, codes_on
from tests.shop import PERSONS, Shop, open_shop
from wesim.app import create_app

LIN = "13800000001"
NEW = "13800000002"


@pytest.fixture
async def shop(world: Any) -> Shop:
    """A shop at noon, in a world where no code was asked for: counters are the platform's, over all merchants."""
    now = world.clock.now()
    to_noon = timedelta(days=1, hours=4 - now.hour, minutes=-now.minute)
    world.clock.advance(to_noon)
    await Client(create_app(world.sim)).post("/_sim/clock", {"advance": to_noon.total_seconds()})
    async with world.db.tx(0) as tx:
        await tx.execute("DELETE FROM verification_counts")
    return await open_shop(world)


class Browser:
    """A member centre outside WeChat."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.http = Client(shop.world.app)

    async def post(self, path: str, body: dict[str, Any]) -> Reply:
        return await self.http.post(f"/api/member/{path}", {"m": self.shop.tenant} | body)

    async def ask(self, scenario: str, phone: str) -> Reply:
        return await self.post("codes", {"scenario": scenario, "phone": phone, "device": "browser-1"})

    async def code(self, scenario: str, phone: str) -> str:
        """Ask for a code and read it from the phone."""
        asked = await self.ask(scenario, phone)
        assert asked.status == 202, asked.text
        await self.shop.settle()
        return await self.read(phone)

    async def read(self, phone: str) -> str:
        person = next(person for person, number in PERSONS.items() if number == phone)
        shown = (await self.shop.sim.get(f"/_sim/phones/{person}")).json()
        texts = [m for sender in shown["sms"] for m in sender["messages"]]
        found = re.search(r"验证码为(\d{6})", texts[-1]["text"])
        assert found, texts[-1]
        return found[1]

    async def me(self, entered: Reply) -> Any:
        http = Client(self.shop.world.app, headers={"authorization": f"Bearer {entered.json()['token']}"})
        return (await http.get("/api/member/me")).json()


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    return Browser(shop)


async def row(shop: Shop) -> Any:
    """The newest code, as its record."""
    return (await shop.staff.get("/api/console/verification/records")).json()["items"][0]


@pytest.mark.covers("S2-38", "S2-42", "S2-44")
async def test_a_stranger_registers_by_code(shop: Shop, browser: Browser) -> None:
    # given
    assert (await browser.http.get("/api/member/codes", m=shop.tenant)).json() == {
        "register": False, "recover": False, "login": False, "bind": False,
    }  # fmt: skip
    await codes_on(shop, "register")
    assert (await browser.http.get("/api/member/codes", m=shop.tenant)).json()["register"] is True

    # when
    asked = await browser.ask("register", NEW)
    await shop.settle()
    code = await browser.read(NEW)
    entered = await browser.post("register", {"phone": NEW, "code": code, "name": "陈一鸣"})

    # then
    assert (asked.status, asked.json()) == (202, {"minutes": 5, "again_s": 60})
    assert (entered.status, entered.json()["joined"]) == (201, True)
    me = await browser.me(entered)
    assert (me["member"]["name"], me["member"]["phone"]) == ("陈一鸣", "138****0002")
    record = await row(shop)
    assert (record["scenario"], record["phone"], record["state"], record["parts"]) == (
        "register", "*******0002", "delivered", 1,
    )  # fmt: skip
    assert record["used_at"] is not None
    # and it works once
    again = await browser.post("register", {"phone": NEW, "code": code})
    assert (again.status, again.json()["code"]) == (422, "verification.code_gone")


@pytest.mark.covers("S2-40")
async def test_a_member_logs_in_by_code_and_another_code_does_not(shop: Shop, browser: Browser) -> None:
    # given
    member_id = await shop.member("linxiaoman")
    await codes_on(shop, "login")
    code = await browser.code("login", LIN)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"

    # when / then
    refused = await browser.post("login/code", {"phone": LIN, "code": wrong})
    assert (refused.status, refused.json()["code"], refused.json()["params"]) == (
        422, "verification.code_wrong", {"left": 4},
    )  # fmt: skip
    entered = await browser.post("login/code", {"phone": LIN, "code": code})
    assert entered.status == 200
    me = await browser.me(entered)
    assert me["member"]["id"] == str(member_id)
    assert (await browser.http.get("/api/member/me")).status == 401
    # and logging out ends it
    http = Client(shop.world.app, headers={"authorization": f"Bearer {entered.json()['token']}"})
    assert (await http.post("/api/member/logout", {})).status == 204
    assert (await http.get("/api/member/me")).status == 401


@pytest.mark.covers("S2-39")
async def test_a_forgotten_password_is_set_anew(shop: Shop, browser: Browser) -> None:
    # given: a member with a password, logged in
    await codes_on(shop, "register", "recover")
    code = await browser.code("register", NEW)
    old, new = "first pass 1234", "second pass 5678"
    before = await browser.post("register", {"phone": NEW, "code": code, "password": old})
    assert before.status == 201
    assert (await browser.post("login/password", {"phone": NEW, "password": old})).status == 200

    # when
    await shop.later(seconds=61)
    code = await browser.code("recover", NEW)
    weak = await browser.post("recover", {"phone": NEW, "code": code, "password": "short"})
    after = await browser.post("recover", {"phone": NEW, "code": code, "password": new})

    # then
    assert (weak.status, weak.json()["code"]) == (422, "auth.password_length")
    assert after.status == 200
    assert (await browser.post("login/password", {"phone": NEW, "password": old})).json()["code"] == (
        "verification.bad_login"
    )
    assert (await browser.post("login/password", {"phone": NEW, "password": new})).status == 200
    assert (await browser.me(before))["code"] == "auth.required"
    assert (await browser.me(after))["member"]["phone"] == "138****0002"
    assert [f["recovered"] for f in await shop.world.facts("verification.password_set")] == [False, True]


async def test_a_code_survives_four_guesses_also_all_at_once(shop: Shop, browser: Browser) -> None:
    # given
    await shop.member("linxiaoman")
    await codes_on(shop, "login")
    code = await browser.code("login", LIN)
    wrong = [f"{(int(code) + n) % 1_000_000:06d}" for n in range(1, 21)]

    # when
    guesses = await asyncio.gather(*(browser.post("login/code", {"phone": LIN, "code": one}) for one in wrong))

    # then
    told = Counter(reply.json()["code"] for reply in guesses)
    assert told == {"verification.code_wrong": 5, "verification.code_gone": 15}
    assert (await browser.post("login/code", {"phone": LIN, "code": code})).json()["code"] == "verification.code_gone"
    assert (await row(shop))["used_at"] is None


async def test_of_two_uses_at_once_one_enters(shop: Shop, browser: Browser) -> None:
    await codes_on(shop, "register")
    code = await browser.code("register", NEW)
    replies = await asyncio.gather(*(browser.post("register", {"phone": NEW, "code": code}) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 422, 422, 422]
    assert len(await shop.world.facts("member.joined")) == 1


async def test_a_code_ends_after_five_minutes_and_by_a_newer_one(shop: Shop, browser: Browser) -> None:
    # given
    await shop.member("linxiaoman")
    await codes_on(shop, "login")
    first = await browser.code("login", LIN)
    await shop.later(seconds=61)
    second = await browser.code("login", LIN)
    # then: only the newest
    if first != second:
        assert (await browser.post("login/code", {"phone": LIN, "code": first})).json()[
            "code"
        ] == "verification.code_wrong"
    # when
    await shop.later(minutes=5)
    assert (await browser.post("login/code", {"phone": LIN, "code": second})).json()["code"] == "verification.code_gone"


@pytest.mark.covers("X-13")
async def test_ten_a_day_over_all_scenarios(shop: Shop, browser: Browser) -> None:
    # given
    await codes_on(shop, "login", "register", "recover")
    # when: five in an hour, then five more, of every kind
    for number in range(10):
        asked = await browser.ask(("login", "register", "recover")[number % 3], LIN)
        assert asked.status == 202, asked.text
        await shop.settle()
        at_once = await browser.ask("login", LIN)
        assert (at_once.status, at_once.json()["code"]) == (
            429,
            "verification.too_many" if number in (4, 9) else "verification.pause",
        )
        await shop.later(seconds=3601 if number == 4 else 61)
    # then
    for scenario in ("login", "register", "recover"):
        over = await browser.ask(scenario, LIN)
        assert (over.status, over.json()["code"]) == (429, "verification.too_many")
    texts = [m for s in (await shop.sim.get("/_sim/phones/linxiaoman")).json()["sms"] for m in s["messages"]]
    assert len(texts) == 10
    await shop.later(days=1)
    assert (await browser.ask("login", LIN)).status == 202


@pytest.mark.covers("S2-41")
async def test_a_follower_binds_the_phone_by_code(shop: Shop, browser: Browser) -> None:
    # given: a WeChat account that is nobody's, and a member known by phone only
    member_id = await shop.member("chenyiming", wechat=False)
    await codes_on(shop, "bind")
    visitor = await shop.centre(member_id)
    assert (await visitor.get("/api/member/me")).json()["member"] is None

    # when
    asked = await visitor.post("/api/member/codes/bind", {"phone": NEW})
    assert asked.status == 202, asked.text
    await shop.settle()
    bound = await visitor.post("/api/member/phone/code", {"phone": NEW, "code": await browser.read(NEW)})

    # then
    assert bound.status == 204, bound.text
    assert (await visitor.get("/api/member/me")).json()["member"]["id"] == str(member_id)


@pytest.mark.covers("S2-43", "S2-45")
async def test_what_is_missing_is_said(shop: Shop, browser: Browser) -> None:
    # given: nothing but the platform's SMS
    shown = (await shop.staff.get("/api/console/verification")).json()
    assert {one["trouble_code"] for one in shown["scenarios"]} == {"verification.template_missing"}
    assert [one["label"] for one in shown["scenarios"]] == ["用户注册", "找回密码", "用户登录", "绑定手机号"]
    # when / then: it cannot be switched on without a template, nor with another scenario's
    refused = await shop.staff.put("/api/console/verification/login", {"live": True, "template_id": None})
    assert (refused.status, refused.json()["code"]) == (422, "verification.template_missing")
    foreign = await code_template(shop, "register")
    refused = await shop.staff.put("/api/console/verification/login", {"live": True, "template_id": foreign})
    assert (refused.status, refused.json()["code"]) == (422, "verification.template_not_usable")
    off = await browser.ask("login", LIN)
    assert (off.status, off.json()["code"]) == (409, "verification.off")
    # and nothing was asked for, counted or charged
    assert (await shop.staff.get("/api/console/verification/records")).json()["items"] == []
    async with shop.db.read(0) as tx:
        assert await tx.value("SELECT count(*) FROM verification_counts") == 0


async def test_asking_does_not_tell_who_is_a_member(shop: Shop, browser: Browser) -> None:
    # given
    await shop.member("linxiaoman")
    await codes_on(shop, "login", "register")
    # when
    known, unknown = await browser.ask("login", LIN), await browser.ask("login", NEW)
    await shop.settle()
    # then
    assert (known.status, known.json()) == (unknown.status, unknown.json())
    # and the one who has the phone is told, and registers with the same code
    code = await browser.read(NEW)
    told = await browser.post("login/code", {"phone": NEW, "code": code})
    assert (told.status, told.json()["code"]) == (409, "verification.not_registered")
    assert (await browser.post("register", {"phone": NEW, "code": code})).status == 201


async def test_no_code_in_the_database_the_log_or_the_facts(shop: Shop, browser: Browser) -> None:
    await codes_on(shop, "register")
    code = await browser.code("register", NEW)
    async with shop.db.read(shop.tenant) as tx:
        kept = await tx.row("SELECT * FROM verification_codes WHERE tenant_id = $1", shop.tenant)
        facts = await tx.fetch("SELECT payload FROM facts WHERE tenant_id = $1", shop.tenant)
    assert kept is not None
    assert kept["code_sealed"] is None
    told = " ".join([str(dict(kept.items())), *(fact["payload"] for fact in facts)])
    assert code not in told
    assert NEW not in told


@pytest.mark.covers("X-04")
async def test_a_code_starts_with_the_signature_in_use(shop: Shop, browser: Browser) -> None:
    await codes_on(shop, "register")
    await browser.code("register", NEW)
    shown = (await shop.sim.get("/_sim/phones/chenyiming")).json()
    assert shown["sms"][0]["messages"][-1]["text"].startswith("【会达】您的验证码为")


async def test_another_merchant_sees_nothing_of_it(shop: Shop, browser: Browser) -> None:
    other = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, await make.merchant(shop.db)))
    await codes_on(shop, "register")
    await browser.code("register", NEW)
    assert (await other.get("/api/console/verification/records")).json()["items"] == []
    theirs = (await other.get("/api/console/verification")).json()["scenarios"]
    assert [(one["live"], one["templates"], one["sent_today"]) for one in theirs] == [(False, [], 0)] * 4


@pytest.mark.covers("S2-53")
async def test_a_template_that_codes_use_is_not_taken_from_under_them(shop: Shop, browser: Browser) -> None:
    # given
    await codes_on(shop, "login")
    [login] = [one for one in (await shop.staff.get("/api/console/verification")).json()["scenarios"] if one["live"]]
    # when / then
    refused = await shop.staff.delete(f"/api/console/messaging/sms-templates/{login['template_id']}")
    assert (refused.status, refused.json()["code"], refused.json()["params"]["scenarios"]) == (
        409,
        "messaging.template_in_use",
        ["code_login"],
    )
    assert (await browser.ask("login", LIN)).status == 202
    # when: the scenario is switched off, it keeps its template and lets it go
    assert (await shop.staff.put("/api/console/verification/login", {"live": False, "template_id": None})).status == 204
    kept = next(
        one
        for one in (await shop.staff.get("/api/console/verification")).json()["scenarios"]
        if one["scenario"] == "login"
    )
    assert (kept["live"], kept["template_id"], kept["trouble"]) == (False, login["template_id"], None)
    assert (await browser.ask("login", LIN)).json()["code"] == "verification.off"
    gone = await shop.staff.delete(f"/api/console/messaging/sms-templates/{login['template_id']}")
    assert gone.status == 204

"""Codes in the hands of somebody who means ill: other doors, other merchants, thin guesses, and what logs show."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
import structlog
from argon2 import PasswordHasher

from huida.kernel import log
from huida.kernel.rates import Buckets
from huida.modules.verification import http, limits, rules
from huida.providers.sms.aliyun import AliyunSms
from tests import make
from tests.asgi import Client
from tests.flows.test_verification import LIN, NEW, Browser, shop
from tests.flows.test_verification_faults import HOST, billed, drawn, on_the_phone
from tests.flows.verification_kit import codes_on
from tests.shop import Shop

__all__ = ["shop"]
GONE = (422, "verification.code_gone")
OFF = (409, "verification.off")


async def switch(shop: Shop, scenario: str, *, live: bool) -> None:
    known = (await shop.staff.get("/api/console/verification")).json()["scenarios"]
    template = next(one["template_id"] for one in known if one["scenario"] == scenario)
    body = {"live": live, "template_id": template}
    assert (await shop.staff.put(f"/api/console/verification/{scenario}", body)).status == 204


async def test_a_code_opens_the_door_it_was_asked_for(shop: Shop) -> None:
    # given: every door is open, and each code is for a phone of its own
    await codes_on(shop, "register", "login", "recover", "bind")
    await shop.member("linxiaoman", wechat=False)
    browser = Browser(shop)
    visitor = await shop.centre(await shop.member("chenyiming", wechat=False, phone=False))
    password = "second pass 5678"  # noqa: S105
    # when / then: a code to log in
    code = await browser.code("login", LIN)
    assert (await browser.post("recover", {"phone": LIN, "code": code, "password": password})).refusal == GONE
    assert (await visitor.post("/api/member/phone/code", {"phone": LIN, "code": code})).refusal == GONE
    # when / then: a code to set a password
    await shop.later(seconds=61)
    code = await browser.code("recover", LIN)
    await shop.later(minutes=4, seconds=30)
    assert (await browser.post("login/code", {"phone": LIN, "code": code})).refusal == GONE
    assert (await browser.post("register", {"phone": LIN, "code": code})).refusal == GONE
    assert (await visitor.post("/api/member/phone/code", {"phone": LIN, "code": code})).refusal == GONE
    # when / then: a code to bind
    assert (await visitor.post("/api/member/codes/bind", {"phone": NEW})).status == 202
    await shop.settle()
    code = await browser.read(NEW)
    assert (await browser.post("register", {"phone": NEW, "code": code})).refusal == GONE
    assert (await browser.post("recover", {"phone": NEW, "code": code, "password": password})).refusal == GONE
    assert await shop.world.facts("verification.password_set") == []


async def test_a_code_of_one_merchant_opens_nothing_at_another(shop: Shop) -> None:
    # given: the person is a member of both, and both let people in by code
    await codes_on(shop, "login")
    await shop.member("linxiaoman", wechat=False)
    browser = Browser(shop)
    code = await browser.code("login", LIN)
    other = await make.merchant(shop.db, name="隔壁小店")
    await make.member(shop.db, other, name="林小满", phone=LIN)
    staff = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, other))
    await codes_on(Shop(shop.world, shop.key, staff, shop.sim), "login")
    # when / then
    body = {"phone": LIN, "code": code}
    assert (await browser.http.post("/api/member/login/code", body | {"m": other})).refusal == GONE
    assert (await browser.post("login/code", body)).status == 200


async def test_a_door_that_is_shut_stays_shut_for_codes_of_another(shop: Shop) -> None:
    """A code to log in also registers, but not where nobody may register."""
    # given
    await codes_on(shop, "login", "register")
    browser = Browser(shop)
    code = await browser.code("login", NEW)
    # when / then
    await switch(shop, "register", live=False)
    assert (await browser.post("register", {"phone": NEW, "code": code})).refusal == OFF
    assert await shop.world.facts("member.joined") == []
    await switch(shop, "login", live=False)
    assert (await browser.post("login/code", {"phone": NEW, "code": code})).refusal == OFF
    await switch(shop, "register", live=True)
    assert (await browser.post("register", {"phone": NEW, "code": code})).status == 201


async def test_a_session_by_phone_sends_no_code_to_bind(shop: Shop) -> None:
    """It has no account to bind: the message would be paid for nothing."""
    await codes_on(shop, "register", "bind")
    browser = Browser(shop)
    entered = await browser.post("register", {"phone": NEW, "code": await browser.code("register", NEW)})
    http_ = Client(shop.world.app, headers={"authorization": f"Bearer {entered.json()['token']}"})
    before = await drawn(shop)
    assert (await http_.post("/api/member/codes/bind", {"phone": LIN})).refusal == (409, "verification.no_account")
    assert await drawn(shop) == before


async def test_guesses_over_many_phones_count_for_their_address(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    # given: this process alone would let them through
    monkeypatch.setattr(http, "_tries_by_address", Buckets(1000, 1000))
    await codes_on(shop, "login")
    await shop.member("linxiaoman")
    guesser, browser = Browser(shop), Browser(shop)
    code = await browser.code("login", LIN)
    # when
    guesses = await asyncio.gather(
        *(guesser.post("login/code", {"phone": f"1390000{n:04}", "code": "000000"}) for n in range(150))
    )
    # then: a hundred were compared
    assert Counter(one.refusal for one in guesses) == {GONE: 100, (429, "verification.too_many_guesses"): 50}
    late = next(one for one in guesses if one.status == 429)
    assert 0 < int(late.headers["retry-after"]) <= 3600
    # and neither a right code nor a password helps from there, while elsewhere both are heard
    for path, body in (("login/code", {"code": code}), ("login/password", {"password": "not this 000"})):
        refused = await guesser.post(path, {"phone": LIN} | body)
        assert refused.refusal == (429, "verification.too_many_guesses")
    assert (await browser.post("login/code", {"phone": LIN, "code": code})).status == 200
    # and the next hour they are heard there too
    await shop.later(hours=1)
    assert (await guesser.post("login/code", {"phone": LIN, "code": "000000"})).refusal == GONE


async def test_right_codes_and_passwords_are_no_guesses(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An office behind one address logs in as often as it likes."""
    monkeypatch.setattr(http, "_tries_by_address", Buckets(1000, 1000))
    monkeypatch.setattr(limits, "GUESSES", {w: replace(one, most=6) for w, one in rules.GUESSES.items()})
    await codes_on(shop, "register")
    browser = Browser(shop)
    password = {"phone": NEW, "password": "first pass 1234"}
    code = await browser.code("register", NEW)
    assert (await browser.post("register", password | {"code": code})).status == 201
    assert {(await browser.post("login/password", password)).status for _ in range(8)} == {200}
    wrong = password | {"password": "another 1234"}
    refused = [(await browser.post("login/password", wrong)).refusal for _ in range(7)]
    assert refused == [(422, "verification.bad_login")] * 6 + [(429, "verification.too_many_guesses")]


async def test_without_a_right_code_no_password_is_hashed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing takes a lot of memory and time: a stranger does not make us do it."""
    # given
    await codes_on(shop, "register", "recover")
    browser = Browser(shop)
    code = await browser.code("register", NEW)
    hashed: list[str] = []
    hash_ = PasswordHasher.hash

    def noted(hasher: PasswordHasher, *args: Any) -> str:
        hashed.append("hashed")
        return str(hash_(hasher, *args))

    monkeypatch.setattr(PasswordHasher, "hash", noted)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    # when / then
    body = {"phone": NEW, "password": "first pass 1234"}
    assert (await browser.post("register", body | {"code": wrong})).refusal == (422, "verification.code_wrong")
    assert (await browser.post("recover", body | {"code": wrong})).refusal == GONE
    assert hashed == []
    # and the phone, however it is written, is no password
    same = await browser.post("register", {"phone": f"+86{NEW}", "password": NEW, "code": code})
    assert same.refusal == (422, "auth.password_weak")
    assert (await browser.post("register", body | {"code": code})).status == 201
    assert hashed == ["hashed"]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """The lines of the log, as they are written in operation."""
    before, lines = structlog.get_config(), StringIO()
    with monkeypatch.context() as here:
        here.setattr(sys, "stderr", lines)
        log.configure(json=True)
    yield lines
    structlog.configure(**before)


async def test_logs_hold_no_code_and_no_phone(shop: Shop, monkeypatch: pytest.MonkeyPatch, logged: StringIO) -> None:
    """Neither of what goes well nor of what breaks."""
    # given
    await codes_on(shop, "register")
    browser = Browser(shop)
    code = await browser.code("register", NEW)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert (await browser.post("register", {"phone": NEW, "code": wrong})).status == 422
    assert (await browser.post("register", {"phone": NEW, "code": code})).status == 201

    # when: the provider's client breaks over the next one
    codes: list[str] = []

    async def breaks(self: AliyunSms, *args: Any, params: dict[str, str], **kwargs: Any) -> Any:
        codes.extend(params.values())
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(AliyunSms, "send", breaks)
    assert (await browser.ask("register", LIN)).status == 202
    await shop.settle()
    # then
    lines = logged.getvalue()
    assert "/api/member/codes" in lines
    assert "RuntimeError" in lines and "a fault of ours" not in lines
    sent = [value for value in codes if len(value) == 6]
    assert len(sent) == 1
    for secret in (code, wrong, NEW, LIN, *sent):
        assert re.search(rf"(?<![\w.]){secret}(?!\w)", lines) is None


async def test_a_provider_out_of_use_is_asked_what_became_of_a_code(shop: Shop) -> None:
    """What went out through it is billed: its parts do not come back because nobody asked."""
    # given: the answer is lost, the message is not
    await codes_on(shop, "login")
    browser = Browser(shop)
    await shop.sim.post("/_sim/sms/account", {"provider": "aliyun", "report_url": ""})
    await shop.fault("process_then_drop", host=HOST, count=1)
    assert (await browser.ask("login", LIN)).status == 202
    await shop.settle()
    # when: the operator takes the provider out of use
    operator = await make.logged_in(Client(shop.world.app), await make.operator(shop.db))
    gone = await operator.delete("/api/operator/sms/accounts/aliyun")
    assert gone.status == 204, gone.text
    for minutes in (1, 3, 11, 61, 361, 1441):
        await shop.later(minutes=minutes)
    # then
    assert (await drawn(shop), await billed(shop), await on_the_phone(shop)) == (1, 1, 1)
    async with shop.db.read(shop.tenant) as tx:
        found = await tx.value("SELECT state FROM verification_codes WHERE tenant_id = $1", shop.tenant)
    assert found == "delivered"

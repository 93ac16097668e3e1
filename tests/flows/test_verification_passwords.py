"""Logging in by password: how many tries there are, and that nothing tells a member from a stranger."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

from huida.kernel.db import Tx
from tests.asgi import Reply
from tests.flows.test_verification import LIN, NEW, Browser, shop
from tests.flows.verification_kit import codes_on
from tests.shop import Shop

__all__ = ["shop"]
PASSWORD = "first pass 1234"  # noqa: S105
NOBODY = "13800000099"
MINUTES_15 = 900


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    """Of three phones, one is a member's with a password, one a member's without, one nobody's."""
    await codes_on(shop, "register", "login", "recover")
    await shop.member("linxiaoman")
    browser = Browser(shop)
    code = await browser.code("register", NEW)
    assert (await browser.post("register", {"phone": NEW, "code": code, "password": PASSWORD})).status == 201
    return browser


async def guess(browser: Browser, phone: str, password: str = "not this 000000") -> Reply:
    return await browser.post("login/password", {"phone": phone, "password": password})


def told(reply: Reply) -> Any:
    """The whole answer, without the request's number and with the seconds apart."""
    body = reply.json() | {"request_id": ""}
    body["params"] = {k: v for k, v in body.get("params", {}).items() if k != "retry_after_s"}
    return reply.status, body


@pytest.mark.parametrize("at_once", [False, True])
async def test_the_answers_are_the_same_for_members_and_strangers(shop: Shop, browser: Browser, at_once: bool) -> None:
    # when
    answers = {}
    for phone in (NEW, LIN, NOBODY):
        guesser = Browser(shop)
        tries = [guess(guesser, phone) for _ in range(20)]
        answers[phone] = await asyncio.gather(*tries) if at_once else [await one for one in tries]
    # then: eight were compared, for each
    for replies in answers.values():
        assert Counter(reply.refusal for reply in replies) == {
            (422, "verification.bad_login"): 8,
            (429, "verification.locked"): 12,
        }
    if at_once:
        return
    member, without, stranger = ([told(reply) for reply in answers[phone]] for phone in (NEW, LIN, NOBODY))
    assert member == stranger
    assert without == stranger
    # and from there the right password is told nothing either; from elsewhere it opens the door
    for phone in (NEW, NOBODY):
        guesser = Browser(shop)
        replies = [await guess(guesser, phone) for _ in range(8)] + [await guess(guesser, phone, PASSWORD)]
        assert replies[-1].refusal == (429, "verification.locked")
    assert (await guess(Browser(shop), NEW, PASSWORD)).status == 200


async def test_the_work_is_the_same_for_members_and_strangers(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("fetch", "row", "value", "execute"):
        original = getattr(Tx, name)

        async def noted(tx: Tx, query: str, *args: Any, original: Any = original) -> Any:
            done.append(query)
            return await original(tx, query, *args)

        monkeypatch.setattr(Tx, name, noted)
    verify = PasswordHasher.verify

    def compared(hasher: PasswordHasher, *args: Any) -> Any:
        done.append("compared")
        return verify(hasher, *args)

    monkeypatch.setattr(PasswordHasher, "verify", compared)
    work: dict[str, list[tuple[str, ...]]] = {}
    for phone in (NEW, LIN, NOBODY):
        guesser = Browser(shop)
        work[phone] = []
        for _ in range(10):
            done.clear()
            await guess(guesser, phone)
            work[phone].append(tuple(done))
    assert work[NEW] == work[NOBODY]
    assert work[LIN] == work[NOBODY]
    assert [steps.count("compared") for steps in work[NEW]] == [1] * 8 + [0] * 2


async def test_the_pause_is_told_exactly_and_ends(shop: Shop, browser: Browser) -> None:
    # given: the pause begins with the eighth wrong one
    for _ in range(8):
        assert (await guess(browser, NEW)).refusal == (422, "verification.bad_login")
    first = await guess(browser, NEW)
    assert first.status == 429
    wait_s = first.json()["params"]["retry_after_s"]
    assert MINUTES_15 - 5 < wait_s <= MINUTES_15
    assert first.headers["retry-after"] == str(wait_s)
    assert first.json()["title"] == "密码错误次数过多，请 15 分钟后再试，或用验证码登录"
    # when: tries do not lengthen it
    shop.world.clock.advance(timedelta(seconds=wait_s - 30))
    again = await guess(browser, NEW, PASSWORD)
    assert again.status == 429
    assert 0 < again.json()["params"]["retry_after_s"] <= 30
    assert again.json()["params"]["minutes"] == 1
    # then: at the second that was told it is over
    shop.world.clock.advance(timedelta(seconds=again.json()["params"]["retry_after_s"]))
    assert (await guess(browser, NEW, PASSWORD)).status == 200


async def test_the_right_password_makes_wrong_ones_forgotten_and_so_does_a_code(shop: Shop, browser: Browser) -> None:
    # given
    for _ in range(7):
        assert (await guess(browser, NEW)).status == 422
    assert (await guess(browser, NEW, PASSWORD)).status == 200
    for _ in range(8):
        assert (await guess(browser, NEW)).status == 422
    assert (await guess(browser, NEW, PASSWORD)).status == 429
    # when: a code still opens, and a new password lifts the lock
    await shop.later(seconds=61)
    assert (await browser.post("login/code", {"phone": NEW, "code": await browser.code("login", NEW)})).status == 200
    assert (await guess(browser, NEW, PASSWORD)).status == 429
    await shop.later(seconds=61)
    new = {"phone": NEW, "code": await browser.code("recover", NEW), "password": "second pass 5678"}
    assert (await browser.post("recover", new)).status == 200
    # then
    assert (await guess(browser, NEW, "second pass 5678")).status == 200


async def test_a_lock_is_one_merchants(shop: Shop, browser: Browser) -> None:
    from tests import make

    other = await make.merchant(shop.db)
    for _ in range(9):
        await browser.http.post("/api/member/login/password", {"m": other, "phone": NEW, "password": "not this 000"})
    assert (await guess(browser, NEW, PASSWORD)).status == 200

"""Sessions by phone end with what they stood on: the phone, the password, the member's good standing."""

import asyncio
import contextvars
from typing import Any

import pytest

from huida.modules import members, tenants
from tests.asgi import Client, Reply
from tests.flows.test_verification import LIN, NEW, Browser, shop
from tests.flows.verification_kit import codes_on
from tests.moving_kit import moved_in
from tests.shop import Shop

__all__ = ["shop"]
PASSWORD = "first pass 1234"  # noqa: S105
OTHER = "13800000088"
AT = "/api/console/members"


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    await codes_on(shop, "register", "login", "recover")
    return Browser(shop)


async def registered(browser: Browser) -> Reply:
    body = {"phone": NEW, "code": await browser.code("register", NEW), "password": PASSWORD}
    entered = await browser.post("register", body)
    assert entered.status == 201
    return entered


async def by_password(browser: Browser, password: str = PASSWORD) -> Reply:
    return await browser.post("login/password", {"phone": NEW, "password": password})


async def is_in(browser: Browser, entered: Reply) -> bool:
    return "member" in await browser.me(entered)


async def number_of(browser: Browser, entered: Reply) -> str:
    return str((await browser.me(entered))["member"]["id"])


async def sessions(shop: Shop) -> int:
    async with shop.db.read(shop.tenant) as tx:
        return int(await tx.value("SELECT count(*) FROM member_sessions WHERE tenant_id = $1", shop.tenant))


async def test_freezing_a_member_ends_the_sessions_by_phone(shop: Shop, browser: Browser) -> None:
    # given
    entered = await registered(browser)
    member = f"{AT}/{await number_of(browser, entered)}"
    # when
    assert (await shop.staff.post(f"{member}/freeze", {})).status == 204
    # then
    assert not await is_in(browser, entered)
    assert await sessions(shop) == 0
    assert (await by_password(browser)).refusal == (409, "member.not_active")
    assert (await by_password(browser, "not this 000")).refusal == (422, "verification.bad_login")
    # and unfrozen the member may come in again, anew
    assert (await shop.staff.post(f"{member}/unfreeze", {})).status == 204
    assert not await is_in(browser, entered)
    assert (await by_password(browser)).status == 200


@pytest.mark.parametrize("way", ["staff", "import"])
async def test_another_phone_ends_the_sessions_by_the_old_one(shop: Shop, browser: Browser, way: str) -> None:
    # given
    entered = await registered(browser)
    member_id = await number_of(browser, entered)
    # when
    if way == "staff":
        assert (await shop.staff.patch(f"{AT}/{member_id}", {"phone": OTHER})).status == 204
    else:
        card_no = (await shop.staff.get(f"{AT}/{member_id}")).json()["card_no"]
        table = f"卡号,姓名,手机号\n{card_no},陈一鸣,{OTHER}\n"
        done = await moved_in(shop.world, shop.staff, table)
        assert done["counts"]["updated"] == 1
    # then
    assert not await is_in(browser, entered)
    assert (await by_password(browser)).refusal == (422, "verification.bad_login")


async def test_an_import_without_another_phone_ends_no_session(shop: Shop, browser: Browser) -> None:
    entered = await registered(browser)
    card_no = (await shop.staff.get(f"{AT}/{await number_of(browser, entered)}")).json()["card_no"]
    table = f"卡号,姓名,手机号\n{card_no},陈小鸣,{NEW}\n"
    done = await moved_in(shop.world, shop.staff, table)
    assert done["counts"]["updated"] == 1
    assert await is_in(browser, entered)


async def elsewhere(work: Any) -> Any:
    """Done by somebody else, while this request is under way."""
    return await asyncio.create_task(work, context=contextvars.Context())


async def test_a_password_replaced_while_it_is_compared_opens_nothing(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    await registered(browser)
    await shop.later(seconds=61)
    code = await browser.code("recover", NEW)
    matches, steps = tenants.matches, iter(["recover"])

    async def slowly(password_hash: str | None, password: str) -> bool:
        right = await matches(password_hash, password)
        if next(steps, None):
            body = {"phone": NEW, "code": code, "password": "second pass 5678"}
            assert (await elsewhere(browser.post("recover", body))).status == 200
        return right

    # when
    monkeypatch.setattr(tenants, "matches", slowly)
    late = await by_password(browser)
    # then
    assert late.refusal == (422, "verification.bad_login")
    assert await sessions(shop) == 1
    assert (await by_password(browser, "second pass 5678")).status == 200


async def test_a_phone_that_moves_while_its_code_is_used_opens_nothing(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    entered = await registered(browser)
    member_id = await number_of(browser, entered)
    await shop.later(seconds=61)
    code = await browser.code("login", NEW)
    by_phone = members.by_phone

    async def overtaken(*args: Any) -> Any:
        found = await by_phone(*args)
        assert (await elsewhere(shop.staff.patch(f"{AT}/{member_id}", {"phone": OTHER}))).status == 204
        return found

    # when
    monkeypatch.setattr(members, "by_phone", overtaken)
    late = await browser.post("login/code", {"phone": NEW, "code": code})
    # then
    assert late.status == 404
    assert await sessions(shop) == 0


async def test_entering_and_moving_the_phone_at_once_leave_no_session(shop: Shop, browser: Browser) -> None:
    # given
    entered = await registered(browser)
    member = f"{AT}/{await number_of(browser, entered)}"
    for _ in range(6):
        # when
        moved, *tries = await asyncio.gather(
            shop.staff.patch(member, {"phone": OTHER}), *(by_password(Browser(shop)) for _ in range(4))
        )
        # then
        assert moved.status == 204
        assert {one.status for one in tries} <= {200, 404, 422}
        assert await sessions(shop) == 0
        assert (await shop.staff.patch(member, {"phone": NEW})).status == 204
        await shop.later(minutes=16)


async def test_a_phone_in_other_digits_is_none(shop: Shop, browser: Browser) -> None:
    """Each way to write a digit would be another phone to the limits, and the same one to a carrier."""
    phone = "1380000000١"
    asked = await browser.ask("login", phone)
    assert asked.refusal == (422, "member.bad_phone_character")
    visitor = Client(shop.world.app)
    body = {"m": shop.tenant, "phone": phone, "password": PASSWORD}
    assert (await visitor.post("/api/member/login/password", body)).refusal == (422, "member.bad_phone_character")
    assert (await browser.ask("login", LIN)).status == 202


@pytest.mark.parametrize(
    "phone",
    [
        "1380000000１",
        "".join(chr(ord(digit) + 0xFEE0) for digit in LIN),
        "\u202d138 0000 0001\u202c",
        "+86-138-0000-0001",
    ],
)
async def test_a_phone_in_another_form_is_the_same_to_the_limits(shop: Shop, browser: Browser, phone: str) -> None:
    """M-09: folded before it is counted, so that one phone never becomes several."""
    assert (await browser.ask("login", phone)).status == 202
    assert (await browser.ask("login", LIN)).refusal == (429, "verification.pause")

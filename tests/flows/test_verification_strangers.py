"""Strangers at the doors of codes: one network cannot spend a shop's messages, and nobody is shut out by somebody else."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from huida.kernel.rates import Buckets
from huida.modules.verification import http, limits, rules
from tests import make
from tests.asgi import Client, Reply
from tests.flows.test_verification import LIN, NEW, Browser, shop
from tests.flows.verification_kit import codes_on, solved
from tests.shop import Shop

__all__ = ["shop"]
NEEDED = (428, "verification.proof_needed")
DEVICE = "0123456789abcdef0123456789abcdef"
PASSWORD = "first pass 1234"  # noqa: S105


async def ask(shop: Shop, number: int, address: str = "", **more: Any) -> Reply:
    """Somebody asks for a code for a phone of their own, with a device of its own."""
    body = {"m": shop.tenant, "scenario": "login", "phone": f"1390000{number:04}", "device": f"d{number}", **more}
    who = Client(shop.world.app, address=address) if address else Client(shop.world.app)
    return await who.post("/api/member/codes", body)


async def made(shop: Shop) -> int:
    async with shop.db.read(shop.tenant) as tx:
        return int(await tx.value("SELECT count(*) FROM verification_codes WHERE tenant_id = $1", shop.tenant))


async def usually(shop: Shop, codes: int) -> None:
    async with shop.db.tx(shop.tenant) as tx:
        await tx.execute(
            "INSERT INTO verification_settings (tenant_id, hour_most, day_most, usual_hour) VALUES ($1, 500, 5000, $2) "
            "ON CONFLICT (tenant_id) DO UPDATE SET usual_hour = excluded.usual_hour",
            *(shop.tenant, codes),
        )


@pytest.mark.parametrize(
    ("network", "asks", "heard", "limit"),
    [
        ("2001:db8:1:{0:x}::1", 30, 20, "site_hour"),
        ("2001:db8:1:{0:x}00::1", 60, 40, "region_hour"),
        ("198.51.100.{0}", 70, 60, "near_hour"),
    ],
)
async def test_one_network_of_networks_is_one_who_asks(
    shop: Shop, network: str, asks: int, heard: int, limit: str
) -> None:
    """R-10: thirty phones from thirty /64 of one /48."""
    await codes_on(shop, "login")
    await usually(shop, 1000)
    replies = await asyncio.gather(*(ask(shop, number, network.format(number)) for number in range(asks)))
    assert Counter(reply.status for reply in replies) == {202: heard, 429: asks - heard}
    assert {reply.json()["params"]["limit"] for reply in replies if reply.status == 429} == {limit}
    assert await made(shop) == heard
    # from elsewhere the shop's customers are heard
    assert (await ask(shop, 900, "192.0.2.1")).status == 202


async def test_above_the_usual_hour_a_proof_is_asked_for(shop: Shop) -> None:
    await codes_on(shop, "login")
    await usually(shop, 3)
    replies = await asyncio.gather(*(ask(shop, number) for number in range(10)))
    assert Counter(reply.status for reply in replies) == {202: 3, 428: 7}
    # when: it brings none, one for another phone, a wrong one, an easier one, one that is over
    refused = await ask(shop, 20)
    assert (refused.refusal, refused.json()["params"]["bits"]) == (NEEDED, 16)
    challenge = refused.json()["params"]["challenge"]
    answer = solved(challenge)
    wrong = next(str(n) for n in range(10) if str(n) != answer)
    easy = "1." + challenge.split(".", 1)[1]
    for bad in (
        {"challenge": challenge, "answer": wrong},
        {"challenge": challenge, "answer": ""},
        {"challenge": easy, "answer": "1"},
        {"challenge": "....", "answer": answer},
        {"challenge": "会", "answer": "会"},
        {"answer": answer},
    ):
        assert (await ask(shop, 20, **bad)).refusal == NEEDED, bad
    assert (await ask(shop, 21, challenge=challenge, answer=answer)).refusal == NEEDED
    assert await made(shop) == 3
    # then: solved for this phone it is heard, and not again
    assert (await ask(shop, 20, challenge=challenge, answer=answer)).status == 202
    await shop.later(seconds=61)
    assert (await ask(shop, 20, challenge=challenge, answer=answer)).refusal == NEEDED
    late = (await ask(shop, 22)).json()["params"]["challenge"]
    answer = solved(late)
    shop.world.clock.advance(timedelta(minutes=3, seconds=1))
    assert (await ask(shop, 22, challenge=late, answer=answer)).refusal == NEEDED
    assert await made(shop) == 4
    # the next hour begins anew
    await shop.later(hours=1)
    assert (await ask(shop, 22)).status == 202


async def test_a_challenge_of_one_merchant_is_none_at_another(shop: Shop) -> None:
    await codes_on(shop, "login")
    await usually(shop, 1)
    assert (await ask(shop, 1)).status == 202
    async with shop.db.read(shop.tenant) as tx:
        from huida.modules.verification.proofs import challenge

        foreign = challenge(tx.sealer, subject=f"{shop.tenant + 1}/13900000002", bits=16, now=tx.now)
    assert (await ask(shop, 2, challenge=foreign, answer=solved(foreign))).refusal == NEEDED


async def test_the_more_codes_the_harder(shop: Shop) -> None:
    from huida.modules.verification.proofs import bits_for

    assert [bits_for(count, 10) for count in (11, 20, 21, 40, 41, 80, 81, 100_000)] == [16, 16, 18, 18, 20, 20, 22, 22]


async def test_what_is_usual_is_worked_out_every_night(shop: Shop) -> None:
    # given: nine hours with forty codes and one with four hundred
    await codes_on(shop, "login")
    async with shop.db.tx(shop.tenant) as tx:
        for hours, codes in [(hours, 40) for hours in range(2, 11)] + [(30, 400), (24 * 15, 500)]:
            await tx.execute(
                "INSERT INTO verification_codes (tenant_id, id, scenario, phone_hash, phone_sealed, phone_tail, code_hash, "
                "ways, state, parts, cost_fen, created_at, expires_at) SELECT $1, gen_random_uuid(), 'login', '', '', '', '', "
                "'{}', 'failed', 1, 0, date_trunc('hour', $2::timestamptz) - make_interval(hours => $3), $2 "
                "FROM generate_series(1, $4)",
                *(tx.tenant_id, tx.now, hours, codes),
            )
        tx.enqueue("verification.learn_usual", None)
    await shop.settle()
    # then
    async with shop.db.read(shop.tenant) as tx:
        assert await tx.value("SELECT usual_hour FROM verification_settings WHERE tenant_id = $1", shop.tenant) == 80


async def test_a_part_of_the_hour_is_kept_for_members(shop: Shop) -> None:
    await codes_on(shop, "login")
    saved = await shop.staff.put("/api/console/verification/limits", {"hour": 20, "day": 100})
    assert saved.status == 204
    strangers = await asyncio.gather(*(ask(shop, number) for number in range(30)))
    assert Counter(reply.status for reply in strangers) == {202: 16, 429: 14}
    for number in range(100, 110):
        await make.member(shop.db, shop.tenant, phone=f"1390000{number:04}")
    members = await asyncio.gather(*(ask(shop, number) for number in range(100, 110)))
    assert Counter(reply.status for reply in members) == {202: 4, 429: 6}
    assert {reply.json()["params"]["limit"] for reply in members if reply.status == 429} == {"merchant_hour"}


@pytest.fixture
async def owner(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A member with a password, who came in on this device before."""
    monkeypatch.setattr(http, "_tries_by_address", Buckets(1000, 1000))
    await codes_on(shop, "register", "login", "recover")
    browser = Browser(shop)
    asked = await browser.post("codes", {"scenario": "register", "phone": NEW, "device": DEVICE})
    assert asked.status == 202
    await shop.settle()
    body = {"phone": NEW, "code": await browser.read(NEW), "password": PASSWORD, "device": DEVICE}
    assert (await browser.post("register", body)).status == 201
    return browser


async def test_a_device_that_came_in_before_needs_no_proof_and_waits_behind_nobody(
    shop: Shop, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Comparing passwords is slow on purpose: ten wrong ones from an address are enough to see the limit.
    monkeypatch.setattr(limits, "GUESSES", rules.GUESSES | {"host": replace(rules.GUESSES["host"], most=10)})
    # given: an hour above its usual, and neighbours that have used up the guesses and the tries for this phone
    await usually(shop, 1)
    for number in range(8):
        stranger = await owner.post("login/password", {"phone": NEW, "password": "not this 000000"})
        assert stranger.refusal == (422, "verification.bad_login"), number
    assert (await owner.post("login/password", {"phone": NEW, "password": PASSWORD})).status == 429
    for number in range(2):
        await owner.post("login/password", {"phone": f"1380000{number:04}", "password": "not this 000000"})
    refused = await owner.post("login/password", {"phone": LIN, "password": PASSWORD, "device": DEVICE})
    assert refused.refusal == (429, "verification.too_many_guesses")
    # then: by password, and by a code, on the device; and by password from elsewhere
    mine = {"phone": NEW, "device": DEVICE}
    assert (await owner.post("login/password", mine | {"password": PASSWORD})).status == 200
    await shop.later(seconds=61)
    assert (await owner.post("codes", {"scenario": "login", "phone": NEW, "device": "d1"})).refusal == NEEDED
    assert (await owner.post("codes", mine | {"scenario": "login"})).status == 202
    await shop.settle()
    assert (await owner.post("login/code", mine | {"code": await owner.read(NEW)})).status == 200
    assert (await Browser(shop).post("login/password", {"phone": NEW, "password": PASSWORD})).status == 200
    # its own wrong ones count for it
    wrong = [(await owner.post("login/password", mine | {"password": "not this 000000"})).status for _ in range(9)]
    assert wrong == [422] * 8 + [429]


async def test_a_short_name_of_a_device_is_remembered_for_nothing(shop: Shop, owner: Browser) -> None:
    await shop.later(seconds=61)
    known = {"phone": NEW, "device": "short"}
    asked = await owner.post("codes", known | {"scenario": "login"})
    assert asked.status == 202
    await shop.settle()
    assert (await owner.post("login/code", known | {"code": await owner.read(NEW)})).status == 200
    await usually(shop, 1)
    await shop.later(seconds=61)
    assert (await owner.post("codes", known | {"scenario": "login"})).refusal == NEEDED


async def test_nobody_uses_up_the_tries_of_who_waits_for_a_code(shop: Shop, owner: Browser) -> None:
    # given: the owner has asked, and a stranger guesses, all at once
    await shop.later(seconds=61)
    mine = {"phone": NEW, "device": DEVICE}
    assert (await owner.post("codes", mine | {"scenario": "login"})).status == 202
    await shop.settle()
    code = await owner.read(NEW)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    guesser = Browser(shop)
    replies = await asyncio.gather(
        *(guesser.post("login/code", {"phone": NEW, "code": wrong, "device": f"d{n}"}) for n in range(20))
    )
    assert Counter(reply.refusal for reply in replies) == {
        (422, "verification.code_wrong"): 5,
        (422, "verification.code_gone"): 15,
    }
    assert (await guesser.post("login/code", {"phone": NEW, "code": code})).refusal == (422, "verification.code_gone")
    # then: the owner has five of their own
    own = [(await owner.post("login/code", mine | {"code": wrong})).json()["params"]["left"] for _ in range(4)]
    assert own == [4, 3, 2, 1]
    assert (await owner.post("login/code", mine | {"code": code})).status == 200

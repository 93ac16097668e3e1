"""Codes when the provider is in trouble: none goes out twice, and what is drawn is what the carrier bills."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from huida.kernel.facts import SHARDS
from huida.kernel.http import Refused
from huida.modules.verification import errands
from huida.providers.sms.aliyun import AliyunSms
from tests import make
from tests.asgi import Client
from tests.flows.test_verification import LIN, Browser, row, shop
from tests.flows.verification_kit import codes_on
from tests.shop import Shop

__all__ = ["shop"]
HOST = "dysmsapi.aliyuncs.com"


async def drawn(shop: Shop) -> int:
    """Parts that this merchant's messages cost so far, as its ledger says."""
    async with shop.db.read(shop.tenant) as tx:
        return int(await tx.value("SELECT coalesce(sum(parts), 0) FROM sms_charges WHERE tenant_id = $1", shop.tenant))


async def billed(shop: Shop) -> int:
    """Parts that the simulated providers billed."""
    return int((await shop.sim.get("/_sim/sms/billed")).json()["parts"])


async def on_the_phone(shop: Shop) -> int:
    shown = (await shop.sim.get("/_sim/phones/linxiaoman")).json()
    return sum(len(sender["messages"]) for sender in shown["sms"])


async def one_turn(shop: Shop) -> None:
    """What the worker finds now, once."""
    await shop.world.worker.turn(range(SHARDS), shop.tenant, only_tenant=shop.tenant)


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    await codes_on(shop, "login")
    return Browser(shop)


async def test_a_refused_code_costs_nothing(shop: Shop, browser: Browser) -> None:
    await shop.fault("refuse", host=HOST, code="isv.MOBILE_NUMBER_ILLEGAL")
    assert (await browser.ask("login", LIN)).status == 202
    assert await drawn(shop) == 1
    await shop.settle()
    record = await row(shop)
    assert (record["state"], record["reason"]) == ("failed", "aliyun.isv.MOBILE_NUMBER_ILLEGAL")
    assert (await drawn(shop), await billed(shop), await on_the_phone(shop)) == (0, 0, 0)
    assert await shop.invariants() == {}


async def test_a_provider_that_is_away_costs_nothing_and_no_old_code_comes_later(shop: Shop, browser: Browser) -> None:
    await shop.fault("busy", host=HOST)
    assert (await browser.ask("login", LIN)).status == 202
    await shop.settle()
    record = await row(shop)
    assert (record["state"], record["reason"]) == ("failed", "provider_unavailable")
    await shop.no_faults()
    await shop.later(hours=2)
    assert (await drawn(shop), await billed(shop), await on_the_phone(shop)) == (0, 0, 0)


@pytest.mark.parametrize(("fault", "state", "parts"), [("process_then_drop", "delivered", 1), ("drop", "failed", 0)])
async def test_a_lost_answer_is_asked_about_and_never_sent_again(
    shop: Shop, browser: Browser, fault: str, state: str, parts: int
) -> None:
    # given
    await shop.sim.post("/_sim/sms/account", {"provider": "aliyun", "report_url": ""})
    await shop.fault(fault, host=HOST, count=1)
    assert (await browser.ask("login", LIN)).status == 202
    await shop.settle()
    record = await row(shop)
    assert (record["state"], record["reason"], await drawn(shop)) == ("unknown", "answer_lost", 1)
    # when: the questions of a day
    for minutes in (1, 3, 11, 61, 361, 1441):
        await shop.later(minutes=minutes)
    shop.staff = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant))
    # then
    assert (await row(shop))["state"] == state
    assert (await drawn(shop), await billed(shop), await on_the_phone(shop)) == (parts, parts, parts)
    assert await shop.invariants() == {}


async def test_a_worker_that_dies_while_sending_sends_no_second_code(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is gone after the provider took the message and before we knew."""

    class Killed(BaseException):
        pass

    send = AliyunSms.send

    async def dies(self: AliyunSms, *args: Any, **kwargs: Any) -> Any:
        await send(self, *args, **kwargs)
        raise Killed

    # given
    assert (await browser.ask("login", LIN)).status == 202
    monkeypatch.setattr(AliyunSms, "send", dies)
    with pytest.raises(BaseException):  # noqa: B017, PT011 — whatever reaches us of a dying worker
        await one_turn(shop)
    monkeypatch.undo()
    shop.world.worker = shop.world.system.worker()
    # when
    await shop.settle()
    for minutes in (1, 3, 11, 61):
        await shop.later(minutes=minutes)
    # then
    assert await on_the_phone(shop) == 1
    assert (await drawn(shop), await billed(shop)) == (1, 1)
    assert (await row(shop))["state"] == "delivered"
    assert await shop.invariants() == {}


async def test_without_parts_the_person_is_told_and_nothing_is_counted(shop: Shop, browser: Browser) -> None:
    # given: a merchant who buys parts before, and has two
    operator = await make.logged_in(Client(shop.world.app), await make.operator(shop.db))
    at = f"/api/operator/sms/merchants/{shop.tenant}"
    assert (await operator.put(f"{at}/plan", {"model": "package", "cap_parts": None, "cap_fen": None})).status == 204
    assert (await operator.post(f"{at}/grants", {"parts": 2, "reason": "试用"})).status == 201
    for _ in range(2):
        assert (await browser.ask("login", LIN)).status == 202
        await shop.settle()
        await shop.later(seconds=61)
    # when
    refused = await browser.ask("login", LIN)
    # then
    assert (refused.status, refused.json()["code"]) == (409, "verification.sms_no_balance")
    assert refused.json()["title"] == "短信余量不足，验证码暂时无法发送"
    assert (await drawn(shop), await billed(shop), await on_the_phone(shop)) == (2, 2, 2)
    shown = (await shop.staff.get("/api/console/verification")).json()
    assert {one["trouble_code"] for one in shown["scenarios"] if one["scenario"] == "login"} == {
        "verification.sms_no_balance"
    }


async def codes(shop: Shop) -> list[tuple[str, str, str]]:
    """Scenario, state and reason of every code, oldest first."""
    items = (await shop.staff.get("/api/console/verification/records")).json()["items"]
    return [(one["scenario"], one["state"], one["reason"]) for one in reversed(items)]


async def pass_by(shop: Shop, **delta: float) -> None:
    """Time goes on while no worker runs."""
    await shop.sim.post("/_sim/clock", {"advance": timedelta(**delta).total_seconds()})
    shop.world.clock.advance(timedelta(**delta))


async def test_a_code_that_is_over_is_not_sent(shop: Shop, browser: Browser) -> None:
    # given: nobody works for five minutes
    assert (await browser.ask("login", LIN)).status == 202
    assert await drawn(shop) == 1
    await pass_by(shop, minutes=5)
    # when
    await shop.settle()
    # then
    assert await codes(shop) == [("login", "failed", "expired")]
    assert (await drawn(shop), await billed(shop), await on_the_phone(shop)) == (0, 0, 0)
    assert await shop.invariants() == {}


async def test_of_two_codes_for_one_door_the_newer_is_sent(shop: Shop, browser: Browser) -> None:
    # given: a code to set a password, and two that open the same door, all waiting
    await shop.sim.post("/_sim/sms/settings", {"flow_control": False})
    await codes_on(shop, "register", "recover")
    for scenario in ("recover", "register", "login"):
        assert (await browser.ask(scenario, LIN)).status == 202
        await pass_by(shop, seconds=61)
    assert await drawn(shop) == 3
    # when
    await shop.settle()
    # then
    assert await codes(shop) == [
        ("recover", "delivered", ""),
        ("register", "failed", "superseded"),
        ("login", "delivered", ""),
    ]
    assert (await drawn(shop), await billed(shop), await on_the_phone(shop)) == (2, 2, 2)
    assert await shop.invariants() == {}


async def test_codes_that_ran_out_while_others_were_sent_stay_here(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The carrier is so slow that the codes behind it are over when their turn comes."""
    send = AliyunSms.send

    async def slow(self: AliyunSms, *args: Any, **kwargs: Any) -> Any:
        shop.world.clock.advance(timedelta(minutes=6))
        return await send(self, *args, **kwargs)

    monkeypatch.setattr(errands, "AT_ONCE", 1)
    monkeypatch.setattr(AliyunSms, "send", slow)
    for phone in ("13800000001", "13800000002"):
        assert (await browser.ask("login", phone)).status == 202
    await shop.settle()
    shop.staff = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant))
    assert sorted(reason for _, _, reason in await codes(shop)) == ["", "expired"]
    assert (await drawn(shop), await billed(shop)) == (1, 1)


async def test_one_slow_answer_does_not_hold_up_the_other_codes(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is answered only when all eight are under way: one after the other they would wait for ever."""
    send = AliyunSms.send
    gate = asyncio.Barrier(8)

    async def together(self: AliyunSms, *args: Any, **kwargs: Any) -> Any:
        try:
            await asyncio.wait_for(gate.wait(), 10)
        except (TimeoutError, asyncio.BrokenBarrierError):
            raise Refused("alone", "no other call came") from None
        return await send(self, *args, **kwargs)

    # given
    phones = [f"1380000{number:04}" for number in range(8)]
    for phone in phones:
        assert (await browser.ask("login", phone)).status == 202
    # when: what one turn of the worker takes at once
    monkeypatch.setattr(AliyunSms, "send", together)
    await one_turn(shop)
    # then
    assert {(state, reason) for _, state, reason in await codes(shop)} == {("accepted", "")}


async def test_a_code_that_breaks_takes_no_other_with_it(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = AliyunSms.send

    async def breaks(self: AliyunSms, *args: Any, **kwargs: Any) -> Any:
        if kwargs["phone"] == LIN:
            raise RuntimeError("a fault of ours")
        return await send(self, *args, **kwargs)

    for phone in (LIN, "13800000002", "13800000003"):
        assert (await browser.ask("login", phone)).status == 202
    monkeypatch.setattr(AliyunSms, "send", breaks)
    await one_turn(shop)
    assert [(state, reason) for _, state, reason in await codes(shop)] == [
        ("unknown", "answer_lost"),
        ("accepted", ""),
        ("accepted", ""),
    ]
    assert await drawn(shop) == 3

"""What is over is forgotten: codes, counters and sessions. The clock is moved, the nightly work runs."""

from datetime import timedelta

import pytest

from huida.kernel.facts import SHARDS
from huida.modules.members import reactions as members_reactions
from huida.modules.verification import reactions
from tests import make
from tests.asgi import Client
from tests.flows.test_verification import LIN, NEW, Browser, shop
from tests.flows.verification_kit import codes_on
from tests.shop import Shop

__all__ = ["shop"]
NIGHTLY = ("verification.tidy", "members.tidy")


async def tidy(shop: Shop) -> None:
    """What the schedules begin, to its end, for the platform and for this merchant."""
    assert set(NIGHTLY) <= {schedule.name for schedule in shop.world.system.registry.schedules}
    async with shop.db.tx(0) as tx:
        for name in NIGHTLY:
            tx.enqueue(name, {})
    while await shop.world.worker.turn(range(SHARDS), 0, only_tenant=0):
        pass
    await shop.world.settle()


async def kept(shop: Shop, tenant: int | None = None) -> tuple[int, int, int]:
    """Codes and sessions of a merchant, and counters of all."""
    mine = tenant or shop.tenant
    async with shop.db.read(mine) as tx:
        return (
            await tx.value("SELECT count(*) FROM verification_codes WHERE tenant_id = $1", mine),
            await tx.value("SELECT count(*) FROM member_sessions WHERE tenant_id = $1", mine),
            await tx.value("SELECT count(*) FROM verification_counts"),
        )


@pytest.mark.parametrize("portion", [5000, 1])
async def test_what_is_over_is_forgotten_and_nothing_else(
    shop: Shop, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "PORTION", portion)
    monkeypatch.setattr(members_reactions, "PORTION", portion)
    # given: two members, in by phone and in WeChat, and a wrong password
    await codes_on(shop, "login", "register")
    browser = Browser(shop)
    entered = await browser.post("register", {"phone": NEW, "code": await browser.code("register", NEW)})
    assert entered.status == 201
    lin = await shop.member("linxiaoman")
    centre = await shop.centre(lin)
    assert (await browser.post("login/code", {"phone": LIN, "code": await browser.code("login", LIN)})).status == 200
    assert (await browser.post("login/password", {"phone": LIN, "password": "not this 000"})).status == 422
    codes, sessions, counters = await kept(shop)
    assert (codes, sessions) == (2, 4)
    assert counters > 10
    # when / then: within a day nothing is over
    await tidy(shop)
    assert await kept(shop) == (codes, sessions, counters)
    # when / then: a week later the sessions are, and the counters
    shop.world.clock.advance(timedelta(days=6, hours=23))
    assert (await centre.get("/api/member/me")).status == 200
    later = await browser.post("login/password", {"phone": LIN, "password": "not this 000"})
    assert later.status == 422
    await shop.sim.post("/_sim/clock", {"advance": timedelta(days=6, hours=23).total_seconds()})
    await browser.code("login", LIN)
    fresh = await browser.post("login/code", {"phone": LIN, "code": await browser.read(LIN)})
    shop.world.clock.advance(timedelta(hours=2))
    await tidy(shop)
    assert (await kept(shop))[:2] == (3, 1)
    assert 0 < (await kept(shop))[2] < counters
    assert (await browser.me(fresh))["member"]["id"] == str(lin)
    assert (await centre.get("/api/member/me")).status == 401
    # when / then: after thirty days the first two codes are
    shop.world.clock.advance(timedelta(days=23))
    await tidy(shop)
    assert await kept(shop) == (1, 0, 0)
    shop.world.clock.advance(timedelta(days=8))
    await tidy(shop)
    assert await kept(shop) == (0, 0, 0)
    assert await shop.invariants() == {}


async def test_a_suspended_merchants_codes_are_forgotten_too(shop: Shop) -> None:
    # given
    await codes_on(shop, "login")
    browser = Browser(shop)
    await browser.code("login", LIN)
    operator = await make.logged_in(Client(shop.world.app), await make.operator(shop.db))
    suspended = await operator.post(f"/api/operator/merchants/{shop.tenant}/suspend", {})
    assert suspended.status == 204, suspended.text
    # when
    shop.world.clock.advance(timedelta(days=31))
    await tidy(shop)
    # then
    assert (await kept(shop))[0] == 0

"""Points with a return period: pending, ripe, announced, expired; a refund takes pending ones first (G-14)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.books.kit import LEVELS, adjust, level, nights, rules, run
from tests.shop import Shop

SHANGHAI = ZoneInfo("Asia/Shanghai")


async def shown(shop: Shop, member: UUID) -> tuple[int, int]:
    """Ripe and pending points, as a till asks for them."""
    answer = (await shop.key.get(f"/api/v1/members/{await shop.card_no(member)}/balances")).json()
    return answer["points"], answer["points_pending"]


async def moved(shop: Shop) -> list[tuple[str, int, int]]:
    return [(f["reason"], f["points"], f["points_after"]) for f in await shop.world.facts("loyalty.value_moved")]


@pytest.mark.covers("G-14")
async def test_with_a_return_period_points_ripen_are_spent_and_expire(shop: Shop) -> None:
    """Purchase, partial refund, ripening, spending, expiry: with exact values at each step."""
    await rules(shop, points_ripen_days=7, points_expire_months=1, levels=LEVELS)
    member = await shop.member()
    first = (await shop.buy(member, "A1", 120_000)).json()
    assert (first["points"], first["points_pending"], first.get("points_after")) == (0, 1200, None)
    assert (await shown(shop, member), await level(shop, member)) == ((0, 1200), "silver")
    mine = (await (await shop.centre(member)).get("/api/member/balances")).json()
    midnight = datetime.combine(shop.world.clock.now().astimezone(SHANGHAI).date(), datetime.min.time(), SHANGHAI)
    ripe_at = (midnight + timedelta(days=8)).astimezone(UTC)
    assert (mine["points"], mine["points_pending"]) == (0, 1200)
    assert [(datetime.fromisoformat(r["ripe_at"]), r["points"]) for r in mine["ripening"]] == [(ripe_at, 1200)]
    # pending points are neither spent nor told as a balance
    assert (await adjust(shop, member, points=-1)).status == 409
    # when a third goes back, a third of the pending points goes
    back = (await shop.refund("F1", "A1", 40_000)).json()
    assert (back["points"], back["points_pending"], back["points_after"]) == (0, -400, 0)
    assert (await shown(shop, member), await level(shop, member)) == ((0, 800), "normal")
    # when the return period is over, the rest is the member's own, told once
    shop.world.clock.advance(ripe_at - shop.world.clock.now() - timedelta(seconds=1))
    await nights(shop, 0)
    assert await shown(shop, member) == (0, 800)
    shop.world.clock.advance(timedelta(seconds=1))
    await nights(shop, 0)
    await nights(shop, 0)
    assert (await shown(shop, member), await moved(shop)) == ((800, 0), [("ripened", 800, 800)])
    # a refund of ripe points takes the purchase's own; a second purchase's pending ones stay
    second = (await shop.buy(member, "A2", 10_000)).json()
    assert second["points_pending"] == 100
    back = (await shop.refund("F2", "A1", 20_000)).json()
    assert (back["points"], back.get("points_pending"), back["points_after"]) == (-200, None, 600)
    assert await shown(shop, member) == (600, 100)
    # spending takes what expires earliest, here A1's
    assert (await adjust(shop, member, points=-500)).status == 200
    assert await shown(shop, member) == (100, 100)
    # and in the end A1's rest expires, A2's later
    await nights(shop, 9)
    assert await shown(shop, member) == (200, 0)
    await nights(shop, 62)
    assert await shown(shop, member) == (0, 0)
    assert [step for step in await moved(shop) if step[0] != "adjusted"] == [
        ("ripened", 800, 800),
        ("ripened", 100, 200),
        ("expired", -200, 0),
    ]
    assert await shop.invariants() == {}


@pytest.mark.covers("G-14")
async def test_without_a_return_period_points_are_ripe_at_once(shop: Shop) -> None:
    await rules(shop, points_expire_months=1, levels=LEVELS)
    member = await shop.member()
    first = (await shop.buy(member, "A1", 120_000)).json()
    assert (first["points"], first.get("points_pending"), first["points_after"]) == (1200, None, 1200)
    back = (await shop.refund("F1", "A1", 40_000)).json()
    assert (back["points"], back["points_after"]) == (-400, 800)
    assert await shown(shop, member) == (800, 0)
    await nights(shop, 8)
    assert await shown(shop, member) == (800, 0)
    await shop.buy(member, "A2", 10_000)
    await shop.refund("F2", "A1", 20_000)
    assert (await adjust(shop, member, points=-500)).status == 200
    assert await shown(shop, member) == (200, 0)
    await nights(shop, 62)
    assert await shown(shop, member) == (0, 0)
    assert await moved(shop) == [("adjusted", -500, 200), ("expired", -200, 0)]
    assert await shop.invariants() == {}


@pytest.mark.covers("G-14")
async def test_the_earliest_end_is_spent_first(shop: Shop) -> None:
    await rules(shop, points_expire_months=1)
    member = await shop.member()
    await shop.buy(member, "OLD", 10_000)
    shop.world.clock.advance(timedelta(days=31))
    await shop.buy(member, "NEW", 10_000)
    assert (await adjust(shop, member, points=-120)).status == 200
    await nights(shop, 31)
    assert await shown(shop, member) == (80, 0)  # OLD's were spent and nothing of it has expired


@pytest.mark.covers("G-14")
async def test_members_are_told_before_points_expire_once(shop: Shop) -> None:
    await rules(shop, points_expire_months=1, expiry_notice_days=10)
    template = await shop.enable("points_expiring")
    member = await shop.member()
    await shop.answer(member, template)
    await shop.buy(member, "A1", 10_000)
    await shop.buy(member, "A2", 5_000)
    ends = [await end_of(shop)]
    shop.world.clock.advance(ends[0] - shop.world.clock.now() - timedelta(days=10, seconds=1))
    await run(shop, "loyalty.mornings")
    assert await shop.world.facts("loyalty.points_expiring") == []
    shop.world.clock.advance(timedelta(seconds=1))
    for _ in range(2):
        await run(shop, "loyalty.mornings")
    await shop.settle()
    [fact] = await shop.world.facts("loyalty.points_expiring")
    assert (fact["points"], datetime.fromisoformat(fact["expires_at"])) == (150, ends[0])
    [notice] = await shop.notices(member)
    last_day = (ends[0].astimezone(SHANGHAI) - timedelta(seconds=1)).strftime("%Y年%m月%d日 %H:%M")
    values: dict[str, Any] = dict(notice["fields"])
    assert (values["到期积分"], values["到期时间"], values["当前积分"]) == ("150", last_day, "150")


async def end_of(shop: Shop) -> datetime:
    async with shop.db.read(shop.tenant) as tx:
        end: datetime = await tx.value("SELECT max(expires_at) FROM ledger_lots WHERE tenant_id = $1", shop.tenant)
    return end


@pytest.mark.covers("G-14")
async def test_a_late_report_is_ripe_when_its_return_period_is_over_already(shop: Shop) -> None:
    """The period counts from the purchase, not from its report."""
    await rules(shop, points_ripen_days=7)
    member = await shop.member()
    now = shop.world.clock.now()
    old = await shop.buy(member, "A1", 10_000, occurred_at=(now - timedelta(days=9)).isoformat())
    assert (old.json()["points"], old.json().get("points_pending")) == (100, None)
    new = await shop.buy(member, "A2", 10_000, occurred_at=(now - timedelta(days=6)).isoformat())
    assert (new.json()["points"], new.json()["points_pending"]) == (0, 100)


async def test_a_refund_after_ripening_takes_the_purchases_own_first(shop: Shop) -> None:
    """Half of the points are pending when a part was returned twice: never more than the purchase gave."""
    await rules(shop, points_ripen_days=7)
    member = await shop.member()
    await shop.buy(member, "A1", 10_000)
    await shop.refund("F1", "A1", 5_000)
    await nights(shop, 9)
    assert await shown(shop, member) == (50, 0)
    await shop.refund("F2", "A1", 5_000)
    assert await shown(shop, member) == (0, 0)
    assert await shop.invariants() == {}


@pytest.mark.parametrize(
    ("field", "value"), [("points_ripen_days", 367), ("points_ripen_days", -1), ("expiry_notice_days", 91)]
)
async def test_periods_have_limits(shop: Shop, field: str, value: int) -> None:
    from tests.shop import whole_rules

    refused = await shop.staff.put("/api/console/loyalty/rules", whole_rules(**{field: value}))
    assert (refused.status, refused.json()["where"]) == (422, field)
    assert (await shop.staff.get("/api/console/loyalty/rules")).json()[field] == 0


async def test_rules_that_cannot_be_carried_out_are_refused(shop: Shop) -> None:
    """B-13: rates of stores that there are none of, and levels that nobody is at or two are reached at once."""
    from tests.shop import whole_rules

    two = [
        {"code": "normal", "name": "普通"},
        {"code": "a", "name": "甲", "growth": 5},
        {"code": "b", "name": "乙", "growth": 5},
    ]
    for decided, where in (
        ({"store_rate_bp": {"S01": 20_000, "S99": 20_000}}, "store_rate_bp"),
        ({"levels": two}, "levels"),
        ({"levels": two[1:2]}, "levels"),
        ({"levels": [two[0], two[1] | {"growth": 10**13}]}, "levels"),
    ):
        refused = await shop.staff.put("/api/console/loyalty/rules", whole_rules(**decided))
        assert refused.status in (404, 422)
        assert str(refused.json()["where"]).startswith(where)
    assert (await shop.staff.get("/api/console/loyalty/rules")).json()["store_rate_bp"] == {}

"""What a shop brings from its old system is told to nobody, on the day it comes and later (G-04)."""

import pytest

from tests.books.kit import LEVELS, level, points_of, rules, run
from tests.moving_kit import counts, moved_in
from tests.shop import Shop

TELLS = ("consumption", "recharge", "balance_change", "points_change", "stored_value_consumption")
SCHEDULES = ("loyalty.nightly", "loyalty.mornings", "coupons.remind_everywhere", "coupons.expire_everywhere")


@pytest.mark.covers("G-04")
@pytest.mark.parametrize("months", [0, 1])
async def test_history_and_openings_are_told_to_nobody_then_or_later(shop: Shop, months: int) -> None:
    """With points that expire, their end is told once as that of any points: it is news of today, not of the file."""
    await rules(shop, levels=LEVELS, points_expire_months=months)
    for scenario in TELLS:
        await shop.enable(scenario, "sms")
    member = await shop.member()
    card = await shop.card_no(member)
    opening = await moved_in(shop.world, shop.staff, f"卡号,积分,储值余额,赠送金额\n{card},100,20.00,3.00\n")
    past = await moved_in(
        shop.world,
        shop.staff,
        f"门店,小票号,卡号,金额,时间\nS01,OLD-1,{card},1200.50,2019-05-06 12:00\nS01,OLD-2,{card},0,2020-01-01 09:00\n",
        kind="purchases",
    )
    assert (counts(opening), counts(past)) == ((0, 1, 0, 0), (2, 0, 0, 0))
    # then: recorded, and counted for growth and level, in the ledger to the fen
    assert await shop.balances(member) == {
        "points": 100,
        "cny_principal": 2_000,
        "cny_gift": 300,
        "growth": 120_050,
    }
    assert await level(shop, member) == "silver"
    listed = (await shop.key.get("/api/v1/purchases/S01/OLD-1")).json()
    assert (listed["total_fen"], listed["points"], listed["occurred_at"]) == (120_050, 0, "2019-05-06T04:00:00Z")
    # then: nobody is told, at once or in the year to come
    for days in (0, 1, 30, 370):
        await shop.later(days=days)
        await run(shop, *SCHEDULES)
        await shop.settle()
    expired = 100 if months else 0
    async with shop.db.read(shop.tenant) as tx:
        told = [
            (row["scenario"], row["state"])
            for row in await tx.fetch("SELECT scenario, state FROM deliveries WHERE tenant_id = $1", shop.tenant)
        ]
    assert told == ([("points_change", "delivered")] if months else [])
    assert len(await shop.texts(member)) == len(told)
    assert await points_of(shop, member) == 100 - expired
    # then: the same files again change nothing
    assert await shop.invariants() == {}


@pytest.mark.covers("G-04")
async def test_a_return_of_what_was_bought_in_earlier_years_takes_growth_only(shop: Shop) -> None:
    await rules(shop, levels=LEVELS)
    member = await shop.member()
    card = await shop.card_no(member)
    table = f"门店,小票号,卡号,金额,时间\nS01,OLD-1,{card},1200,2019-05-06 12:00\n"
    assert counts(await moved_in(shop.world, shop.staff, table, kind="purchases")) == (1, 0, 0, 0)
    await shop.buy(member, "NEW-1", 10_000)
    back = (await shop.refund("F1", "OLD-1", 120_000)).json()
    assert (back["points"], back["points_after"], await level(shop, member)) == (0, 120, "normal")
    assert await shop.balances(member) == {"points": 120, "growth": 10_000}
    assert await shop.invariants() == {}

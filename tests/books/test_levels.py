"""Levels follow growth: when rules change everybody's is read anew, and how many move is said before (B-07, B-31)."""

from uuid import UUID

from huida.modules.loyalty import levels as loyalty_levels
from tests.books.kit import LEVELS, level, rules, run
from tests.shop import Shop, whole_rules

PREVIEW = "/api/console/loyalty/rules/preview"


async def three(shop: Shop) -> list[UUID]:
    """Somebody with no growth, one with 100 and one with 1,500."""
    people = [await shop.member(name) for name in ("linxiaoman", "chenyiming", "wangsiyuan")]
    await rules(shop, levels=LEVELS)
    await shop.buy(people[1], "A1", 10_000)
    await shop.buy(people[2], "A2", 150_000)
    return people


async def test_lower_thresholds_lift_those_who_have_the_growth(shop: Shop) -> None:
    people = await three(shop)
    assert [await level(shop, who) for who in people] == ["normal", "normal", "silver"]
    lower = [LEVELS[0], LEVELS[1] | {"growth": 100}, LEVELS[2] | {"growth": 1_500}]
    whole = whole_rules(levels=lower)["levels"]
    assert (await shop.staff.post(PREVIEW, {"levels": whole})).json() == {"moved": 2}
    assert [await level(shop, who) for who in people] == ["normal", "normal", "silver"]
    await rules(shop, levels=lower)
    assert [await level(shop, who) for who in people] == ["normal", "silver", "gold"]
    assert (await shop.staff.post(PREVIEW, {"levels": whole})).json() == {"moved": 0}
    moved = [(f["before"], f["after"]) for f in await shop.world.facts("member.level_changed")]
    assert sorted(moved) == [("normal", "silver"), ("normal", "silver"), ("silver", "gold")]
    assert await shop.invariants() == {}


async def test_a_level_that_is_gone_leaves_nobody_behind(shop: Shop) -> None:
    people = await three(shop)
    await rules(shop, levels=[LEVELS[0] | {"code": "basic", "name": "基础", "rate_bp": 20_000}, LEVELS[2]])
    assert await level(shop, people[2]) == "basic"
    # who joined at the first level is at the first level whatever its code, and nobody was told of a change
    moved = [(f["before"], f["after"]) for f in await shop.world.facts("member.level_changed")]
    assert moved == [("normal", "silver"), ("silver", "basic")]
    late = await shop.staff.post("/api/console/members", {"name": "新来的", "card_no": "NEW00001"})
    row = {"store": "S01", "till_no": "N1", "card_no": "NEW00001", "total_fen": 10_000}
    assert (late.status, (await shop.key.post("/api/v1/purchases", row)).json()["points"]) == (201, 200)
    assert await shop.invariants() == {}


async def test_bad_levels_are_refused_by_the_preview_too(shop: Shop) -> None:
    two = whole_rules(levels=[LEVELS[0], LEVELS[1] | {"growth": 0}])["levels"]
    refused = await shop.staff.post(PREVIEW, {"levels": two})
    assert (refused.status, refused.json()["code"], refused.json()["where"]) == (422, "loyalty.bad_rules", "levels")


async def test_portions_read_everybody_and_newer_rules_end_an_older_reading(shop: Shop) -> None:
    people = await three(shop)
    before = loyalty_levels.PORTION
    try:
        loyalty_levels.PORTION = 1
        lower = [LEVELS[0], LEVELS[1] | {"growth": 100}, LEVELS[2]]
        assert (await shop.staff.put("/api/console/loyalty/rules", whole_rules(levels=lower))).status == 200
        assert (await shop.staff.put("/api/console/loyalty/rules", whole_rules(levels=LEVELS))).status == 200
        await shop.settle()
        assert [await level(shop, who) for who in people] == ["normal", "normal", "silver"]
    finally:
        loyalty_levels.PORTION = before
    assert await shop.invariants() == {}


async def test_levels_of_an_older_version_are_read_at_night(shop: Shop) -> None:
    """An upgrade finds levels that a refund left behind: the first night puts them right."""
    people = await three(shop)
    async with shop.db.tx(shop.tenant) as tx:
        await tx.execute("UPDATE members SET level = 'gold' WHERE tenant_id = $1 AND id = $2", shop.tenant, people[0])
        await tx.execute("UPDATE loyalty_rules SET levels_read_at = NULL WHERE tenant_id = $1", shop.tenant)
    assert await shop.invariants() == {}
    await run(shop, "loyalty.nightly")
    assert await level(shop, people[0]) == "normal"
    async with shop.db.tx(shop.tenant) as tx:
        await tx.execute("UPDATE members SET level = 'gold' WHERE tenant_id = $1 AND id = $2", shop.tenant, people[0])
    assert await shop.invariants() == {"loyalty.level_is_that_of_growth": 1}

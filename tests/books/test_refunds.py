"""A refund takes back what its own purchase gave, in one step or in ten, and nothing else (B-05, B-07, B-12, B-24, B-28)."""

from datetime import timedelta

import pytest

from tests.books.kit import LEVELS, adjust, level, nights, points_of, rules
from tests.shop import Shop


async def past_the_end(shop: Shop) -> None:
    """Past the end of points that live for a month, before any nightly job."""
    shop.world.clock.advance(timedelta(days=62))


async def test_a_full_refund_takes_growth_and_level_along(shop: Shop) -> None:
    await rules(shop, levels=LEVELS)
    member = await shop.member()
    assert (await shop.buy(member, "A1", 600_000)).json()["points"] == 6000
    assert await level(shop, member) == "gold"
    assert (await shop.refund("F1", "A1", 600_000)).json()["points"] == -6000
    assert await level(shop, member) == "normal"
    assert await shop.balances(member) == {"points": 0, "growth": 0}
    assert (await shop.buy(member, "A2", 10_000)).json()["points"] == 100
    assert await shop.invariants() == {}


async def test_partial_refunds_take_growth_to_the_fen_and_levels_one_by_one(shop: Shop) -> None:
    await rules(shop, levels=LEVELS)
    member = await shop.member()
    await shop.buy(member, "A1", 600_050)
    for number, (amount, growth, code) in enumerate(
        ((100_050, 500_000, "gold"), (1, 499_999, "silver"), (399_999, 100_000, "silver"), (33, 99_967, "normal"))
    ):
        assert (await shop.refund(f"F{number}", "A1", amount)).status == 201
        assert ((await shop.balances(member))["growth"], await level(shop, member)) == (growth, code)
    moved = [(f["before"], f["after"]) for f in await shop.world.facts("member.level_changed")]
    assert moved == [("normal", "gold"), ("gold", "silver"), ("silver", "normal")]
    assert await shop.invariants() == {}


async def test_a_purchase_from_before_there_were_levels_takes_no_growth_back(shop: Shop) -> None:
    member = await shop.member()
    await shop.buy(member, "A1", 50_000)
    await rules(shop, levels=LEVELS)
    await shop.buy(member, "A2", 120_000)
    assert await level(shop, member) == "silver"
    await shop.refund("F1", "A1", 50_000)
    assert ((await shop.balances(member))["growth"], await level(shop, member)) == (120_000, "silver")


async def test_the_refund_of_expired_points_takes_no_others(shop: Shop) -> None:
    await rules(shop, points_expire_months=1)
    member = await shop.member()
    await shop.buy(member, "X1", 10_000)
    await nights(shop, 62)
    assert await points_of(shop, member) == 0
    await shop.buy(member, "X2", 10_000)
    refund = await shop.refund("FX", "X1", 10_000)
    assert (refund.json()["points"], refund.json()["points_after"]) == (0, 100)
    assert await shop.invariants() == {}


async def test_points_past_their_end_are_gone_before_the_nightly_job(shop: Shop) -> None:
    await rules(shop, points_expire_months=1)
    member = await shop.member()
    await shop.buy(member, "X1", 10_000)
    await past_the_end(shop)
    await shop.buy(member, "X2", 10_000)
    assert (await shop.refund("FX", "X1", 10_000)).json()["points_after"] == 100
    short = await adjust(shop, member, points=-101)
    assert (short.status, short.json()["code"]) == (409, "ledger.insufficient_balance")
    assert await points_of(shop, member) == 100


@pytest.mark.parametrize("steps", [(10_000,), (5_000, 5_000), (3_333, 3_333, 3_334)])
async def test_points_partly_spent_and_partly_expired_are_taken_once(shop: Shop, steps: tuple[int, ...]) -> None:
    """X1 gave 100: 40 were spent, 60 have expired. Of X2's 100 a full refund of X1 takes the 40, in the place of the spent."""
    await rules(shop, points_expire_months=1)
    member = await shop.member()
    await shop.buy(member, "X1", 10_000)
    assert (await adjust(shop, member, points=-40)).status == 200
    await past_the_end(shop)
    await shop.buy(member, "X2", 10_000)
    for number, amount in enumerate(steps):
        assert (await shop.refund(f"F{number}", "X1", amount)).status == 201
    assert await points_of(shop, member) == 60
    assert await shop.invariants() == {}


async def test_the_refund_of_the_newer_purchase_takes_its_own_lot(shop: Shop) -> None:
    """Else the newer points would live on in the place of the older, which end first."""
    await rules(shop, points_expire_months=1)
    member = await shop.member()
    await shop.buy(member, "X1", 10_000)
    shop.world.clock.advance(timedelta(days=31))
    await shop.buy(member, "X2", 10_000)
    await shop.refund("F2", "X2", 10_000)
    assert await points_of(shop, member) == 100
    await nights(shop, 31)
    assert await points_of(shop, member) == 0  # what was left were X1's, and they have ended
    assert await shop.invariants() == {}


async def test_spent_points_are_taken_from_the_others_and_never_below_nothing(shop: Shop) -> None:
    """B-32: the rule that the guide tells."""
    member = await shop.member()
    await shop.buy(member, "X1", 10_000)
    assert (await adjust(shop, member, points=-100)).status == 200
    await shop.buy(member, "X2", 3_000)
    assert (await shop.refund("F1", "X1", 10_000)).json()["points"] == -30
    assert await points_of(shop, member) == 0
    await shop.buy(member, "X3", 5_000)
    assert (await shop.refund("F3", "X3", 5_000)).json()["points"] == -50
    assert await shop.invariants() == {}


async def test_stored_value_goes_back_exactly_at_every_step(shop: Shop) -> None:
    member = await shop.member()
    await shop.recharge(member, "R", 1000)
    assert (await adjust(shop, member, balance_fen=1)).status == 200
    await shop.buy(member, "G1", 3000, balance_fen=1001)
    assert (await shop.refund("F1", "G1", 1100)).json()["balance_after_fen"] == 367
    await shop.buy(member, "G2", 367, balance_fen=367)
    second = await shop.refund("F2", "G1", 100)
    assert (second.status, second.json()["balance_after_fen"]) == (201, 33)
    assert (await shop.refund("F3", "G1", 1800)).json()["balance_after_fen"] == 1001 - 367
    rows = await shop.staff.get(f"/api/console/loyalty/members/{member}/transfers", unit="balance")
    back: dict[str, int] = {}
    for row in rows.json()["items"]:
        if row["reason"] == "refund":
            assert row["amount"] > 0
            back[row["unit"]] = back.get(row["unit"], 0) + row["amount"]
    assert back == {"cny_principal": 1000, "cny_gift": 1}
    assert await shop.invariants() == {}


async def test_a_purchase_is_returned_at_another_branch(shop: Shop) -> None:
    await shop.staff.post("/api/console/stores", {"code": "S02", "name": "二店"})
    member = await shop.member()
    await shop.buy(member, "A1", 10_000)
    row = {"store": "S02", "till_no": "F1", "purchase_till_no": "A1", "amount_fen": 4_000}
    elsewhere = await shop.key.post("/api/v1/refunds", row)
    assert (elsewhere.status, elsewhere.json()["code"]) == (404, "orders.purchase_not_found")
    assert await points_of(shop, member) == 100
    for status in ("recorded", "repeated"):
        answer = (await shop.key.post("/api/v1/refunds", row | {"purchase_store": "S01"})).json()
        assert (answer["status"], answer["points"], answer["points_after"]) == (status, -40, 60)
    unknown = await shop.key.post("/api/v1/refunds", row | {"purchase_store": "S09", "till_no": "F9"})
    assert (unknown.status, unknown.json()["code"], unknown.json()["where"]) == (
        404,
        "store.not_found",
        "purchase_store",
    )
    other = await shop.key.post("/api/v1/refunds", row | {"purchase_store": "S01", "amount_fen": 1})
    assert (other.status, other.json()["code"]) == (409, "orders.till_no_reused")
    bought = (await shop.key.get("/api/v1/purchases/S01/A1")).json()
    assert bought["refunded_fen"] == 4_000


async def test_a_refund_is_not_dated_before_its_purchase(shop: Shop) -> None:
    member = await shop.member()
    now = shop.world.clock.now()
    await shop.buy(member, "A1", 10_000, occurred_at=(now - timedelta(hours=1)).isoformat())
    row = {"store": "S01", "till_no": "F1", "purchase_till_no": "A1", "amount_fen": 10_000}
    early = await shop.key.post("/api/v1/refunds", row | {"occurred_at": (now - timedelta(hours=2)).isoformat()})
    assert (early.status, early.json()["code"], early.json()["where"]) == (
        422,
        "orders.refund_before_purchase",
        "occurred_at",
    )
    assert await points_of(shop, member) == 100
    same = await shop.key.post("/api/v1/refunds", row | {"occurred_at": (now - timedelta(hours=1)).isoformat()})
    assert same.status == 201


async def test_a_till_ahead_of_us_may_return_at_once(shop: Shop) -> None:
    member = await shop.member()
    await shop.buy(member, "A1", 10_000, occurred_at=(shop.world.clock.now() + timedelta(minutes=5)).isoformat())
    assert (await shop.refund("F1", "A1", 10_000)).status == 201


async def test_a_recharge_reported_wrongly_is_taken_back(shop: Shop) -> None:
    await rules(shop, gift_tiers=[{"from_fen": 10_000, "gift_fen": 1_000, "gift_points": 50}])
    member = await shop.member()
    await shop.recharge(member, "R-1", 10_000)
    assert (await shop.staff.get("/api/console/overview")).json()["today"]["recharges_fen"] == 10_000
    row = {"store": "S01", "till_no": "V-1", "recharge_till_no": "R-1", "reason": "金额输错"}
    for status in ("recorded", "repeated"):
        answer = (await shop.key.post("/api/v1/recharges/reversals", row)).json()
        assert {k: answer[k] for k in ("status", "points", "points_after", "balance_after_fen")} == {
            "status": status,
            "points": -50,
            "points_after": 0,
            "balance_after_fen": 0,
        }
    assert await shop.balances(member) == {"cny_principal": 0, "cny_gift": 0, "points": 0}
    assert (await shop.staff.get("/api/console/overview")).json()["today"]["recharges_fen"] == 0
    twice = await shop.key.post("/api/v1/recharges/reversals", row | {"till_no": "V-2"})
    assert (twice.status, twice.json()["code"]) == (409, "orders.recharge_reversed")
    [told] = await shop.world.facts("order.recharge_reversed")
    assert (told["paid_fen"], told["gift_fen"], told["balance_fen"], told["points"]) == (10_000, 1_000, -11_000, -50)
    assert await shop.invariants() == {}


async def test_a_spent_recharge_is_not_taken_back_and_nothing_moves(shop: Shop) -> None:
    member = await shop.member()
    await shop.recharge(member, "R-1", 10_000)
    await shop.buy(member, "A1", 1, balance_fen=1)
    row = {"store": "S01", "till_no": "V-1", "recharge_till_no": "R-1", "reason": "金额输错"}
    short = await shop.key.post("/api/v1/recharges/reversals", row)
    assert (short.status, short.json()["code"]) == (409, "ledger.insufficient_balance")
    assert (await shop.balances(member))["cny_principal"] == 9_999
    unknown = await shop.key.post("/api/v1/recharges/reversals", row | {"recharge_till_no": "R-9"})
    assert (unknown.status, unknown.json()["code"]) == (404, "orders.recharge_not_found")
    blank = await shop.key.post("/api/v1/recharges/reversals", row | {"reason": " "})
    assert (blank.status, blank.json()["where"]) == (422, "reason")
    assert await shop.world.facts("order.recharge_reversed") == []


async def test_staff_refund_and_reverse(shop: Shop) -> None:
    member = await shop.member()
    await shop.buy(member, "A1", 10_000)
    await shop.recharge(member, "R-1", 10_000)
    refund = {"store": "S01", "till_no": "F1", "purchase_till_no": "A1", "amount_fen": 10_000}
    assert (await shop.staff.post("/api/console/orders/refunds", refund)).json()["points"] == -100
    reversal = {"store": "S01", "till_no": "V-1", "recharge_till_no": "R-1", "reason": "重复录入"}
    done = await shop.staff.post("/api/console/orders/recharges/reversals", reversal)
    assert done.json()["balance_after_fen"] == 0
    assert await shop.balances(member) == {"points": 0, "cny_principal": 0}


async def test_the_gift_points_of_a_recharge_that_have_expired_are_not_taken_again(shop: Shop) -> None:
    await rules(shop, points_expire_months=1, gift_tiers=[{"from_fen": 10_000, "gift_points": 50}])
    member = await shop.member()
    await shop.recharge(member, "R-1", 10_000)
    await past_the_end(shop)
    await shop.buy(member, "A1", 10_000)
    row = {"store": "S01", "till_no": "V-1", "recharge_till_no": "R-1", "reason": "金额输错"}
    answer = (await shop.key.post("/api/v1/recharges/reversals", row)).json()
    assert (answer["points"], answer["points_after"]) == (0, 100)
    assert await shop.invariants() == {}


async def test_pending_points_that_went_back_are_not_owed_again(shop: Shop) -> None:
    """Half goes back while pending, the rest ripens and expires: the other half takes no other purchase's points."""
    await rules(shop, points_ripen_days=7, points_expire_months=1)
    member = await shop.member()
    await shop.buy(member, "A1", 10_000)
    await shop.refund("F1", "A1", 5_000)
    await nights(shop, 9)
    await nights(shop, 62)
    await shop.buy(member, "A2", 10_000)
    await nights(shop, 9)
    assert await points_of(shop, member) == 100
    assert (await shop.refund("F2", "A1", 5_000)).json()["points"] == 0
    assert await points_of(shop, member) == 100
    assert await shop.invariants() == {}

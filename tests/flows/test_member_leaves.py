"""A member leaves: own money is paid out, gifts and points end, only as they were seen and confirmed; and may come back."""

import pytest

from huida.modules import ledger
from tests import make
from tests.asgi import Client
from tests.lives import MEMBERS, coupon, leave, life, rows, rules, timeline, transfers
from tests.mallshop import Mall, open_mall
from tests.shop import Shop
from wesim import seed


async def rich(shop: Shop) -> object:
    """¥100 of own money, ¥10 given on top, 25 points, a coupon."""
    await rules(shop)
    member = await shop.member()
    assert (await shop.recharge(member, "R-1", 10000)).status == 201
    assert (await shop.buy(member, "T-1", 2500)).status == 201
    await coupon(shop, member)
    await shop.settle()
    return member


@pytest.mark.covers("G-25")
async def test_what_was_seen_is_paid_out_and_forfeited(shop: Shop) -> None:
    # given
    member = await rich(shop)
    centre = await shop.centre(member)
    before = await rows(shop)

    # then: nothing confirmed, something else confirmed, no word on how it is paid
    for seen, refusal in (
        ({"principal_fen": 0, "gift_fen": 0, "points": 0, "coupons": 0}, (409, "member.has_balance")),
        ({"principal_fen": 9999}, (409, "member.changed_since_seen")),
        ({"coupons": 2}, (409, "member.changed_since_seen")),
        ({"way": ""}, (422, "member.bad_payout_way")),
    ):
        refused = await leave(shop, member, **seen)
        assert refused.refusal == refusal
    assert (await leave(shop, member, points=1)).json()["params"] == {
        "principal": "100.00",
        "gift": "10.00",
        "points": 25,
        "coupons": 1,
    }
    assert await rows(shop) == before

    # when
    left = await leave(shop, member)

    # then
    assert left.status == 200, left.text
    assert await transfers(shop, member, "payout") == [("cny_principal", -10000, "cash_out")]
    assert await transfers(shop, member, "forfeited") == [
        ("cny_gift", -1000, "forfeited"),
        ("growth", -2500, "forfeited"),
        ("points", -25, "forfeited"),
    ]
    assert set((await shop.balances(member)).values()) == {0}
    [voided] = (await shop.staff.get(f"/api/console/coupons/members/{member}")).json()["items"]
    assert (voided["state"], voided["reason"]) == ("void", "member_left")
    [fact] = await shop.world.facts("member.left")
    assert {name: fact[name] for name in ("principal_fen", "gift_fen", "points", "coupons", "way", "note")} == {
        "principal_fen": 10000,
        "gift_fen": 1000,
        "points": 25,
        "coupons": 1,
        "way": "cash",
        "note": "收银台现金",
    }
    assert "member.left" in await timeline(shop, member)
    assert await shop.invariants() == {}

    # then: no card, no page, no second time
    assert (await shop.buy(member, "T-2", 100)).refusal == (409, "member.not_active")
    assert (await centre.get("/api/member/me")).json()["member"] is None
    assert (await leave(shop, member)).refusal == (409, "state.wrong")


async def test_points_that_are_not_ripe_are_shown_and_end_too(shop: Shop) -> None:
    await rules(shop, points_ripen_days=7)
    member = await shop.member()
    assert (await shop.buy(member, "T-1", 2500)).status == 201
    shown = (await life(shop, member))["owned"]
    assert (shown["points"], shown["pending_points"]) == (25, 25)
    assert (await leave(shop, member, way="")).status == 200
    assert set((await shop.balances(member)).values()) == {0}
    assert await shop.invariants() == {}


async def test_open_business_comes_first(world: object) -> None:
    # given: a withdrawal that waits, an order that is paid but not sent
    mall = await open_mall(world)
    shop = mall.shop
    member = await shop.member()
    assert (await shop.recharge(member, "R-1", 10000)).status == 201
    centre = await shop.centre(member)
    asked = await centre.request(
        "POST",
        "/api/member/mall/withdrawals",
        {"amount_fen": 1000, "way": "cash"},
        headers={"Idempotency-Key": "w-1"},
    )
    order = await paid_order(mall, centre)
    before = await rows(shop)

    # then
    shown = (await life(shop, member))["owned"]
    assert (shown["principal_fen"], shown["held_fen"], shown["open_things"]) == (10000, 1000, 2)
    refused = await leave(shop, member)
    assert (refused.refusal, refused.json()["params"]) == ((409, "member.open_business"), {"count": 2})
    assert await rows(shop) == before

    # when: both have ended
    assert (
        await shop.staff.post(f"/api/console/mall/withdrawals/{asked.json()['id']}/pay", {"paid_ref": ""})
    ).status == 204
    assert (await mall.ship(order)).status == 201
    assert (await centre.post(f"/api/member/mall/orders/{order}/receive", {})).status == 204

    # then
    assert (await leave(shop, member)).status == 200
    assert await transfers(shop, member, "payout") == [("cny_principal", -9000, "cash_out")]

    # then: the open page is a stranger's
    again = await centre.request(
        "POST",
        "/api/member/mall/withdrawals",
        {"amount_fen": 1000, "way": "cash"},
        headers={"Idempotency-Key": "w-2"},
    )
    assert again.refusal == (403, "member.join_first")


async def paid_order(mall: Mall, centre: Client) -> str:
    return await mall.paid(centre, await mall.product())


async def test_a_refund_after_leaving_waits_to_be_paid_out(shop: Shop) -> None:
    # given: a purchase paid from stored value, and its member is gone
    member = await rich(shop)
    assert (await shop.buy(member, "T-2", 4400, balance_fen=4400)).status == 201
    assert (await leave(shop, member)).status == 200

    # when
    assert (await shop.refund("F-1", "T-2", 2200)).status == 201

    # then: principal and gift as they had paid; nobody can spend it, and nobody can erase the member over it
    assert {k: v for k, v in (await shop.balances(member)).items() if v} == {"cny_principal": 2000, "cny_gift": 200}
    assert (await shop.buy(member, "T-3", 100, balance_fen=100)).refusal == (409, "member.not_active")
    erased = await shop.staff.post(f"{MEMBERS}/{member}/erase", {"card_no": await shop.card_no(member)})
    assert erased.refusal == (409, "member.pay_out_first")
    assert await shop.invariants() == {}

    # when: paid out in the same way
    assert (await leave(shop, member)).status == 200
    assert set((await shop.balances(member)).values()) == {0}
    assert [fact["principal_fen"] for fact in await shop.world.facts("member.left")] == [6000, 2000]
    assert await shop.invariants() == {}


async def test_no_message_goes_to_one_who_has_left(shop: Shop) -> None:
    # given: a message that is written and not sent
    await shop.enable("consumption", "sms")
    member = await shop.member()
    assert (await shop.buy(member, "T-1", 2500)).status == 201
    async with shop.db.read(shop.tenant) as tx:
        assert await ledger.balances(tx, [member])
    await written(shop)

    # when
    assert (await leave(shop, member)).status == 200
    await shop.settle()

    # then
    assert await shop.texts(member) == []
    [delivery] = await shop.deliveries()
    assert (delivery["state"], delivery["reason"]) == ("failed", "member.gone")


async def written(shop: Shop) -> None:
    """Run the jobs that decide about facts, and none that sends."""
    from huida.kernel.facts import SHARDS

    while not await shop.deliveries():
        assert await shop.world.worker.turn(range(SHARDS), shop.tenant, only_tenant=shop.tenant)


async def test_the_same_phone_is_the_same_record_again(shop: Shop) -> None:
    # given
    member = await rich(shop)
    card = await shop.card_no(member)
    assert (await leave(shop, member)).status == 200

    # when: at the counter, with another card
    again = await shop.staff.post(MEMBERS, {"phone": "13800000001", "name": "林小曼", "card_no": "88880001"})

    # then: one record with its history, nothing of what was forfeited, and the old card stays shut
    assert (again.status, again.json()["id"]) == (201, str(member))
    one = (await shop.staff.get(f"{MEMBERS}/{member}")).json()
    assert (one["state"], one["card_no"], one["name"], one["level"]) == ("active", "88880001", "林小曼", "normal")
    assert (await shop.buy(member, "T-9", 2500)).json()["points_after"] == 25
    refused = await shop.key.post(
        "/api/v1/purchases", {"store": "S01", "till_no": "T-8", "card_no": card, "total_fen": 1}
    )
    assert refused.refusal == (409, "member.card_replaced")
    assert [fact["channel"] for fact in await shop.world.facts("member.returned")] == ["console"]
    assert await shop.invariants() == {}


async def test_the_same_wechat_account_is_the_same_record_again(shop: Shop) -> None:
    # given
    member = await rich(shop)
    assert (await leave(shop, member)).status == 200
    centre = await shop.centre(member)
    assert (await centre.get("/api/member/me")).json()["member"] is None

    # when: the phone's button in the mini program
    code = await shop.sim.post("/_sim/phone-code", {"person": "linxiaoman", "app": seed.MINI_APPID})
    given = await centre.post("/api/member/phone", {"code": code.json()["code"]})

    # then
    assert given.status == 200, given.text
    assert (given.json()["member"]["id"], given.json()["member"]["state"]) == (str(member), "active")
    assert (await shop.buy(member, "T-9", 2500)).status == 201


async def test_staff_take_one_who_left_back(shop: Shop) -> None:
    member = await make.member(shop.db, shop.tenant)
    assert (await leave(shop, member)).status == 200
    assert (await shop.staff.post(f"{MEMBERS}/{member}/unfreeze", {})).status == 204
    assert (await life(shop, member))["left_at"] is None
    assert (await shop.buy(member, "T-1", 2500)).status == 201

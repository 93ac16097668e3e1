"""Two records of one person become one: ledger, coupons, accounts, messages and both cards follow (G-25)."""

import pytest

from tests import make
from tests.asgi import Client
from tests.lives import MEMBERS, coupon, leave, life, merge, rows, rules, timeline, transfers, two_records
from tests.shop import Shop, whole_rules


@pytest.mark.covers("G-25")
async def test_everything_that_one_record_has_becomes_the_others(shop: Shop) -> None:
    # given
    first, second = await two_records(shop)
    openid = shop.openid(second)
    own_card, other_card = await shop.card_no(first), await shop.card_no(second)
    bought = await rows(shop, "purchases", "recharges", "coupons")

    # when: what will be, and that it is
    shown = (await shop.staff.get(f"{MEMBERS}/{first}/merge/{second}")).json()
    merge_id = await merge(shop, first, second)

    # then: the preview told the truth
    named = ("card_no", "points", "balance_fen", "growth", "coupons", "purchases", "accounts")
    assert [shown["stays"][name] for name in named] == [own_card, 60, 11000, 60, 1, 1, 1]
    assert [shown["goes"][name] for name in named] == [other_card, 80, 5000, 80, 1, 1, 1]

    # then: balances moved by transfers whose sum is zero, and the level is read anew
    have = {"points": 140, "growth": 14000, "cny_principal": 15000, "cny_gift": 1000}
    assert await shop.balances(first) == have
    assert set((await shop.balances(second)).values()) == {0}
    assert await transfers(shop, first, "merged") == [
        ("cny_principal", 5000, "merged"),
        ("growth", 8000, "merged"),
        ("points", 80, "merged"),
    ]
    assert await transfers(shop, second, "merged") == [
        ("cny_principal", -5000, "merged"),
        ("growth", -8000, "merged"),
        ("points", -80, "merged"),
    ]
    assert (await shop.staff.get(f"{MEMBERS}/{first}")).json()["level"] == "gold"

    # then: purchases, recharges, coupons, WeChat accounts
    now = await rows(shop, "purchases", "recharges", "coupons")
    assert {table: [(row[0], *row[2:]) for row in was] for table, was in bought.items()} == {
        table: [(row[0], *row[2:]) for row in found] for table, found in now.items()
    }
    assert {row[1] for found in now.values() for row in found} == {first}
    accounts = (await shop.staff.get(f"{MEMBERS}/{first}")).json()["identities"]
    assert {one["openid"] for one in accounts} == {shop.openid(first), openid}

    # then: the page and the timeline tell it, and nothing is broken
    [told] = (await life(shop, first))["merged"]
    assert (told["merge_id"], told["member_id"], told["card_no"], told["undone_at"]) == (
        merge_id,
        str(second),
        other_card,
        None,
    )
    gone = await life(shop, second)
    assert (gone["state"], gone["merged_into"]["id"], gone["merged_into"]["card_no"]) == (
        "merged",
        str(first),
        own_card,
    )
    [fact] = await shop.world.facts("member.merged")
    assert (fact["points"], fact["balance_fen"], fact["coupons"], fact["purchases"]) == (80, 5000, 1, 1)
    kinds = await timeline(shop, first)
    assert (kinds.count("order.purchase_recorded"), kinds[-2:]) == (2, ["member.merged", "member.level_changed"])
    fed = (await shop.key.get(f"/api/v1/members/{second}")).json()
    assert (fed["state"], fed["merged_into"]) == ("merged", str(first))
    listed = (await shop.staff.get(MEMBERS)).json()["items"]
    assert [one["id"] for one in listed] == [str(first)]
    assert await shop.invariants() == {}


@pytest.mark.covers("G-25")
async def test_both_cards_phones_sessions_and_codes_are_the_survivors(shop: Shop) -> None:
    # given: a page of the second record that is open, and a spend code that is shown
    first, second = await two_records(shop)
    other_card = await shop.card_no(second)
    centre = await shop.centre(second)
    code = (await centre.post("/api/member/spend-codes", {})).json()["code"]
    await merge(shop, first, second)

    # then: the plastic card of the second record buys, from the value of both
    spent = await shop.key.post(
        "/api/v1/purchases",
        {"store": "S01", "till_no": "T-9", "card_no": other_card, "total_fen": 15500, "balance_fen": 15500},
    )
    assert (spent.status, spent.json()["points_after"], spent.json()["balance_after_fen"]) == (201, 140 + 155, 500)
    repeated = await shop.key.post(
        "/api/v1/purchases", {"store": "S01", "till_no": "T-B", "card_no": other_card, "total_fen": 8000}
    )
    assert (repeated.status, repeated.json()["status"]) == (200, "repeated")

    # then: the phone, the WeChat account, the open page, the code on its screen
    for by, value in (("phone", "13800000002"), ("card_no", other_card), ("openid", shop.openid(second))):
        [found] = (await shop.key.get("/api/v1/members", **{by: value})).json()["items"]
        assert found["id"] == str(first), by
    assert (await centre.get("/api/member/me")).json()["member"]["id"] == str(first)
    used = await shop.key.post(f"/api/v1/spend-codes/{code}/use", {"store": "S01", "till_no": "T-10"})
    assert used.json()["member_id"] == str(first), used.text

    # then: nobody else gets the second card or phone
    for taken in ({"card_no": other_card, "name": "别人"}, {"phone": "13800000002", "name": "别人"}):
        assert (await shop.staff.post(MEMBERS, taken)).status == 409
    assert await shop.invariants() == {}


async def test_what_was_still_to_be_told_reaches_the_survivor(shop: Shop) -> None:
    # given: the second record's purchase is not told yet
    await shop.enable("consumption", "sms")
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    assert (await shop.buy(second, "T-1")).status == 201

    # when
    await merge(shop, first, second)
    await shop.settle()

    # then: one message, to the phone of the member who stays
    assert len(await shop.texts(first)) == 1
    assert await shop.texts(second) == []
    bought = (await shop.staff.get("/api/console/orders/purchases")).json()["items"][0]
    trace = (await shop.key.get(f"/api/v1/messages/trace/{bought['id']}")).json()
    assert [step["decision"] for step in trace["steps"]][:1] == ["delivered"]
    [delivery] = await shop.deliveries()
    assert (delivery["member_id"], delivery["state"]) == (str(first), "delivered")


async def test_gaps_are_filled_from_the_record_that_goes(shop: Shop) -> None:
    # given: a card without name and phone
    bare = await make.member(shop.db, shop.tenant, name="", phone=None)
    full = await make.member(shop.db, shop.tenant, name="林小满", phone="13800000001")
    changed = await shop.staff.patch(f"{MEMBERS}/{full}", {"birthday": "1990-05-04", "note": "老顾客"})
    assert changed.status == 204

    # when
    await merge(shop, bare, full)

    # then
    one = (await shop.staff.get(f"{MEMBERS}/{bare}")).json()
    assert [one[name] for name in ("name", "phone", "birthday", "note")] == [
        "林小满",
        "13800000001",
        "1990-05-04",
        "老顾客",
    ]


async def test_a_survivor_can_take_the_phone_of_the_other_record(shop: Shop) -> None:
    first = await make.member(shop.db, shop.tenant, phone="13800000001")
    second = await make.member(shop.db, shop.tenant, phone="13800000002")
    await merge(shop, first, second)
    assert (await shop.staff.patch(f"{MEMBERS}/{first}", {"phone": "13800000002"})).status == 204
    [found] = (await shop.key.get("/api/v1/members", phone="13800000002")).json()["items"]
    assert found["id"] == str(first)
    assert (await shop.key.get("/api/v1/members", phone="13800000001")).json()["items"] == []


async def test_records_that_cannot_be_merged_are_refused_and_nothing_moves(shop: Shop, other: Client) -> None:
    # given
    first, second = await two_records(shop)
    frozen, left = await make.member(shop.db, shop.tenant), await make.member(shop.db, shop.tenant)
    assert (await shop.staff.post(f"{MEMBERS}/{frozen}/freeze", {})).status == 204
    assert (await leave(shop, left)).status == 200
    foreign = (await other.post(MEMBERS, {"name": "别家的"})).json()["id"]
    before = await rows(shop)

    # then
    for goes, refusal in (
        (first, (422, "member.same_record")),
        (frozen, (409, "member.not_active")),
        (left, (409, "member.not_active")),
        (foreign, (404, "member.not_found")),
    ):
        assert (await shop.staff.post(f"{MEMBERS}/{first}/merge", {"goes": str(goes)})).refusal == refusal
        assert (await shop.staff.get(f"{MEMBERS}/{first}/merge/{goes}")).refusal == refusal
        back = await shop.staff.post(f"{MEMBERS}/{goes}/merge", {"goes": str(first)})
        assert back.refusal == refusal
    assert (await other.post(f"{MEMBERS}/{foreign}/merge", {"goes": str(second)})).refusal == (404, "member.not_found")
    assert await rows(shop) == before

    # then: a merged record is nobody to merge, change or correct
    await merge(shop, first, second)
    before = await rows(shop)
    assert (await shop.staff.post(f"{MEMBERS}/{first}/merge", {"goes": str(second)})).refusal == (
        409,
        "member.not_active",
    )
    assert (await shop.staff.patch(f"{MEMBERS}/{second}", {"name": "新名"})).refusal == (409, "member.not_active")
    assert (await shop.staff.post(f"{MEMBERS}/{second}/freeze", {})).refusal == (409, "state.wrong")
    adjust = {"points": 5, "balance_fen": 0, "note": "补", "key": "0190a000-0000-7000-8000-000000000001"}
    assert (await shop.staff.post(f"/api/console/loyalty/members/{second}/adjust", adjust)).refusal == (
        409,
        "member.not_active",
    )
    assert await rows(shop) == before


async def test_levels_are_read_of_people_only(shop: Shop) -> None:
    """Records that were merged or erased are nobody's: new rules move them to no level and tell of none (B-07, B-31)."""

    def levels(first: str, second: str) -> list[dict[str, object]]:
        return [{"code": first, "name": "甲"}, {"code": second, "name": "乙", "growth": 100}]

    first, second = await two_records(shop)
    gone = await make.member(shop.db, shop.tenant)
    await rules(shop, levels=levels("base", "top"))
    await shop.settle()
    await merge(shop, first, second)
    assert (await leave(shop, gone)).status == 200
    erased = await shop.staff.post(f"{MEMBERS}/{gone}/erase", {"card_no": await shop.card_no(gone)})
    assert erased.status == 204
    told = len(await shop.world.facts("member.level_changed"))

    # when
    new = whole_rules(levels=levels("low", "high"))["levels"]
    preview = await shop.staff.post("/api/console/loyalty/rules/preview", {"levels": new})
    await rules(shop, levels=levels("low", "high"))
    await shop.settle()

    # then
    assert preview.json() == {"moved": 1}
    facts = (await shop.world.facts("member.level_changed"))[told:]
    assert [(one["before"], one["after"]) for one in facts] == [("top", "high")]
    level_of = {row[0]: row[8] for row in (await rows(shop, "members"))["members"]}
    assert level_of == {first: "high", second: "base", gone: "base"}
    assert await shop.invariants() == {}


async def test_lots_move_with_all_they_say(shop: Shop) -> None:
    # given: points that expire
    await rules(shop, points_expire_months=12)
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    assert (await shop.buy(first, "T-A", 3000)).status == 201
    assert (await shop.buy(second, "T-B", 5000)).status == 201
    before = await rows(shop, "ledger_lots")

    # when
    await merge(shop, first, second)

    # then
    after = await rows(shop, "ledger_lots")
    assert [row[1:] for row in sorted(after["ledger_lots"], key=lambda row: row[1:])] == [
        row[1:] for row in sorted(before["ledger_lots"], key=lambda row: row[1:])
    ]
    assert {row[0] for row in after["ledger_lots"]} == {first}
    # and a refund of the second record's purchase takes from its own lot
    assert (await shop.refund("F-1", "T-B", 5000)).status == 201
    assert (await shop.balances(first))["points"] == 30
    assert [(row[4], row[5]) for row in (await rows(shop, "ledger_lots"))["ledger_lots"] if row[4]] == [(30, 30)]
    assert await shop.invariants() == {}


async def test_a_third_record_follows_through_the_second(shop: Shop) -> None:
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    third = await make.member(shop.db, shop.tenant, phone="13800000009")
    card = await shop.card_no(third)
    await merge(shop, second, third)
    await merge(shop, first, second)
    assert (
        await shop.key.post("/api/v1/purchases", {"store": "S01", "till_no": "T-1", "card_no": card, "total_fen": 900})
    ).status == 201
    assert (await shop.balances(first))["points"] == 9
    assert await coupon(shop, first)
    assert await shop.invariants() == {}

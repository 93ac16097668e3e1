"""A merge is taken apart within a day: what moved goes back, what came since stays, and when that cannot be exact nothing moves."""

from uuid import UUID

import pytest

from huida.modules import loyalty
from huida.modules.loyalty import lots
from tests import make
from tests.books.kit import run
from tests.lives import MEMBERS, coupon, later, leave, merge, rows, rules, timeline, two_records, undo
from tests.mallshop import Mall, open_mall
from tests.shop import Shop


@pytest.mark.covers("G-25")
async def test_two_records_are_apart_again_as_they_were(shop: Shop) -> None:
    # given: records with lots, coupons, accounts, messages
    await shop.enable("consumption", "sms")
    first, second = await two_records(shop)
    before = await rows(shop)
    assert len(before["deliveries"]) == 2

    # when
    merge_id = await merge(shop, first, second)
    assert {row[3] for row in (await rows(shop, "deliveries"))["deliveries"]} == {first}
    undone = await undo(shop, first, merge_id)

    # then: every row is as it was
    assert undone.status == 204, undone.text
    assert await rows(shop) == before
    assert await shop.invariants() == {}
    assert (await timeline(shop, first))[-2:] == ["member.merge_undone", "member.level_changed"]
    assert "member.merged" not in await timeline(shop, second)
    [fact] = await shop.world.facts("member.merge_undone")
    assert (fact["points"], fact["balance_fen"]) == (80, 5000)

    # then: once only, and the two may become one again
    assert (await undo(shop, first, merge_id)).refusal == (409, "member.merge_undone")
    await merge(shop, second, first)
    assert (await shop.balances(second))["points"] == 140


async def test_what_came_since_stays_with_the_survivor(shop: Shop) -> None:
    # given: since the merge a purchase from stored value, on the card of the second record, and one of its coupons used
    await rules(shop, points_expire_months=12)
    first, second = await two_records(shop)
    held = (await shop.staff.get(f"/api/console/coupons/members/{second}")).json()["items"]
    card = await shop.card_no(second)
    merge_id = await merge(shop, first, second)
    row = {"store": "S01", "till_no": "T-9", "card_no": card, "total_fen": 4000, "balance_fen": 4000}
    assert (await shop.key.post("/api/v1/purchases", row)).status == 201
    used = await shop.key.post(f"/api/v1/coupons/{held[0]['code']}/redeem", {"store": "S01", "order_ref": "T-9"})
    assert used.status == 200, used.text

    # when
    assert (await undo(shop, first, merge_id)).status == 204

    # then: the second has what it had, the first paid from its own and keeps what it earned
    now = {"points": 80, "growth": 8000, "cny_principal": 5000}
    assert {k: v for k, v in (await shop.balances(second)).items() if v} == now
    kept = {"points": 60 + 40, "growth": 10000, "cny_principal": 10000 - 3750, "cny_gift": 1000 - 250}
    assert await shop.balances(first) == kept
    bought = {row[0]: row[1] for row in (await rows(shop, "purchases"))["purchases"]}
    assert sorted(str(owner) for owner in bought.values()) == sorted([str(first), str(first), str(second)])
    [back] = (await shop.staff.get(f"/api/console/coupons/members/{second}")).json()["items"]
    assert (back["code"], back["state"]) == (held[0]["code"], "used")
    assert await shop.invariants() == {}


async def test_points_that_were_spent_were_the_survivors_own(shop: Shop) -> None:
    # given: the second record's points expire first, so spending eats them
    await rules(shop, points_expire_months=1)
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    assert (await shop.buy(second, "T-B", 5000)).status == 201
    await rules(shop, points_expire_months=12)
    assert (await shop.buy(first, "T-A", 10000)).status == 201
    before = (await rows(shop, "ledger_lots"))["ledger_lots"]
    merge_id = await merge(shop, first, second)
    spend = {"points": -30, "balance_fen": 0, "note": "换礼品", "key": "0190a000-0000-7000-8000-000000000002"}
    assert (await shop.staff.post(f"/api/console/loyalty/members/{first}/adjust", spend)).status == 200
    assert sorted(row[4] for row in (await rows(shop, "ledger_lots"))["ledger_lots"]) == [20, 100]

    # when
    assert (await undo(shop, first, merge_id)).status == 204

    # then
    assert (await shop.balances(first))["points"] == 70
    assert (await shop.balances(second))["points"] == 50
    kept = {row[0]: row[4] for row in (await rows(shop, "ledger_lots"))["ledger_lots"]}
    assert kept == {first: 70, second: 50}
    assert {row[:4] for row in (await rows(shop, "ledger_lots"))["ledger_lots"]} == {row[:4] for row in before}
    assert await shop.invariants() == {}


async def test_value_that_is_gone_cannot_go_back(shop: Shop) -> None:
    first, second = await two_records(shop)
    merge_id = await merge(shop, first, second)
    assert (await shop.buy(first, "T-9", 12000, balance_fen=12000)).status == 201
    before = await rows(shop)
    refused = await undo(shop, first, merge_id)
    assert refused.refusal == (409, "member.merge_spent")
    assert (refused.json()["params"]["needed"], refused.json()["params"]["available"]) == (5000, 3750)
    assert await rows(shop) == before


async def test_a_refund_of_what_moved_shuts_the_way_back(shop: Shop) -> None:
    first, second = await two_records(shop)
    merge_id = await merge(shop, first, second)
    assert (await shop.refund("F-1", "T-A", 1000)).status == 201  # the survivor's own does not
    assert (await shop.refund("F-2", "T-B", 1000)).status == 201
    before = await rows(shop)
    assert (await undo(shop, first, merge_id)).refusal == (409, "member.merge_taken_back")
    assert await rows(shop) == before


async def test_a_day_later_it_stays_as_it_is(shop: Shop) -> None:
    first, second = await two_records(shop)
    merge_id = await merge(shop, first, second)
    await later(shop, hours=23, minutes=59)
    other = await make.member(shop.db, shop.tenant)
    again = await merge(shop, first, other)
    assert (await undo(shop, first, again)).status == 204
    await later(shop, minutes=2)
    before = await rows(shop)
    assert (await undo(shop, first, merge_id)).refusal == (409, "member.merge_too_old")
    assert await rows(shop) == before
    assert (await undo(shop, second, merge_id)).refusal == (404, "member.merge_not_found")


async def test_records_are_taken_apart_in_the_order_backwards(shop: Shop) -> None:
    # given: the third in the second, the second in the first
    first, second = await two_records(shop)
    third = await make.member(shop.db, shop.tenant, phone="13800000009")
    card = await shop.card_no(third)
    before = await rows(shop)
    inner = await merge(shop, second, third)
    outer = await merge(shop, first, second)

    # then
    assert (await undo(shop, second, inner)).refusal == (409, "member.merged_again")
    assert (await undo(shop, first, outer)).status == 204
    [found] = (await shop.key.get("/api/v1/members", card_no=card)).json()["items"]
    assert found["id"] == str(second)
    assert (await undo(shop, second, inner)).status == 204
    assert await rows(shop) == before
    assert await shop.invariants() == {}


async def test_one_who_left_since_is_not_taken_apart(shop: Shop) -> None:
    first, second = await two_records(shop)
    merge_id = await merge(shop, first, second)
    assert (await leave(shop, first)).status == 200
    assert (await undo(shop, first, merge_id)).refusal == (409, "member.not_active")


async def test_one_who_was_erased_since_is_not_taken_apart(shop: Shop) -> None:
    # given: the receipt is erased too
    first, second = await two_records(shop)
    merge_id = await merge(shop, first, second)
    assert (await leave(shop, first)).status == 200
    body = {"card_no": await shop.card_no(first)}
    assert (await shop.staff.post(f"{MEMBERS}/{first}/erase", body)).status == 204
    before = await rows(shop)
    assert (await undo(shop, first, merge_id)).refusal == (409, "member.not_active")
    assert await rows(shop) == before


async def card_and_person(shop: Shop) -> tuple[UUID, UUID]:
    """A card without name and phone, and a record with both."""
    bare = await make.member(shop.db, shop.tenant, name="", phone=None)
    full = await make.member(shop.db, shop.tenant, name="林小满", phone="13800000001")
    assert (await shop.staff.patch(f"{MEMBERS}/{full}", {"birthday": "1990-05-04", "note": "老顾客"})).status == 204
    return bare, full


async def said_of(shop: Shop, member_id: UUID) -> list[str | None]:
    one = (await shop.staff.get(f"{MEMBERS}/{member_id}")).json()
    return [one[name] for name in ("name", "phone", "birthday", "note")]


async def test_what_was_entered_since_is_not_given_away(shop: Shop) -> None:
    # given: gaps that the other record filled, and its phone; since then most of it was entered anew
    bare, full = await card_and_person(shop)
    merge_id = await merge(shop, bare, full)
    since = {"name": "林大满", "phone": "13800000003", "note": "新备注"}
    assert (await shop.staff.patch(f"{MEMBERS}/{bare}", since)).status == 204

    # when
    assert (await undo(shop, bare, merge_id)).status == 204

    # then
    assert await said_of(shop, bare) == ["林大满", "13800000003", None, "新备注"]
    assert await said_of(shop, full) == ["林小满", None, "1990-05-04", "老顾客"]
    [found] = (await shop.key.get("/api/v1/members", phone="13800000003")).json()["items"]
    assert found["id"] == str(bare)
    async with shop.db.read(shop.tenant) as tx:
        receipt = await tx.value("SELECT receipt::text FROM member_merges WHERE tenant_id = $1", shop.tenant)
    assert receipt == "{}", "it names accounts and the phone of the other record"


@pytest.mark.parametrize("version", ["this", "before"])
async def test_gaps_are_gaps_again_and_the_phone_goes_back(shop: Shop, version: str) -> None:
    bare, full = await card_and_person(shop)
    before = await rows(shop)
    merge_id = await merge(shop, bare, full)
    if version == "before":
        async with shop.db.tx(shop.tenant) as tx:
            await tx.execute(
                "UPDATE member_merges SET receipt = receipt #- '{members,phone_hash}' WHERE tenant_id = $1", shop.tenant
            )
    assert await said_of(shop, bare) == ["林小满", "13800000001", "1990-05-04", "老顾客"]
    assert (await undo(shop, bare, merge_id)).status == 204
    assert await rows(shop) == before


async def test_what_was_told_of_points_is_not_told_again(shop: Shop) -> None:
    # given: both were told that their points expire soon
    await rules(shop, points_expire_months=1, expiry_notice_days=90)
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    assert (await shop.buy(first, "T-A", 3000)).status == 201
    assert (await shop.buy(second, "T-B", 5000)).status == 201
    await run(shop, "loyalty.mornings")
    before = await rows(shop)
    assert sorted(fact["points"] for fact in await shop.world.facts("loyalty.points_expiring")) == [30, 50]
    assert all(row[-1] is not None for row in before["ledger_lots"])

    # when: merged, and taken apart
    merge_id = await merge(shop, first, second)
    assert all(row[-1] is not None for row in (await rows(shop, "ledger_lots"))["ledger_lots"])
    await run(shop, "loyalty.mornings")
    assert (await undo(shop, first, merge_id)).status == 204
    assert await rows(shop) == before
    await run(shop, "loyalty.mornings")

    # then
    assert len(await shop.world.facts("loyalty.points_expiring")) == 2


async def test_points_that_expired_or_ripened_since_are_given_back_as_that(shop: Shop) -> None:
    # given: the second record's points ripen in a day; the first's expire some day
    await rules(shop, points_expire_months=12, points_ripen_days=1)
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    assert (await shop.buy(first, "T-A", 3000)).status == 201
    assert (await shop.buy(second, "T-B", 5000)).status == 201
    async with shop.db.read(shop.tenant) as tx:
        ripe_at = await tx.value("SELECT max(expires_at) FROM ledger_lots WHERE tenant_id = $1", shop.tenant)
    await later(shop, seconds=(ripe_at - shop.world.clock.now()).total_seconds() - 3600)
    merge_id = await merge(shop, first, second)
    assert (await shop.balances(first))["points_pending"] == 80

    # when: they ripen within the day, as every night
    await later(shop, hours=2)
    async with shop.db.tx(shop.tenant) as tx:
        assert not await lots.ripen(tx, await loyalty.rules_of(tx))
    assert await shop.balances(first) == {"points": 80, "points_pending": 0, "growth": 8000}
    assert (await undo(shop, first, merge_id)).status == 204

    # then
    assert {k: v for k, v in (await shop.balances(second)).items() if v} == {"points": 50, "growth": 5000}
    assert {k: v for k, v in (await shop.balances(first)).items() if v} == {"points": 30, "growth": 3000}
    left = {(row[0], row[1]): row[4] for row in (await rows(shop, "ledger_lots"))["ledger_lots"] if row[4]}
    assert left == {(first, "points"): 30, (second, "points"): 50}
    assert await shop.invariants() == {}


async def test_a_withdrawal_goes_along_and_back(world: object) -> None:
    # given: the second record has asked for two withdrawals, with keys that the first has used too
    mall = await open_mall(world)
    shop = mall.shop
    first, second = await two_records(shop)
    asked = {member: [await withdraw(mall, member, key, 1000) for key in ("w-1", "w-2")] for member in (first, second)}
    before = await rows(shop)

    # when
    merge_id = await merge(shop, first, second)

    # then: held as before, with the survivor now
    async with shop.db.read(shop.tenant) as tx:
        held = await tx.fetch(
            "SELECT owner_id, held FROM ledger_accounts WHERE tenant_id = $1 AND held > 0", shop.tenant
        )
    assert [(row["owner_id"], row["held"]) for row in held] == [(first, 4000)]
    assert await shop.invariants() == {}

    # when: taken apart at once
    assert (await undo(shop, first, merge_id)).status == 204
    assert await rows(shop) == before

    # when: one of the second's is paid out while they are one
    merge_id = await merge(shop, first, second)
    paid = await shop.staff.post(f"/api/console/mall/withdrawals/{asked[second][0]}/pay", {"paid_ref": "现金"})
    assert paid.status == 204, paid.text
    assert (await undo(shop, first, merge_id)).status == 204
    assert (await shop.balances(first))["cny_principal"] == 10000
    assert (await shop.balances(second))["cny_principal"] == 4000
    assert await shop.invariants() == {}


async def withdraw(mall: Mall, member_id: UUID, key: str, amount_fen: int) -> str:
    centre = await mall.shop.centre(member_id)
    body = {"amount_fen": amount_fen, "way": "cash"}
    reply = await centre.request("POST", "/api/member/mall/withdrawals", body, headers={"Idempotency-Key": key})
    assert reply.status == 201, reply.text
    return str(reply.json()["id"])


async def test_the_doors_are_open_for_who_may_edit_only(shop: Shop) -> None:
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    staff = await make.logged_in(
        type(shop.staff)(shop.world.app), await make.staff(shop.db, shop.tenant, role="store_staff")
    )
    for path, body in (
        ("merge", {"goes": str(second)}),
        ("leave", {"principal_fen": 0, "gift_fen": 0, "points": 0, "coupons": 0}),
        ("erase", {"card_no": "1"}),
        ("card", {"lost": "1", "reason": "lost"}),
    ):
        assert (await staff.post(f"{MEMBERS}/{first}/{path}", body)).refusal == (403, "auth.forbidden"), path
    assert await coupon(shop, first)

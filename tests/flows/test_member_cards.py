"""A card that was lost or broken is replaced: the old number buys nothing, is nobody else's, and finds its member (G-25)."""

import pytest

from tests import make
from tests.asgi import Client, Reply
from tests.lives import MEMBERS, coupon, life, merge, rows, timeline
from tests.moving_kit import lines, moved_in
from tests.shop import Shop


async def replace(shop: Shop, member_id: object, lost: str, **more: object) -> Reply:
    return await shop.staff.post(f"{MEMBERS}/{member_id}/card", {"lost": lost, "reason": "lost"} | more)


@pytest.mark.covers("G-25")
async def test_the_old_card_is_refused_and_the_new_one_has_everything(shop: Shop) -> None:
    # given
    member = await shop.member()
    old = await shop.card_no(member)
    assert (await shop.recharge(member, "R-1", 10000)).status == 201
    await coupon(shop, member)

    # when
    replaced = await replace(shop, member, old, card_no="88880001")
    assert (replaced.status, replaced.json()) == (200, {"card_no": "88880001"})

    # then: at the till
    before = await rows(shop)
    purchase = {"store": "S01", "till_no": "T-1", "card_no": old, "total_fen": 2500, "balance_fen": 2500}
    template = (await shop.staff.get("/api/console/coupons/templates")).json()["items"][0]["id"]
    for refused in (
        await shop.key.post("/api/v1/purchases", purchase),
        await shop.key.post("/api/v1/recharges", {"store": "S01", "till_no": "R-2", "card_no": old, "paid_fen": 100}),
        await shop.key.post("/api/v1/coupons", {"template_id": template, "card_no": old, "key": "k"}),
        await shop.key.get("/api/v1/members", card_no=old),
        await shop.key.get(f"/api/v1/members/{old}/balances"),
    ):
        assert refused.refusal == (409, "member.card_replaced")
        assert "88880001" not in refused.text  # who found the card does not learn the new number
    assert await rows(shop) == before
    spent = await shop.key.post("/api/v1/purchases", purchase | {"card_no": "88880001"})
    assert (spent.status, spent.json()["balance_after_fen"]) == (201, 7500)

    # then: at the desk the old number finds the member, with the card that replaced it
    [found] = (await shop.staff.get(MEMBERS, q=old)).json()["items"]
    assert (found["id"], found["card_no"]) == (str(member), "88880001")
    [kept] = (await life(shop, member))["old_cards"]
    assert (kept["card_no"], kept["reason"]) == (old, "lost")
    assert (await timeline(shop, member)).count("member.card_replaced") == 1
    [fact] = await shop.world.facts("member.card_replaced")
    assert (fact["before"], fact["card_no"], fact["reason"]) == (old, "88880001", "lost")


async def test_nobody_else_ever_gets_an_old_number(shop: Shop) -> None:
    # given
    member, other = await shop.member(), await make.member(shop.db, shop.tenant)
    old = await shop.card_no(member)
    replaced = await replace(shop, member, old)
    number = replaced.json()["card_no"]
    assert (replaced.status, len(number), number.isdigit()) == (200, 10, True)
    before = await rows(shop)

    # then: not by adding, not by importing, not as another's new card, not as the member's own again
    assert (await shop.staff.post(MEMBERS, {"card_no": old, "name": "别人"})).refusal == (409, "member.card_taken")
    imported = await moved_in(shop.world, shop.staff, f"卡号,姓名\r\n{old},别人\r\n")
    [line] = await lines(shop.staff, imported["id"])
    assert (line["status"], line["error"]["code"]) == ("refused", "member.card_replaced")
    for someone in (other, member):
        again = await replace(shop, someone, await shop.card_no(someone), card_no=old)
        assert again.refusal == (409, "member.card_taken")
    taken = await replace(shop, member, number, card_no=await shop.card_no(other))
    assert taken.refusal == (409, "member.card_taken")
    assert await rows(shop) == before
    assert await shop.invariants() == {}


async def test_who_saw_an_older_number_replaces_nothing(shop: Shop) -> None:
    member = await shop.member()
    old = await shop.card_no(member)
    assert (await replace(shop, member, old, card_no="88880001")).status == 200
    before = await rows(shop)
    assert (await replace(shop, member, old, card_no="88880002")).refusal == (409, "member.not_this_card")
    for wrong, where in (({"card_no": "!"}, "card_no"), ({"reason": "stolen"}, "reason")):
        refused = await replace(shop, member, "88880001", **wrong)
        assert (refused.status, refused.json()["where"]) == (422, where)
    assert await rows(shop) == before


async def test_the_second_card_of_two_merged_records_can_be_lost_too(shop: Shop) -> None:
    # given
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    own, other = await shop.card_no(first), await shop.card_no(second)
    await merge(shop, first, second)

    # when
    assert (await replace(shop, first, other, card_no="88880002")).status == 200

    # then: the lost one is refused, its successor and the member's own card buy
    purchase = {"store": "S01", "total_fen": 1000}
    assert (await shop.key.post("/api/v1/purchases", purchase | {"till_no": "T-1", "card_no": other})).refusal == (
        409,
        "member.card_replaced",
    )
    for till_no, card_no in (("T-2", "88880002"), ("T-3", own)):
        assert (
            await shop.key.post("/api/v1/purchases", purchase | {"till_no": till_no, "card_no": card_no})
        ).status == 201
    assert (await shop.balances(first))["points"] == 20
    assert [one["card_no"] for one in (await life(shop, first))["old_cards"]] == [other]


async def test_a_till_replaces_a_card_once_for_each_key(shop: Shop) -> None:
    # given
    member = await shop.member()
    old = await shop.card_no(member)
    path, body = f"/api/v1/members/{member}/card", {"lost": old, "reason": "damaged"}

    # when: the answer was lost and the call is repeated
    answers = [await shop.key.request("POST", path, body, headers={"Idempotency-Key": "c-1"}) for _ in range(2)]

    # then
    assert [one.status for one in answers] == [200, 200]
    assert answers[0].json() == answers[1].json() == {"card_no": await shop.card_no(member)}
    assert len((await life(shop, member))["old_cards"]) == 1

    # then: a key without the scope may not
    reader = Client(
        shop.world.app, headers={"authorization": f"Bearer {await make.key(shop.db, shop.tenant, 'members.read')}"}
    )
    assert (await reader.post(path, body)).refusal == (403, "auth.forbidden")

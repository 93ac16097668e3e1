"""Coupons at the till: the store and the member are looked at, and one order takes what the shop has allowed (B-14, B-25)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.asgi import Reply
from tests.lives import leave
from tests.shop import Shop

CONSOLE, TILL = "/api/console/coupons", "/api/v1/coupons"
HALF = {
    "name": "满100减50",
    "kind": "cash",
    "total": 100,
    "amount_fen": 5_000,
    "threshold_fen": 10_000,
    "valid_days": 7,
}


async def template(shop: Shop, **terms: Any) -> str:
    made = await shop.staff.post(f"{CONSOLE}/templates", HALF | {"per_member": 9} | terms)
    assert made.status == 201, made.text
    assert (await shop.staff.post(f"{CONSOLE}/templates/{made.json()['id']}/on")).status == 204
    return str(made.json()["id"])


async def coupon(shop: Shop, member: UUID, template_id: str) -> str:
    body = {"template_id": template_id, "key": str(uuid4()), "card_no": await shop.card_no(member)}
    given = await shop.key.post(TILL, body)
    assert given.status == 201, given.text
    return str(given.json()["code"])


async def use(shop: Shop, code: str, order: str = "O1", *, store: str = "S01", fen: int | None = 10_000) -> Reply:
    return await shop.key.post(f"{TILL}/{code}/redeem", {"store": store, "order_ref": order, "order_fen": fen})


async def state(shop: Shop, code: str) -> str:
    return str((await shop.key.get(f"{TILL}/{code}")).json()["state"])


async def test_an_unknown_or_closed_store_uses_no_coupon_up(shop: Shop) -> None:
    member = await shop.member()
    kind = await template(shop, per_order=2)
    first, second = await coupon(shop, member, kind), await coupon(shop, member, kind)
    unknown = await use(shop, first, store="NOPE")
    assert (unknown.status, unknown.json()["code"], unknown.json()["where"]) == (404, "store.not_found", "store")
    assert (await use(shop, first)).json()["off_fen"] == 5_000
    store_id = (await shop.staff.get("/api/console/stores")).json()["items"][0]["id"]
    await shop.staff.post(f"/api/console/stores/{store_id}/close")
    assert (await use(shop, second)).json()["code"] == "store.not_found"
    assert await state(shop, second) == "issued"
    again = await use(shop, first)  # the call was recorded: it is answered
    assert (again.status, again.json()["off_fen"]) == (200, 5_000)
    console = await shop.staff.post(f"{CONSOLE}/codes/{second}/redeem", {"store": "NOPE"})
    assert (console.status, console.json()["code"]) == (404, "store.not_found")


async def test_a_frozen_member_uses_and_claims_no_coupons(shop: Shop) -> None:
    member = await shop.member()
    kind = await template(shop)
    used, other = await coupon(shop, member, kind), await coupon(shop, member, kind)
    centre = await shop.centre(member)
    await use(shop, used, "O1")
    assert (await shop.staff.post(f"/api/console/members/{member}/freeze", {"reason": "丢卡"})).status < 300
    refused = await use(shop, other, "O2")
    assert (refused.status, refused.json()["code"]) == (409, "member.not_active")
    by_hand = await shop.staff.post(f"{CONSOLE}/codes/{other}/redeem", {})
    assert (by_hand.status, by_hand.json()["code"]) == (409, "member.not_active")
    claimed = await centre.post(f"/api/member/coupons/offers/{kind}/claim")
    assert claimed.status in (401, 403, 409)
    assert (await use(shop, used, "O1")).json()["off_fen"] == 5_000
    assert await state(shop, other) == "issued"
    # what a refund or the shop does to it is no use of it
    assert (await shop.key.post(f"{TILL}/{used}/reopen")).status == 200
    assert (await shop.staff.post(f"{CONSOLE}/codes/{other}/void", {"reason": "作废"})).status == 200


async def test_the_last_second_of_a_coupon_is_a_whole_one(shop: Shop) -> None:
    member = await shop.member()
    kind = await template(shop)
    half, over = await coupon(shop, member, kind), await coupon(shop, member, kind)
    until = datetime.fromisoformat((await shop.key.get(f"{TILL}/{half}")).json()["valid_until"]).astimezone(UTC)
    shop.world.clock.advance(until + timedelta(milliseconds=500) - shop.world.clock.now())
    assert (await use(shop, half)).status == 200
    shop.world.clock.advance(until + timedelta(seconds=1) - shop.world.clock.now())
    late = await use(shop, over, "O2")
    assert (late.status, late.json()["code"]) == (409, "coupon.over")


async def test_one_of_a_kind_at_an_order(shop: Shop) -> None:
    """Two coupons "50 off 100" on one order of 100: the guest pays 50, not nothing."""
    member = await shop.member()
    kind = await template(shop)
    first, second = await coupon(shop, member, kind), await coupon(shop, member, kind)
    assert (await use(shop, first)).json()["off_fen"] == 5_000
    refused = await use(shop, second)
    assert (refused.status, refused.json()["code"]) == (409, "coupon.enough_of_it")
    assert await state(shop, second) == "issued"
    assert (await use(shop, second, "O2")).status == 200
    assert (await use(shop, first)).json()["off_fen"] == 5_000


async def test_as_many_as_the_shop_allows_and_never_more_than_the_order(shop: Shop) -> None:
    member = await shop.member()
    kind = await template(shop, threshold_fen=5_000, per_order=3)
    codes = [await coupon(shop, member, kind) for _ in range(4)]
    answers = [(await use(shop, code, fen=12_000)).json() for code in codes]
    assert [answer.get("off_fen") for answer in answers] == [5_000, 5_000, 2_000, None]
    assert answers[3]["code"] == "coupon.enough_of_it"


@pytest.mark.parametrize("alone_first", [True, False])
async def test_a_coupon_that_stands_alone(shop: Shop, alone_first: bool) -> None:
    member = await shop.member()
    alone = await coupon(shop, member, await template(shop, alone=True, name="单用"))
    other = await coupon(shop, member, await template(shop, name="普通"))
    order = [alone, other] if alone_first else [other, alone]
    assert (await use(shop, order[0])).status == 200
    refused = await use(shop, order[1])
    assert (refused.status, refused.json()["code"]) == (409, "coupon.stands_alone")
    assert await state(shop, order[1]) == "issued"
    storeless = await use(shop, order[1], store="")  # of any store's order with this number
    assert storeless.json()["code"] == "coupon.stands_alone"
    assert (await use(shop, order[1], "O2")).status == 200


async def test_two_coupons_at_once_do_not_miss_each_other(shop: Shop) -> None:
    member = await shop.member()
    kind = await template(shop)
    for number in range(4):
        pair = [await coupon(shop, member, kind), await coupon(shop, member, kind)]
        answers = await asyncio.gather(*(use(shop, code, f"R{number}") for code in pair))
        assert sorted(answer.status for answer in answers) == [200, 409]


async def test_a_whole_refund_gives_the_coupon_back_as_the_shop_has_set(shop: Shop) -> None:
    member = await shop.member()
    kind = await template(shop, per_order=2)
    for number, (reopens, after) in enumerate(((True, "issued"), (False, "used"))):
        now = (await shop.staff.get(f"{CONSOLE}/settings")).json()
        assert now["refund_reopens"] is True
        assert (await shop.staff.put(f"{CONSOLE}/settings", {"refund_reopens": reopens})).status == 204
        till_no = f"T{number}"
        code, elsewhere = await coupon(shop, member, kind), await coupon(shop, member, kind)
        await shop.buy(member, till_no, 5_000)
        await use(shop, code, till_no)
        await use(shop, elsewhere, f"{till_no}-other")
        await shop.refund(f"F{number}a", till_no, 4_999)
        assert await state(shop, code) == "used"
        await shop.refund(f"F{number}b", till_no, 1)
        assert (await state(shop, code), await state(shop, elsewhere)) == (after, "used")
    told = await shop.world.facts("coupon.reopened")
    assert len(told) == 1


@pytest.mark.parametrize(("field", "value"), [("per_order", 0), ("per_order", 101), ("per_order", None)])
async def test_terms_that_make_no_sense_are_refused(shop: Shop, field: str, value: Any) -> None:
    refused = await shop.staff.post(f"{CONSOLE}/templates", HALF | {field: value})
    assert (refused.status, refused.json()["where"]) == (422, field)
    assert (await shop.staff.get(f"{CONSOLE}/templates")).json()["items"] == []


async def test_what_was_promised_stays(shop: Shop) -> None:
    kind = await template(shop)
    for change in ({"alone": True}, {"per_order": 2}):
        refused = await shop.staff.patch(f"{CONSOLE}/templates/{kind}", change)
        assert (refused.status, refused.json()["code"]) == (409, "coupon.terms_fixed")


async def test_a_refund_elsewhere_gives_back_the_coupons_of_the_store_that_sold(shop: Shop) -> None:
    """The same number at two stores is two orders."""
    await shop.staff.post("/api/console/stores", {"code": "S02", "name": "二店"})
    member = await shop.member()
    kind = await template(shop)
    here, there, nowhere = [await coupon(shop, member, kind) for _ in range(3)]
    await shop.buy(member, "T1", 10_000)
    assert (await use(shop, here, "T1")).status == 200
    assert (await use(shop, there, "T1", store="S02")).status == 200
    back = {"store": "S02", "till_no": "F1", "purchase_store": "S01", "purchase_till_no": "T1", "amount_fen": 10_000}
    assert (await shop.key.post("/api/v1/refunds", back)).status == 201
    assert [await state(shop, code) for code in (here, there, nowhere)] == ["issued", "used", "issued"]
    assert (await shop.key.get(f"{TILL}/{here}")).json()["off_fen"] is None
    # a late repetition of the till's call takes nothing: the order is refunded
    late = await use(shop, here, "T1")
    assert (late.refusal, await state(shop, here)) == ((409, "coupon.order_is_back"), "issued")
    assert (await use(shop, here, "T2")).status == 200


async def test_numbers_of_orders_are_taken_as_the_tills_are(shop: Shop) -> None:
    member = await shop.member()
    kind = await template(shop)
    codes = [await coupon(shop, member, kind) for _ in range(2)]
    await shop.buy(member, " T1 ", 10_000)
    assert (await use(shop, codes[0], " T1\u3000")).json()["order_ref"] == "T1"
    assert (await use(shop, codes[1], "T1")).refusal == (409, "coupon.enough_of_it")
    for odd in ("T\n1", "T\u200b1"):
        assert (await use(shop, codes[1], odd)).status == 422
    await shop.refund("F1", "T1", 10_000)
    assert await state(shop, codes[0]) == "issued"


async def test_no_coupon_is_used_up_for_nothing(shop: Shop) -> None:
    member = await shop.member()
    kind = await template(shop, threshold_fen=0, per_order=3)
    codes = [await coupon(shop, member, kind) for _ in range(3)]
    assert [(await use(shop, code, fen=8_000)).json().get("off_fen") for code in codes[:2]] == [5_000, 3_000]
    assert (await use(shop, codes[2], fen=8_000)).refusal == (409, "coupon.nothing_left")
    assert (await use(shop, codes[2], "O2", fen=0)).refusal == (409, "coupon.nothing_left")
    assert await state(shop, codes[2]) == "issued"


async def test_who_left_gets_no_coupon_back(shop: Shop) -> None:
    member = await shop.member()
    code = await coupon(shop, member, await template(shop))
    await shop.buy(member, "T1", 10_000)
    await use(shop, code, "T1")
    assert (await leave(shop, member)).status == 200
    assert (await shop.refund("F1", "T1", 10_000)).status == 201
    assert (await shop.key.post(f"{TILL}/{code}/reopen")).refusal == (409, "member.not_active")
    assert await state(shop, code) == "used"
    assert await shop.invariants() == {}

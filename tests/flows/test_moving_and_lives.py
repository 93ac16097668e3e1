"""Files that name cards of merged, left and erased members, or cards that were replaced (B-23, B-24)."""

import re
from uuid import UUID

import pytest

from tests.asgi import Client
from tests.flows.verification_kit import codes_on
from tests.lives import MEMBERS, leave, merge, two_records, undo
from tests.moving_kit import counts, everybody, lines, moved_in
from tests.shop import Shop

HISTORY = "门店,小票号,卡号,金额,时间\n"


async def cards(shop: Shop, *people: UUID) -> list[str]:
    return [await shop.card_no(member) for member in people]


async def test_a_merged_card_takes_no_opening_and_its_old_purchases_are_the_survivors(shop: Shop) -> None:
    stays, goes = await two_records(shop)
    mine, theirs = await cards(shop, stays, goes)
    opening = f"卡号,积分,储值余额\n{mine},10,1.00\n{theirs},20,2.00\n"
    assert counts(await moved_in(shop.world, shop.staff, opening)) == (0, 2, 0, 0)
    merge_id = await merge(shop, stays, goes)
    before = await shop.balances(stays)
    again = await moved_in(shop.world, shop.staff, opening)
    assert counts(again) == (0, 0, 1, 1)
    [refused] = [line for line in await lines(shop.staff, again["id"]) if line["status"] == "refused"]
    assert (refused["error"]["code"], refused["error"]["where"]) == ("moving.merged", "card_no")
    assert await shop.balances(stays) == before
    past = await moved_in(
        shop.world, shop.staff, HISTORY + f"S01,OLD-1,{theirs},50,2020-05-01 12:00\n", kind="purchases"
    )
    assert counts(past) == (1, 0, 0, 0)
    assert (await shop.balances(stays))["growth"] == before["growth"] + 5_000
    twice = await moved_in(
        shop.world, shop.staff, HISTORY + f"S01,OLD-1,{theirs},50,2020-05-01 12:00\n", kind="purchases"
    )
    assert counts(twice) == (0, 0, 1, 0)
    assert (await undo(shop, stays, merge_id)).status < 300
    assert await shop.invariants() == {}


async def test_a_file_may_give_the_survivor_the_merged_records_phone(shop: Shop) -> None:
    stays, goes = await two_records(shop)
    mine, _ = await cards(shop, stays, goes)
    phone = (await shop.staff.get(f"{MEMBERS}/{goes}")).json()["phone"]
    await merge(shop, stays, goes)
    done = await moved_in(shop.world, shop.staff, f"卡号,手机号\n{mine},{phone}\n")
    assert counts(done) == (0, 1, 0, 0)
    assert (await everybody(shop.staff))[mine]["phone"] == phone
    sale = {"store": "S01", "till_no": "P-1", "phone": phone, "total_fen": 100}
    assert (await shop.key.post("/api/v1/purchases", sale)).status == 201


async def test_a_file_that_changes_a_phone_ends_what_the_old_phone_opened(shop: Shop) -> None:
    await codes_on(shop, "login")
    member = await shop.member("linxiaoman")
    body = {"m": shop.tenant, "scenario": "login", "phone": "13800000001", "device": "browser-1"}
    browser = Client(shop.world.app)
    assert (await browser.post("/api/member/codes", body)).status == 202
    await shop.settle()
    [code] = re.findall(r"验证码为([0-9]{6})", (await shop.texts(member))[-1]["text"])
    entered = await browser.post("/api/member/login/code", {"m": shop.tenant, "phone": "13800000001", "code": code})
    assert entered.status == 200, entered.text
    browser.headers["authorization"] = f"Bearer {entered.json()['token']}"
    [mine] = await cards(shop, member)
    assert counts(await moved_in(shop.world, shop.staff, f"卡号,姓名\n{mine},林满\n")) == (0, 1, 0, 0)
    assert (await browser.get("/api/member/me")).json()["member"]["id"] == str(member)
    assert counts(await moved_in(shop.world, shop.staff, f"卡号,手机号\n{mine},13800000088\n")) == (0, 1, 0, 0)
    assert (await browser.get("/api/member/me")).status == 401
    assert (await everybody(shop.staff))[mine]["phone"] == "13800000088"


@pytest.mark.parametrize("dress", [str, str.lower, str.upper])
async def test_a_card_that_was_replaced_is_given_to_nobody_in_any_case(shop: Shop, dress: type[str]) -> None:
    made = await shop.staff.post(MEMBERS, {"card_no": "Vip00001", "name": "林小满"})
    member = made.json()["id"]
    body = {"lost": "Vip00001", "card_no": "Vip00002", "reason": "lost"}
    replaced = await shop.staff.post(f"{MEMBERS}/{member}/card", body)
    assert replaced.status < 300, replaced.text
    number = dress("Vip00001")
    done = await moved_in(shop.world, shop.staff, f"卡号,姓名\n{number},别人\n")
    [refused] = await lines(shop.staff, done["id"])
    assert (refused["status"], refused["error"]["code"]) == ("refused", "member.card_replaced")
    sale = {"store": "S01", "till_no": "P-1", "card_no": number, "total_fen": 100}
    assert (await shop.key.post("/api/v1/purchases", sale)).refusal == (409, "member.card_replaced")
    for taken in ({"card_no": number, "name": "别人"},):
        assert (await shop.staff.post(MEMBERS, taken)).refusal == (409, "member.card_taken")
    assert set(await everybody(shop.staff)) == {"Vip00002"}


async def test_one_who_left_is_not_changed_by_a_file(shop: Shop) -> None:
    stays, _ = await two_records(shop)
    [mine] = await cards(shop, stays)
    assert (await leave(shop, stays)).status == 200
    for table, kind in (
        (f"卡号,姓名,积分\n{mine},又来了,5\n", "members"),
        (f"{HISTORY}S01,OLD-1,{mine},50,2020-05-01 12:00\n", "purchases"),
    ):
        done = await moved_in(shop.world, shop.staff, table, kind=kind)
        [refused] = await lines(shop.staff, done["id"])
        assert (refused["status"], refused["error"]["code"]) == ("refused", "member.not_active")
    assert (await shop.balances(stays)).get("points", 0) == 0
    assert await shop.invariants() == {}

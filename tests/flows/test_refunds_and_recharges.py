"""The families of triggers: spending, recharging, any change of points, any change of stored value; balances exact."""

from uuid import uuid4

import pytest

from tests.shop import Shop, whole_rules


async def rules(shop: Shop, **more: object) -> None:
    saved = await shop.staff.put("/api/console/loyalty/rules", whole_rules(**more))
    assert saved.status == 200, saved.text


async def titles(shop: Shop) -> list[tuple[str, str]]:
    return [(d["scenario"], d["state"]) for d in reversed(await shop.deliveries())]


@pytest.mark.covers("S1-02", "S1-04", "S1-05")
async def test_a_purchase_from_stored_value_moves_both_and_is_told(shop: Shop) -> None:
    await shop.enable("stored_value_consumption", "sms")
    await shop.enable("consumption", "sms")
    member = await shop.member()
    await shop.recharge(member, "R-1", 10000)
    bought = await shop.buy(member, "T-1", 2500, balance_fen=2500)
    assert (bought.json()["points"], bought.json()["points_after"], bought.json()["balance_after_fen"]) == (
        25,
        25,
        7500,
    )
    assert await shop.balances(member) == {"cny_principal": 7500, "points": 25}
    await shop.buy(member, "T-2", 1000)
    await shop.settle()
    assert await titles(shop) == [("stored_value_consumption", "delivered"), ("consumption", "delivered")]


@pytest.mark.covers("S1-03")
async def test_a_recharge_with_its_gift_is_told(shop: Shop) -> None:
    await rules(shop, gift_tiers=[{"from_fen": 10000, "gift_fen": 1000, "gift_points": 50}])
    template_id = await shop.enable("recharge")
    member = await shop.member()
    await shop.answer(member, template_id)
    paid = await shop.recharge(member, "R-1", 10000)
    assert paid.status == 201
    assert {k: paid.json()[k] for k in ("points", "gift_fen", "balance_after_fen")} == {
        "points": 50,
        "gift_fen": 1000,
        "balance_after_fen": 11000,
    }
    again = await shop.recharge(member, "R-1", 10000)
    assert (again.status, again.json()["status"]) == (200, "repeated")
    await shop.settle()
    [notice] = await shop.notices(member)
    values = dict(notice["fields"])
    assert (values["充值金额"], values["账户余额"]) == ("100.00元", "110.00元")
    assert await shop.balances(member) == {"cny_principal": 10000, "cny_gift": 1000, "points": 50}


@pytest.mark.covers("S1-04", "S1-05", "X-07")
async def test_a_correction_of_points_and_balance_is_one_message(shop: Shop) -> None:
    await shop.enable("points_change", "sms")
    await shop.enable("balance_change", "sms")
    member = await shop.member()
    path = f"/api/console/loyalty/members/{member}/adjust"
    key = str(uuid4())
    for _ in range(2):
        moved = await shop.staff.post(path, {"key": key, "points": 30, "balance_fen": 500, "note": "补偿"})
        assert moved.json() == {"points_after": 30, "balance_after_fen": 500}
    await shop.settle()
    assert await titles(shop) == [("balance_change", "delivered")]
    assert len(await shop.texts(member)) == 1
    await shop.staff.post(path, {"key": str(uuid4()), "points": -10, "note": "扣回"})
    await shop.settle()
    assert await titles(shop) == [("balance_change", "delivered"), ("points_change", "delivered")]
    too_much = await shop.staff.post(path, {"key": str(uuid4()), "points": -21, "note": "扣回"})
    assert too_much.refusal == (409, "ledger.insufficient_balance")
    assert await shop.balances(member) == {"cny_gift": 500, "points": 20}
    assert len(await shop.texts(member)) == 2


@pytest.mark.covers("S1-04", "S1-05")
async def test_a_refund_gives_back_in_proportion_and_is_told_as_a_change(shop: Shop) -> None:
    await rules(shop, gift_tiers=[{"from_fen": 10000, "gift_fen": 2500}])
    await shop.enable("balance_change", "sms")
    member = await shop.member()
    await shop.recharge(member, "R-1", 10000)
    await shop.buy(member, "T-1", 5000, balance_fen=5000)
    assert await shop.balances(member) == {"cny_principal": 6000, "cny_gift": 1500, "points": 50}

    first = await shop.refund("F-1", "T-1", 1667)
    assert (first.status, first.json()["points"], first.json()["balance_after_fen"]) == (201, -16, 9167)
    second = await shop.refund("F-2", "T-1", 3333)
    assert (second.json()["points"], second.json()["balance_after_fen"]) == (-34, 12500)
    assert await shop.balances(member) == {"cny_principal": 10000, "cny_gift": 2500, "points": 0}

    repeated = await shop.refund("F-2", "T-1", 3333)
    assert (repeated.status, repeated.json()["status"]) == (200, "repeated")
    assert (await shop.refund("F-3", "T-1", 1)).refusal == (409, "orders.refund_too_large")
    assert (await shop.refund("F-3", "T-9", 1)).refusal == (404, "orders.purchase_not_found")
    assert (await shop.refund("F-3", "T-1", 0)).refusal == (422, "orders.bad_amount")
    assert await shop.balances(member) == {"cny_principal": 10000, "cny_gift": 2500, "points": 0}
    await shop.settle()
    assert await titles(shop) == [("balance_change", "delivered")] * 4
    assert await shop.invariants() == {}


@pytest.mark.covers("X-12")
async def test_stored_value_works_without_any_wechat_card(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    assert (await shop.recharge(member, "R-1", 10000)).status == 201
    assert await shop.balances(member) == {"cny_principal": 10000}


async def test_more_than_the_stored_value_is_refused_and_nothing_moves(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    await shop.recharge(member, "R-1", 1000)
    refused = await shop.buy(member, "T-1", 1001, balance_fen=1001)
    assert refused.refusal == (409, "ledger.insufficient_balance")
    assert await shop.balances(member) == {"cny_principal": 1000}
    await shop.settle()
    assert await shop.deliveries() == []
    again = await shop.buy(member, "T-1", 1000, balance_fen=1000)
    assert (again.status, again.json()["balance_after_fen"]) == (201, 0)


@pytest.mark.covers("X-02", "S1-45")
async def test_a_sign_off_reminder_is_told(shop: Shop) -> None:
    template_id = await shop.enable("auto_sign_off")
    member = await shop.member()
    await shop.answer(member, template_id)
    row = {
        "card_no": await shop.card_no(member),
        "order_no": "E20261121001",
        "sign_at": "2026-11-24T10:00:00+08:00",
        "remind_at": "2026-11-21T10:00:00+08:00",
    }
    assert (await shop.key.post("/api/v1/sign-off-reminders", row)).status == 202
    await shop.settle()
    [notice] = await shop.notices(member)
    assert dict(notice["fields"]) == {
        "签收时间": "2026年11月24日 10:00",
        "提醒时间": "2026年11月21日 10:00",
        "订单编号": "E20261121001",
    }

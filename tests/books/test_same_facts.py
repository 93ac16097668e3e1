"""Batched or one by one, first time or repeated, store open or closed: the same facts, the same result (B-08, B-09, B-30)."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.asgi import Reply
from tests.books.kit import LEVELS, adjust, level, points_of, rules
from tests.shop import Shop

BATCH, SINGLE = "/api/v1/purchases/batch", "/api/v1/purchases"


async def row(shop: Shop, member: UUID, till_no: str, total_fen: int, **more: Any) -> dict[str, Any]:
    return {"store": "S01", "till_no": till_no, "card_no": await shop.card_no(member), "total_fen": total_fen} | more


async def report(shop: Shop, rows: list[dict[str, Any]], *, cut: int) -> list[dict[str, Any]]:
    """Report rows in batches of `cut` (1: one by one, at the single door) and return the answers without what differs anyway."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(rows), cut):
        portion = rows[start : start + cut]
        if cut == 1:
            reply = await shop.key.post(SINGLE, portion[0])
            got = reply.json()
            answers.append(got if reply.status < 300 else {"status": "refused", "error": got["code"]})
        else:
            answers += (await shop.key.post(BATCH, {"purchases": portion})).json()["results"]
    for answer in answers:
        answer.pop("id", None)
        answer.pop("row", None)
        if answer["status"] == "refused":
            error = answer.pop("error")
            answer["code"] = error if isinstance(error, str) else error["code"]
            answer.pop("till_no", None)
    return answers


async def told(shop: Shop) -> list[tuple[Any, ...]]:
    """The facts of the tills in their order."""
    async with shop.db.read(shop.tenant) as tx:
        rows = await tx.fetch(
            "SELECT kind, payload FROM facts WHERE tenant_id = $1 AND (kind LIKE 'order.%' OR kind = 'member.level_changed') "
            "ORDER BY id",
            shop.tenant,
        )
    found = [(r["kind"], json.loads(r["payload"])) for r in rows]
    kept = ("till_no", "points", "points_after", "balance_after_fen", "before", "after")
    return [(kind, *(payload.get(name) for name in kept)) for kind, payload in found]


@pytest.mark.parametrize("cut", [1, 2, 9])
async def test_a_batch_gives_what_its_rows_give_one_by_one(shop: Shop, cut: int) -> None:
    """Levels reached on the way, stored value that runs out, a number twice, another member in between."""
    await rules(shop, levels=LEVELS)
    lin, chen = await shop.member(), await shop.member("chenyiming")
    await shop.recharge(lin, "R", 20_000)
    rows = [
        await row(shop, lin, "1", 110_000),
        await row(shop, lin, "2", 10_000),  # silver by now
        await row(shop, chen, "3", 10_000, balance_fen=1),  # has nothing
        await row(shop, lin, "4", 390_000, balance_fen=15_000),  # gold after it
        await row(shop, lin, "5", 10_000, balance_fen=5_001),  # a fen too much
        await row(shop, lin, "5", 10_000, balance_fen=5_000),  # the same number, now it can be paid (B-30)
        await row(shop, lin, "2", 10_000),  # repeated
        await row(shop, lin, "2", 10_001),  # another amount
        await row(shop, chen, "6", 0),  # a visit (B-23)
    ]
    answers = await report(shop, rows, cut=cut)
    base = {"status": "recorded"}
    assert answers == [
        base | {"till_no": "1", "points": 1100, "points_after": 1100},
        base | {"till_no": "2", "points": 120, "points_after": 1220},
        {"status": "refused", "code": "ledger.insufficient_balance"},
        base | {"till_no": "4", "points": 4680, "points_after": 5900, "balance_after_fen": 5_000},
        {"status": "refused", "code": "ledger.insufficient_balance"},
        base | {"till_no": "5", "points": 150, "points_after": 6050, "balance_after_fen": 0},
        {"status": "repeated", "till_no": "2", "points": 120, "points_after": 1220},
        {"status": "refused", "code": "orders.till_no_reused"},
        base | {"till_no": "6", "points": 0},
    ]
    assert await shop.balances(lin) == {"cny_principal": 0, "points": 6050, "growth": 520_000}
    assert (await level(shop, lin), await level(shop, chen)) == ("gold", "normal")
    assert (await told(shop))[1:] == [
        ("member.level_changed", None, None, None, None, "normal", "silver"),
        ("order.purchase_recorded", "1", 1100, 1100, None, None, None),
        ("order.purchase_recorded", "2", 120, 1220, None, None, None),
        ("member.level_changed", None, None, None, None, "silver", "gold"),
        ("order.purchase_recorded", "4", 4680, 5900, 5_000, None, None),
        ("order.purchase_recorded", "5", 150, 6050, 0, None, None),
        ("order.purchase_recorded", "6", 0, None, None, None, None),
    ]
    listed = (await shop.staff.get("/api/console/orders/purchases")).json()["items"]
    assert {p["till_no"]: p["points"] for p in listed} == {"1": 1100, "2": 120, "4": 4680, "5": 150, "6": 0}
    assert await shop.invariants() == {}


async def again(shop: Shop, first: dict[str, Any], body: dict[str, Any], path: str = SINGLE) -> None:
    """A repetition has all that the first answer had (I-21), alone and in a batch."""
    replies: list[Reply] = [await shop.key.post(path, body)]
    answers = [replies[0].json()]
    assert replies[0].status == 200, replies[0].text
    if path == SINGLE:
        [result] = (await shop.key.post(BATCH, {"purchases": [body]})).json()["results"]
        result.pop("row")
        answers.append(result)
    for answer in answers:
        assert answer == first | {"status": "repeated"}


async def test_a_closed_branch_answers_and_gives_back(shop: Shop) -> None:
    store_id = (await shop.staff.get("/api/console/stores")).json()["items"][0]["id"]
    member = await shop.member()
    await shop.recharge(member, "R-1", 10_000)
    sale = await row(shop, member, "1", 1_000, balance_fen=500)
    first = (await shop.key.post(SINGLE, sale)).json()
    charge = {"store": "S01", "till_no": "R-2", "card_no": await shop.card_no(member), "paid_fen": 100}
    charged = (await shop.key.post("/api/v1/recharges", charge)).json()
    back = {"store": "S01", "till_no": "F0", "purchase_till_no": "1", "amount_fen": 100}
    returned = (await shop.key.post("/api/v1/refunds", back)).json()
    before = shop.world.clock.now()
    shop.world.clock.advance(timedelta(minutes=1))
    assert (await shop.staff.post(f"/api/console/stores/{store_id}/close")).status < 300
    shop.world.clock.advance(timedelta(minutes=1))
    await again(shop, first, sale)
    await again(shop, charged, charge, "/api/v1/recharges")
    await again(shop, returned, back, "/api/v1/refunds")
    refund = await shop.refund("F1", "1", 900)
    assert (refund.status, refund.json()["points"], refund.json()["balance_after_fen"]) == (201, -9, 10_100)
    late = await shop.key.post(SINGLE, await row(shop, member, "2", 700, occurred_at=before.isoformat()))
    assert (late.status, late.json()["points"]) == (201, 7)
    for more in ({}, {"occurred_at": shop.world.clock.now().isoformat()}):
        new = await shop.key.post(SINGLE, await row(shop, member, "3", 700, **more))
        assert (new.status, new.json()["code"], new.json()["where"]) == (404, "store.not_found", "store")
    other = await shop.key.post(SINGLE, sale | {"total_fen": 999})
    assert other.status == 404
    assert await points_of(shop, member) == 7
    assert await shop.invariants() == {}


@pytest.mark.parametrize("fate", ["moved", "cleared", "frozen"])
async def test_a_repetition_is_answered_whatever_became_of_the_member(shop: Shop, fate: str) -> None:
    lin, chen = await shop.member(), await shop.member("chenyiming", phone=False)
    sale = {"store": "S01", "till_no": "1", "phone": "13800000001", "total_fen": 1_000}
    first = (await shop.key.post(SINGLE, sale)).json()
    charge = {"store": "S01", "till_no": "R-1", "phone": "13800000001", "paid_fen": 100}
    charged = (await shop.key.post("/api/v1/recharges", charge)).json()
    path = "/api/console/members"
    if fate == "frozen":
        assert (await shop.staff.post(f"{path}/{lin}/freeze", {"reason": "丢卡"})).status < 300
    else:
        assert (await shop.staff.patch(f"{path}/{lin}", {"phone": None})).status == 204
    if fate == "moved":
        assert (await shop.staff.patch(f"{path}/{chen}", {"phone": "13800000001"})).status == 204
    await again(shop, first, sale)
    await again(shop, charged, charge, "/api/v1/recharges")
    other = await shop.key.post(SINGLE, sale | {"total_fen": 999})
    assert other.json()["code"] in ("orders.till_no_reused", "member.not_found", "member.not_active")
    strange = await shop.key.post(SINGLE, sale | {"phone": "13800000009"})
    assert (strange.status, strange.json()["code"]) == (404, "member.not_found")
    assert await shop.balances(lin) == {"points": 10, "cny_principal": 100}
    assert await shop.balances(chen) == {}


async def test_a_repetition_tells_the_balances_of_then(shop: Shop) -> None:
    await rules(shop, points_ripen_days=7, gift_tiers=[{"from_fen": 5_000, "gift_fen": 500, "gift_points": 5}])
    member = await shop.member()
    charge = {"store": "S01", "till_no": "R-1", "card_no": await shop.card_no(member), "paid_fen": 10_000}
    charged = (await shop.key.post("/api/v1/recharges", charge)).json()
    sale = await row(shop, member, "1", 1_000, balance_fen=1_000)
    first = (await shop.key.post(SINGLE, sale)).json()
    assert {k: first[k] for k in ("points", "points_pending", "balance_after_fen")} == {
        "points": 0,
        "points_pending": 10,
        "balance_after_fen": 9_500,
    }
    assert (await adjust(shop, member, points=1, balance_fen=7)).status == 200
    await again(shop, first, sale)
    await again(shop, charged, charge, "/api/v1/recharges")


async def test_a_row_that_cannot_be_read_comes_back_with_its_number_and_place(shop: Shop) -> None:
    member = await shop.member()
    rows: list[Any] = [
        await row(shop, member, "1", 100),
        {"store": "S01", "till_no": "2", "card_no": "C", "total_fen": "x"},
        {"store": "S01", "till_no": 3, "card_no": "C", "total_fen": 1},
        "four",
        await row(shop, member, "5", 100, balances=1),
    ]
    results = (await shop.key.post(BATCH, {"purchases": rows})).json()["results"]
    assert [(r["row"], r["status"], r["till_no"]) for r in results] == [
        (0, "recorded", "1"),
        (1, "refused", "2"),
        (2, "refused", ""),
        (3, "refused", ""),
        (4, "refused", "5"),
    ]
    assert [r["error"]["where"] for r in results[1:]] == ["total_fen", "till_no", "", "balances"]
    cut = b'{"purchases":[{"store":"S01","till_no":"7\\ud83d","card_no":"C","total_fen":1}]}'
    [half] = (await shop.key.request("POST", BATCH, body=cut)).json()["results"]
    assert (half["row"], half["status"]) == (0, "refused")


@pytest.mark.parametrize("till_no", ["2026/11/30-1", "a?b", "a#b", "50%", "%2F", "a b", "/", "../x", "a/"])
async def test_any_number_that_is_recorded_can_be_asked_for(shop: Shop, till_no: str) -> None:
    from urllib.parse import quote

    member = await shop.member()
    assert (await shop.key.post(SINGLE, await row(shop, member, till_no, 100))).status == 201
    found = await shop.key.get(f"{SINGLE}/S01/{quote(till_no, safe='')}")
    assert (found.status, found.json().get("till_no")) == (200, till_no)


async def test_the_trace_knows_a_thing_by_the_id_that_the_till_was_answered(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    bought = (await shop.buy(member, "1", 1_000)).json()["id"]
    charged = (await shop.recharge(member, "R-1", 100)).json()["id"]
    returned = (await shop.refund("F1", "1", 500)).json()["id"]
    await shop.settle()
    kinds = {}
    for name, thing in (("bought", bought), ("charged", charged), ("returned", returned)):
        trace = (await shop.key.get(f"/api/v1/messages/trace/{thing}")).json()
        kinds[name] = trace["kind"]
        again = (await shop.key.get(f"/api/v1/messages/trace/{trace['fact_id']}")).json()
        assert again == trace
    assert kinds == {
        "bought": "order.purchase_recorded",
        "charged": "order.recharge_recorded",
        "returned": "order.purchase_refunded",
    }
    unknown = await shop.key.get(f"/api/v1/messages/trace/{member}")
    assert (unknown.status, unknown.json()["code"]) == (404, "messaging.fact_unknown")

"""Tills at the same moment: a recharge is taken back once, a purchase goes back once, levels fit growth in the end."""

import asyncio
from collections import Counter
from typing import Any

from tests.books.kit import LEVELS, level, rules
from tests.shop import Shop

RUSH = 12


async def test_a_recharge_is_taken_back_once(shop: Shop) -> None:
    member = await shop.member()
    await shop.recharge(member, "R-1", 10_000)
    await shop.recharge(member, "R-2", 10_000)
    row = {"store": "S01", "recharge_till_no": "R-1", "reason": "重复录入"}
    path = "/api/v1/recharges/reversals"
    answers = await asyncio.gather(*(shop.key.post(path, row | {"till_no": f"V-{n}"}) for n in range(RUSH)))
    assert Counter(a.json().get("code", a.json().get("status")) for a in answers) == {
        "recorded": 1,
        "orders.recharge_reversed": RUSH - 1,
    }
    same = {"store": "S01", "till_no": "V-same", "recharge_till_no": "R-2", "reason": "重复录入"}
    answers = await asyncio.gather(*(shop.key.post(path, same) for _ in range(RUSH)))
    assert Counter(a.json()["status"] for a in answers) == {"recorded": 1, "repeated": RUSH - 1}
    assert await shop.balances(member) == {"cny_principal": 0}
    assert await shop.invariants() == {}


async def test_one_refund_number_pays_once_and_many_never_more_than_the_purchase(shop: Shop) -> None:
    await rules(shop, levels=LEVELS)
    member = await shop.member()
    await shop.recharge(member, "R-1", 10_000)
    await shop.buy(member, "A1", 600_000, balance_fen=9_999)
    same = await asyncio.gather(*(shop.refund("F-same", "A1", 100_000) for _ in range(RUSH)))
    assert Counter(a.json()["status"] for a in same) == {"recorded": 1, "repeated": RUSH - 1}
    many = await asyncio.gather(*(shop.refund(f"F-{n}", "A1", 100_000) for n in range(RUSH)))
    assert Counter(a.json().get("code", a.json().get("status")) for a in many) == {
        "recorded": 5,
        "orders.refund_too_large": RUSH - 5,
    }
    assert await shop.balances(member) == {"cny_principal": 10_000, "points": 0, "growth": 0}
    assert await level(shop, member) == "normal"
    assert await shop.invariants() == {}


async def test_levels_fit_growth_after_purchases_refunds_and_new_rules_at_once(shop: Shop) -> None:
    await rules(shop, levels=LEVELS)
    people = [await shop.member(name) for name in ("linxiaoman", "chenyiming", "wangsiyuan")]
    cards = [await shop.card_no(member) for member in people]

    def batch(number: int) -> list[dict[str, Any]]:
        return [
            {
                "store": "S01",
                "till_no": f"B{number}-{place}",
                "card_no": cards[(number + place) % 3],
                "total_fen": 70_000,
            }
            for place in range(4)
        ]

    async def report(number: int) -> None:
        done = await shop.key.post("/api/v1/purchases/batch", {"purchases": batch(number)})
        assert {r["status"] for r in done.json()["results"]} == {"recorded"}, done.text
        assert (await shop.refund(f"F{number}", f"B{number}-0", 70_000)).status == 201

    async def change() -> None:
        for growth in (700, 900):
            await rules(shop, levels=[LEVELS[0], LEVELS[1] | {"growth": growth}, LEVELS[2]])

    await asyncio.gather(*(report(number) for number in range(RUSH)), change())
    await shop.settle()
    growth = [(await shop.balances(member))["growth"] for member in people]
    assert sum(growth) == RUSH * 3 * 70_000
    assert await shop.invariants() == {}

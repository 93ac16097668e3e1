"""Tills at the same moment: a recharge is taken back once, a purchase goes back once, levels fit growth in the end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from huida.kernel.db import Tx
from huida.modules import orders
from tests.asgi import Reply
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


async def beside(shop: Shop, first: Callable[[Tx], Awaitable[object]], then: Callable[[], Awaitable[Reply]]) -> Reply:
    """`first` is carried out and not committed yet while `then` comes and waits for it."""
    done, go = asyncio.Event(), asyncio.Event()

    async def held() -> None:
        async with shop.db.tx(shop.tenant) as tx:
            await first(tx)
            done.set()
            await go.wait()

    holding = asyncio.create_task(held())
    await done.wait()
    coming = asyncio.create_task(then())
    async with shop.db.raw() as (_, sql), asyncio.timeout(20):
        while not await sql.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            await asyncio.sleep(0.01)
    go.set()
    await holding
    return await coming


def sale(card_no: str, till_no: str, total_fen: int) -> orders.PurchaseIn:
    return orders.PurchaseIn(store="S01", till_no=till_no, card_no=card_no, total_fen=total_fen)


async def test_a_purchase_that_waited_for_a_refund_finds_the_level_that_is_there_now(shop: Shop) -> None:
    await rules(shop, levels=LEVELS)
    member = await shop.member()
    await shop.buy(member, "A1", 100_000)
    back = orders.RefundIn(store="S01", till_no="F1", purchase_till_no="A1", amount_fen=30_000)
    bought = await beside(shop, lambda tx: orders.record_refund(tx, back), lambda: shop.buy(member, "A2", 50_000))
    assert bought.status == 201, bought.text
    assert ((await shop.balances(member))["growth"], await level(shop, member)) == (120_000, "silver")
    moved = [(f["before"], f["after"]) for f in await shop.world.facts("member.level_changed")]
    assert moved == [("normal", "silver"), ("silver", "normal"), ("normal", "silver")]
    assert await shop.invariants() == {}


async def test_of_two_purchases_at_once_one_lifts(shop: Shop) -> None:
    await rules(shop, levels=LEVELS)
    member = await shop.member()
    card = await shop.card_no(member)
    bought = await beside(
        shop,
        lambda tx: orders.record_purchases(tx, [sale(card, "A1", 100_000)]),
        lambda: shop.buy(member, "A2", 50_000),
    )
    assert bought.status == 201, bought.text
    moved = [(f["before"], f["after"]) for f in await shop.world.facts("member.level_changed")]
    assert (moved, await level(shop, member)) == ([("normal", "silver")], "silver")


async def test_one_reversal_number_takes_one_recharge_back(shop: Shop) -> None:
    lin, chen = await shop.member(), await shop.member("chenyiming")
    await shop.recharge(lin, "R-1", 10_000)
    await shop.recharge(chen, "R-2", 10_000)
    first = orders.ReversalIn(store="S01", till_no="V-1", recharge_till_no="R-1", reason="重复录入")
    row = {"store": "S01", "till_no": "V-1", "recharge_till_no": "R-2", "reason": "重复录入"}
    second = await beside(
        shop,
        lambda tx: orders.reverse_recharge(tx, first),
        lambda: shop.key.post("/api/v1/recharges/reversals", row),
    )
    assert second.refusal == (409, "orders.till_no_reused")
    assert (await shop.balances(lin), await shop.balances(chen)) == ({"cny_principal": 0}, {"cny_principal": 10_000})
    assert await shop.invariants() == {}

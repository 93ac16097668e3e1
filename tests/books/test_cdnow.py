"""A real shop's year and a half, in three cuts: import, tills, batches, returns; every member agrees with the model to the fen."""

import os
from collections.abc import Sequence
from typing import Any

import pytest

from tests.books import cdnow, model
from tests.books.kit import rules
from tests.books.moving import bring_in
from tests.books.test_feeds import until_read
from tests.shop import Shop

LONG = bool(os.environ.get("HUIDA_LONG"))


def expected(story: cdnow.Story) -> tuple[dict[str, model.Book], set[str]]:
    """Every member's book by the model, and the purchases that their stored value could not pay."""
    books = {card: model.Book() for card in story.cards}
    refused: set[str] = set()
    owner: dict[str, str] = {}
    for bought in story.history:
        books[bought.card].history(bought.total)
    for month in story.months:
        for _, card, paid in month.recharges:
            books[card].recharge(paid)
        for bought in month.purchases:
            owner[bought.number] = bought.card
            if not books[bought.card].buy(bought.number, bought.total, bought.from_balance):
                refused.add(bought.number)
        for _, number, amount in month.returns:
            if number not in refused:
                books[owner[number]].refund(number, amount)
    return books, refused


async def play(shop: Shop, story: cdnow.Story, refused: set[str], *, cut: int) -> None:
    """Report the story at the tills' doors, purchases in batches of `cut`."""
    today = shop.world.clock.now().astimezone(cdnow.SHANGHAI).date()
    for month in story.months:
        for number, card, paid in month.recharges:
            done = await shop.key.post(
                "/api/v1/recharges", {"store": "S01", "till_no": number, "card_no": card, "paid_fen": paid}
            )
            assert done.status == 201, done.text
        rows: Sequence[dict[str, Any]] = [
            {
                "store": "S01",
                "till_no": bought.number,
                "card_no": bought.card,
                "total_fen": bought.total,
                "balance_fen": bought.from_balance,
                "occurred_at": cdnow.moved(bought.on, today).isoformat(),
            }
            for bought in month.purchases
        ]
        for start in range(0, len(rows), cut):
            answer = await shop.key.post("/api/v1/purchases/batch", {"purchases": rows[start : start + cut]})
            for result in answer.json()["results"]:
                wanted = "refused" if result["till_no"] in refused else "recorded"
                assert result["status"] == wanted, result
        for number, of, amount in month.returns:
            row = {"store": "S01", "till_no": number, "purchase_till_no": of, "amount_fen": amount}
            assert (await shop.key.post("/api/v1/refunds", row)).status == (404 if of in refused else 201)


async def books_of(shop: Shop, count: int) -> dict[str, tuple[int, int, int, int, str]]:
    """Own money, gift, points, growth and level of every member, as an ERP reads them."""
    people = {m["card_no"]: m["level"] for m in await until_read(shop, "members/changes", count, limit=1000)}
    last: dict[str, dict[str, int]] = {card: {} for card in people}
    async with shop.db.read(shop.tenant) as tx:
        moves = await tx.value("SELECT count(*) FROM ledger_transfers WHERE tenant_id = $1", shop.tenant)
    for step in await until_read(shop, "transfers", moves, limit=1000):
        last[step["card_no"]][step["unit"]] = step["balance_after"]
    units = ("cny_principal", "cny_gift", "points", "growth")
    return {card: (*(own.get(unit, 0) for unit in units), people[card]) for card, own in last.items()}  # type: ignore[misc]


@pytest.mark.parametrize("cut", [7, 100, 1000])
@pytest.mark.long
async def test_cdnow_in_three_cuts_agrees_with_the_model(shop: Shop, cut: int) -> None:
    name, people = ("master", 23_570) if LONG else ("sample", 800)
    story = cdnow.story(name, people=people)
    await rules(
        shop,
        levels=[
            {"code": code, "name": code, "growth": growth, "rate_bp": int(rate * 10_000)}
            for code, growth, rate in model.LEVELS
        ],
        gift_tiers=[{"from_fen": paid, "gift_fen": gift, "gift_points": points} for paid, gift, points in model.GIFTS],
    )
    await bring_in(shop, story)
    books, refused = expected(story)
    await play(shop, story, refused, cut=cut)
    told = await books_of(shop, len(story.cards))
    wanted = {card: (b.own, b.gift, b.points, b.growth, b.level) for card, b in books.items()}
    assert {card: (told[card], want) for card, want in wanted.items() if told[card] != want} == {}
    assert len(refused) > 5 and {b.level for b in books.values()} == {"normal", "silver", "gold"}
    assert await shop.invariants() == {}

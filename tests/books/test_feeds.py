"""An ERP reads along: every row once, in the order of recording, none skipped beside open transactions (I-10)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests import make
from tests.asgi import Client
from tests.books.kit import adjust
from tests.shop import Shop

FEEDS = (
    ("purchases", "purchases.read"),
    ("refunds", "purchases.read"),
    ("recharges", "purchases.read"),
    ("recharges/reversals", "purchases.read"),
    ("transfers", "balances.read"),
    ("members/changes", "members.read"),
)


async def all_of(shop: Shop, feed: str, *, limit: int = 500, **first: Any) -> list[dict[str, Any]]:
    """Everything, page by page to the end of now; what is two seconds old is in every feed."""
    items: list[dict[str, Any]] = []
    query: dict[str, Any] = first
    for _ in range(1000):
        answer = (await shop.key.get(f"/api/v1/{feed}", limit=limit, **query)).json()
        items += answer["items"]
        query = {"cursor": answer["cursor"]}
        if not answer["more"]:
            return items
    raise AssertionError("the feed never ends")


async def until_read(shop: Shop, feed: str, count: int, **more: Any) -> list[dict[str, Any]]:
    """The feed once it holds this many: another test's transaction, or the two seconds of transfers, may hold it back."""
    for _ in range(200):
        found = await all_of(shop, feed, **more)
        if len(found) >= count:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{feed} holds {len(found)} of {count}")


async def test_a_nights_reconciliation(shop: Shop) -> None:
    await shop.staff.post("/api/console/stores", {"code": "S02", "name": "二店"})
    member = await shop.member()
    card = await shop.card_no(member)
    await shop.recharge(member, "R-1", 10_000)
    await shop.buy(member, "A1", 5_000, balance_fen=1_000)
    await shop.buy(member, "A2", 100)
    back = {"store": "S02", "till_no": "F1", "purchase_store": "S01", "purchase_till_no": "A1", "amount_fen": 2_500}
    await shop.key.post("/api/v1/refunds", back)
    await shop.recharge(member, "R-2", 300)
    wrong = {"store": "S01", "till_no": "V-1", "recharge_till_no": "R-2", "reason": "金额输错"}
    await shop.key.post("/api/v1/recharges/reversals", wrong)
    bought = await until_read(shop, "purchases", 2)
    assert [
        (p["store"], p["till_no"], p["card_no"], p["total_fen"], p["balance_fen"], p["principal_fen"]) for p in bought
    ] == [
        ("S01", "A1", card, 5_000, 1_000, 1_000),
        ("S01", "A2", card, 100, 0, 0),
    ]
    assert [(p["points"], p["refunded_fen"], p["history"]) for p in bought] == [(50, 2_500, False), (1, 0, False)]
    [refund] = await until_read(shop, "refunds", 1)
    assert {
        k: refund[k]
        for k in ("store", "till_no", "purchase_store", "purchase_till_no", "amount_fen", "balance_fen", "points")
    } == {
        "store": "S02",
        "till_no": "F1",
        "purchase_store": "S01",
        "purchase_till_no": "A1",
        "amount_fen": 2_500,
        "balance_fen": 500,
        "points": 25,
    }
    charged = await until_read(shop, "recharges", 2)
    assert [(r["till_no"], r["paid_fen"], r["gift_fen"]) for r in charged] == [("R-1", 10_000, 0), ("R-2", 300, 0)]
    [reversal] = await until_read(shop, "recharges/reversals", 1)
    assert (reversal["recharge_till_no"], reversal["paid_fen"], reversal["reason"]) == ("R-2", 300, "金额输错")
    moved = await until_read(shop, "transfers", 8)
    sums: dict[str, int] = {}
    for step in moved:
        assert step["balance_after"] == sums.get(step["unit"], 0) + step["amount"]
        sums[step["unit"]] = step["balance_after"]
    assert sums == {"cny_principal": 9_500, "points": 26} == await shop.balances(member)


@pytest.mark.parametrize(("feed", "scope"), FEEDS)
async def test_a_feed_wants_its_scope_and_shows_its_own_merchant(shop: Shop, feed: str, scope: str) -> None:
    member = await shop.member()
    await shop.buy(member, "A1", 100)
    other = await make.merchant(shop.db)
    stranger = Client(shop.world.app, {"authorization": f"Bearer {await make.key(shop.db, other, scope)}"})
    weak = Client(shop.world.app, {"authorization": f"Bearer {await make.key(shop.db, shop.tenant, 'messages.read')}"})
    assert (await weak.get(f"/api/v1/{feed}")).refusal == (403, "auth.forbidden")
    empty = (await stranger.get(f"/api/v1/{feed}")).json()
    assert (empty["items"], empty["more"]) == ([], False)
    for query, code in (
        ({"cursor": "bm8="}, "request.bad_cursor"),
        ({"cursor": "WyIyMDI2IiwiWCJd"}, "request.bad_cursor"),
        ({"limit": 0}, "request.bad_limit"),
        ({"limit": 1001}, "request.bad_limit"),
        ({"since": "2026-11-30T00:00:00"}, "orders.time_without_zone"),
    ):
        assert (await stranger.get(f"/api/v1/{feed}", **query)).refusal == (422, code), query


async def test_pages_hold_each_row_once_and_the_cursor_goes_on_tomorrow(shop: Shop) -> None:
    member = await shop.member()
    rows = [
        {"store": "S01", "till_no": str(n), "card_no": await shop.card_no(member), "total_fen": 100} for n in range(25)
    ]
    await shop.key.post("/api/v1/purchases/batch", {"purchases": rows})
    found = await until_read(shop, "purchases", 25, limit=7)
    assert [p["till_no"] for p in found] == [str(n) for n in range(25)]
    steps = await until_read(shop, "transfers", 25, limit=4)
    assert [step["seq"] for step in steps] == list(range(1, 26))
    end = (await shop.key.get("/api/v1/purchases")).json()["cursor"]
    nothing = (await shop.key.get("/api/v1/purchases", cursor=end)).json()
    assert (nothing["items"], nothing["cursor"]) == ([], end)
    await shop.buy(member, "later", 100)
    [new] = await until_read(shop, "purchases", 1, cursor=end)
    assert new["till_no"] == "later"
    assert (await until_read(shop, "purchases", 1, since=new["recorded_at"]))[0]["till_no"] == "later"
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert await all_of(shop, "purchases", since=tomorrow) == []


async def test_what_commits_late_is_not_skipped(shop: Shop) -> None:
    """An open transaction began before one that is done: the reader waits for it instead of passing it."""
    member = await shop.member()
    await shop.buy(member, "first", 100)
    await until_read(shop, "purchases", 1)
    async with shop.db.raw() as (_, sql):
        await sql.execute(f"BEGIN; SET LOCAL app.tenant_id = '{shop.tenant}'")
        await sql.execute(
            "INSERT INTO purchases (tenant_id, id, store_id, till_no, member_id, total_fen, balance_fen, principal_fen, points, "
            "occurred_at) "
            "SELECT tenant_id, $1, store_id, 'slow', member_id, 100, 0, 0, 0, occurred_at FROM purchases WHERE tenant_id = $2",
            uuid4(),
            shop.tenant,
        )
        await shop.buy(member, "quick", 100)
        start = (await shop.key.get("/api/v1/purchases")).json()
        assert [p["till_no"] for p in start["items"]] == ["first"]
        await sql.execute("COMMIT")
    rest = await until_read(shop, "purchases", 2, cursor=start["cursor"])
    assert [p["till_no"] for p in rest] == ["slow", "quick"]


async def test_a_member_moves_to_the_end_with_each_change(shop: Shop) -> None:
    lin, chen = await shop.member(), await shop.member("chenyiming")
    found = await until_read(shop, "members/changes", 2)
    assert [m["id"] for m in found] == [str(lin), str(chen)]
    assert (found[0]["phone"], found[0]["state"]) == ("138****0001", "active")
    end = (await shop.key.get("/api/v1/members/changes")).json()["cursor"]
    await shop.staff.patch(f"/api/console/members/{lin}", {"name": "林大满"})
    [changed] = await until_read(shop, "members/changes", 1, cursor=end)
    assert (changed["id"], changed["name"]) == (str(lin), "林大满")
    end = (await shop.key.get("/api/v1/members/changes")).json()["cursor"]
    assert (await adjust(shop, chen, points=5)).status == 200  # no change of the member
    await shop.staff.patch(f"/api/console/members/{lin}", {"name": "林大满"})  # nor is this
    assert await all_of(shop, "members/changes", cursor=end) == []


async def test_a_quiet_merchant_is_read_over_months_and_a_busy_hour_in_pages(shop: Shop) -> None:
    """Rows that lie an hour, a day, a month and a year apart come in their order, whatever the page's size."""
    member = await shop.member()
    for n in range(5):
        await shop.buy(member, str(n), 100)
    async with shop.db.tx(shop.tenant) as tx:
        for n, age in enumerate(("400 days", "40 days", "2 days", "2 hours", "1 minute")):
            await tx.execute(
                "UPDATE purchases SET recorded_at = recorded_at - $3::text::interval WHERE tenant_id = $1 AND till_no = $2",
                *(shop.tenant, str(n), age),
            )
    for limit in (1, 2, 500):
        assert [p["till_no"] for p in await until_read(shop, "purchases", 5, limit=limit)] == ["0", "1", "2", "3", "4"]

"""Records become one and are taken apart while tills go on. The first test is the control: without being alone with the
merchant, a till that had looked the card up before gives to a record that nobody has any more."""

import asyncio
import random
from collections import Counter
from uuid import UUID, uuid4

import pytest

from huida.kernel.db import Database, MerchantBusy
from huida.kernel.errors import AppError, Conflict
from huida.modules import ledger, lives, members
from huida.modules.ledger import Entry, Move
from tests import make
from tests.asgi import Reply
from tests.lives import MEMBERS, coupon, rules
from tests.shop import Shop


class Till:
    """A till that has looked a card up and waits before it gives ten points for it."""

    def __init__(self, db: Database, tenant: int, card_no: str) -> None:
        self.db, self.tenant, self.card_no = db, tenant, card_no
        self.looked, self.go = asyncio.Event(), asyncio.Event()

    async def give(self) -> None:
        async with self.db.tx(self.tenant) as tx:
            known = (await members.by_card_no(tx, [self.card_no]))[self.card_no]
            self.looked.set()
            await self.go.wait()
            step = Move(known.id, "points", 10, "points_issued", "test")
            await ledger.move(tx, Entry("test", uuid4(), (step,)))


async def two(db: Database, tenant: int) -> tuple[UUID, UUID, Till]:
    first, second = await make.member(db, tenant), await make.member(db, tenant)
    async with db.read(tenant) as tx:
        card_no = (await members.get(tx, second))["card_no"]
    return first, second, Till(db, tenant, card_no)


async def points(db: Database, tenant: int, *member_ids: UUID) -> list[int]:
    async with db.read(tenant) as tx:
        found = await ledger.balances(tx, member_ids)
    return [found[member_id].get("points", 0) for member_id in member_ids]


async def broken(db: Database, tenant: int) -> set[str]:
    async with db.read(tenant) as tx:
        return {name for name, query in lives.INVARIANTS.items() if await tx.fetch(query)}


async def test_control_a_merge_beside_a_till_loses_its_points(db: Database, tenant: int) -> None:
    first, second, till = await two(db, tenant)
    giving = asyncio.create_task(till.give())
    await till.looked.wait()
    async with db.tx(tenant) as tx:
        merge_id = await lives.merge(tx, stays=first, goes=second)
    till.go.set()
    await giving
    assert await points(db, tenant, first, second) == [0, 10]
    assert await broken(db, tenant) == {"lives.merged_owns_nothing"}  # and the invariants see it
    async with db.alone(tenant) as tx:
        await lives.undo(tx, first, merge_id)


async def test_a_merge_waits_for_the_till_that_has_looked_the_card_up(db: Database, tenant: int) -> None:
    first, second, till = await two(db, tenant)
    giving = asyncio.create_task(till.give())
    await till.looked.wait()

    async def merge() -> None:
        async with db.alone(tenant) as tx:
            await lives.merge(tx, stays=first, goes=second)

    merging = asyncio.create_task(merge())
    await waiting(db)
    till.go.set()
    await asyncio.gather(giving, merging)
    assert await points(db, tenant, first, second) == [10, 0]
    assert await broken(db, tenant) == set()


async def waiting(db: Database) -> None:
    """Until somebody waits for an advisory lock of merchants."""
    while True:
        async with db.raw() as (_, sql):
            if await sql.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"):
                return
        await asyncio.sleep(0.01)


async def test_a_long_piece_of_work_is_not_waited_for_without_end(db: Database, tenant: int) -> None:
    first, second, till = await two(db, tenant)
    giving = asyncio.create_task(till.give())
    await till.looked.wait()
    with pytest.raises(MerchantBusy):
        async with db.alone(tenant):
            raise AssertionError("not alone")
    till.go.set()
    await giving
    assert await points(db, tenant, first, second) == [0, 10]


async def test_merchants_do_not_wait_for_each_other(db: Database, tenant: int) -> None:
    elsewhere = await make.merchant(db)
    one, other, till = await two(db, elsewhere)
    giving = asyncio.create_task(till.give())
    await till.looked.wait()
    first, second, _ = await two(db, tenant)
    async with db.alone(tenant) as tx:
        await lives.merge(tx, stays=first, goes=second)
    till.go.set()
    await giving
    assert await points(db, elsewhere, one, other) == [0, 10]


@pytest.mark.covers("G-25")
async def test_nothing_is_lost_or_doubled_while_two_records_come_and_go(shop: Shop) -> None:
    """Tills buy, recharge and redeem on both cards while somebody merges the two both ways and undoes it."""
    # given
    await rules(shop)
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    cards = [await shop.card_no(first), await shop.card_no(second)]
    codes = [await coupon(shop, one) for one in (first, second) for _ in range(1)]
    chance = random.Random(25)
    done: Counter[str] = Counter()

    async def till(number: int) -> None:
        for step in range(8):
            row = {"store": "S01", "card_no": chance.choice(cards)}
            if step % 4 == 3:
                body = row | {"till_no": f"R-{number}-{step}", "paid_fen": 1000}
                recharged = await shop.key.post("/api/v1/recharges", body)
                assert recharged.status == 201, recharged.text
                done["paid"] += 1000
            else:
                body = row | {"till_no": f"T-{number}-{step}", "total_fen": 300, "balance_fen": 100 * (step % 2)}
                reply = await shop.key.post("/api/v1/purchases", body)
                assert reply.status == 201 or reply.refusal == (409, "ledger.insufficient_balance"), reply.text
                if reply.status == 201:
                    done["points"] += 3
                    done["spent"] += body["balance_fen"]
                    done["purchases"] += 1

    async def redeem(code: str) -> None:
        reply = await shop.key.post(f"/api/v1/coupons/{code}/redeem", {"store": "S01", "order_ref": code})
        done["redeemed"] += reply.status == 200

    async def person(stays: UUID, goes: UUID) -> None:
        for _ in range(4):
            merged = await shop.staff.post(f"{MEMBERS}/{stays}/merge", {"goes": str(goes)})
            done[f"merge {merged.status}"] += 1
            if merged.status == 201:
                undone = await shop.staff.post(f"{MEMBERS}/{stays}/merges/{merged.json()['merge_id']}/undo", {})
                done[f"undo {undone.status}"] += 1

    # when
    await asyncio.gather(
        *(till(number) for number in range(6)),
        *(redeem(code) for code in codes for _ in range(2)),
        person(first, second),
        person(second, first),
    )

    # then: each thing happened, and together the two have exactly what tills gave and took
    assert done["merge 201"] >= 2 and done["undo 204"] >= 1 and done["redeemed"] >= 2, done
    both = [await shop.balances(one) for one in (first, second)]
    assert sum(one.get("points", 0) for one in both) == done["points"]
    assert sum(one.get("growth", 0) for one in both) == done["points"] * 100
    assert sum(one.get("cny_principal", 0) for one in both) == done["paid"] - done["spent"]
    async with shop.db.read(shop.tenant) as tx:
        bought = await tx.value("SELECT count(*) FROM purchases WHERE tenant_id = $1", shop.tenant)
        used = await tx.value("SELECT count(*) FROM coupons WHERE tenant_id = $1 AND state = 'used'", shop.tenant)
    assert (bought, used) == (done["purchases"], 2)
    assert await shop.invariants() == {}


async def test_of_two_merges_of_one_record_at_once_one_is_made(shop: Shop) -> None:
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    third = await make.member(shop.db, shop.tenant)
    assert (await shop.buy(second, "T-1", 5000)).status == 201
    replies: list[Reply] = await asyncio.gather(
        *(shop.staff.post(f"{MEMBERS}/{stays}/merge", {"goes": str(second)}) for stays in (first, third))
    )
    assert sorted(one.status for one in replies) == [201, 409]
    assert sorted(await points(shop.db, shop.tenant, first, second, third)) == [0, 0, 50]
    assert await shop.invariants() == {}


async def test_of_two_undos_at_once_one_is_done(shop: Shop) -> None:
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    assert (await shop.buy(second, "T-1", 5000)).status == 201
    merged = await shop.staff.post(f"{MEMBERS}/{first}/merge", {"goes": str(second)})
    path = f"{MEMBERS}/{first}/merges/{merged.json()['merge_id']}/undo"
    replies = await asyncio.gather(*(shop.staff.post(path, {}) for _ in range(3)))
    assert sorted(one.status for one in replies) == [204, 409, 409]
    assert await points(shop.db, shop.tenant, first, second) == [0, 50]
    assert await shop.invariants() == {}


async def test_who_leaves_while_a_till_sells_leaves_nothing_behind(db: Database, tenant: int) -> None:
    """The till had looked the card up: either its points were seen by who confirmed, or they were not and nothing ends."""
    first, _, till = await two(db, tenant)
    async with db.read(tenant) as tx:
        till.card_no = (await members.get(tx, first))["card_no"]
    giving = asyncio.create_task(till.give())
    await till.looked.wait()

    async def leave() -> AppError | None:
        try:
            async with db.alone(tenant) as tx:
                await lives.leave(tx, first, lives.Seen(0, 0, 0, 0), way="", note="")
        except Conflict as refused:
            return refused
        return None

    leaving = asyncio.create_task(leave())
    await waiting(db)
    till.go.set()
    await giving
    refused = await leaving
    assert refused is not None and refused.code == "member.has_balance"
    assert await points(db, tenant, first) == [10]
    assert await broken(db, tenant) == set()

"""One purchase reported by many. The first test is the control: looking first and inserting then gives points twice."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from huida.kernel.db import Database, Tx
from huida.modules.ledger import Posted
from tests.ledger import entry, look, move, post
from tests.shop import Shop


async def test_control_looking_first_gives_points_four_times(db: Database, tenant: int) -> None:
    member, gate = uuid4(), asyncio.Barrier(4)
    seen: set[str] = set()

    async def naive(tx: Tx) -> bool:
        known = await tx.value("SELECT count(*) FROM purchases WHERE tenant_id = $1 AND till_no = 'T-1'", tenant)
        await gate.wait()
        return not known

    async def one() -> None:
        async with db.tx(tenant) as tx:
            fresh = await naive(tx)
        if fresh:
            seen.add("T-1")
            assert isinstance((await post(db, tenant, [entry(move(member, 25))]))[0], Posted)

    await asyncio.gather(*(one() for _ in range(4)))
    assert seen == {"T-1"}
    assert (await look(db, tenant)).accounts[member, "points"][0] == 100


async def purchases(shop: Shop) -> tuple[int, int]:
    """(purchases, facts of purchases)"""
    async with shop.db.read(shop.tenant) as tx:
        return (
            await tx.value("SELECT count(*) FROM purchases WHERE tenant_id = $1", shop.tenant),
            await tx.value(
                "SELECT count(*) FROM facts WHERE tenant_id = $1 AND kind = 'order.purchase_recorded'", shop.tenant
            ),
        )


@pytest.mark.covers("S1-93")
async def test_the_same_till_number_fifty_times_is_one_purchase_one_set_of_points_one_message(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    for _ in range(3):
        await shop.answer(member, template_id)
    replies = await asyncio.gather(*(shop.buy(member, "T-1", 2500) for _ in range(50)))
    assert Counter((r.status, r.json()["status"]) for r in replies) == {(201, "recorded"): 1, (200, "repeated"): 49}
    assert len({r.json()["id"] for r in replies}) == 1
    assert {r.json()["points"] for r in replies} == {25}
    await shop.settle()
    assert (await shop.balances(member))["points"] == 25
    assert await purchases(shop) == (1, 1)
    assert len(await shop.notices(member)) == 1
    assert await shop.invariants() == {}


async def test_different_tills_at_once_are_written_together_and_each_has_its_own_answer(shop: Shop) -> None:
    member = await shop.member()
    card = await shop.card_no(member)

    async def buy(number: int) -> tuple[int, str]:
        row = {"store": "S01", "till_no": f"T-{number}", "card_no": card, "total_fen": 100 * (number + 1)}
        if number % 10 == 3:
            row["card_no"] = "nobody"
        if number % 10 == 7:
            row["total_fen"] = -1
        reply = await shop.key.post("/api/v1/purchases", row)
        return reply.status, str(reply.json().get("points", reply.json().get("code")))

    answers = await asyncio.gather(*(buy(number) for number in range(60)))
    for number, answer in enumerate(answers):
        if number % 10 == 3:
            assert answer == (404, "member.not_found")
        elif number % 10 == 7:
            assert answer[0] == 422
        else:
            assert answer == (201, str(number + 1))
    good = [number + 1 for number in range(60) if number % 10 not in (3, 7)]
    assert (await shop.balances(member))["points"] == sum(good)
    assert await purchases(shop) == (len(good), len(good))


async def test_one_balance_at_many_tills_pays_what_it_holds(shop: Shop) -> None:
    member = await shop.member()
    assert (await shop.recharge(member, "R-1", 10000)).status == 201
    replies = await asyncio.gather(*(shop.buy(member, f"T-{n}", 1500, balance_fen=1500) for n in range(20)))
    assert Counter(r.status for r in replies) == {201: 6, 409: 14}
    assert {r.json()["code"] for r in replies if r.status == 409} == {"ledger.insufficient_balance"}
    assert (await shop.balances(member))["cny_principal"] == 1000
    assert (await purchases(shop))[0] == 6
    assert await shop.invariants() == {}


async def test_a_purchase_that_cannot_be_paid_is_refused_alike_however_often_it_is_sent_at_once(shop: Shop) -> None:
    member = await shop.member()
    replies = await asyncio.gather(*(shop.buy(member, "T-1", 1500, balance_fen=1500) for _ in range(20)))
    assert {r.refusal for r in replies} == {(409, "ledger.insufficient_balance")}
    assert await purchases(shop) == (0, 0)


async def test_overlapping_batches_in_opposite_orders_are_recorded_once(shop: Shop) -> None:
    member = await shop.member()
    card = await shop.card_no(member)
    rows = [{"store": "S01", "till_no": f"B-{n}", "card_no": card, "total_fen": 100} for n in range(60)]

    async def send(number: int) -> Counter[str]:
        reply = await shop.key.post("/api/v1/purchases/batch", {"purchases": rows if number % 2 else rows[::-1]})
        assert reply.status == 200, reply.text
        return Counter(result["status"] for result in reply.json()["results"])

    counts = sum(await asyncio.gather(*(send(number) for number in range(12))), Counter[str]())
    assert counts == {"recorded": 60, "repeated": 660}
    assert (await shop.balances(member))["points"] == 60
    assert await purchases(shop) == (60, 60)


async def test_the_same_recharge_and_the_same_refund_at_once_move_money_once(shop: Shop) -> None:
    member = await shop.member()
    recharges = await asyncio.gather(*(shop.recharge(member, "R-1", 10000) for _ in range(10)))
    assert Counter(r.status for r in recharges) == {201: 1, 200: 9}
    assert (await shop.buy(member, "T-1", 4000, balance_fen=4000)).status == 201
    refunds = await asyncio.gather(*(shop.refund("F-1", "T-1", 1000) for _ in range(10)))
    assert Counter(r.status for r in refunds) == {201: 1, 200: 9}
    many = await asyncio.gather(*(shop.refund(f"F-{n}", "T-1", 1000) for n in range(2, 12)))
    assert Counter(r.status for r in many) == {201: 3, 409: 7}
    assert await shop.balances(member) == {"cny_principal": 10000, "points": 0}
    assert await shop.invariants() == {}


async def test_one_idempotency_key_used_by_many_at_once_does_the_work_once(shop: Shop) -> None:
    member = await shop.member()
    row = {"store": "S01", "till_no": "K-1", "card_no": await shop.card_no(member), "total_fen": 2500}
    replies = await asyncio.gather(
        *(shop.key.post("/api/v1/purchases", row, headers={"idempotency-key": "k"}) for _ in range(20))
    )
    assert {(r.status, r.body) for r in replies} == {(201, replies[0].body)}
    assert (await shop.balances(member))["points"] == 25

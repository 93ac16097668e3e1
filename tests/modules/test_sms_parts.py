"""Parts in the ledger (X-05): drawn when a message is decided, settled by the provider's word, given back if never sent."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from huida.kernel.db import Database
from huida.modules import sms
from huida.modules.sms import Charge, Charged, plans
from tests.modules.sms_kit import facts


async def stock(db: Database, tenant: int, parts: int, price_fen: int = 0) -> None:
    async with db.tx(tenant) as tx:
        await plans.credit(
            tx, source_type="sms_grant", source_id=uuid4(), amount=parts, price_fen=price_fen, contra="sms_granted"
        )


async def charge(db: Database, tenant: int, wanted: Sequence[tuple[UUID, int]]) -> list[Charged]:
    async with db.tx(tenant) as tx:
        return await sms.charge(tx, [Charge(source, parts) for source, parts in wanted])


async def has(db: Database, tenant: int) -> tuple[int, int, int, int]:
    """(left, used, owed, money's worth of the used)."""
    async with db.read(tenant) as tx:
        found = await plans.parts(tx)
        broken = {name: await tx.fetch(query) for name, query in sms.INVARIANTS.items()}
    assert not any(broken.values()), broken
    return found.left, found.used, found.owed, found.used_fen


@pytest.mark.covers("X-05", "S2-64", "S2-66")
async def test_a_message_draws_its_parts_from_what_was_bought(db: Database, tenant: int, report_key: str) -> None:
    await stock(db, tenant, 10, price_fen=85)
    message = uuid4()
    assert await charge(db, tenant, [(message, 3)]) == [Charged(True, cost_fen=26)]
    assert await charge(db, tenant, [(message, 3)]) == [Charged(True, cost_fen=26, repeated=True)]
    assert await has(db, tenant) == (7, 3, 0, 26)


@pytest.mark.covers("S2-67")
async def test_what_the_stock_does_not_hold_is_refused_and_draws_nothing(
    db: Database, tenant: int, report_key: str
) -> None:
    await stock(db, tenant, 4)
    ids = [uuid4() for _ in range(3)]
    answers = await charge(db, tenant, [(ids[0], 3), (ids[1], 2), (ids[2], 1)])
    assert [(one.ok, one.reason) for one in answers] == [(True, ""), (False, "sms_no_balance"), (True, "")]
    assert await has(db, tenant) == (0, 4, 0, 0)
    async with db.read(tenant) as tx:
        assert await sms.usable(tx) == "sms_no_balance"


@pytest.mark.covers("X-05", "S2-66")
async def test_what_was_never_sent_comes_back_once(db: Database, tenant: int, report_key: str) -> None:
    await stock(db, tenant, 10)
    message = uuid4()
    await charge(db, tenant, [(message, 3)])
    for _ in range(2):
        async with db.tx(tenant) as tx:
            await sms.give_back(tx, [message, uuid4()])
    assert await has(db, tenant) == (10, 0, 0, 0)
    # a repeat of the decision does not draw it again, a new try does
    assert await charge(db, tenant, [(message, 3)]) == [Charged(True, repeated=True)]
    assert await has(db, tenant) == (10, 0, 0, 0)
    async with db.tx(tenant) as tx:
        assert await sms.charge_again(tx, [Charge(message, 4)]) == [Charged(True)]
    assert await has(db, tenant) == (6, 4, 0, 0)


@pytest.mark.covers("X-05", "S2-66")
async def test_the_providers_word_on_the_parts_counts_also_when_it_comes_late_or_twice(
    db: Database, tenant: int, report_key: str
) -> None:
    await stock(db, tenant, 10, price_fen=100)
    one, other = uuid4(), uuid4()
    await charge(db, tenant, [(one, 3), (other, 2)])
    for _ in range(2):
        async with db.tx(tenant) as tx:
            assert await sms.settle(tx, [(one, 2), (uuid4(), 9)]) == {one: (2, 20)}
    assert await has(db, tenant) == (6, 4, 0, 40)
    async with db.tx(tenant) as tx:
        await sms.give_back(tx, [one, other])  # billed is billed; only the other comes back
    assert await has(db, tenant) == (8, 2, 0, 20)
    async with db.tx(tenant) as tx:
        await sms.settle(tx, [(other, 3)])  # given back, and billed all the same
    assert await has(db, tenant) == (5, 5, 0, 50)


@pytest.mark.covers("X-05")
async def test_what_is_billed_beyond_the_stock_is_owed_and_taken_from_the_next_package(
    db: Database, tenant: int, report_key: str
) -> None:
    await stock(db, tenant, 2)
    one, other = uuid4(), uuid4()
    await charge(db, tenant, [(one, 1), (other, 1)])
    async with db.tx(tenant) as tx:
        await sms.settle(tx, [(one, 4), (other, 3)])
    assert await has(db, tenant) == (0, 7, 5, 0)
    async with db.tx(tenant) as tx:
        await sms.settle(tx, [(other, 1)])
    assert await has(db, tenant) == (0, 5, 3, 0)
    await stock(db, tenant, 10)
    assert await has(db, tenant) == (7, 5, 0, 0)


@pytest.mark.covers("X-05", "X-16", "S1-24")
async def test_paid_by_the_part_the_price_is_the_one_of_its_time(db: Database, tenant: int, report_key: str) -> None:
    first, second = uuid4(), uuid4()
    assert await charge(db, tenant, [(first, 2)]) == [Charged(True, cost_fen=20)]
    async with db.tx(0) as tx:
        await sms.save_settings(tx, part_fen=7, sign_name="会达")
    try:
        assert await charge(db, tenant, [(second, 2)]) == [Charged(True, cost_fen=14)]
        async with db.tx(tenant) as tx:
            settled = await sms.settle(tx, [(first, 3), (second, 3)])
        assert settled == {first: (3, 30), second: (3, 21)}
    finally:
        async with db.tx(0) as tx:
            await sms.save_settings(tx, part_fen=10, sign_name="会达")
    assert await has(db, tenant) == (0, 6, 0, 51)


@pytest.mark.covers("S2-67")
async def test_the_merchant_is_told_once_before_nothing_is_left(db: Database, tenant: int, report_key: str) -> None:
    await stock(db, tenant, 300)
    await charge(db, tenant, [(uuid4(), 269)])
    assert await facts(db, tenant, "sms.parts_low") == []
    for _ in range(3):
        await charge(db, tenant, [(uuid4(), 1)])
    [told] = await facts(db, tenant, "sms.parts_low")
    assert (told["parts_left"], told["threshold"]) == (30, 30)
    await stock(db, tenant, 300)
    await charge(db, tenant, [(uuid4(), 300)])
    assert [fact["parts_left"] for fact in await facts(db, tenant, "sms.parts_low")] == [30, 28]


async def test_ways_follow_the_weights_and_stay_with_their_message(db: Database, tenant: int, report_key: str) -> None:
    async with db.read(tenant) as tx:
        [way] = await sms.ways(tx, {"aliyun": "SMS_1", "tencent": "1"})
    ways = [
        sms.SmsWay("aliyun", way.credentials, "会达", "SMS_1", weight=300),
        sms.SmsWay("tencent", way.credentials, "会达", "1", weight=100),
    ]
    firsts = [sms.in_order(ways, f"1.{number}")[0].provider for number in range(4000)]
    assert 2900 < firsts.count("aliyun") < 3100
    assert [sms.in_order(ways, f"1.{number}")[0].provider for number in range(4000)] == firsts

"""Coupons: giving under stock and limit, a coupon's life, reminders, doors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from huida.kernel.db import Database, Tx
from huida.kernel.errors import AppError
from huida.kernel.facts import SHARDS
from huida.kernel.worker import Worker
from huida.main import System
from huida.modules import coupons
from huida.modules.coupons import Gift, Terms, rules
from tests import make

CASH = Terms(name="满30减5元券", kind="cash", amount_fen=500, threshold_fen=3000, total=10, valid_days=30)
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
"""12:00 on 21 November in Shanghai."""


async def anybody(_: UUID) -> None:
    """Whoever it is: these members exist in these tests only."""


class At:
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


@asynccontextmanager
async def at(db: Database, tenant: int, moment: datetime) -> AsyncIterator[Tx]:
    """A transaction at another time."""
    elsewhen = Database(db.url, clock=At(moment), sealer=db.sealer, subscriptions=db.subscriptions, pool_size=1)
    try:
        async with elsewhen.tx(tenant) as tx:
            yield tx
    finally:
        await elsewhen.close()


async def on_offer(db: Database, tenant: int, terms: Terms = CASH) -> UUID:
    async with db.tx(tenant) as tx:
        template_id = await coupons.create_template(tx, terms)
        await coupons.put_on(tx, template_id)
    return template_id


async def rows(db: Database, tenant: int, query: str) -> list[tuple[Any, ...]]:
    async with db.read(tenant) as tx:
        return [tuple(row) for row in await tx.fetch(query, tenant)]


async def told(db: Database, tenant: int) -> list[str]:
    """Kinds of the merchant's facts about coupons, in order."""
    return [
        row[0]
        for row in await rows(
            db, tenant, "SELECT kind FROM facts WHERE tenant_id = $1 AND kind LIKE 'coupon.%' ORDER BY id"
        )
    ]


async def state_of_stock(db: Database, tenant: int) -> tuple[int, int, int]:
    """(issued of all templates, coupons, what holders were given)."""
    [(issued,)] = await rows(
        db, tenant, "SELECT coalesce(sum(issued), 0)::int FROM coupon_templates WHERE tenant_id = $1"
    )
    [(there,)] = await rows(db, tenant, "SELECT count(*)::int FROM coupons WHERE tenant_id = $1")
    [(held,)] = await rows(db, tenant, "SELECT coalesce(sum(issued), 0)::int FROM coupon_holders WHERE tenant_id = $1")
    return issued, there, held


async def holds(db: Database, tenant: int) -> dict[str, list[Any]]:
    """Broken invariants by name (none, when all is well)."""
    async with db.read(tenant) as tx:
        found = {name: await tx.fetch(query) for name, query in coupons.INVARIANTS.items()}
    return {name: broken for name, broken in found.items() if broken}


async def give(db: Database, tenant: int, template_id: UUID, member: UUID | None = None, key: str = "k1") -> Any:
    async with db.tx(tenant) as tx:
        return await coupons.issue(tx, template_id, member_id=member or uuid4(), source="test", source_key=key)


def refusal(error: pytest.ExceptionInfo[AppError]) -> tuple[int, str]:
    return error.value.status, error.value.code


async def test_a_coupon_is_given_with_code_validity_and_fact(db: Database, tenant: int) -> None:
    template_id = await on_offer(db, tenant)
    member = uuid4()
    async with at(db, tenant, NOON) as tx:
        coupon = await coupons.issue(tx, template_id, member_id=member, source="test", source_key="k1")
    assert (coupon.state, coupon.name, coupon.member_id) == ("issued", "满30减5元券", member)
    assert (coupon.valid_from, coupon.valid_until) == (NOON, datetime(2026, 12, 21, 15, 59, 59, tzinfo=UTC))
    assert rules.normal_code(coupon.code) == coupon.code
    [(payload,)] = await rows(db, tenant, "SELECT payload::text FROM facts WHERE tenant_id = $1")
    assert coupon.code in payload and await told(db, tenant) == ["coupon.issued"]
    assert await state_of_stock(db, tenant) == (1, 1, 1)


async def test_the_same_reason_gives_the_same_coupon(db: Database, tenant: int) -> None:
    template_id, member = await on_offer(db, tenant), uuid4()
    first = await give(db, tenant, template_id, member)
    assert await give(db, tenant, template_id, member) == first
    with pytest.raises(AppError) as other_member:
        await give(db, tenant, template_id, uuid4())
    assert refusal(other_member) == (409, "coupon.source_reused")
    assert (await state_of_stock(db, tenant), await told(db, tenant)) == ((1, 1, 1), ["coupon.issued"])


async def test_refusals_change_nothing(db: Database, tenant: int) -> None:
    member = uuid4()
    template_id = await on_offer(db, tenant, Terms(name="两张", kind="gift", total=2, valid_days=1))
    await give(db, tenant, template_id, member, "a")
    with pytest.raises(AppError) as limit:
        await give(db, tenant, template_id, member, "b")
    await give(db, tenant, template_id, uuid4(), "c")
    with pytest.raises(AppError) as sold_out:
        await give(db, tenant, template_id, uuid4(), "d")
    async with db.tx(tenant) as tx:
        draft = await coupons.create_template(tx, CASH)
    with pytest.raises(AppError) as not_on:
        await give(db, tenant, draft)
    over = await on_offer(
        db,
        tenant,
        Terms(name="旧", kind="gift", total=9, valid_from=date(2020, 1, 1), valid_to=date(2020, 1, 31)),
    )
    with pytest.raises(AppError) as ended:
        await give(db, tenant, over)
    with pytest.raises(AppError) as unknown:
        await give(db, tenant, uuid4())
    assert [refusal(each) for each in (limit, sold_out, not_on, ended, unknown)] == [
        (409, "coupon.limit_reached"),
        (409, "coupon.sold_out"),
        (409, "coupon.template_not_on"),
        (409, "coupon.template_ended"),
        (404, "coupon.template_not_found"),
    ]
    assert (await state_of_stock(db, tenant), await holds(db, tenant)) == ((2, 2, 2), {})


async def test_a_batch_answers_each_gift_and_gives_what_is_left(db: Database, tenant: int) -> None:
    template_id = await on_offer(db, tenant, Terms(name="三张", kind="gift", total=3, per_member=2, valid_days=7))
    one, two, three = uuid4(), uuid4(), uuid4()
    gifts = [
        Gift(one, "1"),
        Gift(one, "2"),
        Gift(one, "3"),
        Gift(one, "1"),
        Gift(two, "4"),
        Gift(three, "5"),
    ]
    async with db.tx(tenant) as tx:
        given = await coupons.issue_many(tx, template_id, gifts, source="campaign")
    assert [(g.coupon is not None, g.repeated, g.refusal.code if g.refusal else "") for g in given] == [
        (True, False, ""),
        (True, False, ""),
        (False, False, "coupon.limit_reached"),
        (True, True, ""),
        (True, False, ""),
        (False, False, "coupon.sold_out"),
    ]
    assert given[3].coupon == given[0].coupon
    assert (await state_of_stock(db, tenant), await holds(db, tenant)) == ((3, 3, 3), {})
    async with db.tx(tenant) as tx:
        again = await coupons.issue_many(tx, template_id, gifts[:2], source="campaign")
    assert [(g.coupon, g.repeated) for g in again] == [(given[0].coupon, True), (given[1].coupon, True)]
    assert await state_of_stock(db, tenant) == (3, 3, 3)


async def test_a_coupon_is_used_once_and_the_same_order_may_ask_again(db: Database, tenant: int) -> None:
    await make.store(db, tenant)
    coupon = await give(db, tenant, await on_offer(db, tenant))
    typed = f" {coupon.code[:5].lower()}-{coupon.code[5:]} "
    async with db.tx(tenant) as tx:
        used, off_fen = await coupons.redeem(
            tx, typed, may_use=anybody, store_code="S01", order_ref="o-1", order_fen=4000
        )
    assert (used.state, used.store_code, off_fen) == ("used", "S01", 500)
    async with db.tx(tenant) as tx:
        again, _ = await coupons.redeem(
            tx,
            coupon.code,
            may_use=anybody,
            store_code="S01",
            order_ref="o-1",
            order_fen=4000,
        )
    assert again == used
    with pytest.raises(coupons.CouponNotUsable) as second:
        async with db.tx(tenant) as tx:
            await coupons.redeem(tx, coupon.code, may_use=anybody, store_code="S01", order_ref="o-2")
    assert (refusal(second), second.value.params["reason"]) == ((409, "coupon.already_used"), "used")
    assert await told(db, tenant) == ["coupon.issued", "coupon.redeemed"]


async def test_what_cannot_be_used_says_why_and_stays(db: Database, tenant: int) -> None:
    template_id = await on_offer(db, tenant)
    future = await on_offer(
        db,
        tenant,
        Terms(name="明年", kind="gift", total=1, valid_from=date(2090, 1, 1), valid_to=date(2090, 12, 31)),
    )
    cases = {name: await give(db, tenant, template_id, key=name) for name in ("below", "void", "returned", "old")}
    cases["early"] = await give(db, tenant, future)
    async with db.tx(tenant) as tx:
        await coupons.void(tx, cases["void"].code, reason="误发")
        await coupons.give_back(tx, cases["returned"].code)
    late = cases["old"].valid_until + timedelta(seconds=1)
    found = {}
    for name, coupon in cases.items():
        with pytest.raises(AppError) as refused:
            async with at(db, tenant, late if name == "old" else db.clock.now()) as tx:
                await coupons.redeem(
                    tx,
                    coupon.code,
                    may_use=anybody,
                    order_fen=2999 if name == "below" else None,
                )
        found[name] = refusal(refused)
    assert found == {
        "below": (409, "coupon.below_threshold"),
        "void": (409, "coupon.taken_away"),
        "returned": (409, "coupon.given_back"),
        "old": (409, "coupon.over"),
        "early": (409, "coupon.not_yet_valid"),
    }
    assert await rows(
        db, tenant, "SELECT state, count(*)::int FROM coupons WHERE tenant_id = $1 GROUP BY 1 ORDER BY 1"
    ) == [("issued", 3), ("returned", 1), ("void", 1)]


async def test_mistyped_and_unknown_codes(db: Database, tenant: int) -> None:
    coupon = await give(db, tenant, await on_offer(db, tenant))
    swapped = coupon.code[1] + coupon.code[0] + coupon.code[2:]
    stranger = next(code for code in iter(rules.new_code, "") if code != coupon.code)
    async with db.read(tenant) as tx:
        if swapped != coupon.code:
            with pytest.raises(AppError) as mistyped:
                await coupons.by_code(tx, swapped)
            assert refusal(mistyped) == (422, "coupon.bad_code")
        with pytest.raises(AppError) as unknown:
            await coupons.by_code(tx, stranger)
    assert refusal(unknown) == (404, "coupon.not_found")


async def test_a_reversal_reopens_and_other_moves_are_refused(db: Database, tenant: int) -> None:
    coupon = await give(db, tenant, await on_offer(db, tenant))
    async with db.tx(tenant) as tx:
        await coupons.redeem(tx, coupon.code, may_use=anybody, order_ref="o-1")
    with pytest.raises(AppError) as void_used:
        async with db.tx(tenant) as tx:
            await coupons.void(tx, coupon.code, reason="x")
    async with db.tx(tenant) as tx:
        assert await coupons.reopen(tx, coupon.code) == coupon
    with pytest.raises(AppError) as twice:
        async with db.tx(tenant) as tx:
            await coupons.reopen(tx, coupon.code)
    assert (refusal(void_used), refusal(twice)) == ((409, "state.wrong"), (409, "state.wrong"))
    assert await told(db, tenant) == ["coupon.issued", "coupon.redeemed", "coupon.reopened"]


async def test_coupons_expire_after_their_last_second_in_batches(db: Database, tenant: int) -> None:
    template_id = await on_offer(db, tenant)
    given = [await give(db, tenant, template_id, key=str(n)) for n in range(3)]
    used = given[0]
    async with db.tx(tenant) as tx:
        await coupons.redeem(tx, used.code, may_use=anybody)
    async with at(db, tenant, used.valid_until) as tx:
        assert await coupons.expire(tx) == 0
    async with at(db, tenant, used.valid_until + timedelta(seconds=1)) as tx:
        assert [await coupons.expire(tx, limit=1) for _ in range(3)] == [1, 1, 0]
    assert await rows(
        db, tenant, "SELECT state, count(*)::int FROM coupons WHERE tenant_id = $1 GROUP BY 1 ORDER BY 1"
    ) == [("expired", 2), ("used", 1)]
    assert (await told(db, tenant)).count("coupon.expired") == 2
    assert await holds(db, tenant) == {}


async def reminded(db: Database, tenant: int) -> list[tuple[str, str, int]]:
    """(code, why, days left) of the reminders told, in order."""
    return await rows(
        db,
        tenant,
        "SELECT payload->>'code', payload->>'why', (payload->>'days_left')::int FROM facts "
        "WHERE tenant_id = $1 AND kind = 'coupon.reminder_due' ORDER BY id",
    )


async def claimed_at_noon(db: Database, tenant: int, count: int, *, valid_days: int = 30) -> list[coupons.Coupon]:
    template_id = await on_offer(db, tenant, Terms(name="券", kind="gift", total=count, valid_days=valid_days))
    async with at(db, tenant, NOON) as tx:
        given = await coupons.issue_many(tx, template_id, [Gift(uuid4(), str(n)) for n in range(count)], source="test")
    return [one.coupon for one in given if one.coupon is not None]


@pytest.mark.covers("S1-08")
async def test_unused_coupons_are_called_to_mind_on_the_merchants_days(db: Database, tenant: int) -> None:
    [coupon] = await claimed_at_noon(db, tenant, 1)
    async with db.tx(tenant) as tx:
        await coupons.save_reminders(tx, after_days=7, before_days=3)
    ten = NOON - timedelta(hours=2)
    for day in range(31):
        async with at(db, tenant, ten + timedelta(days=day)) as tx:
            await coupons.remind(tx)
            await coupons.remind(tx)
    assert await reminded(db, tenant) == [(coupon.code, "after_claim", 23), (coupon.code, "before_expiry", 3)]


@pytest.mark.covers("S1-08")
async def test_used_expired_returned_and_voided_coupons_are_not_called_to_mind(db: Database, tenant: int) -> None:
    used, gone, back, old, left = await claimed_at_noon(db, tenant, 5, valid_days=10)
    async with db.tx(tenant) as tx:
        await coupons.save_reminders(tx, after_days=0, before_days=3)
    async with at(db, tenant, NOON + timedelta(days=1)) as tx:
        await coupons.redeem(tx, used.code, may_use=anybody)
        await coupons.void(tx, gone.code, reason="误发")
        await coupons.give_back(tx, back.code)
        await tx.execute(
            "UPDATE coupons SET state = 'expired', closed_at = $2 WHERE tenant_id = $1 AND id = $3",
            *(tenant, tx.now, old.id),
        )
    async with at(db, tenant, NOON + timedelta(days=8)) as tx:
        assert await coupons.remind(tx) == 1
    assert await reminded(db, tenant) == [(left.code, "before_expiry", 2)]


async def test_no_reminder_when_off_on_the_day_of_the_claim_or_long_after(db: Database, tenant: int) -> None:
    await claimed_at_noon(db, tenant, 1, valid_days=1)
    [long_lasting] = await claimed_at_noon(db, tenant, 1, valid_days=300)
    async with at(db, tenant, NOON + timedelta(hours=1)) as tx:
        assert await coupons.remind(tx) == 0
    async with db.tx(tenant) as tx:
        await coupons.save_reminders(tx, after_days=0, before_days=0)
    async with at(db, tenant, NOON + timedelta(days=20)) as tx:
        assert await coupons.remind(tx) == 0
        await coupons.save_reminders(tx, after_days=5, before_days=0)
        assert await coupons.remind(tx) == 0
    async with at(db, tenant, NOON + timedelta(days=11)) as tx:
        assert await coupons.remind(tx) == 1
    assert await reminded(db, tenant) == [(long_lasting.code, "after_claim", 289)]


async def test_both_reasons_on_one_day_make_one_reminder(db: Database, tenant: int) -> None:
    [coupon] = await claimed_at_noon(db, tenant, 1, valid_days=10)
    async with db.tx(tenant) as tx:
        await coupons.save_reminders(tx, after_days=7, before_days=3)
    for day in (7, 8):
        async with at(db, tenant, NOON + timedelta(days=day)) as tx:
            await coupons.remind(tx)
    assert await reminded(db, tenant) == [(coupon.code, "before_expiry", 3)]


@pytest.mark.covers("S1-08")
async def test_bad_timing_is_refused_and_the_timing_stays(db: Database, tenant: int) -> None:
    async with db.tx(tenant) as tx:
        await coupons.save_reminders(tx, after_days=7, before_days=0)
    with pytest.raises(AppError) as refused:
        async with db.tx(tenant) as tx:
            await coupons.save_reminders(tx, after_days=366, before_days=0)
    assert (refusal(refused), refused.value.where) == ((422, "coupon.bad_reminder"), "remind_after_days")
    async with db.read(tenant) as tx:
        assert await coupons.reminders(tx) == coupons.Reminders(7, 0)


async def test_the_schedules_reach_every_merchant(system: System, tenant: int) -> None:
    db = system.db
    [coupon] = await claimed_at_noon(db, tenant, 1, valid_days=3)
    other = await make.merchant(db)
    async with db.tx(0) as tx:
        await coupons.work.jobs["coupons.expire_everywhere"](tx, [{}])
    jobs = {}
    async with db.raw() as (_, sql):
        for tenant_id in (tenant, other):
            jobs[tenant_id] = await sql.fetchval(
                "SELECT count(*) FROM jobs WHERE tenant_id = $1 AND kind = 'coupons.expire_some'", tenant_id
            )
    assert jobs == {tenant: 1, other: 1}
    elsewhen = Database(
        db.url, clock=At(coupon.valid_until + timedelta(hours=1)), sealer=db.sealer, subscriptions=db.subscriptions
    )
    await Worker(elsewhen, system.registry).turn(range(SHARDS), tenant, only_tenant=tenant)
    await elsewhen.close()
    assert await rows(db, tenant, "SELECT state FROM coupons WHERE tenant_id = $1") == [("expired",)]


async def test_terms_are_fixed_once_a_template_was_on(db: Database, tenant: int) -> None:
    template_id = await on_offer(db, tenant)
    await give(db, tenant, template_id)
    for changes, expected in (
        ({"amount_fen": 600}, (409, "coupon.terms_fixed")),
        ({"valid_days": 5}, (409, "coupon.terms_fixed")),
        ({"total": 0}, (422, "coupon.bad_total")),
    ):
        with pytest.raises(AppError) as refused:
            async with db.tx(tenant) as tx:
                await coupons.update_template(tx, template_id, changes)
        assert refusal(refused) == expected
    async with db.tx(tenant) as tx:
        await coupons.update_template(tx, template_id, {"name": "新名", "total": 1})
        row = await coupons.get_template(tx, template_id)
    assert (row["name"], row["total"], row["amount_fen"]) == ("新名", 1, 500)

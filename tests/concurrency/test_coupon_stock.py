"""Many tills at once: never more coupons than there are, never one coupon twice.

The first test is the control: without the lock and the guard, the same rush gives too many.
"""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

from huida.kernel.db import Database, Tx
from huida.kernel.errors import AppError
from huida.kernel.ids import uuid7
from huida.modules import coupons
from huida.modules.coupons import Terms


async def anybody(_: UUID) -> None:
    """Whoever it is: these members exist in these tests only."""


STOCK = 10
RUSH = 50


async def offer(db: Database, tenant: int, *, total: int = STOCK, per_member: int = 1) -> UUID:
    async with db.tx(tenant) as tx:
        template_id = await coupons.create_template(
            tx, Terms(name="抢券", kind="gift", total=total, per_member=per_member, valid_days=30)
        )
        await coupons.put_on(tx, template_id)
    return template_id


async def counts(db: Database, tenant: int) -> tuple[int, int]:
    """(issued of the template, coupons there are)."""
    async with db.read(tenant) as tx:
        issued = await tx.value("SELECT sum(issued)::int FROM coupon_templates WHERE tenant_id = $1", tenant)
        return issued, await tx.value("SELECT count(*)::int FROM coupons WHERE tenant_id = $1", tenant)


async def naive_issue(tx: Tx, template_id: UUID, gate: asyncio.Barrier) -> bool:
    """What one writes first: read the stock, compare, write."""
    left = await tx.value(
        "SELECT total - issued FROM coupon_templates WHERE tenant_id = $1 AND id = $2", tx.tenant_id, template_id
    )
    await gate.wait()
    if left <= 0:
        return False
    await tx.execute(
        "INSERT INTO coupons (tenant_id, id, template_id, member_id, code, name, state, source, source_key, issued_at, "
        "valid_from, valid_until) VALUES ($1, $2, $3, $2, $4, 'x', 'issued', 'naive', $4, $5, $5, $5)",
        *(tx.tenant_id, uuid7(), template_id, str(uuid4()), tx.now),
    )
    return True


async def test_control_reading_then_writing_oversells(db: Database, tenant: int) -> None:
    template_id = await offer(db, tenant, total=1)
    gate = asyncio.Barrier(4)

    async def one() -> bool:
        async with db.tx(tenant) as tx:
            return await naive_issue(tx, template_id, gate)

    assert await asyncio.gather(*(one() for _ in range(4))) == [True] * 4
    assert (await counts(db, tenant))[1] == 4


async def issue_one(db: Database, tenant: int, template_id: UUID, member: UUID, key: str) -> str:
    try:
        async with db.tx(tenant) as tx:
            await coupons.issue(tx, template_id, member_id=member, source="rush", source_key=key)
    except AppError as refused:
        return refused.code
    return "given"


async def test_fifty_at_once_for_ten_coupons_get_exactly_ten(db: Database, tenant: int) -> None:
    template_id = await offer(db, tenant)
    outcomes = await asyncio.gather(
        *(issue_one(db, tenant, template_id, uuid4(), str(number)) for number in range(RUSH))
    )
    assert Counter(outcomes) == {"given": STOCK, "coupon.sold_out": RUSH - STOCK}
    assert await counts(db, tenant) == (STOCK, STOCK)


async def test_one_member_at_many_doors_gets_no_more_than_the_limit(db: Database, tenant: int) -> None:
    template_id, member = await offer(db, tenant, total=100, per_member=2), uuid4()
    outcomes = await asyncio.gather(*(issue_one(db, tenant, template_id, member, str(number)) for number in range(20)))
    assert Counter(outcomes) == {"given": 2, "coupon.limit_reached": 18}
    assert await counts(db, tenant) == (2, 2)


async def test_the_same_reason_at_the_same_time_gives_one_coupon(db: Database, tenant: int) -> None:
    template_id, member = await offer(db, tenant, total=100, per_member=5), uuid4()
    outcomes = await asyncio.gather(*(issue_one(db, tenant, template_id, member, "same") for _ in range(20)))
    assert Counter(outcomes) == {"given": 20}
    assert await counts(db, tenant) == (1, 1)


async def test_one_code_at_many_tills_is_used_once(db: Database, tenant: int) -> None:
    template_id = await offer(db, tenant)
    async with db.tx(tenant) as tx:
        coupon = await coupons.issue(tx, template_id, member_id=uuid4(), source="t", source_key="k")

    async def one(number: int) -> str:
        try:
            async with db.tx(tenant) as tx:
                await coupons.redeem(tx, coupon.code, may_use=anybody, order_ref=f"o-{number}")
        except AppError as refused:
            return refused.code
        return "used"

    outcomes = await asyncio.gather(*(one(number) for number in range(20)))
    assert Counter(outcomes) == {"used": 1, "coupon.already_used": 19}
    async with db.read(tenant) as tx:
        told = await tx.value("SELECT count(*) FROM facts WHERE tenant_id = $1 AND kind = 'coupon.redeemed'", tenant)
    assert told == 1

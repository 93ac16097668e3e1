"""What tests of the books share: rules, levels, points, and the schedules of loyalty run to their end."""

from typing import Any
from uuid import UUID, uuid4

from huida.kernel.facts import SHARDS
from tests import make
from tests.asgi import Client, Reply
from tests.shop import Shop, whole_rules

LEVELS = [
    {"code": "normal", "name": "普通", "growth": 0, "rate_bp": 10_000},
    {"code": "silver", "name": "银卡", "growth": 1000, "rate_bp": 12_000},
    {"code": "gold", "name": "金卡", "growth": 5000, "rate_bp": 15_000},
]


async def rules(shop: Shop, **decided: Any) -> None:
    saved = await shop.staff.put("/api/console/loyalty/rules", whole_rules(**decided))
    assert saved.status == 200, saved.text
    await shop.settle()


async def level(shop: Shop, member: UUID) -> str:
    async with shop.db.read(shop.tenant) as tx:
        return str(await tx.value("SELECT level FROM members WHERE id = $1", member))


async def points_of(shop: Shop, member: UUID) -> int:
    return (await shop.balances(member)).get("points", 0)


async def adjust(shop: Shop, member: UUID, *, points: int = 0, balance_fen: int = 0) -> Reply:
    """A correction by somebody who has just logged in: sessions do not outlive the jumps of the clock."""
    staff = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant))
    body = {"key": str(uuid4()), "points": points, "balance_fen": balance_fen, "note": "兑换"}
    return await staff.post(f"/api/console/loyalty/members/{member}/adjust", body)


async def run(shop: Shop, *schedules: str) -> None:
    """What these schedules begin, to its end, for the platform and for this merchant."""
    assert set(schedules) <= {schedule.name for schedule in shop.world.system.registry.schedules}
    async with shop.db.tx(0) as tx:
        for name in schedules:
            tx.enqueue(name, {})
    while await shop.world.worker.turn(range(SHARDS), 0, only_tenant=0):
        pass
    await shop.world.settle()


async def nights(shop: Shop, days: int) -> None:
    """So many days go by; at the end the nightly work runs."""
    await shop.later(days=days)
    await run(shop, "loyalty.nightly")

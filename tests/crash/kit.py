"""What crash tests share: guests with subscriptions, tills that try again, and the reckoning at the end."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from huida.main import INVARIANTS
from huida.modules import members
from huida.modules.messaging import credits as credit_ledger
from tests import make
from tests.asgi import Reply
from tests.shop import Shop
from wesim import seed


async def guests(shop: Shop, number: int, template_id: str, credits_each: int) -> list[UUID]:
    """Members who may be sent so many subscribe messages."""
    made = []
    for place in range(number):
        person, phone = f"guest{place}", f"1392000{place:04d}"
        await shop.sim.post("/_sim/persons", {"id": person, "name": "客人", "phone": phone})
        member = await make.member(shop.db, shop.tenant, name="客人", phone=phone)
        shop.persons[member] = person
        openid = shop.openid(member)
        await shop.centre(member)
        asked = {"person": person, "app": seed.MINI_APPID, "templates": [template_id], "choices": "accept"}
        for _ in range(credits_each):
            assert (await shop.sim.post("/_sim/subscribe", asked)).status == 200
        async with shop.db.tx(shop.tenant) as tx:
            await members.link_identity(tx, member, app_id=seed.MINI_APPID, openid=openid)
            for _ in range(credits_each):
                await credit_ledger.client_answered(
                    tx, report_id=uuid4(), app_id=seed.MINI_APPID, openid=openid, answers={template_id: "accept"}
                )
        made.append(member)
    return made


async def report(shop: Shop, card: str, till_no: str, total_fen: int, seen: Counter[int]) -> Reply:
    """A till that sends a purchase until it is acknowledged, as the API's manual tells it to."""
    row = {"store": "S01", "till_no": till_no, "card_no": card, "total_fen": total_fen}
    while True:
        reply = await shop.key.post("/api/v1/purchases", row)
        seen[reply.status] += 1
        if reply.status in (200, 201):
            return reply
        assert reply.refusal == (503, "server.unavailable"), reply.text
        await asyncio.sleep(0.05)


async def ask(url: str, query: str, *args: Any) -> list[Any]:
    """Ask as the owner, who sees every merchant."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query, *args))
    finally:
        await connection.close()


async def broken(url: str) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    try:
        found = {name: await connection.fetch(query) for name, query in INVARIANTS.items()}
    finally:
        await connection.close()
    return {name: rows[:3] for name, rows in found.items() if rows}


async def quiet(url: str, *, within_s: float = 90) -> None:
    """Wait until nothing is queued and no message is on its way.

    When all that is left waits for its time (a receipt that overtook its message, an SMS that is asked about), its time
    has come.
    """
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(within_s):
            while True:
                row = await connection.fetchrow(
                    "SELECT (SELECT count(*) FROM jobs WHERE kind <> 'test') "
                    "+ (SELECT count(*) FROM deliveries WHERE state IN ('queued', 'retrying')) AS now, "
                    "(SELECT count(*) FROM jobs_later) AS later"
                )
                if row["now"] == row["later"] == 0:
                    return
                if row["now"] == 0:
                    await connection.execute("UPDATE jobs_later SET due_at = now() - interval '1 second'")
                await asyncio.sleep(0.2)
    finally:
        await connection.close()


async def lease_over(url: str, dead: UUID) -> None:
    """Let the time be over during which nobody else touches a dead worker's shards."""
    await ask(url, "UPDATE shard_leases SET expires_at = now() - interval '1 second' WHERE owner = $1", dead)
    await ask(url, "DELETE FROM workers WHERE id = $1", dead)


async def begun(url: str, kind: str, by: UUID) -> int:
    """Errands of a kind that this worker has begun and not recorded."""
    [row] = await ask(url, "SELECT count(*) AS n FROM jobs WHERE kind LIKE $1 AND started_by = $2", kind, by)
    return int(row["n"])


def amounts(shop: Shop, member: UUID) -> list[str]:
    """The amounts that the messages on this phone speak of, in their order."""
    inbox = shop.world.sim.persons[shop.persons[member]].inbox
    return [value for m in inbox if m.kind == "subscribe" for _, value in m.fields if value.endswith("元")]


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}元"

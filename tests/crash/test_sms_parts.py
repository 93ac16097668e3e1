"""Workers killed while SMS go out: the ledger of parts still holds what the carriers billed, to the last one (X-05)."""

import asyncio
import random
from collections import Counter
from uuid import uuid4

import asyncpg
import pytest

from huida.kernel.embedded import EmbeddedPostgres
from huida.modules.sms import plans
from tests import make
from tests.crash import kit
from tests.crash.conftest import Workers
from tests.shop import Shop

pytestmark = pytest.mark.slow

GUESTS = 10
SALES = 120
DEATHS = 4
STOCK = 200
HOST = "dysmsapi.aliyuncs.com"


async def all_answers(url: str) -> None:
    """Let what would be asked during a day be asked now, until nothing is left to ask."""
    async with asyncio.timeout(60):
        while True:
            connection = await asyncpg.connect(url)
            try:
                await connection.execute("UPDATE jobs_later SET due_at = now() - interval '1 second'")
                left = await connection.fetchval(
                    "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM jobs_later) "
                    "+ (SELECT count(*) FROM deliveries WHERE state IN ('queued', 'retrying'))"
                )
            finally:
                await connection.close()
            if not left:
                return
            await asyncio.sleep(0.2)


@pytest.mark.timeout(240)
@pytest.mark.covers("X-05", "S2-66")
async def test_parts_in_the_ledger_are_those_that_were_billed_whoever_died(
    shop: Shop, workers: Workers, postgres: EmbeddedPostgres, dice: random.Random
) -> None:
    await shop.enable("consumption", "sms")
    await shop.sim.post("/_sim/sms/settings", {"flow_control": False, "extra_parts": 1, "receipt_delay_s": 0.2})
    async with shop.db.tx(shop.tenant) as tx:
        await plans.credit(tx, source_type="t", source_id=uuid4(), amount=STOCK, price_fen=1600, contra="t")
    cards = []
    for place in range(GUESTS):
        member = await make.member(shop.db, shop.tenant, name="客人", phone=f"1392000{place:04d}")
        cards.append(await shop.card_no(member))
    await shop.fault("delay", host=HOST, delay_s=0.2)
    answers: Counter[int] = Counter()

    async def sell() -> None:
        for number in range(SALES):
            if number % 15 == 7:
                kind = dice.choice(("process_then_drop", "drop", "refuse"))
                await shop.fault(
                    kind, host=HOST, count=1, **({"code": "isv.SMS_TEMPLATE_ILLEGAL"} if kind == "refuse" else {})
                )
            await kit.report(shop, dice.choice(cards), f"T-{number}", 2500, answers)
            await asyncio.sleep(dice.uniform(0, 0.15))

    selling = asyncio.create_task(sell())
    current = [workers.start(), workers.start()]
    cut_off = 0
    for _ in range(DEATHS):
        place = dice.randrange(2)
        async with asyncio.timeout(40):
            while not await kit.begun(postgres.url, "messaging.send", current[place].id):
                await asyncio.sleep(0.02)
        workers.kill(current[place])
        cut_off += await kit.begun(postgres.url, "messaging.send", current[place].id) > 0
        current[place] = workers.start()
    await selling
    assert cut_off > DEATHS // 2
    await shop.no_faults()
    for _ in range(3):
        await shop.sim.post("/_sim/sms/settle")
        await all_answers(postgres.url)
    assert answers == {201: SALES}

    billed = (await shop.sim.get("/_sim/sms/billed", echo=f"{shop.tenant}.")).json()
    async with shop.db.read(shop.tenant) as tx:
        has = await plans.parts(tx)
    rows = await kit.ask(postgres.url, "SELECT state, reason, parts FROM deliveries WHERE tenant_id = $1", shop.tenant)
    print(Counter((row["state"], row["reason"]) for row in rows), billed["messages"], has)
    assert len(rows) == SALES
    assert has.used == billed["parts"] == sum(row["parts"] for row in rows)
    assert has.left - has.owed == STOCK - billed["parts"]
    assert len({item["echo"] for item in billed["items"]}) == billed["messages"], "a message was sent twice"
    assert await kit.broken(postgres.url) == {}

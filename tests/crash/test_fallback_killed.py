"""One channel after the other, with the worker killed in between: after a certain refusal exactly one next turn (X-01)."""

import asyncio
import random
from collections import Counter
from uuid import uuid4

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from huida.modules import mall, tenants
from tests.crash import kit
from tests.crash.conftest import Workers
from tests.mallshop import Mall
from tests.noticeshop import Desk
from tests.shop import Shop

pytestmark = pytest.mark.slow

GUESTS, ORDERS, DEATHS = 6, 60, 5
BEFORE_A_DEATH = 6


@pytest.mark.timeout(240)
@pytest.mark.covers("X-01")
async def test_a_refused_message_has_one_successor_whoever_dies(
    shop: Shop, workers: Workers, postgres: EmbeddedPostgres, dice: random.Random
) -> None:
    desk = Desk(Mall(shop))
    async with shop.db.tx(shop.tenant) as tx:
        await tenants.entitle(tx, mall.MODULE)
    template_id = await desk.on("order_paid", "subscribe")
    await desk.sms_on()
    assert (await desk.policy("order_paid", "ordered", "subscribe", "sms")).status == 200
    people = await kit.guests(shop, GUESTS, template_id, ORDERS)
    # Every second message is refused for certain, each answer takes its time.
    await shop.fault("refuse", path="/cgi-bin/message/subscribe/send", errcode=43004, probability=0.5)
    await shop.fault("delay", path="/cgi-bin/message/subscribe/send", delay_s=0.2)
    await shop.fault("delay", event="SendSms", delay_s=0.2)

    async def sell(numbers: range) -> None:
        for number in numbers:
            async with shop.db.tx(shop.tenant) as tx:
                tx.emit(
                    mall.OrderPaid(
                        subject_id=people[number % GUESTS],
                        order_id=uuid4(),
                        order_no=f"M{number:06d}",
                        goods="茶",
                        count=1,
                        total_fen=100,
                        receiver="客人",
                        transaction_id="42",
                        occurred_at=tx.now,
                    )
                )
            await asyncio.sleep(dice.uniform(0, 0.2))

    current, cut_off = workers.start(), 0
    for death in range(DEATHS):
        selling = asyncio.create_task(sell(range(death * BEFORE_A_DEATH, (death + 1) * BEFORE_A_DEATH)))
        async with asyncio.timeout(40):
            while not await kit.begun(postgres.url, "messaging.%", current.id):
                await asyncio.sleep(0.02)
        await asyncio.sleep(dice.uniform(0, 0.6))
        workers.kill(current)
        cut_off += await kit.begun(postgres.url, "messaging.%", current.id) > 0
        current = workers.start()
        await selling
    await sell(range(DEATHS * BEFORE_A_DEATH, ORDERS))
    assert cut_off > DEATHS // 2
    await kit.quiet(postgres.url)
    await shop.sim.post("/_sim/sms/settle")
    await kit.quiet(postgres.url)
    rows = await kit.ask(
        postgres.url,
        "SELECT f.payload->>'order_no' AS order_no, d.slot, d.state FROM deliveries d JOIN facts f "
        "ON f.tenant_id = d.tenant_id AND f.id = d.fact_id WHERE d.tenant_id = $1 AND d.scenario = 'order_paid'",
        shop.tenant,
    )
    state = {(row["order_no"], row["slot"]): row["state"] for row in rows}
    assert len(state) == len(rows)
    texts: Counter[str] = Counter()
    for member in people:
        texts.update(message["text"].split("订单")[1].split("已支付")[0] for message in await shop.texts(member))
    assert set(texts.values()) <= {1}, "a text came twice"
    turns = Counter(state[f"M{number:06d}", "subscribe"] for number in range(ORDERS))
    for number in range(ORDERS):
        order_no = f"M{number:06d}"
        refused = state[order_no, "subscribe"] == "failed"
        assert ((order_no, "sms") in state) == refused, (order_no, turns)
        if state.get((order_no, "sms")) == "delivered":
            assert texts[order_no] == 1
    assert turns["failed"] > 10
    assert await kit.broken(postgres.url) == {}
    print(f"{cut_off} of {DEATHS} deaths cut something off: {dict(turns)}")

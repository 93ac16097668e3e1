"""Channels are saved while the policy of their scenario is switched (X-01): whoever commits last, policy and channels agree.
The first test is the control: a policy that is switched without taking the scenario's turn leaves two of an exclusive one."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from huida.kernel.db import Database, Tx
from huida.modules import tenants
from huida.modules.messaging.bindings import write_live
from huida.modules.messaging.catalogue import BY_CODE
from huida.modules.messaging.policies import choose_policy
from tests import make
from tests.asgi import Client
from tests.noticeshop import PATH, open_desk

SCENARIO = BY_CODE["order_paid"]


async def state(db: Database, tenant: int) -> tuple[str, list[str]]:
    async with db.read(tenant) as tx:
        policy = await tx.value("SELECT policy FROM scenario_settings WHERE tenant_id = $1", tenant)
        rows = await tx.fetch("SELECT channel FROM bindings WHERE tenant_id = $1 AND live ORDER BY channel", tenant)
    return policy, [row["channel"] for row in rows]


async def naive_switch(tx: Tx) -> None:
    await tx.execute("UPDATE bindings SET live = false WHERE tenant_id = $1 AND channel <> 'sms'", tx.tenant_id)
    await tx.execute("UPDATE bindings SET exclusive = true WHERE tenant_id = $1", tx.tenant_id)


async def race(db: Database, tenant: int, switch: Any) -> None:
    """A switch to exclusive, and a save of another channel that begins before it and commits after it."""
    async with db.tx(tenant) as tx:
        await write_live(tx, SCENARIO, "sms", template_id="", mapping={})
    began, may_commit = asyncio.Event(), asyncio.Event()

    async def save() -> None:
        async with db.tx(tenant) as tx:
            await write_live(tx, SCENARIO, "template", template_id="t", mapping={})
            began.set()
            await may_commit.wait()

    async def become_exclusive() -> None:
        await began.wait()
        async with db.tx(tenant) as tx:
            await switch(tx)

    tasks = [asyncio.create_task(save()), asyncio.create_task(become_exclusive())]
    await began.wait()
    if switch is naive_switch:
        await tasks[1]
    else:
        async with db.raw() as (_, sql):  # the switch stands at the scenario's row
            while not await sql.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    may_commit.set()
    await asyncio.gather(*tasks)


async def test_control_without_the_scenarios_turn_two_are_live(db: Database, tenant: int) -> None:
    await race(db, tenant, naive_switch)
    assert (await state(db, tenant))[1] == ["sms", "template"]


@pytest.mark.covers("X-01", "S1-16")
async def test_a_switch_waits_for_the_save_and_keeps_what_was_saved_last(db: Database, tenant: int) -> None:
    async with db.tx(tenant) as tx:
        await tenants.entitle(tx, "mall")

    async def switch(tx: Tx) -> None:
        await choose_policy(tx, "order_paid", "exclusive", [])

    await race(db, tenant, switch)
    assert await state(db, tenant) == ("exclusive", ["template"])


@pytest.mark.covers("X-01", "S1-16")
async def test_many_saves_and_switches_at_once_end_as_the_policy_says(world: Any) -> None:
    desk = await open_desk(world)
    await desk.on("order_paid", "subscribe")
    await desk.on("order_paid", "template")
    text_id = await desk.sms_on()
    kept = {c["channel"]: c for c in (await desk.scenario("order_paid"))["channels"]}
    admins = [
        await make.logged_in(Client(world.app), await make.staff(desk.shop.db, desk.shop.tenant)) for _ in range(3)
    ]

    async def save(number: int) -> int:
        channel = ("subscribe", "template", "sms")[number % 3]
        body = {"template_id": kept[channel]["template_id"], "mapping": kept[channel]["mapping"]}
        path = f"{PATH}/scenarios/order_paid/channels/{channel}"
        return (await admins[number % 3].put(path, body)).status

    async def switch(number: int) -> int:
        policy = ("exclusive", "several", "ordered")[number % 3]
        body = {"policy": policy, "order": []}
        return (await admins[number % 3].put(f"{PATH}/scenarios/order_paid/policy", body)).status

    answers = await asyncio.gather(*(save(n) for n in range(12)), *(switch(n) for n in range(12)))
    # Who saw what another has changed meanwhile is told so; somebody comes first.
    assert set(answers) <= {200, 409}
    assert Counter(answers)[200] >= 1
    assert await desk.shop.invariants() == {}
    alone = await desk.policy("order_paid", "exclusive")
    assert alone.status == 200
    assert len(await desk.live("order_paid")) == 1
    assert text_id != ""

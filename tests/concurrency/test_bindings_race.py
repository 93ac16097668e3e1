"""Two admins save one scenario at the same time (S1-16). The first test is the control: without taking turns at the
scenario's row, the second save dies on the index, and what the first admin sees is not what the merchant has."""

import asyncio
import json
from collections import Counter
from typing import Any

import asyncpg
import pytest

from huida.kernel.db import Database, Tx
from huida.modules.messaging.bindings import write_live
from huida.modules.messaging.catalogue import BY_CODE
from tests import make
from tests.asgi import Client
from tests.shop import Shop

SCENARIO = BY_CODE["consumption"]


async def live(db: Database, tenant: int) -> list[str]:
    async with db.read(tenant) as tx:
        rows = await tx.fetch("SELECT channel FROM bindings WHERE tenant_id = $1 AND live ORDER BY channel", tenant)
    return [row["channel"] for row in rows]


async def saved(db: Database, tenant: int) -> list[tuple[str, list[str]]]:
    """The audit: (channel, what it stopped) by fact."""
    async with db.read(tenant) as tx:
        rows = await tx.fetch(
            "SELECT payload FROM facts WHERE tenant_id = $1 AND kind = 'messaging.channel_saved' ORDER BY id", tenant
        )
    return [(f["channel"], f["stopped"]) for f in (json.loads(row["payload"]) for row in rows)]


async def naive_save(tx: Tx, channel: str, gate: asyncio.Barrier) -> None:
    await tx.execute("UPDATE bindings SET live = false WHERE tenant_id = $1 AND channel <> $2", tx.tenant_id, channel)
    await gate.wait()
    await tx.execute(
        "INSERT INTO bindings (tenant_id, scenario, channel, live, template_id, mapping, updated_at, updated_by) "
        "VALUES ($1, 'consumption', $2, true, '', '{}', $3, 'x')",
        *(tx.tenant_id, channel, tx.now),
    )


async def test_control_without_turns_a_save_is_lost(db: Database, tenant: int) -> None:
    gate = asyncio.Barrier(2)

    async def save(channel: str) -> None:
        async with db.tx(tenant) as tx:
            await naive_save(tx, channel, gate)

    results = await asyncio.gather(save("sms"), save("subscribe"), return_exceptions=True)
    assert Counter(type(result) for result in results) == {type(None): 1, asyncpg.UniqueViolationError: 1}


@pytest.mark.covers("S1-16")
async def test_the_save_that_commits_later_wins(db: Database, tenant: int) -> None:
    first_has_written, first_may_commit = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with db.tx(tenant, actor="staff:first") as tx:
            await write_live(tx, SCENARIO, "sms", template_id="", mapping={})
            first_has_written.set()
            await first_may_commit.wait()

    async def second() -> list[str]:
        await first_has_written.wait()
        async with db.tx(tenant, actor="staff:second") as tx:
            return await write_live(tx, SCENARIO, "subscribe", template_id="t", mapping={})

    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(first()), asyncio.create_task(second())]
    await first_has_written.wait()
    async with db.raw() as (_, sql):  # the second one stands at the scenario's row
        while not await sql.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
    assert not tasks[1].done()
    first_may_commit.set()
    assert await asyncio.gather(*tasks) == [None, ["sms"]]
    assert await live(db, tenant) == ["subscribe"]
    assert sorted(await saved(db, tenant)) == [("sms", []), ("subscribe", ["sms"])]


@pytest.mark.covers("S1-12", "S1-16")
async def test_two_admins_at_the_console_leave_exactly_one_live_channel_and_a_full_audit(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    mapping = (
        await shop.staff.post(
            "/api/console/messaging/scenarios/consumption/channels/subscribe/check",
            {"template_id": template_id, "mapping": {}},
        )
    ).json()["suggested"]
    admins = [await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant)) for _ in range(2)]

    async def save(number: int) -> int:
        channel = "sms" if number % 2 else "subscribe"
        body = {"template_id": "", "mapping": {}} if number % 2 else {"template_id": template_id, "mapping": mapping}
        path = f"/api/console/messaging/scenarios/consumption/channels/{channel}"
        return (await admins[number % 2].put(path, body)).status

    answers = Counter(await asyncio.gather(*(save(number) for number in range(16))))
    # Who saw what the other has changed meanwhile is told so; somebody comes first.
    assert answers.keys() <= {200, 409}
    assert answers[200] >= 1
    [winner] = await live(shop.db, shop.tenant)
    audit = await saved(shop.db, shop.tenant)
    assert len(audit) == 1 + answers[200]
    # Every change of channel is in the audit: who is live was not stopped after it was saved last.
    stopped = Counter(channel for _, names in audit for channel in names)
    changes = {"subscribe": stopped["sms"], "sms": stopped["subscribe"]}
    assert changes[winner] - changes["sms" if winner == "subscribe" else "subscribe"] == (1 if winner == "sms" else 0)
    assert await shop.invariants() == {}

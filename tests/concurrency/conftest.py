"""Races: real parallel commits. Workers that run by themselves get a database of their own, since a queue serves all."""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from huida.kernel import migrate
from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database
from huida.kernel.embedded import EmbeddedPostgres, temporary
from huida.kernel.secrets import Sealer, Secret
from huida.modules import sms
from tests.shop import Shop, open_shop
from wesim.sms import catalogue


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


@pytest.fixture
async def provider(db: Database) -> None:
    """The platform's SMS set up at Aliyun, with a price for a part."""
    account = sms.Account("aliyun", catalogue.ALIYUN_KEY_ID, Secret(catalogue.ALIYUN_KEY_SECRET))
    async with db.tx(0) as tx:
        await sms.seed_platform(tx, accounts=[account], texts={})


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[EmbeddedPostgres]:
    with temporary(prefix="huida-race-") as server:
        with ThreadPoolExecutor(1) as other_thread:
            other_thread.submit(migrate.upgrade, server.url).result()
        yield server


@pytest.fixture
async def own_db(own_postgres: EmbeddedPostgres, clock: ShiftedClock) -> AsyncIterator[Database]:
    """A database whose queue nobody else fills; empty of jobs, leases and workers at the start of each test."""
    db = Database(own_postgres.url_for("huida_app"), clock=clock, sealer=Sealer(b"1" * 32), pool_size=16)
    async with db.raw() as (_, sql):
        for table in ("jobs", "jobs_later", "jobs_dead", "workers", "schedule_runs"):
            await sql.execute(f"DELETE FROM {table}")
        await sql.execute("UPDATE shard_leases SET owner = NULL, expires_at = NULL")
    yield db
    await db.close()

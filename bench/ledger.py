"""Moves a second through the ledger's verb, single and batched, against hand-written SQL on the same connection.

The hand-written SQL is what a careful engineer would write for just this: one statement that moves the balance under a
guard and writes the transfer. It knows no lots, no repeated keys, no partial refusals. Aim: the verb reaches 60 % of it.
"""

import argparse
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import uvloop

from bench.common import KEY, database, machine, spread
from huida.kernel.arrays import ints, uuids
from huida.kernel.clock import SystemClock
from huida.kernel.db import Database
from huida.kernel.ids import uuid7
from huida.kernel.secrets import Sealer
from huida.modules import ledger, tenants
from huida.modules.ledger import Entry, Move

SINGLE = """
WITH moved AS (
  UPDATE ledger_accounts SET balance = balance + $3, seq = seq + 1
  WHERE tenant_id = $1 AND owner_id = $2 AND unit = 'points' AND balance - held + $3 >= 0 RETURNING balance, seq)
INSERT INTO ledger_transfers (tenant_id, owner_id, unit, seq, amount, balance_after, contra, reason, source_type, source_id, at)
SELECT $1, $2, 'points', seq, $3, balance, 'points_issued', 'purchase', 'purchase', $4, now() FROM moved RETURNING balance_after
"""
BATCH = """
WITH p AS (SELECT * FROM unnest(($2::text)::uuid[], ($3::text)::bigint[], ($4::text)::uuid[]) AS t(owner, amount, source)),
moved AS (
  UPDATE ledger_accounts a SET balance = a.balance + p.amount, seq = a.seq + 1 FROM p
  WHERE a.tenant_id = $1 AND a.owner_id = p.owner AND a.unit = 'points' AND a.balance - a.held + p.amount >= 0
  RETURNING a.owner_id, a.balance, a.seq, p.amount, p.source)
INSERT INTO ledger_transfers (tenant_id, owner_id, unit, seq, amount, balance_after, contra, reason, source_type, source_id, at)
SELECT $1, owner_id, 'points', seq, amount, balance, 'points_issued', 'purchase', 'purchase', source, now() FROM moved
RETURNING owner_id, balance_after
"""


class Bench:
    def __init__(self, db: Database, tenant_id: int, owners: list[UUID]) -> None:
        self.db = db
        self.tenant_id = tenant_id
        self.owners = owners

    async def sql_single(self, owners: list[UUID]) -> None:
        for owner in owners:
            async with self.db.raw() as (_, sql):
                await sql.execute(f"BEGIN; SET LOCAL app.tenant_id = '{self.tenant_id}'")
                assert await sql.fetchval(SINGLE, self.tenant_id, owner, 5, uuid7()) is not None
                await sql.execute("COMMIT")

    async def verb_single(self, owners: list[UUID]) -> None:
        for owner in owners:
            async with self.db.tx(self.tenant_id) as tx:
                await ledger.move(
                    tx, Entry("purchase", uuid7(), (Move(owner, "points", 5, "points_issued", "purchase"),))
                )

    async def sql_batch(self, owners: list[UUID]) -> None:
        async with self.db.raw() as (_, sql):
            await sql.execute(f"BEGIN; SET LOCAL app.tenant_id = '{self.tenant_id}'")
            sources = uuids([uuid7() for _ in owners])
            rows = await sql.fetch(BATCH, self.tenant_id, uuids(owners), ints([5] * len(owners)), sources)
            assert len(rows) == len(owners)
            await sql.execute("COMMIT")

    async def verb_batch(self, owners: list[UUID]) -> None:
        entries = [Entry("purchase", uuid7(), (Move(o, "points", 5, "points_issued", "purchase"),)) for o in owners]
        async with self.db.tx(self.tenant_id) as tx:
            results = await ledger.post(tx, entries)
        assert len(results) == len(owners)

    async def verb_hot(self, owners: list[UUID]) -> None:
        await self.verb_batch([self.owners[0]] * len(owners))


async def rate(work: Callable[[list[UUID]], Awaitable[Any]], owners: list[UUID], batch: int, seconds: float) -> float:
    """Moves a second over about so many seconds."""
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        await work(random.sample(owners, batch))
        done += batch
    return done / (time.perf_counter() - started)


async def run(url: str, owner_url: str, rounds: int, seconds: float) -> None:
    db = Database(url, clock=SystemClock(), sealer=Sealer(bytes.fromhex(KEY)), pool_size=1)
    async with db.tx(0) as tx:
        tenant_id = await tenants.create_merchant(tx, name="bench", short_name="bench")
    owners = [uuid7() for _ in range(10_000)]
    bench = Bench(db, tenant_id, owners)
    for start in range(0, len(owners), 1000):
        await bench.verb_batch(owners[start : start + 1000])
    admin = Database(owner_url, clock=SystemClock(), sealer=Sealer(bytes.fromhex(KEY)), pool_size=1)
    async with admin.raw() as (_, sql):
        await sql.execute("ANALYZE")
    await admin.close()
    ratios: dict[str, list[float]] = {}
    for turn in range(rounds):
        for name, by_hand, verb, batch in (
            ("single", bench.sql_single, bench.verb_single, 1),
            ("batch of 100", bench.sql_batch, bench.verb_batch, 100),
            ("batch of 500", bench.sql_batch, bench.verb_batch, 500),
        ):
            floor = await rate(by_hand, owners, batch, seconds)
            ours = await rate(verb, owners, batch, seconds)
            ratios.setdefault(name, []).append(ours / floor)
            print(
                f"round {turn + 1} {name}: by hand {floor:,.0f}/s, verb {ours:,.0f}/s = {ours / floor:.2f}", flush=True
            )
        hot = await rate(bench.verb_hot, owners, 256, seconds)
        print(f"round {turn + 1} one hot account, 256 a batch: verb {hot:,.0f}/s", flush=True)
    print("verb / by hand, median [min..max]:")
    for name, values in ratios.items():
        print(f"  {name}: {spread(values)} (aim 0.60)")
    await db.close()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args(arguments)
    print(f"ledger: moves a second on one connection; {machine()}")
    with database() as server:
        uvloop.run(run(server.url_for("huida_app"), server.url, options.rounds, options.seconds))


if __name__ == "__main__":
    main()

"""The clock goes on for a year, and clocks that are wrong: real processes between which and the system libfaketime stands."""

import asyncio
import json
import re
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command

from huida.demo.doors import Closed, Doors
from huida.kernel import migrate
from huida.kernel.embedded import EmbeddedPostgres
from tests.commands.conftest import Terminal
from tests.commands.test_data import asked, data_of
from tests.faked_clock import Clock

pytestmark = pytest.mark.slow

STRAYS = (100, 101, 135)
"""After so many days the old version wrote facts for whose month nobody had made a partition."""


def did(terminal: Terminal, *statements: str) -> None:
    """Do this in the embedded database as its owner."""
    for statement in statements:
        asked(terminal, statement)


def stray(at: datetime, number: int = 0) -> str:
    """A fact of another time, as a process with that clock leaves it."""
    head = f"{int(at.timestamp() * 1000):012x}"
    return (
        "INSERT INTO facts (tenant_id, id, kind, actor, at, payload) VALUES "
        f"(1, '{head[:8]}-{head[8:]}-7000-8000-{number:012x}', 'test.stray', 'test', now(), '{{}}')"
    )


def ready(base: str) -> bool:
    try:
        return bool(Doors(base, timeout_s=2).get("/readyz") == {"status": "ready"})
    except Closed:
        return False


def opened(base: str, password: str, name: str) -> None:
    """The operator opens a merchant: a write that leaves a fact."""
    operator = Doors(base)
    operator.log_in("operator", password)
    operator.post(
        "/api/operator/merchants",
        {"name": name, "short_name": name, "login": name, "admin_name": name, "password": "just a test, really"},
    )
    operator.close()


def months_of(terminal: Terminal, kind: str) -> Counter[str]:
    """In which partitions the facts of a kind lie."""
    rows = asked(terminal, f"SELECT tableoid::regclass::text AS month FROM facts WHERE kind = '{kind}'")
    return Counter(row["month"] for row in rows)


async def old_database(url: str) -> None:
    """What the version before left: its schema, the three months that it had made, and facts that fell beside them."""
    sql = await asyncpg.connect(url)
    try:
        for days in (0, 31, 62):
            first = (datetime.now(UTC) + timedelta(days=days)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            low, high = (f"{int(at.timestamp() * 1000):012x}" + "0" * 20 for at in (first, next_month(first)))
            await sql.execute(
                f"CREATE TABLE {month_of(first)} PARTITION OF facts FOR VALUES FROM ('{low}') TO ('{high}')"
            )
        for days in STRAYS:
            await sql.execute(stray(datetime.now(UTC) + timedelta(days=days), days))
        assert await sql.fetchval("SELECT count(*) FROM facts_default") == len(STRAYS)
    finally:
        await sql.close()


def next_month(first: datetime) -> datetime:
    return (first + timedelta(days=31)).replace(day=1)


def month_of(at: datetime) -> str:
    return f"facts_{at:%Y_%m}"


def month(after_days: int) -> str:
    return month_of(datetime.now(UTC) + timedelta(days=after_days))


@pytest.mark.timeout(240)
def test_a_year_goes_by_with_restarts_and_an_upgrade(terminal: Terminal, ports: tuple[int, int]) -> None:
    """R-01."""
    # given: the database of the version before, three months later
    base, clock = f"http://127.0.0.1:{ports[0]}", Clock(terminal.home / "clock.txt")
    with EmbeddedPostgres(data_of(terminal) / "pg") as server:
        with ThreadPoolExecutor(1) as other_thread:  # Alembic runs its own event loop
            other_thread.submit(command.upgrade, migrate.config(server.url), "0012").result()
        asyncio.run(old_database(server.url))

    # when: it is upgraded, and then a year goes by, with restarts
    clock.move(timedelta(days=105))
    upgraded = terminal.run("migrate", **clock.environment)
    told = re.search(r"login operator, password (\S{16})$", upgraded.stderr, re.MULTILINE)
    assert (upgraded.returncode, told is not None) == (0, True), upgraded.stderr
    assert told is not None
    written: Counter[str] = Counter()
    for restart in ((105, 130), (150, 240, 330), (366,)):
        clock.move(timedelta(days=restart[0]))
        process = terminal.start("serve", "--with-worker", "--port", str(ports[0]), **clock.environment)
        for days in restart:
            clock.move(timedelta(days=days))
            terminal.until(partial(ready, base), f"it serves after {days} days", within_s=60)
            opened(base, told[1], f"shop{days}")
            written[month(days)] += 1
        ahead = month(restart[-1] + 365)
        terminal.until(partial(made_by_itself, terminal, ahead), f"{ahead} is made by the running worker")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, terminal.output()

    # then: every fact lies in its month, none beside them, and all is well
    assert months_of(terminal, "merchant.opened") == written
    assert months_of(terminal, "test.stray") == Counter(month(days) for days in STRAYS)
    assert asked(terminal, "SELECT count(*) AS n FROM facts_default") == [(0,)]
    examined = terminal.run("doctor", "--json", **clock.environment)
    states = {one["check"]: one["state"] for one in json.loads(examined.stdout)}
    assert (examined.returncode, states["facts.months"]) == (0, "ok"), examined.stdout
    assert "job_failed" not in terminal.output()


def made_by_itself(terminal: Terminal, name: str) -> bool:
    """Whether a running server has this partition; asked beside it, through its own socket."""

    async def ask() -> bool:
        sql = await asyncpg.connect(EmbeddedPostgres(data_of(terminal) / "pg").url)
        try:
            return bool(await sql.fetchval("SELECT to_regclass($1) IS NOT NULL", name))
        finally:
            await sql.close()

    return asyncio.run(ask())


def test_doctor_names_the_months_that_are_missing_and_rows_beside_them(with_shop: Terminal) -> None:
    terminal = with_shop
    did(terminal, f"DROP TABLE {month(200)}")
    missing = found(terminal, "facts.months")
    assert (missing["state"], missing["detail"]) == ("fail", "cli.doctor.months_missing")
    assert missing["params"] == {"count": 1, "first": f"{datetime.now(UTC) + timedelta(days=200):%Y-%m}"}

    did(terminal, stray(datetime.now(UTC) + timedelta(days=200)))
    beside = found(terminal, "facts.months")
    assert (beside["state"], beside["detail"], beside["params"]) == ("fail", "cli.doctor.months_stray", {"count": 1})

    assert terminal.run("migrate").returncode == 0
    assert found(terminal, "facts.months")["state"] == "ok"


def test_doctor_names_shards_that_a_dead_worker_holds(with_shop: Terminal) -> None:
    """R-07: after a worker whose clock was ahead."""
    terminal = with_shop
    did(
        terminal,
        "UPDATE shard_leases SET owner = gen_random_uuid(), expires_at = now() + interval '1 hour' WHERE shard < 5",
        "INSERT INTO workers SELECT owner, now() + interval '1 hour' FROM shard_leases WHERE shard = 0",
    )
    leases = found(terminal, "jobs.leases")
    assert (leases["state"], leases["params"]["count"]) == ("fail", 5)
    assert 3500 < leases["params"]["seconds"] <= 3600


def found(terminal: Terminal, check: str) -> dict[str, Any]:
    [one] = [one for one in json.loads(terminal.run("doctor", "--json").stdout) if one["check"] == check]
    return dict(one)


def test_a_worker_whose_clock_is_wrong_does_not_start(terminal: Terminal, migrated_data: Path) -> None:
    """R-07: PostgreSQL's clock is right, this worker's is not."""
    terminal.have(migrated_data)
    clock = Clock(terminal.home / "clock.txt")
    with EmbeddedPostgres(data_of(terminal) / "pg") as server:
        for seconds in (3600, -3600, 60, -60):
            clock.move(timedelta(seconds=seconds))
            url = server.url_for("huida_app")
            refused = terminal.run("worker", HUIDA_DATABASE_URL=url, **clock.environment)
            assert refused.returncode == 1
            assert f"clock is {-seconds:+.1f} s from the database's" in refused.stderr.replace("\n", " ")
        assert asyncio.run(leased(server.url)) == 0


async def leased(url: str) -> int:
    sql = await asyncpg.connect(url)
    try:
        return int(await sql.fetchval("SELECT count(*) FROM shard_leases WHERE owner IS NOT NULL"))
    finally:
        await sql.close()

"""The clock goes on for a year, and clocks that are wrong: real processes between which and the system libfaketime stands."""

import asyncio
import json
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from huida.demo.doors import Closed, Doors
from huida.kernel.embedded import EmbeddedPostgres
from tests.commands.conftest import PYTHON, Terminal
from tests.commands.test_data import asked, data_of
from tests.faked_clock import Clock

pytestmark = pytest.mark.slow


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


def join(base: str, name: str) -> None:
    """Somebody becomes a member, by hand in the console: a write that leaves a fact."""
    staff = Doors(base)
    staff.log_in("shanyue", "just a test")
    staff.post("/api/console/members", {"name": name})
    staff.close()


def months_of_joins(terminal: Terminal) -> Counter[str]:
    """In which partitions the facts of members who joined by hand lie."""
    rows = asked(
        terminal,
        "SELECT f.tableoid::regclass::text AS month, count(*) AS n FROM facts f JOIN members m ON m.tenant_id = f.tenant_id "
        "AND m.id = f.subject_id WHERE f.kind = 'member.joined' AND m.name LIKE 'Anna %' GROUP BY 1",
    )
    return Counter({row["month"]: row["n"] for row in rows})


def month(after_days: int) -> str:
    return f"facts_{datetime.now(UTC) + timedelta(days=after_days):%Y_%m}"


@pytest.mark.timeout(240)
def test_a_year_goes_by_with_restarts_and_an_upgrade(with_shop: Terminal, ports: tuple[int, int]) -> None:
    """R-01."""
    # given: what the version before left behind two months ago: three months, and rows that fell beside them
    terminal, base = with_shop, f"http://127.0.0.1:{ports[0]}"
    clock = Clock(terminal.home / "clock.txt")
    rows = asked(
        terminal, "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'facts'::regclass"
    )
    to_come = sorted(row["name"] for row in rows if month(62) < row["name"] < "facts_d")
    assert len(to_come) > 9
    old = ["DROP FUNCTION facts_make_months", "UPDATE alembic_version SET version_num = '0012'"]
    did(terminal, *old, *(f"DROP TABLE {name}" for name in to_come))
    far = (100, 101, 135)
    did(terminal, *(stray(datetime.now(UTC) + timedelta(days=days), days) for days in far))
    assert asked(terminal, "SELECT count(*) AS n FROM facts_default") == [(3,)]

    # when: it is started as the new version, three months later, and then the year goes by
    joined: Counter[str] = Counter()
    for restart in ((105, 130), (150, 240, 330), (366,)):
        clock.move(timedelta(days=restart[0]))
        server = terminal.start("serve", "--with-worker", "--port", str(ports[0]), **clock.environment)
        for days in restart:
            clock.move(timedelta(days=days))
            terminal.until(partial(ready, base), f"it serves after {days} days", within_s=60)
            join(base, f"Anna {days}")
            joined[month(days)] += 1
        ahead = month(restart[-1] + 365)
        terminal.until(partial(made_by_itself, terminal, ahead), f"{ahead} is made by the running worker")
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0, terminal.output()

    # then: every fact lies in its month, none beside them, and all is well
    assert months_of_joins(terminal) == joined
    assert asked(terminal, "SELECT count(*) AS n FROM facts_default") == [(0,)]
    found = asked(terminal, "SELECT tableoid::regclass::text AS t FROM facts WHERE kind = 'test.stray' ORDER BY id")
    assert [row["t"] for row in found] == [month(days) for days in far]
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


@pytest.mark.parametrize("seconds", [3600, -3600, 60, -60])
def test_a_worker_whose_clock_is_wrong_does_not_start(with_shop: Terminal, seconds: int) -> None:
    """R-07: PostgreSQL's clock is right, this worker's is not."""
    terminal = with_shop
    clock = Clock(terminal.home / "clock.txt")
    clock.move(timedelta(seconds=seconds))
    with EmbeddedPostgres(data_of(terminal) / "pg") as server:
        url = server.url_for("huida_app")
        environment = {**terminal.environment, **clock.environment, "HUIDA_DATABASE_URL": url}
        refused = subprocess.run(
            [PYTHON, "-m", "huida", "worker"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        held = asyncio.run(leased(server.url))
    assert refused.returncode == 1
    assert f"clock is {-seconds:+.1f} s from the database's" in refused.stderr.replace("\n", " "), refused.stderr
    assert held == 0


async def leased(url: str) -> int:
    sql = await asyncpg.connect(url)
    try:
        return int(await sql.fetchval("SELECT count(*) FROM shard_leases WHERE owner IS NOT NULL"))
    finally:
        await sql.close()

"""Every list and search of the console with a million members and ten million messages: p50 and p95 per screen.

The data is written by SQL straight into the product's own tables (90 days of one merchant), then the product's server is
asked over HTTP as a browser asks it, one request at a time, each with other values. No ratio: the floor is the aim, 1 s.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import asyncpg
import msgspec
from argon2 import PasswordHasher
from pyreqwest.client import Client, ClientBuilder

from bench import shop
from bench.common import KEY, Child, database, free_port, machine, wait_for_port
from huida.kernel import partitions
from huida.kernel.clock import SystemClock
from huida.kernel.db import Database
from huida.kernel.embedded import EmbeddedPostgres
from huida.kernel.secrets import Sealer
from huida.modules import members, tenants
from huida.modules.reports import rollup

HUIDA = ("-c", "from huida.cli import main; main()")
DAYS = 90
AIM_MS = 1000
LOGIN, PASSWORD = "bench-admin", "correct horse 42"
PHONES = 200
TABLES = ("members", "facts", "deliveries", "delivery_troubles", "purchases")

UUID7 = """
CREATE OR REPLACE FUNCTION bench_uuid7(at timestamptz, n bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
    || '8' || lpad(to_hex(n), 15, '0'))::uuid $$
"""
MEMBERS = """
INSERT INTO members (tenant_id, id, card_no, name, phone_hash, phone_tail, level, state, joined_at)
SELECT $1, bench_uuid7($2::timestamptz + n * ($3 * interval '1 second'), n), '7' || lpad(n::text, 9, '0'),
  (ARRAY['林','陈','王','李','张','刘','赵','周','吴','郑','欧阳'])[1 + n % 11] || (ARRAY['小满','一鸣','思远','敏','磊'])[1 + n % 5] || n,
  sha256(n::text::bytea), lpad((n % 10000)::text, 4, '0'),
  CASE WHEN n % 1000 = 0 THEN 'black' WHEN n % 20 = 0 THEN 'gold' WHEN n % 5 = 0 THEN 'silver' ELSE 'normal' END,
  CASE WHEN n % 50000 = 0 THEN 'frozen' ELSE 'active' END, $2::timestamptz + n * ($3 * interval '1 second')
FROM generate_series($4::bigint, $5::bigint) AS n
"""
FACTS = """
INSERT INTO facts (tenant_id, id, kind, subject_id, actor, at, payload)
SELECT $1, bench_uuid7(at, n), 'order.purchase_recorded', member, 'key:00000000-0000-7000-8000-000000000001', at,
  '{"total_fen": 2500, "till_no": "T"}'
FROM (SELECT n, $2::timestamptz + n * ($3 * interval '1 second') AS at,
      bench_uuid7($4::timestamptz + ((n * 7919) % $5) * ($6 * interval '1 second'), (n * 7919) % $5) AS member
      FROM generate_series($7::bigint, $8::bigint) AS n) AS rows
"""
DELIVERIES = """
INSERT INTO deliveries (tenant_id, fact_id, scenario, member_id, channel, state, reason, app_id, address, template_id,
  body, attempt, parts, cost_fen, created_at, sent_at, done_at)
SELECT $1, bench_uuid7(at, n), (ARRAY['consumption','recharge','points_change','balance_change'])[1 + n % 4], member,
  (ARRAY['subscribe','subscribe','sms','subscribe','template'])[1 + n % 5],
  CASE WHEN n % 20000 = 7 THEN 'dead' WHEN n % 1000 = 3 THEN 'unknown' WHEN n % 50 = 4 THEN 'failed'
    WHEN n % 10 < 3 THEN 'not_attempted' WHEN n % 10 < 5 THEN 'accepted' ELSE 'delivered' END,
  CASE WHEN n % 10 < 3 THEN 'no_quota' ELSE '' END, 'wxbench0000000001', 'o' || md5(n::text), 'template', '', 1,
  CASE WHEN n % 5 = 2 THEN 1 ELSE 0 END, CASE WHEN n % 5 = 2 THEN 10 ELSE 0 END, at, at, at
FROM (SELECT n, $2::timestamptz + n * ($3 * interval '1 second') AS at,
      bench_uuid7($4::timestamptz + ((n * 7919) % $5) * ($6 * interval '1 second'), (n * 7919) % $5) AS member
      FROM generate_series($7::bigint, $8::bigint) AS n) AS rows
"""
PURCHASES = """
INSERT INTO purchases (tenant_id, id, store_id, till_no, member_id, total_fen, balance_fen, principal_fen, points, occurred_at)
SELECT $1, bench_uuid7(at, n), (SELECT id FROM stores WHERE tenant_id = $1 LIMIT 1), 'B' || n, member, 2500, 0, 0, 25, at
FROM (SELECT n, $2::timestamptz + n * ($3 * interval '1 second') AS at,
      bench_uuid7($4::timestamptz + ((n * 7919) % $5) * ($6 * interval '1 second'), (n * 7919) % $5) AS member
      FROM generate_series($7::bigint, $8::bigint) AS n) AS rows
"""


def chunks(total: int, size: int = 500_000) -> list[tuple[int, int]]:
    return [(start, min(start + size, total) - 1) for start in range(0, total, size)]


async def fill(server: EmbeddedPostgres, tenant: int, people: int, messages: int) -> None:
    """Write the merchant's members and ninety days of purchases, facts and messages."""
    now = datetime.now(UTC)
    first, joined = now - timedelta(days=DAYS), now - timedelta(days=1000)
    step, joining = DAYS * 86400 / messages, 999 * 86400 / people
    sql = await asyncpg.connect(server.url)
    await sql.execute(UUID7)
    await sql.execute("SET synchronous_commit = off")
    await sql.execute("SET maintenance_work_mem = '1GB'")
    later = await without_indexes(sql)
    began = time.monotonic()
    for low, high in chunks(people):
        await sql.execute(MEMBERS, tenant, joined, joining, low, high)
    print(f"  {people:,} members after {time.monotonic() - began:.0f} s", flush=True)
    common = (tenant, first, step, joined, people, joining)
    for name, statement, size in (
        ("facts", FACTS, messages),
        ("messages", DELIVERIES, messages),
        ("purchases", PURCHASES, messages // 4),
    ):
        for low, high in chunks(size):
            if name == "purchases":
                await sql.execute(statement, tenant, first, step * 4, *common[3:], low, high)
            else:
                await sql.execute(statement, *common, low, high)
        print(f"  {size:,} {name} after {time.monotonic() - began:.0f} s", flush=True)
    for statement in later:
        await sql.execute(statement)
    print(f"  indexes after {time.monotonic() - began:.0f} s", flush=True)
    await sql.execute(
        "INSERT INTO delivery_troubles (tenant_id, state, fact_id, scenario, slot) SELECT tenant_id, state, fact_id, scenario, slot "
        "FROM deliveries WHERE state IN ('dead', 'failed', 'retrying', 'unknown') ON CONFLICT DO NOTHING"
    )
    for table in TABLES:
        await sql.execute(f"VACUUM ANALYZE {table}")
    print(f"  vacuumed after {time.monotonic() - began:.0f} s", flush=True)
    await sql.close()


async def without_indexes(sql: asyncpg.Connection) -> list[str]:
    """Drop the indexes and triggers that loading in bulk would pay for row by row; returns what makes them again."""
    found = await sql.fetch(
        "SELECT c.relname, pg_get_indexdef(i.indexrelid) AS made FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname = ANY($1) AND NOT i.indisprimary "
        "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)",
        list(TABLES),
    )
    for row in found:
        await sql.execute(f"DROP INDEX {row['relname']}")
    await sql.execute("ALTER TABLE deliveries DISABLE TRIGGER USER")
    made = [row["made"].replace(" ON ONLY ", " ON ") for row in found]
    return [*made, "ALTER TABLE deliveries ENABLE TRIGGER USER"]


async def months(server: EmbeddedPostgres) -> None:
    """Partitions for every day that is written; the worker makes them ahead of time."""
    sql = await asyncpg.connect(server.url)
    await partitions.make_months(sql, datetime.now(UTC) - timedelta(days=DAYS), months=5)
    await sql.close()


async def staff_and_phones(server: EmbeddedPostgres, tenant: int) -> list[str]:
    """An administrator, and a few members with sealed phones to search for; returns those phones."""
    db = Database(server.url_for("huida_app"), clock=SystemClock(), sealer=Sealer(bytes.fromhex(KEY)))
    phones = [f"139{n:08d}" for n in range(PHONES)]
    async with db.tx(tenant) as tx:
        await rollup.count_days(tx)  # what the worker does every hour
    async with db.tx(tenant) as tx:
        hashed = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
        await tenants.create_staff(tx, login=LOGIN, name="店长", role="store_admin", password_hash=hashed)
        for number, phone in enumerate(phones):
            await members.join(tx, card_no=f"8{number:09d}", name=f"有号{number}", phone=phone, channel="bench")
    await db.close()
    return phones


class Screens:
    """A logged-in browser that times what it asks."""

    def __init__(self, client: Client, base: str) -> None:
        self._client = client
        self._base = base
        self._cookie = ""

    async def log_in(self) -> None:
        body = msgspec.json.encode({"login": LOGIN, "password": PASSWORD})
        request = self._client.post(f"{self._base}/api/console/login").header("content-type", "application/json")
        answer = await request.body_bytes(body).build().send()
        assert answer.status == 200, bytes(await answer.bytes())
        self._cookie = str(answer.headers["set-cookie"]).split(";")[0]

    async def get(self, path: str, **query: Any) -> tuple[float, Any]:
        asked = f"{self._base}{path}?{urlencode({k: v for k, v in query.items() if v is not None})}"
        began = time.perf_counter()
        answer = await self._client.get(asked).header("cookie", self._cookie).build().send()
        body = bytes(await answer.bytes())
        took = (time.perf_counter() - began) * 1000
        assert answer.status == 200, (asked, body[:300])
        return took, msgspec.json.decode(body)


Ask = Callable[[int], tuple[str, dict[str, Any]]]


def screens(people: int, phones: Sequence[str], member_ids: Sequence[str]) -> dict[str, Ask]:
    """What is asked, by the screen's name; each is a function of the round."""
    member_list, message_list = "/api/console/members", "/api/console/messaging/deliveries"
    now = datetime.now(UTC)

    def day(n: int) -> dict[str, str]:
        return {
            "since": (now - timedelta(days=1 + n * 3 % DAYS)).isoformat(),
            "until": (now - timedelta(days=n * 3 % DAYS)).isoformat(),
        }

    def card(n: int) -> str:
        return f"7{(n * 104729) % people:09d}"

    return {
        "members": lambda n: (member_list, {"limit": 20 + n % 3}),
        "members, by card": lambda n: (member_list, {"q": card(n)}),
        "members, by phone": lambda n: (member_list, {"q": phones[n % len(phones)]}),
        "members, by unknown phone": lambda n: (member_list, {"q": f"137{n:08d}"}),
        "members, name begins": lambda n: (member_list, {"q": ("欧阳", "林小满", "王思远1")[n % 3]}),
        "members, rare name": lambda n: (member_list, {"q": f"有号{n % PHONES}"}),
        "members, no such name": lambda n: (member_list, {"q": f"司马{n}"}),
        "members, by level": lambda n: (member_list, {"level": ("gold", "silver", "black")[n % 3]}),
        "members, level that nobody has": lambda n: (member_list, {"level": f"none{n}"}),
        "members, frozen": lambda n: (member_list, {"state": "frozen", "limit": 20 + n % 3}),
        "members, name and level": lambda n: (member_list, {"q": "林", "level": ("gold", "black")[n % 2]}),
        "messages": lambda n: (message_list, {"limit": 20 + n % 3}),
        "messages, by channel": lambda n: (message_list, {"channel": ("sms", "template", "subscribe")[n % 3]}),
        "messages, delivered": lambda n: (message_list, {"state": "delivered", "limit": 20 + n % 3}),
        "messages, dead": lambda n: (message_list, {"state": "dead", "limit": 20 + n % 3}),
        "messages, unknown by SMS": lambda n: (
            message_list,
            {"state": "unknown", "channel": "sms", "limit": 20 + n % 3},
        ),
        "messages, state that none has": lambda n: (message_list, {"state": "retrying", "limit": 20 + n % 3}),
        "messages, scenario that none has": lambda n: (
            message_list,
            {"scenario": "coupon_claimed", "limit": 20 + n % 3},
        ),
        "messages, of a member": lambda n: (message_list, {"member_id": member_ids[n % len(member_ids)]}),
        "messages, a day": lambda n: (message_list, day(n)),
        "messages, a day's dead SMS": lambda n: (message_list, {**day(n), "state": "dead", "channel": "sms"}),
        "overview": lambda n: ("/api/console/overview", {}),
        "checklist": lambda n: ("/api/console/checklist", {}),
        "member": lambda n: (f"{member_list}/{member_ids[n % len(member_ids)]}", {}),
        "member's timeline": lambda n: (
            f"/api/console/messaging/members/{member_ids[n % len(member_ids)]}/timeline",
            {},
        ),
        "purchases": lambda n: ("/api/console/orders/purchases", {"limit": 20 + n % 3}),
        "purchases, of a member": lambda n: (
            "/api/console/orders/purchases",
            {"member_id": member_ids[n % len(member_ids)]},
        ),
        "audit": lambda n: ("/api/console/audit", {"limit": 20 + n % 3}),
        "audit, by staff": lambda n: ("/api/console/audit", {"actor": "staff", "limit": 20 + n % 3}),
        "audit, a kind of fact": lambda n: ("/api/console/audit", {"kind": "staff.*", "limit": 20 + n % 3}),
        "audit, a day": lambda n: ("/api/console/audit", day(n)),
    }


async def deep(browser: Screens, path: str, pages: int) -> list[float]:
    """Times of going on through so many pages of a hundred."""
    took, cursor = [], None
    for _ in range(pages):
        ms, answer = await browser.get(path, limit=100, cursor=cursor)
        took.append(ms)
        cursor = answer["next_cursor"]
    return took


async def measure(base: str, people: int, phones: Sequence[str], rounds: int) -> int:
    """Print every screen's p50 and p95; returns how many miss the aim."""
    browser = Screens(ClientBuilder().build(), base)
    await browser.log_in()
    _, page = await browser.get("/api/console/members", limit=100, q="林小满")
    member_ids = [one["id"] for one in page["items"]]
    missed = 0
    print(f"{'screen':36} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
    for name, ask in screens(people, phones, member_ids).items():
        took = [(await browser.get(ask(n)[0], **ask(n)[1]))[0] for n in range(rounds)]
        missed += tell(name, took)
    for name, path in (("members, page after page", "members"), ("messages, page after page", "messaging/deliveries")):
        missed += tell(name, await deep(browser, f"/api/console/{path}", rounds))
    return missed


def tell(name: str, took: Sequence[float]) -> bool:
    p95 = statistics.quantiles(took, n=20)[18]
    late = p95 > AIM_MS
    print(
        f"{name:36} {statistics.median(took):8.1f} {p95:8.1f} {max(took):8.1f}{'  MISSED' if late else ''}", flush=True
    )
    return late


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args(arguments)
    print(f"screens: {options.members:,} members, {options.messages:,} messages; aim p95 < {AIM_MS} ms; {machine()}")
    with ExitStack() as stack:
        server = stack.enter_context(database())
        asyncio.run(months(server))
        tenant, _ = asyncio.run(shop.open_shop(server.url_for("huida_app"), KEY, 10, 1))
        asyncio.run(fill(server, tenant, options.members, options.messages))
        phones = asyncio.run(staff_and_phones(server, tenant))
        port = free_port()
        environment = {
            "HUIDA_DATABASE_URL": server.url_for("huida_app"),
            "HUIDA_MASTER_KEY": KEY,
            "HUIDA_PORT": str(port),
            "HUIDA_LOG_LEVEL": "warning",
        }
        ours = stack.enter_context(Child([*HUIDA, "serve"], environment))
        wait_for_port(port, ours)
        missed = asyncio.run(measure(f"http://127.0.0.1:{port}", options.members, phones, options.rounds))
        print(
            f"server memory {ours.rss_mb():.0f} MB; {'every screen within the aim' if not missed else f'{missed} screens MISSED'}"
        )
        if missed:
            raise SystemExit(1)


if __name__ == "__main__":
    main()

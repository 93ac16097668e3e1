"""`doctor`: is everything that must hold true now? Each finding is one line; what is wrong says what to do."""

import asyncio
import json
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from huida.commands import database
from huida.commands.backup import RESTORE_ROLE
from huida.commands.screen import Failure, Screen
from huida.kernel import i18n, partitions, schema
from huida.kernel.db import Base, socket_args, sqlalchemy_url
from huida.kernel.errors import AppError
from huida.kernel.ids import uuid7
from huida.kernel.secrets import Unsealable
from huida.kernel.web import Actor
from huida.kernel.worker import HEARTBEAT_S, LEASE_S
from huida.main import INVARIANTS, System, build
from huida.modules import connections, members, tenants
from huida.settings import Settings

State = Literal["ok", "warn", "fail"]

OLDEST_JOB_S: Final = 60
SMALLEST_FREE: Final = 1 << 30
LARGEST_SKEW_S: Final = 2.0
MOST_ACCOUNTS: Final = 200
TENANTLESS: Final = "facts_"
ALIVE: Final = (
    "seen_at BETWEEN clock_timestamp() - make_interval(secs => $1) AND clock_timestamp() + make_interval(secs => $1)"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `detail` is the code of its text."""

    check: str
    state: State
    detail: str
    params: dict[str, Any]


def doctor(settings: Settings, screen: Screen, *, as_json: bool) -> None:
    """Look at everything and show it. Raises Failure when something is wrong."""
    with database.opened(settings, screen) as place:
        findings = asyncio.run(examined(place.settings))
    if as_json:
        screen.out.print_json(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, default=str))
    else:
        screen.out.print(_table(findings, screen))
    wrong = [finding for finding in findings if finding.state == "fail"]
    if wrong:
        raise Failure("cli.doctor_wrong", count=len(wrong))
    screen.say("cli.doctor_fine", count=len(findings))


async def examined(settings: Settings) -> list[Finding]:
    """All findings, in the order in which they build on each other."""
    sql = await database.connected(settings.migrate_url)
    try:
        version = await _version(sql)
        findings = [version, _disk(settings), await _clock(sql)]
        if version.state == "fail":
            return findings
        findings += [await _drift(settings.migrate_url), await _code(sql), await _sight(sql), await _months(sql)]
        findings += [*await _invariants(sql), *await _queue(sql), await _leases(sql)]
    finally:
        await sql.close()
    system = build(settings)
    try:
        return [*findings, await _master_key(system), *await _accounts(system)]
    finally:
        await system.close()


def _found(check: str, state: State, detail: str, **params: Any) -> Finding:
    return Finding(check, state, f"cli.doctor.{detail}", params)


async def _version(sql: Any) -> Finding:
    has, needs = await database.revision(sql), database.newest()
    if has != needs:
        return _found("schema.version", "fail", "version_old", has=has or "–", needs=needs)
    return _found("schema.version", "ok", "version", has=has)


def _disk(settings: Settings) -> Finding:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.data_dir).free
    return _found("machine.disk", "ok" if free >= SMALLEST_FREE else "fail", "disk", gib=f"{free / (1 << 30):.1f}")


async def _clock(sql: Any) -> Finding:
    theirs: datetime = await sql.fetchval("SELECT clock_timestamp()")
    skew = abs((datetime.now(UTC) - theirs).total_seconds())
    return _found("machine.clock", "ok" if skew <= LARGEST_SKEW_S else "fail", "clock", seconds=f"{skew:.1f}")


async def _drift(url: str) -> Finding:
    engine = create_async_engine(sqlalchemy_url(url), connect_args=socket_args(url))
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(_compared)
    finally:
        await engine.dispose()
    if differences:
        return _found("schema.drift", "fail", "drift", count=len(differences), first=str(differences[0])[:160])
    return _found("schema.drift", "ok", "no_drift")


async def _code(sql: Any) -> Finding:
    """Functions, triggers, policies and rules run with our rights. Another PostgreSQL may write expressions another way."""
    written_with, known = schema.known_code()
    different = schema.differing(await schema.code_of(sql), known)
    if int(await sql.fetchval("SHOW server_version_num")) // 10_000 != written_with:
        odd = [
            name
            for name in different
            if not name.startswith(("function ", "security ", "event trigger ", "extension "))
        ]
        different = [name for name in different if name not in odd]
        if odd and not different:
            return _found("schema.code", "warn", "code_elsewhere", count=len(odd), first=odd[0])
    if different:
        return _found("schema.code", "fail", "code_differs", count=len(different), first=different[0])
    return _found("schema.code", "ok", "code", count=len(known))


def _compared(connection: Connection) -> list[Any]:
    def ours(_: Any, name: str | None, kind: str, *__: Any) -> bool:
        # Block summaries are made of operator classes with settings, which the models cannot say.
        summary = kind == "index" and name is not None and name.endswith("_summary")
        return not summary and not (kind == "table" and name is not None and name.startswith(TENANTLESS))

    context = MigrationContext.configure(connection, opts={"include_object": ours})
    return list(compare_metadata(context, Base.metadata))


async def _sight(sql: Any) -> Finding:
    """Row-level security is forced: a role that it applies to would see no rows, and everything would seem fine."""
    if await sql.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", RESTORE_ROLE):
        return _found("database.role", "fail", "role_left", role=RESTORE_ROLE)
    if await sql.fetchval("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"):
        return _found("database.role", "ok", "role")
    return _found("database.role", "fail", "role_blind")


async def _months(sql: Any) -> Finding:
    """The months are made a year ahead while a worker runs; what fell outside of them is not where it is looked for."""
    strays = await sql.fetchval("SELECT count(*) FROM facts_default")
    if strays:
        return _found("facts.months", "fail", "months_stray", count=strays)
    missing = await partitions.missing_months(sql)
    if missing:
        return _found("facts.months", "fail", "months_missing", count=len(missing), first=missing[0])
    return _found("facts.months", "ok", "months")


async def _invariants(sql: Any) -> list[Finding]:
    findings = []
    for name, query in sorted(INVARIANTS.items()):
        try:
            rows = await sql.fetch(f"SELECT * FROM ({query}) AS broken LIMIT 100")
        except asyncpg.PostgresError as bad:
            findings.append(_found(name, "fail", "query_failed", reason=str(bad)))
            continue
        if rows:
            first = ", ".join(f"{key}={value}" for key, value in rows[0].items())
            findings.append(_found(name, "fail", "broken", count=len(rows), first=first))
        else:
            findings.append(_found(name, "ok", "holds"))
    return findings


async def _queue(sql: Any) -> list[Finding]:
    row = await sql.fetchrow(
        "SELECT (SELECT count(*) FROM jobs_dead) AS dead, (SELECT count(*) FROM jobs) AS waiting, "
        f"(SELECT min(id::text) FROM jobs) AS oldest, (SELECT count(*) FROM workers WHERE {ALIVE}) AS alive",
        LEASE_S + HEARTBEAT_S,
    )
    age = 0.0
    if row["oldest"] is not None:  # the id of a job begins with its time in milliseconds
        age = max(0.0, datetime.now(UTC).timestamp() - int(row["oldest"].replace("-", "")[:12], 16) / 1000)
    dead = _found("jobs.dead", "fail" if row["dead"] else "ok", "dead_jobs", count=row["dead"])
    late: State = "warn" if age > OLDEST_JOB_S else "ok"
    oldest = _found("jobs.oldest", late, "oldest_job", waiting=row["waiting"], seconds=round(age), workers=row["alive"])
    return [dead, oldest]


async def _leases(sql: Any) -> Finding:
    """Shards that a dead worker still holds stand still; a lease further ahead than leases last is such a one too."""
    row = await sql.fetchrow(
        "SELECT count(*) AS count, max(extract(epoch FROM expires_at - clock_timestamp())) AS seconds FROM shard_leases "
        "WHERE owner IS NOT NULL AND expires_at > clock_timestamp() AND (expires_at > clock_timestamp() + make_interval(secs => $1) "
        f"OR owner NOT IN (SELECT id FROM workers WHERE {ALIVE}))",
        LEASE_S + HEARTBEAT_S,
    )
    if row["count"]:
        return _found("jobs.leases", "fail", "leases_dead", count=row["count"], seconds=round(row["seconds"]))
    return _found("jobs.leases", "ok", "leases")


async def _master_key(system: System) -> Finding:
    """Try the key on one member's phone: a wrong key is noticed here and not when the first message fails."""
    async with system.db.read(tenants.PLATFORM) as tx:
        merchants = await tenants.open_merchants(tx)
    for tenant_id in merchants[:MOST_ACCOUNTS]:
        async with system.db.read(tenant_id) as tx:
            row = await tx.row(
                "SELECT phone_sealed FROM members WHERE tenant_id = $1 AND phone_sealed IS NOT NULL LIMIT 1", tenant_id
            )
            if row is None:
                continue
            try:
                members.phone_of(tx, row)
            except Unsealable:
                return _found("secrets.master_key", "fail", "wrong_key")
            return _found("secrets.master_key", "ok", "right_key")
    return _found("secrets.master_key", "ok", "nothing_sealed")


async def _accounts(system: System) -> list[Finding]:
    """Ask WeChat about every connected account, as the console's preflight does."""
    async with system.db.read(tenants.PLATFORM) as tx:
        merchants = await tenants.open_merchants(tx)
    findings = []
    wechat = connections.WeChat(system.oa, system.mini, system.tokens)
    for tenant_id in merchants[:MOST_ACCOUNTS]:
        async with system.db.read(tenant_id) as tx:
            connected = [app for app in await connections.apps(tx) if app.connected]
        for app in connected:
            actor = Actor("system", uuid7(), tenant_id, frozenset({"*"}), "doctor")
            name = f"account.{tenant_id}.{app.app_id}"
            try:
                checks = await connections.check_app(system.db, actor, app.app_id, wechat=wechat)
            except AppError as refused:
                findings.append(Finding(name, "fail", refused.code, dict(refused.params)))
                continue
            # An account that cannot be reached now says nothing about our own state: it warns.
            findings += [
                Finding(f"{name}.{one['check']}", one["state"], one["detail"], one["params"]) for one in checks
            ]
    return findings


def _table(findings: list[Finding], screen: Screen) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    signs = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}
    for finding in findings:
        text = i18n.text(finding.detail, screen.language, finding.params)
        table.add_row(signs[finding.state], finding.check, escape(text))
    return table

"""The database of a command: the one that the settings name, or the embedded one, started and stopped with the command."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from alembic.script import ScriptDirectory

from huida.commands.screen import Failure, Screen
from huida.commands.signals import undisturbed
from huida.kernel import migrate
from huida.kernel.db import AWAY
from huida.kernel.embedded import APP_ROLE, EmbeddedPostgres
from huida.kernel.partitions import make_months_if_free
from huida.kernel.pgwatch import Watch
from huida.settings import Settings


@dataclass(frozen=True)
class Place:
    """Where the data is: settings with both addresses filled in, and our own server when it is the embedded one."""

    settings: Settings
    server: EmbeddedPostgres | None

    @contextmanager
    def watched(self) -> Iterator[Watch | None]:
        """While a command stays, its embedded server is started again when it dies.

        Raises Failure afterwards when that could not be done for minutes: whoever runs the service has to see it.
        """
        if self.server is None:
            yield None
            return
        watch = Watch(self.server, give_up_s=self.settings.database_give_up_s)
        watch.start()
        try:
            yield watch
        finally:
            with undisturbed():
                watch.stop()
        if watch.lost is not None:
            raise Failure("cli.database_lost", reason=watch.lost)


@contextmanager
def opened(settings: Settings, screen: Screen) -> Iterator[Place]:
    """Have a reachable database; the embedded one is stopped afterwards unless another process uses it."""
    if settings.database_url:
        yield Place(replace(settings, migrate_url=settings.migrate_url or settings.database_url), None)
        return
    server = EmbeddedPostgres(settings.data_dir / "pg", on_progress=screen.progress)
    try:
        with screen.step("cli.step.database"):
            server.start()
        yield Place(replace(settings, database_url=server.url_for(APP_ROLE), migrate_url=server.url), server)
    finally:
        with undisturbed():
            server.stop()


def newest() -> str:
    """The revision that this version of the program needs."""
    return str(ScriptDirectory.from_config(migrate.config("postgresql://unused")).get_current_head())


async def revision(sql: Any) -> str | None:
    """The revision that the database has; None for an empty one."""
    if await sql.fetchval("SELECT to_regclass('public.alembic_version')") is None:
        return None
    found: str | None = await sql.fetchval("SELECT version_num FROM alembic_version")
    return found


async def revision_of(url: str) -> str | None:
    """As `revision`, for an address. Raises Failure when nobody answers there."""
    sql = await connected(url)
    try:
        return await revision(sql)
    finally:
        await sql.close()


async def connected(url: str) -> Any:
    """A connection of our own. Raises Failure when there is none."""
    try:
        return await asyncpg.connect(url)
    except (*AWAY, asyncpg.PostgresError, ValueError) as away:
        raise Failure("cli.database_away", reason=str(away) or type(away).__name__) from away


def brought_up(settings: Settings, screen: Screen) -> None:
    """Bring the schema to this version and make the coming months' partitions. Safe to run again."""
    before = asyncio.run(revision_of(settings.migrate_url))
    if before != newest():
        with screen.step("cli.step.migrate", before=before or "–", after=newest()):
            migrate.upgrade(settings.migrate_url)
    asyncio.run(_months(settings.migrate_url))


async def _months(url: str) -> None:
    sql = await connected(url)
    try:
        await make_months_if_free(sql)
    finally:
        await sql.close()


def must_be_current(settings: Settings) -> None:
    """Raises Failure when the schema is not the one that this version needs."""
    found = asyncio.run(revision_of(settings.database_url))
    if found != newest():
        raise Failure("cli.not_migrated", found=found or "–", needed=newest())

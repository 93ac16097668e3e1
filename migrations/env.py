"""Alembic's environment: one linear history, run over asyncpg with the owner's role."""

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

config = context.config
target_metadata = config.attributes.get("metadata")


def ours(_: Any, name: str | None, kind: str, *__: Any) -> bool:
    """Leave the month partitions of the fact log to the job that makes them, and block summaries to their migration."""
    if kind == "index" and name is not None and name.endswith("_summary"):
        return False
    return not (kind == "table" and name is not None and name.startswith("facts_"))


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        include_object=ours,
        transactional_ddl=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    engine = create_async_engine(
        config.attributes["url"], poolclass=pool.NullPool, connect_args=config.attributes["connect_args"]
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(online())

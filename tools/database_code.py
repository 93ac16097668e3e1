"""Write down what a freshly migrated database has besides tables (`migrations/code.json`); run after a new migration."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import msgspec

from huida.kernel import migrate, schema
from huida.kernel.embedded import temporary


async def found(url: str) -> bytes:
    """The file's content, for the database at this address."""
    sql = await asyncpg.connect(url)
    try:
        major = int(await sql.fetchval("SHOW server_version_num")) // 10_000
        text = msgspec.json.encode({"postgresql": major, "code": await schema.code_of(sql)})
    finally:
        await sql.close()
    return msgspec.json.format(text, indent=1) + b"\n"


if __name__ == "__main__":
    with temporary() as server:
        with ThreadPoolExecutor(1) as other_thread:  # Alembic runs its own event loop
            other_thread.submit(migrate.upgrade, server.url).result()
        schema.code_file().write_bytes(asyncio.run(found(server.url)))

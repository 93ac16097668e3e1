"""A bare ASGI handler that only inserts the row it is sent: `python -m bench.bare_ingest PORT URL`."""

import sys
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import uvicorn
import uvloop

from huida.kernel.ids import uuid7

TABLE = "CREATE TABLE IF NOT EXISTS bare_purchases (id uuid PRIMARY KEY, store text, till_no text, card_no text, total_fen bigint)"


class Row(msgspec.Struct):
    store: str
    till_no: str
    card_no: str
    total_fen: int


async def main(port: int, url: str) -> None:
    pool = await asyncpg.create_pool(url, min_size=16, max_size=16)
    await pool.execute(TABLE)
    decode = msgspec.json.Decoder(Row).decode

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        row, number = decode(body), uuid7()
        await pool.execute(
            "INSERT INTO bare_purchases VALUES ($1, $2, $3, $4, $5)",
            UUID(str(number)),
            row.store,
            row.till_no,
            row.card_no,
            row.total_fen,
        )
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": msgspec.json.encode({"id": str(number)})})

    config = uvicorn.Config(
        app, port=port, log_level="error", access_log=False, interface="asgi3", lifespan="off", http="httptools"
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))

"""A connection stays usable after whatever went wrong (R-14), and a body without an end ends (chunked)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from tests.shop import Shop, open_shop


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """The application behind a real server on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="critical"))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


class Line:
    """One kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        self.writer.write(f"{head}\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return await self.answer()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(20):
            first, *rest = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
            return int(first.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


def inner(app: Any) -> FastAPI:
    while not isinstance(app, FastAPI):
        app = app.app
    return app


async def test_after_a_500_the_next_request_on_the_connection_is_answered(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    app = inner(shop.world.app)
    app.state.balances_of = None  # wired wrongly: what no door expects
    cookie = "; ".join(f"{name}={value}" for name, value in shop.staff.cookies.items())
    async with served(shop.world.app) as port:
        line = await Line.to(port)
        for _ in range(5):
            status, headers, body = await line.ask(f"GET /api/console/members/{member} HTTP/1.1\r\nCookie: {cookie}")
            assert (status, headers["content-type"]) == (500, "application/problem+json")
            assert b'"code":"server.error"' in body
            status, headers, _ = await line.ask("GET /healthz HTTP/1.1")
            assert (status, headers.get("connection")) == (200, None)
        line.writer.close()


@pytest.mark.parametrize(
    "path",
    ["/api/v1/purchases", "/api/v1/purchases/batch", "/api/v1/recharges", "/api/v1/members", "/api/member/login"],
)
async def test_a_chunked_body_without_an_end_is_refused_when_it_is_too_large(shop: Shop, path: str) -> None:
    key = shop.key.headers["authorization"]
    async with served(shop.world.app) as port:
        line = await Line.to(port)
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
        line.writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        piece = b"%x\r\n" % (1 << 20) + b" " * (1 << 20) + b"\r\n"

        async def pour() -> None:
            while True:
                line.writer.write(piece)
                await line.writer.drain()

        pouring = asyncio.create_task(pour())
        status, headers, body = await line.answer()
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)
        line.writer.close()
    assert (status, headers["content-type"]) == (413, "application/problem+json")
    assert b'"code":"request.too_large"' in body

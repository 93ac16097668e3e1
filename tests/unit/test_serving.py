"""Whose word on the caller's address counts."""

import asyncio
import socket
from typing import Any

import pytest

from huida.commands.serving import Server, configured
from huida.settings import Settings


async def seen(settings: Settings, *, peer: str) -> tuple[str, str]:
    """The caller's address and the scheme that the API sees for a request that claims to be forwarded."""
    found: list[tuple[str, str]] = []

    async def api(scope: Any, receive: Any, send: Any) -> None:
        found.append((scope["client"][0], scope["scheme"]))

    config = configured(api, settings)
    config.load()
    headers = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "client": (peer, 50000), "scheme": "http", "headers": headers}
    await config.loaded_app(scope, None, None)  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize(
    ("trusted", "peer", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", ("203.0.113.9", "https")),
        ("127.0.0.1", "198.51.100.7", ("198.51.100.7", "http")),
        ("10.0.0.0/8,198.51.100.7", "198.51.100.7", ("203.0.113.9", "https")),
        ("", "127.0.0.1", ("127.0.0.1", "http")),
    ],
)
async def test_only_a_trusted_web_server_tells_the_callers_address(
    trusted: str, peer: str, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable has no say
    assert await seen(Settings(trusted_proxies=trusted), peer=peer) == expected


async def test_an_idle_connection_is_kept_longer_than_callers_keep_theirs() -> None:
    async def api(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = configured(api, Settings())
    config.lifespan = "off"
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: huida.test\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        [connection] = server.server_state.connections
        ends = connection.timeout_keep_alive_task
        while ends is None:  # set when the answer is out
            await asyncio.sleep(0)
            ends = connection.timeout_keep_alive_task
        assert 74 < ends.when() - asyncio.get_running_loop().time() <= 75
        writer.close()
        server.should_exit = True
        await serving

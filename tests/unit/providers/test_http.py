"""Outcomes of outgoing calls against a real server that misbehaves on purpose."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from huida.kernel.http import CALLS, Answer, Outgoing, Refused, Unavailable, Unknown, outcome_of, plain_answer, redact
from huida.kernel.txstate import tx_is_open

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Peer:
    """A server that notes the request lines it read and then does what it is told."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.seen: list[str] = []
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.seen.append(head.split("\r\n")[0])
                sizes = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length")]
                self.bodies.append(await reader.readexactly(int(sizes[0]) if sizes else 0))
                await self.behaviour(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def peer(behaviour: Behaviour) -> AsyncIterator[tuple[Peer, str]]:
    one = Peer(behaviour)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    try:
        yield one, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def answering(raw: bytes) -> Behaviour:
    async def behaviour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return behaviour


def status(code: int) -> Behaviour:
    return answering(f"HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n".encode())


async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    raise ConnectionError


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(1)


@pytest.fixture
async def outgoing() -> AsyncIterator[Outgoing]:
    one = Outgoing(connect_s=0.3, total_s=0.6)
    yield one
    await one.aclose()


async def test_an_answer_comes_back_whole(outgoing: Outgoing) -> None:
    async with peer(answering(OK)) as (server, base):
        assert await outgoing.post(f"{base}/a?b=1", "会".encode()) == Answer(200, b"{}", "application/json")
        assert await outgoing.get(f"{base}/c") == Answer(200, b"{}", "application/json")
    assert server.seen == ["POST /a?b=1 HTTP/1.1", "GET /c HTTP/1.1"]
    assert server.bodies == ["会".encode(), b""]


async def test_a_refused_connection_was_certainly_not_processed(outgoing: Outgoing) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable):
            await outgoing.post(f"http://127.0.0.1:{taken.getsockname()[1]}/x", b"{}")


async def test_a_name_that_does_not_resolve_was_certainly_not_processed(outgoing: Outgoing) -> None:
    with pytest.raises(Unavailable):
        await outgoing.post("http://no-such-host.invalid/x", b"{}")


async def test_a_connect_time_out_was_certainly_not_processed(outgoing: Outgoing) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        with pytest.raises(Unavailable):
            await outgoing.post(f"http://127.0.0.1:{full.getsockname()[1]}/x", b"{}")
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(drop, id="dropped after reading"),
        pytest.param(hang, id="no answer in time"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), id="half an answer"),
        pytest.param(answering(b"nonsense\r\n\r\n"), id="not HTTP"),
    ],
)
async def test_after_sending_it_may_have_been_processed_and_is_not_repeated(
    outgoing: Outgoing, behaviour: Behaviour
) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await behaviour(reader, writer)
        await writer.drain()
        raise ConnectionError

    async with peer(once) as (server, base):
        with pytest.raises(Unknown):
            await outgoing.post(f"{base}/x", b"{}")
    assert server.seen == ["POST /x HTTP/1.1"]


async def test_a_kept_connection_that_drops_the_second_request_is_not_repeated(outgoing: Outgoing) -> None:
    answers = iter([answering(OK), drop])

    async def in_turn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers)(reader, writer)

    async with peer(in_turn) as (server, base):
        await outgoing.post(f"{base}/1", b"{}")
        with pytest.raises(Unknown):
            await outgoing.post(f"{base}/2", b"{}")
    assert server.seen == ["POST /1 HTTP/1.1", "POST /2 HTTP/1.1"]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (500, Unknown),
        (502, Unknown),
        (503, Unknown),
        (408, Unknown),
        (302, Unknown),
        (429, Unavailable),
        (404, Refused),
        (403, Refused),
    ],
)
async def test_a_status_alone_means_an_outcome(outgoing: Outgoing, code: int, outcome: type[Exception]) -> None:
    async with peer(status(code)) as (_, base):
        with pytest.raises(outcome) as raised:
            await outgoing.lane("test").post(f"{base}/x", b"{}", plain_answer)
    assert type(raised.value) is outcome


async def test_nothing_goes_out_while_a_transaction_is_open(outgoing: Outgoing) -> None:
    async with peer(answering(OK)) as (server, base):
        token = tx_is_open.set(True)
        try:
            with pytest.raises(AssertionError):
                await outgoing.post(f"{base}/x", b"{}")
        finally:
            tx_is_open.reset(token)
    assert server.seen == []


async def test_a_failure_shows_no_url(outgoing: Outgoing) -> None:
    async with peer(drop) as (_, base):
        with pytest.raises(Unknown) as raised:
            await outgoing.post(f"{base}/x?access_token=TOPSECRET", b"{}")
    assert "TOPSECRET" not in repr(raised.value)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


async def test_calls_are_counted_by_provider_and_outcome(outgoing: Outgoing) -> None:
    def refuse(_: Answer) -> None:
        raise Refused("test.no", "no")

    lane = outgoing.lane("counted")
    async with peer(answering(OK)) as (_, base):
        await lane.get(f"{base}/x", plain_answer)
        with pytest.raises(Refused):
            await lane.get(f"{base}/x", refuse)
    assert {
        sample.labels["outcome"]: sample.value
        for metric in CALLS.collect()
        for sample in metric.samples
        if sample.labels.get("provider") == "counted" and sample.name.endswith("_total")
    } == {"ok": 1.0, "refused": 1.0, "unavailable": 0.0, "unknown": 0.0}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/p?access_token=abc&x=1", "https://h/p?access_token=***&x=1"),
        ("appid=wx1&secret=s3cr3t&js_code=c0de", "appid=wx1&secret=***&js_code=***"),
        ("?PhoneNumbers=13800000001&Signature=a%3D", "?PhoneNumbers=***&Signature=***"),
        ('{"appsecret": "s", "errmsg": "ok"}', '{"appsecret": "***", "errmsg": "ok"}'),
        ("invalid credential rid: 1-2-3", "invalid credential rid: 1-2-3"),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_names_of_outcomes() -> None:
    assert [outcome_of(one) for one in (Refused("a", "b"), Unavailable("c"), Unknown("d"))] == [
        "refused",
        "unavailable",
        "unknown",
    ]

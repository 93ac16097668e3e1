"""Whatever answers is bounded: in size, in time, in depth, in the length of its texts, and in how long it is kept waiting."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest

from huida.kernel.http import IDLE_S, LONGEST_TEXT, MOST_BYTES, Answer, Outgoing, Refused, Unknown, each, redact
from huida.modules.messaging import mapping
from huida.providers.sms.aliyun import AliyunSms
from huida.providers.sms.provider import BadReport
from huida.providers.sms.tencent import TencentSms
from huida.providers.wechat.calls import judged
from huida.providers.wechat.mini_program import Session
from huida.providers.wechat.params import template_fields
from tests.unit.providers.fakes import Script, StillClock
from tests.unit.providers.test_http import OK, Behaviour, answering, peer


@pytest.fixture
async def outgoing() -> AsyncIterator[Outgoing]:
    one = Outgoing(connect_s=0.3, total_s=0.6, idle_s=0.2)
    yield one
    await one.aclose()


def whole(body: bytes, *more: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *more))
    return head.encode() + b"\r\n" + body


async def test_nothing_is_unpacked(outgoing: Outgoing) -> None:
    heads: list[bytes] = []
    packed = whole(gzip.compress(bytes(64 * 1024 * 1024)), "Content-Encoding: gzip")

    async def bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(packed)
        await writer.drain()

    server = await asyncio.start_server(bomb, "127.0.0.1", 0)
    with pytest.raises(Unknown, match="compressed"):
        await outgoing.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x")
    server.close()
    assert b"accept-encoding: identity\r\n" in heads[0].lower()


async def test_an_answer_of_a_mebibyte_is_read_and_a_larger_one_is_left(outgoing: Outgoing) -> None:
    async with peer(answering(whole(bytes(MOST_BYTES)))) as (_, base):
        assert len((await outgoing.get(f"{base}/x")).body) == MOST_BYTES
    async with peer(answering(whole(bytes(MOST_BYTES + 1)))) as (_, base):
        with pytest.raises(Unknown, match="too large"):
            await outgoing.get(f"{base}/x")


async def test_an_answer_without_an_end_is_not_read_on(outgoing: Outgoing) -> None:
    written = 0
    gone = asyncio.Event()

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                await writer.drain()
                written += 0x10000
        except ConnectionError:
            gone.set()

    async with peer(endless) as (_, base):
        with pytest.raises(Unknown, match="too large"):
            await outgoing.get(f"{base}/x")
        await asyncio.wait_for(gone.wait(), 5)
    assert written < 16 * MOST_BYTES  # what the sockets hold beside what was read


async def test_an_answer_in_drips_ends_with_the_time_for_all_of_it(outgoing: Outgoing) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with peer(drip) as (_, base):
        began = time.monotonic()
        with pytest.raises(Unknown):
            await outgoing.get(f"{base}/x")
        assert 0.5 < time.monotonic() - began < 3


def keeping_for(seconds: float) -> Behaviour:
    """A peer that gives an idle connection up after so long, at the worst moment: when the next request is on its way."""
    used: dict[asyncio.StreamWriter, float] = {}

    async def behaviour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        now = time.monotonic()
        if now - used.setdefault(writer, now) > seconds:
            raise ConnectionError
        writer.write(OK)
        await writer.drain()
        used[writer] = time.monotonic()

    return behaviour


async def test_an_idle_connection_is_given_up_before_the_peer_does_it(outgoing: Outgoing) -> None:
    async with peer(keeping_for(0.4)) as (server, base):
        for number, pause_s in enumerate((0.0, 0.0, 0.45, 0.0, 0.45)):
            await asyncio.sleep(pause_s)
            assert (await outgoing.post(f"{base}/{number}", b"{}")).status == 200
    assert server.seen == [f"POST /{number} HTTP/1.1" for number in range(5)]
    assert IDLE_S < 5  # what servers in use have as their default


async def test_control_a_connection_that_is_kept_longer_than_by_the_peer_loses_answers() -> None:
    longer = Outgoing(connect_s=0.3, total_s=0.6, idle_s=20)
    async with peer(keeping_for(0.4)) as (_, base):
        await longer.post(f"{base}/1", b"{}")
        await asyncio.sleep(0.45)
        with pytest.raises(Unknown):
            await longer.post(f"{base}/2", b"{}")
    await longer.aclose()


DEEP = b'{"errcode":0,"openid":"o1","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


async def test_a_deep_answer_is_unknown(outgoing: Outgoing) -> None:
    async with peer(answering(whole(DEEP))) as (_, base):
        with pytest.raises(Unknown, match="not understood"):
            await outgoing.lane("deep").get(f"{base}/x", judged(Session, StillClock()))


async def test_whatever_a_judge_raises_is_unknown_for_this_call(outgoing: Outgoing) -> None:
    def broken(answer: Answer) -> int:
        return int(answer.body)

    async with peer(answering(whole(b"1380000secret"))) as (_, base):
        with pytest.raises(Unknown) as raised:
            await outgoing.lane("broken").get(f"{base}/x", broken)
    assert str(raised.value) == "answer not understood (ValueError)"


async def test_one_that_breaks_cuts_off_no_other() -> None:
    done: list[int] = []

    async def do(number: int) -> None:
        if number == 2:
            raise RuntimeError("two")
        await asyncio.sleep(0)
        done.append(number)

    with pytest.raises(RuntimeError, match="two"):
        await each(range(6), do, at_once=2)
    assert sorted(done) == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("text", ["a" * 1_000_000, "secret" * 200_000, "code " * 200_000, "secret=" + " " * 1_000_000])
def test_texts_of_peers_cost_little_and_are_cut(text: str) -> None:
    began = time.process_time()
    refused = Refused("wechat." + text, text)
    assert len(redact(text)) <= LONGEST_TEXT + 3
    assert (len(refused.code), len(refused.message) <= LONGEST_TEXT + 3) == (120, True)
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "{{" * 100_000, "{{" + " " * 200_000, "{{a" + " a" * 100_000, "{{a.DATA" + " " * 200_000]
)
def test_reading_templates_and_assignments_is_linear(text: str) -> None:
    began = time.process_time()
    assert template_fields(text) == []
    assert mapping.tokens(text) == []
    assert mapping.LOOSE.findall(text) == []
    assert time.process_time() - began < 1


def test_labels_stand_before_their_fields() -> None:
    fields = template_fields("您好\n商品 ： {{thing1.DATA}}\n价格:{{ amount2.DATA }} 备注\t{{x.DATA}}{{y.DATA}}")
    assert [(one.label, one.key) for one in fields] == [
        ("商品", "thing1"),
        ("价格", "amount2"),
        ("备注", "x"),
        ("", "y"),
    ]


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'[{"phone_number":"1","success":true,"x":' + b"[" * 100_000, b"\xff", b'[{"sid":1}]']
)
def test_reports_that_are_not_understood_are_refused(body: bytes) -> None:
    outgoing = Script(lambda _: {}).outgoing()
    for client in (AliyunSms(outgoing, clock=StillClock()), TencentSms(outgoing, clock=StillClock())):
        with pytest.raises(BadReport):
            client.parse_report(body)


def test_a_count_that_no_carrier_makes_is_none() -> None:
    client = AliyunSms(Script(lambda _: {}).outgoing(), clock=StillClock())
    body = b'[{"phone_number":"13800000001","success":true,"sms_size":"' + b"9" * 100 + b'"}]'
    assert [one.parts for one in client.parse_report(body)] == [None]

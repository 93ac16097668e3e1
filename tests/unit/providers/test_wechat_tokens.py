"""Access tokens: one fetch for many callers, one renewal, nobody else's token (§1.1, P-16)."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from huida.kernel.http import Refused, Unavailable
from huida.kernel.secrets import Secret
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.mini_program import MiniProgram
from huida.providers.wechat.tokens import AccessTokens
from tests.unit.providers.fakes import Request, Script, StillClock

CRED = AppCredentials("wx1", Secret("s3cret"))


class Platform:
    """Issues tokens like `stable_token` and accepts the newest one."""

    def __init__(self) -> None:
        self.issued = 1
        self.accepted = "T1"
        self.expires_in = 7200
        self.frozen = False

    async def answer(self, request: Request) -> object:
        await asyncio.sleep(0)
        parts = urlsplit(request.url)
        if parts.path == "/cgi-bin/stable_token":
            asked = msgspec.json.decode(request.body or b"")
            if asked["secret"] != "s3cret":
                return {"errcode": 40125, "errmsg": "invalid appsecret"}
            if asked["force_refresh"] and not self.frozen:
                self.issued += 1
                self.accepted = f"T{self.issued}"
            return {"access_token": f"T{self.issued}", "expires_in": self.expires_in}
        if parse_qs(parts.query)["access_token"] != [self.accepted]:
            return {"errcode": 40001, "errmsg": "invalid credential"}
        return {"errcode": 0, "errmsg": "ok", "msgid": 2_900_000_000_000_000_001}


def built(platform: Platform) -> tuple[Script, StillClock, AccessTokens, MiniProgram]:
    script, clock = Script(platform.answer), StillClock()
    outgoing = script.outgoing()
    tokens = AccessTokens(outgoing, clock=clock, base_url="http://wx")
    return script, clock, tokens, MiniProgram(outgoing, tokens, clock=clock, base_url="http://wx")


def paths(script: Script) -> list[str]:
    return [request.url.removeprefix("http://wx") for request in script.seen]


@pytest.mark.covers("P-16")
async def test_many_callers_share_one_fetch() -> None:
    script, _, tokens, _ = built(Platform())
    assert set(await asyncio.gather(*(tokens.get(CRED) for _ in range(50)))) == {"T1"}
    assert paths(script) == ["/cgi-bin/stable_token"]


async def test_a_caller_that_goes_away_does_not_stop_the_others() -> None:
    _, _, tokens, _ = built(Platform())
    first, second = asyncio.create_task(tokens.get(CRED)), asyncio.create_task(tokens.get(CRED))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "T1"


async def test_a_token_is_asked_for_again_when_its_last_minutes_begin() -> None:
    script, clock, tokens, _ = built(Platform())
    await tokens.get(CRED)
    clock.moment += timedelta(seconds=6899)
    await tokens.get(CRED)
    assert len(script.seen) == 1
    clock.moment += timedelta(seconds=1)
    await tokens.get(CRED)
    assert len(script.seen) == 2


async def test_a_short_lived_token_is_still_kept_for_half_its_life() -> None:
    platform = Platform()
    platform.expires_in = 300
    script, clock, tokens, _ = built(platform)
    await tokens.get(CRED)
    clock.moment += timedelta(seconds=149)
    await tokens.get(CRED)
    assert len(script.seen) == 1


async def test_a_wrong_secret_gets_nobodys_token() -> None:
    _, _, tokens, _ = built(Platform())
    await tokens.get(CRED)
    with pytest.raises(Refused) as raised:
        await tokens.get(AppCredentials("wx1", Secret("guess")))
    assert raised.value.code == "wechat.40125"


async def test_a_refused_token_is_renewed_and_the_call_repeated_once() -> None:
    platform = Platform()
    script, _, tokens, mini = built(platform)
    await tokens.get(CRED)
    platform.issued, platform.accepted = 2, "T2"
    assert await mini.send_subscribe(CRED, b"{}") == 2_900_000_000_000_000_001
    assert paths(script) == [
        "/cgi-bin/stable_token",
        "/cgi-bin/message/subscribe/send?access_token=T1",
        "/cgi-bin/stable_token",
        "/cgi-bin/message/subscribe/send?access_token=T2",
    ]
    assert [msgspec.json.decode(script.seen[at].body or b"")["force_refresh"] for at in (0, 2)] == [False, False]


async def test_a_refresh_is_forced_only_when_normal_mode_repeats_the_refused_token() -> None:
    platform = Platform()
    platform.accepted = "nothing"
    script, _, _, mini = built(platform)
    assert await mini.send_subscribe(CRED, b"{}") == 2_900_000_000_000_000_001
    assert [
        msgspec.json.decode(request.body or b"")["force_refresh"]
        for request in script.seen
        if "token" in request.url[:30]
    ] == [False, False, True]


async def test_a_second_forced_refresh_waits_thirty_seconds() -> None:
    platform = Platform()
    platform.accepted, platform.frozen = "nothing", True
    script, clock, _, mini = built(platform)
    with pytest.raises(Unavailable):
        await mini.send_subscribe(CRED, b"{}")
    forced = sum(b'"force_refresh":true' in (request.body or b"") for request in script.seen)
    with pytest.raises(Unavailable):
        await mini.send_subscribe(CRED, b"{}")
    assert sum(b'"force_refresh":true' in (request.body or b"") for request in script.seen) == forced == 1
    clock.moment += timedelta(seconds=30)
    platform.frozen = False
    assert await mini.send_subscribe(CRED, b"{}") == 2_900_000_000_000_000_001


async def test_callers_with_the_same_refused_token_renew_together() -> None:
    platform = Platform()
    script, _, tokens, mini = built(platform)
    await tokens.get(CRED)
    platform.accepted = "nothing"
    await asyncio.gather(*(mini.send_subscribe(CRED, b"{}") for _ in range(20)))
    assert sum(b'"force_refresh":true' in (request.body or b"") for request in script.seen) == 1


async def test_a_token_that_stays_refused_ends_the_call() -> None:
    script = Script(
        lambda request: (
            {"access_token": f"T{len(request.url)}{request.body!r}", "expires_in": 7200}
            if "stable" in request.url
            else {"errcode": 40001, "errmsg": "invalid credential"}
        )
    )
    clock = StillClock()
    outgoing = script.outgoing()
    mini = MiniProgram(outgoing, AccessTokens(outgoing, clock=clock), clock=clock)
    with pytest.raises(Refused) as raised:
        await mini.send_subscribe(CRED, b"{}")
    assert raised.value.code == "wechat.40001"
    assert sum("subscribe/send" in request.url for request in script.seen) == 2

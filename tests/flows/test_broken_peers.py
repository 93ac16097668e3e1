"""Answers of a broken gateway between us and a provider: nobody becomes somebody else, and no other call ends with them."""

import time
from collections.abc import Callable
from typing import Any

import asyncpg
import msgspec
import pytest

from huida.kernel.http import Answer
from tests.asgi import Client, Proxy
from tests.conftest import World
from tests.shop import Shop
from wesim import acts, seed
from wesim.oa.web import mint_code

NESTED = b"[" * 100_000 + b"]" * 100_000
CONNECTIONS = "/api/console/connections"
LIBRARY = "/api/console/messaging/library"


def deep(answer: Answer) -> Answer:
    """The same answer with one more field, nested deeper than anybody reads."""
    return Answer(200, answer.body.rstrip()[:-1] + b',"x":' + NESTED + b"}", answer.content_type)


def saying(**fields: Any) -> Callable[[Answer], Answer]:
    def twist(answer: Answer) -> Answer:
        said = {**msgspec.json.decode(answer.body), **fields}
        body = {name: value for name, value in said.items() if value is not ...}
        return Answer(200, msgspec.json.encode(body), answer.content_type)

    return twist


async def rows(world: World, query: str) -> Any:
    async with world.db.read(world.tenant) as tx:
        return await tx.value(query, world.tenant)


IDENTITIES = "SELECT count(*) FROM identities WHERE tenant_id = $1"
SESSIONS = "SELECT count(*) FROM member_sessions WHERE tenant_id = $1"


@pytest.mark.parametrize("openid", [..., "", None, 7, ["o"], "a" * 500_000, "a/b", "a\x00b"])
@pytest.mark.parametrize(
    ("app_id", "path"), [(seed.MINI_APPID, "/sns/jscode2session"), (seed.OA_APPID, "/sns/oauth2/access_token")]
)
async def test_who_logs_in_without_an_openid_is_nobody(
    world: World, proxy: Proxy, app_id: str, path: str, openid: Any
) -> None:
    proxy.twists[path] = saying(openid=openid)
    for person in ("linxiaoman", "chenyiming"):
        code = mint_code(world.sim, kind="js" if app_id == seed.MINI_APPID else "oauth", app=app_id, person=person)
        login = await Client(world.app).post("/api/member/login", {"app_id": app_id, "code": code})
        assert login.refusal == (503, "member.login_unavailable")
    assert (await rows(world, IDENTITIES), await rows(world, SESSIONS)) == (0, 0)


async def test_the_database_takes_no_empty_openid_either(world: World) -> None:
    for statement in (
        "INSERT INTO identities (tenant_id, app_id, openid, updated_at) VALUES ($1, 'wx1', '', now())",
        "INSERT INTO identities (tenant_id, app_id, openid, unionid, updated_at) VALUES ($1, 'wx1', 'o1', '', now())",
        "INSERT INTO member_sessions (token_hash, tenant_id, app_id, openid, expires_at) VALUES ('x', $1, 'wx1', '', now())",
        "INSERT INTO staff_bindings (tenant_id, staff_id, app_id, openid, follows_at, scenarios, bound_at) "
        "VALUES ($1, gen_random_uuid(), 'wx1', '', now(), '[]', now())",
        "INSERT INTO subscribe_credits (tenant_id, app_id, openid, template_id, updated_at) VALUES ($1, 'wx1', '', 't', now())",
        "INSERT INTO subscribe_credits (tenant_id, app_id, openid, template_id, updated_at) VALUES ($1, 'wx1', 'o', '', now())",
        "INSERT INTO wechat_templates (tenant_id, app_id, template_id, channel, title, content, seen_at) "
        "VALUES ($1, 'wx1', '', 'subscribe', 'x', 'x', now())",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            async with world.db.tx(world.tenant) as tx:
                await tx.execute(statement, world.tenant)


@pytest.mark.parametrize("phone", [..., "", None, 7, "138", "1" * 500])
async def test_a_phone_that_is_none_joins_nobody(shop: Shop, proxy: Proxy, phone: Any) -> None:
    world = shop.world
    visitor = await shop.centre(await shop.member(phone=False, wechat=False))
    code = mint_code(world.sim, kind="phone", app=seed.MINI_APPID, person="linxiaoman")
    members = await rows(world, "SELECT count(*) FROM members WHERE tenant_id = $1")
    proxy.twists["/wxa/business/getuserphonenumber"] = lambda answer: Answer(
        200,
        msgspec.json.encode(
            {"errcode": 0, "phone_info": {"countryCode": "86"} | ({} if phone is ... else {"purePhoneNumber": phone})}
        ),
        answer.content_type,
    )
    assert (await visitor.post("/api/member/phone", {"code": code})).refusal == (503, "member.login_unavailable")
    assert await rows(world, "SELECT count(*) FROM members WHERE tenant_id = $1") == members


async def test_one_answer_that_breaks_us_is_unknown_and_the_others_of_its_portion_arrive(
    shop: Shop, proxy: Proxy
) -> None:
    # given: three messages that are sent together, and no reports that would settle it later
    await shop.sim.post("/_sim/sms/account", {"provider": "aliyun", "report_url": ""})
    await shop.enable("consumption", "sms")
    people = {person: await shop.member(person) for person in ("linxiaoman", "chenyiming", "wangsiyuan")}
    proxy.twists["PhoneNumbers=13800000001"] = deep
    for number, member_id in enumerate(people.values()):
        assert (await shop.buy(member_id, f"T-{number}")).status == 201
    # when
    await shop.settle()
    # then
    assert sorted(await shop.outcomes()) == [
        ("sms", "accepted", ""),
        ("sms", "accepted", ""),
        ("sms", "unknown", "answer not understood"),
    ]
    assert [len(await shop.texts(member_id)) for member_id in people.values()] == [1, 1, 1]
    assert sum("PhoneNumbers=13800000001" in url for url, _ in proxy.seen) == 1


async def test_doors_that_ask_wechat_tell_its_trouble(shop: Shop, proxy: Proxy) -> None:
    proxy.twists["/newtmpl/"] = deep
    assert (await shop.staff.get(LIBRARY, keyword="x")).refusal == (504, "provider.unknown")
    checked = await shop.staff.post(f"{CONNECTIONS}/{seed.MINI_APPID}/preflight")
    assert (checked.status, [one["detail"] for one in checked.json()["checks"]]) == (
        200,
        ["connection.check.unreachable"],
    )
    proxy.twists = {"/sns/jscode2session": deep}
    code = mint_code(shop.world.sim, kind="js", app=seed.MINI_APPID, person="linxiaoman")
    login = await Client(shop.world.app).post("/api/member/login", {"app_id": seed.MINI_APPID, "code": code})
    assert login.refusal == (503, "member.login_unavailable")


async def test_a_refusal_of_two_hundred_thousand_letters_holds_nobody_up(shop: Shop, proxy: Proxy) -> None:
    proxy.twists["/newtmpl/"] = lambda _: Answer(
        200, msgspec.json.encode({"errcode": 47001, "errmsg": "a" * 200_000}), "application/json"
    )
    began = time.process_time()
    assert (await shop.staff.get(LIBRARY, keyword="x")).refusal == (409, "provider.refused")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("openid", ["", "a" * 65, "a b", "会"])
async def test_a_push_without_a_person_is_refused_and_kept_nowhere(world: World, openid: str) -> None:
    world.sim.pusher.push(world.sim_app(seed.OA_APPID), openid, {"MsgType": "event", "Event": "subscribe"})
    await world.settle()
    assert await rows(world, "SELECT count(*) FROM callback_inbox WHERE tenant_id = $1") == 0
    assert await rows(world, IDENTITIES) == 0
    # its neighbour is heard
    acts.follow(world.sim, world.sim_app(seed.OA_APPID), world.user(seed.OA_APPID))
    await world.settle()
    assert await rows(world, IDENTITIES) == 1

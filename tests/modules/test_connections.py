"""Apps, WeChat's door and preflight, with the simulator on the other side."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from starlette.types import ASGIApp

from huida.kernel.db import Database
from huida.kernel.secrets import Secret
from huida.modules import connections
from huida.modules.connections.service import go_live
from huida.providers.wechat.crypto import sorted_sha1
from tests import asgi, make
from tests.asgi import Client, Reply
from tests.conftest import World
from wesim import acts, seed
from wesim.faults import Fault
from wesim.world import World as Sim

OA = {
    "app_id": seed.OA_APPID,
    "kind": "oa",
    "name": "会达小店",
    "secret": seed.OA_SECRET,
    "token": seed.OA_TOKEN,
    "aes_key": seed.OA_AES_KEY,
}
MINI = {**OA, "app_id": seed.MINI_APPID, "kind": "mini", "secret": seed.MINI_SECRET}
BASE = "/api/console/connections"


async def connected(console: Client, body: dict[str, Any]) -> dict[str, Any]:
    reply = await console.post(BASE, body)
    assert reply.status == 201, reply.text
    return dict(reply.json())


async def inbox(world: World) -> int:
    async with world.db.read(world.tenant) as tx:
        return int(await tx.value("SELECT count(*) FROM callback_inbox WHERE tenant_id = $1", world.tenant))


async def test_connecting_shows_the_callback_and_never_the_secret(console: Client) -> None:
    app = await connected(console, OA)
    assert (app["app_id"], app["state"], app["callback_mode"], app["checks"]) == (
        seed.OA_APPID,
        "connected",
        "safe",
        [],
    )
    assert app["callback_url"].startswith("http://huida.test/callbacks/wechat/")
    assert len(app["callback_url"].rsplit("/", 1)[1]) == 32
    everything = (await console.get(BASE)).text + (await console.get(f"{BASE}/{seed.OA_APPID}")).text
    everything += (await console.get("/api/console/audit")).text
    for secret in (seed.OA_SECRET, seed.OA_TOKEN, seed.OA_AES_KEY):
        assert secret not in everything
    shown = (await console.get(f"{BASE}/{seed.OA_APPID}/callback")).json()
    assert (shown["token"], shown["aes_key"]) == (seed.OA_TOKEN, seed.OA_AES_KEY)


async def test_secrets_are_sealed_at_rest(console: Client, world: World) -> None:
    async with world.db.read(world.tenant) as tx:
        row = await tx.row("SELECT * FROM apps WHERE tenant_id = $1 AND kind = 'oa'", world.tenant)
        cred = await connections.credentials(tx, "oa")
    assert row is not None and cred is not None
    assert seed.OA_SECRET.encode() not in bytes(row["secret_sealed"])
    assert (cred.app_id, cred.secret.reveal()) == (seed.OA_APPID, seed.OA_SECRET)


async def states(console: Client) -> dict[str, str]:
    return {app["app_id"]: app["state"] for app in (await console.get(BASE)).json()["items"]}


async def test_one_app_of_each_kind(console: Client, sim: Sim) -> None:
    second_app = "wx00000000000000ff"
    sim.apps[second_app] = msgspec.structs.replace(sim.apps[seed.OA_APPID], id=second_app)
    await connected(console, OA)
    second = await console.post(BASE, {**OA, "app_id": second_app})
    assert second.refusal == (409, "connection.kind_taken")
    await connected(console, MINI)
    other_kind = await console.post(BASE, {**MINI, "kind": "oa"})
    assert other_kind.refusal == (409, "connection.kind_taken")
    assert (await console.post(f"{BASE}/{seed.OA_APPID}/disconnect")).status == 204
    assert (await console.post(BASE, {**MINI, "kind": "oa"})).refusal == (409, "connection.kind_taken")
    await connected(console, {**OA, "app_id": second_app})
    assert await states(console) == {
        seed.OA_APPID: "disconnected",
        second_app: "connected",
        seed.MINI_APPID: "connected",
    }


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"secret": "0" * 32}, (422, "connection.wrong_secret")),
        ({"app_id": "wx00000000000000ff"}, (422, "connection.wrong_app_id")),
    ],
)
async def test_an_app_that_wechat_does_not_accept_is_not_connected(
    console: Client, tenant: int, db: Database, change: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert (await console.post(BASE, MINI | change)).refusal == refusal
    assert await states(console) == {}
    async with db.raw() as (_, sql):
        assert await sql.fetchval("SELECT count(*) FROM callback_routes WHERE tenant_id = $1", tenant) == 0


async def test_only_the_secret_that_wechat_accepted_makes_an_app_live(world: World) -> None:
    """R-17: it was changed while WeChat was asked about the one before."""
    await make.nobody_connected(world.db)
    world.sim_app(seed.MINI_APPID).ip_whitelist = ["192.0.2.1"]
    tenant = await make.merchant(world.db)
    boss = await make.logged_in(Client(world.app), await make.staff(world.db, tenant))
    assert (await boss.post(BASE, MINI)).json()["state"] == "pending"
    for proved, state in ((Secret("f" * 32), "pending"), (Secret(seed.MINI_SECRET), "connected")):
        async with world.db.tx(tenant) as tx:
            await go_live(tx, seed.MINI_APPID, proved=proved)
        assert await states(boss) == {seed.MINI_APPID: state}


async def test_an_app_that_wechat_cannot_vouch_for_waits_until_it_can(
    world: World, console: Client, other: Client
) -> None:
    # given: the server's address is not on the list yet
    await make.nobody_connected(world.db)
    sim_app = world.sim_app(seed.MINI_APPID)
    sim_app.ip_whitelist = ["192.0.2.1"]
    reply = await other.post(BASE, MINI)
    # then: it waits, with the reason; nobody logs in there, and its callback is not heard
    assert (reply.status, reply.json()["state"]) == (201, "pending")
    assert [one["detail"] for one in reply.json()["checks"]] == ["connection.check.ip_not_listed"]
    path = f"{BASE}/{seed.MINI_APPID}"
    login = await Client(world.app).post("/api/member/login", {"app_id": seed.MINI_APPID, "code": "c"})
    assert login.refusal == (404, "connection.not_found")
    url = reply.json()["callback_url"]
    assert (await verify(world.app, url, signed(seed.OA_TOKEN, int(time.time())))).status == 404
    assert (await other.post(f"{path}/open-subscribe")).refusal == (409, "connection.not_a_mini_program")
    assert [one[2] for one in await preflight(other, seed.MINI_APPID)] == ["ip_not_listed"]
    # when: WeChat is away, then it accepts
    sim_app.ip_whitelist = []
    world.sim.faults.add(Fault(path="/cgi-bin/stable_token", kind="busy", count=1))
    assert [one[2] for one in await preflight(other, seed.MINI_APPID)] == ["unreachable"]
    assert await states(other) == {seed.MINI_APPID: "pending"}
    assert [one[1] for one in await preflight(other, seed.MINI_APPID)] == ["ok", "ok", "ok", "ok", "warn"]
    assert await states(other) == {seed.MINI_APPID: "connected"}
    assert (await verify(world.app, url, signed(seed.OA_TOKEN, int(time.time())))).status == 200


async def test_an_app_is_live_at_one_merchant_of_the_server(world: World, console: Client, other: Client) -> None:
    # given: live at one; the other knows the secret too
    assert (await other.post(BASE, MINI)).refusal == (409, "connection.app_taken")
    assert await states(other) == {}
    # when: it waited there before
    sim_app = world.sim_app(seed.MINI_APPID)
    sim_app.ip_whitelist = ["192.0.2.1"]
    assert (await other.post(BASE, MINI)).json()["state"] == "pending"
    sim_app.ip_whitelist = []
    path = f"{BASE}/{seed.MINI_APPID}"
    assert (await other.post(f"{path}/preflight")).refusal == (409, "connection.app_taken")
    assert (await other.patch(path, {"secret": seed.MINI_SECRET})).refusal == (409, "connection.app_taken")
    assert (await states(other), (await states(console))[seed.MINI_APPID]) == (
        {seed.MINI_APPID: "pending"},
        "connected",
    )
    # when: the first lets go
    assert (await console.post(f"{path}/disconnect")).status == 204
    assert (await other.post(f"{path}/preflight")).status == 200
    assert (await states(other), (await states(console))[seed.MINI_APPID]) == (
        {seed.MINI_APPID: "connected"},
        "disconnected",
    )


async def test_of_many_who_connect_an_app_at_once_one_gets_it(world: World) -> None:
    await make.nobody_connected(world.db)
    clients = [
        await make.logged_in(Client(world.app), await make.staff(world.db, await make.merchant(world.db)))
        for _ in range(6)
    ]
    replies = await asyncio.gather(*(client.post(BASE, MINI) for client in clients))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 5
    assert {reply.json()["code"] for reply in replies if reply.status == 409} == {"connection.app_taken"}


async def test_a_secret_is_changed_when_wechat_accepts_the_new_one(world: World, console: Client) -> None:
    path = f"{BASE}/{seed.MINI_APPID}"
    assert (await preflight(console, seed.MINI_APPID))[0] == ("credentials", "ok", "fine")
    # a wrong one, and one that nobody can vouch for
    assert (await console.patch(path, {"name": "x", "secret": "0" * 32})).refusal == (422, "connection.wrong_secret")
    world.sim.faults.add(Fault(path="/cgi-bin/stable_token", kind="busy", count=1))
    away = await console.patch(path, {"name": "x", "secret": seed.MINI_SECRET})
    assert away.refusal == (503, "provider.unavailable")
    kept = (await console.get(path)).json()
    assert (kept["name"], kept["state"], len(kept["checks"])) == (world.sim_app(seed.MINI_APPID).name, "connected", 5)
    # the right one: what was found before is forgotten
    assert (await console.patch(path, {"name": "x", "secret": seed.MINI_SECRET})).status == 204
    changed = (await console.get(path)).json()
    assert (changed["name"], changed["state"], changed["checks"], changed["checked_at"]) == ("x", "connected", [], None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"app_id": "gh_1"}, "connection.bad_app_id"),
        ({"kind": "work"}, "connection.bad_kind"),
        ({"callback_mode": "none"}, "connection.bad_mode"),
        ({"original_id": "wx1"}, "connection.bad_original_id"),
        ({"token": "a b"}, "connection.bad_token"),
        ({"aes_key": "short"}, "connection.bad_aes_key"),
        ({"secret": ""}, "connection.bad_secret"),
    ],
)
async def test_what_cannot_be_right_is_refused(console: Client, change: dict[str, str], code: str) -> None:
    assert (await console.post(BASE, OA | change)).refusal == (422, code)
    assert (await console.get(BASE)).json() == {"items": []}


async def test_another_merchants_apps_do_not_exist(console: Client, other: Client) -> None:
    await connected(console, OA)
    path = f"{BASE}/{seed.OA_APPID}"
    assert (await other.get(BASE)).json() == {"items": []}
    for reply in (
        await other.get(path),
        await other.get(f"{path}/callback"),
        await other.patch(path, {"name": "mine"}),
        await other.post(f"{path}/disconnect"),
        await other.post(f"{path}/preflight"),
    ):
        assert reply.refusal == (404, "connection.not_found")
    assert (await console.get(path)).json()["name"] == "会达小店"


async def test_subscribe_messages_are_opened_for_a_mini_program_only(console: Client) -> None:
    assert (await connected(console, MINI))["subscribe_open"] is False
    await connected(console, OA)
    path = f"{BASE}/{seed.MINI_APPID}"
    assert (await console.post(f"{path}/open-subscribe")).status == 204
    assert (await console.get(path)).json()["subscribe_open"] is True
    refused = await console.post(f"{BASE}/{seed.OA_APPID}/open-subscribe")
    assert refused.refusal == (409, "connection.not_a_mini_program")
    assert (await console.post(f"{path}/close-subscribe")).status == 204
    assert (await console.get(path)).json()["subscribe_open"] is False


def signed(token: str, timestamp: int) -> dict[str, str]:
    stamp = str(timestamp)
    return {"timestamp": stamp, "nonce": "n", "signature": sorted_sha1((token, stamp, "n")), "echostr": "echo1"}


async def verify(app: ASGIApp, url: str, query: dict[str, str]) -> Reply:
    path = url.removeprefix("http://huida.test")
    return await Client(app).get(path, **query)


async def test_wechat_verifies_the_address(app: ASGIApp, console: Client) -> None:
    url = (await connected(console, OA))["callback_url"]
    now = int(time.time())
    right = await verify(app, url, signed(seed.OA_TOKEN, now))
    assert (right.status, right.text) == (200, "echo1")
    assert (await console.get(f"{BASE}/{seed.OA_APPID}")).json()["callback_seen_at"] is not None
    assert (await verify(app, url, signed("another", now))).status == 403
    assert (await verify(app, url, signed(seed.OA_TOKEN, now - 301))).status == 403
    assert (await verify(app, url[:-1] + "~", signed(seed.OA_TOKEN, now))).status == 404


async def test_a_push_is_kept_once_and_told_as_a_fact(world: World) -> None:
    user = world.user(seed.OA_APPID)
    acts.follow(world.sim, world.sim_app(seed.OA_APPID), user)
    await world.settle()

    facts = await world.facts("wechat.follow_changed")
    assert [(one["app_id"], one["openid"], one["follows"]) for one in facts] == [(seed.OA_APPID, user.openid, True)]
    assert await inbox(world) == 1


async def test_a_repeated_push_changes_nothing(world: World) -> None:
    acts.follow(world.sim, world.sim_app(seed.OA_APPID), world.user(seed.OA_APPID))
    await world.settle()
    (url, headers, body), *_ = world.posted

    again = await asgi.call(world.app, "POST", url, headers=headers, body=body)
    await world.settle()

    assert (again.status, again.body) == (200, b"success")
    assert (len(await world.facts("wechat.follow_changed")), await inbox(world)) == (1, 1)


async def test_what_is_not_authentic_is_not_kept(world: World, console: Client) -> None:
    url = (await console.get(f"{BASE}/{seed.OA_APPID}")).json()["callback_url"]
    body = b"<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>1</CreateTime></xml>"
    query = signed(seed.OA_TOKEN, int(time.time()))
    for case in (query, query | {"signature": "0" * 40}, {}):
        reply = await Client(world.app).request("POST", url.removeprefix("http://huida.test"), params=case, body=body)
        assert (reply.status, reply.text) == (403, "forbidden")
    too_large = await Client(world.app).request(
        "POST", url.removeprefix("http://huida.test"), params=query, body=b"x" * (256 * 1024 + 1)
    )
    assert too_large.status == 403
    assert await inbox(world) == 0


async def test_a_disconnected_app_is_not_heard(world: World, console: Client) -> None:
    path = f"{BASE}/{seed.OA_APPID}"
    url = (await console.get(path)).json()["callback_url"]
    await console.post(f"{path}/disconnect")
    assert (await verify(world.app, url, signed(seed.OA_TOKEN, int(time.time())))).status == 404

    assert (await connected(console, OA))["callback_url"] == url
    assert (await verify(world.app, url, signed(seed.OA_TOKEN, int(time.time())))).status == 200


async def test_messages_are_told_with_their_first_200_characters(world: World) -> None:
    user = world.user(seed.OA_APPID)
    app = world.sim_app(seed.OA_APPID)
    acts.follow(world.sim, app, user)
    acts.say(world.sim, app, user, "好" * 300)
    await world.settle()
    told = await world.facts("wechat.message_received")
    assert [(one["message_type"], one["text"]) for one in told] == [("text", "好" * 200)]


async def test_old_pushes_are_forgotten_after_thirty_days(world: World) -> None:
    async with world.db.tx(world.tenant) as tx:
        for days in (29, 31):
            await tx.execute(
                "INSERT INTO callback_inbox (tenant_id, id, app_id, query, body, received_at) VALUES ($1, $2, 'x', '{}', '', $3)",
                *(tx.tenant_id, bytes([days]), tx.now - timedelta(days=days)),
            )
    acts.follow(world.sim, world.sim_app(seed.OA_APPID), world.user(seed.OA_APPID))
    await world.settle()
    assert await inbox(world) == 2


async def preflight(console: Client, app_id: str) -> list[tuple[str, str, str]]:
    reply = await console.post(f"{BASE}/{app_id}/preflight")
    assert reply.status == 200, reply.text
    saved = (await console.get(f"{BASE}/{app_id}")).json()
    assert saved["checks"] == reply.json()["checks"] and saved["checked_at"] is not None
    return [(one["check"], one["state"], one["detail"].rsplit(".", 1)[1]) for one in reply.json()["checks"]]


async def test_preflight_of_a_mini_program_that_works(console: Client) -> None:
    await connected(console, MINI)
    assert await preflight(console, seed.MINI_APPID) == [
        ("credentials", "ok", "fine"),
        ("account", "ok", "fine"),
        ("categories", "ok", "categories"),
        ("templates", "ok", "templates"),
        ("callback", "warn", "callback_not_seen"),
    ]


async def test_preflight_of_an_official_account_that_works(world: World, console: Client) -> None:
    checks = await preflight(console, seed.OA_APPID)
    assert checks[:3] == [("credentials", "ok", "fine"), ("account", "ok", "fine"), ("templates", "ok", "templates")]


async def test_preflight_names_a_secret_that_was_reset_at_wechat(world: World, console: Client) -> None:
    sim_app = world.sim_app(seed.MINI_APPID)
    sim_app.secret, before = "1" * 32, sim_app.secret
    assert await preflight(console, seed.MINI_APPID) == [("credentials", "fail", "wrong_secret")]
    sim_app.secret = before
    assert (await preflight(console, seed.MINI_APPID))[0] == ("credentials", "ok", "fine")


async def test_preflight_names_the_address_that_is_not_listed(world: World, console: Client) -> None:
    world.sim_app(seed.OA_APPID).ip_whitelist = ["192.0.2.1"]
    reply = await console.post(f"{BASE}/{seed.OA_APPID}/preflight")
    (check,) = reply.json()["checks"]
    assert (check["state"], check["detail"]) == ("fail", "connection.check.ip_not_listed")
    assert check["params"] == {"ip": "203.0.113.7"} and "203.0.113.7" in check["text"]


async def test_doors_are_closed_without_the_permission(world: World) -> None:
    clerk = await make.logged_in(Client(world.app), await make.staff(world.db, world.tenant, role="store_staff"))
    assert (await clerk.get(BASE)).refusal == (403, "auth.forbidden")
    assert (await clerk.post(f"{BASE}/{seed.OA_APPID}/preflight")).refusal == (403, "auth.forbidden")

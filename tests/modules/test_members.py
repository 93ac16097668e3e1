"""Members through the console, the open API and the member's own doors; followers joined by unionid."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.types import ASGIApp

from huida.kernel.db import Database
from huida.modules import ledger, members
from tests import make
from tests.asgi import Client, Proxy
from tests.conftest import World
from wesim import acts, seed
from wesim.faults import Fault
from wesim.oa.web import mint_code

BASE = "/api/console/members"
PHONE = "13900000001"


async def created(console: Client, **body: Any) -> str:
    reply = await console.post(BASE, body)
    assert reply.status == 201, reply.text
    return str(reply.json()["id"])


async def listed(client: Client, **params: Any) -> list[str]:
    return [one["card_no"] for one in (await client.get(BASE, **params)).json()["items"]]


async def test_search_by_card_phone_and_beginning_of_the_name(console: Client) -> None:
    await created(console, card_no="60880001", name="林小满", phone=PHONE)
    await created(console, card_no="60880002", name="林一_鸣")
    await created(console, card_no="60880003", name="王思远")

    assert await listed(console) == ["60880003", "60880002", "60880001"]
    assert await listed(console, q="60880003") == ["60880003"]
    assert await listed(console, q="+86 139-0000-0001") == ["60880001"]
    assert await listed(console, q="林") == ["60880002", "60880001"]
    assert await listed(console, q="林_") == []
    assert await listed(console, q="%") == []
    assert await listed(console, q="1390000") == []
    assert await listed(console, level="gold") == []


async def test_lists_go_on_where_they_stopped(console: Client) -> None:
    for number in range(5):
        await created(console, card_no=f"7000{number}", name="x")
    seen, cursor = [], None
    while True:
        page = (await console.get(BASE, limit=2, **({"cursor": cursor} if cursor else {}))).json()
        seen += [one["card_no"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["70004", "70003", "70002", "70001", "70000"]


async def test_phones_are_masked_without_the_permission(
    app: ASGIApp, console: Client, db: Database, tenant: int
) -> None:
    member_id = await created(console, name="林小满", phone=PHONE)
    clerk = await make.logged_in(Client(app), await make.staff(db, tenant, role="store_staff"))
    assert (await clerk.get(f"{BASE}/{member_id}")).json()["phone"] == "139****0001"
    assert (await clerk.get(BASE)).json()["items"][0]["phone"] == "139****0001"
    assert (await console.get(f"{BASE}/{member_id}")).json()["phone"] == PHONE
    assert (await clerk.get(f"{BASE}/export")).refusal == (403, "auth.forbidden")
    async with db.read(tenant) as tx:
        sealed = await tx.value("SELECT phone_sealed FROM members WHERE tenant_id = $1", tenant)
    assert PHONE.encode() not in bytes(sealed)


async def test_detail_tells_balances_and_accounts(world: World, console: Client) -> None:
    member_id = await make.member(world.db, world.tenant, phone=PHONE)
    async with world.db.tx(world.tenant) as tx:
        move = ledger.Move(member_id, "points", 30, contra="points_issued", reason="test")
        await ledger.post(tx, [ledger.Entry("test", member_id, (move,))])
    detail = (await console.get(f"{BASE}/{member_id}")).json()
    assert (detail["balances"], detail["identities"]) == ({"points": 30}, [])


async def test_a_phone_and_a_card_belong_to_one_member(console: Client) -> None:
    first = await created(console, card_no="60880001", name="林小满", phone=PHONE)
    second = await created(console, card_no="60880002", name="陈一鸣")
    assert (await console.post(BASE, {"card_no": "60880001"})).refusal == (409, "member.card_taken")
    assert (await console.post(BASE, {"phone": PHONE})).refusal == (409, "member.phone_taken")
    assert (await console.patch(f"{BASE}/{second}", {"phone": PHONE})).refusal == (409, "member.phone_taken")
    assert (await console.patch(f"{BASE}/{first}", {"phone": ""})).status == 204
    assert (await console.patch(f"{BASE}/{second}", {"phone": PHONE, "birthday": "1990-02-28"})).status == 204
    detail = (await console.get(f"{BASE}/{second}")).json()
    assert (detail["phone"], detail["birthday"], detail["name"]) == (PHONE, "1990-02-28", "陈一鸣")
    assert (await console.get(f"{BASE}/{first}")).json()["phone"] is None


async def test_what_is_left_out_stays_and_null_removes(world: World, console: Client) -> None:
    await make.store(world.db, world.tenant, code="S01", name="人民路店")
    member_id = await created(console, name="林小满", phone=PHONE, birthday="1990-02-28", store="S01")
    path = f"{BASE}/{member_id}"
    before = (await console.get(path)).json()
    assert before["store_id"] is not None
    assert (await console.patch(path, {"note": "爱喝龙井"})).status == 204
    assert (await console.get(path)).json() == {**before, "note": "爱喝龙井"}
    assert (await console.patch(path, {"store": "S99"})).refusal == (404, "store.not_found")
    assert (await console.patch(path, {"name": None, "phone": None, "birthday": None, "store": None})).status == 204
    gone = {"phone": None, "birthday": None, "store_id": None, "note": "爱喝龙井"}
    assert (await console.get(path)).json() == {**before, **gone}


async def test_changes_are_told_by_name_only(world: World, console: Client) -> None:
    member_id = await make.member(world.db, world.tenant, name="林小满", phone=PHONE)
    path = f"{BASE}/{member_id}"
    assert (await console.patch(path, {"name": "林小满", "phone": PHONE})).status == 204
    assert await world.facts("member.changed") == []
    assert (await console.patch(path, {"name": "林满", "phone": "13900000002"})).status == 204
    assert [one["fields"] for one in await world.facts("member.changed")] == [["name", "phone"]]
    assert (await console.patch(path, {"birthday": "2999-01-01"})).refusal == (422, "member.bad_birthday")


async def test_freezing_and_unfreezing(console: Client) -> None:
    path = f"{BASE}/{await created(console, name='x')}"
    assert (await console.post(f"{path}/unfreeze")).refusal == (409, "state.wrong")
    assert (await console.post(f"{path}/freeze")).status == 204
    assert (await console.get(path)).json()["state"] == "frozen"
    assert (await console.post(f"{path}/freeze")).refusal == (409, "state.wrong")
    assert (await console.post(f"{path}/unfreeze")).status == 204
    assert (await console.get(path)).json()["state"] == "active"


async def test_another_merchants_members_do_not_exist(app: ASGIApp, console: Client, other: Client) -> None:
    member_id = await created(console, card_no="60880001", name="林小满", phone=PHONE)
    path = f"{BASE}/{member_id}"
    for reply in (
        await other.get(path),
        await other.patch(path, {"name": "x"}),
        await other.post(f"{path}/freeze"),
    ):
        assert reply.refusal == (404, "member.not_found")
    assert await listed(other) == await listed(other, q=PHONE) == []
    assert await created(other, card_no="60880001", phone=PHONE) != member_id
    assert (await console.get(path)).json()["name"] == "林小满"


async def test_export_is_a_csv_that_runs_no_formulas(console: Client) -> None:
    await created(console, card_no="60880001", name="=HYPERLINK(1)", phone=PHONE)
    await created(console, card_no="60880002", name="林,小满")
    await created(console, card_no="60880003", name="＝HYPERLINK(1)")
    reply = await console.get(f"{BASE}/export")
    assert reply.body[:3] == b"\xef\xbb\xbf"
    assert reply.headers["content-disposition"] == 'attachment; filename="members.csv"'
    rows = list(csv.DictReader(io.StringIO(reply.body.decode("utf-8-sig"))))
    assert [(row["卡号"], row["姓名"], row["手机号"]) for row in rows] == [
        ('="60880003"', "'＝HYPERLINK(1)", ""),
        ('="60880002"', "林,小满", ""),
        ('="60880001"', "'=HYPERLINK(1)", f'="{PHONE}"'),
    ]


async def test_the_open_api_creates_once_per_key_and_finds(app: ASGIApp, db: Database, tenant: int) -> None:
    await make.store(db, tenant, code="S01")
    till = Client(app, {"authorization": f"Bearer {await make.key(db, tenant, 'members.write', 'members.read')}"})
    body = {"card_no": "60880001", "name": "林小满", "phone": PHONE, "store": "S01"}
    first = await till.post("/api/v1/members", body, headers={"idempotency-key": "k1"})
    again = await till.post("/api/v1/members", body, headers={"idempotency-key": "k1"})
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert again.headers["idempotent-replay"] == "true"
    assert (first.json()["phone"], "note" in first.json()) == ("139****0001", False)
    mixed = await till.post("/api/v1/members", {**body, "name": "x"}, headers={"idempotency-key": "k1"})
    assert mixed.refusal == (422, "idempotency.mismatch")

    for params in ({"card_no": "60880001"}, {"phone": "+8613900000001"}):
        assert [one["id"] for one in (await till.get("/api/v1/members", **params)).json()["items"]] == [
            first.json()["id"]
        ]
    assert (await till.get(f"/api/v1/members/{first.json()['id']}")).json() == first.json()
    assert (await till.get("/api/v1/members")).refusal == (422, "member.one_reference")
    missing = await till.post("/api/v1/members", {**body, "card_no": "60880002", "phone": None, "store": "S9"})
    assert missing.refusal == (404, "store.not_found")


async def log_in(world: World, person: str = "linxiaoman") -> Client:
    code = world_code(world, person)
    reply = await Client(world.app).post("/api/member/login", {"app_id": seed.MINI_APPID, "code": code})
    assert reply.status == 200, reply.text
    return Client(world.app, {"authorization": f"Bearer {reply.json()['token']}"})


def world_code(world: World, person: str) -> str:
    return mint_code(world.sim, kind="js", app=seed.MINI_APPID, person=person)


def phone_code(world: World, person: str = "linxiaoman") -> str:
    return mint_code(world.sim, kind="phone", app=seed.MINI_APPID, person=person)


async def bind(client: Client, world: World, person: str = "linxiaoman") -> Any:
    return await client.post("/api/member/phone", {"code": phone_code(world, person)})


async def test_a_visitor_becomes_a_member_by_their_phone(world: World, console: Client) -> None:
    client = await log_in(world)
    assert (await client.get("/api/member/me")).json() == {"merchant": "会达小店", "member": None}

    joined = await bind(client, world)

    assert joined.status == 200, joined.text
    member = (await client.get("/api/member/me")).json()["member"]
    assert (member["phone"], member["balances"], member["state"]) == ("138****0001", {}, "active")
    detail = (await console.get(f"{BASE}/{member['id']}")).json()
    user = world.user(seed.MINI_APPID)
    assert [(one["app_id"], one["openid"]) for one in detail["identities"]] == [(seed.MINI_APPID, user.openid)]
    assert [one["channel"] for one in await world.facts("member.joined")] == ["mini_program"]


@pytest.mark.covers("X-10")
async def test_a_verified_phone_joins_the_account_with_the_member_who_has_it(world: World) -> None:
    member_id = await make.member(world.db, world.tenant, phone="13800000001")
    client = await log_in(world)
    assert (await bind(client, world)).json()["member"]["id"] == str(member_id)
    again = await log_in(world)
    assert (await again.get("/api/member/me")).json()["member"]["id"] == str(member_id)
    assert await world.facts("member.joined") == [
        {"card_no": (await again.get("/api/member/me")).json()["member"]["card_no"], "channel": "test",
         "subject_id": str(member_id)}
    ]  # fmt: skip


@pytest.mark.covers("X-10")
async def test_an_account_and_a_phone_of_two_members_are_not_joined(world: World) -> None:
    await make.member(world.db, world.tenant, phone="13800000002")
    client = await log_in(world)
    mine = (await bind(client, world)).json()["member"]["id"]
    refused = await client.post("/api/member/phone", {"code": phone_code(world, "chenyiming")})
    assert refused.refusal == (409, "member.phone_taken")
    me = (await client.get("/api/member/me")).json()["member"]
    assert (me["id"], me["phone"]) == (mine, "138****0001")


async def test_codes_that_are_wrong_or_used_are_refused(world: World) -> None:
    code = world_code(world, "linxiaoman")
    visitor = Client(world.app)
    body = {"app_id": seed.MINI_APPID, "code": code}
    assert (await visitor.post("/api/member/login", body)).status == 200
    assert (await visitor.post("/api/member/login", body)).refusal == (422, "member.bad_code")
    unknown = await visitor.post("/api/member/login", {"app_id": "wx00000000000000ff", "code": "x"})
    assert unknown.refusal == (404, "connection.not_found")
    client = await log_in(world)
    swapped = await client.post("/api/member/phone", {"code": world_code(world, "linxiaoman")})
    assert swapped.refusal == (422, "member.bad_code")
    assert (await client.get("/api/member/me")).json()["member"] is None


async def test_a_session_ends_with_logout_and_opens_no_other_door(world: World, console: Client) -> None:
    client = await log_in(world)
    assert (await client.get("/api/v1/members", card_no="x")).refusal == (401, "auth.bad_key")
    assert (await client.get(BASE)).refusal == (401, "auth.required")
    assert (await client.post("/api/member/logout")).status == 204
    assert (await client.get("/api/member/me")).refusal == (401, "auth.required")


async def test_an_app_claimed_with_a_wrong_secret_is_nobodys_and_asks_wechat_nothing_at_logins(
    world: World, app: ASGIApp, proxy: Proxy
) -> None:
    squatter = await make.merchant(world.db)
    claimer = await make.logged_in(Client(app), await make.staff(world.db, squatter))
    body = {"app_id": seed.MINI_APPID, "kind": "mini", "name": "x", "secret": "0" * 32}
    refused = await claimer.post("/api/console/connections", body)
    assert refused.refusal == (422, "connection.wrong_secret")
    before = len(proxy.seen)
    client = await log_in(world)
    assert [url.partition("?")[0].rpartition("/")[2] for url, _ in proxy.seen[before:]] == ["jscode2session"]
    await bind(client, world)
    assert len(await listed(claimer)) == 0
    async with world.db.read(world.tenant) as tx:
        assert await tx.value("SELECT count(*) FROM members WHERE tenant_id = $1", world.tenant) == 1


@pytest.mark.covers("S1-130")
async def test_a_follower_is_joined_to_the_mini_program_member_by_unionid(world: World, console: Client) -> None:
    client = await log_in(world)
    member_id = (await bind(client, world)).json()["member"]["id"]
    oa_user = world.user(seed.OA_APPID)

    acts.follow(world.sim, world.sim_app(seed.OA_APPID), oa_user)
    await world.settle()

    found = (await console.get(f"{BASE}/{member_id}")).json()["identities"]
    assert {(one["app_id"], one["openid"], one["follows"]) for one in found} == {
        (seed.OA_APPID, oa_user.openid, True),
        (seed.MINI_APPID, world.user(seed.MINI_APPID).openid, False),
    }
    acts.unfollow(world.sim, world.sim_app(seed.OA_APPID), oa_user)
    await world.settle()
    after = (await console.get(f"{BASE}/{member_id}")).json()["identities"]
    assert {one["app_id"]: one["follows"] for one in after} == {seed.OA_APPID: False, seed.MINI_APPID: False}


@pytest.mark.covers("S1-130")
async def test_who_followed_first_and_joined_later_is_the_same_person(world: World, console: Client) -> None:
    acts.follow(world.sim, world.sim_app(seed.OA_APPID), world.user(seed.OA_APPID))
    await world.settle()
    client = await log_in(world)
    member_id = (await bind(client, world)).json()["member"]["id"]
    found = (await console.get(f"{BASE}/{member_id}")).json()["identities"]
    assert {(one["app_id"], one["follows"]) for one in found} == {(seed.OA_APPID, True), (seed.MINI_APPID, False)}


async def test_the_unionid_is_asked_again_while_wechat_is_busy(world: World, console: Client) -> None:
    client = await log_in(world)
    member_id = (await bind(client, world)).json()["member"]["id"]
    world.sim.faults.add(Fault(path="/cgi-bin/user/info", kind="refuse", count=1))
    acts.follow(world.sim, world.sim_app(seed.OA_APPID), world.user(seed.OA_APPID))
    await world.settle()
    assert len((await console.get(f"{BASE}/{member_id}")).json()["identities"]) == 1

    await world.later(timedelta(minutes=2))

    assert len((await console.get(f"{BASE}/{member_id}")).json()["identities"]) == 2


async def test_older_news_does_not_undo_newer(world: World) -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    for follows, at in ((True, noon), (False, noon + timedelta(seconds=5)), (True, noon + timedelta(seconds=2))):
        async with world.db.tx(world.tenant) as tx:
            await members.see_identity(tx, app_id="wx1", openid="o1", follows=follows, told_at=at)
    async with world.db.read(world.tenant) as tx:
        row = await tx.row("SELECT follows, follows_at FROM identities WHERE tenant_id = $1", world.tenant)
    assert row is not None
    assert (row["follows"], row["follows_at"]) == (False, noon + timedelta(seconds=5))

"""Logins, staff, stores, API keys, operators and the audit log through the HTTP doors."""

import asyncio
import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from starlette.types import ASGIApp

from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database
from huida.modules import tenants
from tests import asgi, make
from tests.asgi import Client


async def audit_kinds(client: Client) -> list[str]:
    reply = await client.get("/api/console/audit", limit=100)
    assert reply.status == 200, reply.text
    return [item["kind"] for item in reply.json()["items"]]


async def test_a_login_opens_a_session_and_logout_ends_it(app: ASGIApp, db: Database, tenant: int) -> None:
    person = await make.staff(db, tenant)
    client = Client(app)

    reply = await client.log_in(person.login.upper(), make.PASSWORD)

    assert reply.status == 200
    session, device = reply.all("set-cookie")
    assert session.startswith("huida_session=hs_") and session.endswith(
        "; HttpOnly; Max-Age=43200; Path=/; SameSite=lax"
    )
    assert device.startswith(f"huida_device_{person.id.hex}=")
    assert device.endswith("; HttpOnly; Max-Age=15552000; Path=/; SameSite=lax")
    me = (await client.get("/api/console/me")).json()
    assert (me["id"], me["tenant_id"], me["may"]) == (str(person.id), tenant, ["*"])
    assert me["csrf_token"] == reply.json()["csrf_token"]

    held = dict(client.cookies)
    assert (await client.post("/api/console/logout")).status == 204
    client.cookies = held
    assert (await client.get("/api/console/me")).refusal == (401, "auth.required")


async def test_a_session_ends_after_twelve_hours(console: Client, clock: ShiftedClock) -> None:
    clock.advance(timedelta(hours=11, minutes=59))
    assert (await console.get("/api/console/me")).status == 200
    clock.advance(timedelta(minutes=2))
    assert (await console.get("/api/console/me")).refusal == (401, "auth.required")


async def test_unsafe_requests_need_the_csrf_token(console: Client) -> None:
    store = {"code": "S09", "name": "东门店"}
    del console.headers["x-csrf-token"]
    assert (await console.post("/api/console/stores", store)).refusal == (403, "auth.csrf")
    console.headers["x-csrf-token"] = "0" * 64
    assert (await console.post("/api/console/stores", store)).refusal == (403, "auth.csrf")
    assert (await console.get("/api/console/stores")).json() == {"items": []}


async def test_wrong_and_unknown_logins_answer_alike(app: ASGIApp, db: Database, tenant: int) -> None:
    person = await make.staff(db, tenant)
    wrong = await Client(app).log_in(person.login, "wrong password")
    unknown = await Client(app).log_in("nobody-has-this", "wrong password")
    assert wrong.refusal == unknown.refusal == (401, "auth.bad_login")
    assert wrong.json()["title"] == unknown.json()["title"]


async def guesses(client: Client, login: str, count: int) -> list[int]:
    return [(await client.log_in(login, "wrong password")).status for _ in range(count)]


async def test_a_stranger_shuts_nobodys_login(app: ASGIApp, db: Database, tenant: int, console: Client) -> None:
    """R-09: many wrong passwords from many addresses; the owner comes in from elsewhere, and who is in stays in."""
    for person in (await make.staff(db, tenant), await make.operator(db)):
        owner = await make.logged_in(Client(app, address="192.0.2.10"), person)
        # when: a hundred wrong ones from one address, and ten from each of ten
        assert Counter(await guesses(Client(app), person.login, 50)) == {401: 5, 429: 45}
        for _ in range(10):
            await guesses(Client(app), person.login, 10)
        # then
        assert (await owner.get("/api/console/me")).status == 200
        assert (await Client(app, address="192.0.2.77").log_in(person.login, make.PASSWORD)).status == 200
    assert (await audit_kinds(console)).count("staff.locked") == 1


async def test_guesses_are_slowed_down_from_where_they_come(
    app: ASGIApp, db: Database, tenant: int, clock: ShiftedClock
) -> None:
    person = await make.staff(db, tenant)
    client = Client(app)
    assert await guesses(client, person.login, 5) == [401] * 5
    # each further one waits, twice as long as the one before
    for wait_s in (4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        held = await client.log_in(person.login, make.PASSWORD)
        assert held.refusal == (429, "request.too_many")
        assert wait_s - 2 < int(held.headers["retry-after"]) <= wait_s
        clock.advance(timedelta(seconds=wait_s))
        assert await guesses(client, person.login, 1) == [401]
    # an hour after the last one it is forgotten, and so it is after the right one
    clock.advance(timedelta(hours=1))
    assert await guesses(client, person.login, 4) == [401] * 4
    assert (await client.log_in(person.login, make.PASSWORD)).status == 200
    assert await guesses(client, person.login, 5) == [401] * 5


@pytest.mark.parametrize(
    ("addresses", "heard"),
    [
        ([f"2001:db8:1:{n:x}::1" for n in range(30)], 5),  # thirty /64 of one /56
        ([f"2001:db8:1:{n:x}00::1" for n in range(30)], 20),  # thirty /56 of one /48
        ([f"2001:db8:{n:x}::1" for n in range(30)], 30),  # thirty /48
        ([f"198.51.100.{n}" for n in range(30)], 20),  # one IPv4 /24
        ([f"::ffff:198.51.100.{n}" for n in range(30)], 20),
    ],
)
async def test_networks_are_counted_together(
    app: ASGIApp, db: Database, tenant: int, addresses: list[str], heard: int
) -> None:
    person = await make.staff(db, tenant)
    at_once = await asyncio.gather(
        *(Client(app, address=address).log_in(person.login, "wrong password") for address in addresses)
    )
    assert [reply.status for reply in at_once].count(401) == heard


async def test_a_device_that_logged_in_before_gets_through_its_neighbours(
    app: ASGIApp, db: Database, tenant: int
) -> None:
    # given: two people behind one address, one of whom has logged in here before
    person, other = await make.staff(db, tenant), await make.staff(db, tenant)
    home = asgi.somewhere()
    mine = await make.logged_in(Client(app, address=home), person)
    await mine.post("/api/console/logout")
    device = dict(mine.cookies)
    assert list(device) == [f"huida_device_{person.id.hex}"]
    assert Counter(await guesses(Client(app, address=home), person.login, 120)) == {401: 5, 429: 115}
    # then: without the device's cookie, with another's, and with one that was made up, it waits
    name = f"huida_device_{person.id.hex}"
    theirs = (await make.logged_in(Client(app), other)).cookies
    foreign = {name: theirs[f"huida_device_{other.id.hex}"]}
    for cookies in (
        {},
        theirs,
        foreign,
        {name: "0" * 32 + "." + "0" * 32 + "." + "0" * 32},
        {name: device[name][:-1] + ("1" if device[name].endswith("0") else "0")},
    ):
        waiting = Client(app, address=home, cookies=dict(cookies))
        assert (await waiting.log_in(person.login, make.PASSWORD)).refusal == (429, "request.too_many"), cookies
    # and with it not; wrong passwords on it count for it alone
    back = Client(app, address=home, cookies=dict(device))
    assert (await back.log_in(person.login, make.PASSWORD)).status == 200
    assert await guesses(Client(app, cookies=dict(device)), person.login, 7) == [401] * 5 + [429] * 2
    assert (await Client(app, address="192.0.2.4").log_in(person.login, make.PASSWORD)).status == 200


async def test_a_devices_cookie_ends_with_the_password(app: ASGIApp, db: Database, tenant: int) -> None:
    person = await make.staff(db, tenant)
    home = asgi.somewhere()
    mine = await make.logged_in(Client(app, address=home), person)
    changed = {"current": make.PASSWORD, "new": "another horse 77"}
    assert (await mine.post("/api/console/me/password", changed)).status == 204
    assert await guesses(Client(app, address=home), person.login, 5) == [401] * 5
    assert (await mine.log_in(person.login, "another horse 77")).refusal == (429, "request.too_many")


async def test_a_login_that_nobody_has_is_slowed_down_alike(app: ASGIApp, db: Database, tenant: int) -> None:
    person = await make.staff(db, tenant)
    seen = []
    for login in (person.login, f"nobody-{make.number()}"):
        client = Client(app)
        replies = await asyncio.gather(*(client.log_in(login, "wrong password") for _ in range(22)))
        seen.append(Counter(reply.refusal for reply in replies))
    assert seen == [{(401, "auth.bad_login"): 5, (429, "request.too_many"): 17}] * 2


async def totp_on(client: Client, clock: ShiftedClock) -> pyotp.TOTP:
    """Turn the second factor on; the code of now is used up."""
    offered = (await client.post("/api/console/me/totp")).json()
    totp = pyotp.TOTP(offered["secret"])
    assert offered["address"].startswith("otpauth://totp/Huida:")
    confirm = {"password": make.PASSWORD, "code": totp.at(clock.now())}
    reply = await client.post("/api/console/me/totp/confirm", confirm)
    assert reply.status == 204, reply.text
    return totp


async def test_the_second_factor_is_asked_for_and_a_code_opens_one_session(
    app: ASGIApp, db: Database, tenant: int, clock: ShiftedClock
) -> None:
    person = await make.staff(db, tenant)
    client = await make.logged_in(Client(app), person)
    totp = await totp_on(client, clock)

    assert (await Client(app).log_in(person.login, make.PASSWORD)).refusal == (401, "auth.totp_required")
    used_at_confirm = totp.at(clock.now())
    assert (await Client(app).log_in(person.login, make.PASSWORD, used_at_confirm)).refusal == (401, "auth.bad_login")

    clock.advance(timedelta(seconds=60))
    code = totp.at(clock.now())
    assert (await Client(app).log_in(person.login, make.PASSWORD, code)).status == 200
    replay = await Client(app).log_in(person.login, make.PASSWORD, code)
    assert replay.refusal == (401, "auth.bad_login")


async def test_the_offered_secret_stays_on_the_server(
    app: ASGIApp, db: Database, tenant: int, clock: ShiftedClock
) -> None:
    """R-18: the secret is the server's own, for ten minutes, and the password is asked for."""
    person = await make.staff(db, tenant)
    client = await make.logged_in(Client(app), person)
    confirm = "/api/console/me/totp/confirm"

    def body(totp: pyotp.TOTP, password: str = make.PASSWORD) -> dict[str, str]:
        return {"password": password, "code": totp.at(clock.now())}

    chosen = pyotp.TOTP("A" * 32)
    assert (await client.post(confirm, body(chosen))).refusal == (409, "auth.totp_not_offered")
    before = pyotp.TOTP((await client.post("/api/console/me/totp")).json()["secret"])
    offered = pyotp.TOTP((await client.post("/api/console/me/totp")).json()["secret"])
    assert (await client.post(confirm, {"secret": "A" * 32, **body(chosen)})).refusal == (422, "request.invalid")
    for wrong in (chosen, before):
        assert (await client.post(confirm, body(wrong))).refusal == (422, "auth.bad_totp")
    assert (await client.post(confirm, body(offered, "wrong password"))).refusal == (401, "auth.bad_login")
    async with db.read(tenant) as tx:
        row = await tx.row("SELECT * FROM staff WHERE tenant_id = $1 AND id = $2", tenant, person.id)
    assert row["totp_sealed"] is None and offered.secret.encode() not in bytes(row["totp_offer_sealed"])
    assert (await Client(app).log_in(person.login, make.PASSWORD)).status == 200  # still off
    clock.advance(timedelta(minutes=10))
    assert (await client.post(confirm, body(offered))).refusal == (409, "auth.totp_not_offered")
    late = pyotp.TOTP((await client.post("/api/console/me/totp")).json()["secret"])
    assert (await client.post(confirm, body(late))).status == 204
    assert (await client.post(confirm, body(late))).refusal == (409, "auth.totp_already_on")
    assert (await client.post("/api/console/me/totp")).refusal == (409, "auth.totp_already_on")


async def test_codes_have_a_brake_that_only_who_knows_the_password_can_press(
    app: ASGIApp, db: Database, tenant: int, clock: ShiftedClock
) -> None:
    person = await make.staff(db, tenant)
    client = await make.logged_in(Client(app), person)
    totp = await totp_on(client, clock)
    clock.advance(timedelta(seconds=60))
    bad = f"{(int(totp.at(clock.now())) + 1) % 1_000_000:06}"
    # a stranger without the password presses nothing of it
    for number in range(20):
        guesser = Client(app, address=f"203.0.{number}.9")
        assert (await guesser.log_in(person.login, "wrong password", bad)).status == 401
    # who knows it has five codes, from however many addresses, and asking without one forgets none
    tries = []
    for number in range(7):
        guesser = Client(app, address=f"203.1.{number}.9")
        assert (await guesser.log_in(person.login, make.PASSWORD)).refusal == (401, "auth.totp_required")
        tries.append((await guesser.log_in(person.login, make.PASSWORD, bad)).status)
    assert tries == [401] * 5 + [429] * 2
    held = await Client(app).log_in(person.login, make.PASSWORD, totp.at(clock.now()))
    assert held.refusal == (429, "request.too_many")
    # and the owner's device has its own
    mine = Client(app, cookies=dict(client.cookies))
    assert (await mine.log_in(person.login, make.PASSWORD, totp.at(clock.now()))).status == 200


async def test_changing_the_password_ends_every_session(app: ASGIApp, db: Database, tenant: int) -> None:
    person = await make.staff(db, tenant)
    here = await make.logged_in(Client(app), person)
    there = await make.logged_in(Client(app), person)

    short = await here.post("/api/console/me/password", {"current": make.PASSWORD, "new": "short"})
    assert short.refusal == (422, "auth.password_length")
    wrong = await here.post("/api/console/me/password", {"current": "wrong", "new": "another horse 77"})
    assert wrong.refusal == (401, "auth.bad_login")
    assert (await there.get("/api/console/me")).status == 200

    change = await here.post("/api/console/me/password", {"current": make.PASSWORD, "new": "another horse 77"})
    assert change.status == 204
    assert (await there.get("/api/console/me")).refusal == (401, "auth.required")
    assert (await Client(app).log_in(person.login, make.PASSWORD)).refusal == (401, "auth.bad_login")
    assert (await Client(app).log_in(person.login, "another horse 77")).status == 200


async def test_roles_open_only_their_doors(app: ASGIApp, db: Database, tenant: int) -> None:
    admin = await make.logged_in(Client(app), await make.staff(db, tenant))
    clerk = await make.logged_in(Client(app), await make.staff(db, tenant, role="store_staff"))
    operator = await make.logged_in(Client(app), await make.operator(db))

    assert (await clerk.get("/api/console/stores")).status == 200
    refused = await clerk.post("/api/console/stores", {"code": "S1", "name": "x"})
    assert (refused.refusal, refused.json()["params"]) == ((403, "auth.forbidden"), {"permission": "stores.manage"})
    for path in ("staff", "keys", "audit"):
        assert (await clerk.get(f"/api/console/{path}")).refusal == (403, "auth.forbidden")
        assert (await admin.get(f"/api/console/{path}")).status == 200
    assert (await admin.get("/api/operator/merchants")).refusal == (403, "auth.forbidden")
    assert (await operator.get("/api/operator/merchants")).status == 200
    bad = {"login": f"climber-{tenant}", "role": "platform_admin", "password": make.PASSWORD}
    assert (await admin.post("/api/console/staff", bad)).refusal == (422, "staff.bad_role")


async def test_staff_are_added_changed_and_disabled(app: ASGIApp, console: Client, tenant: int) -> None:
    body = {"login": f"clerk-{tenant}", "name": "小李", "role": "store_staff", "password": make.PASSWORD}
    created = await console.post("/api/console/staff", body)
    assert created.status == 201
    staff_id = created.json()["id"]
    assert (await console.post("/api/console/staff", body)).refusal == (409, "staff.login_taken")
    clerk = Client(app)
    assert (await clerk.log_in(body["login"], make.PASSWORD)).status == 200

    assert (await console.patch(f"/api/console/staff/{staff_id}", {"role": "viewer"})).status == 204
    assert (await clerk.get("/api/console/me")).refusal == (401, "auth.required")
    assert (await clerk.log_in(body["login"], make.PASSWORD)).json()["may"] == sorted(tenants.ROLES["viewer"])

    assert (await console.post(f"/api/console/staff/{staff_id}/disable")).status == 204
    assert (await clerk.get("/api/console/me")).refusal == (401, "auth.required")
    assert (await clerk.log_in(body["login"], make.PASSWORD)).refusal == (401, "auth.bad_login")
    assert (await console.post(f"/api/console/staff/{staff_id}/enable")).status == 204
    assert (await clerk.log_in(body["login"], make.PASSWORD)).status == 200


async def test_the_last_administrator_stays(console: Client) -> None:
    me = (await console.get("/api/console/me")).json()["id"]
    assert (await console.post(f"/api/console/staff/{me}/disable")).refusal == (409, "staff.last_admin")
    assert (await console.patch(f"/api/console/staff/{me}", {"role": "viewer"})).refusal == (409, "staff.last_admin")
    assert (await console.get("/api/console/me")).json()["may"] == ["*"]


async def test_another_merchants_people_stores_and_keys_do_not_exist(console: Client, other: Client) -> None:
    mine = (await console.get("/api/console/me")).json()["id"]
    store = (await console.post("/api/console/stores", {"code": "S01", "name": "人民路店"})).json()["id"]
    key = (await console.post("/api/console/keys", {"name": "till", "scopes": ["purchases.write"]})).json()["id"]

    assert (await other.post(f"/api/console/staff/{mine}/disable")).refusal == (404, "staff.not_found")
    assert (await other.patch(f"/api/console/stores/{store}", {"name": "x"})).refusal == (404, "store.not_found")
    assert (await other.delete(f"/api/console/keys/{key}")).refusal == (404, "key.not_found")
    assert (await other.get("/api/console/stores")).json() == {"items": []}
    assert (await other.get("/api/console/keys")).json() == {"items": []}
    assert {item["actor_name"] for item in (await other.get("/api/console/audit")).json()["items"]} & {mine} == set()
    assert (await console.get("/api/console/stores")).json()["items"][0]["name"] == "人民路店"


async def test_stores_keep_their_code(console: Client) -> None:
    created = await console.post("/api/console/stores", {"code": "S01", "name": "人民路店"})
    assert created.status == 201
    again = await console.post("/api/console/stores", {"code": "S01", "name": "解放路店"})
    assert again.refusal == (409, "store.code_taken")
    assert (await console.post("/api/console/stores", {"code": "a b", "name": "x"})).refusal == (422, "store.bad_code")
    store_id = created.json()["id"]
    assert (await console.patch(f"/api/console/stores/{store_id}", {"name": "人民路旗舰店"})).status == 204
    assert (await console.post(f"/api/console/stores/{store_id}/close")).status == 204
    expected = {
        "id": store_id, "code": "S01", "name": "人民路旗舰店", "address": "", "phone": "", "state": "closed",
    }  # fmt: skip
    assert (await console.get("/api/console/stores")).json() == {"items": [expected]}


async def test_an_api_key_is_shown_once_and_ends_at_once(app: ASGIApp, console: Client, db: Database) -> None:
    created = (await console.post("/api/console/keys", {"name": "收银", "scopes": ["members.read"]})).json()
    secret = created["key"]
    assert secret.startswith("hk_") and len(secret) == 46
    listed = (await console.get("/api/console/keys")).json()["items"][0]
    assert (listed["hint"], listed["scopes"], listed["revoked_at"]) == (secret[-4:], ["members.read"], None)
    assert "key" not in listed and "token_hash" not in listed
    async with db.raw() as (_, sql):
        kept = await sql.fetchval("SELECT token_hash FROM api_keys WHERE id = $1", created["id"])
    assert bytes(kept) == hashlib.sha256(secret.encode()).digest()

    till = Client(app, {"authorization": f"Bearer {secret}"})
    assert (await till.get("/api/v1/members", card_no="nobody")).json() == {"items": []}
    assert (await till.post("/api/v1/members", {"name": "x"})).refusal == (403, "auth.forbidden")
    assert (await console.delete(f"/api/console/keys/{created['id']}")).status == 204
    assert (await till.get("/api/v1/members", card_no="nobody")).refusal == (401, "auth.bad_key")
    assert (await console.delete(f"/api/console/keys/{created['id']}")).status == 204
    assert (await audit_kinds(console)).count("key.revoked") == 1


async def test_a_key_needs_known_scopes(console: Client) -> None:
    for scopes in ([], ["members.read", "everything"]):
        refused = await console.post("/api/console/keys", {"name": "x", "scopes": scopes})
        assert refused.refusal == (422, "key.bad_scopes")
    assert (await console.get("/api/console/keys")).json() == {"items": []}


async def test_the_operator_opens_a_merchant_and_grants_what_it_bought(app: ASGIApp, db: Database) -> None:
    operator = await make.logged_in(Client(app), await make.operator(db))
    login = f"boss{make.number()}-{id(db)}"
    body = {"name": "南门茶铺", "short_name": "茶铺", "login": login, "password": make.PASSWORD}
    opened = await operator.post("/api/operator/merchants", body)
    assert opened.status == 201
    merchant_id = opened.json()["id"]
    taken = await operator.post("/api/operator/merchants", {**body, "name": "另一家"})
    assert taken.refusal == (409, "staff.login_taken")
    newest = (await operator.get("/api/operator/merchants", limit=1)).json()["items"]
    assert [(one["id"], one["name"]) for one in newest] == [(merchant_id, "南门茶铺")]

    path = f"/api/operator/merchants/{merchant_id}"
    until = (datetime.now(UTC) + timedelta(days=365)).isoformat()
    assert (await operator.put(f"{path}/entitlements/messaging", {"until": until})).status == 204
    async with db.read(merchant_id) as tx:
        assert await tenants.is_entitled(tx, "messaging")
    assert (await operator.delete(f"{path}/entitlements/messaging")).status == 204
    async with db.read(merchant_id) as tx:
        assert not await tenants.is_entitled(tx, "messaging")
    missing = await operator.put("/api/operator/merchants/999999999/entitlements/messaging", {})
    assert missing.refusal == (404, "merchant.not_found")

    boss = Client(app)
    assert (await boss.log_in(login, make.PASSWORD)).status == 200
    told = (await boss.get("/api/console/audit", kind="merchant.*")).json()["items"]
    assert [one["kind"] for one in told] == [
        "merchant.entitlement_changed", "merchant.entitlement_changed", "merchant.opened",
    ]  # fmt: skip
    assert {one["actor"].split(":")[0] for one in told} == {"operator"}


async def test_a_suspended_merchant_is_shut_out(app: ASGIApp, db: Database, tenant: int, console: Client) -> None:
    operator = await make.logged_in(Client(app), await make.operator(db))
    assert (await operator.post(f"/api/operator/merchants/{tenant}/suspend")).status == 204
    assert (await console.get("/api/console/me")).refusal == (401, "auth.required")
    fresh = Client(app, {"authorization": f"Bearer {await make.key(db, tenant)}"})
    assert (await fresh.get("/api/v1/members", card_no="x")).refusal == (401, "auth.bad_key")
    assert (await operator.post(f"/api/operator/merchants/{tenant}/resume")).status == 204
    assert (await console.get("/api/console/me")).status == 200


async def test_the_audit_log_is_filtered_and_paged(console: Client) -> None:
    for number in range(3):
        await console.post("/api/console/stores", {"code": f"S{number}", "name": "店"})
    first = (await console.get("/api/console/audit", kind="store.changed", limit=2)).json()
    assert [one["payload"]["code"] for one in first["items"]] == ["S2", "S1"]
    rest = (await console.get("/api/console/audit", kind="store.changed", limit=2, cursor=first["next_cursor"])).json()
    assert ([one["payload"]["code"] for one in rest["items"]], rest["next_cursor"]) == (["S0"], None)
    me = (await console.get("/api/console/me")).json()
    assert {(one["actor"], one["actor_name"]) for one in first["items"]} == {(f"staff:{me['id']}", me["name"])}
    assert (await console.get("/api/console/audit", actor="job")).json()["items"] == []
    assert (await console.get("/api/console/audit", cursor="WzFd")).refusal == (422, "request.bad_cursor")


async def test_no_secret_is_in_the_audit_log(console: Client) -> None:
    key = (await console.post("/api/console/keys", {"name": "till", "scopes": ["members.read"]})).json()["key"]
    text = (await console.get("/api/console/audit", limit=100)).text
    for secret in (key, make.PASSWORD, "argon2", hashlib.sha256(key.encode()).hexdigest()):
        assert secret not in text


async def test_the_first_operator_is_made_once(db: Database) -> None:
    await make.operator(db)
    assert await tenants.bootstrap(db, login="second", password_hash=make.PASSWORD_HASH) is False


@pytest.mark.parametrize("body", [{"code": "S\u0000", "name": "x"}, {"code": "S1", "name": "a\u0000b"}])
async def test_nul_is_refused_as_input(console: Client, body: dict[str, Any]) -> None:
    reply = await console.post("/api/console/stores", body)
    assert reply.status == 422
    assert (await console.get("/api/console/stores")).json() == {"items": []}

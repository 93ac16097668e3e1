"""Forgotten passwords and lost authenticators (U-06): the operator's doors, one-time passwords, and keys' last use (U-26)."""

from datetime import timedelta

import pyotp
from starlette.types import ASGIApp

from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database
from tests import make
from tests.asgi import Client

NEW = "a better horse 43"


async def operator(app: ASGIApp, db: Database) -> Client:
    return await make.logged_in(Client(app), await make.operator(db))


async def test_a_sole_administrator_gets_in_again_with_a_password_that_works_once(
    app: ASGIApp, db: Database, tenant: int
) -> None:
    # given: the only administrator is logged in somewhere, and forgot the password
    owner = await make.staff(db, tenant)
    elsewhere = await make.logged_in(Client(app), owner)
    clerk = await make.staff(db, tenant, role="store_staff")
    helper = await operator(app, db)
    doors = f"/api/operator/merchants/{tenant}/admins"

    # when: the operator looks and resets
    listed = (await helper.get(doors)).json()["items"]
    assert [(one["id"], one["login"], one["totp"]) for one in listed] == [(str(owner.id), owner.login, False)]
    given = (await helper.post(f"{doors}/{owner.id}/one-time-password")).json()

    # then: sessions have ended, the old password is none, the new one opens nothing alone
    assert given["login"] == owner.login
    assert (await elsewhere.get("/api/console/me")).refusal == (401, "auth.required")
    guest = Client(app)
    assert (await guest.log_in(owner.login, make.PASSWORD)).refusal == (401, "auth.bad_login")
    assert (await guest.log_in(owner.login, given["password"])).refusal == (401, "auth.new_password_required")
    body = {"login": owner.login, "password": given["password"]}
    for new, code in (("short", "auth.password_length"), (given["password"], "auth.password_same")):
        refused = await guest.post("/api/console/login", body | {"new_password": new})
        assert (*refused.refusal, refused.json()["where"]) == (422, code, "new_password")
    assert guest.cookies == {}

    # when: with a new one
    opened = await guest.post("/api/console/login", body | {"new_password": NEW})

    # then: in; the one-time password is used up, the new one is an ordinary one
    assert (opened.status, opened.json()["login"]) == (200, owner.login)
    again = await Client(app).post("/api/console/login", body | {"new_password": "yet another 44"})
    assert again.refusal == (401, "auth.bad_login")
    back = Client(app)
    assert (await back.log_in(owner.login, NEW)).status == 200

    # then: the merchant's log says who did what, and holds no password
    log = (await back.get("/api/console/audit", kind="staff.changed")).json()["items"]
    did = [
        (one["actor"].split(":")[0], one["payload"]["fields"]) for one in log if one["payload"]["login"] == owner.login
    ]
    assert did[:2] == [("staff", ["password"]), ("operator", ["password"])]
    assert given["password"] not in (await back.get("/api/console/audit", limit=100)).text

    # then: only administrators are helped, in their own merchant, by an operator
    assert (await helper.post(f"{doors}/{clerk.id}/one-time-password")).refusal == (404, "staff.not_found")
    away = await helper.post(f"/api/operator/merchants/{tenant + 900_000}/admins/{owner.id}/one-time-password")
    assert away.refusal == (404, "staff.not_found")
    platform = await helper.post(f"/api/operator/merchants/0/admins/{owner.id}/one-time-password")
    assert platform.refusal == (422, "request.invalid")
    assert (await back.post(f"{doors}/{owner.id}/one-time-password")).refusal == (403, "auth.forbidden")
    assert (await Client(app).log_in(clerk.login, make.PASSWORD)).status == 200


async def test_a_one_time_password_ends_after_a_day(
    app: ASGIApp, db: Database, tenant: int, clock: ShiftedClock
) -> None:
    owner = await make.staff(db, tenant)
    helper = await operator(app, db)
    door = f"/api/operator/merchants/{tenant}/admins/{owner.id}/one-time-password"
    first = (await helper.post(door)).json()["password"]
    clock.advance(timedelta(hours=24))
    late = await Client(app).post("/api/console/login", {"login": owner.login, "password": first, "new_password": NEW})
    assert late.refusal == (401, "auth.one_time_passed")
    assert (await Client(app).log_in(owner.login, NEW)).refusal == (401, "auth.bad_login")

    # when: another one
    helper = await operator(app, db)
    second = (await helper.post(door)).json()["password"]
    body = {"login": owner.login, "password": second, "new_password": NEW}
    assert (await Client(app).post("/api/console/login", body)).status == 200


async def test_the_operator_turns_a_lost_second_factor_off(app: ASGIApp, db: Database, tenant: int) -> None:
    # given: an administrator with an authenticator
    owner = await make.staff(db, tenant)
    client = await make.logged_in(Client(app), owner)
    secret = (await client.post("/api/console/me/totp")).json()["secret"]
    body = {"password": make.PASSWORD, "code": pyotp.TOTP(secret).now()}
    assert (await client.post("/api/console/me/totp/confirm", body)).status == 204
    assert (await Client(app).log_in(owner.login, make.PASSWORD)).refusal == (401, "auth.totp_required")

    # when: a one-time password does not do away with it
    helper = await operator(app, db)
    doors = f"/api/operator/merchants/{tenant}/admins"
    given = (await helper.post(f"{doors}/{owner.id}/one-time-password")).json()["password"]
    new = {"login": owner.login, "password": given, "new_password": NEW}
    assert (await Client(app).post("/api/console/login", new)).refusal == (401, "auth.totp_required")

    # when: it is turned off
    assert (await helper.delete(f"{doors}/{owner.id}/totp")).status == 204

    # then
    assert (await Client(app).post("/api/console/login", new)).status == 200
    assert [one["totp"] for one in (await helper.get(doors)).json()["items"]] == [False]


async def test_an_owners_reset_for_staff_is_an_ordinary_password(app: ASGIApp, console: Client) -> None:
    body = {"login": "mei.clerk", "name": "梅", "role": "store_admin", "password": "first password 1"}
    made = (await console.post("/api/console/staff", body)).json()["id"]
    assert (await console.patch(f"/api/console/staff/{made}", {"password": NEW})).status == 204
    assert (await Client(app).log_in("mei.clerk", NEW)).status == 200


async def test_a_key_says_when_it_was_used_last(app: ASGIApp, console: Client, clock: ShiftedClock) -> None:
    made = (await console.post("/api/console/keys", {"name": "till", "scopes": ["members.read"]})).json()
    assert [one["last_used_at"] for one in (await console.get("/api/console/keys")).json()["items"]] == [None]

    till = Client(app, {"authorization": f"Bearer {made['key']}"})
    used = clock.now()
    assert (await till.get("/api/v1/members", card_no="60880001")).json() == {"items": []}
    [shown] = (await console.get("/api/console/keys")).json()["items"]
    assert shown["last_used_at"] is not None
    first = shown["last_used_at"]
    assert abs((clock.now() - used).total_seconds()) < 60

    # then: written at most once an hour
    await till.get("/api/v1/members", card_no="60880001")
    assert [one["last_used_at"] for one in (await console.get("/api/console/keys")).json()["items"]] == [first]

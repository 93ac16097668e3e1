"""The console's doors for people, stores, keys and the audit log (`/api/console`), and the operator's (`/api/operator`)."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.responses import Response

from huida.kernel.db import Database, ReadTx, Tx
from huida.kernel.errors import Invalid, TooMany
from huida.kernel.intake.bodies import Body, Moment
from huida.kernel.intake.door import Router
from huida.kernel.intake.versions import Replacing, must_replace, version_of
from huida.kernel.networks import network_of
from huida.kernel.pictures import qr_picture
from huida.kernel.rates import Buckets
from huida.kernel.secrets import Secret
from huida.kernel.web import (
    Actor,
    Created,
    Items,
    Listing,
    Page,
    actor_of,
    page,
    paged,
    staff_only,
    staff_read,
    staff_tx,
)
from huida.modules.tenants import brakes, directory, keys, passwords, queries, rescue, service, sessions, staff, views
from huida.modules.tenants.doors import (
    COOKIE,
    MerchantId,
    behind_tls,
    cookie_name,
    operator_of,
    operator_read,
    operator_tx,
)
from huida.modules.tenants.models import ROLES, SCOPES

console = Router(prefix="/api/console", tags=["console"])
operator = Router(prefix="/api/operator", tags=["operator"])

_by_network: Final = Buckets(rate_per_s=2, burst=100)
"""One network may guess at many logins. What concerns one login is counted in the database (`brakes`)."""


class LoginIn(Body):
    login: str = Field(max_length=100)
    password: str = Field(max_length=400)
    totp: str = Field("", max_length=10)
    new_password: str = Field("", max_length=400)


class PasswordIn(Body):
    current: str = Field(max_length=400)
    new: str = Field(max_length=400)


class TotpIn(Body):
    password: str = Field(max_length=400)
    code: str = Field(max_length=10)


class StoreIn(Body):
    code: str = Field(max_length=32)
    name: str = Field(max_length=60)
    address: str = Field("", max_length=200)
    phone: str = Field("", max_length=40)


class StoreChange(Body):
    name: str | None = Field(None, max_length=60)
    address: str | None = Field(None, max_length=200)
    phone: str | None = Field(None, max_length=40)


class StaffIn(Body):
    login: str = Field(max_length=64)
    name: str = Field("", max_length=60)
    role: str
    password: str = Field(max_length=400)


class StaffChange(Body):
    name: str | None = Field(None, max_length=60)
    role: str | None = None
    password: str | None = Field(None, max_length=400)


class KeyIn(Body):
    name: str = Field(min_length=1, max_length=60)
    scopes: list[str] = Field(max_length=50)


class MerchantIn(Body):
    name: str = Field(max_length=60)
    short_name: str = Field("", max_length=60)
    login: str = Field(max_length=64)
    admin_name: str = Field("", max_length=60)
    password: str = Field(max_length=400)


class MerchantChange(Body):
    name: str | None = Field(None, max_length=60)
    short_name: str | None = Field(None, max_length=60)


class EntitlementIn(Replacing):
    until: Moment | None


def database(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


@console.post("/login", response_model=views.Me)
async def login(request: Request, body: LoginIn) -> JSONResponse:
    address = request.client.host if request.client else "?"
    prefix = cookie_name(request, "")
    known = {name.removeprefix(prefix): value for name, value in request.cookies.items() if name.startswith(prefix)}
    caller, db = brakes.Caller(address, known), database(request)
    # On a device that somebody logged in on before nobody waits behind the neighbours.
    wait_s = _by_network.try_take(caller.known_device(db.sealer) or network_of(address))
    if wait_s:
        raise TooMany(retry_after_s=int(wait_s) + 1)
    session = await sessions.log_in(
        db, caller, login=body.login, password=body.password, totp=body.totp, new_password=body.new_password
    )
    answer = JSONResponse(await _me(request, session.actor, session.csrf))
    _give(request, answer, COOKIE, session.token, sessions.SESSION_LIFE)
    _give(request, answer, session.device_name, session.device, brakes.DEVICE_LIFE)
    return answer


def _give(request: Request, answer: Response, name: str, value: Secret, life: timedelta) -> None:
    answer.set_cookie(
        cookie_name(request, name),
        value.reveal(),
        max_age=int(life.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=behind_tls(request),
    )


def _take_back(request: Request, answer: Response) -> None:
    answer.delete_cookie(cookie_name(request, COOKIE), path="/", secure=behind_tls(request), httponly=True)


@console.post("/logout", status_code=204)
async def logout(request: Request, _: Actor = staff_only("")) -> Response:
    await sessions.log_out(database(request), request.cookies[cookie_name(request, COOKIE)])
    answer = Response(status_code=204)
    _take_back(request, answer)
    return answer


@console.get("/me")
async def me(request: Request, actor: Actor = staff_only("")) -> views.Me:
    return await _me(request, actor, sessions.csrf_of(request.cookies[cookie_name(request, COOKIE)]))


async def _me(request: Request, actor: Actor, csrf: str) -> views.Me:
    async with database(request).read(actor.tenant_id) as tx:
        row = await staff.get_staff(tx, actor.id)
        merchant = await directory.short_name(tx) if actor.kind == "staff" else None
    return {
        "id": str(actor.id),
        "kind": "operator" if actor.kind == "operator" else "staff",
        "tenant_id": actor.tenant_id,
        "name": actor.name,
        "may": sorted(actor.may),
        "csrf_token": csrf,
        "login": row["login"],
        "role": row["role"],
        "merchant": merchant,
        "simulator": request.app.state.settings.simulator_url or None,
    }


@console.post("/me/password", status_code=204)
async def change_password(request: Request, body: PasswordIn, actor: Actor = staff_only("")) -> Response:
    await sessions.change_own_password(database(request), actor, current=body.current, new=body.new)
    answer = Response(status_code=204)
    _take_back(request, answer)
    return answer


@console.post("/me/totp")
async def offer_totp(request: Request, tx: Tx = staff_tx("")) -> views.TotpOffer:
    """A fresh secret to be put into an authenticator app; the server keeps it for ten minutes."""
    secret, login = await staff.offer_totp(tx, actor_of(request).id)
    address = passwords.totp_address(secret, login)
    return {"secret": secret.reveal(), "address": address, "qr": qr_picture(address)}


@console.post("/me/totp/confirm", status_code=204)
async def confirm_totp(request: Request, body: TotpIn, actor: Actor = staff_only("")) -> None:
    """Turn the second factor on with the secret that was offered last, with the password and a code of the app."""
    await sessions.confirm_own_totp(database(request), actor, password=body.password, code=body.code)


@console.get("/settings")
async def settings(tx: ReadTx = staff_read("")) -> views.MerchantSettings:
    row = await service.merchant(tx)
    return {
        "name": row["name"],
        "short_name": row["short_name"],
        "roles": {role: sorted(may) for role, may in ROLES.items() if role != "platform_admin"},
        "scopes": sorted(SCOPES),
        "entitlements": [_entitlement(one) for one in await service.entitlements(tx)],
    }


@console.patch("/settings", status_code=204)
async def change_settings(body: MerchantChange, tx: Tx = staff_tx("settings.manage")) -> None:
    await service.change_merchant(tx, name=body.name, short_name=body.short_name)


@console.get("/stores")
async def stores(tx: ReadTx = staff_read("stores.view")) -> Items[views.Store]:
    return {"items": [_store(row) for row in await service.list_stores(tx)]}


def _store(row: Any) -> views.Store:
    return {
        "id": row["id"],
        "code": row["code"],
        "name": row["name"],
        "address": row["address"],
        "phone": row["phone"],
        "state": row["state"],
    }


@console.post("/stores", status_code=201)
async def create_store(body: StoreIn, tx: Tx = staff_tx("stores.manage")) -> Created:
    store_id = await service.create_store(tx, code=body.code, name=body.name, address=body.address, phone=body.phone)
    return {"id": store_id}


@console.patch("/stores/{store_id}", status_code=204)
async def change_store(store_id: UUID, body: StoreChange, tx: Tx = staff_tx("stores.manage")) -> None:
    await service.change_store(tx, store_id, name=body.name, address=body.address, phone=body.phone)


@console.post("/stores/{store_id}/close", status_code=204)
async def close_store(store_id: UUID, tx: Tx = staff_tx("stores.manage")) -> None:
    await service.close_store(tx, store_id)


@console.post("/stores/{store_id}/reopen", status_code=204)
async def reopen_store(store_id: UUID, tx: Tx = staff_tx("stores.manage")) -> None:
    await service.reopen_store(tx, store_id)


@console.get("/staff")
async def list_staff(tx: ReadTx = staff_read("staff.manage")) -> Items[views.StaffMember]:
    return {"items": [_person(row) for row in await staff.list_staff(tx)]}


def _person(row: Any) -> views.StaffMember:
    return {
        "id": row["id"],
        "login": row["login"],
        "name": row["name"],
        "role": row["role"],
        "state": row["state"],
        "totp": row["totp_sealed"] is not None,
        "created_at": row["created_at"],
    }


@console.post("/staff", status_code=201)
async def create_staff(request: Request, body: StaffIn, actor: Actor = staff_only("staff.manage")) -> Created:
    password_hash = await passwords.hashed(body.password, login=body.login)
    async with database(request).tx(actor.tenant_id, actor=actor.stamp) as tx:
        staff_id = await staff.create_staff(
            tx, login=body.login, name=body.name, role=body.role, password_hash=password_hash
        )
    return {"id": staff_id}


@console.patch("/staff/{staff_id}", status_code=204)
async def change_staff(
    request: Request, staff_id: UUID, body: StaffChange, actor: Actor = staff_only("staff.manage")
) -> None:
    db = database(request)
    password_hash = None
    if body.password is not None:
        async with db.read(actor.tenant_id) as read:
            row = await staff.get_staff(read, staff_id)
        password_hash = await passwords.hashed(body.password, login=row["login"])
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await staff.get_staff(tx, staff_id)
        if body.name is not None:
            await staff.rename_staff(tx, staff_id, name=body.name)
        if body.role is not None:
            await staff.set_role(tx, staff_id, role=body.role)
        if password_hash is not None:
            await staff.set_password(tx, staff_id, password_hash=password_hash)


@console.post("/staff/{staff_id}/disable", status_code=204)
async def disable_staff(staff_id: UUID, tx: Tx = staff_tx("staff.manage")) -> None:
    await staff.disable_staff(tx, staff_id)


@console.post("/staff/{staff_id}/enable", status_code=204)
async def enable_staff(staff_id: UUID, tx: Tx = staff_tx("staff.manage")) -> None:
    await staff.enable_staff(tx, staff_id)


@console.delete("/staff/{staff_id}/totp", status_code=204)
async def remove_totp(staff_id: UUID, tx: Tx = staff_tx("staff.manage")) -> None:
    await staff.remove_totp(tx, staff_id)


@console.get("/keys")
async def list_keys(tx: ReadTx = staff_read("keys.manage")) -> Items[views.ApiKey]:
    return {"items": [_key(row) for row in await keys.list_keys(tx)]}


def _key(row: Any) -> views.ApiKey:
    return {
        "id": row["id"],
        "name": row["name"],
        "hint": row["hint"],
        "scopes": row["scopes"],
        "created_at": row["created_at"],
        "revoked_at": row["revoked_at"],
        "last_used_at": row["last_used_at"],
    }


@console.post("/keys", status_code=201)
async def create_key(body: KeyIn, tx: Tx = staff_tx("keys.manage")) -> views.NewApiKey:
    key_id, secret = await keys.create_key(tx, name=body.name, scopes=body.scopes)
    return {"id": key_id, "key": secret.reveal()}


@console.delete("/keys/{key_id}", status_code=204)
async def revoke_key(key_id: UUID, tx: Tx = staff_tx("keys.manage")) -> None:
    await keys.revoke_key(tx, key_id)


@console.get("/audit")
async def audit(
    kind: str | None = None,
    actor: str | None = None,
    subject_id: UUID | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    wanted: Page = Depends(page),
    tx: ReadTx = staff_read("audit.view"),
) -> Listing[views.AuditEntry]:
    rows = await queries.audit(
        tx,
        limit=wanted.limit + 1,
        before=wanted.before,
        kind=kind,
        actor=actor,
        subject_id=subject_id,
        since=since,
        until=until,
    )
    names = await queries.actor_names(tx, {row["actor"] for row in rows})
    return paged(rows, wanted, lambda row: [str(row["id"])], lambda row: queries.show_fact(row, names))


@operator.get("/merchants")
async def merchants(wanted: Page = Depends(page), tx: ReadTx = operator_read()) -> Listing[views.Merchant]:
    rows = await service.list_merchants(tx, limit=wanted.limit + 1, after=_merchant_after(wanted))
    return paged(rows, wanted, lambda row: [row["id"]], _merchant)


def _merchant(row: Any) -> views.Merchant:
    return {
        "id": row["id"],
        "name": row["name"],
        "short_name": row["short_name"],
        "state": row["state"],
        "created_at": row["created_at"],
    }


def _merchant_after(wanted: Page) -> int | None:
    if wanted.after is None:
        return None
    if len(wanted.after) != 1 or type(wanted.after[0]) is not int or not 0 <= wanted.after[0] < 2**63:
        raise Invalid(code="request.bad_cursor", where="cursor")
    return wanted.after[0]


@operator.post("/merchants", status_code=201)
async def open_merchant(
    request: Request, body: MerchantIn, actor: Actor = Depends(operator_of)
) -> views.OpenedMerchant:
    password_hash = await passwords.hashed(body.password, login=body.login)
    tenant_id, staff_id = await service.open_merchant(
        database(request),
        operator=f"operator:{actor.id}",
        name=body.name,
        short_name=body.short_name,
        login=body.login,
        admin_name=body.admin_name,
        password_hash=password_hash,
    )
    return {"id": tenant_id, "staff_id": staff_id}


@operator.get("/merchants/{merchant_id}")
async def show_merchant(tx: Tx = operator_tx()) -> views.MerchantDetail:
    row = await service.merchant(tx)
    return {**_merchant(row), "entitlements": [_entitlement(one) for one in await service.entitlements(tx)]}


def _entitlement(row: Any) -> views.Entitlement:
    return {
        "module": row["module"],
        "granted_at": row["granted_at"],
        "until": row["until"],
        "version": version_of(row["module"], row["until"]),
    }


async def _entitlement_version(tx: Tx, module: str) -> str | None:
    return next(
        (_entitlement(row)["version"] for row in await service.entitlements(tx) if row["module"] == module), None
    )


@operator.patch("/merchants/{merchant_id}", status_code=204)
async def change_merchant(body: MerchantChange, tx: Tx = operator_tx()) -> None:
    await service.change_merchant(tx, name=body.name, short_name=body.short_name)


@operator.post("/merchants/{merchant_id}/suspend", status_code=204)
async def suspend(tx: Tx = operator_tx()) -> None:
    await service.suspend_merchant(tx)


@operator.post("/merchants/{merchant_id}/resume", status_code=204)
async def resume(tx: Tx = operator_tx()) -> None:
    await service.resume_merchant(tx)


@operator.get("/merchants/{merchant_id}/admins")
async def admins(tx: Tx = operator_tx()) -> Items[views.StaffMember]:
    """Who administers the merchant: whom the operator can help back in."""
    return {"items": [_person(row) for row in await staff.list_admins(tx)]}


@operator.post("/merchants/{merchant_id}/admins/{staff_id}/one-time-password")
async def give_one_time_password(
    request: Request, merchant_id: MerchantId, staff_id: UUID, actor: Actor = Depends(operator_of)
) -> views.OneTimePassword:
    """A password for an administrator who forgot theirs, shown this once: it works once, for a day, with a new one."""
    return await rescue.give_one_time(database(request), merchant_id, staff_id, by=f"operator:{actor.id}")


@operator.delete("/merchants/{merchant_id}/admins/{staff_id}/totp", status_code=204)
async def remove_admins_totp(staff_id: UUID, tx: Tx = operator_tx()) -> None:
    """Turn an administrator's second factor off, as for a lost phone; their sessions end."""
    await staff.get_admin(tx, staff_id)
    await staff.remove_totp(tx, staff_id)


@operator.put("/merchants/{merchant_id}/entitlements/{module}", status_code=204)
async def grant(module: str, body: EntitlementIn, tx: Tx = operator_tx()) -> None:
    await must_replace(tx, f"tenants.entitlement.{module}", body.version, _entitlement_version(tx, module))
    await service.entitle(tx, module, until=body.until)


@operator.delete("/merchants/{merchant_id}/entitlements/{module}", status_code=204)
async def withdraw(module: str, tx: Tx = operator_tx()) -> None:
    await service.withdraw(tx, module)

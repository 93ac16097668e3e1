"""Logging in and out. These are edges: they open their own short transactions, since hashing takes long."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Forbidden, Invalid, Unauthenticated
from huida.kernel.secrets import Secret, token, token_hash
from huida.kernel.web import Actor
from huida.modules.tenants import brakes, passwords
from huida.modules.tenants.brakes import Caller
from huida.modules.tenants.facts import StaffLocked, StaffLoggedIn
from huida.modules.tenants.models import PLATFORM, ROLES
from huida.modules.tenants.staff import confirm_totp, get_staff, set_password

SESSION_LIFE: Final = timedelta(hours=12)


class BadLogin(Unauthenticated):
    """Login, password or code is wrong: which of them is not told."""

    code = "auth.bad_login"


class TotpRequired(Unauthenticated):
    """The password is right; the second factor is missing."""

    code = "auth.totp_required"


class NewPasswordRequired(Unauthenticated):
    """The password is right and was given by somebody else: it opens the door together with a new one only."""

    code = "auth.new_password_required"


class BadCsrf(Forbidden):
    """An unsafe request without the session's CSRF token."""

    code = "auth.csrf"


@dataclass(frozen=True, slots=True)
class NewSession:
    token: Secret
    csrf: str
    actor: Actor
    device_name: str
    device: Secret
    """The cookie that lets this device through at its next login, however many strangers guess."""


def csrf_of(session_token: str) -> str:
    """The CSRF token of a session: derived, so that a reloaded page can ask for it again."""
    return hmac.digest(session_token.encode(), b"huida.csrf", "sha256").hex()


async def log_in(
    db: Database, caller: Caller, *, login: str, password: str, totp: str = "", new_password: str = ""
) -> NewSession:
    """Check the login and open a session. Raises Wait (slow down), BadLogin or TotpRequired.

    A try is counted before it is checked, so that guesses at once are counted too; for a login that nobody has as well.
    A one-time password (U-06) raises NewPasswordRequired until `new_password` comes with it, and Invalid for a bad one.
    """
    name = login.strip().lower()[:100]
    tenant_id, staff = await _known(db, name)
    device = caller.device_of(db.sealer, staff) if staff is not None else ""
    keys = brakes.keys_of(db.sealer, f"password/{name}", caller, device)
    async with db.tx(tenant_id, actor="visitor:login") as tx:
        slowed = await brakes.press(tx, keys)
        if slowed and staff is not None and await brakes.may_tell(tx, name):
            tx.emit(StaffLocked(staff_id=staff["id"]))
    if not await passwords.matches(staff["password_hash"] if staff else None, password) or staff is None:
        raise BadLogin()
    new_hash = None
    if staff["one_time_until"] is not None:
        new_hash = await _own_password(db, staff, password, new_password)
    async with db.tx(tenant_id, actor=f"staff:{staff['id']}") as tx:
        await brakes.forgive(tx, keys)
        second = await _second_factor(tx, staff, totp, device)
        if second == "right":
            if new_hash is not None:
                staff = await _exchange(tx, staff, new_hash)
            return await _open_session(tx, staff, device)
    raise TotpRequired() if second == "missing" else BadLogin()


async def _own_password(db: Database, staff: Any, given: str, new: str) -> str:
    """The hash of what takes the one-time password's place. Raises BadLogin when that has run out."""
    if staff["one_time_until"] <= db.clock.now():
        raise BadLogin(code="auth.one_time_passed")
    if not new:
        raise NewPasswordRequired()
    if new == given:
        raise Invalid(code="auth.password_same", where="new_password")
    return await passwords.hashed(new, login=staff["login"], where="new_password")


async def _exchange(tx: Tx, staff: Any, new_hash: str) -> Any:
    """Put the person's own password in place of the one-time one: of two at once one does. Raises BadLogin."""
    if not await tx.value(
        "SELECT true FROM staff WHERE tenant_id = $1 AND id = $2 AND password_hash = $3 FOR UPDATE",
        *(tx.tenant_id, staff["id"], staff["password_hash"]),
    ):
        raise BadLogin()
    await set_password(tx, staff["id"], password_hash=new_hash)
    return await get_staff(tx, staff["id"])


async def _known(db: Database, login: str) -> tuple[int, Any]:
    """Whose login this is: tenant and row of somebody who may log in; the platform and None when nobody may."""
    async with db.raw() as (_, sql):
        known = await sql.fetchrow(
            "SELECT l.tenant_id, l.staff_id FROM logins l LEFT JOIN merchants m ON m.id = l.tenant_id "
            "WHERE l.login = $1 AND (l.tenant_id = 0 OR m.state = 'open')",
            login,
        )
    if known is None:
        return PLATFORM, None
    async with db.read(known["tenant_id"]) as tx:
        staff = await tx.row(
            "SELECT * FROM staff WHERE tenant_id = $1 AND id = $2 AND state = 'active'", tx.tenant_id, known["staff_id"]
        )
    return known["tenant_id"], staff


async def _second_factor(tx: Tx, staff: Any, code: str, device: str) -> str:
    """`right`, `wrong` or `missing`. A code opens one session: its time step is spent by one guarded update.

    Codes have a brake of their own that only who knows the password can press, from all strange devices together: six
    digits are few. Raises Wait.
    """
    if staff["totp_sealed"] is None:
        return "right"
    if not code:
        return "missing"
    keys = brakes.key_alone(tx.sealer, f"totp/{staff['id']}/{device}")
    await brakes.press(tx, keys)
    secret = tx.sealer.unseal(bytes(staff["totp_sealed"]), purpose=f"staff.totp:{staff['id']}")
    step = passwords.totp_step(secret, code, now=tx.now)
    spent = step is not None and await tx.execute(
        "UPDATE staff SET totp_last_step = $3 WHERE tenant_id = $1 AND id = $2 AND totp_last_step < $3",
        *(tx.tenant_id, staff["id"], step),
    )
    if spent:
        await brakes.forgive(tx, keys)
    return "right" if spent else "wrong"


async def _open_session(tx: Tx, staff: Any, device: str) -> NewSession:
    session = token("hs")
    csrf = csrf_of(session.reveal())
    # The hash is compared again: between the transactions the password may have been changed or the person disabled.
    if not await tx.value(
        "SELECT true FROM staff WHERE tenant_id = $1 AND id = $2 AND state = 'active' AND password_hash = $3 FOR SHARE",
        *(tx.tenant_id, staff["id"], staff["password_hash"]),
    ):
        raise BadLogin()
    await tx.execute(
        "DELETE FROM sessions WHERE tenant_id = $1 AND staff_id = $2 AND expires_at <= $3",
        *(tx.tenant_id, staff["id"], tx.now),
    )
    await tx.execute(
        "INSERT INTO sessions (token_hash, tenant_id, staff_id, csrf_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        *(token_hash(session.reveal()), tx.tenant_id, staff["id"], hashlib.sha256(csrf.encode()).digest()),
        *(tx.now, tx.now + SESSION_LIFE),
    )
    tx.emit(StaffLoggedIn(staff_id=staff["id"]))
    mark = Secret(brakes.device_cookie(tx.sealer, staff, device))
    return NewSession(session, csrf, actor_for(tx.tenant_id, staff), brakes.device_name(staff["id"]), mark)


def actor_for(tenant_id: int, staff: Any) -> Actor:
    """What a staff row may do here."""
    kind = "operator" if tenant_id == PLATFORM else "staff"
    return Actor(kind, staff["id"], tenant_id, ROLES.get(staff["role"], frozenset()), staff["name"])


async def log_out(db: Database, session_token: str) -> None:
    """End this session; nothing happens when it has ended already."""
    async with db.raw() as (_, sql):
        await sql.execute("DELETE FROM sessions WHERE token_hash = $1", token_hash(session_token))


async def session_actor(db: Database, session_token: str, *, csrf: str | None) -> Actor:
    """Whose session this is. `csrf` is what an unsafe request brought, None for a safe one.

    Raises Unauthenticated, or BadCsrf when that token does not fit.
    """
    now = db.clock.now()
    async with db.raw() as (_, sql):
        session = await sql.fetchrow(
            "SELECT s.tenant_id, s.staff_id, s.csrf_hash FROM sessions s LEFT JOIN merchants m ON m.id = s.tenant_id "
            "WHERE s.token_hash = $1 AND s.expires_at > $2 AND (s.tenant_id = 0 OR m.state = 'open')",
            *(token_hash(session_token), now),
        )
    if session is None:
        raise Unauthenticated()
    if csrf is not None and not hmac.compare_digest(
        hashlib.sha256(csrf.encode()).digest(), bytes(session["csrf_hash"])
    ):
        raise BadCsrf()
    async with db.read(session["tenant_id"]) as tx:
        staff = await tx.row(
            "SELECT id, name, role FROM staff WHERE tenant_id = $1 AND id = $2 AND state = 'active'",
            *(tx.tenant_id, session["staff_id"]),
        )
    if staff is None:
        raise Unauthenticated()
    return actor_for(session["tenant_id"], staff)


async def must_know_password(db: Database, actor: Actor, password: str, *, where: str) -> Any:
    """The person's row, for what somebody with an open session may do only with the password.

    Raises BadLogin when it is wrong, Wait after too many wrong ones of this person.
    """
    keys = brakes.key_alone(db.sealer, f"own/{actor.id}")
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await brakes.press(tx, keys)
        staff = await tx.row(
            "SELECT * FROM staff WHERE tenant_id = $1 AND id = $2 AND state = 'active'", tx.tenant_id, actor.id
        )
    if not await passwords.matches(staff["password_hash"] if staff else None, password) or staff is None:
        raise BadLogin(where=where)
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await brakes.forgive(tx, keys)
    return staff


async def change_own_password(db: Database, actor: Actor, *, current: str, new: str) -> None:
    """Change the own password; every session ends. Raises BadLogin when `current` is wrong, Invalid for a bad new one."""
    staff = await must_know_password(db, actor, current, where="current")
    password_hash = await passwords.hashed(new, login=staff["login"])
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await set_password(tx, actor.id, password_hash=password_hash)


async def confirm_own_totp(db: Database, actor: Actor, *, password: str, code: str) -> None:
    """Turn the second factor on, with the secret that was offered last. Raises BadLogin, Invalid, Conflict."""
    await must_know_password(db, actor, password, where="password")
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await confirm_totp(tx, actor.id, code=code)

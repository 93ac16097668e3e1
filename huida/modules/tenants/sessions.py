"""Logging in and out. These are edges: they open their own short transactions, since hashing takes long."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Forbidden, Unauthenticated
from huida.kernel.secrets import Secret, token, token_hash
from huida.kernel.web import Actor
from huida.modules.tenants import passwords
from huida.modules.tenants.facts import StaffLocked, StaffLoggedIn
from huida.modules.tenants.models import PLATFORM, ROLES
from huida.modules.tenants.staff import set_password

SESSION_LIFE: Final = timedelta(hours=12)
FAILURES_ALLOWED: Final = 10
LOCKED_FOR: Final = timedelta(minutes=15)


class BadLogin(Unauthenticated):
    """Login, password or code is wrong, or the login is locked: which of them is not told."""

    code = "auth.bad_login"


class TotpRequired(Unauthenticated):
    """The password is right; the second factor is missing."""

    code = "auth.totp_required"


class BadCsrf(Forbidden):
    """An unsafe request without the session's CSRF token."""

    code = "auth.csrf"


@dataclass(frozen=True, slots=True)
class NewSession:
    token: Secret
    csrf: str
    actor: Actor


def csrf_of(session_token: str) -> str:
    """The CSRF token of a session: derived, so that a reloaded page can ask for it again."""
    return hmac.digest(session_token.encode(), b"huida.csrf", "sha256").hex()


async def log_in(db: Database, *, login: str, password: str, totp: str = "") -> NewSession:
    """Check the login and open a session. Raises BadLogin (also while locked) or TotpRequired."""
    async with db.raw() as (_, sql):
        known = await sql.fetchrow(
            "SELECT l.tenant_id, l.staff_id FROM logins l LEFT JOIN merchants m ON m.id = l.tenant_id "
            "WHERE l.login = $1 AND (l.tenant_id = 0 OR m.state = 'open')",
            login.strip().lower()[:100],
        )
    staff = None
    if known is not None:
        async with db.tx(known["tenant_id"], actor=f"staff:{known['staff_id']}") as tx:
            staff = await _count_attempt(tx, known["staff_id"])
    if not await passwords.matches(staff["password_hash"] if staff else None, password) or staff is None:
        raise await _failure(db, known["tenant_id"] if known else PLATFORM, staff)
    async with db.tx(known["tenant_id"], actor=f"staff:{staff['id']}") as tx:
        second = await _second_factor(tx, staff, totp)
        if second == "right":
            return await _open_session(tx, staff)
    if second == "missing":
        raise TotpRequired()
    raise await _failure(db, known["tenant_id"], staff)


async def _count_attempt(tx: Tx, staff_id: UUID) -> Any:
    """Count the attempt before it is checked, so that parallel guesses are counted too; None when locked or disabled."""
    return await tx.row(
        "UPDATE staff SET "
        "  failed_logins = CASE WHEN locked_until IS NULL THEN failed_logins + 1 ELSE 1 END, "
        "  locked_until = CASE WHEN locked_until IS NULL AND failed_logins + 1 >= $4 THEN $5::timestamptz END "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'active' AND (locked_until IS NULL OR locked_until <= $3) "
        "RETURNING *",
        *(tx.tenant_id, staff_id, tx.now, FAILURES_ALLOWED, tx.now + LOCKED_FOR),
    )


async def _failure(db: Database, tenant_id: int, staff: Any) -> BadLogin:
    """The refusal to raise; it is noted when this failure locked the login."""
    if staff is not None and staff["locked_until"] is not None:
        async with db.tx(tenant_id, actor=f"staff:{staff['id']}") as tx:
            tx.emit(StaffLocked(staff_id=staff["id"]))
    return BadLogin()


async def _second_factor(tx: Tx, staff: Any, code: str) -> str:
    """`right`, `wrong` or `missing`. A code opens one session: its time step is spent by one guarded update."""
    if staff["totp_sealed"] is None:
        return "right"
    if not code:
        # The password was right, so this was no failure; it must not forget earlier ones either.
        await tx.execute(
            "UPDATE staff SET failed_logins = greatest(failed_logins - 1, 0), locked_until = NULL WHERE tenant_id = $1 AND id = $2",
            *(tx.tenant_id, staff["id"]),
        )
        return "missing"
    secret = tx.sealer.unseal(bytes(staff["totp_sealed"]), purpose=f"staff.totp:{staff['id']}")
    step = passwords.totp_step(secret, code, now=tx.now)
    spent = step is not None and await tx.execute(
        "UPDATE staff SET totp_last_step = $3 WHERE tenant_id = $1 AND id = $2 AND totp_last_step < $3",
        *(tx.tenant_id, staff["id"], step),
    )
    return "right" if spent else "wrong"


async def _open_session(tx: Tx, staff: Any) -> NewSession:
    session = token("hs")
    csrf = csrf_of(session.reveal())
    # The hash is compared again: between the two transactions the password may have been changed or the person disabled.
    if not await tx.execute(
        "UPDATE staff SET failed_logins = 0, locked_until = NULL "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'active' AND password_hash = $3",
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
    return NewSession(session, csrf, actor_for(tx.tenant_id, staff))


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


async def change_own_password(db: Database, actor: Actor, *, current: str, new: str) -> None:
    """Change the own password; every session ends. Raises BadLogin when `current` is wrong, Invalid for a bad new one."""
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        staff = await _count_attempt(tx, actor.id)
    if not await passwords.matches(staff["password_hash"] if staff else None, current) or staff is None:
        raise BadLogin(where="current")
    password_hash = await passwords.hashed(new, login=staff["login"])
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await set_password(tx, actor.id, password_hash=password_hash)

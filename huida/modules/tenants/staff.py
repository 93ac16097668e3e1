"""Staff: create, change, disable. A change of role, password or state ends the person's sessions."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.ids import uuid7
from huida.kernel.secrets import Secret
from huida.modules.tenants import passwords
from huida.modules.tenants.facts import StaffChanged
from huida.modules.tenants.models import PLATFORM, ROLES

OFFER_LIFE: Final = timedelta(minutes=10)
ONE_TIME_LIFE: Final = timedelta(hours=24)
LOGIN = re.compile(r"[0-9a-z][0-9a-z._@+-]{2,63}")


def normal_login(text: str) -> str:
    """A login name in lower case. Raises Invalid."""
    login = text.strip().lower()
    if not LOGIN.fullmatch(login):
        raise Invalid(code="staff.bad_login", where="login")
    return login


def check_role(tenant_id: int, role: str) -> None:
    """Raises Invalid for a role that this tenant does not have (X-15): only the platform has `platform_admin`."""
    if role not in ROLES or (role == "platform_admin") != (tenant_id == PLATFORM):
        raise Invalid(code="staff.bad_role", where="role", role=role)


async def create_staff(tx: Tx, *, login: str, name: str, role: str, password_hash: str) -> UUID:
    """Add somebody. Raises Invalid, or Conflict when the login is taken (anywhere: logins are unique over merchants)."""
    login = normal_login(login)
    check_role(tx.tenant_id, role)
    staff_id = uuid7()
    if not await tx.execute(
        "INSERT INTO logins (login, tenant_id, staff_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        *(login, tx.tenant_id, staff_id),
    ):
        raise Conflict(code="staff.login_taken", where="login")
    await tx.execute(
        "INSERT INTO staff (tenant_id, id, login, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(tx.tenant_id, staff_id, login, name.strip()[:60] or login, role, password_hash, tx.now),
    )
    tx.emit(StaffChanged(staff_id=staff_id, login=login, fields=["created"]))
    return staff_id


async def get_staff(tx: Tx, staff_id: UUID) -> Any:
    """The row. Raises NotFound."""
    row = await tx.row("SELECT * FROM staff WHERE tenant_id = $1 AND id = $2", tx.tenant_id, staff_id)
    if row is None:
        raise NotFound(code="staff.not_found", where="staff_id")
    return row


async def list_staff(tx: Tx) -> list[Any]:
    """Everybody of this merchant (a few hundred at most)."""
    return await tx.fetch("SELECT * FROM staff WHERE tenant_id = $1 ORDER BY created_at, id LIMIT 1000", tx.tenant_id)


async def active_staff(tx: Tx, staff_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of those of them who may work now."""
    rows = await tx.fetch(
        "SELECT id, name FROM staff WHERE tenant_id = $1 AND id = ANY($2) AND state = 'active'",
        *(tx.tenant_id, list(staff_ids)),
    )
    return {row["id"]: row["name"] for row in rows}


async def staff_names(tx: Tx, staff_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of these people, of those who left too."""
    rows = await tx.fetch(
        "SELECT id, name FROM staff WHERE tenant_id = $1 AND id = ANY($2)", tx.tenant_id, list(staff_ids)
    )
    return {row["id"]: row["name"] for row in rows}


async def rename_staff(tx: Tx, staff_id: UUID, *, name: str) -> None:
    """Change the shown name. Raises NotFound."""
    await _change(tx, staff_id, "name", name.strip()[:60])


async def set_role(tx: Tx, staff_id: UUID, *, role: str) -> None:
    """Give another role; their sessions end. Raises Invalid, NotFound, Conflict for the last administrator."""
    check_role(tx.tenant_id, role)
    if ROLES[role] != frozenset({"*"}):
        await _keep_an_admin(tx, staff_id)
    await _change(tx, staff_id, "role", role)
    await end_sessions(tx, staff_id)


async def disable_staff(tx: Tx, staff_id: UUID) -> None:
    """Shut somebody out at once. Raises NotFound, Conflict for the last administrator."""
    await _keep_an_admin(tx, staff_id)
    await _change(tx, staff_id, "state", "disabled")
    await end_sessions(tx, staff_id)


async def enable_staff(tx: Tx, staff_id: UUID) -> None:
    """Let somebody in again. Raises NotFound."""
    await _change(tx, staff_id, "state", "active")


async def set_password(tx: Tx, staff_id: UUID, *, password_hash: str) -> None:
    """Set a new password; every session of theirs ends. Raises NotFound."""
    await _change(tx, staff_id, "password_hash", password_hash)
    await tx.execute("UPDATE staff SET one_time_until = NULL WHERE tenant_id = $1 AND id = $2", tx.tenant_id, staff_id)
    await end_sessions(tx, staff_id)


async def set_one_time_password(tx: Tx, staff_id: UUID, *, password_hash: str) -> datetime:
    """Set a password that opens the door once, together with a new one of theirs; returns until when (U-06).

    Every session of theirs ends. Raises NotFound.
    """
    until = tx.now + ONE_TIME_LIFE
    await _change(tx, staff_id, "password_hash", password_hash)
    await tx.execute(
        "UPDATE staff SET one_time_until = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, staff_id, until
    )
    await end_sessions(tx, staff_id)
    return until


async def list_admins(tx: Tx) -> list[Any]:
    """Who administers this merchant or the platform, and may log in."""
    return await tx.fetch(
        "SELECT * FROM staff WHERE tenant_id = $1 AND state = 'active' AND role IN ('store_admin', 'platform_admin') "
        "ORDER BY created_at, id LIMIT 1000",
        tx.tenant_id,
    )


async def get_admin(tx: Tx, staff_id: UUID) -> Any:
    """The row of one of `list_admins`. Raises NotFound for anybody else."""
    row = await get_staff(tx, staff_id)
    if row["state"] != "active" or ROLES[row["role"]] != frozenset({"*"}):
        raise NotFound(code="staff.not_found", where="staff_id")
    return row


async def offer_totp(tx: Tx, staff_id: UUID) -> tuple[Secret, str]:
    """A fresh secret for the authenticator app, and the person's login. It is kept here, sealed, for ten minutes.

    Raises Conflict when the second factor is on already.
    """
    row = await get_staff(tx, staff_id)
    if row["totp_sealed"] is not None:
        raise Conflict(code="auth.totp_already_on")
    secret = passwords.new_totp()
    await tx.execute(
        "UPDATE staff SET totp_offer_sealed = $3, totp_offer_until = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, staff_id, tx.sealer.seal(secret, purpose=f"staff.totp:{staff_id}"), tx.now + OFFER_LIFE),
    )
    return secret, row["login"]


async def confirm_totp(tx: Tx, staff_id: UUID, *, code: str) -> None:
    """Turn the second factor on, once the app shows the right code for the secret that was offered last.

    Raises Invalid for a wrong code, and Conflict when it is on already or nothing was offered within ten minutes.
    """
    row = await tx.row(
        "SELECT login, totp_sealed, totp_offer_sealed, totp_offer_until FROM staff "
        "WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        *(tx.tenant_id, staff_id),
    )
    if row is None or row["totp_sealed"] is not None:
        raise Conflict(code="auth.totp_already_on")
    if row["totp_offer_sealed"] is None or row["totp_offer_until"] <= tx.now:
        raise Conflict(code="auth.totp_not_offered")
    sealed = bytes(row["totp_offer_sealed"])
    step = passwords.totp_step(tx.sealer.unseal(sealed, purpose=f"staff.totp:{staff_id}"), code, now=tx.now)
    if step is None:
        raise Invalid(code="auth.bad_totp", where="code")
    await tx.execute(
        "UPDATE staff SET totp_sealed = $3, totp_last_step = $4, totp_offer_sealed = NULL, totp_offer_until = NULL "
        "WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, staff_id, sealed, step),
    )
    tx.emit(StaffChanged(staff_id=staff_id, login=row["login"], fields=["totp"]))


async def remove_totp(tx: Tx, staff_id: UUID) -> None:
    """Turn the second factor off (a lost phone); their sessions end. Raises NotFound."""
    await _change(tx, staff_id, "totp_sealed", None)
    await end_sessions(tx, staff_id)


async def end_sessions(tx: Tx, staff_id: UUID) -> None:
    """Log somebody out everywhere."""
    await tx.execute("DELETE FROM sessions WHERE tenant_id = $1 AND staff_id = $2", tx.tenant_id, staff_id)


async def _change(tx: Tx, staff_id: UUID, column: str, value: Any) -> None:
    assert column in {"name", "role", "state", "password_hash", "totp_sealed"}
    login = await tx.value(
        f"UPDATE staff SET {column} = $3 WHERE tenant_id = $1 AND id = $2 RETURNING login",
        tx.tenant_id,
        staff_id,
        value,
    )
    if login is None:
        raise NotFound(code="staff.not_found", where="staff_id")
    told = {"password_hash": "password", "totp_sealed": "totp"}.get(column, column)
    tx.emit(StaffChanged(staff_id=staff_id, login=login, fields=[told]))


async def _keep_an_admin(tx: Tx, leaving: UUID) -> None:
    """Raises Conflict when nobody but `leaving` could administer. Locks the administrators, so two cannot leave at once."""
    rows = await tx.fetch(
        "SELECT id FROM staff WHERE tenant_id = $1 AND state = 'active' AND role IN ('store_admin', 'platform_admin') "
        "ORDER BY id LIMIT 1000 FOR UPDATE",
        tx.tenant_id,
    )
    if [row["id"] for row in rows] == [leaving]:
        raise Conflict(code="staff.last_admin", where="staff_id")

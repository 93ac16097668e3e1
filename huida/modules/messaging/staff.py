"""The shop's own staff who are told: bound to their WeChat by a code that works once (S2-46, S2-50)."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.intake.versions import version_of
from huida.kernel.pictures import qr_picture
from huida.modules import connections, tenants
from huida.modules.messaging.catalogue import SCENARIOS
from huida.modules.messaging.facts import RecipientsChosen, StaffBound
from huida.providers.wechat.official_account import OfficialAccount

SCENE: Final = "huida-staff."
VALID: Final = timedelta(minutes=10)
SELLER: Final = tuple(scenario.code for scenario in SCENARIOS if scenario.to_staff)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told, at which account, and of which scenarios."""

    staff_id: UUID
    name: str
    app_id: str
    openid: str
    follows: bool
    scenarios: Sequence[str]


async def recipients(tx: Tx) -> list[Recipient]:
    """The bound staff who may work now, in the order in which they were bound."""
    rows = await tx.fetch(
        "SELECT staff_id, app_id, openid, follows, scenarios FROM staff_bindings WHERE tenant_id = $1 "
        "ORDER BY bound_at, staff_id LIMIT 1000",
        tx.tenant_id,
    )
    names = await tenants.active_staff(tx, [row["staff_id"] for row in rows])
    return [
        Recipient(
            row["staff_id"],
            names[row["staff_id"]],
            row["app_id"],
            row["openid"],
            row["follows"],
            msgspec.json.decode(row["scenarios"]),
        )
        for row in rows
        if row["staff_id"] in names
    ]


async def by_openid(tx: Tx, openids: Sequence[str]) -> dict[str, UUID]:
    """Which staff these accounts are bound to."""
    rows = await tx.fetch(
        "SELECT openid, staff_id FROM staff_bindings WHERE tenant_id = $1 AND openid = ANY($2)",
        *(tx.tenant_id, list(openids)),
    )
    return {row["openid"]: row["staff_id"] for row in rows}


def trouble(one: Recipient, app_id: str, connected: str) -> str:
    """Why this person cannot be told by this account; empty when they can."""
    if app_id != connected:
        return "app_not_connected"
    if one.app_id != app_id:
        return "no_official_account"
    return "" if one.follows else "not_following"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A QR code of the official account for one staff member: what it holds, and a picture of that."""

    content: str
    picture: str
    expires_at: datetime


def hash_of(scene: str) -> bytes:
    return hashlib.sha256(scene.encode()).digest()


async def invite(db: Database, tenant_id: int, oa: OfficialAccount, staff_id: UUID, *, actor: str) -> Invitation:
    """A code that binds who scans it first, for ten minutes (S2-50); codes made before for this person are void.

    Raises NotFound, Conflict without an official account, a ProviderOutcome.
    """
    async with db.read(tenant_id) as read:
        if staff_id not in await tenants.active_staff(read, [staff_id]):
            raise NotFound(code="staff.not_found", where="staff_id")
        cred = await connections.credentials(read, "oa")
    if cred is None:
        raise Conflict(code="messaging.app_missing", where="channel", channel="template")
    scene = SCENE + secrets.token_urlsafe(24)
    made = await oa.create_qr(cred, scene, expire_s=int(VALID.total_seconds()))
    async with db.tx(tenant_id, actor=actor) as tx:
        await tx.execute("DELETE FROM staff_scenes WHERE tenant_id = $1 AND staff_id = $2", tenant_id, staff_id)
        await tx.execute("DELETE FROM staff_scenes WHERE tenant_id = $1 AND expires_at < $2", tenant_id, tx.now - VALID)
        await tx.execute(
            "INSERT INTO staff_scenes (tenant_id, hash, staff_id, app_id, expires_at) VALUES ($1, $2, $3, $4, $5)",
            *(tenant_id, hash_of(scene), staff_id, cred.app_id, tx.now + VALID),
        )
        return Invitation(made.url, qr_picture(made.url), tx.now + VALID)


async def scanned(tx: Tx, *, app_id: str, openid: str, scene: str, at: datetime) -> None:
    """Somebody scanned a code. Only a code that is known, unused and not expired binds, and only the first who scans it.

    An account that another person is bound to is not taken from them; the console says so.
    """
    if not scene.startswith(SCENE):
        return
    row = await tx.row(
        "SELECT hash, staff_id FROM staff_scenes WHERE tenant_id = $1 AND hash = $2 AND app_id = $3 AND used_at IS NULL "
        "AND expires_at > $4 FOR UPDATE",
        *(tx.tenant_id, hash_of(scene), app_id, tx.now),
    )
    if row is None:
        return
    holder = await tx.value(
        "SELECT staff_id FROM staff_bindings WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 AND staff_id <> $4",
        *(tx.tenant_id, app_id, openid, row["staff_id"]),
    )
    if holder is not None:
        await tx.execute(
            "UPDATE staff_scenes SET trouble = 'taken' WHERE tenant_id = $1 AND hash = $2", tx.tenant_id, row["hash"]
        )
        return
    await tx.execute(
        "UPDATE staff_scenes SET used_at = $3, trouble = '' WHERE tenant_id = $1 AND hash = $2",
        *(tx.tenant_id, row["hash"], tx.now),
    )
    await tx.execute(
        "INSERT INTO staff_bindings (tenant_id, staff_id, app_id, openid, follows, follows_at, scenarios, bound_at) "
        "VALUES ($1, $2, $3, $4, true, $5, $6, $7) ON CONFLICT (tenant_id, staff_id) DO UPDATE SET app_id = excluded.app_id, "
        "openid = excluded.openid, follows = true, follows_at = excluded.follows_at, bound_at = excluded.bound_at",
        *(tx.tenant_id, row["staff_id"], app_id, openid, at, msgspec.json.encode(SELLER).decode(), tx.now),
    )
    tx.emit(StaffBound(staff_id=str(row["staff_id"]), bound=True, why="scanned"))


async def follow_changed(tx: Tx, *, app_id: str, openid: str, follows: bool, at: datetime) -> None:
    """Note whether a bound account follows; of two reports the later one holds."""
    await tx.execute(
        "UPDATE staff_bindings SET follows = $4, follows_at = $5 WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 "
        "AND follows_at <= $5",
        *(tx.tenant_id, app_id, openid, follows, at),
    )


async def unbind(tx: Tx, staff_id: UUID) -> None:
    """Tell this person no more. Raises NotFound."""
    if not await tx.execute(
        "DELETE FROM staff_bindings WHERE tenant_id = $1 AND staff_id = $2", tx.tenant_id, staff_id
    ):
        raise NotFound(code="messaging.staff_not_bound", where="staff_id")
    await tx.execute("DELETE FROM staff_scenes WHERE tenant_id = $1 AND staff_id = $2", tx.tenant_id, staff_id)
    tx.emit(StaffBound(staff_id=str(staff_id), bound=False, why="unbound"))


async def choose(tx: Tx, staff_id: UUID, scenarios: Sequence[str]) -> None:
    """Set which notices somebody gets. Raises Invalid, NotFound."""
    strange = sorted(set(scenarios) - set(SELLER))
    if strange:
        raise Invalid(code="messaging.scenario_unknown", where="scenarios", scenario=strange[0])
    wanted = [code for code in SELLER if code in scenarios]
    if not await tx.execute(
        "UPDATE staff_bindings SET scenarios = $3 WHERE tenant_id = $1 AND staff_id = $2",
        *(tx.tenant_id, staff_id, msgspec.json.encode(wanted).decode()),
    ):
        raise NotFound(code="messaging.staff_not_bound", where="staff_id")
    tx.emit(RecipientsChosen(staff_id=str(staff_id), scenarios=wanted))


async def listed(tx: Tx) -> list[tuple[Any, Any, Any]]:
    """Everybody who works here, with their binding and their code that still waits or was answered by the wrong person."""
    people = [row for row in await tenants.list_staff(tx) if row["state"] == "active"]
    rows = await tx.fetch("SELECT * FROM staff_bindings WHERE tenant_id = $1 LIMIT 1000", tx.tenant_id)
    bound = {row["staff_id"]: row for row in rows}
    rows = await tx.fetch(
        "SELECT staff_id, expires_at, trouble FROM staff_scenes WHERE tenant_id = $1 AND used_at IS NULL AND expires_at > $2",
        *(tx.tenant_id, tx.now),
    )
    waiting = {row["staff_id"]: row for row in rows}
    return [(person, bound.get(person["id"]), waiting.get(person["id"])) for person in people]


def chosen(bound: Mapping[str, Any]) -> list[str]:
    """The notices that a binding asks for."""
    found: list[str] = msgspec.json.decode(bound["scenarios"])
    return found


def version(bound: Mapping[str, Any]) -> str:
    """The version of what a binding asks for."""
    return version_of(chosen(bound))


async def version_now(tx: Tx, staff_id: UUID) -> str:
    """The version of what somebody's binding asks for. Raises NotFound."""
    bound = await tx.row("SELECT * FROM staff_bindings WHERE tenant_id = $1 AND staff_id = $2", tx.tenant_id, staff_id)
    if bound is None:
        raise NotFound(code="messaging.staff_not_bound", where="staff_id")
    return version(bound)

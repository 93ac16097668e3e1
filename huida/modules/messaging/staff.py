"""The shop's own staff who are told: bound to their WeChat by a code that works once (S2-46, S2-50)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.modules import tenants


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

"""Spend codes (储值卡消费码): what a member shows at the till instead of the card. Short-lived and used once.

A member has at most one open code: asking again replaces it, so a photographed code dies with the next one.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules.members.service import get

LIFE: Final = timedelta(seconds=60)
GRACE: Final = timedelta(seconds=15)
"""A code that was not replaced stays good this long after its countdown: scanning takes a moment."""
KEPT: Final = timedelta(days=2)
DIGITS: Final = 16
PREFIX: Final = "86"


@dataclass(frozen=True, slots=True)
class SpendCode:
    code: str
    expires_at: datetime


async def new_code(tx: Tx, member_id: UUID) -> SpendCode:
    """A fresh code of 18 digits, in place of the member's open one. Raises NotFound, Conflict unless active."""
    row = await get(tx, member_id)
    if row["state"] != "active":
        raise Conflict(code="member.not_active", where="member_id", state=row["state"])
    code = PREFIX + f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    await tx.execute(
        "DELETE FROM spend_codes WHERE tenant_id = $1 AND member_id = $2 AND used_at < $3",
        *(tx.tenant_id, member_id, tx.now - KEPT),
    )
    expires = tx.now + LIFE
    await tx.execute(
        "INSERT INTO spend_codes (tenant_id, code, member_id, expires_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (tenant_id, member_id) WHERE used_at IS NULL DO UPDATE SET code = excluded.code, "
        "expires_at = excluded.expires_at",
        *(tx.tenant_id, code, member_id, expires + GRACE),
    )
    return SpendCode(code, expires)


async def use_code(tx: Tx, code: str, *, store: str, till_no: str) -> UUID:
    """Use a code up for this till number and return whose it is; the same store and till number may repeat the call.

    Raises NotFound for a code that never was or was replaced, Conflict when it is used or expired.
    """
    used_by = f"{store}/{till_no.strip()}"
    member_id: UUID | None = await tx.value(
        "UPDATE spend_codes SET used_at = $3, used_by = $4 "
        "WHERE tenant_id = $1 AND code = $2 AND used_at IS NULL AND expires_at > $3 RETURNING member_id",
        *(tx.tenant_id, code, tx.now, used_by),
    )
    if member_id is not None:
        return await _owner(tx, member_id)
    row = await tx.row(
        "SELECT member_id, used_at, used_by FROM spend_codes WHERE tenant_id = $1 AND code = $2", tx.tenant_id, code
    )
    if row is None:
        raise NotFound(code="member.spend_code_unknown", where="code")
    if row["used_at"] is None:
        raise Conflict(code="member.spend_code_expired", where="code")
    if row["used_by"] != used_by:
        raise Conflict(code="member.spend_code_used", where="code")
    return await _owner(tx, row["member_id"])


async def _owner(tx: Tx, member_id: UUID) -> UUID:
    """Whose record this is now: that of the member into whom it was merged."""
    row = await get(tx, member_id)
    owner: UUID = row["merged_into"] or row["id"]
    return owner

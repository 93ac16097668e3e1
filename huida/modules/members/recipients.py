"""Members as messaging reads them: name, card, and the account that a channel reaches them by."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from huida.kernel.arrays import uuids
from huida.kernel.db import Tx
from huida.modules.members.identifiers import PHONE

RECIPIENTS = """
SELECT w.id AS asked, m.id, m.name, m.card_no, m.level, m.state, m.phone_sealed, m.phone_tail, mi.openid AS mini_openid,
       oa.openid AS oa_openid, oa.follows
FROM unnest(($2::text)::uuid[]) AS w(id)
CROSS JOIN LATERAL (SELECT id, merged_into FROM members WHERE tenant_id = $1 AND members.id = w.id LIMIT 1) AS r
CROSS JOIN LATERAL (SELECT * FROM members WHERE tenant_id = $1 AND members.id = coalesce(r.merged_into, r.id) LIMIT 1) AS m
LEFT JOIN LATERAL (
  SELECT openid FROM identities i WHERE i.tenant_id = $1 AND i.member_id = m.id AND i.app_id = $3
  ORDER BY i.updated_at DESC LIMIT 1) AS mi ON true
LEFT JOIN LATERAL (
  SELECT openid, follows FROM identities i WHERE i.tenant_id = $1 AND i.member_id = m.id AND i.app_id = $4
  ORDER BY i.follows DESC, i.updated_at DESC LIMIT 1) AS oa ON true
"""


async def recipients(tx: Tx, member_ids: Sequence[UUID], *, mini_app: str, oa_app: str) -> dict[UUID, Any]:
    """Rows by the member asked for: name, card number, level, state, sealed phone, `mini_openid`, `oa_openid`, `follows`.

    `id` is another one for a record that was merged: the member who stays is meant.
    """
    rows = await tx.fetch(RECIPIENTS, tx.tenant_id, uuids(member_ids), mini_app, oa_app)
    return {row["asked"]: row for row in rows}


async def gone(tx: Tx, member_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these members who have left: no message goes to them any more."""
    rows = await tx.fetch(
        "SELECT m.id FROM unnest(($2::text)::uuid[]) AS w(id) CROSS JOIN LATERAL ("
        "  SELECT id, state FROM members x WHERE x.tenant_id = $1 AND x.id = w.id LIMIT 1) AS m "
        "WHERE m.state IN ('left', 'erased')",
        *(tx.tenant_id, uuids(member_ids)),
    )
    return {row["id"] for row in rows}


async def people(tx: Tx, member_ids: Collection[UUID]) -> dict[UUID, Any]:
    """Rows by member: `name`, `card_no` and the sealed phone (`phone_of`). Members who left are there too."""
    rows = await tx.fetch(
        "SELECT id, name, card_no, phone_sealed, phone_tail FROM members WHERE tenant_id = $1 AND id = ANY($2)",
        *(tx.tenant_id, sorted(member_ids)),
    )
    return {row["id"]: row for row in rows}


def is_mobile(phone: str) -> bool:
    """Whether an SMS can be sent to it: a mainland mobile number (S1-118)."""
    return PHONE.fullmatch(phone) is not None


async def accounts(tx: Tx, member_id: UUID) -> list[Any]:
    """A member's WeChat accounts: `app_id`, `openid`, `follows`."""
    return await tx.fetch(
        "SELECT app_id, openid, follows FROM identities WHERE tenant_id = $1 AND member_id = $2 ORDER BY app_id, openid LIMIT 100",
        *(tx.tenant_id, member_id),
    )

"""Messages of a member when the record as a whole changes hands or is erased."""

from collections.abc import Sequence
from uuid import UUID

from huida.kernel.db import Tx


async def hand_over(tx: Tx, *, source: UUID, target: UUID) -> int:
    """Make every message to the source one to the target: reports of what became of them find it. Returns how many."""
    return await tx.execute(
        "UPDATE deliveries SET member_id = $3 WHERE tenant_id = $1 AND member_id = $2 AND audience = 'member'",
        *(tx.tenant_id, source, target),
    )


async def hand_back(tx: Tx, *, source: UUID, target: UUID, records: Sequence[UUID]) -> int:
    """Make messages about facts of these records the target's again; returns how many.

    A fact names the record that it was about for ever, also when its message was written after the merge.
    """
    return await tx.execute(
        "UPDATE deliveries d SET member_id = $3 FROM facts f WHERE d.tenant_id = $1 AND d.member_id = $2 "
        "AND d.audience = 'member' AND f.tenant_id = $1 AND f.id = d.fact_id AND f.subject_id = ANY($4)",
        *(tx.tenant_id, source, target, list(records)),
    )


async def wipe(tx: Tx, member_ids: Sequence[UUID]) -> None:
    """Erase what messages said and where they went; that they were made stays."""
    await tx.execute(
        "UPDATE deliveries SET body = '', address = '' WHERE tenant_id = $1 AND member_id = ANY($2) AND audience = 'member'",
        *(tx.tenant_id, list(member_ids)),
    )


async def forget_accounts(tx: Tx, openids: Sequence[str]) -> None:
    """Erase what these WeChat accounts allowed; looks through all of them, so not in haste."""
    await tx.execute(
        "DELETE FROM subscribe_credits WHERE tenant_id = $1 AND openid = ANY($2)", tx.tenant_id, list(openids)
    )

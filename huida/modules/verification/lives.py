"""Passwords and codes of a member when the record as a whole changes hands or is erased."""

from collections.abc import Sequence
from uuid import UUID

from huida.kernel.db import Tx
from huida.modules.verification.service import PHONE


async def hand_over(tx: Tx, *, source: UUID, target: UUID) -> bool:
    """Give the source's password to a target that has none; True when it did."""
    return bool(
        await tx.execute(
            "UPDATE member_passwords SET member_id = $3 WHERE tenant_id = $1 AND member_id = $2 AND NOT EXISTS ("
            "  SELECT FROM member_passwords WHERE tenant_id = $1 AND member_id = $3)",
            *(tx.tenant_id, source, target),
        )
    )


async def hand_back(tx: Tx, *, source: UUID, target: UUID) -> None:
    """Give a password that was handed over back, with whatever it was changed to."""
    await tx.execute(
        "UPDATE member_passwords SET member_id = $3 WHERE tenant_id = $1 AND member_id = $2",
        *(tx.tenant_id, source, target),
    )


async def forget_password(tx: Tx, member_id: UUID) -> None:
    """Nobody logs in by this member's password any more."""
    await tx.execute("DELETE FROM member_passwords WHERE tenant_id = $1 AND member_id = $2", tx.tenant_id, member_id)


async def wipe(tx: Tx, member_ids: Sequence[UUID], phones: Sequence[str]) -> None:
    """Erase passwords, and codes that were asked for by these phones."""
    for member_id in member_ids:
        await forget_password(tx, member_id)
    hashes = [tx.sealer.blind_index(phone, purpose=PHONE) for phone in phones]
    await tx.execute(
        "DELETE FROM verification_codes WHERE tenant_id = $1 AND phone_hash = ANY($2)", tx.tenant_id, hashes
    )

"""Coupons of one record become another one's, and back; those of somebody who leaves are taken away."""

from collections.abc import Sequence
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.owners import count_rows, hand_rows, return_rows
from huida.modules.coupons.facts import CouponVoided


async def hand_over(tx: Tx, *, source: UUID, target: UUID) -> list[UUID]:
    """Make every coupon of the source the target's, used ones too; returns their ids.

    The target may have more of a template than one member is given: nothing is taken away, no more is given.
    """
    ids = await hand_rows(tx, "coupons", source=source, target=target)
    await _count_anew(tx, source, target)
    return ids


async def hand_back(tx: Tx, coupon_ids: Sequence[UUID], *, source: UUID, target: UUID) -> None:
    """Make what was handed over the target's again, in whatever state it is now."""
    await return_rows(tx, "coupons", coupon_ids, source=source, target=target)
    await _count_anew(tx, source, target)


async def _count_anew(tx: Tx, *member_ids: UUID) -> None:
    """`coupon_holders` is a count of the coupons; here it is counted."""
    # By template too: the key of the counts begins with it.
    await tx.execute(
        "DELETE FROM coupon_holders h USING (SELECT DISTINCT template_id FROM coupons "
        "  WHERE tenant_id = $1 AND member_id = ANY($2)) t "
        "WHERE h.tenant_id = $1 AND h.template_id = t.template_id AND h.member_id = ANY($2)",
        *(tx.tenant_id, list(member_ids)),
    )
    await tx.execute(
        "INSERT INTO coupon_holders (tenant_id, template_id, member_id, issued) SELECT tenant_id, template_id, member_id, count(*) "
        "FROM coupons WHERE tenant_id = $1 AND member_id = ANY($2) GROUP BY 1, 2, 3",
        *(tx.tenant_id, list(member_ids)),
    )


async def how_many_open(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many unused coupons each of these members has."""
    return await count_rows(tx, "coupons", member_ids, "state = 'issued'")


async def void_all(tx: Tx, member_id: UUID, *, reason: str) -> int:
    """Take every unused coupon away, one fact each; returns how many."""
    rows = await tx.fetch(
        "UPDATE coupons SET state = 'void', closed_at = $3, reason = $4 WHERE tenant_id = $1 AND member_id = $2 "
        "AND state = 'issued' RETURNING id, code",
        *(tx.tenant_id, member_id, tx.now, reason),
    )
    for row in rows:
        tx.emit(CouponVoided(subject_id=member_id, coupon_id=row["id"], code=row["code"], reason=reason))
    return len(rows)

"""Reads of coupons for tills, members and the console. Every list is a keyset page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import NotFound
from huida.modules.coupons.rules import Coupon, normal_code


def coupon_of(row: Any) -> Coupon:
    """A coupon from its row."""
    return Coupon(
        id=row["id"],
        template_id=row["template_id"],
        member_id=row["member_id"],
        code=row["code"],
        name=row["name"],
        state=row["state"],
        issued_at=row["issued_at"],
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        used_at=row["used_at"],
        store_code=row["store_code"],
        order_ref=row["order_ref"],
        reason=row["reason"],
        off_fen=row["off_fen"],
    )


async def by_code(tx: Tx, code: str) -> Coupon:
    """The coupon of a code as people type it. Raises Invalid for a mistyped one, NotFound."""
    row = await tx.row("SELECT * FROM coupons WHERE tenant_id = $1 AND code = $2", tx.tenant_id, normal_code(code))
    if row is None:
        raise NotFound(code="coupon.not_found", where="code")
    return coupon_of(row)


async def get(tx: Tx, coupon_id: UUID) -> Coupon:
    """One coupon. Raises NotFound."""
    row = await tx.row("SELECT * FROM coupons WHERE tenant_id = $1 AND id = $2", tx.tenant_id, coupon_id)
    if row is None:
        raise NotFound(code="coupon.not_found", where="coupon_id")
    return coupon_of(row)


async def of_member(
    tx: Tx, member_id: UUID, *, state: str | None = None, limit: int, after: UUID | None = None
) -> list[Coupon]:
    """A member's coupons, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM coupons WHERE tenant_id = $1 AND member_id = $2 AND ($3::text IS NULL OR state = $3) "
        "AND ($4::uuid IS NULL OR id < $4) ORDER BY id DESC LIMIT $5",
        *(tx.tenant_id, member_id, state, after, limit),
    )
    return [coupon_of(row) for row in rows]


async def of_template(
    tx: Tx, template_id: UUID, *, state: str | None = None, limit: int, after: UUID | None = None
) -> list[Coupon]:
    """A template's coupons, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM coupons WHERE tenant_id = $1 AND template_id = $2 AND ($3::text IS NULL OR state = $3) "
        "AND ($4::uuid IS NULL OR id < $4) ORDER BY id DESC LIMIT $5",
        *(tx.tenant_id, template_id, state, after, limit),
    )
    return [coupon_of(row) for row in rows]


async def templates(tx: Tx, *, state: str | None = None, limit: int, after: UUID | None = None) -> list[Any]:
    """Templates, newest first."""
    return await tx.fetch(
        "SELECT * FROM coupon_templates WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) "
        "AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        *(tx.tenant_id, state, after, limit),
    )


async def templates_of(tx: Tx, coupons: Sequence[Coupon]) -> dict[UUID, Any]:
    """The templates of these coupons by id."""
    rows = await tx.fetch(
        "SELECT * FROM coupon_templates WHERE tenant_id = $1 AND id = ANY($2)",
        *(tx.tenant_id, sorted({coupon.template_id for coupon in coupons})),
    )
    return {row["id"]: row for row in rows}


async def offered(tx: Tx, member_id: UUID, *, limit: int = 50) -> list[Any]:
    """Templates that members may claim now, with how many this member has taken (`taken`)."""
    return await tx.fetch(
        "SELECT t.*, coalesce(h.issued, 0) AS taken FROM coupon_templates t "
        "LEFT JOIN coupon_holders h ON h.tenant_id = t.tenant_id AND h.template_id = t.id AND h.member_id = $2 "
        "WHERE t.tenant_id = $1 AND t.state = 'on' AND t.claimable AND (t.valid_to IS NULL OR t.valid_to >= $3) "
        "ORDER BY t.id DESC LIMIT $4",
        *(tx.tenant_id, member_id, tx.today, limit),
    )


async def taken(tx: Tx, template_id: UUID, member_id: UUID) -> int:
    """How many of a template a member was given."""
    count: int | None = await tx.value(
        "SELECT issued FROM coupon_holders WHERE tenant_id = $1 AND template_id = $2 AND member_id = $3",
        *(tx.tenant_id, template_id, member_id),
    )
    return count or 0


async def used_between(tx: Tx, *, since: datetime, until: datetime) -> int:
    """How many coupons were used in a span: the measure of redemption (S1-07)."""
    return int(
        await tx.value(
            "SELECT count(*) FROM coupons WHERE tenant_id = $1 AND state = 'used' AND used_at >= $2 AND used_at < $3",
            *(tx.tenant_id, since, until),
        )
    )


async def owner_of(tx: Tx, coupon_id: UUID) -> UUID | None:
    """Whose coupon this is; None when there is none."""
    found: UUID | None = await tx.value(
        "SELECT member_id FROM coupons WHERE tenant_id = $1 AND id = $2", tx.tenant_id, coupon_id
    )
    return found

"""Templates: create, change, put on, take off. The promise of a template is fixed once it was on."""

from dataclasses import asdict, fields, replace
from typing import Any
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, move
from huida.kernel.ids import uuid7
from huida.modules.coupons.models import TEMPLATE_MOVES
from huida.modules.coupons.rules import Terms, check_terms

ALWAYS_OPEN = frozenset({"name", "note", "total", "per_member", "claimable"})
"""What may change while coupons are out; the worth and the validity may not."""


async def create_template(tx: Tx, terms: Terms) -> UUID:
    """Draft a template. Raises Invalid, naming the field."""
    check_terms(terms)
    template_id = uuid7()
    await tx.execute(
        "INSERT INTO coupon_templates (tenant_id, id, name, note, kind, amount_fen, threshold_fen, discount_bp, total, "
        "per_member, valid_from, valid_to, valid_days, claimable, alone, per_order, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)",
        *(tx.tenant_id, template_id, terms.name.strip(), terms.note, terms.kind, terms.amount_fen, terms.threshold_fen),
        *(terms.discount_bp, terms.total, terms.per_member, terms.valid_from, terms.valid_to, terms.valid_days),
        *(terms.claimable, terms.alone, terms.per_order, tx.now),
    )
    return template_id


async def get_template(tx: Tx, template_id: UUID) -> Any:
    """The template's row. Raises NotFound."""
    row = await tx.row("SELECT * FROM coupon_templates WHERE tenant_id = $1 AND id = $2", tx.tenant_id, template_id)
    if row is None:
        raise NotFound(code="coupon.template_not_found", where="template_id")
    return row


async def update_template(tx: Tx, template_id: UUID, changes: dict[str, Any]) -> None:
    """Change a template; of one that was on, only name, note, stock, limit and whether members may claim it.

    Raises NotFound, Invalid, Conflict (fixed field, or a stock below what was given out).
    """
    row = await lock_template(tx, template_id)
    before = Terms(**{each.name: row[each.name] for each in fields(Terms)})
    after = replace(before, **changes)
    changed = {name for name, value in asdict(after).items() if value != getattr(before, name)}
    if row["state"] != "draft" and changed - ALWAYS_OPEN:
        raise Conflict(code="coupon.terms_fixed", where=min(changed - ALWAYS_OPEN))
    check_terms(after)
    if after.total < row["issued"]:
        raise Invalid(code="coupon.total_below_issued", where="total", issued=row["issued"])
    await tx.execute(
        "UPDATE coupon_templates SET name = $3, note = $4, kind = $5, amount_fen = $6, threshold_fen = $7, "
        "discount_bp = $8, total = $9, per_member = $10, valid_from = $11, valid_to = $12, valid_days = $13, "
        "claimable = $14, alone = $15, per_order = $16, updated_at = $17 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, template_id, after.name.strip(), after.note, after.kind, after.amount_fen),
        *(after.threshold_fen, after.discount_bp, after.total, after.per_member, after.valid_from, after.valid_to),
        *(after.valid_days, after.claimable, after.alone, after.per_order, tx.now),
    )


async def put_on(tx: Tx, template_id: UUID) -> None:
    """Offer the template. Raises NotFound, WrongState."""
    await _set_state(tx, template_id, "on")


async def take_off(tx: Tx, template_id: UUID) -> None:
    """Stop giving coupons of it; those that are out stay good. Raises NotFound, WrongState."""
    await _set_state(tx, template_id, "off")


async def _set_state(tx: Tx, template_id: UUID, target: str) -> None:
    row = await lock_template(tx, template_id)
    await tx.execute(
        "UPDATE coupon_templates SET state = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, template_id, move(row["state"], target, TEMPLATE_MOVES), tx.now),
    )


async def lock_template(tx: Tx, template_id: UUID) -> Any:
    """The template's row, locked: whoever gives or changes waits for its turn. Raises NotFound."""
    row = await tx.row(
        "SELECT * FROM coupon_templates WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.tenant_id, template_id
    )
    if row is None:
        raise NotFound(code="coupon.template_not_found", where="template_id")
    return row

"""What was recorded before: a repeated call gets its first answer, whatever has become of store and member since (B-09)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules import tenants
from huida.modules.orders.rows import Outcome, PurchaseIn, RechargeIn
from huida.modules.orders.who import print_of

Keys = Sequence[tuple[UUID, str]]

PURCHASES = """
SELECT p.id, p.store_id, p.till_no, p.member_id, p.total_fen, p.balance_fen, p.balance_after_fen, p.who,
       coalesce(ripe.amount, 0) AS points, ripe.balance_after AS points_after, coalesce(unripe.amount, 0) AS pending
FROM unnest($2::uuid[], $3::text[]) AS k(store_id, till_no)
CROSS JOIN LATERAL (
  SELECT * FROM purchases x WHERE x.tenant_id = $1 AND x.store_id = k.store_id AND x.till_no = k.till_no LIMIT 1) AS p
LEFT JOIN LATERAL (
  SELECT t.amount, t.balance_after FROM ledger_transfers t WHERE t.tenant_id = $1 AND t.source_id = p.id
  AND t.source_type = 'purchase' AND t.unit = 'points' LIMIT 1) AS ripe ON true
LEFT JOIN LATERAL (
  SELECT t.amount FROM ledger_transfers t WHERE t.tenant_id = $1 AND t.source_id = p.id
  AND t.source_type = 'purchase' AND t.unit = 'points_pending' LIMIT 1) AS unripe ON true
"""


async def purchases_before(tx: Tx, keys: Keys) -> dict[tuple[UUID, str], Row]:
    """What is recorded under these keys (store, till number)."""
    if not keys:
        return {}
    rows = await tx.fetch(PURCHASES, tx.tenant_id, [store for store, _ in keys], [till_no for _, till_no in keys])
    return {(row["store_id"], row["till_no"]): row for row in rows}


def answer_purchase(tx: Tx, known: Row, row: PurchaseIn, member_id: UUID | None) -> Outcome:
    """The first answer again; a refusal when the key was used for another member or amount."""
    if (known["total_fen"], known["balance_fen"]) != (row.total_fen, row.balance_fen) or not is_same(
        tx, known, row, member_id
    ):
        return Outcome(status="refused", till_no=row.till_no, error=reused(row.till_no))
    return Outcome(
        status="repeated",
        till_no=row.till_no,
        id=known["id"],
        points=known["points"],
        points_pending=known["pending"] or None,
        points_after=known["points_after"],
        balance_after_fen=known["balance_after_fen"],
    )


def is_same(tx: Tx, known: Row, row: PurchaseIn | RechargeIn, member_id: UUID | None) -> bool:
    """Whether a row names the member of the record: in the same words as then, or whoever they mean today."""
    if member_id is not None and known["member_id"] == member_id:
        return True
    return known["who"] is not None and bytes(known["who"]) == print_of(tx, row)


def reused(till_no: str) -> Conflict:
    """The key stands for something else already."""
    return Conflict(code="orders.till_no_reused", where="till_no", till_no=till_no)


def open_store(stores: Mapping[str, tenants.StoreRef], code: str, *, occurred_at: datetime | None) -> tenants.StoreRef:
    """The store of a report: one that is open, or was when it happened. Raises NotFound."""
    store = stores.get(code)
    if store is None or (store.closed_at is not None and (occurred_at is None or occurred_at >= store.closed_at)):
        raise NotFound(code="store.not_found", where="store")
    return store


async def owner_of(tx: Tx, thing_id: UUID) -> UUID | None:
    """Whose purchase, recharge, reversal or refund this is; None when there is none."""
    found: UUID | None = await tx.value(
        "SELECT member_id FROM purchases WHERE tenant_id = $1 AND id = $2 "
        "UNION ALL SELECT member_id FROM recharges WHERE tenant_id = $1 AND id = $2 "
        "UNION ALL SELECT member_id FROM refunds WHERE tenant_id = $1 AND id = $2 "
        "UNION ALL SELECT r.member_id FROM recharge_reversals v "
        "  JOIN recharges r ON r.tenant_id = v.tenant_id AND r.id = v.recharge_id WHERE v.tenant_id = $1 AND v.id = $2 LIMIT 1",
        *(tx.tenant_id, thing_id),
    )
    return found

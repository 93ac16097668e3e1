"""Refunds: money goes back the way it came, points that the purchase gave are taken back in proportion."""

from typing import Any

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound
from huida.kernel.ids import uuid7
from huida.modules import ledger, members, tenants
from huida.modules.ledger import Entry, Move
from huida.modules.orders import rows as pure
from huida.modules.orders.facts import PurchaseRefunded
from huida.modules.orders.rows import Outcome, RefundIn


async def record_refund(tx: Tx, row: RefundIn) -> Outcome:
    """Refund part or all of a purchase.

    Stored value gets back its share (principal and gift in the proportion they paid), points their share, but never
    more than the member still has. Raises NotFound (no such purchase), Conflict (more than is left to refund).
    """
    pure.check_refund(row)
    store = (await tenants.stores_by_code(tx)).get(row.store)
    if store is None:
        raise NotFound(code="store.not_found", where="store")
    occurred_at = pure.check_time(row.occurred_at, tx.now)
    bought: Any = await tx.row(
        "SELECT * FROM purchases WHERE tenant_id = $1 AND store_id = $2 AND till_no = $3 FOR UPDATE",
        *(tx.tenant_id, store.id, row.purchase_till_no),
    )
    if bought is None:
        raise NotFound(code="orders.purchase_not_found", where="purchase_till_no")
    refund_id = uuid7()
    took = await tx.execute(
        "INSERT INTO refunds (tenant_id, id, store_id, till_no, purchase_id, member_id, amount_fen, balance_fen, points, occurred_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8) ON CONFLICT (tenant_id, store_id, till_no) DO NOTHING",
        *(
            tx.tenant_id,
            refund_id,
            store.id,
            row.till_no,
            bought["id"],
            bought["member_id"],
            row.amount_fen,
            occurred_at,
        ),
    )
    if not took:
        return await _before(tx, store.id, row, bought["id"])
    already: int = bought["refunded_fen"]
    total: int = bought["total_fen"]
    if already + row.amount_fen > total:
        raise Conflict(code="orders.refund_too_large", where="amount_fen", left_fen=total - already)

    def share(part: int) -> int:
        """What this refund takes of a part, so that all refunds together take exactly the part."""
        return part * (already + row.amount_fen) // total - part * already // total

    balance = share(bought["balance_fen"])
    principal = share(bought["principal_fen"])
    wallet = await ledger.lock(tx, [bought["member_id"]])
    points = min(share(bought["points"]), wallet.get((bought["member_id"], "points"), 0))
    who = bought["member_id"]
    moves = [
        Move(who, unit, amount, contra, "refund")
        for unit, amount, contra in (
            ("cny_principal", principal, "sales"),
            ("cny_gift", balance - principal, "sales"),
            ("points", -points, "points_issued"),
        )
        if amount
    ]
    if moves:
        await ledger.move(tx, Entry("refund", refund_id, tuple(moves)))
    await tx.execute(
        "UPDATE purchases SET refunded_fen = refunded_fen + $3 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, bought["id"], row.amount_fen),
    )
    await tx.execute(
        "UPDATE refunds SET balance_fen = $3, points = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, refund_id, balance, points),
    )
    now = (await ledger.balances(tx, [who]))[who]
    after = now.get("cny_principal", 0) + now.get("cny_gift", 0)
    tx.emit(
        PurchaseRefunded(
            subject_id=who,
            refund_id=refund_id,
            purchase_id=bought["id"],
            store_code=store.code,
            store_name=store.name,
            till_no=row.till_no,
            card_no=(await members.get(tx, who))["card_no"],
            amount_fen=row.amount_fen,
            balance_fen=balance,
            points=-points,
            points_after=now.get("points", 0) if points else None,
            balance_after_fen=after if balance else None,
            occurred_at=occurred_at,
        )
    )
    return Outcome(
        status="recorded",
        till_no=row.till_no,
        id=refund_id,
        points=-points,
        points_after=now.get("points", 0),
        balance_after_fen=after,
    )


async def _before(tx: Tx, store_id: Any, row: RefundIn, purchase_id: Any) -> Outcome:
    known: Any = await tx.row(
        "SELECT id, purchase_id, amount_fen, points FROM refunds WHERE tenant_id = $1 AND store_id = $2 AND till_no = $3",
        *(tx.tenant_id, store_id, row.till_no),
    )
    if (known["purchase_id"], known["amount_fen"]) != (purchase_id, row.amount_fen):
        raise Conflict(code="orders.till_no_reused", where="till_no", till_no=row.till_no)
    return Outcome(status="repeated", till_no=row.till_no, id=known["id"], points=-known["points"])

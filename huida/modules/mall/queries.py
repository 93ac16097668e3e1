"""Reads of the mall for screens, buyers and other systems. Every list is a keyset page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Invalid, NotFound
from huida.kernel.lists import Where, fetch
from huida.modules import ledger, members
from huida.modules.mall.models import SOURCE
from huida.modules.mall.orders import PHONE
from huida.modules.mall.rules import LINES_MOST, PARCELS_MOST

ORDERS_MOST: Final = 250
"""As many orders as `parts` reads whole: each has at most twenty lines and twenty parcels."""
PARTS_MOST: Final = ORDERS_MOST * max(LINES_MOST, PARCELS_MOST)
ORDERS: Final = (
    "SELECT o.*, (SELECT l.picture FROM mall_order_lines l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id "
    "AND l.place = 0) AS picture FROM mall_orders o"
)
OWED: Final = "state = 'closed' AND paid_at IS NOT NULL AND refunded_fen < total_fen"
"""Money came for an order that is closed, and neither went back nor is on its way: people have to give it back."""
PRODUCTS: Final = """
SELECT p.id, p.title, p.pictures, p.state, p.updated_at, s.price_from, s.price_to, s.stock, s.skus FROM mall_products p
JOIN LATERAL (SELECT min(price_fen) AS price_from, max(price_fen) AS price_to, sum(stock)::bigint AS stock,
                     count(*) AS skus FROM mall_skus s
              WHERE s.tenant_id = p.tenant_id AND s.product_id = p.id AND NOT s.gone) s ON true
WHERE p.tenant_id = $1 AND ($2::text IS NULL OR p.state = $2) AND ($3::uuid IS NULL OR p.id < $3)
  AND ($5 = '' OR strpos(lower(p.title), lower($5)) > 0) ORDER BY p.id DESC LIMIT $4
"""


async def products(tx: Tx, *, state: str | None, before: UUID | None, limit: int, q: str = "") -> list[Row]:
    """Products, newest first, with their price range and stock; `q` is a part of the title."""
    return await tx.fetch(PRODUCTS, tx.tenant_id, state, before, limit, q.strip())


async def product(tx: Tx, product_id: UUID) -> tuple[Row, list[Row]]:
    """A product and its combinations. Raises NotFound."""
    row = await tx.row("SELECT * FROM mall_products WHERE tenant_id = $1 AND id = $2", tx.tenant_id, product_id)
    if row is None:
        raise NotFound(code="mall.product_not_found", where="product_id")
    skus = await tx.fetch(
        "SELECT * FROM mall_skus WHERE tenant_id = $1 AND product_id = $2 AND NOT gone ORDER BY place LIMIT 200",
        *(tx.tenant_id, product_id),
    )
    return row, skus


async def search_orders(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None,
    q: str = "",
    state: str | None = None,
    member_id: UUID | None = None,
    owed: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Row]:
    """The mall's orders (X-14), newest first. `q` is a whole order number, a whole phone or a receiver's whole name."""
    where = Where(tx.tenant_id)
    where.equal(source=SOURCE, state=state, member_id=member_id)
    if before is not None:
        where.add("id < {}", before)
    if owed:
        where.add(OWED)
    if since is not None:
        where.add("created_at >= {}", since)
    if until is not None:
        where.add("created_at < {}", until)
    q = q.strip()
    if q:
        phone = _phone_hash(tx, q)
        if phone is not None:
            where.add("phone_hash = {}", phone)
        elif q.isdecimal():
            where.add("order_no = {}", q)
        else:
            where.add("receiver = {}", q)
    return await fetch(tx, ORDERS, where, "id DESC", limit)


def _phone_hash(tx: Tx, text: str) -> bytes | None:
    try:
        return tx.sealer.blind_index(members.fold_phone(text), purpose=PHONE)
    except Invalid:
        return None


async def order(tx: Tx, order_id: UUID) -> Row:
    """One order with its first picture. Raises NotFound."""
    row = await tx.row(f"{ORDERS} WHERE o.tenant_id = $1 AND o.id = $2", tx.tenant_id, order_id)
    if row is None:
        raise NotFound(code="mall.order_not_found", where="order_id")
    return row


async def order_by_no(tx: Tx, order_no: str) -> Row:
    """One order by the number that people read. Raises NotFound."""
    row = await tx.row(
        f"{ORDERS} WHERE o.tenant_id = $1 AND o.order_no = $2 AND o.source = $3", tx.tenant_id, order_no, SOURCE
    )
    if row is None:
        raise NotFound(code="mall.order_not_found", where="order_no")
    return row


async def parts(tx: Tx, order_ids: Sequence[UUID]) -> dict[str, dict[UUID, list[Row]]]:
    """Lines, parcels and refunds of orders, by order; enough for `ORDERS_MOST` orders at a time."""
    assert len(order_ids) <= ORDERS_MOST
    found: dict[str, dict[UUID, list[Row]]] = {}
    for name, table, order in (
        ("lines", "mall_order_lines", "place"),
        ("parcels", "mall_shipments", "id"),
        ("refunds", "mall_refunds", "id"),
    ):
        rows = await tx.fetch(
            f"SELECT * FROM {table} WHERE tenant_id = $1 AND order_id = ANY($2) ORDER BY order_id, {order} LIMIT {PARTS_MOST}",
            *(tx.tenant_id, list(order_ids)),
        )
        by_order: dict[UUID, list[Row]] = {order_id: [] for order_id in order_ids}
        for row in rows:
            by_order[row["order_id"]].append(row)
        found[name] = by_order
    return found


async def waiting(tx: Tx) -> tuple[int, int, int]:
    """How many orders wait to be sent, withdrawals to be decided, closed orders to be paid back (up to a thousand each)."""
    counts: list[Any] = [
        await tx.value(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE tenant_id = $1 AND {what} LIMIT 1000) t", tx.tenant_id
        )
        for table, what in (
            ("mall_orders", "state = 'paid'"),
            ("mall_withdrawals", "state = 'asked'"),
            ("mall_orders", OWED),
        )
    ]
    return counts[0], counts[1], counts[2]


async def withdrawals(
    tx: Tx, *, state: str | None = None, member_id: UUID | None = None, before: UUID | None, limit: int
) -> list[Row]:
    """Withdrawals, newest first."""
    where = Where(tx.tenant_id)
    where.equal(state=state, member_id=member_id)
    if before is not None:
        where.add("id < {}", before)
    return await fetch(tx, "SELECT * FROM mall_withdrawals", where, "id DESC", limit)


async def recharges(
    tx: Tx, *, state: str | None = None, member_id: UUID | None = None, before: UUID | None, limit: int
) -> list[Row]:
    """Recharges online, newest first."""
    where = Where(tx.tenant_id)
    where.equal(state=state, member_id=member_id)
    if before is not None:
        where.add("id < {}", before)
    return await fetch(tx, "SELECT * FROM mall_recharges", where, "id DESC", limit)


async def recharge(tx: Tx, recharge_id: UUID, member_id: UUID) -> Row:
    """The member's own recharge. Raises NotFound."""
    row = await tx.row(
        "SELECT * FROM mall_recharges WHERE tenant_id = $1 AND id = $2 AND member_id = $3",
        *(tx.tenant_id, recharge_id, member_id),
    )
    if row is None:
        raise NotFound(code="mall.recharge_not_found", where="recharge_id")
    return row


async def names(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Name, card number and state of members."""
    return await members.recipients(tx, list(set(member_ids)), mini_app="", oa_app="")


@dataclass(frozen=True, slots=True)
class Payee:
    """A member who wants money back: who it is, the gift that stays, and the last recharge."""

    person: Row
    gift_fen: int
    recharge: Row | None


async def payees(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, Payee]:
    """What staff look at before they pay out."""
    wanted = list(set(member_ids))
    balances = await ledger.balances(tx, wanted)
    last = await ledger.last_of(tx, wanted, source_type="recharge", unit="cny_principal", beside="cny_gift")
    return {
        member_id: Payee(person, balances[member_id].get("cny_gift", 0), last.get(member_id))
        for member_id, person in (await names(tx, wanted)).items()
    }


async def stored_value(tx: Tx, member_id: UUID) -> int:
    """Principal and gift together."""
    found = (await ledger.balances(tx, [member_id]))[member_id]
    return found.get("cny_principal", 0) + found.get("cny_gift", 0)


async def stock(tx: Tx, *, before: UUID | None, limit: int) -> list[Row]:
    """Combinations that have a code, newest first."""
    return await tx.fetch(
        "SELECT s.*, p.title, p.specs, p.state FROM mall_skus s "
        "JOIN mall_products p ON p.tenant_id = s.tenant_id AND p.id = s.product_id "
        "WHERE s.tenant_id = $1 AND s.code <> '' AND NOT s.gone AND ($2::uuid IS NULL OR s.id < $2) "
        "ORDER BY s.id DESC LIMIT $3",
        *(tx.tenant_id, before, limit),
    )


async def owner_of(tx: Tx, thing_id: UUID) -> UUID | None:
    """Whose order, refund, withdrawal or recharge this is; None when there is none."""
    found: UUID | None = await tx.value(
        "SELECT member_id FROM mall_orders WHERE tenant_id = $1 AND id = $2 "
        "UNION ALL SELECT o.member_id FROM mall_refunds r JOIN mall_orders o ON o.tenant_id = r.tenant_id AND o.id = r.order_id "
        "  WHERE r.tenant_id = $1 AND r.id = $2 "
        "UNION ALL SELECT member_id FROM mall_withdrawals WHERE tenant_id = $1 AND id = $2 "
        "UNION ALL SELECT member_id FROM mall_recharges WHERE tenant_id = $1 AND id = $2 LIMIT 1",
        *(tx.tenant_id, thing_id),
    )
    return found

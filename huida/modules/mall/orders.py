"""Orders: submitted with their stock in one transaction, then paid, or closed with the stock back exactly once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.db import Row, Tx, columns
from huida.kernel.errors import Conflict, Invalid, NotFound, WrongState
from huida.kernel.ids import uuid7
from huida.kernel.money import yuan
from huida.kernel.secrets import Secret
from huida.modules import members, payments
from huida.modules.mall import rules
from huida.modules.mall.facts import OrderClosed, OrderCompleted, OrderPaid, OrderSubmitted
from huida.modules.mall.models import SOURCE
from huida.modules.mall.service import require_open
from huida.modules.payments import PaymentSucceeded

PHONE: Final = "mall.phone"
PAYS_ORDER: Final = "mall_order"
CLOSE_UNPAID: Final = "mall.close_unpaid"
OVER: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Wanted:
    sku_id: UUID
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIn:
    """What a buyer asks for; `total_fen` is what the page showed, so that nobody pays a price they did not see."""

    lines: tuple[Wanted, ...]
    total_fen: int
    receiver: str
    phone: str
    address: str
    note: str = ""


TAKE_STOCK: Final = """
UPDATE mall_skus s SET stock = s.stock - w.count FROM unnest($2::uuid[], $3::int[]) AS w(id, count)
WHERE s.tenant_id = $1 AND s.id = w.id AND NOT s.gone AND s.stock >= w.count
"""
OFFERED: Final = """
SELECT s.id, s.product_id, s.code, s.spec_values, s.price_fen, s.stock, p.title, p.specs, p.pictures FROM mall_skus s
JOIN mall_products p ON p.tenant_id = s.tenant_id AND p.id = s.product_id AND p.state = 'on'
WHERE s.tenant_id = $1 AND s.id = ANY($2) AND NOT s.gone ORDER BY s.id FOR NO KEY UPDATE OF s
"""
LOCK_SKUS: Final = """
SELECT s.id FROM mall_skus s WHERE s.tenant_id = $1 AND s.id IN (
  SELECT l.sku_id FROM mall_order_lines l JOIN mall_orders o ON o.tenant_id = l.tenant_id AND o.id = l.order_id
  WHERE l.tenant_id = $1 AND l.order_id = ANY($2) AND o.stock_taken AND o.state IN ('submitted', 'paid'))
ORDER BY s.id FOR NO KEY UPDATE OF s
"""
GIVE_BACK: Final = """
UPDATE mall_skus s SET stock = s.stock + l.count FROM mall_order_lines l
WHERE l.tenant_id = $1 AND l.order_id = $2 AND s.tenant_id = $1 AND s.id = l.sku_id
"""


async def submit(tx: Tx, member_id: UUID, given: OrderIn, *, key: str) -> UUID:
    """Place an order: its stock is taken at once and waits thirty minutes for the payment. The same key is the same order.

    Raises Forbidden without the mall, Invalid, NotFound (no longer offered), Conflict (`mall.sold_out`,
    `mall.price_changed`, `mall.too_many_unpaid`, `member.not_active`, `payments.not_set_up`), and Invalid
    `idempotency.mismatch` for a key of another order.
    """
    await require_open(tx)
    await members.require_active(tx, member_id)
    phone = _check(given)
    if not await payments.is_set_up(tx):
        raise Conflict(code="payments.not_set_up")
    digest = hashlib.sha256(msgspec.json.encode([msgspec.to_builtins(given), phone])).digest()
    known = await _submitted_before(tx, member_id, key, digest)
    if known is not None:
        return known
    await one_at_a_time(tx, member_id)
    known = await _submitted_before(tx, member_id, key, digest)
    if known is not None:
        return known
    await _check_unpaid(tx, member_id)
    counts = {line.sku_id: line.count for line in given.lines}
    # Locked in the order of their ids: what follows reads what the buyer before has committed, and nobody waits in a ring.
    offered = {row["id"]: row for row in await tx.fetch(OFFERED, tx.tenant_id, list(counts))}
    if len(offered) < len(counts):
        raise NotFound(code="mall.not_offered", where="items")
    total = sum(offered[line.sku_id]["price_fen"] * line.count for line in given.lines)
    if total != given.total_fen:
        raise Conflict(code="mall.price_changed", where="total_fen", total=yuan(total))
    if total > rules.TOTAL_MOST_FEN:
        raise Invalid(code="mall.bad_amount", where="items")
    if await tx.execute(TAKE_STOCK, tx.tenant_id, list(counts), list(counts.values())) < len(counts):
        short = next(row for row in offered.values() if row["stock"] < counts[row["id"]])
        raise Conflict(code="mall.sold_out", where="items", title=short["title"], left=short["stock"])
    return await _write(tx, member_id, given, key=key, digest=digest, phone=phone, total=total, offered=offered)


async def one_at_a_time(tx: Tx, member_id: UUID) -> None:
    """Wait until no other transaction places an order of this member; taken before any stock is locked."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"mall/{tx.tenant_id}/{member_id}")


async def _check_unpaid(tx: Tx, member_id: UUID) -> None:
    """Nobody holds the stock of the whole shop without paying. Exact, because a member's orders are placed one at a time."""
    unpaid = await tx.value(
        "SELECT count(*) FROM mall_orders WHERE tenant_id = $1 AND member_id = $2 AND state = 'submitted'",
        *(tx.tenant_id, member_id),
    )
    if unpaid >= rules.UNPAID_MOST:
        raise Conflict(code="mall.too_many_unpaid", most=rules.UNPAID_MOST)


async def _submitted_before(tx: Tx, member_id: UUID, key: str, digest: bytes) -> UUID | None:
    row = await tx.row(
        "SELECT id, digest FROM mall_orders WHERE tenant_id = $1 AND member_id = $2 AND key = $3",
        *(tx.tenant_id, member_id, key),
    )
    if row is None:
        return None
    if bytes(row["digest"]) != digest:
        raise Invalid(code="idempotency.mismatch", where="Idempotency-Key")
    found: UUID = row["id"]
    return found


def _check(given: OrderIn) -> str:
    """The receiver's phone in its digits. Raises Invalid."""
    if not 1 <= len(given.lines) <= rules.LINES_MOST or len({line.sku_id for line in given.lines}) != len(given.lines):
        raise Invalid(code="mall.bad_lines", where="items", most=rules.LINES_MOST)
    for number, line in enumerate(given.lines):
        if not 1 <= line.count <= rules.COUNT_MOST:
            raise Invalid(code="mall.bad_count", where=f"items/{number}/count", most=rules.COUNT_MOST)
    for name, least, most in (("receiver", 1, 20), ("address", 5, 120), ("note", 0, 100)):
        if not least <= len(getattr(given, name).strip()) <= most:
            raise Invalid(code=f"mall.bad_{name}", where=name)
    return members.fold_phone(given.phone)


async def _write(
    tx: Tx,
    member_id: UUID,
    given: OrderIn,
    *,
    key: str,
    digest: bytes,
    phone: str,
    total: int,
    offered: dict[UUID, Row],
) -> UUID:
    order_id, count = uuid7(), sum(line.count for line in given.lines)
    pay_until = tx.now + rules.PAY_WITHIN
    goods = rules.goods([offered[line.sku_id]["title"] for line in given.lines], count)
    order_no = rules.number(tx.today)
    if not await tx.execute(
        "INSERT INTO mall_orders (tenant_id, id, order_no, key, digest, source, member_id, total_fen, goods, count, receiver, "
        "phone_sealed, phone_hash, address, note, pay_until, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) "
        "ON CONFLICT (tenant_id, member_id, key) DO NOTHING",
        *(
            tx.tenant_id,
            order_id,
            order_no,
            key,
            digest,
            SOURCE,
            member_id,
            total,
            goods,
            count,
            given.receiver.strip(),
        ),
        *(tx.sealer.seal(Secret(phone), purpose=PHONE), tx.sealer.blind_index(phone, purpose=PHONE)),
        *(given.address.strip(), given.note.strip(), pay_until, tx.now),
    ):
        raise Conflict(code="mall.busy")  # the same key at this very moment, for other things
    lines = [(place, line, offered[line.sku_id]) for place, line in enumerate(given.lines)]
    await tx.execute(
        "INSERT INTO mall_order_lines (tenant_id, order_id, place, sku_id, product_id, code, title, spec, picture, price_fen, "
        "count) SELECT $1, $2, * FROM unnest($3::smallint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], "
        "$9::text[], $10::bigint[], $11::int[])",
        *(tx.tenant_id, order_id),
        *columns([(place, row["id"], row["product_id"], row["code"], row["title"], _spec(row), _first_picture(row),
                   row["price_fen"], line.count) for place, line, row in lines], 9),
    )  # fmt: skip
    tx.enqueue(CLOSE_UNPAID, {"order_id": str(order_id)}, lane=order_id, due=pay_until + OVER)
    tx.emit(
        OrderSubmitted(
            subject_id=member_id,
            order_id=order_id,
            order_no=order_no,
            goods=goods,
            count=count,
            total_fen=total,
            receiver=given.receiver.strip(),
            pay_until=pay_until,
            occurred_at=tx.now,
        )
    )
    return order_id


def _spec(row: Row) -> str:
    return rules.spec_text(msgspec.json.decode(row["specs"]), row["spec_values"])


def _first_picture(row: Row) -> str:
    return row["pictures"][0] if row["pictures"] else ""


async def get(tx: Tx, order_id: UUID) -> Row:
    """The order's row. Raises NotFound."""
    row = await tx.row("SELECT * FROM mall_orders WHERE tenant_id = $1 AND id = $2", tx.tenant_id, order_id)
    if row is None:
        raise NotFound(code="mall.order_not_found", where="order_id")
    return row


async def lock_all(tx: Tx, order_ids: Sequence[UUID], *, returning: Sequence[UUID]) -> list[Row]:
    """Orders, then the stock of those it may return from, all locked in the order of their ids.

    Whoever changes several orders in one transaction begins with this: no two then wait for each other in a ring.
    """
    rows = await tx.fetch(
        "SELECT * FROM mall_orders WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        *(tx.tenant_id, list(order_ids)),
    )
    if returning:
        await tx.fetch(LOCK_SKUS, tx.tenant_id, list(returning))
    return rows


async def lock(tx: Tx, order_id: UUID) -> Row:
    """The order's row, locked. Raises NotFound."""
    row = await tx.row(
        "SELECT * FROM mall_orders WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.tenant_id, order_id
    )
    if row is None:
        raise NotFound(code="mall.order_not_found", where="order_id")
    return row


def phone_of(tx: Tx, row: Row) -> str:
    """The receiver's phone."""
    return tx.sealer.unseal(bytes(row["phone_sealed"]), purpose=PHONE).reveal()


async def begin_payment(tx: Tx, order_id: UUID, member_id: UUID, *, app_id: str, openid: str) -> UUID:
    """The payment of the member's own order, to be prepared. Raises NotFound, Conflict."""
    row = await lock(tx, order_id)
    if row["member_id"] != member_id:
        raise NotFound(code="mall.order_not_found", where="order_id")
    await members.require_active(tx, member_id)
    if row["state"] != "submitted" or row["closing"]:
        code = "mall.order_closed" if row["closing"] or row["state"] == "closed" else "payments.already_paid"
        raise Conflict(code=code)
    if not app_id:
        raise Conflict(code="mall.pay_in_wechat")
    payment_id = await payments.start(
        tx,
        purpose=PAYS_ORDER,
        reference_id=order_id,
        amount_fen=row["total_fen"],
        description=row["goods"],
        kind="jsapi",
        app_id=app_id,
        openid=openid,
        expires_at=row["pay_until"],
    )
    await tx.execute(
        "UPDATE mall_orders SET payment_id = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, order_id, payment_id
    )
    return payment_id


async def close(tx: Tx, order_id: UUID, *, why: str) -> None:
    """Close an order that is not paid: at once when WeChat Pay never heard of it, else when it has closed the payment.

    A second time changes nothing; one that turns out to be paid is told as paid. Raises NotFound, WrongState.
    """
    row = await lock(tx, order_id)
    if row["state"] == "closed" or (row["state"] == "submitted" and row["closing"]):
        return
    if row["state"] != "submitted":
        raise WrongState(current=row["state"], target="closed")
    if row["payment_id"] is None:
        await _end(tx, row, why=why)
        return
    await tx.execute(
        "UPDATE mall_orders SET closing = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, order_id, why
    )
    await payments.cancel(tx, row["payment_id"])


async def take_closed(tx: Tx, order_id: UUID) -> None:
    """Its payment can be made no more, so the order is over. A second time changes nothing."""
    row = await lock(tx, order_id)
    if row["state"] == "submitted":
        await _end(tx, row, why=row["closing"] or "unpaid")


async def _end(tx: Tx, row: Row, *, why: str) -> None:
    """Close a locked order and put its stock back."""
    await return_stock(tx, row["id"])
    await tx.execute(
        "UPDATE mall_orders SET state = 'closed', closing = $3, closed_at = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, row["id"], why, tx.now),
    )
    tx.emit(
        OrderClosed(
            subject_id=row["member_id"], order_id=row["id"], order_no=row["order_no"], reason=why, occurred_at=tx.now
        )
    )


async def return_stock(tx: Tx, order_id: UUID) -> None:
    """Put an order's stock back, once: the mark falls in the statement that allows it."""
    if await tx.execute(
        "UPDATE mall_orders SET stock_taken = false WHERE tenant_id = $1 AND id = $2 AND stock_taken",
        *(tx.tenant_id, order_id),
    ):
        await tx.fetch(
            "SELECT s.id FROM mall_skus s JOIN mall_order_lines l ON l.tenant_id = s.tenant_id AND l.sku_id = s.id "
            "WHERE s.tenant_id = $1 AND l.order_id = $2 ORDER BY s.id FOR NO KEY UPDATE OF s",
            *(tx.tenant_id, order_id),
        )
        await tx.execute(GIVE_BACK, tx.tenant_id, order_id)


async def take_paid(tx: Tx, fact: PaymentSucceeded) -> Row | None:
    """Take the money for an order, once; the row of a closed order whose money came too late, None otherwise."""
    row = await lock(tx, fact.reference_id)
    if row["paid_at"] is not None:
        return None
    state = "paid" if row["state"] == "submitted" else row["state"]
    await tx.execute(
        "UPDATE mall_orders SET state = $3, paid_at = $4, transaction_id = $5, payment_id = $6, "
        "closing = CASE WHEN $3 = 'paid' THEN '' ELSE closing END WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, row["id"], state, fact.paid_at, fact.transaction_id, fact.payment_id),
    )
    if state != "paid":
        return row
    tx.emit(
        OrderPaid(
            subject_id=row["member_id"],
            order_id=row["id"],
            order_no=row["order_no"],
            goods=row["goods"],
            count=row["count"],
            total_fen=row["total_fen"],
            receiver=row["receiver"],
            transaction_id=fact.transaction_id,
            occurred_at=fact.paid_at,
        )
    )
    return None


async def receive(tx: Tx, order_id: UUID, member_id: UUID) -> None:
    """The buyer says that it arrived. A second time changes nothing. Raises NotFound, WrongState."""
    row = await get(tx, order_id)
    if row["member_id"] != member_id:
        raise NotFound(code="mall.order_not_found", where="order_id")
    if not await _complete(tx, row, by="buyer"):
        row = await get(tx, order_id)
        if row["state"] != "completed":
            raise WrongState(current=row["state"], target="completed")


async def complete_due(tx: Tx, order_ids: Sequence[UUID]) -> None:
    """Complete what was sent long enough ago; the others stay."""
    rows: list[Any] = await tx.fetch(
        "SELECT * FROM mall_orders WHERE tenant_id = $1 AND id = ANY($2) AND state = 'shipped' AND complete_at <= $3 "
        "ORDER BY id FOR NO KEY UPDATE",
        *(tx.tenant_id, list(order_ids), tx.now),
    )
    for row in rows:
        await _complete(tx, row, by="time")


async def _complete(tx: Tx, row: Row, *, by: str) -> bool:
    if not await tx.execute(
        "UPDATE mall_orders SET state = 'completed', completed_at = $3 "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'shipped'",
        *(tx.tenant_id, row["id"], tx.now),
    ):
        return False
    tx.emit(
        OrderCompleted(
            subject_id=row["member_id"], order_id=row["id"], order_no=row["order_no"], by=by, occurred_at=tx.now
        )
    )
    return True

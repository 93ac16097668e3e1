"""Packages of parts: operators define them, merchants buy them with WeChat Pay, parts are there once paid (S2-62..S2-65)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, move
from huida.kernel.ids import uuid7
from huida.modules import ledger, payments
from huida.modules.ledger import Entry, Move
from huida.modules.sms import plans
from huida.modules.sms.facts import SmsPartsBought, SmsPartsGranted, SmsPartsTaken
from huida.modules.sms.models import PURCHASE_MOVES

PURPOSE: Final = "sms.package"
BOUGHT: Final = "sms_purchase"
GRANTED: Final = "sms_grant"
REFUND: Final = "sms_refund"
MOST_PARTS: Final = 10_000_000
MOST_GRANT: Final = 1_000_000
OPEN_FOR: Final = timedelta(hours=2)
STILL_GOOD: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """So many parts for so much money, on sale between two moments."""

    name: str
    parts: int
    price_fen: int
    on_sale: bool = True
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    position: int = 0


async def define(tx: Tx, package: Package) -> UUID:
    """Offer a new package. Raises Invalid."""
    _check(package)
    _check_end(package, package.valid_from or tx.now)
    package_id = uuid7()
    await tx.execute(
        "INSERT INTO sms_packages (id, name, parts, price_fen, on_sale, valid_from, valid_until, position, created_at, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        *(package_id, package.name.strip(), package.parts, package.price_fen, package.on_sale),
        *(package.valid_from or tx.now, package.valid_until, package.position, tx.now),
    )
    return package_id


async def change(tx: Tx, package_id: UUID, package: Package) -> None:
    """Change what will be bought from now on; what was ordered stays as it was. Raises Invalid, NotFound."""
    _check(package)
    begins = await tx.value("SELECT valid_from FROM sms_packages WHERE id = $1", package_id)
    if begins is not None:
        _check_end(package, package.valid_from or begins)
    if not await tx.execute(
        "UPDATE sms_packages SET name = $2, parts = $3, price_fen = $4, on_sale = $5, valid_from = coalesce($6, valid_from), "
        "valid_until = $7, position = $8, updated_at = $9 WHERE id = $1",
        *(package_id, package.name.strip(), package.parts, package.price_fen, package.on_sale),
        *(package.valid_from, package.valid_until, package.position, tx.now),
    ):
        raise NotFound(code="sms.package_not_found", where="package_id")


def _check(package: Package) -> None:
    good = 1 <= len(package.name.strip()) <= 30 and 1 <= package.parts <= MOST_PARTS
    if not good or not 1 <= package.price_fen <= 100_000_000:
        raise Invalid(code="sms.bad_package", where="package")


def _check_end(package: Package, begins: datetime) -> None:
    if package.valid_until is not None and package.valid_until <= begins:
        raise Invalid(code="sms.bad_package", where="valid_until")


async def all_packages(tx: Tx) -> list[Any]:
    """Every package, as the operators order them."""
    return await tx.fetch("SELECT * FROM sms_packages ORDER BY position, price_fen, id LIMIT 200")


async def on_sale(tx: Tx) -> list[Any]:
    """What a merchant can buy now."""
    return await tx.fetch(
        "SELECT * FROM sms_packages WHERE on_sale AND valid_from <= $1 AND (valid_until IS NULL OR valid_until > $1) "
        "ORDER BY position, price_fen, id LIMIT 200",
        tx.now,
    )


async def order(tx: Tx, package_id: UUID) -> UUID:
    """Order a package: a purchase that waits for its payment. An unpaid one of the same package is taken up again.

    Raises NotFound, Conflict when it is not on sale.
    """
    package = await tx.row("SELECT * FROM sms_packages WHERE id = $1", package_id)
    if package is None:
        raise NotFound(code="sms.package_not_found", where="package_id")
    ends = package["valid_until"]
    if not package["on_sale"] or package["valid_from"] > tx.now or (ends is not None and ends <= tx.now):
        raise Conflict(code="sms.package_not_on_sale", where="package_id")
    await plans.ensure_plan(tx)
    await tx.row("SELECT FROM sms_plans WHERE tenant_id = $1 FOR UPDATE", tx.tenant_id)
    waiting: UUID | None = await tx.value(
        "SELECT id FROM sms_purchases WHERE tenant_id = $1 AND package_id = $2 AND state = 'pending' AND expires_at > $3 "
        "AND (name, parts, price_fen) = ($4, $5, $6) ORDER BY id DESC LIMIT 1",
        *(tx.tenant_id, package_id, tx.now + STILL_GOOD, package["name"], package["parts"], package["price_fen"]),
    )
    if waiting is not None:
        return waiting
    purchase_id, expires_at = uuid7(), tx.now + OPEN_FOR
    payment_id = await payments.start(
        tx,
        purpose=PURPOSE,
        reference_id=purchase_id,
        amount_fen=package["price_fen"],
        description=f"短信套餐 {package['name']}"[:40],
        kind="native",
        payee="platform",
        expires_at=expires_at,
    )
    await tx.execute(
        "INSERT INTO sms_purchases (tenant_id, id, package_id, name, parts, price_fen, state, payment_id, created_at, "
        "created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $9, $10)",
        *(tx.tenant_id, purchase_id, package_id, package["name"], package["parts"], package["price_fen"], payment_id),
        *(tx.now, tx.actor, expires_at),
    )
    return purchase_id


async def purchase(tx: Tx, purchase_id: UUID) -> Any:
    """A purchase's row. Raises NotFound."""
    row = await tx.row("SELECT * FROM sms_purchases WHERE tenant_id = $1 AND id = $2", tx.tenant_id, purchase_id)
    if row is None:
        raise NotFound(code="sms.purchase_not_found", where="purchase_id")
    return row


async def purchases(tx: Tx, *, limit: int, after: UUID | None) -> list[Any]:
    """The merchant's purchases, newest first (S2-63)."""
    return await tx.fetch(
        "SELECT * FROM sms_purchases WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        *(tx.tenant_id, after, limit),
    )


async def cancel(tx: Tx, purchase_id: UUID) -> None:
    """See that a purchase is not paid any more. Raises NotFound, Conflict when it is not waiting."""
    row = await purchase(tx, purchase_id)
    if row["state"] != "pending":
        raise Conflict(code="sms.purchase_not_pending", where="purchase_id")
    await payments.cancel(tx, row["payment_id"])


async def _move(tx: Tx, purchase_id: UUID, target: str) -> Any | None:
    """Move a purchase where its state allows it; None where it does not, since a fact may come twice or late."""
    row = await tx.row(
        "SELECT * FROM sms_purchases WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, purchase_id
    )
    if row is None or target not in PURCHASE_MOVES.get(row["state"], frozenset()):
        return None
    await tx.execute(
        "UPDATE sms_purchases SET state = $3 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, purchase_id, move(row["state"], target, PURCHASE_MOVES)),
    )
    return row


async def note_paid(tx: Tx, purchase_id: UUID, *, paid_at: datetime) -> None:
    """The money is there: the parts can be used. A second time changes nothing."""
    row = await _move(tx, purchase_id, "paid")
    if row is None:
        return
    await tx.execute(
        "UPDATE sms_purchases SET paid_at = $3, closed_at = NULL WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, purchase_id, paid_at),
    )
    await plans.credit(
        tx,
        source_type=BOUGHT,
        source_id=purchase_id,
        amount=row["parts"],
        price_fen=row["price_fen"],
        contra="sms_bought",
    )
    await _note_sale(tx, purchase_id, "package", row["name"], row["parts"], row["price_fen"])
    tx.emit(SmsPartsBought(purchase_id=purchase_id, name=row["name"], parts=row["parts"], price_fen=row["price_fen"]))


async def note_closed(tx: Tx, purchase_id: UUID) -> None:
    """It cannot be paid any more. A second time changes nothing."""
    if await _move(tx, purchase_id, "closed") is not None:
        await tx.execute(
            "UPDATE sms_purchases SET closed_at = $3 WHERE tenant_id = $1 AND id = $2",
            *(tx.tenant_id, purchase_id, tx.now),
        )


async def give_money_back(tx: Tx, purchase_id: UUID, *, reason: str) -> None:
    """Take the parts of a purchase back and return its money. Raises Invalid, NotFound, Conflict when parts are used."""
    if not reason.strip():
        raise Invalid(code="sms.bad_grant", where="reason")
    await purchase(tx, purchase_id)
    row = await _move(tx, purchase_id, "refunding")
    if row is None:
        raise Conflict(code="sms.purchase_not_paid", where="purchase_id")
    await tx.execute(
        "UPDATE sms_purchases SET refunds = refunds + 1 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, purchase_id
    )
    number = _refund_number(purchase_id, row["refunds"] + 1)
    await _take_back(tx, REFUND, number, row["parts"])
    await payments.refund(
        tx, row["payment_id"], amount_fen=row["price_fen"], reason=reason.strip()[:80], source_id=number
    )
    tx.emit(SmsPartsTaken(purchase_id=purchase_id, parts=row["parts"], reason=reason.strip()[:200]))


def _refund_number(purchase_id: UUID, count: int) -> UUID:
    """Our number of one try to return the money; after a failure another one can be made."""
    return uuid5(purchase_id, f"refund {count}")


async def note_refunded(tx: Tx, purchase_id: UUID) -> None:
    """The money is back. A second time changes nothing."""
    row = await _move(tx, purchase_id, "refunded")
    if row is not None:
        await _note_sale(tx, uuid7(), "package", row["name"], -row["parts"], -row["price_fen"])


async def note_refund_failed(tx: Tx, purchase_id: UUID) -> None:
    """The money did not go back: the parts are the merchant's again. A second time changes nothing."""
    row = await _move(tx, purchase_id, "paid")
    if row is not None:
        await plans.credit(
            tx,
            source_type=REFUND,
            source_id=_refund_number(purchase_id, row["refunds"]),
            amount=row["parts"],
            price_fen=row["price_fen"],
            contra="sms_bought",
        )


async def _take_back(tx: Tx, source_type: str, source_id: UUID, parts: int) -> None:
    who = plans.owner(tx.tenant_id)
    entry = Entry(source_type, source_id, (Move(who, "sms_parts", -parts, "sms_taken", "taken"),))
    try:
        await ledger.move(tx, entry)
    except ledger.InsufficientBalance as short:
        left = short.params["available"]
        raise Conflict(code="sms.not_enough_parts", where="parts", left=left) from short
    await plans.copy_for_operators(tx)


async def grant(tx: Tx, *, parts: int, reason: str, key: str = "") -> UUID:
    """Give parts by hand, or take some back (negative); under one key once. Raises Invalid, Conflict when fewer are left."""
    reason = reason.strip()[:200]
    if parts == 0 or abs(parts) > MOST_GRANT or not reason:
        raise Invalid(code="sms.bad_grant", where="parts")
    grant_id = uuid5(plans.owner(tx.tenant_id), f"grant {key}") if key else uuid7()
    if not await tx.execute(
        "INSERT INTO sms_grants (tenant_id, id, parts, reason, granted_at, granted_by) VALUES ($1, $2, $3, $4, $5, $6) "
        "ON CONFLICT DO NOTHING",
        *(tx.tenant_id, grant_id, parts, reason, tx.now, tx.actor),
    ):
        known = await tx.row(
            "SELECT parts, reason FROM sms_grants WHERE tenant_id = $1 AND id = $2", tx.tenant_id, grant_id
        )
        if known is None or (known["parts"], known["reason"]) != (parts, reason):
            raise Invalid(code="idempotency.mismatch", where="Idempotency-Key")
        return grant_id
    if parts > 0:
        await plans.credit(tx, source_type=GRANTED, source_id=grant_id, amount=parts, price_fen=0, contra="sms_granted")
    else:
        await _take_back(tx, GRANTED, grant_id, -parts)
    await _note_sale(tx, grant_id, "grant", reason[:60], parts, 0)
    tx.emit(SmsPartsGranted(grant_id=grant_id, parts=parts, reason=reason))
    return grant_id


async def grants(tx: Tx, *, limit: int = 100) -> Sequence[Any]:
    """What was given by hand, newest first."""
    return await tx.fetch(
        "SELECT * FROM sms_grants WHERE tenant_id = $1 ORDER BY granted_at DESC, id LIMIT $2", tx.tenant_id, limit
    )


async def _note_sale(tx: Tx, sale_id: UUID, kind: str, name: str, parts: int, price_fen: int) -> None:
    await tx.execute(
        "INSERT INTO sms_sales (id, merchant_id, kind, name, parts, price_fen, at, by) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        *(sale_id, tx.tenant_id, kind, name, parts, price_fen, tx.now, tx.actor),
    )

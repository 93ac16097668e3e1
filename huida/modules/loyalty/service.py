"""The loyalty verbs: what a purchase, a recharge, a refund or a correction does to points and stored value."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import Invalid
from huida.kernel.money import Fen
from huida.modules import ledger, members
from huida.modules.ledger import Entry, Move, Posted, Short
from huida.modules.loyalty import rules as pure
from huida.modules.loyalty.facts import RulesChanged, ValueMoved
from huida.modules.loyalty.rules import Rules

STORED_VALUE = ("cny_principal", "cny_gift")
_rules = msgspec.json.Decoder(Rules)


class Sale(msgspec.Struct, frozen=True, gc=False):
    """A purchase as loyalty sees it: who, where, how much, and how much of it from stored value."""

    id: UUID
    member: members.Known
    store_code: str
    total_fen: int
    balance_fen: int


class Settled(msgspec.Struct, frozen=True, gc=False):
    """What a sale or recharge moved, and the balances after it (None: not touched by it)."""

    points: int = 0
    principal_fen: int = 0
    gift_fen: int = 0
    points_after: int | None = None
    balance_after_fen: int | None = None


async def rules_of(tx: Tx) -> Rules:
    """The merchant's rules; the defaults when none were saved."""
    saved = await tx.value("SELECT rules FROM loyalty_rules WHERE tenant_id = $1", tx.tenant_id)
    return _rules.decode(saved) if saved else Rules()


async def save_rules(tx: Tx, new: Rules) -> None:
    """Replace the rules, effective now. Raises Invalid naming the field that makes no sense."""
    wrong = new.check()
    if wrong:
        raise Invalid(code="loyalty.bad_rules", where=wrong)
    old = await rules_of(tx)
    await tx.execute(
        "INSERT INTO loyalty_rules (tenant_id, rules, updated_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (tenant_id) DO UPDATE SET rules = excluded.rules, updated_at = excluded.updated_at",
        *(tx.tenant_id, msgspec.json.encode(new).decode(), tx.now),
    )
    changed = [f for f in new.__struct_fields__ if getattr(new, f) != getattr(old, f)]
    tx.emit(RulesChanged(fields=changed))


async def level_names(tx: Tx) -> dict[str, str]:
    """The names of the levels by code."""
    return {level.code: level.name for level in (await rules_of(tx)).levels}


def points_of(rules: Rules, sale: Sale) -> int:
    """What a sale earns."""
    earning = sale.total_fen if rules.earn_on_balance else sale.total_fen - sale.balance_fen
    return pure.points_for(rules, Fen(earning), level=sale.member.level, store=sale.store_code)


async def settle_sales(tx: Tx, rules: Rules, sales: Sequence[Sale]) -> list[Settled | Short]:
    """Post what sales earn and spend; one result per sale. A sale that stored value cannot pay is Short, alone."""
    payers = sorted({sale.member.id for sale in sales if sale.balance_fen})
    wallet = await ledger.lock(tx, sorted({sale.member.id for sale in sales})) if payers else {}
    expires_at = pure.expiry_of(rules, tx.today)
    grows = pure.has_levels(rules)
    entries: list[Entry] = []
    splits: list[tuple[int, int]] = []
    left: list[int | None] = []
    for sale in sales:
        moves: list[Move] = []
        split = (0, 0)
        if sale.balance_fen:
            own = wallet.get((sale.member.id, "cny_principal"), 0)
            gift = wallet.get((sale.member.id, "cny_gift"), 0)
            split = pure.split_payment(Fen(sale.balance_fen), principal=own, gift=gift)
            if sale.balance_fen <= own + gift:
                wallet[sale.member.id, "cny_principal"] = own - split[0]
                wallet[sale.member.id, "cny_gift"] = gift - split[1]
            for unit, amount in zip(STORED_VALUE, split, strict=True):
                if amount:
                    moves.append(Move(sale.member.id, unit, -amount, "sales", "purchase"))
        points = points_of(rules, sale)
        if points:
            moves.append(Move(sale.member.id, "points", points, "points_issued", "purchase", expires_at))
        if grows and sale.total_fen >= 100:
            moves.append(Move(sale.member.id, "growth", sale.total_fen // 100, "growth_issued", "purchase"))
        entries.append(Entry("purchase", sale.id, tuple(moves)))
        splits.append(split)
        left.append(sum(wallet.get((sale.member.id, unit), 0) for unit in STORED_VALUE) if sale.balance_fen else None)
    results: list[Settled | Short] = []
    posted = await ledger.post(tx, entries)
    for sale, entry, split, balance, result in zip(sales, entries, splits, left, posted, strict=True):
        if isinstance(result, Short):
            results.append(Short("stored_value", needed=sale.balance_fen, available=balance or 0))
            continue
        growth = result.balances.get((sale.member.id, "growth"))
        if growth is not None:
            level = pure.level_for(rules, growth)
            if level.code != sale.member.level:
                await members.set_level(tx, sale.member.id, before=sale.member.level, after=level.code)
        earned = next((m.amount for m in entry.moves if m.unit == "points"), 0)
        after = result.balances.get((sale.member.id, "points"))
        results.append(Settled(earned, split[0], split[1], after, balance))
    return results


async def settle_recharge(tx: Tx, rules: Rules, *, recharge_id: UUID, member_id: UUID, paid: Fen) -> Settled:
    """Credit a recharge with its gift."""
    tier = pure.gift_for(rules, paid)
    moves = [Move(member_id, "cny_principal", paid, "cash_in", "recharge")]
    if tier.gift_fen:
        moves.append(Move(member_id, "cny_gift", tier.gift_fen, "gift_cost", "recharge"))
    if tier.gift_points:
        expires_at = pure.expiry_of(rules, tx.today)
        moves.append(Move(member_id, "points", tier.gift_points, "points_issued", "recharge", expires_at))
    posted = await ledger.move(tx, Entry("recharge", recharge_id, tuple(moves)))
    now = (await ledger.balances(tx, [member_id]))[member_id]
    return Settled(
        points=tier.gift_points,
        principal_fen=paid,
        gift_fen=tier.gift_fen,
        points_after=posted.balances.get((member_id, "points")),
        balance_after_fen=now.get("cny_principal", 0) + now.get("cny_gift", 0),
    )


async def adjust(tx: Tx, member_id: UUID, *, points: int, balance_fen: int, note: str, key: UUID) -> Settled:
    """Correct points and stored value by hand, in one fact. `key` makes it happen once.

    Raises InsufficientBalance when it would take more than there is, Invalid when it moves nothing.
    """
    moves = []
    if points:
        moves.append(Move(member_id, "points", points, "points_adjusted", "adjustment"))
    if balance_fen > 0:
        moves.append(Move(member_id, "cny_gift", balance_fen, "gift_cost", "adjustment"))
    elif balance_fen < 0:
        wallet = await ledger.lock(tx, [member_id])
        # The split depends on today's wallet, so a repeat could name other accounts than the first time did.
        if await ledger.is_posted(tx, source_type="adjustment", source_id=key, owner_id=member_id):
            repeated = Posted({}, repeated=True)
            return await tell_moved(
                tx, member_id, repeated, key, reason="adjusted", points=points, balance_fen=balance_fen, note=note
            )
        principal = wallet.get((member_id, "cny_principal"), 0)
        gift = wallet.get((member_id, "cny_gift"), 0)
        parts = pure.split_payment(Fen(-balance_fen), principal=principal, gift=gift)
        for unit, amount in zip(STORED_VALUE, parts, strict=True):
            if amount:
                moves.append(Move(member_id, unit, -amount, "adjustment", "adjustment"))
    if not moves:
        raise Invalid(code="loyalty.moves_nothing", where="points")
    posted = await ledger.move(tx, Entry("adjustment", key, tuple(moves)))
    return await tell_moved(
        tx, member_id, posted, key, reason="adjusted", points=points, balance_fen=balance_fen, note=note
    )


async def tell_moved(
    tx: Tx,
    member_id: UUID,
    posted: Posted,
    source_id: UUID,
    *,
    reason: str,
    points: int,
    balance_fen: int,
    note: str = "",
) -> Settled:
    """Record one fact for one movement of points and stored value; a repeated posting records nothing again."""
    now: dict[str, Any] = (await ledger.balances(tx, [member_id]))[member_id]
    settled = Settled(
        points=points,
        points_after=now.get("points", 0),
        balance_after_fen=now.get("cny_principal", 0) + now.get("cny_gift", 0),
    )
    if not posted.repeated:
        tx.emit(
            ValueMoved(
                subject_id=member_id,
                reason=reason,
                points=points,
                balance_fen=balance_fen,
                points_after=settled.points_after,
                balance_after_fen=settled.balance_after_fen,
                note=note,
                source_id=source_id,
            )
        )
    return settled

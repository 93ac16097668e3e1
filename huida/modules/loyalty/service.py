"""The loyalty verbs: the rules, and corrections by hand. What sales do is in `settle.py`, levels in `levels.py`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import Invalid
from huida.kernel.money import Fen
from huida.modules import ledger, tenants
from huida.modules.ledger import Entry, Move, Posted
from huida.modules.loyalty import rules as pure
from huida.modules.loyalty.facts import RulesChanged, ValueMoved
from huida.modules.loyalty.levels import levels_are_read, start_reading
from huida.modules.loyalty.lots import expire_due
from huida.modules.loyalty.rules import Rules
from huida.modules.loyalty.settle import STORED_VALUE, Settled

_rules = msgspec.json.Decoder(Rules)


async def rules_of(tx: Tx) -> Rules:
    """The merchant's rules; the defaults when none were saved."""
    saved = await tx.value("SELECT rules FROM loyalty_rules WHERE tenant_id = $1", tx.tenant_id)
    return _rules.decode(saved) if saved else Rules()


async def save_rules(tx: Tx, new: Rules) -> None:
    """Replace the rules, effective now; when they say other levels, everybody's is read anew by a job.

    Raises Invalid naming the field that makes no sense, or the store that there is none of (B-13).
    """
    wrong = new.check()
    if wrong:
        raise Invalid(code="loyalty.bad_rules", where=wrong)
    old = await rules_of(tx)
    unknown = new.store_rate_bp.keys() - old.store_rate_bp.keys() - (await tenants.all_stores_by_code(tx)).keys()
    if unknown:
        raise Invalid(code="store.not_found", where="store_rate_bp", value=min(unknown))
    await tx.execute(
        "INSERT INTO loyalty_rules (tenant_id, rules, updated_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (tenant_id) DO UPDATE SET rules = excluded.rules, updated_at = excluded.updated_at",
        *(tx.tenant_id, msgspec.json.encode(new).decode(), tx.now),
    )
    changed = [f for f in new.__struct_fields__ if getattr(new, f) != getattr(old, f)]
    tx.emit(RulesChanged(fields=changed))
    if new.levels != old.levels:
        await start_reading(tx)
    else:
        await levels_are_read(tx)


async def level_names(tx: Tx) -> dict[str, str]:
    """The names of the levels by code; who joined and has bought nothing is at the first, whatever it is called."""
    rules = await rules_of(tx)
    return {"normal": pure.level_for(rules, 0).name} | {level.code: level.name for level in rules.levels}


async def adjust(tx: Tx, member_id: UUID, *, points: int, balance_fen: int, note: str, key: UUID) -> Settled:
    """Correct points and stored value by hand, in one fact. `key` makes it happen once.

    What is taken is taken of what has not expired by now.

    Raises InsufficientBalance when it would take more than there is, Invalid when it moves nothing.
    """
    moves = []
    if points < 0:
        await expire_due(tx, [member_id])
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


async def balances_of(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """What members own, for screens: points (those that are not ripe apart), fen, and growth in whole points of it."""
    found = await ledger.balances(tx, member_ids)
    for own in found.values():
        if "growth" in own:
            own["growth"] //= pure.GROWTH_FEN
    return found

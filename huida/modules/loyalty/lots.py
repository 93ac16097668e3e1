"""Points in time: they ripen after the return period, are announced before they expire, and expire (G-14)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from huida.kernel.db import Tx
from huida.modules import ledger
from huida.modules.ledger import Entry, Move, Posted
from huida.modules.loyalty import rules as pure
from huida.modules.loyalty.facts import PointsExpiring, ValueMoved
from huida.modules.loyalty.rules import Rules

PORTION = 500


async def expire_due(tx: Tx, member_ids: Sequence[UUID] | None = None) -> bool:
    """Take back what has expired of these members (or of the first of all); one fact for each. True: there may be more.

    Done before points are taken for another reason too, so that nothing depends on the hour of the nightly job (B-05).
    """
    taken: dict[UUID, tuple[int, int, UUID | None]] = defaultdict(lambda: (0, 0, None))
    rows = await ledger.expire_lots(tx, owners=member_ids, limit=PORTION)
    for owner_id, unit, amount, after, source_id in rows:
        if unit == "points":
            taken[owner_id] = (taken[owner_id][0] + amount, after, source_id)
    for owner_id, (amount, after, source) in taken.items():
        tx.emit(ValueMoved(subject_id=owner_id, reason="expired", points=-amount, points_after=after, source_id=source))
    return len(rows) >= PORTION


async def ripen(tx: Tx, rules: Rules) -> bool:
    """Make points whose return period is over the member's own; one fact for each member. True: there may be more.

    They expire as the rules say on the day on which they ripen.
    """
    rows = await ledger.ripe_lots(tx, limit=PORTION)
    expires_at = pure.expiry_of(rules, tx.today)
    entries = [
        Entry(
            "ripening",
            row["source_id"],
            (
                Move(row["owner_id"], "points_pending", -row["remaining"], "points", "ripened", lot=row["source_id"]),
                Move(row["owner_id"], "points", row["remaining"], "points_pending", "ripened", expires_at),
            ),
        )
        for row in rows
    ]
    ripened: dict[UUID, tuple[int, int, UUID | None]] = defaultdict(lambda: (0, 0, None))
    for row, result in zip(rows, await ledger.post(tx, entries), strict=True):
        assert isinstance(result, Posted) and not result.repeated, "a locked account changed"
        owner = row["owner_id"]
        ripened[owner] = (ripened[owner][0] + row["remaining"], result.balances[owner, "points"], row["source_id"])
    for owner_id, (amount, after, source) in ripened.items():
        tx.emit(ValueMoved(subject_id=owner_id, reason="ripened", points=amount, points_after=after, source_id=source))
    return len(rows) >= PORTION


async def announce(tx: Tx, rules: Rules) -> bool:
    """Tell whose points expire within the days that the rules say, once for each end. True: there may be more."""
    if rules.expiry_notice_days == 0:
        return False
    until = tx.now + timedelta(days=rules.expiry_notice_days)
    rows = await ledger.expiring(tx, until=until, limit=PORTION)
    for row in rows:
        tx.emit(PointsExpiring(subject_id=row["owner_id"], points=row["amount"], expires_at=row["expires_at"]))
    return len(rows) >= PORTION

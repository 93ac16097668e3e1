"""Points that expire, nightly; each is one fact, so the member gets one message."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import time
from typing import Any
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.jobs import Work, fan_out
from huida.modules import ledger, tenants
from huida.modules.loyalty.facts import ValueMoved

work = Work("loyalty")
EXPIRE = "loyalty.expire_points"


@work.scheduled(at=time(3, 30))
async def nightly(tx: Tx, _: Sequence[Any]) -> None:
    """Start each merchant's expiry. Twice is safe: what has expired is taken once."""
    await fan_out(tx, EXPIRE, await tenants.open_merchants(tx))


@work.job
async def expire_points(tx: Tx, _: Sequence[Any]) -> None:
    """Take expired points back in batches and free expired holds. Twice is safe: a lot is empty after the first time."""
    await ledger.expire_holds(tx)
    taken: dict[UUID, tuple[int, int, UUID | None]] = defaultdict(lambda: (0, 0, None))
    rows = await ledger.expire_lots(tx, limit=500)
    for owner_id, unit, amount, after, source_id in rows:
        if unit == "points":
            taken[owner_id] = (taken[owner_id][0] + amount, after, source_id)
    for owner_id, (amount, after, source) in taken.items():
        tx.emit(ValueMoved(subject_id=owner_id, reason="expired", points=-amount, points_after=after, source_id=source))
    if len(rows) >= 500:
        tx.enqueue(EXPIRE, None)

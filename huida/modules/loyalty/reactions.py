"""Points that ripen, are announced and expire, nightly; levels that are read anew."""

from collections.abc import Sequence
from datetime import time
from typing import Any

from huida.kernel.db import Tx
from huida.kernel.jobs import Work, fan_out
from huida.modules import ledger, tenants
from huida.modules.loyalty import levels, lots
from huida.modules.loyalty.service import rules_of

work = Work("loyalty")
EXPIRE = "loyalty.expire_points"
ANNOUNCE = "loyalty.announce_expiry"


@work.scheduled(at=time(0, 5))
async def nightly(tx: Tx, _: Sequence[Any]) -> None:
    """Start each merchant's ripening and expiry. Twice is safe: what has ripened or expired is taken once."""
    await fan_out(tx, EXPIRE, await tenants.open_merchants(tx))


@work.scheduled(at=time(10, 0))
async def mornings(tx: Tx, _: Sequence[Any]) -> None:
    """Start each merchant's notices of points that will expire. Twice is safe: a lot is told of once."""
    await fan_out(tx, ANNOUNCE, await tenants.open_merchants(tx))


@work.job
async def expire_points(tx: Tx, _: Sequence[Any]) -> None:
    """Let points ripen and expire in portions and free expired holds. Twice is safe: a lot is empty after the first time.

    Levels that were never read under the rules of now (those of an older version) are read too.
    """
    await ledger.expire_holds(tx)
    rules = await rules_of(tx)
    more = await lots.ripen(tx, rules)
    if await lots.expire_due(tx) or more:
        tx.enqueue(EXPIRE, None)
    elif await levels.are_unread(tx):
        await levels.start_reading(tx)


@work.job
async def announce_expiry(tx: Tx, _: Sequence[Any]) -> None:
    """Record whose points will expire, in portions."""
    if await lots.announce(tx, await rules_of(tx)):
        tx.enqueue(ANNOUNCE, None)


@work.job
async def read_levels(tx: Tx, payloads: Sequence[Any]) -> None:
    """Read everybody's level anew, in portions. Twice is safe: who has the right level is left alone."""
    rules = await rules_of(tx)
    for payload in payloads:
        await levels.read_some(tx, rules, payload)

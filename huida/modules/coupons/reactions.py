"""The coupons' schedules: expire every hour, remind every morning. Platform jobs fan out to one job per merchant."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Any

from huida.kernel.db import Tx
from huida.kernel.jobs import Work, fan_out
from huida.modules import tenants
from huida.modules.coupons.redeem import EXPIRE_AT_MOST, expire
from huida.modules.coupons.remind import REMIND_AT_MOST, remind

work = Work("coupons")


@work.scheduled(every=timedelta(hours=1))
async def expire_everywhere(tx: Tx, payloads: Sequence[Any]) -> None:
    """Ask every open merchant to expire coupons. Twice is safe: the second finds nothing left to expire."""
    await fan_out(tx, "coupons.expire_some", await tenants.open_merchants(tx))


@work.job
async def expire_some(tx: Tx, payloads: Sequence[Any]) -> None:
    """Expire a batch and go on while there are more. Twice is safe: a guarded move happens once."""
    if await expire(tx) == EXPIRE_AT_MOST:
        tx.enqueue("coupons.expire_some", None)


@work.scheduled(at=time(10))
async def remind_everywhere(tx: Tx, payloads: Sequence[Any]) -> None:
    """Ask every open merchant for reminders, at ten in the morning. Twice is safe: see `remind_some`."""
    await fan_out(tx, "coupons.remind_some", await tenants.open_merchants(tx))


@work.job
async def remind_some(tx: Tx, payloads: Sequence[Any]) -> None:
    """Record due reminders and go on while there are more. Twice is safe: a coupon and reason is recorded once."""
    if await remind(tx) == REMIND_AT_MOST:
        tx.enqueue("coupons.remind_some", None)

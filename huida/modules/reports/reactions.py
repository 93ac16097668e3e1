"""Counting the closed days of every merchant, each hour."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from huida.kernel.db import Tx
from huida.kernel.jobs import Work, fan_out
from huida.modules import tenants
from huida.modules.reports import rollup

work: Final = Work("reports")


@work.scheduled(every=timedelta(hours=1))
async def count_everywhere(tx: Tx, payloads: Sequence[Any]) -> None:
    """Every merchant's closed days. Safe twice: a day is counted anew."""
    await fan_out(tx, "reports.count_days", await tenants.open_merchants(tx))


@work.job
async def count_days(tx: Tx, payloads: Sequence[Any]) -> None:
    """One merchant's closed days. Safe twice: a day is counted anew."""
    await rollup.count_days(tx)

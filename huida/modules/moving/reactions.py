"""The worker's part: imports portion by portion, and forgetting what nobody needs any more."""

from collections.abc import Sequence
from datetime import time
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.jobs import Work, fan_out
from huida.modules import tenants
from huida.modules.moving import carrying, forgetting

work: Final = Work("moving")
FORGET: Final = "moving.forget"
PORTION: Final = 5000
"""Lines that one transaction forgets."""


@work.job
async def carry_out(tx: Tx, payloads: Sequence[Any]) -> None:
    """The next portion of each import. Safe twice: `carrying.go_on` marks what is done in the same commit."""
    for payload in payloads:
        await carrying.go_on(tx, UUID(payload["import_id"]))


@work.scheduled(at=time(3, 50))
async def nightly(tx: Tx, payloads: Sequence[Any]) -> None:
    """Forget old files of every merchant. Safe twice: it deletes."""
    await fan_out(tx, FORGET, await tenants.all_merchants(tx))


@work.job
async def forget(tx: Tx, payloads: Sequence[Any]) -> None:
    """One merchant's old files, portion by portion. Safe twice: it deletes."""
    if await forgetting.forget(tx, most=PORTION):
        tx.enqueue(FORGET, None)

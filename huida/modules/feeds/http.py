"""The doors of the feeds, for an ERP's nightly reconciliation: by API key, from a time or a cursor on."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Final, get_args
from uuid import UUID

from fastapi import Depends, Request

from huida.kernel.db import Database, Row, Tx
from huida.kernel.intake.door import Router
from huida.kernel.secrets import mask_phone
from huida.kernel.web import Actor, key_only
from huida.modules import members
from huida.modules.feeds import views
from huida.modules.feeds.queries import FEEDS, TRANSFERS
from huida.modules.feeds.reading import Reading, fed, in_steps, plainly, reading, settled
from huida.modules.loyalty import Unit

open_api = Router(prefix="/api/v1", tags=["feeds"])

Wanted = Annotated[Reading, Depends(reading)]
NOBODY: Final = UUID(int=0)
CLOCKS: Final = timedelta(seconds=2)
"""By how much the time of a transfer, ours, may differ from the database's."""


Show = Callable[[Tx, Row], Any]


async def _read(request: Request, actor: Actor, name: str, wanted: Reading, show: Show = plainly) -> Any:
    start = wanted.key((NOBODY,), UUID)
    db: Database = request.app.state.db
    until = await settled(db, actor.tenant_id)
    async with db.read(actor.tenant_id) as tx:
        rows = await in_steps(
            start[0],
            until,
            lambda end: tx.fetch(FEEDS[name], tx.tenant_id, *start, end, wanted.limit + 1),
            limit=wanted.limit,
        )
        return fed(rows, wanted, start, lambda row: (row["recorded_at"], row["id"]), partial(show, tx))


@open_api.get("/purchases")
async def purchases(
    request: Request, wanted: Wanted, actor: Actor = key_only("purchases.read")
) -> views.Feed[views.FedPurchase]:
    """Purchases in the order in which they were recorded, each as it is now."""
    return await _read(request, actor, "purchases", wanted)  # type: ignore[no-any-return]


@open_api.get("/refunds")
async def refunds(
    request: Request, wanted: Wanted, actor: Actor = key_only("purchases.read")
) -> views.Feed[views.FedRefund]:
    """Refunds in the order in which they were recorded."""
    return await _read(request, actor, "refunds", wanted)  # type: ignore[no-any-return]


@open_api.get("/recharges")
async def recharges(
    request: Request, wanted: Wanted, actor: Actor = key_only("purchases.read")
) -> views.Feed[views.FedRecharge]:
    """Recharges in the order in which they were recorded; those that were taken back are told by `reversals`."""
    return await _read(request, actor, "recharges", wanted)  # type: ignore[no-any-return]


@open_api.get("/recharges/reversals")
async def reversals(
    request: Request, wanted: Wanted, actor: Actor = key_only("purchases.read")
) -> views.Feed[views.FedReversal]:
    """Recharges that were taken back, in the order in which that was recorded."""
    return await _read(request, actor, "reversals", wanted)  # type: ignore[no-any-return]


@open_api.get("/transfers")
async def transfers(
    request: Request, wanted: Wanted, actor: Actor = key_only("balances.read")
) -> views.Feed[views.FedTransfer]:
    """Movements of points, growth and stored value of all members, in the order in which they were posted."""
    start = wanted.key((NOBODY, "", 0), UUID, str, int)
    db: Database = request.app.state.db
    until = await settled(db, actor.tenant_id) - CLOCKS
    async with db.read(actor.tenant_id) as tx:
        units = list(get_args(Unit))
        rows = await in_steps(
            start[0],
            until,
            lambda end: tx.fetch(TRANSFERS, tx.tenant_id, *start, end, units, wanted.limit + 1),
            limit=wanted.limit,
        )
        return fed(rows, wanted, start, _key_of_transfer, partial(plainly, tx))


def _key_of_transfer(row: Row) -> tuple[Any, ...]:
    return row["recorded_at"], row["member_id"], row["unit"], row["seq"]


@open_api.get("/members/changes")
async def changes(
    request: Request, wanted: Wanted, actor: Actor = key_only("members.read")
) -> views.Feed[views.FedMember]:
    """Members in the order of their newest change, each once; phones are masked."""

    return await _read(request, actor, "members", wanted, _member)  # type: ignore[no-any-return]


def _member(tx: Tx, row: Row) -> views.FedMember:
    phone = members.phone_of(tx, row)
    return {
        "id": row["id"],
        "card_no": row["card_no"],
        "name": row["name"],
        "phone": mask_phone(phone) if phone else None,
        "level": row["level"],
        "state": row["state"],
        "birthday": row["birthday"],
        "store_id": row["store_id"],
        "joined_at": row["joined_at"],
        "merged_into": row["merged_into"],
        "changed_at": row["changed_at"],
    }

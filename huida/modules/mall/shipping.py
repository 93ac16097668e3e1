"""Parcels: an order may go out in several; the first one makes it shipped."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, WrongState
from huida.kernel.ids import uuid7
from huida.modules.mall import orders
from huida.modules.mall.carriers import CARRIERS, OTHER
from huida.modules.mall.facts import OrderShipped
from huida.modules.mall.rules import PARCELS_MOST
from huida.modules.mall.service import settings_of

COMPLETE: Final = "mall.complete"


async def ship(tx: Tx, order_id: UUID, *, carrier_code: str, carrier: str = "", tracking_no: str) -> UUID:
    """Send a parcel of a paid order; the same parcel again is the same shipment.

    Raises Invalid, NotFound, WrongState, Conflict when all of the money went back.
    """
    name = carrier.strip() if carrier_code == OTHER else CARRIERS.get(carrier_code, "")
    if not 1 <= len(name) <= 20:
        raise Invalid(code="mall.bad_carrier", where="carrier" if carrier_code == OTHER else "carrier_code")
    number = tracking_no.strip()
    if not (4 <= len(number) <= 40 and number.isascii() and number.replace("-", "").isalnum()):
        raise Invalid(code="mall.bad_tracking_no", where="tracking_no")
    row = await orders.lock(tx, order_id)
    known: UUID | None = await tx.value(
        "SELECT id FROM mall_shipments WHERE tenant_id = $1 AND order_id = $2 AND carrier_code = $3 AND tracking_no = $4",
        *(tx.tenant_id, order_id, carrier_code, number),
    )
    if known is not None:
        return known
    if row["state"] not in ("paid", "shipped"):
        raise WrongState(current=row["state"], target="shipped")
    if row["refunded_fen"] == row["total_fen"]:
        raise Conflict(code="mall.order_refunded")
    if (
        await tx.value(
            "SELECT count(*) FROM mall_shipments WHERE tenant_id = $1 AND order_id = $2", tx.tenant_id, order_id
        )
        >= PARCELS_MOST
    ):
        raise Conflict(code="mall.too_many_parcels", most=PARCELS_MOST)
    return await _write(tx, row, carrier_code=carrier_code, carrier=name, tracking_no=number)


async def _write(tx: Tx, row: Row, *, carrier_code: str, carrier: str, tracking_no: str) -> UUID:
    shipment_id = uuid7()
    await tx.execute(
        "INSERT INTO mall_shipments (tenant_id, id, order_id, carrier_code, carrier, tracking_no, at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *(tx.tenant_id, shipment_id, row["id"], carrier_code, carrier, tracking_no, tx.now),
    )
    if row["state"] == "paid":
        complete_at = tx.now + timedelta(days=(await settings_of(tx)).complete_after_days)
        await tx.execute(
            "UPDATE mall_orders SET state = 'shipped', shipped_at = $3, complete_at = $4 "
            "WHERE tenant_id = $1 AND id = $2 AND state = 'paid'",
            *(tx.tenant_id, row["id"], tx.now, complete_at),
        )
        tx.enqueue(COMPLETE, {"order_id": str(row["id"])}, lane=row["id"], due=complete_at + orders.OVER)
    tx.emit(
        OrderShipped(
            subject_id=row["member_id"],
            order_id=row["id"],
            order_no=row["order_no"],
            shipment_id=shipment_id,
            goods=row["goods"],
            count=row["count"],
            total_fen=row["total_fen"],
            receiver=row["receiver"],
            carrier=carrier,
            carrier_code=carrier_code,
            tracking_no=tracking_no,
            occurred_at=tx.now,
        )
    )
    return shipment_id


async def take_back(tx: Tx, order_id: UUID, shipment_id: UUID) -> None:
    """Remove a parcel that was entered wrongly, while another one stays. Raises NotFound, Conflict."""
    await orders.lock(tx, order_id)
    parcels = await tx.fetch(
        "SELECT id FROM mall_shipments WHERE tenant_id = $1 AND order_id = $2 LIMIT 50", tx.tenant_id, order_id
    )
    if shipment_id not in {one["id"] for one in parcels}:
        raise NotFound(code="mall.parcel_not_found", where="shipment_id")
    if len(parcels) == 1:
        raise Conflict(code="mall.last_parcel")
    await tx.execute("DELETE FROM mall_shipments WHERE tenant_id = $1 AND id = $2", tx.tenant_id, shipment_id)

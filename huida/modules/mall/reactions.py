"""What the mall does by itself: it takes what payments tell, closes what is not paid, completes what was sent long ago."""

from collections.abc import Sequence
from datetime import time
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.facts import Recorded
from huida.kernel.jobs import Work, fan_out
from huida.modules import tenants
from huida.modules.mall import orders, products, recharges, refunds
from huida.modules.payments import PaymentClosed, PaymentSucceeded, RefundFailed, RefundSucceeded

work = Work("mall")
TIDY: Final = "mall.tidy_pictures"


@work.reacts_to(PaymentSucceeded, PaymentClosed, RefundSucceeded, RefundFailed)
async def take_payments(tx: Tx, facts: Sequence[Recorded[Any]]) -> None:
    """Carry a payment's end into its order or recharge. Twice is safe: every one takes its news once.

    Money for an order that is closed goes back whole, since its stock may be sold; money for a recharge is credited.
    """
    told = [recorded.fact for recorded in facts]
    of_orders = [fact for fact in told if fact.purpose == orders.PAYS_ORDER]
    of_recharges = [fact for fact in told if fact.purpose == recharges.PAYS_RECHARGE]
    returning = [fact.reference_id for fact in of_orders if isinstance(fact, PaymentClosed | RefundSucceeded)]
    await orders.lock_all(tx, [fact.reference_id for fact in of_orders], returning=returning)
    await recharges.lock_all(tx, [fact.reference_id for fact in of_recharges])
    # Sorting keeps the news of each payment in order, and payments are locked in the order of their ids.
    for fact in sorted(of_orders + of_recharges, key=lambda fact: fact.payment_id):
        match fact:
            case PaymentSucceeded(purpose=orders.PAYS_ORDER) as paid:
                late = await orders.take_paid(tx, paid)
                if late is not None:
                    await refunds.refund_late(tx, late)
            case PaymentSucceeded(purpose=recharges.PAYS_RECHARGE) as paid:
                await recharges.take_paid(tx, paid)
            case PaymentClosed(purpose=orders.PAYS_ORDER) as closed:
                await orders.take_closed(tx, closed.reference_id)
            case PaymentClosed(purpose=recharges.PAYS_RECHARGE) as closed:
                await recharges.take_closed(tx, closed.reference_id)
            case RefundSucceeded(purpose=orders.PAYS_ORDER) as back:
                await refunds.take_done(tx, back)
            case RefundFailed(purpose=orders.PAYS_ORDER) as failed:
                await refunds.take_failed(tx, failed)


@work.job
async def close_unpaid(tx: Tx, payloads: Sequence[Any]) -> None:
    """Close orders whose time to pay is over. Twice is safe: a closed or paid order is left alone."""
    order_ids = [UUID(payload["order_id"]) for payload in payloads]
    rows = await orders.lock_all(tx, order_ids, returning=order_ids)
    # Payments too are locked in the order of their ids.
    for row in sorted(rows, key=lambda row: str(row["payment_id"] or "")):
        if row["state"] == "submitted" and row["pay_until"] <= tx.now:
            await orders.close(tx, row["id"], why="unpaid")


@work.job
async def complete(tx: Tx, payloads: Sequence[Any]) -> None:
    """Complete orders that were sent long enough ago. Twice is safe: a guarded move happens once."""
    await orders.complete_due(tx, [UUID(payload["order_id"]) for payload in payloads])


@work.scheduled(at=time(4, 10))
async def nightly(tx: Tx, _: Sequence[Any]) -> None:
    """Start each merchant's tidying. Twice is safe: what is gone is gone."""
    await fan_out(tx, TIDY, await tenants.open_merchants(tx))


@work.job
async def tidy_pictures(tx: Tx, _: Sequence[Any]) -> None:
    """Delete uploads that nothing shows. Twice is safe: the mark of the first time stays."""
    if await products.tidy_pictures(tx):
        tx.enqueue(TIDY, None)

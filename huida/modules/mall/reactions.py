"""What the mall does by itself: it takes what payments tell, closes what is not paid, completes what was sent long ago."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.facts import Recorded
from huida.kernel.jobs import Work
from huida.modules.mall import orders, recharges, refunds
from huida.modules.payments import PaymentClosed, PaymentSucceeded, RefundFailed, RefundSucceeded

work = Work("mall")


@work.reacts_to(PaymentSucceeded, PaymentClosed, RefundSucceeded, RefundFailed)
async def take_payments(tx: Tx, facts: Sequence[Recorded[Any]]) -> None:
    """Carry a payment's end into its order or recharge. Twice is safe: every one takes its news once.

    Money for an order that is closed goes back whole, since its stock may be sold; money for a recharge is credited.
    """
    for recorded in facts:
        match recorded.fact:
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
    for payload in payloads:
        order_id = UUID(payload["order_id"])
        row = await orders.get(tx, order_id)
        if row["state"] == "submitted" and row["pay_until"] <= tx.now:
            await orders.close(tx, order_id, why="unpaid")


@work.job
async def complete(tx: Tx, payloads: Sequence[Any]) -> None:
    """Complete orders that were sent long enough ago. Twice is safe: a guarded move happens once."""
    await orders.complete_due(tx, [UUID(payload["order_id"]) for payload in payloads])

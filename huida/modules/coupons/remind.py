"""Calling unused coupons to mind (S1-07): the merchant's timing and the daily search (S1-08)."""

from dataclasses import dataclass
from datetime import timedelta

from huida.kernel.clock import business_day
from huida.kernel.db import Tx, columns
from huida.kernel.errors import Invalid
from huida.modules.coupons.facts import CouponReminderDue
from huida.modules.coupons.rules import end_of, start_of

REMIND_AT_MOST = 500
CATCH_UP_DAYS = 7
"""A coupon claimed longer ago than this beyond the merchant's days is left alone: nobody wants last year's coupons
called to mind on the day the merchant turns reminders on."""

BEFORE, AFTER = "before_expiry", "after_claim"

DUE = """
SELECT c.id, c.member_id, c.code, c.name, c.valid_until, c.valid_until <= $4 AS ends_soon, c.issued_at < $6 AS waited
FROM coupons c
WHERE c.tenant_id = $1 AND c.state = 'issued' AND c.valid_from <= $2 AND c.valid_until >= $2 AND c.issued_at < $3
  AND ((c.valid_until <= $4 AND NOT EXISTS (SELECT FROM coupon_reminders r
         WHERE r.tenant_id = $1 AND r.coupon_id = c.id AND r.why = 'before_expiry'))
    OR (c.issued_at >= $5 AND c.issued_at < $6 AND NOT EXISTS (SELECT FROM coupon_reminders r
         WHERE r.tenant_id = $1 AND r.coupon_id = c.id AND r.why = 'after_claim')))
ORDER BY c.valid_until, c.id LIMIT $7
"""
MARK = """
INSERT INTO coupon_reminders (tenant_id, coupon_id, why, at)
SELECT $1, m.coupon_id, m.why, $2 FROM unnest($3::uuid[], $4::text[]) AS m(coupon_id, why)
ON CONFLICT DO NOTHING RETURNING coupon_id, why
"""


@dataclass(frozen=True, slots=True)
class Reminders:
    """Days after the claim and days before the end; 0 is off."""

    after_days: int = 0
    before_days: int = 3


async def reminders(tx: Tx) -> Reminders:
    """The merchant's timing."""
    row = await tx.row(
        "SELECT remind_after_days, remind_before_days FROM coupon_settings WHERE tenant_id = $1", tx.tenant_id
    )
    return Reminders() if row is None else Reminders(row["remind_after_days"], row["remind_before_days"])


async def save_reminders(tx: Tx, *, after_days: int, before_days: int) -> None:
    """Set the merchant's timing. Raises Invalid outside 0 to 365 days."""
    for where, days in (("remind_after_days", after_days), ("remind_before_days", before_days)):
        if not 0 <= days <= 365:
            raise Invalid(code="coupon.bad_reminder", where=where, most=365)
    await tx.execute(
        "INSERT INTO coupon_settings (tenant_id, remind_after_days, remind_before_days, updated_at) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id) DO UPDATE SET remind_after_days = excluded.remind_after_days, "
        "remind_before_days = excluded.remind_before_days, updated_at = excluded.updated_at",
        *(tx.tenant_id, after_days, before_days, tx.now),
    )


async def remind(tx: Tx, *, limit: int = REMIND_AT_MOST) -> int:
    """Record which unused coupons are to be called to mind, once for each reason; returns how many were looked at.

    Both reasons on one day make one reminder, of the end, since that is the more urgent. Coupons claimed today wait.
    """
    timing = await reminders(tx)
    waited_until = start_of(tx.today - timedelta(days=timing.after_days - 1)) if timing.after_days else None
    rows = await tx.fetch(
        DUE,
        *(tx.tenant_id, tx.now, start_of(tx.today)),
        end_of(tx.today + timedelta(days=timing.before_days)) if timing.before_days else None,
        waited_until - timedelta(days=CATCH_UP_DAYS) if waited_until else None,
        *(waited_until, limit),
    )
    marks = [(row["id"], BEFORE) for row in rows if row["ends_soon"]]
    marks += [(row["id"], AFTER) for row in rows if row["waited"]]
    new = {(r["coupon_id"], r["why"]) for r in await tx.fetch(MARK, tx.tenant_id, tx.now, *columns(marks, 2))}
    for row in rows:
        why = next((why for why in (BEFORE, AFTER) if (row["id"], why) in new), None)
        if why is not None:
            tx.emit(
                CouponReminderDue(
                    subject_id=row["member_id"],
                    coupon_id=row["id"],
                    code=row["code"],
                    name=row["name"],
                    valid_until=row["valid_until"],
                    days_left=(business_day(row["valid_until"]) - tx.today).days,
                    why=why,
                )
            )
    return len(rows)

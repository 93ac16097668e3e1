"""What SMS were used for and how well they went: a merchant's own report, and the roll-ups that operators read.

Operators never read merchants' rows: each merchant's roll-up copies its counts of the last days to the platform's tables.
A day that changes after those is counted once more, by a job of the transaction that changed it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from huida.kernel.db import Tx
from huida.modules.sms import plans

OPEN_DAYS: Final = 3
"""Receipts come up to three days late: so many days before today are counted again and again."""
COUNT_LATE: Final = "sms.count_late"
MOST_DAYS: Final = 366

REPORT = """
SELECT day, scenario, provider, count(*) FILTER (WHERE state <> 'returned')::int AS messages,
       count(*) FILTER (WHERE outcome = 'delivered')::int AS delivered, count(*) FILTER (WHERE outcome = 'failed')::int AS failed,
       sum(parts)::int AS parts, sum(cost_fen)::bigint AS cost_fen
FROM sms_charges WHERE tenant_id = $1 AND day BETWEEN $2 AND $3
GROUP BY day, scenario, provider HAVING count(*) FILTER (WHERE state <> 'returned') > 0
ORDER BY day DESC, scenario, provider LIMIT $4
"""
ROLL_DAYS = """
INSERT INTO sms_usage_days (merchant_id, day, scenario, provider, model, messages, accepted, delivered, failed, parts, cost_fen)
SELECT tenant_id, day, scenario, provider, model, count(*), count(*) FILTER (WHERE sent_at IS NOT NULL OR outcome <> ''),
       count(*) FILTER (WHERE outcome = 'delivered'), count(*) FILTER (WHERE outcome = 'failed'), sum(parts), sum(cost_fen)
FROM sms_charges WHERE tenant_id = $1 AND day = ANY($2) AND state <> 'returned' GROUP BY 1, 2, 3, 4, 5
"""
ROLL_WAITS = """
INSERT INTO sms_wait_days (merchant_id, day, provider, seconds, messages)
SELECT tenant_id, day, provider, CASE WHEN s < 120 THEN s ELSE s / 60 * 60 END, count(*)
FROM (SELECT tenant_id, day, provider, greatest(0, floor(extract(epoch FROM done_at - sent_at)))::int AS s FROM sms_charges
      WHERE tenant_id = $1 AND day = ANY($2) AND outcome = 'delivered' AND sent_at IS NOT NULL AND done_at IS NOT NULL) w
GROUP BY 1, 2, 3, 4
"""
QUALITY = """
WITH u AS (
  SELECT provider, day, sum(messages)::int AS messages, sum(accepted)::int AS accepted, sum(delivered)::int AS delivered,
         sum(failed)::int AS failed, sum(parts)::int AS parts
  FROM sms_usage_days WHERE day BETWEEN $1 AND $2 AND provider <> '' GROUP BY 1, 2
), w AS (
  SELECT provider, day, seconds, sum(sum(messages)) OVER (PARTITION BY provider, day ORDER BY seconds) AS upto,
         sum(sum(messages)) OVER (PARTITION BY provider, day) AS total
  FROM sms_wait_days WHERE day BETWEEN $1 AND $2 GROUP BY provider, day, seconds
), q AS (
  SELECT provider, day, min(seconds) FILTER (WHERE upto >= total * 0.5) AS median_s,
         min(seconds) FILTER (WHERE upto >= total * 0.95) AS p95_s FROM w GROUP BY 1, 2
)
SELECT u.*, q.median_s, q.p95_s FROM u LEFT JOIN q USING (provider, day) ORDER BY u.day DESC, u.provider
"""
BY_MERCHANT = """
SELECT m.id AS merchant_id, m.name AS merchant, coalesce(s.model, 'per_part') AS model, coalesce(s.parts_left, 0) AS parts_left,
       coalesce(s.parts_owed, 0) AS parts_owed, s.as_of, coalesce(u.messages, 0)::int AS messages, coalesce(u.parts, 0)::int AS parts,
       coalesce(u.post_paid_fen, 0)::bigint AS post_paid_fen, coalesce(b.paid_fen, 0)::bigint AS paid_fen
FROM merchants m LEFT JOIN sms_merchants s ON s.merchant_id = m.id
LEFT JOIN LATERAL (SELECT sum(x.messages) AS messages, sum(x.parts) AS parts,
    sum(x.cost_fen) FILTER (WHERE x.model = 'per_part') AS post_paid_fen
  FROM sms_usage_days x WHERE x.merchant_id = m.id AND x.day BETWEEN $1 AND $2) u ON true
LEFT JOIN LATERAL (SELECT sum(y.price_fen) AS paid_fen FROM sms_sales y WHERE y.merchant_id = m.id AND y.kind = 'package'
  AND (y.at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN $1 AND $2) b ON true
WHERE m.id <> 0 AND ($3::bigint IS NULL OR m.id > $3) ORDER BY m.id LIMIT $4
"""


async def report(tx: Tx, *, since: date, until: date, limit: int = 5000) -> list[Any]:
    """The merchant's messages by day, scenario and provider, newest day first."""
    first = max(since, until - timedelta(days=MOST_DAYS))
    return await tx.fetch(REPORT, tx.tenant_id, first, until, limit)


async def messages_of(tx: Tx, scenario: str, *, since: date) -> int:
    """How many messages of a scenario were sent since a day."""
    found = await tx.value(
        "SELECT count(*) FROM sms_charges WHERE tenant_id = $1 AND day >= $2 AND scenario = $3 AND state <> 'returned'",
        *(tx.tenant_id, since, scenario),
    )
    return int(found)


async def roll_up(tx: Tx) -> None:
    """Copy the merchant's counts of the last days to the operators' tables. Twice gives the same."""
    await count_days(tx, [tx.today - timedelta(days=ago) for ago in range(OPEN_DAYS + 1)])


async def count_days(tx: Tx, days: Sequence[date]) -> None:
    """Replace the operators' counts of these days by what the merchant's charges say now. Twice gives the same."""
    await plans.ensure_plan(tx)
    await tx.row("SELECT FROM sms_plans WHERE tenant_id = $1 FOR UPDATE", tx.tenant_id)
    for table, statement in (("sms_usage_days", ROLL_DAYS), ("sms_wait_days", ROLL_WAITS)):
        await tx.execute(f"DELETE FROM {table} WHERE merchant_id = $1 AND day = ANY($2)", tx.tenant_id, list(days))
        await tx.execute(statement, tx.tenant_id, list(days))
    await plans.copy_for_operators(tx)


def note_changed(tx: Tx, days: Iterable[date]) -> None:
    """Charges of these days change with this transaction: those that the roll-up is about to leave are counted after it."""
    closing = tx.today - timedelta(days=OPEN_DAYS)
    for day in sorted({day for day in days if day <= closing}):
        tx.enqueue(COUNT_LATE, {"day": day.isoformat()})


async def active(tx: Tx) -> list[int]:
    """Merchants whose counts may still change."""
    rows = await tx.fetch(
        "SELECT merchant_id FROM sms_merchants WHERE active_on >= $1 ORDER BY merchant_id",
        tx.today - timedelta(days=OPEN_DAYS),
    )
    return [row["merchant_id"] for row in rows]


async def quality(tx: Tx, *, since: date, until: date) -> list[Any]:
    """How well each provider did by day: accepted, delivered, and how long receipts took."""
    return await tx.fetch(QUALITY, since, until)


async def merchants(tx: Tx, *, since: date, until: date, after: int | None, limit: int) -> list[Any]:
    """Every merchant's use, what it paid, and what it has left."""
    return await tx.fetch(BY_MERCHANT, since, until, after, limit)

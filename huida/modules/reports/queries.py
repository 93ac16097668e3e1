"""The overview, and the set-up checklist that leads from nothing to the first real message."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from huida.kernel.db import Tx
from huida.modules import connections, messaging, sms, tenants
from huida.modules.reports import rollup
from huida.modules.reports.rollup import Count, begin
from huida.modules.reports.views import (
    Attention,
    AttentionCode,
    ChannelOutcome,
    Checklist,
    Day,
    DayMessages,
    Overview,
    Step,
)

PAUSED: Final[dict[str, AttentionCode]] = {
    "template_gone": "template_gone",
    "template_deleted": "template_gone",
    "template_changed": "template_changed",
    "template_unapproved": "template_unapproved",
}
"""Why a notice stopped that nobody switched off, and what people are told."""
SPAN: Final = 14
WEEK: Final = timedelta(days=7)
HANDED_OVER: Final = frozenset({"accepted", "delivered", "failed", "unknown", "dead"})
"""States of a message that left the house, or was meant to and will not."""
FAILED: Final = frozenset({"failed", "dead"})


async def overview(tx: Tx) -> Overview:
    """What happened today, the last two weeks, and what needs a person."""
    first = tx.today - timedelta(days=SPAN - 1)
    month = tx.today.replace(day=1)
    found = await rollup.counts(tx, min(first, month))
    week = [count for count in found if count.day > tx.today - WEEK]
    yesterday = tx.today - timedelta(days=1)
    return {
        "today": await _day(tx, tx.today, found),
        "yesterday": await _day(tx, yesterday, found),
        "members": await tx.value(
            # The few that are not counted are found by the index of who is not active.
            "SELECT count(*) - (SELECT count(*) FROM members WHERE tenant_id = $1 AND state <> 'active' "
            "  AND state IN ('merged', 'erased')) FROM members WHERE tenant_id = $1",
            tx.tenant_id,
        ),
        "days": [_messages(first + timedelta(days=n), found) for n in range(SPAN)],
        "channels": [
            _outcome(channel, state, [c for c in week if (c.channel, c.state) == (channel, state)])
            for channel, state in sorted({(c.channel, c.state) for c in week})
        ],
        "sms": {
            "parts_month": sum(c.parts for c in found if c.day >= month),
            "cost_fen_month": sum(c.cost_fen for c in found if c.day >= month),
        },
        "attention": await attention(tx),
        "as_of": tx.now,
    }


def _outcome(channel: str, state: str, counts: Sequence[Count]) -> ChannelOutcome:
    return {
        "channel": channel,
        "state": state,
        "count": sum(c.count for c in counts),
        "parts": sum(c.parts for c in counts),
        "cost_fen": sum(c.cost_fen for c in counts),
    }


def _messages(day: date, found: Sequence[Count]) -> DayMessages:
    handed = Counter[str]()
    for count in found:
        if count.day == day and count.state in HANDED_OVER:
            handed[count.channel] += count.count
    failed = sum(c.count for c in found if c.day == day and c.state in FAILED)
    return {
        "day": day,
        "subscribe": handed["subscribe"],
        "sms": handed["sms"],
        "template": handed["template"],
        "failed": failed,
    }


async def _day(tx: Tx, day: date, found: Sequence[Count]) -> Day:
    span = (tx.tenant_id, begin(day), begin(day + timedelta(days=1)))
    sales = await tx.row(
        "SELECT count(*) AS purchases, coalesce(sum(total_fen - refunded_fen), 0)::bigint AS fen FROM purchases "
        "WHERE tenant_id = $1 AND occurred_at >= $2 AND occurred_at < $3",
        *span,
    )
    assert sales is not None
    recharges: int = await tx.value(
        "SELECT coalesce(sum(paid_fen), 0)::bigint FROM recharges r "
        "WHERE tenant_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND NOT EXISTS "
        "(SELECT FROM recharge_reversals v WHERE v.tenant_id = r.tenant_id AND v.recharge_id = r.id)",
        *span,
    )
    joined: int = await tx.value(
        "SELECT count(*) FROM members WHERE tenant_id = $1 AND joined_at >= $2 AND joined_at < $3", *span
    )
    mine = [count for count in found if count.day == day]
    return {
        "messages": sum(c.count for c in mine if c.state in HANDED_OVER),
        "delivered": sum(c.count for c in mine if c.state == "delivered"),
        "failed": sum(c.count for c in mine if c.state in FAILED),
        "purchases": sales["purchases"],
        "sales_fen": sales["fen"],
        "recharges_fen": recharges,
        "new_members": joined,
    }


async def attention(tx: Tx) -> list[Attention]:
    """What needs a person, the gravest first; none when all is well."""
    entitled = await tenants.is_entitled(tx, messaging.MODULE)
    found: list[Attention] = [] if entitled else [_need("not_entitled")]
    apps = [app for app in await connections.apps(tx) if app.connected]
    broken = [app for app in apps if any(check["state"] == "fail" for check in app.checks)]
    found += [{"code": "connection_broken", "count": 1, "subject": app.name} for app in broken]
    live = await tx.fetch(
        "SELECT b.scenario, b.channel, b.live, b.exclusive, b.paused_reason FROM bindings b WHERE b.tenant_id = $1 "
        "AND (b.live OR b.paused_reason = ANY($2)) ORDER BY b.scenario, b.channel",
        *(tx.tenant_id, sorted(PAUSED)),
    )
    channels = {row["channel"] for row in live if row["live"]}
    running = {row["scenario"] for row in live if row["live"]}
    paused = [
        (row["scenario"], PAUSED[row["paused_reason"]])
        for row in live
        if not row["live"] and not (row["exclusive"] and row["scenario"] in running)
    ]
    codes = await tx.fetch(
        "SELECT scenario, paused_reason FROM sms_templates WHERE tenant_id = $1 AND state = 'enabled' "
        "AND paused_reason = ANY($2) AND scenario LIKE 'code%' ORDER BY scenario LIMIT 20",
        *(tx.tenant_id, sorted(PAUSED)),
    )
    paused += [(row["scenario"], PAUSED[row["paused_reason"]]) for row in codes]
    found += [{"code": code, "count": 1, "subject": scenario} for scenario, code in dict.fromkeys(paused)]
    if "subscribe" in channels and any(app.kind == "mini" and not app.subscribe_open for app in apps):
        found.append(_need("subscribe_not_open"))
    if "sms" in channels and not await tx.value("SELECT EXISTS (SELECT FROM sms_accounts WHERE state = 'active')"):
        found.append(_need("sms_not_set_up"))
    found += [{"code": code, "count": count, "subject": None} for code, count in await sms.warnings(tx)]  # type: ignore[typeddict-item]
    found += await _from_codes(tx)
    found += await _from_messages(tx)
    signature = await tx.value(
        "SELECT state FROM sms_signatures WHERE tenant_id = $1 ORDER BY submitted_at DESC LIMIT 1", tx.tenant_id
    )
    if signature == "rejected":
        found.append(_need("signature_rejected"))
    if entitled and not running and not paused:
        found.append(_need("scenario_none"))
    return found


async def _from_codes(tx: Tx) -> list[Attention]:
    """The merchant's limit of verification codes, when customers met it today."""
    row = await tx.row(
        "SELECT full_limit, least(hour_most, cap_hour) AS hour_most, least(day_most, cap_day) AS day_most "
        "FROM verification_settings WHERE tenant_id = $1 AND full_at >= $2",
        *(tx.tenant_id, begin(tx.today)),
    )
    if row is None:
        return []
    if row["full_limit"] == "merchant_hour":
        return [{"code": "codes_limit_hour", "count": row["hour_most"], "subject": None}]
    return [{"code": "codes_limit_day", "count": row["day_most"], "subject": None}]


async def _from_messages(tx: Tx) -> list[Attention]:
    """Messages of today that were given up, or not sent since nobody had subscribed."""
    rows = await tx.fetch(
        "SELECT CASE WHEN state = 'dead' THEN 'messages_dead' ELSE 'no_quota' END AS code, count(*) AS count "
        "FROM deliveries WHERE tenant_id = $1 AND created_at >= $2 "
        "AND (state = 'dead' OR state = 'not_attempted' AND reason = 'no_quota') GROUP BY 1 ORDER BY 1",
        *(tx.tenant_id, begin(tx.today)),
    )
    return [{"code": row["code"], "count": row["count"], "subject": None} for row in rows]


def _need(code: str) -> Attention:
    return {"code": code, "count": 1, "subject": None}  # type: ignore[typeddict-item]


_WORKS: Final = "state = 'connected' AND NOT coalesce(checks @? '$[*] ? (@.state == \"fail\")', false)"
"""Connected means that WeChat accepted the secret once; a step is done while the last look found nothing broken (U-10)."""
STEPS: Final = {
    "store": "SELECT EXISTS (SELECT FROM stores WHERE tenant_id = $1 AND state = 'open')",
    "mini_program": f"SELECT EXISTS (SELECT FROM apps WHERE tenant_id = $1 AND kind = 'mini' AND {_WORKS})",
    "subscribe_open": "SELECT EXISTS (SELECT FROM apps WHERE tenant_id = $1 AND kind = 'mini' AND state = 'connected' "
    "AND subscribe_open)",
    "template": "SELECT EXISTS (SELECT FROM wechat_templates WHERE tenant_id = $1 AND channel = 'subscribe' "
    "AND gone_at IS NULL)",
    "scenario": "SELECT EXISTS (SELECT FROM bindings WHERE tenant_id = $1 AND live)",
    "member": "SELECT EXISTS (SELECT FROM members WHERE tenant_id = $1)",
    "credit": "SELECT EXISTS (SELECT FROM subscribe_credits WHERE tenant_id = $1 AND greatest(by_client, by_event) > 0)",
    "till_key": "SELECT EXISTS (SELECT FROM api_keys WHERE tenant_id = $1 AND revoked_at IS NULL)",
    "first_message": "SELECT EXISTS (SELECT FROM deliveries WHERE tenant_id = $1 AND state IN ('accepted', 'delivered'))",
    "official_account": f"SELECT EXISTS (SELECT FROM apps WHERE tenant_id = $1 AND kind = 'oa' AND {_WORKS})",
    "sms_signature": "SELECT EXISTS (SELECT FROM sms_signatures WHERE tenant_id = $1 AND applied)",
    "staff": "SELECT count(*) > 1 FROM staff WHERE tenant_id = $1 AND state = 'active'",
}
OPTIONAL: Final = frozenset({"official_account", "sms_signature", "staff"})


async def checklist(tx: Tx) -> Checklist:
    """Every step from nothing to the first real message, and whether it is done."""
    done = {"entitled": await tenants.is_entitled(tx, messaging.MODULE)}
    for code, question in STEPS.items():
        done[code] = bool(await tx.value(question, tx.tenant_id))
    steps: list[Step] = [
        {"code": code, "done": is_done, "optional": code in OPTIONAL}  # type: ignore[typeddict-item]
        for code, is_done in done.items()
    ]
    needed = [step for step in steps if not step["optional"]]
    finished = sum(step["done"] for step in needed)
    return {"done": finished, "total": len(needed), "finished": finished == len(needed), "steps": steps}

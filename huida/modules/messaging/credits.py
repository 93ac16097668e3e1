"""Subscribe credits per WeChat account and template (S1-25, S1-73..S1-87; reference wechat-platform §3.6)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from huida.kernel.db import Tx, columns

ACCEPTS = frozenset({"accept", "acceptWithAudio", "acceptWithAlert"})

REPORT = """
INSERT INTO subscribe_credits AS c (tenant_id, app_id, openid, template_id, by_client, by_event, refused, updated_at)
SELECT $1, $2, $3, r.template_id, r.by_client, r.by_event, false, $4
FROM unnest($5::text[], $6::int[], $7::int[]) AS r(template_id, by_client, by_event) ORDER BY r.template_id
ON CONFLICT (tenant_id, app_id, openid, template_id) DO UPDATE SET by_client = c.by_client + excluded.by_client,
  by_event = c.by_event + excluded.by_event, refused = false, updated_at = excluded.updated_at
"""

TAKE = """
WITH wanted AS (
  SELECT w.openid, w.template_id, w.n FROM unnest($3::text[], $4::text[], $5::int[]) AS w(openid, template_id, n)
  ORDER BY w.openid, w.template_id
), locked AS (
  SELECT w.openid, w.template_id, w.n, c.granted, c.consumed, c.refused FROM wanted w CROSS JOIN LATERAL (
    SELECT greatest(by_client, by_event) AS granted, consumed, refused FROM subscribe_credits
    WHERE tenant_id = $1 AND app_id = $2 AND openid = w.openid AND template_id = w.template_id
    FOR NO KEY UPDATE) AS c
)
SELECT openid, template_id, CASE WHEN refused THEN 0 ELSE least(n, granted - consumed) END AS got FROM locked
"""


async def client_answered(
    tx: Tx, *, report_id: UUID, app_id: str, openid: str, answers: Mapping[str, str]
) -> dict[str, int]:
    """Note what the member centre's subscribe call returned (S1-76, S1-77); the same report counts once.

    A refusal grants nothing (S1-85). Returns what remains by template.
    """
    fresh = await tx.execute(
        "INSERT INTO subscribe_reports (tenant_id, id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        *(tx.tenant_id, report_id, tx.now),
    )
    accepted = [template_id for template_id, answer in answers.items() if answer in ACCEPTS]
    if fresh and accepted:
        await _report(tx, app_id, openid, [(template_id, 1, 0) for template_id in accepted])
    return await remaining(tx, app_id, openid)


async def event_answered(tx: Tx, *, app_id: str, openid: str, answers: Sequence[tuple[str, str]]) -> None:
    """Note WeChat's own report of the same answers (its push is stored once, so this runs once)."""
    accepted = [template_id for template_id, answer in answers if answer in ACCEPTS]
    if accepted:
        await _report(tx, app_id, openid, [(template_id, 0, 1) for template_id in accepted])


async def _report(tx: Tx, app_id: str, openid: str, rows: list[tuple[str, int, int]]) -> None:
    await tx.execute(REPORT, tx.tenant_id, app_id, openid, tx.now, *columns(rows, 3))


async def switched_off(tx: Tx, *, app_id: str, openid: str, template_ids: Sequence[str]) -> None:
    """The member turned templates off in WeChat's settings: later sends would be refused (§3.6 rule 3)."""
    await tx.execute(
        "UPDATE subscribe_credits SET refused = true, updated_at = $5 "
        "WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 AND template_id = ANY($4)",
        *(tx.tenant_id, app_id, openid, list(template_ids), tx.now),
    )


async def take(tx: Tx, app_id: str, wanted: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Spend up to so many credits by (openid, template); returns how many each got. Guarded by the rows' locks."""
    if not wanted:
        return {}
    keys = sorted(wanted)
    rows = await tx.fetch(
        TAKE, tx.tenant_id, app_id, [k[0] for k in keys], [k[1] for k in keys], [wanted[k] for k in keys]
    )
    got = {(row["openid"], row["template_id"]): max(row["got"], 0) for row in rows}
    spent = [(openid, template_id, n) for (openid, template_id), n in got.items() if n]
    if spent:
        await _consume(tx, app_id, spent)
    return got


async def give_back(tx: Tx, app_id: str, rows: Sequence[tuple[str, str]]) -> None:
    """Return credits of messages that were certainly not delivered and did not use one (refused for their content)."""
    counted: dict[tuple[str, str], int] = {}
    for row in rows:
        counted[row] = counted.get(row, 0) + 1
    if counted:
        await _consume(tx, app_id, [(openid, template_id, -n) for (openid, template_id), n in sorted(counted.items())])


async def _consume(tx: Tx, app_id: str, rows: Sequence[tuple[str, str, int]]) -> None:
    """Add to `consumed`; the table's check makes overdrawing impossible whatever the caller believed."""
    await tx.execute(
        "UPDATE subscribe_credits c SET consumed = c.consumed + s.n "
        "FROM unnest($3::text[], $4::text[], $5::int[]) AS s(openid, template_id, n) "
        "WHERE c.tenant_id = $1 AND c.app_id = $2 AND c.openid = s.openid AND c.template_id = s.template_id",
        *(tx.tenant_id, app_id, *columns(rows, 3)),
    )


async def wechat_says_none(tx: Tx, app_id: str, rows: Sequence[tuple[str, str]]) -> None:
    """WeChat answered 43101: whatever we believed, there is no credit left."""
    if rows:
        await tx.execute(
            "UPDATE subscribe_credits c SET consumed = greatest(c.by_client, c.by_event) "
            "FROM unnest($3::text[], $4::text[]) AS s(openid, template_id) "
            "WHERE c.tenant_id = $1 AND c.app_id = $2 AND c.openid = s.openid AND c.template_id = s.template_id",
            *(tx.tenant_id, app_id, *columns(sorted(set(rows)), 2)),
        )


async def remaining(tx: Tx, app_id: str, openid: str) -> dict[str, int]:
    """What remains by template for one WeChat account."""
    return {row["template_id"]: row["remaining"] for row in await ledger_of(tx, app_id, openid)}


async def ledger_of(tx: Tx, app_id: str, openid: str) -> list[Any]:
    """Granted, consumed, remaining by template (S1-78)."""
    return await tx.fetch(
        "SELECT template_id, greatest(by_client, by_event) AS granted, consumed, refused, "
        "CASE WHEN refused THEN 0 ELSE greatest(by_client, by_event) - consumed END AS remaining "
        "FROM subscribe_credits WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 ORDER BY template_id LIMIT 200",
        *(tx.tenant_id, app_id, openid),
    )

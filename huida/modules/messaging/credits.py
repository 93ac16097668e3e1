"""Subscribe credits per WeChat account and template (S1-25, S1-73..S1-87; reference wechat-platform §3.6)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from huida.kernel.arrays import ints, texts
from huida.kernel.db import Tx, columns

ACCEPTS = frozenset({"accept", "acceptWithAudio", "acceptWithAlert"})
REJECTS = frozenset({"reject", "ban"})
ASK_AGAIN_AFTER = timedelta(days=7)
"""How long a page does not ask for a template that the member has rejected; the list of all templates still offers it."""

REPORT = """
INSERT INTO subscribe_credits AS c (tenant_id, app_id, openid, template_id, by_client, by_event, refused, updated_at)
SELECT $1, $2, $3, r.template_id, r.by_client, r.by_event, false, $4
FROM unnest($5::text[], $6::int[], $7::int[]) AS r(template_id, by_client, by_event) ORDER BY r.template_id
ON CONFLICT (tenant_id, app_id, openid, template_id) DO UPDATE SET by_client = c.by_client + excluded.by_client,
  by_event = c.by_event + excluded.by_event, refused = false, rejected_at = NULL, updated_at = excluded.updated_at
"""

REJECT = """
INSERT INTO subscribe_credits (tenant_id, app_id, openid, template_id, rejected_at, updated_at)
SELECT $1, $2, $3, r.template_id, $4, $4 FROM unnest($5::text[]) AS r(template_id) ORDER BY r.template_id
ON CONFLICT (tenant_id, app_id, openid, template_id) DO UPDATE SET rejected_at = excluded.rejected_at
"""

TAKE = "SELECT credits_take($1, $2, ($3::text)::text[], ($4::text)::text[], ($5::text)::int[])"


async def client_answered(
    tx: Tx, *, report_id: UUID, app_id: str, openid: str, answers: Mapping[str, str]
) -> dict[str, int]:
    """Note what the member centre's subscribe call returned (S1-76, S1-77); the same report counts once.

    A refusal grants nothing, and is kept so that pages do not ask again at once (S1-85). Returns what remains by template.
    """
    fresh = await tx.execute(
        "INSERT INTO subscribe_reports (tenant_id, id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        *(tx.tenant_id, report_id, tx.now),
    )
    accepted = [template_id for template_id, answer in answers.items() if answer in ACCEPTS]
    rejected = [template_id for template_id, answer in answers.items() if answer in REJECTS]
    if fresh and accepted:
        await _report(tx, app_id, openid, [(template_id, 1, 0) for template_id in accepted])
    if fresh and rejected:
        await tx.execute(REJECT, tx.tenant_id, app_id, openid, tx.now, rejected)
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
    got: list[int] = await tx.value(
        TAKE,
        tx.tenant_id,
        app_id,
        texts([k[0] for k in keys]),
        texts([k[1] for k in keys]),
        ints([wanted[k] for k in keys]),
    )
    return dict(zip(keys, got, strict=True))


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


async def just_rejected(tx: Tx, app_id: str, openid: str) -> set[str]:
    """The templates that this account rejected so lately that pages must not ask again (S1-85)."""
    rows = await tx.fetch(
        "SELECT template_id FROM subscribe_credits WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 "
        "AND rejected_at > $4 LIMIT 200",
        *(tx.tenant_id, app_id, openid, tx.now - ASK_AGAIN_AFTER),
    )
    return {row["template_id"] for row in rows}


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

"""Erasing a person from what the kernel keeps: the facts that are otherwise only added to, answers that repeat, jobs.

The one exception to "facts are never changed": the law on personal information asks for it. What happened, when, and for how
much stays; the texts that say who go.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from huida.kernel.db import Tx

PERSONAL: Final = ("openid", "unionid", "receiver", "phone", "address", "text", "note", "payee")
"""Fields of facts that say who: each becomes an empty text."""

BLANKED: Final = """f.payload || coalesce((
  SELECT jsonb_object_agg(k, '') FROM jsonb_object_keys(f.payload) AS k WHERE k = ANY($3::text[])), '{}'::jsonb)"""


async def forget_in_facts(tx: Tx, subjects: Sequence[UUID]) -> int:
    """Empty the personal fields of facts about these members; returns how many facts changed."""
    return await tx.execute(
        f"UPDATE facts f SET payload = {BLANKED} WHERE f.tenant_id = $1 AND f.subject_id = ANY($2) AND f.payload ?| $3::text[]",
        *(tx.tenant_id, list(subjects), list(PERSONAL)),
    )


async def forget_pushed(tx: Tx, openids: Sequence[str]) -> None:
    """Empty the personal fields of facts about these WeChat accounts, and the openid wherever else such a fact names it."""
    for openid in openids:
        await tx.execute(
            f"UPDATE facts f SET payload = replace(({BLANKED})::text, $2, '')::jsonb "
            "WHERE f.tenant_id = $1 AND f.subject_id IS NULL AND f.payload->>'openid' = $2",
            *(tx.tenant_id, openid, list(PERSONAL)),
        )


async def forget_in_answers(tx: Tx, member_ids: Sequence[UUID]) -> None:
    """Empty names and phones in the kept answers that describe these members: a repeated call gets them without."""
    rows = await tx.fetch(
        "SELECT key, answer FROM idempotency_keys WHERE tenant_id = $1 AND EXISTS ("
        "  SELECT FROM unnest($2::text[]) AS m(id) WHERE position(convert_to(m.id, 'UTF8') IN answer) > 0)",
        *(tx.tenant_id, [str(one) for one in member_ids]),
    )
    for row in rows:
        answer = msgspec.json.decode(row["answer"])
        if isinstance(answer, dict) and "name" in answer:
            answer |= {"name": "", "phone": None, "birthday": None}
            await tx.execute(
                "UPDATE idempotency_keys SET answer = $3 WHERE tenant_id = $1 AND key = $2",
                *(tx.tenant_id, row["key"], msgspec.json.encode(answer)),
            )


async def forget_in_jobs(tx: Tx, openids: Sequence[str], *, but: str) -> None:
    """Drop what is still to be done, or was given up, about these WeChat accounts, except jobs of the kind that asks."""
    for table in ("jobs", "jobs_later", "jobs_dead"):
        for openid in openids:
            await tx.execute(
                f"DELETE FROM {table} WHERE tenant_id = $1 AND kind <> $3 AND position($2 IN payload::text) > 0",
                *(tx.tenant_id, openid, but),
            )

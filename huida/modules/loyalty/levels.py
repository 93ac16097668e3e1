"""Levels read anew from growth: after a refund, and of everybody when the rules change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.modules import ledger, members
from huida.modules.loyalty import rules as pure
from huida.modules.loyalty.rules import GROWTH_FEN, Rules
from huida.modules.loyalty.settle import JOINED_AT
from huida.modules.members import LevelChanged

READ_LEVELS = "loyalty.read_levels"
PORTION = 500


class _Reading(msgspec.Struct, frozen=True):
    """Where the job stands: the last member whose level is read, and when the rules were saved that it reads."""

    after: UUID | None
    rules: datetime


async def read_levels(tx: Tx, rules: Rules, member_ids: Sequence[UUID]) -> None:
    """Give these members the level of their growth; one fact for each that moves, up or down (B-07)."""
    ids = sorted(member_ids)
    await ledger.lock(tx, ids)
    before = await members.lock_levels(tx, ids)
    growth = await ledger.balances(tx, ids)
    wanted = {
        member_id: code
        for member_id, level in before.items()
        if (code := pure.level_for(rules, growth[member_id].get("growth", 0)).code) != level
    }
    known = {level.code for level in rules.levels}
    first = pure.level_for(rules, 0).code
    for member_id in sorted(await members.set_levels(tx, wanted)):
        if wanted[member_id] == first and before[member_id] == JOINED_AT and JOINED_AT not in known:
            continue  # the first level got another code: nobody has moved
        tx.emit(LevelChanged(subject_id=member_id, before=before[member_id], after=wanted[member_id]))


async def would_move(tx: Tx, rules: Rules) -> int:
    """How many members these rules would give another level: what is said before they are saved (B-31)."""
    codes = [level.code for level in rules.levels]
    count: int = await tx.value(
        "SELECT count(*)::bigint FROM members m "
        "LEFT JOIN ledger_accounts a ON a.tenant_id = m.tenant_id AND a.owner_id = m.id AND a.unit = 'growth' "
        "CROSS JOIN LATERAL (SELECT l.code FROM unnest($2::text[], $3::bigint[]) AS l(code, need) "
        "  WHERE l.need <= coalesce(a.balance, 0) ORDER BY l.need DESC LIMIT 1) AS w "
        "WHERE m.tenant_id = $1 AND m.state NOT IN ('merged', 'erased') AND w.code <> m.level "
        "  AND NOT (m.level = $4 AND m.level <> ALL($2) AND w.code = $5)",
        *(tx.tenant_id, codes, [level.growth * GROWTH_FEN for level in rules.levels], JOINED_AT),
        pure.level_for(rules, 0).code,
    )
    return count


async def start_reading(tx: Tx) -> None:
    """Have everybody's level read anew under the rules of now, by a job in portions."""
    saved_at = await _saved_at(tx)
    if saved_at is not None:
        tx.enqueue(READ_LEVELS, {"after": None, "rules": saved_at})


async def read_some(tx: Tx, rules: Rules, payload: Any) -> None:
    """Read the next portion, in the order of the ids, and go on with the one after; stops when the rules changed meanwhile."""
    wanted = msgspec.convert(payload, _Reading)
    if await _saved_at(tx) != wanted.rules:
        return
    ids = await members.ids_after(tx, wanted.after, limit=PORTION)
    await read_levels(tx, rules, ids)
    if len(ids) == PORTION:
        tx.enqueue(READ_LEVELS, {"after": ids[-1], "rules": wanted.rules})
    else:
        await levels_are_read(tx)


async def levels_are_read(tx: Tx) -> None:
    """Note that everybody's level is the one that the rules of now say."""
    await tx.execute("UPDATE loyalty_rules SET levels_read_at = $2 WHERE tenant_id = $1", tx.tenant_id, tx.now)


async def are_unread(tx: Tx) -> bool:
    """Whether rules are saved under which the levels were never read to the end (those of an older version)."""
    return bool(
        await tx.value(
            "SELECT levels_read_at IS NULL FROM loyalty_rules WHERE tenant_id = $1",
            tx.tenant_id,
        )
    )


async def _saved_at(tx: Tx) -> datetime | None:
    found: datetime | None = await tx.value("SELECT updated_at FROM loyalty_rules WHERE tenant_id = $1", tx.tenant_id)
    return found

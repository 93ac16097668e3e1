"""Purchases of earlier years, brought from another system: recorded and counted for growth, never told (G-04)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from huida.kernel.db import Tx, columns
from huida.kernel.ids import uuid7
from huida.modules import ledger, loyalty
from huida.modules.ledger import Entry, Move, Posted

INSERT: Final = """
INSERT INTO purchases (tenant_id, id, store_id, till_no, member_id, total_fen, balance_fen, principal_fen, points, growth_fen,
                       history, occurred_at)
SELECT $1, p.id, p.store_id, p.till_no, p.member_id, p.total_fen, 0, 0, 0, p.growth_fen, true, p.occurred_at
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[], $8::timestamptz[])
  AS p(id, store_id, till_no, member_id, total_fen, growth_fen, occurred_at)
ORDER BY p.store_id, p.till_no, p.id
ON CONFLICT (tenant_id, store_id, till_no) DO NOTHING RETURNING id
"""


class PastPurchase(msgspec.Struct, frozen=True):
    """A purchase of any age. `grows`: it counts for the member's growth."""

    store_id: UUID
    till_no: str
    member_id: UUID
    total_fen: int
    occurred_at: datetime
    grows: bool = True


class Taken(msgspec.Struct, frozen=True):
    """What became of a past purchase: `recorded`, `repeated`, or `reused` (the number is another purchase's)."""

    status: str
    level: str | None = None
    """The level that the member's growth reaches, where this purchase counted for it."""


async def record_history(tx: Tx, past: Sequence[PastPurchase]) -> list[Taken]:
    """Record past purchases: no points, no messages. The same store and till number again changes nothing."""
    ids = [uuid7() for _ in past]
    growth = [one.total_fen if one.grows else 0 for one in past]
    values = [
        (number, one.store_id, one.till_no, one.member_id, one.total_fen, grows, one.occurred_at)
        for number, one, grows in zip(ids, past, growth, strict=True)
    ]
    fresh = {row["id"] for row in await tx.fetch(INSERT, tx.tenant_id, *columns(values, 7))}
    levels = await _grow(
        tx,
        [
            (number, one, grows)
            for number, one, grows in zip(ids, past, growth, strict=True)
            if number in fresh and grows
        ],
    )
    known = await known_keys(
        tx, [(one.store_id, one.till_no) for number, one in zip(ids, past, strict=True) if number not in fresh]
    )
    return [
        Taken("recorded", levels.get(one.member_id))
        if number in fresh
        else Taken("repeated" if known.get((one.store_id, one.till_no)) == (one.member_id, one.total_fen) else "reused")
        for number, one in zip(ids, past, strict=True)
    ]


async def _grow(tx: Tx, grown: Sequence[tuple[UUID, PastPurchase, int]]) -> dict[UUID, str]:
    """Count purchases for growth, each under its own id, so that a refund may take it back."""
    rules = await loyalty.rules_of(tx)
    entries = [
        Entry("purchase", number, (Move(one.member_id, "growth", amount, "growth_issued", "purchase"),))
        for number, one, amount in grown
    ]
    reached: dict[UUID, int] = {}
    for result in await ledger.post(tx, entries):
        assert isinstance(result, Posted), "growth takes nothing"
        reached |= {owner: balance for (owner, _), balance in result.balances.items()}
    return {owner: loyalty.level_at(rules, balance) for owner, balance in reached.items()}


async def known_keys(tx: Tx, asked: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], tuple[UUID, int]]:
    """Member and total (fen) of what is recorded under these stores and till numbers."""
    rows = await tx.fetch(
        "SELECT p.store_id, p.till_no, p.member_id, p.total_fen FROM unnest($2::uuid[], $3::text[]) AS k(store_id, till_no) "
        "JOIN purchases p ON p.tenant_id = $1 AND p.store_id = k.store_id AND p.till_no = k.till_no",
        *(tx.tenant_id, [store_id for store_id, _ in asked], [till_no for _, till_no in asked]),
    )
    return {(row["store_id"], row["till_no"]): (row["member_id"], row["total_fen"]) for row in rows}

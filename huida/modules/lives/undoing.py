"""Taking two merged records apart again, within a day: exactly what moved goes back, or nothing does."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules import coupons, ledger, loyalty, mall, members, messaging, orders, verification
from huida.modules.lives.facts import MergeUndone
from huida.modules.lives.merging import Receipt, level_quietly
from huida.modules.lives.owned import POINTS, in_all

WITHIN: Final = timedelta(hours=24)
UNDO: Final = "merge_undo"
_receipt = msgspec.json.Decoder(Receipt)


def until(at: datetime) -> datetime:
    """Until when a merge of this moment can be undone."""
    return at + WITHIN


async def undo(tx: Tx, member_id: UUID, merge_id: UUID) -> None:
    """Give the merged record back what it had. What was bought, given and told since stays with the survivor.

    Coupons go back in the state they have now; value that expired, ripened or was paid out of a withdrawal since goes back as
    that. Raises NotFound and Conflict: `member.merge_undone` (was before), `member.merge_too_old`, `member.merged_again`,
    `member.not_active`, `member.merge_taken_back` (a refund of something that moved), `member.merge_spent`.
    """
    row = await _row(tx, member_id, merge_id)
    stays, goes = row["survivor_id"], row["merged_id"]
    await ledger.lock(tx, sorted([stays, goes]))
    rows = await members.lock_rows(tx, [stays, goes])
    _check(rows[stays])
    receipt = _receipt.decode(row["receipt"])  # of one who is active or frozen: an erased one's is empty
    if await orders.taken_back_since(tx, receipt.orders, row["at"]):
        raise Conflict(code="member.merge_taken_back")
    try:
        amounts = await ledger.take_apart(
            tx, receipt.ledger, source=stays, target=goes, source_type=UNDO, source_id=merge_id
        )
    except ledger.InsufficientBalance as short:
        raise Conflict(code="member.merge_spent", **short.params) from short
    await orders.hand_back(tx, receipt.orders, source=stays, target=goes)
    await coupons.hand_back(tx, receipt.coupons, source=stays, target=goes)
    await mall.hand_back(tx, receipt.mall, source=stays, target=goes)
    if receipt.password:
        await verification.hand_back(tx, source=stays, target=goes)
    await messaging.hand_back(tx, source=stays, target=goes, records=[goes, *receipt.members.repointed])
    await members.part_rows(tx, receipt.members, stays=rows[stays], goes=rows[goes])
    await tx.execute(
        "UPDATE member_merges SET undone_at = $3, receipt = '{}' WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, merge_id, tx.now),
    )
    tx.emit(
        MergeUndone(
            subject_id=stays,
            merge_id=merge_id,
            merged_id=goes,
            card_no=rows[stays]["card_no"],
            merged_card_no=rows[goes]["card_no"],
            points=in_all(amounts, *POINTS),
            balance_fen=in_all(amounts, "cny_principal", "cny_gift"),
        )
    )
    await level_quietly(tx, goes)
    await loyalty.read_levels(tx, await loyalty.rules_of(tx), [stays])


async def _row(tx: Tx, member_id: UUID, merge_id: UUID) -> Row:
    row = await tx.row(
        "SELECT * FROM member_merges WHERE tenant_id = $1 AND id = $2 AND survivor_id = $3 FOR UPDATE",
        *(tx.tenant_id, merge_id, member_id),
    )
    if row is None:
        raise NotFound(code="member.merge_not_found", where="merge_id")
    if row["undone_at"] is not None:
        raise Conflict(code="member.merge_undone")
    if tx.now > until(row["at"]):
        raise Conflict(code="member.merge_too_old")
    return row


def _check(survivor: Row) -> None:
    if survivor["state"] == "merged":
        raise Conflict(code="member.merged_again")
    if survivor["state"] not in {"active", "frozen"}:
        raise Conflict(code="member.not_active", state=survivor["state"])


async def merges_of(tx: Tx, member_id: UUID) -> list[Row]:
    """Merges into this record (`id`, `merged_id`, `card_no`, `name`, `at`, `undone_at`), the last first."""
    return await tx.fetch(
        "SELECT g.id, g.merged_id, g.at, g.undone_at, m.card_no, m.name FROM member_merges g "
        "JOIN members m ON m.tenant_id = g.tenant_id AND m.id = g.merged_id "
        "WHERE g.tenant_id = $1 AND g.survivor_id = $2 ORDER BY g.id DESC LIMIT 20",
        *(tx.tenant_id, member_id),
    )

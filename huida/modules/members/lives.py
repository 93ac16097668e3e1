"""What happens to a member's record as a whole: another card, leaving, becoming one with another record, being erased.

The rows of `members`, their old cards, identities and sessions only; what a member owns elsewhere is moved by the module
`lives`, in the same transaction and alone with the merchant (`Database.alone`).
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.db import Row, Tx, columns
from huida.kernel.errors import Conflict, Invalid, NotFound, move
from huida.modules.members.facts import CardReplaced
from huida.modules.members.identifiers import card_key, fold_card
from huida.modules.members.models import CARD_REASONS, MEMBER_MOVES
from huida.modules.members.service import by_card_no, end_all_of, get, keep_old_card, next_card_no

TRIES: Final = 8
"""Random numbers of ten digits that are tried before a card is given up: more is a fault of ours."""
GAPS: Final = ("name", "birthday", "note")


class Joined(msgspec.Struct, frozen=True):
    """What of the record was given to the one that stays: `filled` columns that it lacked, its phone, WeChat accounts, and
    records that had been merged into it. `phone_hash` is that phone's; receipts from before have none."""

    filled: list[str]
    phone: bool
    accounts: list[tuple[str, str]]
    repointed: list[UUID]
    phone_hash: bytes | None = None

    def has_its_phone(self, survivor: Row) -> bool:
        """Whether the survivor's phone is still the one that moved; of a receipt from before any phone is taken for it."""
        now = survivor["phone_hash"]
        return self.phone and now is not None and self.phone_hash in (None, bytes(now))


async def lock_rows(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, Row]:
    """These members' rows, locked in the order of their ids (after the ledger's accounts). Raises NotFound."""
    rows = await tx.fetch(
        "SELECT * FROM members WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
        *(tx.tenant_id, list(member_ids)),
    )
    found = {row["id"]: row for row in rows}
    if len(found) < len(set(member_ids)):
        raise NotFound(code="member.not_found", where="member_id")
    return found


async def records_of(tx: Tx, member_id: UUID) -> list[UUID]:
    """This record and those that were merged into it."""
    rows = await tx.fetch(
        "SELECT id FROM members WHERE tenant_id = $1 AND merged_into = $2 ORDER BY id LIMIT 100",
        tx.tenant_id,
        member_id,
    )
    return [member_id, *(row["id"] for row in rows)]


async def old_cards(tx: Tx, member_id: UUID) -> list[Row]:
    """The replaced numbers of this member (`card_no`, `reason`, `at`), the last first."""
    return await tx.fetch(
        "SELECT card_no, reason, at FROM member_old_cards WHERE tenant_id = $1 AND member_id = ANY($2) "
        "ORDER BY at DESC, card_no LIMIT 100",
        *(tx.tenant_id, await records_of(tx, member_id)),
    )


async def replace_card(tx: Tx, member_id: UUID, *, lost: str, card_no: str | None, reason: str) -> str:
    """Another card number in place of `lost`, made here when none is given; returns it. The old one is refused from now on.

    `lost` is the member's own or that of a record that was merged into theirs. Raises NotFound, Invalid, and Conflict:
    `member.not_active`, `member.not_this_card` (somebody was faster), `member.card_taken`.
    """
    if reason not in CARD_REASONS:
        raise Invalid(code="member.bad_card_reason", where="reason")
    rows = await lock_rows(tx, await records_of(tx, member_id))
    if rows[member_id]["state"] not in {"active", "frozen"}:
        raise Conflict(code="member.not_active", state=rows[member_id]["state"])
    holder = next((row for row in rows.values() if card_key(row["card_no"]) == card_key(lost.strip())), None)
    if holder is None:
        raise Conflict(code="member.not_this_card", where="lost")
    if card_no is None:
        number = await _free_number(tx)
    else:
        number = fold_card(card_no)
        if number in await by_card_no(tx, [number]):
            raise Conflict(code="member.card_taken", where="card_no")
    await tx.execute(
        "UPDATE members SET card_no = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, holder["id"], number
    )
    await keep_old_card(tx, holder["card_no"], holder["id"], reason=reason)
    tx.emit(CardReplaced(subject_id=member_id, before=holder["card_no"], card_no=number, reason=reason))
    return number


async def _free_number(tx: Tx) -> str:
    for _ in range(TRIES):
        number = await next_card_no(tx)
        if number not in await by_card_no(tx, [number]):
            return number
    raise AssertionError("no free card number")


async def leave(tx: Tx, member_id: UUID) -> None:
    """Not a member any more: the card is refused, sessions end, no message goes out. Raises NotFound, WrongState."""
    row = await get(tx, member_id)
    await tx.execute(
        "UPDATE members SET state = $3, left_at = $4 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, member_id, move(row["state"], "left", MEMBER_MOVES), tx.now),
    )
    await end_all_of(tx, member_id)


async def join_rows(tx: Tx, *, stays: Row, goes: Row) -> Joined:
    """Make two locked, active rows one member's. Raises WrongState."""
    filled = [column for column in GAPS if not stays[column] and goes[column]]
    phone = stays["phone_hash"] is None and goes["phone_hash"] is not None
    target = move(goes["state"], "merged", MEMBER_MOVES)
    await tx.execute(
        "UPDATE members SET state = $3, merged_into = $4, "
        "phone_sealed = CASE WHEN $5 THEN NULL ELSE phone_sealed END, phone_hash = CASE WHEN $5 THEN NULL ELSE phone_hash END, "
        "phone_tail = CASE WHEN $5 THEN '' ELSE phone_tail END WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, goes["id"], target, stays["id"], phone),
    )
    given = {column: goes[column] for column in filled}
    if phone:
        given |= {column: goes[column] for column in ("phone_sealed", "phone_hash", "phone_tail")}
    await _set(tx, stays["id"], given)
    accounts = await tx.fetch(
        "UPDATE identities SET member_id = $3 WHERE tenant_id = $1 AND member_id = $2 RETURNING app_id, openid",
        *(tx.tenant_id, goes["id"], stays["id"]),
    )
    repointed = await tx.fetch(
        "UPDATE members SET merged_into = $3 WHERE tenant_id = $1 AND merged_into = $2 RETURNING id",
        *(tx.tenant_id, goes["id"], stays["id"]),
    )
    return Joined(
        filled,
        phone,
        sorted((row["app_id"], row["openid"]) for row in accounts),
        sorted(row["id"] for row in repointed),
        bytes(goes["phone_hash"]) if phone else None,
    )


async def part_rows(tx: Tx, joined: Joined, *, stays: Row, goes: Row) -> None:
    """Take two rows apart again: what was filled and is still as it was then goes, accounts go back.

    A phone that was entered since is the survivor's. WeChat accounts that were seen since and are of the same person (unionid)
    as those that go back go with them.
    """
    cleared: dict[str, Any] = {
        column: None if column == "birthday" else "" for column in joined.filled if stays[column] == goes[column]
    }
    returned: dict[str, Any] = {}
    if goes["phone_hash"] is None and joined.has_its_phone(stays):
        returned = {column: stays[column] for column in ("phone_sealed", "phone_hash", "phone_tail")}
        cleared |= {"phone_sealed": None, "phone_hash": None, "phone_tail": ""}
    await _set(tx, stays["id"], cleared)
    await tx.execute(
        "UPDATE members SET state = $3, merged_into = NULL WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, goes["id"], move(goes["state"], "active", MEMBER_MOVES)),
    )
    await _set(tx, goes["id"], returned)
    await tx.execute(
        "UPDATE identities i SET member_id = $3 FROM unnest($4::text[], $5::text[]) AS v(app_id, openid) "
        "WHERE i.tenant_id = $1 AND i.member_id = $2 AND i.app_id = v.app_id AND i.openid = v.openid",
        *(tx.tenant_id, stays["id"], goes["id"], *columns(joined.accounts, 2)),
    )
    await tx.execute(
        "UPDATE identities i SET member_id = $3 WHERE i.tenant_id = $1 AND i.member_id = $2 AND EXISTS ("
        "  SELECT FROM identities o WHERE o.tenant_id = $1 AND o.member_id = $3 AND o.unionid = i.unionid)",
        *(tx.tenant_id, stays["id"], goes["id"]),
    )
    await tx.execute(
        "UPDATE members SET merged_into = $4 WHERE tenant_id = $1 AND merged_into = $2 AND id = ANY($3)",
        *(tx.tenant_id, stays["id"], joined.repointed, goes["id"]),
    )
    # Who is logged in by the phone that goes back was let in to one record and would stay in the other.
    if returned:
        await end_all_of(tx, stays["id"])


async def _set(tx: Tx, member_id: UUID, values: dict[str, Any]) -> None:
    if values:
        settings = ", ".join(f"{column} = ${place}" for place, column in enumerate(values, 3))
        await tx.execute(
            f"UPDATE members SET {settings} WHERE tenant_id = $1 AND id = $2", tx.tenant_id, member_id, *values.values()
        )


async def wipe(tx: Tx, member_ids: Sequence[UUID]) -> list[str]:
    """Erase who these locked records were about; returns the openids of their WeChat accounts, which are gone too.

    Card numbers stay, so that nobody else gets them.
    """
    gone = await tx.fetch(
        "DELETE FROM identities WHERE tenant_id = $1 AND member_id = ANY($2) RETURNING openid",
        *(tx.tenant_id, list(member_ids)),
    )
    openids = sorted({row["openid"] for row in gone})
    await end_all_of(tx, *member_ids)
    # A record that was merged into this one is wiped too and points to it still: its card must not come back to life.
    await tx.execute(
        "UPDATE members SET name = '', note = '', phone_sealed = NULL, phone_hash = NULL, phone_tail = '', birthday = NULL, tags = '{}', "
        "state = CASE WHEN state = 'merged' THEN state ELSE 'erased' END WHERE tenant_id = $1 AND id = ANY($2)",
        *(tx.tenant_id, list(member_ids)),
    )
    return openids


async def forget_accounts(tx: Tx, openids: Sequence[str]) -> None:
    """End the sessions of WeChat accounts that are nobody's any more; looks through all of them, so not in haste."""
    await tx.execute(
        "DELETE FROM member_sessions WHERE tenant_id = $1 AND openid = ANY($2)", tx.tenant_id, list(openids)
    )

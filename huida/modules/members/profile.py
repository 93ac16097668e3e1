"""Changing a member: profile, phone, state."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import asyncpg

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, move
from huida.kernel.intake.texts import folded
from huida.kernel.secrets import Secret
from huida.modules.members.facts import MemberChanged
from huida.modules.members.identifiers import fold_phone
from huida.modules.members.models import MEMBER_MOVES
from huida.modules.members.service import PURPOSE, end_all_of, get

MOST_TAGS: Final = 20
LONGEST_TAG: Final = 20

HAND_MOVES: Final = {state: MEMBER_MOVES[state] & {"active", "frozen"} for state in ("active", "frozen", "left")}
"""What freezing and unfreezing may do; who left and comes back is unfrozen too."""


async def change(tx: Tx, member_id: UUID, changes: Mapping[str, Any]) -> None:
    """Change what is given of name, phone, birthday, note, tags and store_id; no phone, birthday or store removes it.

    Raises NotFound, Invalid, Conflict for another member's phone, and for who is a member no more.
    """
    row = await get(tx, member_id)
    if row["state"] in {"merged", "erased"}:
        raise Conflict(code="member.not_active", state=row["state"])
    wanted: dict[str, Any] = {}
    for column, longest in (("name", 60), ("note", 500)):
        if (text := changes.get(column)) is not None:
            wanted[column] = text.strip()[:longest]
    if "birthday" in changes:
        birthday = changes["birthday"]
        wanted["birthday"] = None if birthday is None else check_birthday(tx, birthday)
    if "store_id" in changes:
        wanted["store_id"] = changes["store_id"]
    if changes.get("tags") is not None:
        wanted["tags"] = tags_of(changes["tags"])
    if "phone" in changes:
        phone = (changes["phone"] or "").strip()
        wanted |= phone_columns(tx, fold_phone(phone) if phone else None)
    # The sealed phone differs at every sealing: its hash tells whether it changed.
    fields = sorted(
        {"phone_hash": "phone"}.get(column, column)
        for column, value in wanted.items()
        if column not in {"phone_sealed", "phone_tail"} and value != row[column]
    )
    if not fields:
        return
    if wanted.get("phone_hash") is not None:
        await release_phones(tx, [member_id], [wanted["phone_hash"]])
    settings = ", ".join(f"{column} = ${place}" for place, column in enumerate(wanted, 3))
    try:
        await tx.execute(
            f"UPDATE members SET {settings} WHERE tenant_id = $1 AND id = $2", tx.tenant_id, member_id, *wanted.values()
        )
    except asyncpg.UniqueViolationError as taken:
        raise Conflict(code="member.phone_taken", where="phone") from taken
    if "phone" in fields:
        await end_all_of(tx, member_id)  # who has the old number is not logged in by it any more
    tx.emit(MemberChanged(subject_id=member_id, fields=fields))


async def release_phones(tx: Tx, member_ids: Sequence[UUID], phone_hashes: Sequence[bytes]) -> None:
    """Take these phones from records that were merged into these members, who get them as their own."""
    await tx.execute(
        "UPDATE members SET phone_sealed = NULL, phone_hash = NULL, phone_tail = '' "
        "WHERE tenant_id = $1 AND merged_into = ANY($2) AND phone_hash = ANY($3)",
        *(tx.tenant_id, list(member_ids), list(phone_hashes)),
    )


def tags_of(words: Iterable[str]) -> list[str]:
    """Tags as they are kept: folded, each once, in their order. Raises Invalid beyond 20 of them, or 20 letters in one."""
    tags = list(dict.fromkeys(tag for word in words if (tag := folded(word))))
    if len(tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in tags):
        raise Invalid(code="member.bad_tags", where="tags", most=MOST_TAGS, longest=LONGEST_TAG)
    return tags


def phone_columns(tx: Tx, phone: str | None) -> dict[str, Any]:
    """The three columns of a phone in 11 digits, or of none."""
    if phone is None:
        return {"phone_sealed": None, "phone_hash": None, "phone_tail": ""}
    return {
        "phone_sealed": tx.sealer.seal(Secret(phone), purpose=PURPOSE),
        "phone_hash": tx.sealer.blind_index(phone, purpose=PURPOSE),
        "phone_tail": phone[-4:],
    }


def check_birthday(tx: Tx, birthday: date) -> date:
    """Raises Invalid for a day in the future or before 1900."""
    if not date(1900, 1, 1) <= birthday <= tx.today:
        raise Invalid(code="member.bad_birthday", where="birthday")
    return birthday


async def freeze(tx: Tx, member_id: UUID) -> None:
    """No purchases, no stored value, until unfrozen; sessions by phone end. Raises NotFound, WrongState."""
    await _move(tx, member_id, "frozen")


async def unfreeze(tx: Tx, member_id: UUID) -> None:
    """Active again, also one who had left. Raises NotFound, WrongState."""
    await _move(tx, member_id, "active")


async def _move(tx: Tx, member_id: UUID, target: str) -> None:
    current = await tx.value(
        "SELECT state FROM members WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, member_id
    )
    if current is None:
        raise NotFound(code="member.not_found", where="member_id")
    await tx.execute(
        "UPDATE members SET state = $3, left_at = NULL WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, member_id, move(current, target, HAND_MOVES)),
    )
    if target != "active":
        await end_all_of(tx, member_id)
    tx.emit(MemberChanged(subject_id=member_id, fields=["state"]))

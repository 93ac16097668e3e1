"""Many members at once: found, taken in and changed in a few statements, for who moves here with a file."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Tx, columns
from huida.modules.members.facts import MemberChanged, MemberJoined
from huida.modules.members.identifiers import card_key
from huida.modules.members.profile import phone_columns, release_phones
from huida.modules.members.service import PURPOSE, end_all_of, next_card_no

KNOWN = (
    "SELECT id, card_no, card_key, card_twin, name, phone_hash, birthday, note, tags, store_id, level, state, merged_into "
    "FROM members"
)
CHANGE = """
UPDATE members m SET name = coalesce(v.name, m.name), birthday = coalesce(v.birthday, m.birthday),
  note = coalesce(v.note, m.note), store_id = coalesce(v.store_id, m.store_id), level = coalesce(v.level, m.level),
  tags = CASE WHEN v.tags IS NULL THEN m.tags ELSE string_to_array(v.tags, E'\\x1f') END,
  phone_sealed = coalesce(v.sealed, m.phone_sealed), phone_hash = coalesce(v.hash, m.phone_hash),
  phone_tail = CASE WHEN v.hash IS NULL THEN m.phone_tail ELSE v.tail END
FROM unnest($2::uuid[], $3::text[], $4::date[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::bytea[], $10::bytea[],
            $11::text[]) AS v(id, name, birthday, note, store_id, level, tags, sealed, hash, tail)
WHERE m.tenant_id = $1 AND m.id = v.id
"""
TAKE_IN = """
INSERT INTO members (tenant_id, id, card_no, name, phone_sealed, phone_hash, phone_tail, birthday, note, store_id, level, tags,
                     joined_at)
SELECT $1, v.id, v.card_no, v.name, v.sealed, v.hash, v.tail, v.birthday, v.note, v.store_id, v.level,
       coalesce(string_to_array(v.tags, E'\\x1f'), '{}'), v.joined_at
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::text[], $8::date[], $9::text[], $10::uuid[],
            $11::text[], $12::text[], $13::timestamptz[])
  AS v(id, card_no, name, sealed, hash, tail, birthday, note, store_id, level, tags, joined_at)
ORDER BY v.id ON CONFLICT DO NOTHING RETURNING id
"""
BETWEEN = "\x1f"
"""Between two tags on their way to the database: no text that is folded holds it."""


class Arrival(msgspec.Struct, kw_only=True):
    """A new member: all but the id may be empty; without a card number one is made. `phone` is 11 digits."""

    id: UUID
    card_no: str = ""
    name: str = ""
    phone: str = ""
    birthday: date | None = None
    note: str = ""
    store_id: UUID | None = None
    level: str = ""
    tags: list[str] = []
    joined_at: datetime | None = None


class Directory(msgspec.Struct):
    """Members by what names them: the card as it is written, the card in any case, the phone's hash.

    Records that were merged or erased and members who left are there with their `state`; `replaced` are the keys of numbers
    that nobody gets any more.
    """

    by_card: dict[str, Any]
    by_key: dict[str, Any]
    by_phone: dict[bytes, Any]
    replaced: set[str]

    def of_card(self, card_no: str) -> Any:
        """The member with this card; the exact one where there are two that differ in case."""
        return self.by_card.get(card_no) or self.by_key.get(card_key(card_no))


def phone_hash(tx: Tx, phone: str) -> bytes:
    """What equal phones (11 digits) have in common in the database."""
    return tx.sealer.blind_index(phone, purpose=PURPOSE)


async def directory(tx: Tx, *, card_nos: Sequence[str], hashes: Sequence[bytes]) -> Directory:
    """The members with these card numbers or phones: id, card_no, name, phone_hash, birthday, note, tags, store_id, level, state,
    merged_into."""
    keys = [card_key(card_no) for card_no in card_nos]
    rows = await tx.fetch(
        f"{KNOWN} WHERE tenant_id = $1 AND card_no = ANY($2) UNION "
        f"{KNOWN} WHERE tenant_id = $1 AND card_key = ANY($3) AND NOT card_twin UNION "
        f"{KNOWN} WHERE tenant_id = $1 AND phone_hash = ANY($4)",
        *(tx.tenant_id, list(card_nos), keys, list(hashes)),
    )
    replaced = await tx.fetch(
        "SELECT upper(card_no) AS key FROM member_old_cards WHERE tenant_id = $1 AND upper(card_no) = ANY($2)",
        *(tx.tenant_id, keys),
    )
    return Directory(
        {row["card_no"]: row for row in rows},
        {row["card_key"]: row for row in rows if not row["card_twin"]},
        {bytes(row["phone_hash"]): row for row in rows if row["phone_hash"]},
        {row["key"] for row in replaced},
    )


async def take_in_many(tx: Tx, arrivals: Sequence[Arrival], *, channel: str) -> set[UUID]:
    """Take new members in; returns the ids of those that were. The card or phone of another is somebody's meanwhile."""
    values = []
    for one in arrivals:
        one.card_no = one.card_no or await next_card_no(tx)
        phone = phone_columns(tx, one.phone or None)
        values.append(
            (
                *(one.id, one.card_no, one.name, *(phone[c] for c in ("phone_sealed", "phone_hash", "phone_tail"))),
                *(one.birthday, one.note, one.store_id, one.level or "normal", BETWEEN.join(one.tags) or None),
                one.joined_at or tx.now,
            )
        )
    taken = {row["id"] for row in await tx.fetch(TAKE_IN, tx.tenant_id, *columns(values, 12))}
    for one in arrivals:
        if one.id in taken:
            tx.emit(MemberJoined(subject_id=one.id, card_no=one.card_no, channel=channel))
    return taken


async def lock_many(tx: Tx, member_ids: Sequence[UUID]) -> None:
    """Lock these members in the order of their ids, which everybody keeps to. Ledger accounts are locked before them."""
    await tx.fetch(
        "SELECT id FROM members WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        *(tx.tenant_id, list(member_ids)),
    )


async def change_many(tx: Tx, changes: Mapping[UUID, Mapping[str, Any]]) -> None:
    """Change what is named of name, phone, birthday, note, store_id, level and tags of members that `lock_many` locked.

    Phones that change are given back first, so that members may swap them. Raises asyncpg.UniqueViolationError when
    somebody else took one at this moment.
    """
    moving = [member_id for member_id, one in changes.items() if "phone" in one]
    if moving:
        await tx.execute(
            "UPDATE members SET phone_hash = NULL WHERE tenant_id = $1 AND id = ANY($2)", tx.tenant_id, moving
        )
    values = []
    for member_id, one in sorted(changes.items()):
        phone = phone_columns(tx, one.get("phone"))
        tags = one.get("tags")
        values.append(
            (
                *(member_id, *(one.get(c) for c in ("name", "birthday", "note", "store_id", "level"))),
                *(None if tags is None else BETWEEN.join(tags), phone["phone_sealed"], phone["phone_hash"]),
                phone["phone_tail"],
            )
        )
    if values:
        await release_phones(tx, moving, [value[8] for value in values if value[8] is not None])
        await tx.execute(CHANGE, tx.tenant_id, *columns(values, 10))
    await end_all_of(tx, *moving)
    for member_id, one in changes.items():
        tx.emit(MemberChanged(subject_id=member_id, fields=sorted(one)))

"""The members' verbs: join, find, change, link a WeChat identity."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.arrays import texts
from huida.kernel.db import Tx, columns
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.ids import uuid7
from huida.kernel.secrets import Secret
from huida.modules.members.facts import IdentityLinked, MemberJoined, MemberReturned
from huida.modules.members.identifiers import card_key, fold_card, fold_phone

REPLACED: Final = "replaced"
CARD_REPLACED: Final = "member.card_replaced"
PURPOSE: Final = "member.phone"
BY_CARD: Final = """
SELECT k.asked, m.id, m.card_no, m.level, m.state
FROM unnest(($2::text)::text[], ($3::text)::text[], ($4::text)::text[]) AS k(asked, card_no, card_key)
CROSS JOIN LATERAL (
  SELECT x.id, x.card_no, x.level, x.state FROM (
    SELECT 1 AS rank, e.* FROM members e WHERE e.tenant_id = $1 AND e.card_no = k.card_no
    UNION ALL
    SELECT 2 AS rank, f.* FROM members f WHERE f.tenant_id = $1 AND f.card_key = k.card_key AND NOT f.card_twin
  ) AS x ORDER BY x.rank LIMIT 1) AS m
"""
"""The card as it is written wins over one that differs in case only: of those there may be some from before."""


class Known(msgspec.Struct, frozen=True, gc=False):
    """A member as the hot path needs it. A card number that was replaced is known too: its state is `replaced`."""

    id: UUID
    card_no: str
    level: str
    state: str

    @property
    def refusal_code(self) -> str:
        """Why this one may not buy, when not active."""
        return CARD_REPLACED if self.state == REPLACED else "member.not_active"


async def join(
    tx: Tx,
    *,
    card_no: str | None,
    name: str,
    phone: str | None,
    channel: str,
    store_id: UUID | None = None,
    birthday: date | None = None,
) -> UUID:
    """Take a new member in, or one who had left back, found by the phone: their record is active again (a fact tells which).

    Raises Conflict when the card number or the phone already belongs to one, or the card number did before.
    """
    member_id = uuid7()
    number = fold_card(card_no) if card_no else await next_card_no(tx)
    clean = fold_phone(phone) if phone else None
    if card_no and await old_card(tx, number) is not None:
        raise Conflict(code="member.card_taken", where="card_no")
    if clean is not None and (before := (await by_phone(tx, [clean])).get(clean)) and before.state == "left":
        return await come_back(
            tx, before, card_no=number if card_no else None, name=name, channel=channel, birthday=birthday
        )
    row = await _insert(tx, member_id, number, name, clean, store_id, birthday)
    if row is None:
        taken = await by_card_no(tx, [number])
        raise Conflict(
            code="member.card_taken" if taken else "member.phone_taken", where="card_no" if taken else "phone"
        )
    tx.emit(MemberJoined(subject_id=member_id, card_no=number, channel=channel))
    return member_id


async def _insert(
    tx: Tx,
    member_id: UUID,
    card_no: str,
    name: str,
    phone: str | None,
    store_id: UUID | None,
    birthday: date | None,
) -> Any:
    sealed = tx.sealer.seal(Secret(phone), purpose=PURPOSE) if phone else None
    blind = tx.sealer.blind_index(phone, purpose=PURPOSE) if phone else None
    return await tx.row(
        "INSERT INTO members (tenant_id, id, card_no, name, phone_sealed, phone_hash, phone_tail, joined_at, store_id, birthday) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING id",
        *(tx.tenant_id, member_id, card_no, name.strip()[:60], sealed, blind, phone[-4:] if phone else ""),
        *(tx.now, store_id, birthday),
    )


async def next_card_no(tx: Tx) -> str:
    """A fresh ten-digit card number; random, so that numbers tell nothing about how many members there are."""
    return f"{(uuid7().int & 0xFFFF_FFFF) % 9_000_000_000 + 1_000_000_000}"


async def by_card_no(tx: Tx, card_nos: Sequence[str]) -> dict[str, Known]:
    """Members by card number as it was asked for, folded (`fold_card`); unknown numbers are absent."""
    asked: list[tuple[str, str, str]] = []
    for card_no in card_nos:
        try:
            number = fold_card(card_no)
        except Invalid:
            continue
        asked.append((card_no, number, card_key(number)))
    if not asked:
        return {}
    rows = await tx.fetch(BY_CARD, tx.tenant_id, *(texts(list(column)) for column in zip(*asked, strict=True)))
    found = {row["asked"]: Known(row["id"], row["card_no"], row["level"], row["state"]) for row in rows}
    return await follow(tx, await add_replaced(tx, found, {card_no: key for card_no, _, key in asked}))


async def by_phone(tx: Tx, phones: Sequence[str]) -> dict[str, Known]:
    """Members by phone as it was asked for, folded (`fold_phone`); unknown phones, and what is none, are absent."""
    asked: dict[bytes, list[str]] = {}
    for phone in phones:
        try:
            asked.setdefault(tx.sealer.blind_index(fold_phone(phone), purpose=PURPOSE), []).append(phone)
        except Invalid:
            continue
    rows = await tx.fetch(
        "SELECT id, card_no, level, state, phone_hash FROM members WHERE tenant_id = $1 AND phone_hash = ANY($2)",
        *(tx.tenant_id, list(asked)),
    )
    found = {
        phone: Known(row["id"], row["card_no"], row["level"], row["state"])
        for row in rows
        for phone in asked[bytes(row["phone_hash"])]
    }
    return await follow(tx, found)


async def follow(tx: Tx, found: dict[str, Known]) -> dict[str, Known]:
    """In place of each record that was merged into another one, that other one. Asks only when there is such a record."""
    merged = {one.id for one in found.values() if one.state == "merged"}
    if not merged:
        return found
    rows = await tx.fetch(
        "SELECT m.id AS merged, s.id, s.card_no, s.level, s.state FROM members m "
        "JOIN members s ON s.tenant_id = m.tenant_id AND s.id = m.merged_into WHERE m.tenant_id = $1 AND m.id = ANY($2)",
        *(tx.tenant_id, list(merged)),
    )
    into = {row["merged"]: Known(row["id"], row["card_no"], row["level"], row["state"]) for row in rows}
    return {asked: into.get(one.id, one) for asked, one in found.items()}


async def add_replaced(tx: Tx, found: dict[str, Known], keys: Mapping[str, str]) -> dict[str, Known]:
    """With the cards that nobody has any more, as `replaced`; `keys` are those of the numbers that were asked for.

    Asks only when a number was not found.
    """
    missing: dict[str, list[str]] = {}
    for card_no, key in keys.items():
        if card_no not in found:
            missing.setdefault(key, []).append(card_no)
    if not missing:
        return found
    rows = await tx.fetch(
        "SELECT upper(o.card_no) AS key, o.card_no, m.id, m.level FROM member_old_cards o "
        "JOIN members m ON m.tenant_id = o.tenant_id AND m.id = o.member_id "
        "WHERE o.tenant_id = $1 AND upper(o.card_no) = ANY($2)",
        *(tx.tenant_id, list(missing)),
    )
    return found | {
        card_no: Known(row["id"], row["card_no"], row["level"], REPLACED)
        for row in rows
        for card_no in missing[row["key"]]
    }


async def old_card(tx: Tx, card_no: str) -> Any:
    """Whose a replaced card number was (`member_id`, `reason`, `at`), in any case, or None."""
    return await tx.row(
        "SELECT * FROM member_old_cards WHERE tenant_id = $1 AND upper(card_no) = $2 ORDER BY at LIMIT 1",
        *(tx.tenant_id, card_key(card_no)),
    )


async def come_back(
    tx: Tx, known: Known, *, card_no: str | None = None, name: str = "", channel: str, birthday: date | None = None
) -> UUID:
    """One who had left is a member again: same record, with the name, birthday and card number that are given now.

    Raises Conflict when the card number is another member's.
    """
    number = card_no or known.card_no
    if number != known.card_no and number in await by_card_no(tx, [number]):
        raise Conflict(code="member.card_taken", where="card_no")
    await tx.execute(
        "UPDATE members SET state = 'active', left_at = NULL, card_no = $3, name = CASE WHEN $4 = '' THEN name ELSE $4 END, "
        "birthday = coalesce($5, birthday) WHERE tenant_id = $1 AND id = $2 AND state = 'left'",
        *(tx.tenant_id, known.id, number, name.strip()[:60], birthday),
    )
    if number != known.card_no:
        await keep_old_card(tx, known.card_no, known.id, reason="other")
    tx.emit(MemberReturned(subject_id=known.id, card_no=number, channel=channel))
    return known.id


async def keep_old_card(tx: Tx, card_no: str, member_id: UUID, *, reason: str) -> None:
    """Keep a number that was replaced, so that nobody else ever gets it."""
    await tx.execute(
        "INSERT INTO member_old_cards (tenant_id, card_no, member_id, reason, at) VALUES ($1, $2, $3, $4, $5)",
        *(tx.tenant_id, card_no, member_id, reason, tx.now),
    )


async def by_openid(tx: Tx, openids: Sequence[str]) -> dict[str, Known]:
    """Members by the openid of any of the merchant's apps; unknown ones and visitors are absent."""
    rows = await tx.fetch(
        "SELECT m.id, m.card_no, m.level, m.state, i.openid FROM identities i "
        "JOIN members m ON m.tenant_id = i.tenant_id AND m.id = i.member_id WHERE i.tenant_id = $1 AND i.openid = ANY($2)",
        *(tx.tenant_id, list(openids)),
    )
    return {row["openid"]: Known(row["id"], row["card_no"], row["level"], row["state"]) for row in rows}


async def get(tx: Tx, member_id: UUID) -> Any:
    """The member's row. Raises NotFound."""
    row = await tx.row("SELECT * FROM members WHERE tenant_id = $1 AND id = $2", tx.tenant_id, member_id)
    if row is None:
        raise NotFound(code="member.not_found", where="member_id")
    return row


async def require_here(tx: Tx, member_id: UUID) -> None:
    """What is changed by hand is changed of somebody who is a member. Raises NotFound, Conflict `member.not_active`."""
    state = (await get(tx, member_id))["state"]
    if state not in {"active", "frozen"}:
        raise Conflict(code="member.not_active", state=state)


async def require_active(tx: Tx, member_id: UUID) -> None:
    """Whoever freezes the member now waits for this transaction. Raises NotFound, Conflict `member.not_active`."""
    state = await tx.value(
        "SELECT state FROM members WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE", tx.tenant_id, member_id
    )
    if state is None:
        raise NotFound(code="member.not_found", where="member_id")
    if state != "active":
        raise Conflict(code="member.not_active", state=state)


def phone_of(tx: Tx, row: Any) -> str | None:
    """The phone of a member's row, unsealed; never for a log."""
    return tx.sealer.unseal(bytes(row["phone_sealed"]), purpose=PURPOSE).reveal() if row["phone_sealed"] else None


async def see_identity(
    tx: Tx,
    *,
    app_id: str,
    openid: str,
    unionid: str | None = None,
    follows: bool | None = None,
    told_at: datetime | None = None,
) -> UUID | None:
    """Note a WeChat account and, through its unionid, whose it is. Returns the member, or None for a visitor (X-10).

    `told_at` is when WeChat says that following began or ended: older news does not undo newer.
    """
    if unionid is not None:
        await one_person_at_a_time(tx, unionid)
    row = await tx.row(
        "INSERT INTO identities (tenant_id, app_id, openid, unionid, follows, follows_at, updated_at, member_id) "
        "VALUES ($1, $2, $3, $4, coalesce($5, false), $7, $6, (SELECT member_id FROM identities "
        "  WHERE tenant_id = $1 AND unionid = $4 AND member_id IS NOT NULL LIMIT 1)) "
        "ON CONFLICT (tenant_id, app_id, openid) DO UPDATE SET unionid = coalesce(excluded.unionid, identities.unionid), "
        "  follows = CASE WHEN identities.follows_at > $7 THEN identities.follows ELSE coalesce($5, identities.follows) END, "
        "  follows_at = greatest(identities.follows_at, $7), updated_at = excluded.updated_at, "
        "  member_id = coalesce(identities.member_id, excluded.member_id) RETURNING member_id, unionid",
        *(tx.tenant_id, app_id, openid, unionid, follows, tx.now, told_at),
    )
    assert row is not None
    member_id: UUID | None = row["member_id"]
    if member_id is not None and unionid is not None:
        await _join_unionid(tx, member_id, unionid)
    return member_id


async def one_person_at_a_time(tx: Tx, unionid: str) -> None:
    """Wait until no other transaction joins accounts of this unionid.

    Two that see the accounts of one person for the first time at once would each miss the other's. Taken before any row of
    theirs is locked.
    """
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"unionid/{tx.tenant_id}/{unionid}")


async def wait_for_account(tx: Tx, app_id: str, openid: str) -> None:
    """The same for the person of this account, where the unionid is known."""
    unionid = await tx.value(
        "SELECT unionid FROM identities WHERE tenant_id = $1 AND app_id = $2 AND openid = $3",
        *(tx.tenant_id, app_id, openid),
    )
    if unionid is not None:
        await one_person_at_a_time(tx, unionid)


async def _join_unionid(tx: Tx, member_id: UUID, unionid: str) -> None:
    """Make the accounts of this unionid that are nobody's the member's too (S1-130)."""
    rows = await tx.fetch(
        "UPDATE identities SET member_id = $3, updated_at = $4 WHERE tenant_id = $1 AND unionid = $2 AND member_id IS NULL "
        "RETURNING app_id",
        *(tx.tenant_id, unionid, member_id, tx.now),
    )
    for row in rows:
        tx.emit(IdentityLinked(subject_id=member_id, app_id=row["app_id"]))


async def link_identity(tx: Tx, member_id: UUID, *, app_id: str, openid: str) -> None:
    """Make a WeChat account (and every account of the same unionid) this member's.

    Raises Conflict when it belongs to another member: an account maps to one member (X-10, S4-17).
    """
    await wait_for_account(tx, app_id, openid)
    owner = await tx.value(
        "SELECT member_id FROM identities WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 FOR UPDATE",
        *(tx.tenant_id, app_id, openid),
    )
    if owner is not None and owner != member_id:
        raise Conflict(code="member.identity_taken", where="openid")
    if owner == member_id:
        return
    await tx.execute(
        "UPDATE identities SET member_id = $4, updated_at = $5 WHERE tenant_id = $1 AND member_id IS NULL AND ("
        "(app_id = $2 AND openid = $3) OR unionid = (SELECT unionid FROM identities "
        "  WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 AND unionid IS NOT NULL))",
        *(tx.tenant_id, app_id, openid, member_id, tx.now),
    )
    tx.emit(IdentityLinked(subject_id=member_id, app_id=app_id))


async def ids_after(tx: Tx, after: UUID | None, *, limit: int) -> list[UUID]:
    """The next members in the order of their ids; records that were merged into another one or erased are nobody."""
    rows = await tx.fetch(
        "SELECT id FROM members WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id > $2) AND state NOT IN ('merged', 'erased') "
        "ORDER BY id LIMIT $3",
        *(tx.tenant_id, after, limit),
    )
    return [row["id"] for row in rows]


async def levels_of(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Everybody's level now, not locked: for who holds the account of growth, which whoever moves levels holds first."""
    rows = await tx.fetch(
        "SELECT id, level FROM members WHERE tenant_id = $1 AND id = ANY($2)", tx.tenant_id, list(member_ids)
    )
    return {row["id"]: row["level"] for row in rows}


async def lock_levels(tx: Tx, member_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Everybody's level now, locked in the order of the ids. Whoever holds a ledger account too takes that first."""
    rows = await tx.fetch(
        "SELECT id, level FROM members WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        *(tx.tenant_id, list(member_ids)),
    )
    return {row["id"]: row["level"] for row in rows}


async def set_levels(tx: Tx, levels: Mapping[UUID, str]) -> set[UUID]:
    """Move members to other levels and tell whose it was not yet; what happened is recorded by who knows the steps."""
    now = await lock_levels(tx, list(levels))
    moved = [(member_id, level) for member_id, level in levels.items() if now.get(member_id, level) != level]
    if moved:
        await tx.execute(
            "UPDATE members m SET level = v.level FROM unnest($2::uuid[], $3::text[]) AS v(id, level) "
            "WHERE m.tenant_id = $1 AND m.id = v.id",
            *(tx.tenant_id, *columns(moved, 2)),
        )
    return {member_id for member_id, _ in moved}


async def end_all_of(tx: Tx, *member_ids: UUID) -> int:
    """End every session that these members opened by phone; returns how many.

    After what made them end was written: who enters meanwhile waits for that or is found here.
    """
    return await tx.execute(
        "DELETE FROM member_sessions WHERE tenant_id = $1 AND member_id = ANY($2)", tx.tenant_id, list(member_ids)
    )


async def forget_sessions(tx: Tx, *, most: int) -> bool:
    """Forget sessions of all merchants that are over; True when there may be more."""
    gone = await tx.execute(
        "DELETE FROM member_sessions WHERE token_hash IN "
        "(SELECT token_hash FROM member_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        *(tx.now, most),
    )
    return gone == most

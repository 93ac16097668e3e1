"""What becomes of each line: who is known, what changes, who takes whose phone, what was booked before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import AppError, Conflict
from huida.modules import loyalty, members, tenants
from huida.modules.moving.reading import EXPIRED, Level, Row, Setting, Store

PORTION: Final = 250
"""Lines of one transaction: nobody who needs one of its members waits longer than for these."""


class Planned(msgspec.Struct):
    """One line with what becomes of it: `created`, `updated`, `unchanged` or `refused`.

    `changes` are new columns of a known member; `books` are amounts by unit that are not booked yet; `expired` are points
    whose day is over, which are not booked.
    """

    row: Row
    status: str = "unchanged"
    member_id: UUID | None = None
    changes: dict[str, Any] = {}
    books: dict[str, int] = {}
    booked_before: dict[str, int] = {}
    expired: int = 0

    def refuse(self, error: AppError) -> None:
        self.row.refuse(error)
        self.status, self.member_id, self.changes, self.books, self.booked_before = "refused", None, {}, {}, {}
        self.expired = 0

    def drop_expired(self, today: date) -> None:
        """Points whose last day is over are not booked: they would expire, and be told of, the next night."""
        last = self.row.points_expire
        if last is None or last >= today or "points" not in self.books:
            return
        self.expired = self.books.pop("points")
        if not any(note.code == EXPIRED for note in self.row.notes):
            self.row.tell(EXPIRED, "points_expire", points=self.expired, day=last.isoformat())
        if self.status == "updated" and not self.books and not self.changes:
            self.status = "unchanged"


async def setting_of(tx: Tx) -> Setting:
    """The merchant's stores and levels of now."""
    stores = [Store(one.id, one.code, one.name) for one in (await tenants.stores_by_code(tx)).values()]
    rules = await loyalty.rules_of(tx)
    levels = [Level(level.code, level.name, level.growth * loyalty.GROWTH_FEN) for level in rules.levels]
    return Setting(stores, levels, tx.today)


async def plan(tx: Tx, rows: Sequence[Row], setting: Setting) -> list[Planned]:
    """Decide every line without changing anything: matched by card number, else by phone.

    A phone that its owner gives up in the same file is free (B-26).
    """
    made = [Planned(row, status="refused" if row.error is not None else "unchanged") for row in rows]
    good = [one for one in made if one.row.error is None]
    _refuse_repeats(good)
    good = [one for one in good if one.row.error is None]
    hashes = {one.row.phone: members.phone_hash(tx, one.row.phone) for one in good if one.row.phone}
    known = await members.directory(
        tx, card_nos=[one.row.card_no for one in good if one.row.card_no], hashes=list(hashes.values())
    )
    matches: dict[int, Any] = {}
    of_member: dict[UUID, Planned] = {}
    for one in good:
        match = _match(one, known, hashes)
        gone = gone_or_replaced(one.row.card_no, match, known)
        if gone is not None:
            one.refuse(gone)
            continue
        if match is not None:
            first = of_member.setdefault(match["id"], one)
            if first is not one:
                one.refuse(Conflict(code="moving.twice", where="phone", row=first.row.number))
                continue
            matches[one.row.number] = match
    _refuse_taken_phones([one for one in good if one.row.error is None], known, hashes, matches, of_member)
    stores = {store.code: store.id for store in setting.stores}
    for one in good:
        if one.row.error is None:
            _decide(one, matches.get(one.row.number), hashes, stores)
    await _openings(tx, [one for one in good if one.row.error is None], setting)
    for one in good:
        one.drop_expired(setting.today)
    return made


def _match(one: Planned, known: members.Directory, hashes: Mapping[str, bytes]) -> Any:
    if one.row.card_no:
        return known.of_card(one.row.card_no)
    return known.by_phone.get(hashes[one.row.phone])


def gone_or_replaced(card_no: str, match: Any, known: members.Directory) -> Conflict | None:
    """Why a line's member takes no more: merged into another record, erased, left; or the card was replaced."""
    if match is None:
        taken = bool(card_no) and members.card_key(card_no) in known.replaced
        return Conflict(code=members.CARD_REPLACED, where="card_no") if taken else None
    if match["state"] == "merged":
        return Conflict(code="moving.merged", where="card_no" if card_no else "phone")
    if match["state"] in ("left", "erased"):
        return Conflict(code="member.not_active", where="card_no" if card_no else "phone", state=match["state"])
    return None


def _refuse_repeats(made: Iterable[Planned]) -> None:
    """A card or a phone that the file names twice is refused the second time; cards in any case."""
    seen: dict[tuple[str, str], int] = {}
    for one in made:
        row = one.row
        for where, value in (("card_no", members.card_key(row.card_no)), ("phone", row.phone)):
            first = seen.setdefault((where, value), row.number) if value else row.number
            if first != row.number:
                one.refuse(Conflict(code="moving.twice", where=where, row=first))
                break


def _refuse_taken_phones(
    good: Sequence[Planned],
    known: members.Directory,
    hashes: Mapping[str, bytes],
    matches: Mapping[int, Any],
    of_member: Mapping[UUID, Planned],
) -> None:
    """Until nothing changes: whoever is refused keeps the phone, and so the one who wanted it is refused too."""
    waiting = list(good)
    while waiting:
        still = []
        for one in waiting:
            if not one.row.phone:
                continue
            owner = known.by_phone.get(hashes[one.row.phone])
            match = matches.get(one.row.number)
            # A record that was merged into this member gives its phone up to it.
            if owner is None or (match is not None and match["id"] in (owner["id"], owner["merged_into"])):
                continue
            theirs = of_member.get(owner["id"])
            if theirs is not None and theirs.row.error is None and theirs.row.phone not in ("", one.row.phone):
                still.append(one)
            elif theirs is not None and theirs.row.number != one.row.number:
                one.refuse(Conflict(code="moving.phone_stays", where="phone", row=theirs.row.number))
            else:
                one.refuse(Conflict(code="member.phone_taken", where="phone"))
        if len(still) == len(waiting):
            return
        waiting = still


def _decide(one: Planned, match: Any, hashes: Mapping[str, bytes], stores: Mapping[str, UUID]) -> None:
    """Cells that are filled and differ; an empty cell leaves the member as it is. When somebody joined is not changed."""
    row = one.row
    one.books = {
        unit: amount
        for unit, amount in (
            *(("points", row.points), ("cny_principal", row.principal_fen), ("cny_gift", row.gift_fen)),
            ("growth", row.growth_fen),
        )
        if amount
    }
    if match is None:
        one.status = "created"
        return
    wanted = {"name": row.name, "birthday": row.birthday, "note": row.note, "store_id": stores.get(row.store)}
    one.changes = {column: value for column, value in wanted.items() if value and value != match[column]}
    if row.tags and set(row.tags) - set(match["tags"]):
        one.changes["tags"] = list(dict.fromkeys([*match["tags"], *row.tags]))[: members.MOST_TAGS]
    if row.phone and hashes[row.phone] != match["phone_hash"]:
        one.changes["phone"] = row.phone
    one.member_id, one.status = match["id"], "updated" if one.changes else "unchanged"


def _fill_up(one: Planned, has_fen: int, opened: Mapping[str, int], setting: Setting) -> dict[str, int]:
    """Have a line that names a level and no growth book what its member lacks of it; returns what there is already."""
    needs = one.books.get("growth", 0)
    if not one.row.growth_by_level or not needs or not has_fen or ("growth" in opened and has_fen < needs):
        return {}
    del one.books["growth"]
    if has_fen < needs:
        one.books["growth"] = needs - has_fen
    elif has_fen > needs:
        level = next((level.name for level in setting.levels if level.code == one.row.level), one.row.level)
        if all(note.code != "moving.level_has_more" for note in one.row.notes):
            one.row.tell("moving.level_has_more", "level", level=level)
    return {"growth": min(has_fen, needs)}


async def _openings(tx: Tx, good: Sequence[Planned], setting: Setting) -> None:
    """What was booked before is not booked again; another amount than the one that was is refused, never added."""
    with_value = [one for one in good if one.member_id is not None and one.books]
    ids = [one.member_id for one in with_value if one.member_id is not None]
    before = await loyalty.openings_of(tx, ids)
    growth = await loyalty.growth_fen_of(tx, ids)
    for one in with_value:
        assert one.member_id is not None
        opened = before.get(one.member_id, {})
        had = _fill_up(one, growth.get(one.member_id, 0), opened, setting)
        for unit, amount in one.books.items():
            if opened.get(unit, amount) != amount:
                one.refuse(
                    Conflict(code="moving.opened_before", where=unit, unit=unit, before=opened[unit], now=amount)
                )
                break
        else:
            one.booked_before = {unit: amount for unit, amount in one.books.items() if unit in opened} | had
            one.books = {unit: amount for unit, amount in one.books.items() if unit not in opened}
            if one.books:
                one.status = "updated"


def portions(made: Sequence[Planned], known_owner: Mapping[int, int]) -> list[int]:
    """The portion of each line, from 0: about PORTION lines each, and who takes whose phone is never cut apart.

    `known_owner` says of a line which other line's member has the phone that it takes.
    """
    root = {one.row.number: one.row.number for one in made}

    def top(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    for number, other in known_owner.items():
        first, second = sorted((top(number), top(other)))
        root[second] = first
    groups: dict[int, list[int]] = defaultdict(list)
    for one in made:
        groups[top(one.row.number)].append(one.row.number)
    portion_of: dict[int, int] = {}
    portion = size = 0
    for group in groups.values():
        if size and size + len(group) > PORTION:
            portion, size = portion + 1, 0
        size += len(group)
        portion_of |= dict.fromkeys(group, portion)
    return [portion_of[one.row.number] for one in made]


async def phone_owners(tx: Tx, made: Sequence[Planned]) -> dict[int, int]:
    """Of each line that takes a phone which another line's member has now: that other line."""
    taking = {
        members.phone_hash(tx, one.row.phone): one.row.number
        for one in made
        if one.status != "refused" and one.row.phone
    }
    owners = (await members.directory(tx, card_nos=[], hashes=list(taking))).by_phone
    line_of = {one.member_id: one.row.number for one in made if one.member_id is not None}
    return {
        number: line_of[owner["id"]]
        for phone, number in taking.items()
        if (owner := owners.get(phone)) is not None and line_of.get(owner["id"], number) != number
    }

"""Two records of one person become one: everything that one had becomes the other's, with a receipt of what moved."""

from uuid import UUID

import msgspec

from huida.kernel.db import Row, Tx
from huida.kernel.errors import Conflict, Invalid
from huida.kernel.ids import uuid7
from huida.modules import coupons, ledger, loyalty, mall, members, messaging, orders, verification
from huida.modules.lives.facts import MembersMerged
from huida.modules.lives.owned import POINTS, in_all
from huida.modules.loyalty import GROWTH_FEN

MERGE = "merge"


class Receipt(msgspec.Struct, frozen=True):
    """What moved, by its owner's module."""

    orders: dict[str, list[UUID]]
    coupons: list[UUID]
    mall: dict[str, list[UUID]]
    password: bool
    ledger: ledger.Carried
    members: members.Joined


class Side(msgspec.Struct, frozen=True):
    """One of two records, as a person compares them. `growth` in points of growth (whole yuan)."""

    row: Row
    units: dict[str, int]
    coupons: int
    purchases: int
    accounts: int

    @property
    def growth(self) -> int:
        return self.units.get("growth", 0) // GROWTH_FEN


def check_two(stays: UUID, goes: UUID) -> None:
    """Raises Invalid for a record and itself."""
    if stays == goes:
        raise Invalid(code="member.same_record", where="goes")


async def sides(tx: Tx, *, stays: UUID, goes: UUID) -> tuple[Side, Side]:
    """Both records with what they have. Raises Invalid, NotFound, Conflict for one that cannot be merged."""
    check_two(stays, goes)
    both = [stays, goes]
    units = await ledger.balances(tx, both)
    unused = await coupons.how_many_open(tx, both)
    bought = await orders.how_many(tx, both)
    found = []
    for member_id in both:
        row = await members.get(tx, member_id)
        _check(row)
        accounts = len(await members.accounts(tx, member_id))
        found.append(
            Side(row, units[member_id], unused.get(member_id, 0), bought.get(member_id, 0), accounts),
        )
    return found[0], found[1]


def _check(row: Row) -> None:
    if row["state"] != "active":
        raise Conflict(code="member.not_active", state=row["state"], where="goes")


async def merge(tx: Tx, *, stays: UUID, goes: UUID) -> UUID:
    """Make all that `goes` has the survivor's; returns the merge. Alone with the merchant: nobody who looked one of the two
    up before is still writing, and who comes after is led to the survivor by card, phone, account and session.

    Raises Invalid for one record, NotFound (another merchant's among them), Conflict `member.not_active`.
    """
    check_two(stays, goes)
    await ledger.lock(tx, sorted([stays, goes]))
    rows = await members.lock_rows(tx, [stays, goes])
    for row in rows.values():
        _check(row)
    merge_id = uuid7()
    receipt = Receipt(
        orders=await orders.hand_over(tx, source=goes, target=stays),
        coupons=await coupons.hand_over(tx, source=goes, target=stays),
        mall=await mall.hand_over(tx, source=goes, target=stays),
        password=await verification.hand_over(tx, source=goes, target=stays),
        ledger=await ledger.hand_over(tx, source=goes, target=stays, source_type=MERGE, source_id=merge_id),
        members=await members.join_rows(tx, stays=rows[stays], goes=rows[goes]),
    )
    await messaging.hand_over(tx, source=goes, target=stays)
    await tx.execute(
        "INSERT INTO member_merges (tenant_id, id, survivor_id, merged_id, receipt, at) VALUES ($1, $2, $3, $4, $5, $6)",
        *(tx.tenant_id, merge_id, stays, goes, msgspec.json.encode(receipt).decode(), tx.now),
    )
    tx.emit(
        MembersMerged(
            subject_id=stays,
            merge_id=merge_id,
            merged_id=goes,
            card_no=rows[stays]["card_no"],
            merged_card_no=rows[goes]["card_no"],
            points=in_all(receipt.ledger.units, *POINTS),
            balance_fen=in_all(receipt.ledger.units, "cny_principal", "cny_gift"),
            coupons=len(receipt.coupons),
            purchases=len(receipt.orders["purchases"]),
        )
    )
    await level_quietly(tx, goes)
    await loyalty.read_levels(tx, await loyalty.rules_of(tx), [stays])
    return merge_id


async def level_quietly(tx: Tx, member_id: UUID) -> None:
    """Give a record the level of its growth without telling anybody: that it became one with another is no news of its level."""
    growth = (await ledger.balances(tx, [member_id]))[member_id].get("growth", 0)
    await members.set_levels(tx, {member_id: loyalty.level_for(await loyalty.rules_of(tx), growth).code})

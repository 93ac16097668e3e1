"""Doors of members' lives: the console (`/api/console/members/{id}/…`) and another card for tills (`/api/v1/members`)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from huida.kernel.db import ReadTx, Tx
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.secrets import mask_phone
from huida.kernel.web import actor_of, key_alone, once, staff_alone, staff_read
from huida.modules import loyalty, members
from huida.modules.lives import erasing, leaving, merging, undoing, views
from huida.modules.lives.owned import POINTS, Owned, in_all, owned

console = Router(prefix="/api/console/members", tags=["console"])
open_api = Router(prefix="/api/v1/members", tags=["members"])

AMOUNT = Field(ge=0, le=2**53)


class CardIn(Body):
    """`lost` is the number that is replaced, as it was seen; without `card_no` a number is made."""

    lost: str = Field(min_length=1, max_length=32)
    card_no: str | None = Field(None, max_length=32)
    reason: str = Field(max_length=20)


class LeaveIn(Body):
    """The amounts as they were shown to who confirms. With money to pay out, `way` is cash, bank, wechat or other."""

    principal_fen: int = AMOUNT
    gift_fen: int = AMOUNT
    points: int = AMOUNT
    coupons: int = AMOUNT
    way: str = Field("", max_length=20)
    note: str = Field("", max_length=200)


class EraseIn(Body):
    """The member's card number, typed by who confirms."""

    card_no: str = Field(max_length=32)


class MergeIn(Body):
    """The record that becomes this member's."""

    goes: UUID


@console.get("/{member_id}/life")
async def life(member_id: UUID, tx: ReadTx = staff_read("members.view")) -> views.Life:
    row = await members.get(tx, member_id)
    into = None if row["merged_into"] is None else await members.get(tx, row["merged_into"])
    return {
        "state": row["state"],
        "left_at": row["left_at"],
        "merged_into": None if into is None else {"id": into["id"], "card_no": into["card_no"], "name": into["name"]},
        "old_cards": [
            {"card_no": one["card_no"], "reason": one["reason"], "at": one["at"]}
            for one in await members.old_cards(tx, member_id)
        ],
        "merged": [_show_merged(one) for one in await undoing.merges_of(tx, member_id)],
        "owned": _show_owned(await owned(tx, member_id)),
    }


@console.post("/{member_id}/card")
async def replace_card(member_id: UUID, body: CardIn, tx: Tx = staff_alone("members.edit")) -> views.NewCard:
    """Another card number in place of one that was lost or damaged: the old one is refused from now on."""
    return await _another_card(tx, member_id, body)


@open_api.post("/{member_id}/card", response_model=views.NewCard)
async def open_replace_card(
    request: Request, member_id: UUID, body: CardIn, tx: Tx = key_alone("members.write")
) -> Response:
    """Another card number in place of one that was lost or damaged: the old one is refused from now on."""

    async def work() -> tuple[int, Any]:
        return 200, await _another_card(tx, member_id, body)

    return await once(tx, request, work)


async def _another_card(tx: Tx, member_id: UUID, body: CardIn) -> views.NewCard:
    number = await members.replace_card(
        tx, member_id, lost=body.lost.strip(), card_no=body.card_no or None, reason=body.reason
    )
    return {"card_no": number}


@console.post("/{member_id}/leave")
async def leave(member_id: UUID, body: LeaveIn, tx: Tx = staff_alone("members.close")) -> views.Owned:
    """End a membership: own money is paid out, gifts and points are forfeited, as they were shown and confirmed."""
    seen = leaving.Seen(body.principal_fen, body.gift_fen, body.points, body.coupons)
    return _show_owned(await leaving.leave(tx, member_id, seen, way=body.way, note=body.note))


@console.post("/{member_id}/erase", status_code=204)
async def erase(member_id: UUID, body: EraseIn, tx: Tx = staff_alone("members.close")) -> None:
    """Erase the personal data of a member who has left; cannot be undone."""
    await erasing.erase(tx, member_id, card_no=body.card_no)


@console.get("/{member_id}/merge/{goes_id}")
async def preview_merge(
    request: Request, member_id: UUID, goes_id: UUID, tx: ReadTx = staff_read("members.edit")
) -> views.MergePreview:
    """Both records before they become one, side by side."""
    stay, go = await merging.sides(tx, stays=member_id, goes=goes_id)
    whole = members.sees_whole(actor_of(request).may)
    names = await loyalty.level_names(tx)
    return {"stays": _show_side(tx, stay, whole, names), "goes": _show_side(tx, go, whole, names)}


@console.post("/{member_id}/merge", status_code=201)
async def merge(member_id: UUID, body: MergeIn, tx: Tx = staff_alone("members.edit")) -> views.Merged:
    """Make all that another record of the same person has this member's; can be undone for a day."""
    merge_id = await merging.merge(tx, stays=member_id, goes=body.goes)
    return {"merge_id": merge_id, "undo_until": undoing.until(tx.now)}


@console.post("/{member_id}/merges/{merge_id}/undo", status_code=204)
async def undo_merge(member_id: UUID, merge_id: UUID, tx: Tx = staff_alone("members.edit")) -> None:
    """Give the merged record back what it had; what came since stays with this member."""
    await undoing.undo(tx, member_id, merge_id)


def _show_owned(has: Owned) -> views.Owned:
    return {
        "principal_fen": has.principal_fen,
        "gift_fen": has.gift_fen,
        "points": has.points,
        "pending_points": has.pending_points,
        "coupons": has.coupons,
        "held_fen": has.held_fen,
        "open_things": has.open_things,
    }


def _show_merged(row: Any) -> views.MergedRecord:
    return {
        "merge_id": row["id"],
        "member_id": row["merged_id"],
        "card_no": row["card_no"],
        "name": row["name"],
        "at": row["at"],
        "undo_until": undoing.until(row["at"]),
        "undone_at": row["undone_at"],
    }


def _show_side(tx: ReadTx, side: merging.Side, whole: bool, levels: Mapping[str, str]) -> views.Side:
    row = side.row
    phone = members.phone_of(tx, row)
    return {
        "id": row["id"],
        "card_no": row["card_no"],
        "name": row["name"],
        "phone": phone if phone is None or whole else mask_phone(phone),
        "level_name": levels.get(row["level"], row["level"]),
        "joined_at": row["joined_at"],
        "points": in_all(side.units, *POINTS),
        "balance_fen": in_all(side.units, "cny_principal", "cny_gift"),
        "growth": side.growth,
        "coupons": side.coupons,
        "purchases": side.purchases,
        "accounts": side.accounts,
    }

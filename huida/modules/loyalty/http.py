"""Loyalty's doors: the merchant's rules, corrections by hand, the member's balances and records."""

from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
from fastapi import Depends, Request
from pydantic import Field

from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.intake.versions import Replacing, must_replace, version_of
from huida.kernel.money import MOST_FEN, MOST_POINTS
from huida.kernel.web import Listing, Page, actor_of, key_read, member_read, page, paged, staff_read, staff_tx
from huida.modules import ledger, members
from huida.modules.loyalty import views
from huida.modules.loyalty.levels import would_move
from huida.modules.loyalty.rules import Rules
from huida.modules.loyalty.service import adjust, rules_of, save_rules

console = Router(prefix="/api/console/loyalty", tags=["loyalty"])
open_api = Router(prefix="/api/v1", tags=["balances"])
member = Router(prefix="/api/member", tags=["member"])

Paging = Annotated[Page, Depends(page)]


class LevelIn(Body):
    code: str = Field(min_length=1, max_length=32)
    name: str = Field(max_length=40)
    growth: int = Field(ge=0)
    rate_bp: int = Field(ge=0, le=1_000_000)


class GiftTierIn(Body):
    from_fen: int = Field(gt=0, le=MOST_FEN)
    gift_fen: int = Field(ge=0, le=MOST_FEN)
    gift_points: int = Field(ge=0, le=MOST_POINTS)


class LoyaltyRulesIn(Replacing):
    points_per_100_yuan: int
    store_rate_bp: dict[Annotated[str, Field(max_length=32)], int]
    earn_on_balance: bool
    levels: list[LevelIn] = Field(max_length=50)
    gift_tiers: list[GiftTierIn] = Field(max_length=50)
    points_expire_months: int
    points_ripen_days: int = Field(ge=0, le=366)
    expiry_notice_days: int = Field(ge=0, le=90)


class LevelsIn(Body):
    levels: list[LevelIn] = Field(max_length=50)


class Adjustment(Body):
    """A correction by hand, with its reason. `key` is made by the form, so that a double click corrects once."""

    key: UUID
    points: int = Field(0, ge=-MOST_POINTS, le=MOST_POINTS)
    balance_fen: int = Field(0, ge=-MOST_FEN, le=MOST_FEN)
    note: str = Field(min_length=1, max_length=500, pattern=r"\S")


@console.get("/rules")
async def read_rules(tx: ReadTx = staff_read("loyalty.view")) -> views.LoyaltyRules:
    return _show_rules(await rules_of(tx))


def _show_rules(rules: Rules) -> views.LoyaltyRules:
    return cast(views.LoyaltyRules, msgspec.to_builtins(rules) | {"version": version_of(rules)})


async def _version(tx: Tx) -> str:
    return version_of(await rules_of(tx))


@console.put("/rules")
async def write_rules(body: LoyaltyRulesIn, tx: Tx = staff_tx("loyalty.edit")) -> views.LoyaltyRules:
    """Replace the rules, effective now."""
    await must_replace(tx, "loyalty.rules", body.version, _version(tx))
    new = msgspec.convert(body.replacement(), Rules)
    await save_rules(tx, new)
    return _show_rules(new)


@console.post("/rules/preview")
async def preview_rules(body: LevelsIn, tx: ReadTx = staff_read("loyalty.edit")) -> views.RulesPreview:
    """What saving these levels would do to those who are members already."""
    new = msgspec.convert({"levels": [level.model_dump() for level in body.levels]}, Rules)
    wrong = new.check()
    if wrong:
        raise Invalid(code="loyalty.bad_rules", where=wrong)
    return {"moved": await would_move(tx, new)}


@console.post("/members/{member_id}/adjust")
async def adjust_member(member_id: UUID, body: Adjustment, tx: Tx = staff_tx("loyalty.adjust")) -> views.Adjusted:
    await members.require_here(tx, member_id)
    settled = await adjust(
        tx, member_id, points=body.points, balance_fen=body.balance_fen, note=body.note, key=body.key
    )
    return {"points_after": settled.points_after, "balance_after_fen": settled.balance_after_fen}


@console.get("/members/{member_id}/transfers")
async def member_transfers(
    member_id: UUID, paging: Paging, unit: str = "points", tx: ReadTx = staff_read("members.view")
) -> Listing[views.Transfer]:
    await members.get(tx, member_id)
    return await _transfers(tx, member_id, unit, paging)


@open_api.get("/members/{card_no}/balances")
async def balances_by_card(card_no: str, tx: ReadTx = key_read("balances.read")) -> views.MemberBalances:
    """Points and stored value (principal and gift) of a member by card number."""
    known = (await members.by_card_no(tx, [card_no])).get(card_no)
    if known is None:
        raise NotFound(code="member.not_found", where="card_no")
    if known.state == members.REPLACED:
        raise Conflict(code=known.refusal_code, where="card_no")
    return _shown(await ledger.balances(tx, [known.id]), known.id)


@member.get("/balances")
async def my_balances(request: Request, tx: ReadTx = member_read()) -> views.MyBalances:
    me = actor_of(request).id
    ripening: list[views.Ripening] = [
        {"ripe_at": row["ripe_at"], "points": row["amount"]} for row in await ledger.pending_of(tx, me)
    ]
    return {**_shown(await ledger.balances(tx, [me]), me), "ripening": ripening}


@member.get("/transfers")
async def my_transfers(
    request: Request, paging: Paging, unit: str = "points", tx: ReadTx = member_read()
) -> Listing[views.Transfer]:
    """The member's own records of one unit, newest first."""
    return await _transfers(tx, actor_of(request).id, unit, paging)


def _shown(found: dict[UUID, dict[str, int]], owner: UUID) -> views.MemberBalances:
    now = found[owner]
    principal, gift = now.get("cny_principal", 0), now.get("cny_gift", 0)
    return {
        "points": now.get("points", 0),
        "points_pending": now.get("points_pending", 0),
        "balance_fen": principal + gift,
        "principal_fen": principal,
        "gift_fen": gift,
    }


def small_int(part: Any) -> int:
    """A sequence number of the ledger. Raises ValueError."""
    if type(part) is not int or not 0 <= part < 2**63:
        raise ValueError(part)
    return part


async def _transfers(tx: ReadTx, owner_id: UUID, unit: str, paging: Page) -> Listing[views.Transfer]:
    units = ["cny_principal", "cny_gift"] if unit == "balance" else [unit]
    rows = await ledger.transfers(
        tx, owner_id, units, before=paging.key(datetime.fromisoformat, str, small_int), limit=paging.limit + 1
    )
    return paged(rows, paging, lambda r: (r["at"].isoformat(), r["unit"], r["seq"]), _show_transfer)


def _show_transfer(row: Any) -> views.Transfer:
    return {
        "unit": row["unit"],
        "seq": row["seq"],
        "amount": row["amount"],
        "balance_after": row["balance_after"],
        "reason": row["reason"],
        "source_type": row["source_type"],
        "source_id": row["source_id"],
        "at": row["at"],
    }

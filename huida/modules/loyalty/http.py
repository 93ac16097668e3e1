"""Loyalty's doors: the merchant's rules, corrections by hand, the member's balances and records."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Request

from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import Invalid
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.web import Listing, Page, actor_of, key_read, member_read, page, paged, staff_read, staff_tx
from huida.modules import ledger, members
from huida.modules.loyalty import views
from huida.modules.loyalty.rules import Rules
from huida.modules.loyalty.service import adjust, rules_of, save_rules

console = Router(prefix="/api/console/loyalty", tags=["loyalty"])
open_api = Router(prefix="/api/v1", tags=["balances"])
member = Router(prefix="/api/member", tags=["member"])

Paging = Annotated[Page, Depends(page)]


class Adjustment(Body):
    """A correction by hand. `key` is made by the form, so that a double click corrects once."""

    key: UUID
    points: int = 0
    balance_fen: int = 0
    note: str


@console.get("/rules")
async def read_rules(tx: ReadTx = staff_read("loyalty.view")) -> views.LoyaltyRules:
    return _show_rules(await rules_of(tx))


def _show_rules(rules: Rules) -> views.LoyaltyRules:
    shown: views.LoyaltyRules = msgspec.to_builtins(rules)
    return shown


@console.put(
    "/rules",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/LoyaltyRules"}}},
        }
    },
)
async def write_rules(request: Request, tx: Tx = staff_tx("loyalty.edit")) -> views.LoyaltyRules:
    try:
        new = msgspec.json.decode(await request.body(), type=Rules)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise Invalid(code="request.invalid", detail=str(wrong)) from None
    await save_rules(tx, new)
    return _show_rules(new)


@console.post("/members/{member_id}/adjust")
async def adjust_member(member_id: UUID, body: Adjustment, tx: Tx = staff_tx("loyalty.adjust")) -> views.Adjusted:
    await members.get(tx, member_id)
    settled = await adjust(
        tx, member_id, points=body.points, balance_fen=body.balance_fen, note=body.note, key=body.key
    )
    return {"points_after": settled.points_after, "balance_after_fen": settled.balance_after_fen}


@console.get("/members/{member_id}/transfers")
async def member_transfers(
    member_id: UUID, paging: Paging, unit: str = "points", tx: ReadTx = staff_read("members.view")
) -> Listing[views.Transfer]:
    return await _transfers(tx, member_id, unit, paging)


@open_api.get("/members/{card_no}/balances")
async def balances_by_card(card_no: str, tx: ReadTx = key_read("balances.read")) -> views.MemberBalances:
    """Points and stored value (principal and gift) of a member by card number."""
    known = (await members.by_card_no(tx, [card_no])).get(card_no)
    if known is None:
        raise Invalid(code="member.not_found", where="card_no")
    return _shown(await ledger.balances(tx, [known.id]), known.id)


@member.get("/balances")
async def my_balances(request: Request, tx: ReadTx = member_read()) -> views.MemberBalances:
    me = actor_of(request).id
    return _shown(await ledger.balances(tx, [me]), me)


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

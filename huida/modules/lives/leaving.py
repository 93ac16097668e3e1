"""Leaving: own money is paid out, what the shop gave is forfeited, both only as somebody saw and confirmed them."""

from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid, WrongState
from huida.kernel.ids import uuid7
from huida.kernel.money import yuan
from huida.modules import coupons, ledger, loyalty, members, verification
from huida.modules.ledger import Entry, Move
from huida.modules.lives.facts import MemberLeft
from huida.modules.lives.owned import Owned, owned

WAYS: Final = ("cash", "bank", "wechat", "other")
PAID_OUT: Final = "cny_principal"
REASON: Final = "member_left"


class Seen(msgspec.Struct, frozen=True):
    """What the person who confirms saw: the same names as in `Owned`."""

    principal_fen: int
    gift_fen: int
    points: int
    coupons: int


async def leave(tx: Tx, member_id: UUID, seen: Seen, *, way: str, note: str) -> Owned:
    """End a membership; returns what was paid out and forfeited. Alone with the merchant, so nothing comes in between.

    One who has left and got value since (a refund, a late payment) is paid out in the same way. Raises NotFound, WrongState,
    Invalid without a way when money is paid out, and Conflict: `member.has_balance` when nothing was confirmed,
    `member.changed_since_seen` for other amounts than confirmed, `member.open_business`.
    """
    await ledger.lock(tx, [member_id])
    row = (await members.lock_rows(tx, [member_id]))[member_id]
    has = await owned(tx, member_id)
    if row["state"] not in {"active", "frozen"} and not (row["state"] in {"left", "erased"} and has.has_balance):
        raise WrongState(current=row["state"], target="left")
    _check(has, seen, way=way)
    await _settle(tx, member_id)
    taken = await coupons.void_all(tx, member_id, reason=REASON)
    if row["state"] in {"active", "frozen"}:
        await members.leave(tx, member_id)
        await verification.forget_password(tx, member_id)
    tx.emit(
        MemberLeft(
            subject_id=member_id,
            card_no=row["card_no"],
            principal_fen=has.principal_fen,
            gift_fen=has.gift_fen,
            points=has.points,
            coupons=taken,
            way=way if has.principal_fen else "",
            note="" if row["state"] == "erased" else note.strip(),
        )
    )
    if row["state"] in {"active", "frozen"}:
        await loyalty.read_levels(tx, await loyalty.rules_of(tx), [member_id])
    return has


def _check(has: Owned, seen: Seen, *, way: str) -> None:
    if has.open_things:
        raise Conflict(code="member.open_business", count=has.open_things)
    shown: dict[str, Any] = {
        "principal": yuan(has.principal_fen),
        "gift": yuan(has.gift_fen),
        "points": has.points,
        "coupons": has.coupons,
    }
    confirmed = Seen(has.principal_fen, has.gift_fen, has.points, has.coupons)
    if seen != confirmed:
        nothing = seen == Seen(0, 0, 0, 0)
        raise Conflict(code="member.has_balance" if nothing else "member.changed_since_seen", **shown)
    if has.principal_fen and way not in WAYS:
        raise Invalid(code="member.bad_payout_way", where="way")


async def _settle(tx: Tx, member_id: UUID) -> None:
    """Own money goes to the member, everything else ends here; growth too, so that who comes back begins anew."""
    units = (await ledger.balances(tx, [member_id]))[member_id]
    moves = [
        Move(member_id, unit, -amount, *(("cash_out", "payout") if unit == PAID_OUT else ("forfeited", "forfeited")))
        for unit, amount in sorted(units.items())
        if amount > 0
    ]
    if moves:
        await ledger.move(tx, Entry("leaving", uuid7(), tuple(moves)))

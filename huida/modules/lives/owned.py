"""What a member owns, as a person must see it before it changes hands or ends."""

from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.modules import coupons, ledger, mall

POINTS = ("points", "points_pending")


class Owned(msgspec.Struct, frozen=True):
    """Amounts in fen; `points` with those that are not ripe yet (`pending_points` of them).

    `held_fen` is promised to a withdrawal; `open_things` are orders, online recharges and withdrawals that go on.
    """

    principal_fen: int
    gift_fen: int
    points: int
    pending_points: int
    coupons: int
    held_fen: int
    open_things: int

    @property
    def has_balance(self) -> bool:
        return bool(self.principal_fen or self.gift_fen or self.points)


def in_all(units: dict[str, int], *names: str) -> int:
    """The sum of these units; one that was never touched is 0."""
    return sum(units.get(name, 0) for name in names)


async def owned(tx: Tx, member_id: UUID) -> Owned:
    """What this member owns now."""
    units = (await ledger.balances(tx, [member_id]))[member_id]
    free = await ledger.available(tx, member_id, "cny_principal")
    return Owned(
        principal_fen=units.get("cny_principal", 0),
        gift_fen=units.get("cny_gift", 0),
        points=in_all(units, *POINTS),
        pending_points=units.get("points_pending", 0),
        coupons=(await coupons.how_many_open(tx, [member_id])).get(member_id, 0),
        held_fen=units.get("cny_principal", 0) - free,
        open_things=await mall.how_many_open(tx, member_id),
    )

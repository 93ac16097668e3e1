"""What sales, refunds and recharges do to points, growth, stored value and level, one by one or in batches alike (B-08)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Tx
from huida.kernel.money import Fen
from huida.modules import ledger, members
from huida.modules.ledger import Entry, Move, Posted, Short
from huida.modules.loyalty import rules as pure
from huida.modules.loyalty.rules import Rules

STORED_VALUE = ("cny_principal", "cny_gift")
JOINED_AT = "normal"
"""The level of whoever joins: the first, whatever code the rules give it."""


class Sale(msgspec.Struct, frozen=True, gc=False):
    """A purchase as loyalty sees it: who, where, when, how much, and how much of it from stored value."""

    id: UUID
    member: members.Known
    store_code: str
    total_fen: int
    balance_fen: int
    bought_at: datetime


class Settled(msgspec.Struct, frozen=True, gc=False):
    """What a sale or recharge moved, and the balances after it (None: not touched by it).

    `points` are ripe, `pending` ones not yet. `level` is (before, after) when it lifted the member.
    """

    points: int = 0
    pending: int = 0
    principal_fen: int = 0
    gift_fen: int = 0
    points_after: int | None = None
    balance_after_fen: int | None = None
    level: tuple[str, str] | None = None


def points_of(rules: Rules, sale: Sale, *, level: str | None = None) -> int:
    """What a sale earns, at the member's level or at the given one."""
    earning = sale.total_fen if rules.earn_on_balance else sale.total_fen - sale.balance_fen
    return pure.points_for(rules, Fen(earning), level=level or sale.member.level, store=sale.store_code)


def growth_of(rules: Rules, sale: Sale) -> int:
    """The growth that a sale gives, in fen; none where no level needs any."""
    return sale.total_fen if pure.has_levels(rules) else 0


class _Planned(msgspec.Struct, frozen=True, gc=False):
    """A sale's moves, how stored value splits, and what is left of it."""

    moves: tuple[Move, ...]
    split: tuple[int, int]
    balance: int | None


class _Batch:
    """Plans sales in their order: each finds the level and the stored value that those before it leave."""

    def __init__(self, tx: Tx, rules: Rules, wallet: dict[tuple[UUID, str], int], followed: Iterable[UUID]) -> None:
        self.now = tx.now
        self.rules = rules
        self.wallet = wallet
        self.followed = {member_id: wallet.get((member_id, "growth"), 0) for member_id in followed}
        self.levels: dict[UUID, str] = {}
        self.expires_at = pure.expiry_of(rules, tx.today)

    def plan(self, sale: Sale) -> _Planned:
        moves: list[Move] = []
        split, payable = (0, 0), True
        who = sale.member.id
        if sale.balance_fen:
            split, payable = self._pay(sale)
            moves += [
                Move(who, unit, -part, "sales", "purchase")
                for unit, part in zip(STORED_VALUE, split, strict=True)
                if part
            ]
        level = self.levels.get(who, sale.member.level)
        points = points_of(self.rules, sale, level=level)
        if points:
            moves.append(self._earn(sale, points))
        growth = growth_of(self.rules, sale)
        if growth:
            moves.append(Move(who, "growth", growth, "growth_issued", "purchase"))
            if payable and who in self.followed:
                self.followed[who] += growth
                self.levels[who] = pure.level_for(self.rules, self.followed[who]).code
        left = sum(self.wallet.get((who, unit), 0) for unit in STORED_VALUE) if sale.balance_fen else None
        return _Planned(tuple(moves), split, left)

    def _pay(self, sale: Sale) -> tuple[tuple[int, int], bool]:
        own, gift = (self.wallet.get((sale.member.id, unit), 0) for unit in STORED_VALUE)
        split = pure.split_payment(Fen(sale.balance_fen), principal=own, gift=gift)
        if sale.balance_fen > own + gift:
            return split, False
        self.wallet[sale.member.id, "cny_principal"] = own - split[0]
        self.wallet[sale.member.id, "cny_gift"] = gift - split[1]
        return split, True

    def _earn(self, sale: Sale, points: int) -> Move:
        ripe_at = pure.ripe_at(self.rules, sale.bought_at.astimezone(SHOP_ZONE).date())
        if ripe_at is not None and ripe_at > self.now:
            return Move(sale.member.id, "points_pending", points, "points_issued", "purchase", ripe_at)
        return Move(sale.member.id, "points", points, "points_issued", "purchase", self.expires_at)


async def settle_sales(tx: Tx, rules: Rules, sales: Sequence[Sale]) -> list[Settled | Short]:
    """Post what sales earn and spend; one result per sale, as if they came one after another.

    A sale that stored value cannot pay is Short, alone. Who is lifted to another level is there already; the steps are in
    the results, for the caller to record in the order of the sales.
    """
    times = Counter(sale.member.id for sale in sales)
    followed = {member_id for member_id, often in times.items() if often > 1} if pure.has_levels(rules) else set()
    needs = followed or any(sale.balance_fen for sale in sales)
    wallet = await ledger.lock(tx, sorted(times)) if needs else {}
    batch = _Batch(tx, rules, wallet, followed)
    planned = [batch.plan(sale) for sale in sales]
    posted = await ledger.post(
        tx, [Entry("purchase", sale.id, plan.moves) for sale, plan in zip(sales, planned, strict=True)]
    )
    results = [_settled(*each) for each in zip(sales, planned, posted, strict=True)]
    if pure.has_levels(rules):
        return await _lift(tx, rules, sales, posted, results)
    return results


def _settled(sale: Sale, plan: _Planned, result: Posted | Short) -> Settled | Short:
    if isinstance(result, Short):
        return Short("stored_value", needed=sale.balance_fen, available=plan.balance or 0)
    return Settled(
        points=_amount(plan.moves, "points"),
        pending=_amount(plan.moves, "points_pending"),
        principal_fen=plan.split[0],
        gift_fen=plan.split[1],
        points_after=result.balances.get((sale.member.id, "points")),
        balance_after_fen=plan.balance,
    )


def _amount(moves: Sequence[Move], unit: str) -> int:
    return next((move.amount for move in moves if move.unit == unit), 0)


async def _lift(
    tx: Tx, rules: Rules, sales: Sequence[Sale], posted: Sequence[Posted | Short], results: list[Settled | Short]
) -> list[Settled | Short]:
    """Give members the level of their growth and note in the results which sale lifted (or found) whom.

    Levels are read now that the accounts are locked: what a refund or other rules did until a moment ago counts, not what the
    look-up before the lock had seen. Whoever moves levels holds the account of growth first.
    """
    growth: dict[int, int] = {
        place: after
        for place, (sale, result) in enumerate(zip(sales, posted, strict=True))
        if isinstance(result, Posted) and (after := result.balances.get((sale.member.id, "growth"))) is not None
    }
    if not growth:
        return results
    level = await members.levels_of(tx, sorted({sales[place].member.id for place in growth}))
    known, first = {one.code for one in rules.levels}, pure.level_for(rules, 0).code
    last: dict[UUID, str] = {}
    for place, after in growth.items():
        who, result = sales[place].member.id, results[place]
        before, now = level.get(who, first), pure.level_for(rules, after).code
        if now == before or (now == first and before not in known and who not in last and before == JOINED_AT):
            continue
        assert isinstance(result, Settled)
        results[place] = msgspec.structs.replace(result, level=(before, now))
        level[who] = last[who] = now
    if last:
        await members.set_levels(tx, last)
    return results


async def settle_recharge(tx: Tx, rules: Rules, *, recharge_id: UUID, member_id: UUID, paid: Fen) -> Settled:
    """Credit a recharge with its gift."""
    tier = pure.gift_for(rules, paid)
    moves = [Move(member_id, "cny_principal", paid, "cash_in", "recharge")]
    if tier.gift_fen:
        moves.append(Move(member_id, "cny_gift", tier.gift_fen, "gift_cost", "recharge"))
    if tier.gift_points:
        expires_at = pure.expiry_of(rules, tx.today)
        moves.append(Move(member_id, "points", tier.gift_points, "points_issued", "recharge", expires_at))
    posted = await ledger.move(tx, Entry("recharge", recharge_id, tuple(moves)))
    now = (await ledger.balances(tx, [member_id]))[member_id]
    return Settled(
        points=tier.gift_points,
        principal_fen=paid,
        gift_fen=tier.gift_fen,
        points_after=posted.balances.get((member_id, "points")),
        balance_after_fen=stored_value(now),
    )


def stored_value(balances: Mapping[str, int]) -> int:
    """Principal and gift together, in fen."""
    return sum(balances.get(unit, 0) for unit in STORED_VALUE)

"""What a shop's book-keeper would work out by hand: points, growth, level and stored value of each member.

Written from the guide's words, with fractions, and without a line of the product: what it says is compared with what the
product says. One member, one book; every amount is in fen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

LEVELS: Sequence[tuple[str, int, Fraction]] = (
    ("normal", 0, Fraction(1)),
    ("silver", 60, Fraction(6, 5)),
    ("gold", 250, Fraction(3, 2)),
)
"""Code, yuan of growth that it needs, and how much more than a point a yuan it earns."""
GIFTS = ((5_000, 300, 5), (10_000, 1_000, 20))
"""Recharged at least so much, so much on top, and so many points."""


@dataclass
class Sold:
    """A purchase and what has gone back of it."""

    total: int
    paid_own: int
    paid_gift: int
    points: int
    growth: int
    back: int = 0

    @property
    def paid(self) -> int:
        return self.paid_own + self.paid_gift


@dataclass
class Book:
    """One member's account."""

    own: int = 0
    gift: int = 0
    points: int = 0
    growth: int = 0
    level: str = "normal"
    sold: dict[str, Sold] = field(default_factory=dict)

    def recharge(self, paid: int) -> None:
        self.own += paid
        reached = [tier for tier in GIFTS if paid >= tier[0]]
        if reached:
            _, gift, points = reached[-1]
            self.gift += gift
            self.points += points

    def history(self, total: int) -> None:
        """A purchase of an earlier system: it counts for the level and for nothing else."""
        self._grow(total)

    def buy(self, number: str, total: int, from_balance: int) -> bool:
        """False when the member has too little."""
        stored = self.own + self.gift
        if from_balance > stored:
            return False
        gift = floor(Fraction(from_balance * self.gift, stored)) if from_balance else 0
        rate = next(rate for code, _, rate in LEVELS if code == self.level)
        points = floor(Fraction(total, 100) * rate)
        self.own -= from_balance - gift
        self.gift -= gift
        self.points += points
        self.sold[number] = Sold(total, from_balance - gift, gift, points, total)
        self._grow(total)
        return True

    def refund(self, number: str, amount: int) -> None:
        """A part of a purchase goes back: of everything what belongs to it, of points no more than there are."""
        sold = self.sold[number]
        before, after = (Fraction(back, sold.total) for back in (sold.back, sold.back + amount))
        stored = floor(sold.paid * after), floor(sold.paid * before)
        gift = [floor(Fraction(sold.paid_gift * back, sold.paid)) if sold.paid else 0 for back in stored]
        self.gift += gift[0] - gift[1]
        self.own += stored[0] - stored[1] - (gift[0] - gift[1])
        self.points -= min(floor(sold.points * after) - floor(sold.points * before), self.points)
        sold.back += amount
        self._grow(-amount)

    def _grow(self, fen: int) -> None:
        self.growth += fen
        self.level = [code for code, yuan, _ in LEVELS if self.growth >= yuan * 100][-1]

"""Money and points as whole numbers with their unit in the type."""

import re
from typing import NewType

Fen = NewType("Fen", int)
Points = NewType("Points", int)

MOST_FEN = 100_000_000_00
"""No single amount is beyond a hundred million yuan."""
MOST_POINTS = 10_000_000_000

_YUAN = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,2}))?")


def yuan(amount_fen: int) -> str:
    """`1250` fen as `12.50`, without a currency sign."""
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}{abs(amount_fen) // 100}.{abs(amount_fen) % 100:02d}"


def fen(text: str) -> Fen:
    """`12.5` yuan as 1250 fen. Raises ValueError for anything that is not an exact amount."""
    match = _YUAN.fullmatch(text.strip().removeprefix("¥").removesuffix("元"))
    if match is None:
        raise ValueError(f"not an amount in yuan: {text!r}")
    sign, whole, part = match.groups()
    amount = int(whole) * 100 + int((part or "0").ljust(2, "0"))
    return Fen(-amount if sign else amount)


def bp_of(amount: int, rate_bp: int) -> int:
    """`rate_bp` basis points of an amount, rounded down (toward the house, never a fraction)."""
    return amount * rate_bp // 10_000

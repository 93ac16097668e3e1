"""What the people of the simulation know by heart: their purchases and what they own."""

from dataclasses import dataclass
from uuid import UUID


@dataclass
class Purchase:
    """What the till knows of a purchase, and what came back."""

    member: UUID
    total: int
    balance: int
    refunded: int = 0


@dataclass
class Wallet:
    points: int = 0
    balance: int = 0

"""The ledger: who owns how many points, how much stored value, how many message parts.

Owns: accounts, transfers, lots, holds. Transfers are immutable and posted once per business fact; a correction is a
new transfer that names the one it reverses. Balances move by one guarded statement (`ledger_post`, a PL/pgSQL function)
and can never fall below what is held. Stored value keeps principal (`cny_principal`) and gift (`cny_gift`) apart.
Invariants: see `invariants.py`. It records no facts of its own: the module that moves value says what happened.
"""

from huida.modules.ledger.hand_over import Carried, CarriedHold, CarriedLot, hand_over, take_apart
from huida.modules.ledger.invariants import INVARIANTS
from huida.modules.ledger.lots import expire_lots, expiring, of_source, pending_of, ripe_lots
from huida.modules.ledger.models import UNITS, Account, Hold, Lot, Transfer
from huida.modules.ledger.rules import Entry, Move, Posted, Short, admit
from huida.modules.ledger.service import (
    InsufficientBalance,
    available,
    balances,
    capture,
    expire_holds,
    hold,
    is_posted,
    last_of,
    lock,
    move,
    post,
    release,
    reverse,
    transfers,
)
from huida.modules.ledger.sources import given, sums

__all__ = [
    "INVARIANTS",
    "UNITS",
    "Account",
    "Carried",
    "CarriedHold",
    "CarriedLot",
    "Entry",
    "Hold",
    "InsufficientBalance",
    "Lot",
    "Move",
    "Posted",
    "Short",
    "Transfer",
    "admit",
    "available",
    "balances",
    "capture",
    "expire_holds",
    "expire_lots",
    "expiring",
    "given",
    "hand_over",
    "hold",
    "is_posted",
    "last_of",
    "lock",
    "move",
    "of_source",
    "pending_of",
    "post",
    "release",
    "reverse",
    "ripe_lots",
    "sums",
    "take_apart",
    "transfers",
]

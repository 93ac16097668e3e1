"""A small proof of work in the page, asked for while a merchant's hour is above its usual (R-10).

No service of others is needed and nobody has to read a picture: the page looks for a number whose hash begins with so many
zero bits, which costs a phone about a second, and whoever wants thousands of codes thousands of them. The challenge is
signed, belongs to one phone at one merchant, ends after three minutes and is used once.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from huida.kernel.errors import AppError
from huida.kernel.secrets import Sealer

LIFE: Final = timedelta(minutes=3)
BITS: Final = 16
HARDER: Final = 2
"""Bits more for each doubling of the usual number of codes: four times the work."""
MOST_BITS: Final = 22
PURPOSE: Final = "verification.proof"


class ProofNeeded(AppError):
    """Solve `challenge`: find an `answer` so that SHA-256 of `challenge.answer` begins with `bits` zero bits; then ask again."""

    status = 428
    code = "verification.proof_needed"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the page brings: the challenge that it was given, and what it found."""

    challenge: str = ""
    answer: str = ""


def bits_for(count: int, usual: int) -> int:
    """How hard it is for the `count`-th code of an hour in which `usual` are usual."""
    doublings = max(0, (count - 1) // usual).bit_length() - 1
    return min(MOST_BITS, BITS + HARDER * max(0, doublings))


def challenge(sealer: Sealer, *, subject: str, bits: int, now: datetime) -> str:
    """A fresh challenge for `subject` (a merchant's number and a phone)."""
    ends = int((now + LIFE).timestamp())
    open_part = f"{bits}.{ends}.{secrets.token_hex(8)}"
    return f"{open_part}.{_signature(sealer, subject, open_part)}"


def is_solved(sealer: Sealer, proof: Proof, *, subject: str, bits: int, now: datetime) -> bool:
    """Whether the challenge is ours, for this subject, not over, as hard as it must be now or a step before, and solved."""
    open_part, _, signature = proof.challenge.rpartition(".")
    if not proof.challenge.isascii() or not proof.answer.isascii():
        return False
    if not hmac.compare_digest(_signature(sealer, subject, open_part), signature):
        return False
    given_bits, ends, _ = open_part.split(".")
    # While the page worked it may have become one step harder.
    if int(given_bits) < bits - HARDER or int(ends) < now.timestamp():
        return False
    digest = hashlib.sha256(f"{proof.challenge}.{proof.answer}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - int(given_bits)) == 0


def _signature(sealer: Sealer, subject: str, open_part: str) -> str:
    return sealer.blind_index(f"{subject}/{open_part}", purpose=PURPOSE).hex()

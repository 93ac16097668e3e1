"""Passwords and second factors: hashing, rules, time steps. No database."""

import asyncio
import re
import secrets
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import ARGON2_VERSION

from huida.kernel.errors import Invalid
from huida.kernel.secrets import Secret

SHORTEST: Final = 10
LONGEST: Final = 200
STEP_S: Final = 30
ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"

# RFC 9106's second choice (64 MiB, 3 passes) is argon2-cffi's default. Hashing runs in a thread, never in a transaction.
_hasher = PasswordHasher()

# Its own threads: what is slow for another reason (a file, a name to look up) never stands in a login's way.
_pool: Final = ThreadPoolExecutor(max_workers=4, thread_name_prefix="passwords")


def _nobodys() -> str:
    """A hash that no password has and that takes as long to refuse as anybody's. Not hashed: that would slow every start."""
    salt, digest = (b64encode(bytes(n)).decode().rstrip("=") for n in (_hasher.salt_len, _hasher.hash_len))
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


NOBODYS: Final = _nobodys()


def one_time() -> str:
    """A password of 96 bits that can be read out and typed: four groups, no letters that look alike."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))


def check_password(password: str, *, login: str, where: str = "password") -> None:
    """Raises Invalid for a password that is too short, endless, one repeated character or the login itself."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(code="auth.password_length", where=where, shortest=SHORTEST, longest=LONGEST)
    if len(set(password)) < 4 or password.lower() == login.lower():
        raise Invalid(code="auth.password_weak", where=where)


async def hashed(password: str, *, login: str, where: str = "password") -> str:
    """The argon2id hash of a password that follows the rules. Raises Invalid, naming the field `where`."""
    check_password(password, login=login, where=where)
    return await asyncio.get_running_loop().run_in_executor(_pool, _hasher.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether this is the password; takes as long for a login that nobody has."""
    loop = asyncio.get_running_loop()
    same = await loop.run_in_executor(_pool, _matches, password_hash or NOBODYS, password[:LONGEST])
    return same and password_hash is not None


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def new_totp() -> Secret:
    """A fresh secret of 160 bits in base32."""
    return Secret(pyotp.random_base32())


def totp_address(secret: Secret, login: str) -> str:
    """What the QR code for the authenticator app holds."""
    return pyotp.TOTP(secret.reveal()).provisioning_uri(name=login, issuer_name="Huida")


def totp_step(secret: Secret, code: str, *, now: datetime) -> int | None:
    """The time step that a code belongs to: now, the one before or the one after; None when it is wrong (RFC 6238)."""
    if not re.fullmatch(r"[0-9]{6}", code):
        return None
    totp = pyotp.TOTP(secret.reveal())
    current = int(now.timestamp()) // STEP_S
    for step in (current, current - 1, current + 1):
        if pyotp.utils.strings_equal(totp.generate_otp(step), code):
            return step
    return None

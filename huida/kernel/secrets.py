"""Values that must not leak: sealed at rest, hidden in every repr, compared in constant time."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Secret:
    """A text whose value appears only through `reveal()`; logs and tracebacks show `Secret(***)`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))


class Unsealable(Exception):
    """The sealed value does not belong to this key or this purpose."""


@dataclass(frozen=True, repr=False)
class Sealer:
    """Seals secrets with AES-256-GCM under one master key; `purpose` is bound in, so a value cannot be moved."""

    master_key: bytes

    def seal(self, value: Secret, *, purpose: str) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.master_key).encrypt(nonce, value.reveal().encode(), purpose.encode())

    def unseal(self, sealed: bytes, *, purpose: str) -> Secret:
        """Raises Unsealable when key, purpose or bytes do not match."""
        try:
            return Secret(AESGCM(self.master_key).decrypt(sealed[:12], sealed[12:], purpose.encode()).decode())
        except InvalidTag as wrong:
            raise Unsealable(purpose) from wrong

    def blind_index(self, value: str, *, purpose: str) -> bytes:
        """A keyed hash for looking a sealed value up by equality (phones)."""
        return hmac.digest(self.master_key, f"{purpose}\x00{value}".encode(), "sha256")[:16]


def token(prefix: str) -> Secret:
    """A fresh random bearer token of 256 bits, with a prefix that tells what it opens."""
    return Secret(f"{prefix}_{base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b'=').decode()}")


def token_hash(value: str) -> bytes:
    """What is stored of a token: its SHA-256 (tokens are random, so no salt is needed)."""
    return hashlib.sha256(value.encode()).digest()


def mask_openid(openid: str) -> str:
    """An openid's ends: enough to tell a person's accounts apart, too little to use."""
    return f"{openid[:4]}****{openid[-4:]}" if len(openid) >= 16 else "****"


def mask_phone(phone: str) -> str:
    """`13800000001` as `138****0001`."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 7 else "****"

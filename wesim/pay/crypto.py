"""Signatures and encryption of APIv3 as pure functions (reference §1.2–§1.4, §2.2), written from the published rules."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

SCHEME = "WECHATPAY2-SHA256-RSA2048"
ALGORITHM = "AEAD_AES_256_GCM"


class Unopened(Exception):
    """The ciphertext does not belong to this key, nonce and associated data."""


def lines(*parts: str | bytes) -> bytes:
    """Every part on a line of its own, the last one too: all strings to sign of APIv3 look like this."""
    return b"".join((part.encode() if isinstance(part, str) else part) + b"\n" for part in parts)


def request_message(method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """`target` is the path with the query, percent-encoded as it was sent."""
    return lines(method, target, timestamp, nonce, body)


def answer_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What signs an answer or a callback."""
    return lines(timestamp, nonce, body)


def payment_message(appid: str, timestamp: str, nonce: str, package: str) -> bytes:
    """What `paySign` signs."""
    return lines(appid, timestamp, nonce, package)


def sign(key: rsa.RSAPrivateKey, message: bytes) -> str:
    return base64.b64encode(key.sign(message, PKCS1v15(), hashes.SHA256())).decode()


def is_signed(key: rsa.RSAPublicKey, message: bytes, signature: str) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def seal(api_v3_key: str, plain: bytes, *, nonce: str, associated: str) -> str:
    """Ciphertext and tag, base64; the key is its 32 ASCII bytes."""
    return base64.b64encode(AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), plain, associated.encode())).decode()


def unseal(api_v3_key: str, ciphertext: str, *, nonce: str, associated: str) -> bytes:
    """Raises Unopened."""
    try:
        whole = base64.b64decode(ciphertext, validate=True)
        return AESGCM(api_v3_key.encode()).decrypt(nonce.encode(), whole, associated.encode())
    except (InvalidTag, binascii.Error, ValueError):
        raise Unopened from None


@cache
def key_named(name: str) -> rsa.RSAPrivateKey:
    """A key made at its first use and kept for the life of the process: a reset world has the same ones."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def certificate_pem(key: rsa.RSAPrivateKey, *, serial: str, name: str, begins: float, ends: float) -> str:
    """A self-signed X.509 certificate with this serial."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int(serial, 16))
        .not_valid_before(datetime.fromtimestamp(begins, UTC))
        .not_valid_after(datetime.fromtimestamp(ends, UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()

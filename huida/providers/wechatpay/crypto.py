"""APIv3 signatures and sealed resources (reference: wechat-pay-and-sms §1.2–§1.4, §2.2).

Own code on `cryptography`; wesim has its own too, and both answer to the vectors of §6.
"""

import base64
import binascii
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from huida.kernel.secrets import Secret

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
KEYS_KEPT: Final = 1024


class BadKey(Exception):
    """Not an RSA key, or not a certificate of one."""


class Undecipherable(Exception):
    """The ciphertext does not belong to this APIv3 key."""


def to_sign(*parts: str) -> bytes:
    """The parts, each ended by a line feed, the last one too."""
    return "".join(f"{part}\n" for part in parts).encode()


def request_to_sign(method: str, target: str, *, timestamp: int, nonce: str, body: bytes) -> bytes:
    """`target` is path and query exactly as they go over the wire (§1.2)."""
    return to_sign(method, target, str(timestamp), nonce) + body + b"\n"


def answer_to_sign(timestamp: str, nonce: str, body: bytes) -> bytes:
    """Of answers and callbacks, over the raw body (§1.3)."""
    return to_sign(timestamp, nonce) + body + b"\n"


def signature(private_key: Secret, message: bytes) -> str:
    """Raises BadKey."""
    return base64.b64encode(_private_key(private_key).sign(message, PKCS1v15(), SHA256())).decode()


def is_signature(given: str, message: bytes, key: RSAPublicKey) -> bool:
    try:
        key.verify(base64.b64decode(given, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def authorization(*, mchid: str, serial: str, nonce: str, timestamp: int, signed: str) -> str:
    """The header of a signed request, on one line (§1.2)."""
    return f'{SCHEME} mchid="{mchid}",nonce_str="{nonce}",timestamp="{timestamp}",serial_no="{serial}",signature="{signed}"'


def unsealed(api_v3_key: Secret, *, ciphertext: str, nonce: str, associated_data: str | None) -> bytes:
    """The plaintext of a sealed resource or certificate; the tag is at the end (§1.4). Raises Undecipherable."""
    try:
        opener, bound = AESGCM(api_v3_key.reveal().encode()), (associated_data or "").encode()
        return opener.decrypt(nonce.encode(), base64.b64decode(ciphertext, validate=True), bound)
    except (InvalidTag, binascii.Error, ValueError) as wrong:
        raise Undecipherable from wrong


@lru_cache(maxsize=KEYS_KEPT)
def public_key(pem: str) -> RSAPublicKey:
    """WeChat Pay's public key as the merchant platform gives it. Raises BadKey."""
    try:
        found = load_pem_public_key(pem.encode())
    except ValueError as wrong:
        raise BadKey("public key") from wrong
    if not isinstance(found, RSAPublicKey):
        raise BadKey("public key")
    return found


def certificate(pem: bytes) -> x509.Certificate:
    """A platform certificate. Raises BadKey."""
    try:
        found = x509.load_pem_x509_certificate(pem)
    except ValueError as wrong:
        raise BadKey("certificate") from wrong
    if not isinstance(found.public_key(), RSAPublicKey):
        raise BadKey("certificate")
    return found


@lru_cache(maxsize=KEYS_KEPT)
def _private_key(pem: Secret) -> RSAPrivateKey:
    # Reading a PEM costs more than a signature: merchants' keys are read once.
    try:
        found = load_pem_private_key(pem.reveal().encode(), password=None)
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, RSAPrivateKey):
        raise BadKey("private key")
    return found

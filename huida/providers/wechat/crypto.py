"""WeChat's signatures and its message encryption (reference: wechat-platform §1.2, §1.4, §1.12, §4.2).

Own code on `cryptography`; wesim has its own too, and both answer to the published vectors of §7.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_MESSAGE_BLOCK = 32
_DATA_BLOCK = 16


class Undecipherable(Exception):
    """The ciphertext does not belong to this key or this account."""


def sorted_sha1(values: Iterable[str]) -> str:
    """SHA-1 of the values sorted and joined: the signature of pushes, of encrypted bodies and of cards (§1.2)."""
    return hashlib.sha1("".join(sorted(values)).encode(), usedforsecurity=False).hexdigest()


def same_signature(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


def jssdk_signature(*, ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """The signature for `wx.config`; the URL counts without its fragment (§1.12)."""
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def encrypt_message(message: bytes, *, aes_key: str, receive_id: str, prefix: bytes) -> str:
    """The base64 `Encrypt` of a message; `prefix` is 16 random bytes (§1.4)."""
    assert len(prefix) == 16
    key = _message_key(aes_key)
    plain = prefix + len(message).to_bytes(4, "big") + message + receive_id.encode()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(_padded(plain, _MESSAGE_BLOCK)) + encryptor.finalize()).decode()


def decrypt_message(encrypted: str, *, aes_key: str, receive_id: str) -> bytes:
    """The message inside `Encrypt`. Raises Undecipherable, also when it is meant for another account (§1.4)."""
    key = _message_key(aes_key)
    plain = _decrypted(encrypted, key=key, iv=key[:16], block=_MESSAGE_BLOCK)
    if len(plain) < 20:
        raise Undecipherable("short")
    end = 20 + int.from_bytes(plain[16:20], "big")
    if end > len(plain):
        raise Undecipherable("length")
    if not hmac.compare_digest(plain[end:], receive_id.encode()):
        raise Undecipherable("receive_id")
    return plain[20:end]


class Watermark(msgspec.Struct, frozen=True):
    appid: str
    timestamp: int


class _Marked(msgspec.Struct):
    watermark: Watermark


def decrypt_data(encrypted: str, *, session_key: str, iv: str, app_id: str) -> bytes:
    """The JSON inside a mini program's `encryptedData`. Raises Undecipherable, also for another app's data (§4.2)."""
    plain = _decrypted(encrypted, key=_b64(session_key), iv=_b64(iv), block=_DATA_BLOCK)
    try:
        marked = msgspec.json.decode(plain, type=_Marked)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise Undecipherable("not json") from wrong
    if marked.watermark.appid != app_id:
        raise Undecipherable("watermark")
    return plain


def raw_data_signature(raw_data: str, session_key: str) -> str:
    """The signature that a mini program sends along with `rawData` (§4.2)."""
    return hashlib.sha1((raw_data + session_key).encode(), usedforsecurity=False).hexdigest()


def _message_key(aes_key: str) -> bytes:
    key = _b64(aes_key + "=")
    if len(key) != 32:
        raise Undecipherable("key")
    return key


def _b64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as wrong:
        raise Undecipherable("base64") from wrong


def _decrypted(encrypted: str, *, key: bytes, iv: bytes, block: int) -> bytes:
    data = _b64(encrypted)
    if not data or len(data) % 16 or len(iv) != 16 or len(key) not in (16, 32):
        raise Undecipherable("size")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return _unpadded(decryptor.update(data) + decryptor.finalize(), block)


def _padded(plain: bytes, block: int) -> bytes:
    pad = block - len(plain) % block
    return plain + bytes([pad]) * pad


def _unpadded(plain: bytes, block: int) -> bytes:
    pad = plain[-1]
    if not 1 <= pad <= block or pad > len(plain) or plain[-pad:] != bytes([pad]) * pad:
        raise Undecipherable("padding")
    return plain[:-pad]

"""Signatures and encryption of WeChat (reference §1.2, §1.4, §1.12, §4.2), written from the published rules only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MESSAGE_BLOCK = 32
DATA_BLOCK = 16


class CryptoError(Exception):
    """The text could not be decrypted, or was for somebody else."""


def signature(*parts: str) -> str:
    """sha1 of the byte-wise sorted parts, joined: URL verification, msg_signature and card signature."""
    return hashlib.sha1("".join(sorted(parts, key=str.encode)).encode(), usedforsecurity=False).hexdigest()


def jssdk_signature(*, ticket: str, nonce: str, timestamp: str, url: str) -> str:
    """The signature of wx.config; the URL counts without its fragment (reference §1.12)."""
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.split('#', 1)[0]}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def raw_data_signature(raw_data: str, session_key: str) -> str:
    return hashlib.sha1((raw_data + session_key).encode(), usedforsecurity=False).hexdigest()


def session_signature(session_key: str) -> str:
    """What checksession expects (reference §4.1)."""
    return hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest()


def encrypt_message(text: str, *, aes_key: str, receive_id: str, prefix: bytes | None = None) -> str:
    """The base64 text of <Encrypt>. `prefix` fixes the 16 random bytes (for published vectors)."""
    key = _message_key(aes_key)
    body = text.encode()
    plain = (prefix or secrets.token_bytes(16)) + struct.pack(">I", len(body)) + body + receive_id.encode()
    return base64.b64encode(_encrypt(_pad(plain, MESSAGE_BLOCK), key, key[:16])).decode()


def decrypt_message(encrypted: str, *, aes_key: str, receive_id: str) -> str:
    """The message inside <Encrypt>. Raises CryptoError when it is damaged or for another receiver."""
    key = _message_key(aes_key)
    plain = _unpad(_decrypt(_b64(encrypted), key, key[:16]), MESSAGE_BLOCK)
    if len(plain) < 20:
        raise CryptoError("too short")
    (size,) = struct.unpack(">I", plain[16:20])
    body, tail = plain[20 : 20 + size], plain[20 + size :]
    if tail.decode("utf-8", "replace") != receive_id:
        raise CryptoError("for another receiver")
    return body.decode("utf-8", "replace")


def encrypt_data(text: str, *, session_key: str, iv: str) -> str:
    """encryptedData of a mini program (AES-128-CBC, reference §4.2)."""
    return base64.b64encode(_encrypt(_pad(text.encode(), DATA_BLOCK), _b64(session_key), _b64(iv))).decode()


def decrypt_data(encrypted: str, *, session_key: str, iv: str) -> str:
    """The JSON inside encryptedData. Raises CryptoError."""
    return _unpad(_decrypt(_b64(encrypted), _b64(session_key), _b64(iv)), DATA_BLOCK).decode()


def _message_key(aes_key: str) -> bytes:
    """32 bytes out of the 43 characters; the last character's spare bits do not count."""
    if len(aes_key) != 43:
        raise CryptoError("an EncodingAESKey has 43 characters")
    return _b64(aes_key + "=")


def _b64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as e:
        raise CryptoError("not base64") from e


def _pad(plain: bytes, block: int) -> bytes:
    count = block - len(plain) % block
    return plain + bytes([count]) * count


def _unpad(plain: bytes, block: int) -> bytes:
    count = plain[-1] if plain else 0
    if not 1 <= count <= block or plain[-count:] != bytes([count]) * count:
        raise CryptoError("bad padding")
    return plain[:-count]


def _encrypt(plain: bytes, key: bytes, iv: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def _decrypt(secret: bytes, key: bytes, iv: bytes) -> bytes:
    if not secret or len(secret) % 16:
        raise CryptoError("not whole blocks")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(secret) + decryptor.finalize()

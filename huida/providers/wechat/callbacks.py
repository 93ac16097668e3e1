"""Opening what WeChat pushes: signature, time window, decryption, typed events (reference: wechat-platform §1.2–§1.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from huida.kernel.secrets import Secret
from huida.providers.wechat.crypto import (
    Undecipherable,
    decrypt_message,
    encrypt_message,
    same_signature,
    sorted_sha1,
)
from huida.providers.wechat.events import Push, Unusable, typed

WINDOW: Final = timedelta(minutes=5)
LARGEST_BODY: Final = 256 * 1024
NOTHING_TO_SAY: Final = b"success"


class Mode(StrEnum):
    """How the account's console says that pushes are sent (§1.3)."""

    PLAIN = "plain"
    COMPATIBLE = "compatible"
    SAFE = "safe"


@dataclass(frozen=True, slots=True)
class CallbackKeys:
    """What one account's pushes are checked and opened with; `app_id` is the component's for relayed pushes."""

    app_id: str
    token: Secret
    aes_key: Secret | None = None
    mode: Mode = Mode.SAFE


class BadPush(Exception):
    """Not an authentic push: answer 403 and keep nothing. `reason` is safe to log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def answer_verification(keys: CallbackKeys, query: Mapping[str, str], *, now: datetime) -> str:
    """The `echostr` to answer when the console verifies the URL (§1.2). Raises BadPush."""
    _check_signature(keys, query, now=now)
    return query.get("echostr", "")


def open_push(keys: CallbackKeys, query: Mapping[str, str], body: bytes, *, now: datetime) -> Push:
    """The typed push inside a callback's body, XML or JSON, plain or encrypted. Raises BadPush (§1.3–§1.5)."""
    try:
        return typed(_opened(keys, query, body, now=now))
    except Unusable as wrong:
        raise BadPush(f"unusable: {wrong}") from wrong


def seal_reply(keys: CallbackKeys, reply: bytes, *, now: datetime, nonce: str, prefix: bytes) -> bytes:
    """A passive reply in the encrypted XML envelope; `prefix` is 16 random bytes (§1.4)."""
    assert keys.aes_key is not None
    timestamp = str(int(now.timestamp()))
    encrypted = encrypt_message(reply, aes_key=keys.aes_key.reveal(), receive_id=keys.app_id, prefix=prefix)
    signature = sorted_sha1((keys.token.reveal(), timestamp, nonce, encrypted))
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
    ).encode()


def seal_reply_json(keys: CallbackKeys, reply: bytes, *, now: datetime, nonce: str, prefix: bytes) -> bytes:
    """A passive reply in the encrypted JSON envelope."""
    assert keys.aes_key is not None
    timestamp = int(now.timestamp())
    encrypted = encrypt_message(reply, aes_key=keys.aes_key.reveal(), receive_id=keys.app_id, prefix=prefix)
    signature = sorted_sha1((keys.token.reveal(), str(timestamp), nonce, encrypted))
    return msgspec.json.encode(
        {"encrypt": encrypted, "msgsignature": signature, "timestamp": timestamp, "nonce": nonce}
    )


def parse(body: bytes) -> dict[str, Any]:
    """The fields of an XML or JSON body; repeated elements become a list. Raises BadPush."""
    if len(body) > LARGEST_BODY:
        raise BadPush("too large")
    fields: Any = None
    try:
        is_json = body.lstrip()[:1] == b"{"
        fields = msgspec.json.decode(body) if is_json else _element(fromstring(body, forbid_dtd=True))
    except (msgspec.MsgspecError, UnicodeDecodeError, ParseError, DefusedXmlException, ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise BadPush("not understood")
    return fields


def _opened(keys: CallbackKeys, query: Mapping[str, str], body: bytes, *, now: datetime) -> dict[str, Any]:
    _check_signature(keys, query, now=now)
    fields = parse(body)
    if keys.mode is Mode.PLAIN:
        return fields
    # The plain fields beside `Encrypt` (compatible mode) are covered by no signature: they are never read.
    encrypted = fields.get("Encrypt")
    if not isinstance(encrypted, str) or not encrypted:
        raise BadPush("not encrypted")
    if keys.aes_key is None:
        raise BadPush("no key")
    expected = sorted_sha1((keys.token.reveal(), query.get("timestamp", ""), query.get("nonce", ""), encrypted))
    if not same_signature(query.get("msg_signature", ""), expected):
        raise BadPush("msg_signature")
    try:
        inner = decrypt_message(encrypted, aes_key=keys.aes_key.reveal(), receive_id=keys.app_id)
    except Undecipherable as wrong:
        raise BadPush(f"undecipherable: {wrong}") from wrong
    return parse(inner)


def _check_signature(keys: CallbackKeys, query: Mapping[str, str], *, now: datetime) -> None:
    timestamp = query.get("timestamp", "")
    expected = sorted_sha1((keys.token.reveal(), timestamp, query.get("nonce", "")))
    if not same_signature(query.get("signature", ""), expected):
        raise BadPush("signature")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise BadPush("timestamp")
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        raise BadPush("time window")


def _element(element: Element) -> Any:
    if len(element) == 0:
        return element.text or ""
    fields: dict[str, Any] = {}
    for child in element:
        value = _element(child)
        if child.tag not in fields:
            fields[child.tag] = value
        elif isinstance(fields[child.tag], list):
            fields[child.tag].append(value)
        else:
            fields[child.tag] = [fields[child.tag], value]
    return fields

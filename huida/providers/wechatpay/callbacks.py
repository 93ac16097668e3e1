"""Opening what WeChat Pay tells: signature, time window, decryption, typed events (reference: wechat-pay-and-sms §1.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from huida.kernel.clock import Clock
from huida.kernel.http import ProviderOutcome
from huida.providers.readers import Key
from huida.providers.wechatpay.answers import RefundNotice, Sealed, Transaction, moment
from huida.providers.wechatpay.crypto import BadKey, Undecipherable, unsealed
from huida.providers.wechatpay.judge import NotAuthentic, SerialUnknown, check_signature
from huida.providers.wechatpay.keys import PayCredentials, PlatformKeys

LARGEST_BODY: Final = 64 * 1024
GOOD_STATUS: Final = 204
"""What takes a callback as heard, without a body. Everything that BadCallback says makes WeChat Pay tell it again."""

_ALGORITHM: Final = "AEAD_AES_256_GCM"
_PLAIN: Final[Mapping[str, type[Transaction] | type[RefundNotice]]] = {
    "TRANSACTION": Transaction,
    "REFUND": RefundNotice,
}


class BadCallback(Exception):
    """Keep nothing, answer `status` and `body`. `reason` is safe to log.

    401: not authentic, signature probes too. 400: authentic and not understood. 500: our keys are missing or wrong;
    people must hear of it.
    """

    def __init__(self, reason: str, *, status: int = 401) -> None:
        self.reason = reason
        self.status = status
        super().__init__(reason)

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"code": "FAIL", "message": self.reason})


@dataclass(frozen=True, slots=True)
class Callback:
    """One authentic event. It may come again, with this `event_id` or another: what it is about is the key."""

    event_id: str
    event_type: str
    created_at: datetime | None
    about: Transaction | RefundNotice | None  # None: an event that nobody here expects


class _Envelope(msgspec.Struct, frozen=True):
    id: Key
    event_type: Key
    resource: Sealed
    create_time: str = ""


async def parse_callback(
    keys: PlatformKeys, cred: PayCredentials, headers: Mapping[str, str], body: bytes, *, clock: Clock
) -> Callback:
    """The event in a callback to this merchant; `headers` by lower-case names. Raises BadCallback.

    A certificate that is new may have to be downloaded, so no transaction may be open.
    """
    if len(body) > LARGEST_BODY:
        raise BadCallback("too large", status=400)
    now = clock.now()
    try:
        check_signature(headers, body, find=lambda serial: keys.known(cred, serial), now=now)
    except SerialUnknown as missing:
        await _check_with_new_key(keys, cred, headers, body, serial=missing.serial, now=now)
    except NotAuthentic as wrong:
        raise BadCallback(wrong.reason) from None
    except BadKey as bad:
        raise BadCallback(f"our {bad} is none", status=500) from None
    return _opened(cred, body)


async def _check_with_new_key(
    keys: PlatformKeys, cred: PayCredentials, headers: Mapping[str, str], body: bytes, *, serial: str, now: datetime
) -> None:
    try:
        key = await keys.find(cred, serial)
    except ProviderOutcome:
        raise BadCallback("certificates not available", status=500) from None
    if key is None:
        raise BadCallback("serial unknown", status=500)
    try:
        check_signature(headers, body, find=lambda _: key, now=now)
    except NotAuthentic as wrong:
        raise BadCallback(wrong.reason) from None


def _opened(cred: PayCredentials, body: bytes) -> Callback:
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
        sealed = envelope.resource
        if sealed.algorithm != _ALGORITHM:
            raise BadCallback("algorithm unknown", status=400)
        plain = unsealed(
            cred.api_v3_key,
            ciphertext=sealed.ciphertext,
            nonce=sealed.nonce,
            associated_data=sealed.associated_data,
        )
        kind = _PLAIN.get(envelope.event_type.partition(".")[0])
        about = msgspec.json.decode(plain, type=kind) if kind is not None else None
    except Undecipherable:
        raise BadCallback("not sealed with our APIv3 key", status=500) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadCallback("not understood", status=400) from None
    if about is not None and about.mchid != cred.mchid:
        raise BadCallback("about another merchant", status=400)
    return Callback(envelope.id, envelope.event_type, moment(envelope.create_time), about)

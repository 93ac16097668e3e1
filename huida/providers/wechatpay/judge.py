"""Is the answer authentic, and what does it mean for the caller (reference: wechat-pay-and-sms §1.3, §1.6)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from huida.kernel.http import Answer, ProviderOutcome, Refused, Unavailable, Unknown
from huida.providers.wechatpay.answers import Trouble, decoded
from huida.providers.wechatpay.crypto import answer_to_sign, is_signature

WINDOW: Final = timedelta(minutes=5)
PROBE: Final = "WECHATPAY/SIGNTEST/"
_PREFIX: Final = "wechatpay."

ORDER_PAID: Final = "wechatpay.ORDER_PAID"
ORDER_CLOSED: Final = "wechatpay.ORDER_CLOSED"
ORDER_UNKNOWN: Final = "wechatpay.ORDER_NOT_EXIST"
REFUND_UNKNOWN: Final = "wechatpay.RESOURCE_NOT_EXISTS"
BAD_SIGNATURE: Final = "wechatpay.SIGN_ERROR"
_SPELLED: Final = {"ORDERPAID": "ORDER_PAID"}  # v2 and older pages write it without the underscore


class Weight(Enum):
    """What may have happened when an answer is missing, unsigned or an error of the server."""

    ASKS = "asks"  # nothing: ask again
    ORDERS = "orders"  # an order was made or closed, no money moved
    PAYS = "pays"  # money may have moved: even "too many calls" leaves that open (§2.5)


class NotAuthentic(Exception):
    """Not signed by WeChat Pay, as far as we can tell. `reason` is safe to log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class SerialUnknown(NotAuthentic):
    """Signed with a key that we do not have (yet)."""

    def __init__(self, serial: str) -> None:
        self.serial = serial
        super().__init__("serial unknown")


class KeyMissing(Unknown):
    """The answer names a key that we do not have; it may be judged again with it."""

    def __init__(self, answer: Answer, serial: str) -> None:
        self.answer = answer
        self.serial = serial
        super().__init__("answer signed with an unknown key")


def check_signature(
    headers: Mapping[str, str], body: bytes, *, find: Callable[[str], RSAPublicKey | None], now: datetime
) -> None:
    """Over the raw body, before anything is parsed. Raises NotAuthentic."""
    timestamp, nonce = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", "")
    signed, serial = headers.get("wechatpay-signature", ""), headers.get("wechatpay-serial", "")
    if not (timestamp and nonce and signed and serial):
        raise NotAuthentic("not signed")
    if signed.startswith(PROBE):
        raise NotAuthentic("signature probe")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise NotAuthentic("timestamp")
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        raise NotAuthentic("time window")
    key = find(serial)
    if key is None:
        raise SerialUnknown(serial)
    if not is_signature(signed, answer_to_sign(timestamp, nonce, body), key):
        raise NotAuthentic("signature")


def verified(answer: Answer, *, find: Callable[[str], RSAPublicKey | None], now: datetime, weight: Weight) -> bytes:
    """The body of an authentic success. Raises what anything else means."""
    try:
        check_signature(answer.headers, answer.body, find=find, now=now)
    except SerialUnknown as missing:
        raise KeyMissing(answer, missing.serial) from None
    except NotAuthentic as wrong:
        raise unverified(answer, wrong.reason, weight=weight) from None
    if answer.status in (200, 204):
        return answer.body
    raise outcome(answer, weight=weight)


def unverified(answer: Answer, reason: str, *, weight: Weight) -> ProviderOutcome:
    """An answer that proves nothing. Only a question may end otherwise than Unknown, for it changed nothing.

    401 is never signed, and says that our own key or serial is wrong: people must hear of that.
    """
    if weight is Weight.ASKS:
        if answer.status == 401:
            return Refused(BAD_SIGNATURE, "")
        if answer.status == 429 or answer.status >= 500:
            return Unavailable(f"http {answer.status}, {reason}")
    return Unknown(f"http {answer.status}, {reason}")


def outcome(answer: Answer, *, weight: Weight) -> ProviderOutcome:
    """What a verified refusal means."""
    trouble = decoded(Trouble, answer.body) if answer.status >= 400 else Trouble("")
    said = f"http {answer.status} {trouble.code} {answer.headers.get('request-id', '')}".strip()
    if answer.status == 429:
        return Unknown(said) if weight is Weight.PAYS else Unavailable(said)
    if answer.status >= 500:
        return Unavailable(said) if weight is Weight.ASKS else Unknown(said)
    if answer.status >= 400:
        return Refused(
            _PREFIX + _SPELLED.get(trouble.code, trouble.code),
            f"{trouble.message} {answer.headers.get('request-id', '')}".strip(),
        )
    return Unknown(said)  # 202: accepted, not finished

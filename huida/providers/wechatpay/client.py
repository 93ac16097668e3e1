"""Calls of WeChat Pay APIv3: JSAPI, mini-program and native payment, refunds, certificates (reference: wechat-pay-and-sms §1, §2).

Every number is the caller's own and written down before the call: after Unknown, ask by that number, or repeat the very
same call, which WeChat Pay answers with what it already did.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from huida.kernel.clock import SHOP_ZONE, Clock
from huida.kernel.http import Answer, Outgoing, ProviderOutcome, Refused, Unavailable, Unknown, one_call
from huida.providers.wechatpay.answers import Certificates, NativeCode, Prepaid, Refund, Transaction, decoded
from huida.providers.wechatpay.callbacks import Callback, parse_callback
from huida.providers.wechatpay.crypto import (
    BadKey,
    Undecipherable,
    authorization,
    certificate,
    request_to_sign,
    signature,
    to_sign,
    unsealed,
)
from huida.providers.wechatpay.judge import ORDER_UNKNOWN, REFUND_UNKNOWN, KeyMissing, Weight, verified
from huida.providers.wechatpay.keys import PayCredentials, PlatformKey, PlatformKeys, Ring

BASE: Final = "https://api.mch.weixin.qq.com"
BAD_CREDENTIALS: Final = "wechatpay.credentials"
# Whether these count characters or bytes is not documented: bytes are always short enough.
DESCRIPTION_BYTES: Final = 127
REASON_BYTES: Final = 80

A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeOrder:
    """What whoever scans a code is to pay; the app only has to belong to the merchant."""

    app_id: str
    out_trade_no: str
    description: str
    total_fen: int
    notify_url: str
    expires_at: datetime | None = None
    attach: str = ""
    goods_tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsapiOrder(NativeOrder):
    """What a person is to pay in a mini program or in a page of an official account."""

    openid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """What is to be given back of a paid order, `total_fen` being the whole order."""

    out_trade_no: str
    out_refund_no: str
    refund_fen: int
    total_fen: int
    reason: str = ""
    notify_url: str = ""


class JsapiParameters(msgspec.Struct, frozen=True, rename="camel"):
    """The signed set for wx.requestPayment; `appId` is for the bridge of official-account pages only."""

    app_id: str
    time_stamp: str
    nonce_str: str
    package: str
    sign_type: str
    pay_sign: str

    def __repr__(self) -> str:
        return "JsapiParameters(***)"


class WechatPay:
    """WeChat Pay of any merchant; credentials are an argument. An answer that cannot be verified is never a result.

    `notify_base` is where callbacks reach us, without the last part of the path.
    """

    def __init__(self, outgoing: Outgoing, *, clock: Clock, base_url: str = BASE, notify_base: str = "") -> None:
        self.notify_base = notify_base
        self._lane = outgoing.lane("wechatpay")
        self._clock = clock
        self._base = base_url
        self.keys = PlatformKeys(self._fetch_certificates, clock)

    async def prepay_jsapi(self, cred: PayCredentials, order: JsapiOrder) -> str:
        """A prepay_id, valid for two hours; the same order again gives one again (§2.1). Raises a ProviderOutcome.

        Refused(ORDER_PAID): it was paid already; Refused(ORDER_CLOSED): take a new number.
        """
        asked = _asked(cred, order) | {"payer": {"openid": order.openid}}
        body = await self._post(cred, "/v3/pay/transactions/jsapi", asked, weight=Weight.ORDERS)
        return decoded(Prepaid, body).prepay_id

    async def prepay_native(self, cred: PayCredentials, order: NativeOrder) -> str:
        """A code_url to show as a QR code, valid for two hours. Raises as `prepay_jsapi` does."""
        body = await self._post(cred, "/v3/pay/transactions/native", _asked(cred, order), weight=Weight.ORDERS)
        return decoded(NativeCode, body).code_url

    def jsapi_parameters(self, cred: PayCredentials, *, app_id: str, prepay_id: str) -> JsapiParameters:
        """What the page hands to wx.requestPayment (§2.2). Raises Refused(BAD_CREDENTIALS)."""
        timestamp, nonce, package = str(self._timestamp()), secrets.token_hex(16), f"prepay_id={prepay_id}"
        signed = _signed(cred, to_sign(app_id, timestamp, nonce, package))
        return JsapiParameters(app_id, timestamp, nonce, package, "RSA", signed)

    async def query(self, cred: PayCredentials, *, out_trade_no: str) -> Transaction | None:
        """The order by our own number; None when WeChat Pay does not know it (§2.3). Raises a ProviderOutcome."""
        path = f"/v3/pay/transactions/out-trade-no/{_escaped(out_trade_no)}?mchid={_escaped(cred.mchid)}"
        found = await self._ask(cred, path, Transaction, unknown=ORDER_UNKNOWN)
        if found is not None and (found.mchid, found.out_trade_no) != (cred.mchid, out_trade_no):
            raise Unknown("answer about another order")
        return found

    async def query_by_transaction(self, cred: PayCredentials, *, transaction_id: str) -> Transaction | None:
        """The order by WeChat Pay's number; None when WeChat Pay does not know it. Raises a ProviderOutcome."""
        path = f"/v3/pay/transactions/id/{_escaped(transaction_id)}?mchid={_escaped(cred.mchid)}"
        found = await self._ask(cred, path, Transaction, unknown=ORDER_UNKNOWN)
        if found is not None and (found.mchid, found.transaction_id) != (cred.mchid, transaction_id):
            raise Unknown("answer about another order")
        return found

    async def close(self, cred: PayCredentials, *, out_trade_no: str) -> None:
        """Close an unpaid order, any number of times (§2.3). Raises Refused(ORDER_PAID) or another ProviderOutcome."""
        path = f"/v3/pay/transactions/out-trade-no/{_escaped(out_trade_no)}/close"
        await self._post(cred, path, {"mchid": cred.mchid}, weight=Weight.ORDERS)

    async def refund(self, cred: PayCredentials, order: RefundOrder) -> Refund:
        """Give money back; the same refund again answers where it stands (§2.5). Raises a ProviderOutcome.

        After Unknown the money may be on its way: ask `query_refund`, or repeat under the same number, never another.
        """
        asked: dict[str, Any] = {
            "out_trade_no": order.out_trade_no,
            "out_refund_no": order.out_refund_no,
            "amount": {"refund": order.refund_fen, "total": order.total_fen, "currency": "CNY"},
        }
        if order.reason:
            asked["reason"] = fitted(order.reason, REASON_BYTES)
        if order.notify_url:
            asked["notify_url"] = order.notify_url
        found = decoded(Refund, await self._post(cred, "/v3/refund/domestic/refunds", asked, weight=Weight.PAYS))
        if found.out_refund_no != order.out_refund_no:
            raise Unknown("answer about another refund")
        return found

    async def query_refund(self, cred: PayCredentials, *, out_refund_no: str) -> Refund | None:
        """The refund by our own number; None when WeChat Pay does not know it. Raises a ProviderOutcome."""
        path = f"/v3/refund/domestic/refunds/{_escaped(out_refund_no)}"
        found = await self._ask(cred, path, Refund, unknown=REFUND_UNKNOWN)
        if found is not None and found.out_refund_no != out_refund_no:
            raise Unknown("answer about another refund")
        return found

    async def parse_callback(self, cred: PayCredentials, headers: Mapping[str, str], body: bytes) -> Callback:
        """The authentic event in a callback to this merchant; `headers` by lower-case names. Raises BadCallback.

        A certificate that is new is downloaded, so no transaction may be open.
        """
        return await parse_callback(self.keys, cred, headers, body, clock=self._clock)

    async def _ask(self, cred: PayCredentials, path: str, kind: type[A], *, unknown: str) -> A | None:
        await self._ready(cred)
        try:
            body = await self._call(cred, "GET", path, None, Weight.ASKS)
        except Refused as no:
            if no.code == unknown:
                return None
            raise
        return decoded(kind, body)

    async def _post(self, cred: PayCredentials, path: str, asked: dict[str, Any], *, weight: Weight) -> bytes:
        await self._ready(cred)
        return await self._call(cred, "POST", path, msgspec.json.encode(asked), weight)

    async def _ready(self, cred: PayCredentials) -> None:
        try:
            await self.keys.ready(cred)
        except BadKey as bad:
            raise Refused(BAD_CREDENTIALS, str(bad)) from None
        except Unknown as lost:
            # Fetching certificates changes nothing, and the call that wants them was not made.
            raise Unavailable(f"no certificates: {lost.reason}") from lost

    async def _call(self, cred: PayCredentials, method: str, path: str, body: bytes | None, weight: Weight) -> bytes:
        """The body of the verified answer; what was signed is what is sent."""

        def judge(answer: Answer) -> bytes:
            return verified(
                answer, find=lambda serial: self.keys.known(cred, serial), now=self._clock.now(), weight=weight
            )

        try:
            return await self._send(cred, method, path, body, judge)
        except KeyMissing as missing:
            new = missing
        # A certificate that is newer than our last download: the call was made, so only its answer is judged again.
        await self._find(cred, new.serial)
        async with one_call("wechatpay"):
            return judge(new.answer)

    async def _find(self, cred: PayCredentials, serial: str) -> None:
        try:
            await self.keys.find(cred, serial)
        except ProviderOutcome:
            pass

    async def _send(
        self, cred: PayCredentials, method: str, path: str, body: bytes | None, judge: Callable[[Answer], A]
    ) -> A:
        timestamp, nonce = self._timestamp(), secrets.token_hex(16)
        message = request_to_sign(method, path, timestamp=timestamp, nonce=nonce, body=body or b"")
        signed = _signed(cred, message)
        headers = {
            "accept": "application/json",
            "authorization": authorization(
                mchid=cred.mchid, serial=cred.serial, nonce=nonce, timestamp=timestamp, signed=signed
            ),
        }
        if cred.public_key_id:
            headers["wechatpay-serial"] = cred.public_key_id
        if body is None:
            return await self._lane.get(self._base + path, judge, headers)
        return await self._lane.post(self._base + path, body, judge, headers)

    async def _fetch_certificates(self, cred: PayCredentials) -> Ring:
        """The platform certificates, their own answer verified with one of them (§1.4). Raises a ProviderOutcome."""

        def judge(answer: Answer) -> Ring:
            ring, now = self._opened(cred, answer), self._clock.now()
            keys = {serial: one.key for serial, one in ring.items() if one.begins <= now < one.ends}

            def find(serial: str) -> RSAPublicKey | None:
                return keys.get(serial) or self.keys.known(cred, serial)

            verified(answer, find=find, now=now, weight=Weight.ASKS)
            return ring

        return await self._send(cred, "GET", "/v3/certificates", None, judge)

    def _opened(self, cred: PayCredentials, answer: Answer) -> Ring:
        if answer.status != 200:
            return {}
        ring: dict[str, PlatformKey] = {}
        for listed in decoded(Certificates, answer.body).data:
            sealed = listed.encrypt_certificate
            try:
                pem = unsealed(
                    cred.api_v3_key,
                    ciphertext=sealed.ciphertext,
                    nonce=sealed.nonce,
                    associated_data=sealed.associated_data,
                )
                found = certificate(pem)
            except (Undecipherable, BadKey):
                raise Refused(BAD_CREDENTIALS, "APIv3 key") from None
            key = found.public_key()
            assert isinstance(key, RSAPublicKey)
            if listed.serial_no.lstrip("0").upper() != f"{found.serial_number:X}":
                raise Unknown("certificate under another serial")
            ring[listed.serial_no] = PlatformKey(key, found.not_valid_before_utc, found.not_valid_after_utc)
        return ring

    def _timestamp(self) -> int:
        return int(self._clock.now().timestamp())


def _asked(cred: PayCredentials, order: NativeOrder) -> dict[str, Any]:
    """What every way to pay asks for. WeChat Pay refuses null and unknown names, so what is not wanted is left out."""
    asked: dict[str, Any] = {
        "appid": order.app_id,
        "mchid": cred.mchid,
        "description": fitted(order.description, DESCRIPTION_BYTES) or order.out_trade_no,
        "out_trade_no": order.out_trade_no,
        "notify_url": order.notify_url,
        "amount": {"total": order.total_fen, "currency": "CNY"},
    }
    if order.expires_at is not None:
        asked["time_expire"] = order.expires_at.astimezone(SHOP_ZONE).isoformat(timespec="seconds")
    return asked | {name: value for name, value in (("attach", order.attach), ("goods_tag", order.goods_tag)) if value}


def fitted(text: str, most_bytes: int) -> str:
    """The text without characters of four bytes (emoji), which WeChat Pay refuses (§1.1), cut to fit."""
    plain = "".join(letter for letter in text if ord(letter) <= 0xFFFF and letter.isprintable()).strip()
    return plain.encode()[:most_bytes].decode("utf-8", "ignore")


def _escaped(value: str) -> str:
    return quote(value, safe="")


def _signed(cred: PayCredentials, message: bytes) -> str:
    try:
        return signature(cred.private_key, message)
    except BadKey as bad:
        raise Refused(BAD_CREDENTIALS, str(bad)) from None

"""The gate of APIv3: who calls, is it signed, and the signature of the answer (reference §1.2–§1.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.responses import Response

from wesim.faults import Fault
from wesim.pay.crypto import SCHEME, answer_message, is_signed, key_named, request_message, sign
from wesim.pay.errors import KINDS, PayError, wrong_parameter
from wesim.pay.state import Merchant, Pay, nonce, pay_of
from wesim.routing import Call, Handler, is_whole
from wesim.world import World

CLOCK_WINDOW_S = 300
NONCE_MAX = 32
SHOWN_MAX = 512
PROBE = "WECHATPAY/SIGNTEST/"
NO_CONTENT = 204
_PAIR = re.compile(r'(\w+)="([^"]*)"')
_PARTS = {"mchid", "nonce_str", "timestamp", "serial_no", "signature"}

Work = Callable[[Pay, Merchant, Call], "dict[str, Any] | None"]


def by_method(**works: Work) -> Handler:
    """A handler for one path: who calls, then the method's work, then the signed answer. None answers 204."""

    async def handle(world: World, call: Call) -> Response:
        pay = pay_of(world)
        try:
            work = works.get(call.method)
            if work is None:
                raise PayError("METHOD_NOT_ALLOWED")
            merchant = admit(pay, call)
        except PayError as e:
            return unsigned(e)
        pay.carry_due()
        try:
            check_headers(pay, call)
            return answer(pay, merchant, call, work(pay, merchant, call))
        except PayError as e:
            return answer(pay, merchant, call, e.body(), status=e.status, number=e.number)

    return handle


def refuse(world: World, call: Call, fault: Fault) -> Response:
    """An ordered refusal, signed when the caller is known; `busy` is 500 SYSTEM_ERROR."""
    pay = pay_of(world)
    code = fault.code or "SYSTEM_ERROR"
    error = PayError(code, "" if fault.errmsg == "system error" else fault.errmsg)
    if code not in KINDS:
        error.status = fault.http_status
    try:
        merchant = admit(pay, call)
    except PayError:
        return unsigned(error)
    return answer(pay, merchant, call, error.body(), status=error.status, number=error.number)


def unknown(world: World, call: Call) -> Response:
    """A path that is not imitated: 404 with a code, signed when the caller is known (the exact text is UNCONFIRMED)."""
    pay = pay_of(world)
    error = PayError("RESOURCE_NOT_EXISTS", f"请求的资源不存在：{call.method} {call.path}", number=0)
    try:
        merchant = admit(pay, call)
    except PayError:
        return unsigned(error)
    return answer(pay, merchant, call, error.body(), status=error.status)


def admit(pay: Pay, call: Call) -> Merchant:
    """The merchant who signed this call. Raises PayError SIGN_ERROR, whose detail shows what the gate would have signed."""
    given = _authorization(call.headers.get("authorization", ""))
    merchant = pay.merchants.get(given["mchid"])
    if merchant is None:
        raise _sign_error("mchid", "merchant unknown")
    if not same_serial(given["serial_no"], merchant.serial):
        raise _sign_error("serial_no", "serial not match", said="商户证书序列号有误。")
    stamp = given["timestamp"]
    if not (is_whole(stamp) and abs(pay.world.clock.now() - int(stamp)) <= CLOCK_WINDOW_S):
        raise _sign_error("timestamp", "timestamp expired")
    if not 1 <= len(given["nonce_str"]) <= NONCE_MAX:
        raise _sign_error("nonce_str", "nonce too long")
    query = f"?{call.raw_query}" if call.raw_query else ""
    for path in call.signed_paths:
        message = request_message(call.method, path + query, stamp, given["nonce_str"], call.body)
        if is_signed(merchant.key.public_key(), message, given["signature"]):
            return merchant
    target = call.raw_path + query
    message = request_message(call.method, target, stamp, given["nonce_str"], call.body)
    raise _sign_error("signature", "sign not match", call=call, url=target, message=message)


def same_serial(given: str, known: str) -> bool:
    """Serials are numbers in hexadecimal: clients that read them out of a certificate write them in lower case."""
    return given.upper() == known.upper()


def check_headers(pay: Pay, call: Call) -> None:
    """Raises PayError PARAM_ERROR: JSON must be accepted, and sent as such."""
    accepts = call.headers.get("accept", "")
    if not ("application/json" in accepts or "*/*" in accepts):
        raise wrong_parameter("Accept", "Http头缺少Accept", location="header")
    if pay.settings.user_agent_required and not call.headers.get("user-agent"):
        raise wrong_parameter("User-Agent", "Http头缺少User-Agent", location="header")
    if call.body and not call.headers.get("content-type", "").startswith("application/json"):
        raise wrong_parameter("Content-Type", "应为application/json", location="header")


def answer(
    pay: Pay, merchant: Merchant, call: Call, body: dict[str, Any] | None, *, status: int = 200, number: int = 0
) -> Response:
    """A signed answer; the key is the one that the call's Wechatpay-Serial names, where the merchant's mode allows it."""
    raw = b"" if body is None else written(body)
    serial, key = answering_key(merchant, call.headers.get("wechatpay-serial", ""))
    probe = pay.random.random() < pay.settings.answer_probe_share
    headers = signature_headers(pay, serial, key, raw, probe=probe) | request_id(number)
    if body is None:
        return Response(status_code=NO_CONTENT, headers=headers)
    return Response(raw, status_code=status, headers=headers, media_type="application/json")


def unsigned(error: PayError) -> Response:
    """What the gate answers before it knows the caller carries no signature (reference §1.3)."""
    return Response(
        written(error.body()),
        status_code=error.status,
        headers=request_id(error.number),
        media_type="application/json",
    )


def answering_key(merchant: Merchant, asked: str) -> tuple[str, rsa.RSAPrivateKey]:
    """Which of WeChat Pay's keys signs an answer. In migration the caller names it; without a name it is a certificate."""
    if merchant.mode == "public_key" or (merchant.mode == "both" and same_serial(asked, merchant.public_key_id)):
        return merchant.public_key_id, merchant.public_key
    known = (certificate.serial for certificate in merchant.certificates)
    serial = next((one for one in known if same_serial(asked, one)), merchant.certificates[-1].serial)
    return serial, key_named(f"platform {serial}")


def signature_headers(
    pay: Pay, serial: str, key: rsa.RSAPrivateKey, body: bytes, *, probe: bool = False
) -> dict[str, str]:
    """The headers of an answer or a callback; a probe carries a signature that must be refused."""
    stamp, once = str(pay.world.clock.now_s()), nonce()
    signature = sign(key, answer_message(stamp, once, body))
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": once,
        "Wechatpay-Signature": PROBE + signature[len(PROBE) :] if probe else signature,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature-Type": SCHEME,
    }


def request_id(number: int) -> dict[str, str]:
    return {"Request-ID": f"{nonce(34).upper()}-{number}"}


def written(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _authorization(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    if not header:
        raise _sign_error("Authorization", "authorization missing")
    if scheme != SCHEME:
        raise _sign_error("Authorization", "unknown signature type")
    given = dict(_PAIR.findall(rest))
    missing = sorted(_PARTS - set(given))
    if missing:
        raise _sign_error(missing[0], "authorization incomplete")
    return given


def _sign_error(
    field: str, issue: str, *, said: str = "", call: Call | None = None, url: str = "", message: bytes = b""
) -> PayError:
    detail: dict[str, Any] = {"detail": {"issue": issue}, "field": field, "location": "authorization"}
    if call is not None:
        detail["sign_information"] = {
            "method": call.method,
            "sign_message_length": len(message),
            "truncated_sign_message": message[:SHOWN_MAX].decode("utf-8", "replace"),
            "url": url,
        }
    return PayError("SIGN_ERROR", said, detail=detail)

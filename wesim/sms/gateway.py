"""The front gate of Aliyun's API: who calls, is it signed, which action (reference §5.1, §5.5)."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from starlette.responses import Response

from wesim.routing import Call
from wesim.sms.account import Account, Sms
from wesim.sms.signing import (
    acs3_canonical_request,
    acs3_signature,
    acs3_string_to_sign,
    rpc_signature,
    rpc_string_to_sign,
    same,
)

VERSION = "2017-05-25"
CLOCK_WINDOW_S = 15 * 60
HOST_ID = "dysmsapi.aliyuncs.com"

Params = dict[str, str]
Pairs = list[tuple[str, str]]


class GatewayError(Exception):
    """An answer of the gateway: HTTP 4xx or 5xx."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class BusinessError(Exception):
    """An answer of the SMS product: HTTP 200 with a Code other than OK."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def admit(sms: Sms, call: Call) -> tuple[str, Params]:
    """The action and its parameters of a correctly signed call. Raises GatewayError."""
    query = parse_qsl(call.raw_query, keep_blank_values=True)
    pairs = query + (_form(call) if "json" not in call.headers.get("content-type", "") else [])
    params = dict(pairs)
    if call.headers.get("authorization", "").startswith("ACS3-"):
        action, version = call.headers.get("x-acs-action", ""), call.headers.get("x-acs-version", "")
        _check_acs3(sms, call, query)
    else:
        action, version = params.get("Action", ""), params.get("Version", "")
        _check_rpc(sms, call, pairs, params)
    if version != VERSION:
        raise GatewayError(400, "InvalidVersion", "Specified parameter Version is not valid.")
    return action, params


def need(params: Params, name: str) -> str:
    """A required parameter. Raises GatewayError like the gateway does."""
    value = params.get(name, "")
    if not value:
        raise GatewayError(400, f"Missing{name}", f"{name} is mandatory for this action.")
    return value


def answer(call: Call, action: str, body: dict[str, Any], *, status: int = 200) -> Response:
    """JSON for ACS3 callers and `Format=JSON`; XML is what the RPC style gives by default."""
    body = {"RequestId": request_id(), **body}
    if call.headers.get("authorization", "").startswith("ACS3-") or _format(call) == "JSON":
        return Response(json.dumps(body, ensure_ascii=False), status_code=status, media_type="application/json")
    root = f"{action}Response" if status == 200 else "Error"
    text = f'<?xml version="1.0" encoding="UTF-8"?><{root}>{_xml(body)}</{root}>'
    return Response(text, status_code=status, media_type="text/xml")


def refusal(call: Call | None, error: GatewayError) -> Response:
    body = {"HostId": HOST_ID, "Code": error.code, "Message": error.message, "Recommend": ""}
    if call is None:
        text = json.dumps({"RequestId": request_id(), **body}, ensure_ascii=False)
        return Response(text, status_code=error.status, media_type="application/json")
    return answer(call, "", body, status=error.status)


def request_id() -> str:
    return str(uuid.uuid4()).upper()


def _check_acs3(sms: Sms, call: Call, query: Pairs) -> None:
    credential, signed, given = _authorization(call.headers["authorization"])
    account = _account(sms, credential)
    _check_time(sms, call.headers.get("x-acs-date", ""))
    own = {name for name in call.headers if name.startswith("x-acs-")}
    required = {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
    unsigned = sorted((required | own) - set(signed))
    if unsigned:
        raise _mismatch(f"these headers must be signed: {', '.join(unsigned)}")
    if signed != sorted(signed) or any(name not in call.headers for name in signed):
        raise _mismatch("SignedHeaders must be sorted and present")
    body_hash = call.headers["x-acs-content-sha256"]
    if not same(body_hash, hashlib.sha256(call.body).hexdigest()):
        raise _mismatch("x-acs-content-sha256 is not the hash of the body")
    canonicals = [
        acs3_canonical_request(call.method, query, call.headers, signed, body_hash, path) for path in call.signed_paths
    ]
    strings = [acs3_string_to_sign(canonical) for canonical in canonicals]
    if not any(same(given, acs3_signature(account.secret, one)) for one in strings):
        canonical, string_to_sign = canonicals[0], strings[0]
        raise _mismatch(f"server string to sign is:{string_to_sign}, server canonical request is:{canonical}")
    _use_nonce(sms, account, call.headers["x-acs-signature-nonce"])


def _authorization(header: str) -> tuple[str, list[str], str]:
    algorithm, _, rest = header.partition(" ")
    if algorithm != "ACS3-HMAC-SHA256":
        raise _mismatch("the algorithm must be ACS3-HMAC-SHA256")
    fields = dict(item.strip().split("=", 1) for item in rest.split(",") if "=" in item)
    return fields.get("Credential", ""), fields.get("SignedHeaders", "").split(";"), fields.get("Signature", "")


def _check_rpc(sms: Sms, call: Call, pairs: Pairs, params: Params) -> None:
    account = _account(sms, params.get("AccessKeyId", ""))
    _check_time(sms, params.get("Timestamp", ""))
    if params.get("SignatureMethod") != "HMAC-SHA1" or params.get("SignatureVersion") != "1.0":
        raise _mismatch("SignatureMethod must be HMAC-SHA1 and SignatureVersion 1.0")
    string_to_sign = rpc_string_to_sign(call.method, pairs)
    if not same(params.get("Signature", ""), rpc_signature(account.secret, string_to_sign)):
        raise _mismatch(f"server string to sign is:{string_to_sign}")
    _use_nonce(sms, account, need(params, "SignatureNonce"))


def _account(sms: Sms, key_id: str) -> Account:
    if not key_id:
        raise GatewayError(400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
    if key_id != sms.aliyun.key_id:
        raise GatewayError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    return sms.aliyun


def _check_time(sms: Sms, text: str) -> None:
    try:
        then = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        message = "Specified time stamp or date value is not well formatted."
        raise GatewayError(400, "InvalidTimeStamp.Format", message) from None
    if abs(sms.world.clock.now() - then) > CLOCK_WINDOW_S:
        raise GatewayError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def _use_nonce(sms: Sms, account: Account, nonce: str) -> None:
    """A nonce lives as long as its time stamp could be valid."""
    now = sms.world.clock.now()
    if account.nonces.get(nonce, 0.0) > now:
        raise GatewayError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
    account.nonces[nonce] = now + 2 * CLOCK_WINDOW_S
    for old in list(account.nonces)[:2]:  # in order of use, so two looks per call keep the table small
        if account.nonces[old] <= now:
            del account.nonces[old]


def _mismatch(why: str) -> GatewayError:
    message = f"Specified signature is not matched with our calculation. {why}"
    return GatewayError(400, "SignatureDoesNotMatch", message)


def _form(call: Call) -> Pairs:
    if "x-www-form-urlencoded" not in call.headers.get("content-type", ""):
        return []
    return parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)


def _format(call: Call) -> str:
    return (call.query.get("Format") or dict(_form(call)).get("Format") or "XML").upper()


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(
            "".join(f"<{k}>{_xml(one)}</{k}>" for one in (v if isinstance(v, list) else [v])) for k, v in value.items()
        )
    return escape(str(value).lower() if isinstance(value, bool) else str(value))

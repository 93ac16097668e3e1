"""Tencent Cloud SMS 2021-01-11 (reference §5.8). Everything answers HTTP 200; results are per number."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from wesim.clock import CHINA
from wesim.faults import Fault
from wesim.routing import Call, Route, is_whole
from wesim.sms.account import Sms, Template, sms_of
from wesim.sms.catalogue import APPROVED
from wesim.sms.limits import count_tencent, tencent_refusal
from wesim.sms.reports import outbox_of
from wesim.sms.signing import same, tc3_canonical_request, tc3_date, tc3_signature
from wesim.sms.tencent_ask import Refused, check_app, list_signs, list_templates, pull, pull_by_phone
from wesim.sms.texts import (
    CODE,
    CONTENT_MAX,
    PROMOTION,
    has_link,
    length,
    mainland_number,
    parts,
    positions,
    render_positions,
    signed_text,
)
from wesim.world import World

VERSION = "2021-01-11"
CLOCK_WINDOW_S = 300
PHONES_MAX, SESSION_MAX_BYTES = 200, 512
MARKETING_HOURS = range(8, 22)

MESSAGES = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": "the number of SMS messages sent to a single mobile number within 30 "
    "seconds exceeds the upper limit",
    "LimitExceeded.PhoneNumberDailyLimit": "the number of SMS messages sent to a single mobile number per day exceeds "
    "the upper limit",
    "FailedOperation.SignatureIncorrectOrUnapproved": "signature is incorrect or unapproved",
    "FailedOperation.TemplateIncorrectOrUnapproved": "template is incorrect or unapproved",
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": "the number of parameters does not match the template",
    "FailedOperation.InsufficientBalanceInSmsPackage": "insufficient balance in the SMS package",
    "FailedOperation.MarketingSendTimeConstraint": "marketing SMS may be sent from 8:00 to 22:00 only",
    "FailedOperation.PhoneNumberInBlacklist": "the mobile number is in the blocklist",
    "InvalidParameterValue.IncorrectPhoneNumber": "incorrect mobile number format",
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": "URLs are prohibited in template parameters",
    "InvalidParameterValue.TemplateParameterFormatError": "verification codes are up to six digits",
    "InvalidParameterValue.TemplateParameterLengthLimit": "a template parameter is too long",
    "InvalidParameterValue.ContentLengthLimit": "the content is too long",
}


def routes(world: World) -> list[Route]:
    return [Route("POST", "/", _serve)]


def refuse(world: World, call: Call, fault: Fault) -> Response:
    """An ordered refusal of the whole call."""
    code = fault.code or "InternalError.OtherError"
    return _answer({"Error": {"Code": code, "Message": fault.errmsg}})


def unknown(world: World, call: Call) -> Response:
    """Another method, or any path but `/` (the codes are Tencent Cloud's, which of them comes is UNCONFIRMED)."""
    if call.path == "/":
        return _answer({"Error": {"Code": "UnsupportedProtocol", "Message": "Only POST requests are supported."}})
    message = "The request action is invalid or does not exist."
    return _answer({"Error": {"Code": "InvalidAction", "Message": message}})


async def _serve(world: World, call: Call) -> Response:
    sms, outbox = sms_of(world), outbox_of(world)
    try:
        _admit(sms, call)
        action = call.headers.get("x-tc-action", "")
        if action not in ACTIONS:
            raise Refused("InvalidAction", "The request action is invalid or does not exist.")
        sms.review_due(sms.tencent)
        result = ACTIONS[action](sms, _body(call))
    except Refused as e:
        return _answer({"Error": {"Code": e.code, "Message": e.message}})
    if sms.on_the_way:
        outbox.wake()
    return _answer(result)


def _answer(body: dict[str, Any]) -> Response:
    return Response(
        msgspec.json.encode({"Response": {**body, "RequestId": str(uuid.uuid4())}}), media_type="application/json"
    )


def _admit(sms: Sms, call: Call) -> None:
    """TC3: known key, fresh clock, matching signature over at least content-type and host."""
    scope, signed, given = _authorization(call.headers.get("authorization", ""))
    if call.headers.get("x-tc-version") != VERSION:
        raise Refused("NoSuchVersion", "The API version is invalid.")
    if not call.headers.get("x-tc-region"):
        raise Refused("MissingParameter", "The request is missing a required parameter `Region`.")
    if scope[0] != sms.tencent.key_id:
        raise Refused("AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that it is correct.")
    stamp = call.headers.get("x-tc-timestamp", "")
    if not is_whole(stamp) or abs(sms.world.clock.now() - int(stamp)) > CLOCK_WINDOW_S:
        raise Refused("AuthFailure.SignatureExpire", "The signature has expired, please check your local time.")
    if scope[1:] != [tc3_date(int(stamp)), "sms", "tc3_request"] or not {"content-type", "host"} <= set(signed):
        raise Refused("AuthFailure.InvalidAuthorization", "The credential scope or SignedHeaders is invalid.")
    canonicals = (tc3_canonical_request(call.headers, signed, call.body, path) for path in call.signed_paths)
    expected = (
        tc3_signature(sms.tencent.secret, timestamp=int(stamp), service="sms", canonical_request=one)
        for one in canonicals
    )
    if not any(same(given, one) for one in expected):
        raise Refused("AuthFailure.SignatureFailure", "The provided credentials could not be validated.")


def _authorization(header: str) -> tuple[list[str], list[str], str]:
    algorithm, _, rest = header.partition(" ")
    fields = dict(item.strip().split("=", 1) for item in rest.split(",") if "=" in item)
    scope = fields.get("Credential", "").split("/")
    if algorithm != "TC3-HMAC-SHA256" or len(scope) != 4 or not fields.get("Signature"):
        raise Refused("AuthFailure.InvalidAuthorization", "The Authorization header is invalid.")
    return scope, fields.get("SignedHeaders", "").split(";"), fields["Signature"]


def _body(call: Call) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("InvalidParameter", "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refused("InvalidParameter", "The request body is not a JSON object.")
    return body


def _send(sms: Sms, body: dict[str, Any]) -> dict[str, Any]:
    phones = body.get("PhoneNumberSet")
    if not isinstance(phones, list) or not phones:
        raise Refused("MissingParameter", "The request is missing a required parameter `PhoneNumberSet`.")
    if len(phones) > PHONES_MAX:
        raise Refused("LimitExceeded.PhoneNumberCountLimit", "The number of mobile numbers exceeds 200.")
    check_app(sms, body)
    session = str(body.get("SessionContext") or "")
    if len(session.encode()) >= SESSION_MAX_BYTES:
        raise Refused("InvalidParameterValue.SessionContextLengthLimit", "SessionContext must be below 512 bytes.")
    values = [str(value) for value in body.get("TemplateParamSet") or []]
    sign, template_id = str(body.get("SignName") or ""), str(body.get("TemplateId") or "")
    extend = str(body.get("ExtendCode") or "")
    rows = [_send_one(sms, str(phone), sign, template_id, values, session, extend) for phone in phones]
    return {"SendStatusSet": rows}


def _send_one(
    sms: Sms, raw_phone: str, sign: str, template_id: str, values: list[str], session: str, extend: str
) -> dict[str, Any]:
    phone = mainland_number(raw_phone)
    template = sms.tencent.templates.get(template_id)
    code = "InvalidParameterValue.IncorrectPhoneNumber" if not phone else _objection(sms, phone, sign, template, values)
    row = {
        "SerialNo": "",
        "PhoneNumber": f"+86{phone}" if phone else raw_phone,
        "Fee": 0,
        "SessionContext": session,
        "Code": code,
        "Message": MESSAGES.get(code, code),
        "IsoCode": "CN" if phone else "",
    }
    if code or template is None:
        return row
    content = render_positions(template.content, values)
    text = signed_text(sign, content)
    count_tencent(sms, phone=phone, text=text)
    serial = f"{sms.number_id()}:{uuid.uuid4().hex[:16]}"
    sent = sms.accept(
        sms.tencent,
        message_id=serial,
        phone=phone,
        sign=sign,
        template=template,
        content=content,
        echo=session,
        extend=extend,
    )
    return {**row, "SerialNo": serial, "Fee": sent.parts, "Code": "Ok", "Message": "send success"}


def _objection(sms: Sms, phone: str, sign: str, template: Template | None, values: list[str]) -> str:
    """The first reason against one message; empty when it may go."""
    found = sms.tencent.signs.get(sign)
    if found is None or found.status != APPROVED:
        return "FailedOperation.SignatureIncorrectOrUnapproved"
    if template is None or template.status != APPROVED:
        return "FailedOperation.TemplateIncorrectOrUnapproved"
    if len(values) != positions(template.content):
        return "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
    if any(has_link(value) for value in values):
        return "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
    if template.kind == CODE and any(not (is_whole(v) and len(v) <= 6) for v in values):
        return "InvalidParameterValue.TemplateParameterFormatError"
    text = signed_text(sign, render_positions(template.content, values))
    if length(text) > CONTENT_MAX:
        return "InvalidParameterValue.ContentLengthLimit"
    if template.kind == PROMOTION:
        if datetime.fromtimestamp(sms.world.clock.now(), CHINA).hour not in MARKETING_HOURS:
            return "FailedOperation.MarketingSendTimeConstraint"
        if (phone, sign) in sms.opted_out:
            return "FailedOperation.PhoneNumberInBlacklist"
    if sms.tencent.parts_left is not None and sms.tencent.parts_left < parts(text):
        return "FailedOperation.InsufficientBalanceInSmsPackage"
    return tencent_refusal(sms, phone=phone, text=text)


ACTIONS = {
    "SendSms": _send,
    "PullSmsSendStatus": pull,
    "PullSmsSendStatusByPhoneNumber": pull_by_phone,
    "DescribeSmsSignList": list_signs,
    "DescribeSmsTemplateList": list_templates,
}

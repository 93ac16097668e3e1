"""Tencent's questions: receipts, signatures, templates (reference §5.8, and the models of the official SDK)."""

from __future__ import annotations

from typing import Any

from wesim.routing import is_whole
from wesim.sms.account import DELIVERED, WAITING, Sent, Sms
from wesim.sms.catalogue import APPROVED, REJECTED, REVIEWING, TENCENT_SDK_APP_ID, WITHDRAWN
from wesim.sms.texts import mainland_number

PULL_MAX = 100
FIRST_SIGN_ID = 3_000_001
STATUS_CODES = {APPROVED: 0, REVIEWING: 1, REJECTED: -1, WITHDRAWN: -1}


class Refused(Exception):
    """An answer with `Response.Error`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def check_app(sms: Sms, body: dict[str, Any]) -> None:
    """Raises Refused for another application than ours, and for an account in arrears."""
    if str(body.get("SmsSdkAppId") or "") != TENCENT_SDK_APP_ID:
        raise Refused("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId verification failed.")
    if sms.tencent.suspended:
        raise Refused("UnauthorizedOperation.ServiceSuspendDueToArrears", "The service is suspended due to arrears.")


def pull(sms: Sms, body: dict[str, Any]) -> dict[str, Any]:
    """PullSmsSendStatus: receipts in order; each is given once."""
    check_app(sms, body)
    limit = _limit(body)
    sms.carry_due()
    waiting = sms.tencent.pulled
    taken = [waiting.popleft() for _ in range(min(limit, len(waiting)))]
    return {"PullSmsSendStatusSet": [_receipt(sent) for sent in taken]}


def pull_by_phone(sms: Sms, body: dict[str, Any]) -> dict[str, Any]:
    """PullSmsSendStatusByPhoneNumber: the receipts of one number sent within a time; asking again gives them again."""
    check_app(sms, body)
    limit, offset, begin, end = _limit(body), _number(body, "Offset"), _number(body, "BeginTime"), body.get("EndTime")
    sms.carry_due()
    phone = mainland_number(str(body.get("PhoneNumber") or ""))
    if not phone:
        raise Refused("InvalidParameterValue.IncorrectPhoneNumber", "Incorrect mobile number format.")
    found = [
        sent
        for sent in sms.by_phone.get(phone, ())
        if sent.provider == "tencent"
        and sent.status != WAITING
        and begin <= sent.at
        and (not isinstance(end, int) or sent.at <= end)
    ]
    return {"PullSmsSendStatusSet": [_receipt(sent) for sent in found[offset : offset + limit]]}


def list_signs(sms: Sms, body: dict[str, Any]) -> dict[str, Any]:
    """DescribeSmsSignList: by ids, or a page of all."""
    wanted = body.get("SignIdSet") or []
    rows = [
        {
            "SignId": number,
            "International": 0,
            "StatusCode": STATUS_CODES[sign.status],
            "ReviewReply": sign.reason,
            "SignName": sign.name,
            "CreateTime": int(sign.created),
        }
        for number, sign in enumerate(sms.tencent.signs.values(), start=FIRST_SIGN_ID)
        if not wanted or number in wanted
    ]
    return {"DescribeSignListStatusSet": rows if wanted else _page(rows, body)}


def list_templates(sms: Sms, body: dict[str, Any]) -> dict[str, Any]:
    """DescribeSmsTemplateList: by ids, or a page of all."""
    wanted = [str(number) for number in body.get("TemplateIdSet") or []]
    rows = [
        {
            "TemplateId": int(template.code) if is_whole(template.code) else 0,
            "International": 0,
            "StatusCode": STATUS_CODES[template.status],
            "ReviewReply": template.reason,
            "TemplateName": template.name,
            "CreateTime": int(template.created),
            "TemplateContent": template.content,
        }
        for template in sms.tencent.templates.values()
        if not wanted or template.code in wanted
    ]
    return {"DescribeTemplateStatusSet": rows if wanted else _page(rows, body)}


def _receipt(sent: Sent) -> dict[str, Any]:
    good = sent.status == DELIVERED
    return {
        "UserReceiveTime": int(sent.done_at),
        "CountryCode": "86",
        "SubscriberNumber": sent.phone,
        "PhoneNumber": f"+86{sent.phone}",
        "SerialNo": sent.id,
        "ReportStatus": "SUCCESS" if good else "FAIL",
        "Description": "用户短信送达成功" if good else sent.err_text,
        "SessionContext": sent.echo,
    }


def _limit(body: dict[str, Any]) -> int:
    limit = body.get("Limit")
    if not isinstance(limit, int) or not 1 <= limit <= PULL_MAX:
        raise Refused("InvalidParameterValue", "Limit must be between 1 and 100.")
    return limit


def _number(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or value < 0:
        raise Refused("MissingParameter", f"The request is missing a required parameter `{name}`.")
    return value


def _page(rows: list[dict[str, Any]], body: dict[str, Any]) -> list[dict[str, Any]]:
    limit, offset = body.get("Limit") or 10, body.get("Offset") or 0
    return rows[offset : offset + min(limit, PULL_MAX)]

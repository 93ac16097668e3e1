"""Aliyun's actions for signatures and templates (reference §5.3, §5.4). New ones wait for a reviewer."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, TypeVar

from wesim.routing import is_whole
from wesim.sms.account import Sign, Sms, Template, china_time
from wesim.sms.catalogue import APPROVED, REJECTED, REVIEWING, WITHDRAWN
from wesim.sms.gateway import BusinessError, GatewayError, Params, need
from wesim.sms.texts import CODE, CONTENT_MAX, INTERNATIONAL, NOTICE, PROMOTION, length, review_objection

AUDIT_STATES = {
    REVIEWING: "AUDIT_STATE_INIT",
    APPROVED: "AUDIT_STATE_PASS",
    REJECTED: "AUDIT_STATE_NOT_PASS",
    WITHDRAWN: "AUDIT_STATE_CANCEL",
}
# A signature: 2–12 letters, digits or Chinese characters, without the word "test".
_SIGN_NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fff]{2,12}")
# The list alone numbers the kinds anew (SDK 4.6.0, QuerySmsTemplateListResponseBody); everywhere else 0 is a code.
LISTED_TYPES = {CODE: 2, NOTICE: 0, PROMOTION: 1, INTERNATIONAL: 6}
NAME_MAX, REMARK_MAX, PAGE_MAX = 30, 200, 50
OLDER_SOURCES = ("0", "1", "2", "3", "4", "5")
PAPER_BYTES_MAX = 2 * 1024 * 1024

Item = TypeVar("Item")


def add_sign(sms: Sms, params: Params) -> dict[str, Any]:
    """AddSmsSign, the older way: no qualification, a file list instead."""
    need(params, "Remark")
    papers = _papers(params)
    sign = _new_sign(sms, params, sources=OLDER_SOURCES)
    sign.papers = papers
    return {"SignName": sign.name}


def modify_sign(sms: Sms, params: Params) -> dict[str, Any]:
    """ModifySmsSign: the name stays; it cannot be used while it is under review again."""
    need(params, "Remark")
    sign, source = _sign(sms, params), need(params, "SignSource")
    if sign.status == REVIEWING:
        raise BusinessError("isv.SIGN_STATE_ILLEGAL", "审核中的签名不允许修改")
    if source not in OLDER_SOURCES or len(params["Remark"]) > REMARK_MAX:
        raise BusinessError("isv.INVALID_PARAMETERS", "参数异常")
    sign.papers = _papers(params)
    sign.status, sign.reason, sign.source, sign.created = REVIEWING, "", int(source), sms.world.clock.now()
    return {"SignName": sign.name}


def create_sign(sms: Sms, params: Params) -> dict[str, Any]:
    """CreateSmsSign: the qualification comes first."""
    need(params, "QualificationId")
    sign = _new_sign(sms, params, sources=("0", "5"))
    return {"SignName": sign.name, "OrderId": sign.order_id}


def query_sign(sms: Sms, params: Params) -> dict[str, Any]:
    sign = _sign(sms, params)
    return {
        "SignName": sign.name,
        "SignStatus": sign.status,
        "Reason": sign.reason or "无审批备注",
        "CreateDate": china_time(sign.created),
    }


def get_sign(sms: Sms, params: Params) -> dict[str, Any]:
    """GetSmsSign: with the registration at each carrier, without which carriers refuse messages."""
    sign = _sign(sms, params)
    carriers = [
        {"OperatorCode": name, "RegisterStatus": status, "OperatorCompleteTime": "", "RegisterStatusReasons": []}
        for name, status in sign.carriers.items()
    ]
    return {
        "SignName": sign.name,
        "SignStatus": sign.status,
        "OrderId": sign.order_id,
        "CreateDate": china_time(sign.created),
        "AuditInfo": {"RejectInfo": sign.reason, "AuditDate": china_time(sign.created)},
        "RegisterResult": 1 if all(status == 3 for status in sign.carriers.values()) else 0,
        "SignIspRegisterDetailList": carriers,
        "SignUsage": "验证码" if sign.for_codes_only else "通用",
    }


def list_signs(sms: Sms, params: Params) -> dict[str, Any]:
    rows, paging = _page(list(sms.aliyun.signs.values()), params)
    found = [
        {
            "SignName": sign.name,
            "AuditStatus": AUDIT_STATES[sign.status],
            "CreateDate": china_time(sign.created),
            "OrderId": sign.order_id,
            "BusinessType": "验证码类型" if sign.for_codes_only else "通用类型",
            "Reason": {"RejectInfo": sign.reason, "RejectSubInfo": "", "RejectDate": ""},
        }
        for sign in rows
    ]
    return {"SmsSignList": found, **paging}


def delete_sign(sms: Sms, params: Params) -> dict[str, Any]:
    sign = _sign(sms, params)
    if sign.status == REVIEWING:
        raise BusinessError("isv.SIGN_STATE_ILLEGAL", "审核中的签名不允许删除")
    del sms.aliyun.signs[sign.name]
    return {"SignName": sign.name}


def add_template(sms: Sms, params: Params) -> dict[str, Any]:
    template = _new_template(sms, params)
    return {"TemplateCode": template.code}


def create_template(sms: Sms, params: Params) -> dict[str, Any]:
    """CreateSmsTemplate: belongs to a signature, except for international texts."""
    if params.get("TemplateType") != str(INTERNATIONAL) and need(params, "RelatedSignName") not in sms.aliyun.signs:
        raise BusinessError("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
    template = _new_template(sms, params)
    return {"TemplateCode": template.code, "TemplateName": template.name, "OrderId": template.order_id}


def query_template(sms: Sms, params: Params) -> dict[str, Any]:
    template = _template(sms, params)
    return {
        "TemplateCode": template.code,
        "TemplateName": template.name,
        "TemplateType": template.kind,
        "TemplateContent": template.content,
        "TemplateStatus": template.status,
        "Reason": template.reason or "无审批备注",
        "CreateDate": china_time(template.created),
    }


def list_templates(sms: Sms, params: Params) -> dict[str, Any]:
    rows, paging = _page(list(sms.aliyun.templates.values()), params)
    found = [
        {
            "TemplateCode": template.code,
            "TemplateName": template.name,
            "TemplateType": LISTED_TYPES[template.kind],
            "OuterTemplateType": template.kind,
            "TemplateContent": template.content,
            "AuditStatus": AUDIT_STATES[template.status],
            "CreateDate": china_time(template.created),
            "OrderId": template.order_id,
            "Reason": {"RejectInfo": template.reason, "RejectSubInfo": "", "RejectDate": ""},
        }
        for template in rows
    ]
    return {"SmsTemplateList": found, **paging}


def delete_template(sms: Sms, params: Params) -> dict[str, Any]:
    template = _template(sms, params)
    if template.status == REVIEWING:
        raise BusinessError("isv.SMS_TEMPLATE_ILLEGAL", "审核中的模板不允许删除")
    del sms.aliyun.templates[template.code]
    return {"TemplateCode": template.code}


def _new_sign(sms: Sms, params: Params, *, sources: tuple[str, ...]) -> Sign:
    name, source = need(params, "SignName"), need(params, "SignSource")
    if not _SIGN_NAME.fullmatch(name) or "test" in name.lower() or "测试" in name:
        raise BusinessError("isv.SIGN_NAME_ILLEGAL", "签名名称不符合规范")
    if source not in sources or len(params.get("Remark", "")) > REMARK_MAX:
        raise BusinessError("isv.INVALID_PARAMETERS", "参数异常")
    known = sms.aliyun.signs.get(name)
    if known is not None and known.status in (REVIEWING, APPROVED):
        raise BusinessError("isv.SIGN_NAME_ILLEGAL", "签名已存在")
    sign = Sign(
        name,
        REVIEWING,
        "",
        sms.world.clock.now(),
        source=int(source),
        for_codes_only=params.get("SignType") == "0",
        order_id=str(sms.number_id()),
        carriers={"mobile": -1, "unicom": -1, "telecom": -1},
    )
    sms.aliyun.signs[name] = sign
    return sign


def _papers(params: Params) -> list[str]:
    """The suffixes of the files that came along, which must be base64 of at most 2 MB each."""
    found: list[str] = []
    while f"SignFileList.{len(found) + 1}.FileContents" in params:
        name = f"SignFileList.{len(found) + 1}"
        try:
            content = base64.b64decode(params[f"{name}.FileContents"], validate=True)
        except binascii.Error:
            raise BusinessError("isv.INVALID_PARAMETERS", "参数异常") from None
        if not 0 < len(content) <= PAPER_BYTES_MAX:
            raise BusinessError("isv.INVALID_PARAMETERS", "参数异常")
        found.append(need(params, f"{name}.FileSuffix"))
    return found


def _new_template(sms: Sms, params: Params) -> Template:
    name, content, kind = need(params, "TemplateName"), need(params, "TemplateContent"), params.get("TemplateType", "")
    if kind not in ("0", "1", "2", "3"):
        raise GatewayError(400, "MissingTemplateType", "TemplateType is mandatory for this action.")
    if len(name) > NAME_MAX or length(content) > CONTENT_MAX:
        raise BusinessError("isv.INVALID_PARAMETERS", "参数异常")
    number = sms.number_id()
    template = Template(
        f"SMS_{number}",
        int(kind),
        name,
        content,
        REVIEWING,
        "",
        sms.world.clock.now(),
        verdict=review_objection(int(kind), content),
        order_id=str(number),
    )
    sms.aliyun.templates[template.code] = template
    return template


def _sign(sms: Sms, params: Params) -> Sign:
    sign = sms.aliyun.signs.get(need(params, "SignName"))
    if sign is None:
        raise BusinessError("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
    return sign


def _template(sms: Sms, params: Params) -> Template:
    template = sms.aliyun.templates.get(need(params, "TemplateCode"))
    if template is None:
        raise BusinessError("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
    return template


def _page(items: list[Item], params: Params) -> tuple[list[Item], dict[str, Any]]:
    page, size = params.get("PageIndex") or "1", params.get("PageSize") or "10"
    if not (is_whole(page) and int(page) >= 1 and is_whole(size) and 1 <= int(size) <= PAGE_MAX):
        raise BusinessError("isv.INVALID_PARAMETERS", "参数异常")
    first = (int(page) - 1) * int(size)
    return items[first : first + int(size)], {
        "TotalCount": len(items),
        "CurrentPage": int(page),
        "PageSize": int(size),
    }


ACTIONS: dict[str, Callable[[Sms, Params], dict[str, Any]]] = {
    "AddSmsSign": add_sign,
    "ModifySmsSign": modify_sign,
    "CreateSmsSign": create_sign,
    "QuerySmsSign": query_sign,
    "GetSmsSign": get_sign,
    "QuerySmsSignList": list_signs,
    "DeleteSmsSign": delete_sign,
    "AddSmsTemplate": add_template,
    "CreateSmsTemplate": create_template,
    "QuerySmsTemplate": query_template,
    "QuerySmsTemplateList": list_templates,
    "DeleteSmsTemplate": delete_template,
}

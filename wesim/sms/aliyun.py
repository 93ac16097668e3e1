"""Aliyun Dysmsapi 2017-05-25 (reference §5.1, §5.2, §5.6, §5.7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from wesim.clock import CHINA
from wesim.faults import Fault
from wesim.routing import Call, Route, is_whole
from wesim.sms import aliyun_manage
from wesim.sms.account import Sms, Template, china_time, sms_of
from wesim.sms.catalogue import APPROVED
from wesim.sms.gateway import BusinessError, GatewayError, Params, admit, answer, need, refusal
from wesim.sms.limits import aliyun_refusal, count_aliyun
from wesim.sms.reports import outbox_of
from wesim.sms.texts import (
    CODE,
    CONTENT_MAX,
    PROMOTION,
    has_link,
    is_code_value,
    length,
    mainland_number,
    render,
    signed_text,
    variables,
)
from wesim.world import World

PHONES_MAX, BATCH_MAX, VARIABLE_MAX, OUT_ID_MAX = 1000, 100, 35, 256
DETAILS_DAYS = 30

MESSAGES = {
    "isv.SMS_SIGNATURE_ILLEGAL": "该账号下找不到对应签名",
    "isv.SIGN_STATE_ILLEGAL": "签名状态不可用",
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL": "签名适用场景与短信类型不匹配",
    "isv.SMS_TEMPLATE_ILLEGAL": "该账号下找不到对应模板",
    "isv.TEMPLATE_MISSING_PARAMETERS": "模板变量中存在未赋值变量",
    "isv.INVALID_JSON_PARAM": "参数格式错误，请修改为字符串值",
    "isv.PARAM_LENGTH_LIMIT": "参数超过长度限制",
    "isv.PARAM_NOT_SUPPORT_URL": "变量中不允许透传url",
    "isv.SMS_CONTENT_ILLEGAL": "短信内容包含禁止发送内容",
    "isv.MOBILE_NUMBER_ILLEGAL": "手机号码格式错误",
    "isv.MOBILE_COUNT_OVER_LIMIT": "手机号码数量超过限制，最多支持1000条",
    "isv.CUSTOMER_REFUSED": "用户已退订推广短信",
    "isv.AMOUNT_NOT_ENOUGH": "当前账户余额不足",
    "isv.OUT_OF_SERVICE": "业务停机",
    "isv.DAY_LIMIT_CONTROL": "触发日发送限额",
    "isv.MONTH_LIMIT_CONTROL": "触发月发送限额",
    "isv.EXTEND_CODE_ERROR": "扩展码使用错误，相同的扩展码不可用于多个签名",
    "isv.INVALID_PARAMETERS": "参数异常",
    "isp.SYSTEM_ERROR": "isp.SYSTEM_ERROR",
}
NOT_FOUND = ("InvalidAction.NotFound", "Specified api is not found, please check your url and method.")
GATEWAY_STATUS = {"InvalidAccessKeyId.NotFound": 404, "InvalidAction.NotFound": 404, "InternalError": 500}

Action = Callable[[Sms, Params], dict[str, Any]]


def routes(world: World) -> list[Route]:
    """Every action lives on `/`, by GET or POST."""
    return [Route("*", "/", _serve)]


def refuse(world: World, call: Call, fault: Fault) -> Response:
    """An ordered refusal: words of the product are business answers, others answers of the gateway."""
    code = fault.code or "isp.SYSTEM_ERROR"
    message = fault.errmsg if fault.errmsg != "system error" else MESSAGES.get(code, code)
    if code.startswith(("isv.", "isp.")):
        return Response(
            msgspec.json.encode({"RequestId": "", "Code": code, "Message": message}), media_type="application/json"
        )
    return refusal(None, GatewayError(GATEWAY_STATUS.get(code, 400), code, message))


def unknown(world: World, call: Call) -> Response:
    """Any path but `/` (what the gateway says to it is UNCONFIRMED)."""
    return refusal(call, GatewayError(404, *NOT_FOUND))


async def _serve(world: World, call: Call) -> Response:
    sms, outbox = sms_of(world), outbox_of(world)
    action = ""
    try:
        action, params = admit(sms, call)
        run = ACTIONS.get(action)
        if run is None:
            raise GatewayError(404, *NOT_FOUND)
        sms.review_due(sms.aliyun)
        body = run(sms, params)
    except GatewayError as e:
        return refusal(call, e)
    except BusinessError as e:
        return answer(call, action, {"Code": e.code, "Message": e.message})
    if sms.on_the_way:
        outbox.wake()
    return answer(call, action, {"Code": "OK", "Message": "OK", **body})


def fail(code: str, message: str = "") -> BusinessError:
    return BusinessError(code, message or MESSAGES.get(code, code))


def send_sms(sms: Sms, params: Params) -> dict[str, Any]:
    """SendSms: one text to up to 1000 numbers. One bad number refuses all of them (UNCONFIRMED in the reference)."""
    phones = [phone for phone in need(params, "PhoneNumbers").split(",") if phone]
    sign, template = need(params, "SignName"), _template(sms, need(params, "TemplateCode"))
    if len(phones) > PHONES_MAX:
        raise fail("isv.MOBILE_COUNT_OVER_LIMIT")
    values = _values(params.get("TemplateParam", ""))
    extend = params.get("SmsUpExtendCode", "")
    rows = [(phone, sign, values, extend) for phone in phones]
    return _send(sms, rows, template, params.get("OutId", ""))


def send_batch(sms: Sms, params: Params) -> dict[str, Any]:
    """SendBatchSms: up to 100 numbers, each with its own signature and values."""
    phones, signs = _list(need(params, "PhoneNumberJson")), _list(need(params, "SignNameJson"))
    template = _template(sms, need(params, "TemplateCode"))
    raw_values = _list(params.get("TemplateParamJson") or "[]")
    extends = _list(params.get("SmsUpExtendCodeJson") or "[]")
    if len(phones) > BATCH_MAX:
        raise fail("isv.MOBILE_COUNT_OVER_LIMIT")
    if not phones or len(signs) != len(phones) or len(raw_values) not in (0, len(phones)):
        raise fail("isv.INVALID_PARAMETERS")
    if len(extends) not in (0, len(phones)):
        raise fail("isv.INVALID_PARAMETERS")
    rows = [
        (
            str(phone),
            str(signs[i]),
            _strings(raw_values[i]) if raw_values else {},
            str(extends[i]) if extends else "",
        )
        for i, phone in enumerate(phones)
    ]
    return _send(sms, rows, template, params.get("OutId", ""))


def _send(
    sms: Sms, rows: list[tuple[str, str, dict[str, str], str]], template: Template, out_id: str
) -> dict[str, Any]:
    """Check every row, then accept every row: a refused call sends nothing."""
    account = sms.aliyun
    if account.suspended:
        raise fail("isv.OUT_OF_SERVICE")
    if len(out_id) >= OUT_ID_MAX:
        raise fail("isv.INVALID_PARAMETERS")
    checked = []
    for raw_phone, sign, values, extend in rows:
        _check_sign(sms, sign, template)
        phone = mainland_number(raw_phone)
        if not phone:
            raise fail("isv.MOBILE_NUMBER_ILLEGAL")
        if extend and not (is_whole(extend) and len(extend) <= 8):
            raise fail("isv.EXTEND_CODE_ERROR")
        content = _content(template, values)
        if length(signed_text(sign, content)) > CONTENT_MAX:
            raise fail("isv.PARAM_LENGTH_LIMIT")
        if template.kind == PROMOTION and (phone, sign) in sms.opted_out:
            raise fail("isv.CUSTOMER_REFUSED")
        limit = aliyun_refusal(sms, kind=template.kind, sign=sign, template=template.code, phone=phone)
        if limit:
            raise fail("isv.BUSINESS_LIMIT_CONTROL", limit)
        checked.append((phone, sign, content, extend))
    if account.parts_left is not None and account.parts_left < len(checked):
        raise fail("isv.AMOUNT_NOT_ENOUGH")
    over = sms.over_account_limit(account)
    if over:
        raise fail("isv.DAY_LIMIT_CONTROL" if over == "day" else "isv.MONTH_LIMIT_CONTROL")
    biz_id = f"{sms.number_id()}^0"
    for phone, sign, content, extend in checked:
        count_aliyun(sms, kind=template.kind, sign=sign, template=template.code, phone=phone)
        sms.accept(
            account,
            message_id=biz_id,
            phone=phone,
            sign=sign,
            template=template,
            content=content,
            echo=out_id,
            extend=extend,
        )
    return {"BizId": biz_id}


def _check_sign(sms: Sms, name: str, template: Template) -> None:
    sign = sms.aliyun.signs.get(name)
    if sign is None:
        raise fail("isv.SMS_SIGNATURE_ILLEGAL")
    if sign.status != APPROVED:
        raise fail("isv.SIGN_STATE_ILLEGAL")
    if sign.for_codes_only and template.kind != CODE:
        raise fail("isv.SMS_SIGNATURE_SCENE_ILLEGAL")


def _template(sms: Sms, code: str) -> Template:
    template = sms.aliyun.templates.get(code)
    if template is None or template.status != APPROVED:
        raise fail("isv.SMS_TEMPLATE_ILLEGAL")
    return template


def _content(template: Template, values: dict[str, str]) -> str:
    names = variables(template.content)
    if any(not values.get(name) for name in names):
        raise fail("isv.TEMPLATE_MISSING_PARAMETERS")
    for name in names:
        value = values[name]
        if has_link(value):
            raise fail("isv.PARAM_NOT_SUPPORT_URL")
        if template.kind == CODE and not is_code_value(value):
            raise fail("isv.PARAM_LENGTH_LIMIT")
        if len(value) > VARIABLE_MAX:
            raise fail("isv.PARAM_LENGTH_LIMIT")
    return render(template.content, values)


def _values(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        return _strings(msgspec.json.decode(text))
    except msgspec.DecodeError:
        raise fail("isv.INVALID_JSON_PARAM") from None


def _strings(values: Any) -> dict[str, str]:
    if not isinstance(values, dict) or any(isinstance(v, (dict, list, bool)) or v is None for v in values.values()):
        raise fail("isv.INVALID_JSON_PARAM")
    return {key: str(value) for key, value in values.items()}


def _list(text: str) -> list[Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise fail("isv.INVALID_JSON_PARAM") from None
    if not isinstance(found, list):
        raise fail("isv.INVALID_JSON_PARAM")
    return found


def query_details(sms: Sms, params: Params) -> dict[str, Any]:
    """QuerySendDetails: what became of the messages to one number on one China day of the last 30."""
    sms.carry_due()
    phone, day = mainland_number(need(params, "PhoneNumber")), need(params, "SendDate")
    size, page = need(params, "PageSize"), need(params, "CurrentPage")
    if not (is_whole(size) and 1 <= int(size) <= 50 and is_whole(page) and int(page) >= 1):
        raise fail("isv.INVALID_PARAMETERS")
    try:
        start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=CHINA).timestamp()
    except ValueError:
        raise fail("isv.INVALID_PARAMETERS") from None
    biz_id = params.get("BizId", "")
    found = [
        sent
        for sent in sms.by_phone.get(phone, ())
        if sent.provider == "aliyun"
        and start <= sent.at < start + 86_400
        and sent.at > sms.world.clock.now() - DETAILS_DAYS * 86_400
        and biz_id in ("", sent.id)
    ]
    first = (int(page) - 1) * int(size)
    rows = [
        {
            "PhoneNum": sent.phone,
            "SendStatus": sent.status,
            "ErrCode": sent.err_code,
            "TemplateCode": sent.template,
            "Content": sent.text,
            "SendDate": china_time(sent.at),
            "ReceiveDate": china_time(sent.done_at) if sent.done_at else "",
            "OutId": sent.echo,
        }
        for sent in found[::-1][first : first + int(size)]
    ]
    return {"TotalCount": str(len(found)), "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}}


ACTIONS: dict[str, Action] = {
    "SendSms": send_sms,
    "SendBatchSms": send_batch,
    "QuerySendDetails": query_details,
    **aliyun_manage.ACTIONS,
}

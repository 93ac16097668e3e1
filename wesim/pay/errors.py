"""What APIv3 answers when it refuses (reference §1.6, §2.4, §2.5)."""

from __future__ import annotations

from typing import Any, NamedTuple


class Kind(NamedTuple):
    status: int
    message: str
    number: int  # the internal number at the end of Request-ID; 0 where none is published


KINDS: dict[str, Kind] = {
    "PARAM_ERROR": Kind(400, "参数错误", 268435461),
    "INVALID_REQUEST": Kind(400, "无效请求", 268447914),
    "APPID_MCHID_NOT_MATCH": Kind(400, "AppID和mch_id不匹配", 268445527),
    "MCH_NOT_EXISTS": Kind(400, "商户号不存在", 268443715),
    "ORDER_CLOSED": Kind(400, "订单已关闭", 268447914),
    "ORDER_PAID": Kind(400, "订单已支付", 268498689),
    "ORDERPAID": Kind(400, "订单已支付", 268498689),  # the spelling of v2: only as an ordered refusal
    "RESOURCE_ALREADY_EXISTS": Kind(400, "资源已存在", 0),
    "SIGN_ERROR": Kind(401, "签名错误，请检查后再试", 268443699),
    "NO_AUTH": Kind(403, "商户无权限", 268448010),
    "NOT_ENOUGH": Kind(403, "余额不足", 0),
    "RULE_LIMIT": Kind(403, "业务规则限制", 0),
    "TRADE_ERROR": Kind(403, "交易错误", 0),
    "OUT_TRADE_NO_USED": Kind(403, "商户订单号重复", 268498688),
    "ACCOUNT_ERROR": Kind(403, "账号异常", 0),
    "USER_ACCOUNT_ABNORMAL": Kind(403, "用户账户异常", 0),
    "REQUEST_BLOCKED": Kind(403, "请求已被拦截", 0),
    "ORDER_NOT_EXIST": Kind(404, "订单不存在", 268512771),
    "RESOURCE_NOT_EXISTS": Kind(404, "记录不存在", 268512771),
    "NOT_FOUND": Kind(404, "记录不存在", 268512771),
    "METHOD_NOT_ALLOWED": Kind(405, "不支持的请求方法", 0),
    "FREQUENCY_LIMITED": Kind(429, "频率超限", 268447840),
    "FREQUENCY_LIMIT_EXCEED": Kind(429, "频率超限", 268447840),
    "RATELIMIT_EXCEEDED": Kind(429, "频率超限", 268447840),
    "RATE_LIMITED": Kind(429, "频率超限", 268447840),
    "SYSTEM_ERROR": Kind(500, "系统异常，请稍后重试", 0),
    "BANK_ERROR": Kind(500, "银行系统异常", 0),
    "OPENID_MISMATCH": Kind(500, "openid和appid不匹配", 268501013),
    "INVALID_TRANSACTIONID": Kind(500, "订单号非法", 0),
    "SERVICE_UNAVAILABLE": Kind(503, "服务不可用", 0),
}
EXTRA_PARAMETERS, OUT_OF_RANGE, CHANGED_REENTRY, CANNOT_CLOSE = 270924358, 268435464, 268498688, 268449538


class PayError(Exception):
    """A refusal with its HTTP status, code and what the detail says."""

    def __init__(
        self, code: str, message: str = "", *, number: int | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        kind = KINDS.get(code, Kind(400, "", 0))
        super().__init__(code)
        self.code, self.status = code, kind.status
        self.message = message or kind.message
        self.number = kind.number if number is None else number
        self.detail = detail

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail is not None:
            found["detail"] = self.detail
        return found


def wrong_parameter(
    field: str, issue: str, *, value: Any = None, location: str = "body", number: int | None = None
) -> PayError:
    """400 PARAM_ERROR that points at one field."""
    detail: dict[str, Any] = {"field": field, "issue": issue, "location": location}
    if value is not None:
        detail["value"] = value
    return PayError("PARAM_ERROR", f"{KINDS['PARAM_ERROR'].message}：{field} {issue}", number=number, detail=detail)

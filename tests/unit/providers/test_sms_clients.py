"""What the SMS clients send and how they judge answers (reference: wechat-pay-and-sms §5)."""

from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from huida.kernel.http import Answer, Refused, Unavailable, Unknown
from huida.kernel.secrets import Secret
from huida.providers.sms import aliyun, tencent
from huida.providers.sms.aliyun import AliyunSms
from huida.providers.sms.provider import (
    Audit,
    BadReport,
    SmsAccepted,
    SmsAudit,
    SmsCredentials,
    SmsProvider,
    SmsReport,
    SmsState,
)
from huida.providers.sms.tencent import TencentSms
from tests.unit.providers.fakes import NOON, Script, StillClock

CRED = SmsCredentials("AK", Secret("shh"), "1400000001")
DAY = date(2026, 11, 21)


def ali(answer: object) -> tuple[Script, SmsProvider]:
    script = Script(lambda _: answer)
    return script, AliyunSms(script.outgoing(), clock=StillClock())


def ten(answer: object) -> tuple[Script, SmsProvider]:
    script = Script(lambda _: answer)
    return script, TencentSms(script.outgoing(), clock=StillClock())


async def send(provider: SmsProvider) -> SmsAccepted:
    return await provider.send(
        CRED, phone="13800000001", sign_name="会达", template_code="SMS_1", params={"name": "小明"}, out_id="n-1"
    )


async def test_aliyun_send() -> None:
    script, provider = ali({"Code": "OK", "Message": "OK", "RequestId": "r", "BizId": "900^0"})
    assert await send(provider) == SmsAccepted("900^0")
    request = script.seen[0]
    assert {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()} == {
        "PhoneNumbers": "13800000001",
        "SignName": "会达",
        "TemplateCode": "SMS_1",
        "TemplateParam": '{"name":"小明"}',
        "OutId": "n-1",
    }
    assert request.headers is not None
    assert request.headers["x-acs-action"] == "SendSms"
    assert request.headers["x-acs-date"] == "2026-11-21T04:00:00Z"
    assert "shh" not in request.headers["authorization"]


@pytest.mark.parametrize(
    ("code", "message", "status", "kind", "later_s"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1", 200, Refused, 60.0),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5", 200, Refused, 3600.0),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:10", 200, Refused, 86400.0),
        ("isv.DAY_LIMIT_CONTROL", "", 200, Refused, 43200.0),
        ("isv.MONTH_LIMIT_CONTROL", "", 200, Refused, 43200.0 + 9 * 86400),
        ("isv.MOBILE_NUMBER_ILLEGAL", "", 200, Refused, None),
        ("isv.AMOUNT_NOT_ENOUGH", "", 200, Refused, None),
        ("SignatureDoesNotMatch", "", 400, Refused, None),
        ("isp.SYSTEM_ERROR", "", 200, Unavailable, None),
        ("Throttling.User", "", 503, Unavailable, None),
        ("InternalError", "", 500, Unknown, None),
    ],
)
async def test_aliyun_outcomes(
    code: str, message: str, status: int, kind: type[Exception], later_s: float | None
) -> None:
    body = msgspec.json.encode({"Code": code, "Message": message, "RequestId": "r"})
    _, provider = ali(Answer(status, body, "application/json"))
    with pytest.raises(kind) as raised:
        await send(provider)
    if isinstance(raised.value, Refused):
        assert (raised.value.code, raised.value.later_s) == (f"aliyun.{code}", later_s)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(200, b"<html>", ""), Unknown),
        (Answer(502, b"", ""), Unknown),
        (Answer(403, b"", ""), Refused),
        (Answer(200, b"{}", ""), Unknown),
    ],
)
async def test_an_answer_that_is_no_answer(answer: Answer, kind: type[Exception]) -> None:
    for _, provider in (ali(answer), ten(answer)):
        with pytest.raises(kind):
            await send(provider)


async def test_aliyun_query_finds_our_number() -> None:
    rows = [
        {"SendStatus": 2, "OutId": "n-0", "PhoneNum": "13800000001", "ErrCode": "MOBILE_SEND_LIMIT"},
        {
            "SendStatus": 3,
            "OutId": "n-1",
            "PhoneNum": "13800000001",
            "ErrCode": "DELIVERED",
            "ReceiveDate": "2026-11-21 12:00:05",
        },
    ]
    script, provider = ali({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}, "TotalCount": 2})
    assert await provider.query(CRED, phone="13800000001", day=DAY, out_id="n-1") == SmsReport(
        "", "n-1", "13800000001", SmsState.DELIVERED, "DELIVERED", datetime(2026, 11, 21, 4, 0, 5, tzinfo=UTC)
    )
    assert await provider.query(CRED, phone="13800000001", day=DAY, out_id="n-9") is None
    asked = parse_qs(urlsplit(script.seen[0].url).query)
    assert (asked["SendDate"], asked["CurrentPage"]) == (["20261121"], ["1"])


async def test_aliyun_audits() -> None:
    _, provider = ali({"Code": "OK", "SignStatus": 2, "Reason": "资质不符"})
    assert await provider.sign(CRED, "会达") == SmsAudit("会达", Audit.REJECTED, "资质不符")
    _, provider = ali({"Code": "OK", "TemplateStatus": 1, "TemplateContent": "您好${name}", "Reason": "无"})
    assert await provider.template(CRED, "SMS_1") == SmsAudit("SMS_1", Audit.APPROVED, "无", "您好${name}")


def test_aliyun_pushed_reports() -> None:
    _, provider = ali({})
    body = """[{"phone_number":"13900000001","send_time":"2026-11-21 10:00:00","report_time":"2026-11-21 10:00:05",
        "success":true,"err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"2","biz_id":"900^0","out_id":"g-1"},
        {"phone_number":"13900000002","success":false,"err_code":"IS_CLOSE","biz_id":"901^0"}]"""
    assert provider.parse_report(body.encode()) == [
        SmsReport(
            "900^0",
            "g-1",
            "13900000001",
            SmsState.DELIVERED,
            "DELIVERED",
            datetime(2026, 11, 21, 2, 0, 5, tzinfo=UTC),
            2,
        ),
        SmsReport("901^0", "", "13900000002", SmsState.FAILED, "IS_CLOSE"),
    ]
    with pytest.raises(BadReport):
        provider.parse_report(b"hello")
    assert aliyun.REPORT_ANSWER.decode() == '{"code":0,"msg":"成功"}'


async def test_tencent_send() -> None:
    status = {"SerialNo": "s-1", "PhoneNumber": "+8613800000001", "Fee": 1, "Code": "Ok", "Message": "send success"}
    script, provider = ten({"Response": {"SendStatusSet": [status], "RequestId": "r"}})
    assert await send(provider) == SmsAccepted("s-1", 1)
    request = script.seen[0]
    assert msgspec.json.decode(request.body or b"") == {
        "PhoneNumberSet": ["+8613800000001"],
        "SmsSdkAppId": "1400000001",
        "SignName": "会达",
        "TemplateId": "SMS_1",
        "TemplateParamSet": ["小明"],
        "SessionContext": "n-1",
    }
    assert request.headers is not None
    assert (request.headers["x-tc-action"], request.headers["x-tc-timestamp"]) == (
        "SendSms",
        str(int(NOON.timestamp())),
    )


@pytest.mark.parametrize(
    ("code", "kind", "later_s"),
    [
        ("LimitExceeded.PhoneNumberThirtySecondLimit", Refused, 30.0),
        ("LimitExceeded.AppDailyLimit", Refused, 43200.0),
        ("FailedOperation.MarketingSendTimeConstraint", Refused, 20 * 3600.0),
        ("FailedOperation.PhoneNumberInBlacklist", Refused, None),
        ("AuthFailure.SignatureFailure", Refused, None),
        ("RequestLimitExceeded", Unavailable, None),
        ("InternalError.Timeout", Unknown, None),
    ],
)
async def test_tencent_outcomes_of_the_call_and_of_the_number(
    code: str, kind: type[Exception], later_s: float | None
) -> None:
    number = {"SerialNo": "", "PhoneNumber": "+8613800000001", "Fee": 0, "Code": code, "Message": "no"}
    for response in ({"Error": {"Code": code, "Message": "no"}}, {"SendStatusSet": [number]}):
        _, provider = ten({"Response": response | {"RequestId": "r"}})
        with pytest.raises(kind) as raised:
            await send(provider)
        if isinstance(raised.value, Refused):
            assert (raised.value.code, raised.value.later_s) == (f"tencent.{code}", later_s)


async def test_tencent_query_and_audits() -> None:
    row = {
        "SerialNo": "s-1",
        "PhoneNumber": "+8613800000001",
        "ReportStatus": "FAIL",
        "Description": "空号",
        "SessionContext": "n-1",
        "UserReceiveTime": 1795233605,
    }
    _, provider = ten({"Response": {"PullSmsSendStatusSet": [row]}})
    found = await provider.query(CRED, phone="13800000001", day=DAY, out_id="n-1")
    assert found is not None
    assert (found.provider_ref, found.state, found.code) == ("s-1", SmsState.FAILED, "空号")
    assert await provider.query(CRED, phone="13800000001", day=DAY, provider_ref="s-9") is None
    _, provider = ten({"Response": {"DescribeSignListStatusSet": [{"SignName": "会达", "StatusCode": 0}]}})
    assert await provider.sign(CRED, "会达") == SmsAudit("会达", Audit.APPROVED)
    with pytest.raises(Refused) as raised:
        await provider.sign(CRED, "别家")
    assert raised.value.code == "tencent.sign_unknown"


def test_tencent_pushed_reports() -> None:
    _, provider = ten({})
    body = (
        b'[{"user_receive_time":"2026-11-21 10:00:05","nationcode":"86","mobile":"13900000001",'
        b'"report_status":"SUCCESS","errmsg":"DELIVRD","description":"ok","sid":"s-1","ext":"g-1"}]'
    )
    assert provider.parse_report(body) == [
        SmsReport(
            "s-1", "g-1", "13900000001", SmsState.DELIVERED, "DELIVRD", datetime(2026, 11, 21, 2, 0, 5, tzinfo=UTC)
        )
    ]
    assert tencent.REPORT_ANSWER == b'{"result":0,"errmsg":"OK"}'


def test_a_report_shows_no_phone() -> None:
    assert "139" not in repr(SmsReport("s-1", "g-1", "13900000001", SmsState.DELIVERED))

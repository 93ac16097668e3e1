"""Tencent: gate, per-number results, limits, receipts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wesim.sms_kit import NOON, PHONE, SmsSim
from wesim.faults import Fault
from wesim.sms import catalogue

TEXT = "【会达小店】您尾号0001的会员卡于11-21 12:00消费成功，详情 https://hd.example/s/a8Kd "


@pytest.fixture
def sim() -> SmsSim:
    return SmsSim()


def asked(**changed: Any) -> dict[str, Any]:
    return {
        "PhoneNumberSet": [f"+86{PHONE}"],
        "SmsSdkAppId": catalogue.TENCENT_SDK_APP_ID,
        "SignName": "会达小店",
        "TemplateId": "2000002",
        "TemplateParamSet": ["0001", "11-21 12:00", "a8Kd"],
        "SessionContext": "grant-1",
        **changed,
    }


async def codes(sim: SmsSim, **changed: Any) -> list[str]:
    return [row["Code"] for row in (await sim.tencent("SendSms", asked(**changed)))["SendStatusSet"]]


async def test_a_message_arrives(sim: SmsSim) -> None:
    (row,) = (await sim.tencent("SendSms", asked()))["SendStatusSet"]
    assert {k: v for k, v in row.items() if k != "SerialNo"} == {
        "PhoneNumber": f"+86{PHONE}",
        "Fee": 1,
        "SessionContext": "grant-1",
        "Code": "Ok",
        "Message": "send success",
        "IsoCode": "CN",
    }
    assert [(m.text, m.sound, m.extra["provider"]) for m in sim.inbox()] == [(TEXT, True, "tencent")]


async def test_an_emoji_costs_two_places(sim: SmsSim) -> None:
    fee = {}
    for count in (9, 10):  # 70 places, and 72
        values = ["0001", "😎" * count, "a8Kd"]
        (row,) = (await sim.tencent("SendSms", asked(TemplateParamSet=values)))["SendStatusSet"]
        fee[count] = row["Fee"]
        sim.world.clock.advance(31)
    assert fee == {9: 1, 10: 2}
    assert [m.extra["parts"] for m in sim.inbox()] == [1, 2]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"secret": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"key": "nobody"}, "AuthFailure.SecretIdNotFound"),
        ({"stamp": NOON + 301}, "AuthFailure.SignatureExpire"),
        ({"stamp": NOON - 301}, "AuthFailure.SignatureExpire"),
        ({"version": "2019-07-11"}, "NoSuchVersion"),
    ],
)
async def test_the_gate_refuses(sim: SmsSim, changed: dict[str, Any], code: str) -> None:
    answer = await sim.tencent("SendSms", asked(), **changed)
    assert answer["Error"]["Code"] == code
    assert sim.inbox() == []


async def test_an_unknown_action_is_refused(sim: SmsSim) -> None:
    assert (await sim.tencent("SendMms", {}))["Error"]["Code"] == "InvalidAction"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"SmsSdkAppId": "1"}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        ({"PhoneNumberSet": []}, "MissingParameter"),
        ({"PhoneNumberSet": ["+8613800000001"] * 201}, "LimitExceeded.PhoneNumberCountLimit"),
        ({"SessionContext": "x" * 512}, "InvalidParameterValue.SessionContextLengthLimit"),
    ],
)
async def test_the_whole_call_is_refused(sim: SmsSim, changed: dict[str, Any], code: str) -> None:
    assert (await sim.tencent("SendSms", asked(**changed)))["Error"]["Code"] == code
    assert sim.inbox() == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"SignName": "会达审核中"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        ({"TemplateId": "1"}, "FailedOperation.TemplateIncorrectOrUnapproved"),
        ({"TemplateParamSet": ["1"]}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
        ({"TemplateParamSet": ["1", "2", "t.cn/x"]}, "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"),
        (
            {"TemplateId": "2000001", "TemplateParamSet": ["1234567"]},
            "InvalidParameterValue.TemplateParameterFormatError",
        ),
    ],
)
async def test_a_message_is_refused(sim: SmsSim, changed: dict[str, Any], code: str) -> None:
    assert await codes(sim, **changed) == [code]
    assert sim.inbox() == []


async def test_results_are_per_number(sim: SmsSim) -> None:
    assert await codes(sim, PhoneNumberSet=["+8613800000001", "123", "+8613800000002"]) == [
        "Ok",
        "InvalidParameterValue.IncorrectPhoneNumber",
        "Ok",
    ]
    assert (len(sim.inbox()), len(sim.inbox("chenyiming"))) == (1, 1)


async def test_limits_of_thirty_seconds_and_ten_a_day(sim: SmsSim) -> None:
    assert await codes(sim) == ["Ok"]
    sim.world.clock.advance(29)
    assert await codes(sim) == ["LimitExceeded.PhoneNumberThirtySecondLimit"]
    sim.world.clock.advance(1)
    assert await codes(sim) == ["Ok"]
    for n in range(8):
        assert await codes(sim, TemplateParamSet=["0001", "x", f"c{n}"]) == ["Ok"]
    assert await codes(sim, TemplateParamSet=["0001", "x", "last"]) == ["LimitExceeded.PhoneNumberDailyLimit"]


async def test_promotions_only_by_day(sim: SmsSim) -> None:
    await sim.control("/templates", {"provider": "tencent", "code": "9", "content": "活动，拒收请回复R", "kind": 2})
    assert await codes(sim, TemplateId="9", TemplateParamSet=[]) == ["Ok"]
    sim.world.clock.set(NOON + 10 * 3600)
    assert await codes(sim, TemplateId="9", TemplateParamSet=[]) == ["FailedOperation.MarketingSendTimeConstraint"]


async def test_receipts_are_pulled_once(sim: SmsSim) -> None:
    sim.world.faults.add(Fault("fail_delivery", host="sms.tencentcloudapi.com", status="MOBILE_IN_BLACK", count=1))
    rows = (await sim.tencent("SendSms", asked(PhoneNumberSet=["+8613800000001", "+8613800000002"])))["SendStatusSet"]
    pull = {"Limit": 10, "SmsSdkAppId": catalogue.TENCENT_SDK_APP_ID}
    answer = await sim.tencent("PullSmsSendStatus", pull)
    assert answer["PullSmsSendStatusSet"] == [
        {
            "UserReceiveTime": int(NOON),
            "CountryCode": "86",
            "SubscriberNumber": "13800000001",
            "PhoneNumber": "+8613800000001",
            "SerialNo": rows[0]["SerialNo"],
            "ReportStatus": "FAIL",
            "Description": "黑名单管控",
            "SessionContext": "grant-1",
        },
        {
            "UserReceiveTime": int(NOON),
            "CountryCode": "86",
            "SubscriberNumber": "13800000002",
            "PhoneNumber": "+8613800000002",
            "SerialNo": rows[1]["SerialNo"],
            "ReportStatus": "SUCCESS",
            "Description": "用户短信送达成功",
            "SessionContext": "grant-1",
        },
    ]
    assert (await sim.tencent("PullSmsSendStatus", pull))["PullSmsSendStatusSet"] == []
    assert sim.inbox() == []


async def test_the_status_callback_has_two_retries(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "tencent", "report_url": "http://m/t"})
    sim.answers = [(500, b""), (500, b""), (500, b"")]
    (row,) = (await sim.tencent("SendSms", asked()))["SendStatusSet"]
    for wait in (0, 60, 300, 600):
        sim.world.clock.advance(wait)
        await sim.control("/settle", {"now": 1})
    assert (
        sim.pushed
        == [
            (
                "http://m/t",
                [
                    {
                        "user_receive_time": "2026-11-21 12:00:00",
                        "nationcode": "86",
                        "mobile": PHONE,
                        "report_status": "SUCCESS",
                        "errmsg": "DELIVRD",
                        "description": "用户接收成功",
                        "sid": row["SerialNo"],
                        "ext": "grant-1",
                    }
                ],
            )
        ]
        * 3
    )


async def test_an_ordered_refusal_is_a_response_error(sim: SmsSim) -> None:
    sim.world.faults.add(Fault("refuse", host="sms.tencentcloudapi.com", code="RequestLimitExceeded", errmsg="slow"))
    assert (await sim.tencent("SendSms", asked()))["Error"] == {"Code": "RequestLimitExceeded", "Message": "slow"}

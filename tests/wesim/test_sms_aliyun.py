"""Aliyun: gate, sending, flow control, receipts, replies, review."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.wesim.sms_kit import NOON, PHONE, SmsSim
from wesim.faults import Fault
from wesim.sms import catalogue, signing
from wesim.sms.account import sender_number

TEXT = "【会达小店】您尾号0001的会员卡于11-21 12:00消费成功，详情 https://hd.example/s/a8Kd "
OVER_MINUTE = ("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1")


@pytest.fixture
def sim() -> SmsSim:
    return SmsSim()


def outcome(body: dict[str, Any]) -> tuple[str, str]:
    return body["Code"], body["Message"]


# --- the gate ---------------------------------------------------------------------------------------------------


async def test_a_signed_call_puts_a_sounding_sms_on_the_phone(sim: SmsSim) -> None:
    body = await sim.send(OutId="grant-1")
    assert {k: v for k, v in body.items() if k not in ("BizId", "RequestId")} == {"Code": "OK", "Message": "OK"}
    (message,) = sim.inbox()
    assert (message.kind, message.sound, message.read) == ("sms", True, False)
    assert (message.sender, message.title, message.text) == (sender_number("会达小店"), "会达小店", TEXT)
    assert message.extra == {
        "phone": PHONE,
        "provider": "aliyun",
        "sign": "会达小店",
        "template": "SMS_100000002",
        "parts": 1,
        "message_id": body["BizId"],
    }


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"secret": "wrong"}, 400, "SignatureDoesNotMatch"),
        ({"key": "nobody"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"key": ""}, 400, "MissingAccessKeyId"),
        ({"date": "2026-11-21T04:15:01Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"date": "2026-11-21T03:44:59Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"date": "today"}, 400, "InvalidTimeStamp.Format"),
        ({"signed": ["host", "x-acs-action"]}, 400, "SignatureDoesNotMatch"),
    ],
)
async def test_the_gate_refuses(sim: SmsSim, changed: dict[str, Any], status: int, code: str) -> None:
    got, body = await sim.http(**sim.acs3("SendSms", {}, **changed))
    assert (got, json.loads(body)["Code"]) == (status, code)
    assert json.loads(body).keys() == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert sim.inbox() == []


async def test_the_window_of_fifteen_minutes_is_inclusive(sim: SmsSim) -> None:
    for date in ("2026-11-21T04:15:00Z", "2026-11-21T03:45:00Z"):
        status, body = await sim.http(**sim.acs3("QuerySmsSign", {"SignName": "会达"}, date=date))
        assert (status, json.loads(body)["Code"]) == (200, "OK")


async def test_a_nonce_works_once(sim: SmsSim) -> None:
    call = sim.acs3("QuerySmsSign", {"SignName": "会达"}, nonce="n1")
    assert (await sim.http(**call))[0] == 200
    status, body = await sim.http(**call)
    assert (status, json.loads(body)["Code"]) == (400, "SignatureNonceUsed")


async def test_a_changed_parameter_breaks_the_signature(sim: SmsSim) -> None:
    call = sim.acs3("QuerySmsSign", {"SignName": "会达"})
    status, body = await sim.http(**{**call, "query": urlencode({"SignName": "会达小店"})})
    assert (status, json.loads(body)["Code"]) == (400, "SignatureDoesNotMatch")


async def test_a_changed_body_breaks_the_signature(sim: SmsSim) -> None:
    call = sim.acs3("QuerySmsSign", {"SignName": "会达"})
    status, body = await sim.http(**call, body=b"SignName=x")
    assert (status, json.loads(body)["Code"]) == (400, "SignatureDoesNotMatch")


async def test_an_unknown_action_is_404(sim: SmsSim) -> None:
    status, body = await sim.aliyun("SendMms")
    assert (status, body["Code"]) == (404, "InvalidAction.NotFound")


async def test_a_missing_parameter_is_named(sim: SmsSim) -> None:
    status, body = await sim.aliyun("SendSms", PhoneNumbers=PHONE)
    assert (status, body["Code"]) == (400, "MissingSignName")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rpc_v1_is_accepted_and_answers_xml_by_default(sim: SmsSim, method: str) -> None:
    params = rpc(sim, Action="QuerySmsSign", SignName="会达")
    status, body = await call_rpc(sim, method, params)
    assert status == 200
    assert body.startswith('<?xml version="1.0" encoding="UTF-8"?><QuerySmsSignResponse><RequestId>')
    assert "<SignName>会达</SignName><SignStatus>1</SignStatus>" in body


async def test_rpc_v1_answers_json_on_request_and_guards_the_nonce(sim: SmsSim) -> None:
    params = rpc(sim, Action="QuerySmsSign", SignName="会达", Format="JSON")
    status, body = await call_rpc(sim, "POST", params)
    assert (status, json.loads(body)["SignStatus"]) == (200, 1)
    status, body = await call_rpc(sim, "POST", params)
    assert (status, json.loads(body)["Code"]) == (400, "SignatureNonceUsed")


async def test_rpc_v1_with_a_wrong_signature_is_refused(sim: SmsSim) -> None:
    params = rpc(sim, Action="QuerySmsSign", SignName="会达", Format="JSON") | {"SignName": "会达小店"}
    status, body = await call_rpc(sim, "POST", params)
    assert (status, json.loads(body)["Code"]) == (400, "SignatureDoesNotMatch")


def rpc(sim: SmsSim, **params: str) -> dict[str, str]:
    return {
        "AccessKeyId": catalogue.ALIYUN_KEY_ID,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": base64.b64encode(json.dumps(params).encode()).decode(),
        "Timestamp": sim.stamp(),
        "Version": "2017-05-25",
        "RegionId": "cn-hangzhou",
        **params,
    }


async def call_rpc(sim: SmsSim, method: str, params: dict[str, str]) -> tuple[int, str]:
    """Sign for the parameters as `rpc` made them; a caller's later change is not signed."""
    signed = params if params["SignName"] != "会达小店" else {**params, "SignName": "会达"}
    to_sign = signing.rpc_string_to_sign(method, signed.items())
    whole = {**params, "Signature": signing.rpc_signature(catalogue.ALIYUN_KEY_SECRET, to_sign)}
    status, body = await sim.http(method, "/", query=urlencode(whole), headers={"host": "127.0.0.1:8900"})
    return status, body.decode()


# --- sending ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "values", "changed", "refusal"),
    [
        ("SMS_100000002", None, {"SignName": "没有"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ("SMS_100000002", None, {"SignName": "会达审核中"}, "isv.SIGN_STATE_ILLEGAL"),
        ("SMS_100000002", None, {"SignName": "会达被驳回"}, "isv.SIGN_STATE_ILLEGAL"),
        ("SMS_1", None, {}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ("SMS_100000002", {"p1": "0001"}, {}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ("SMS_100000002", None, {"TemplateParam": "{"}, "isv.INVALID_JSON_PARAM"),
        ("SMS_100000002", None, {"TemplateParam": "[]"}, "isv.INVALID_JSON_PARAM"),
        (
            "SMS_100000002",
            {"p1": "0001", "p2": "now", "code": "https://a.cn/s/1"},
            {},
            "isv.PARAM_NOT_SUPPORT_URL",
        ),
        ("SMS_100000002", {"p1": "x" * 36, "p2": "now", "code": "a"}, {}, "isv.PARAM_LENGTH_LIMIT"),
        ("SMS_100000001", {"code": "123"}, {}, "isv.PARAM_LENGTH_LIMIT"),
        ("SMS_100000001", {"code": "1234567"}, {}, "isv.PARAM_LENGTH_LIMIT"),
        ("SMS_100000002", None, {"PhoneNumbers": "1380000000"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ("SMS_100000002", None, {"PhoneNumbers": ",".join([PHONE] * 1001)}, "isv.MOBILE_COUNT_OVER_LIMIT"),
        ("SMS_100000002", None, {"SmsUpExtendCode": "x"}, "isv.EXTEND_CODE_ERROR"),
        ("SMS_100000002", None, {"OutId": "o" * 256}, "isv.INVALID_PARAMETERS"),
    ],
)
async def test_refusals_send_nothing(
    sim: SmsSim, code: str, values: dict[str, str] | None, changed: dict[str, str], refusal: str
) -> None:
    body = await sim.send(code, values, **changed)
    assert body["Code"] == refusal
    assert "BizId" not in body
    assert (sim.inbox(), len(sim.sms.sent)) == ([], 0)


async def test_a_text_of_500_goes_and_501_does_not(sim: SmsSim) -> None:
    for code, length in (("SMS_500", 500 - 6), ("SMS_501", 501 - 6)):
        await sim.control("/templates", {"provider": "aliyun", "code": code, "content": "字" * length})
    assert (await sim.send("SMS_500", {}))["Code"] == "OK"
    assert (await sim.send("SMS_501", {}))["Code"] == "isv.PARAM_LENGTH_LIMIT"
    assert [(sent.parts, len(sent.text)) for sent in sim.sms.sent] == [(8, 500)]


async def test_one_bad_number_refuses_all(sim: SmsSim) -> None:
    assert (await sim.send(PhoneNumbers=f"{PHONE},123"))["Code"] == "isv.MOBILE_NUMBER_ILLEGAL"
    assert sim.inbox() == []


async def test_a_batch_gives_each_number_its_own_text(sim: SmsSim) -> None:
    values = [{"p1": "0001", "p2": "now", "code": "aaaa"}, {"p1": "0002", "p2": "now", "code": "bbbb"}]
    status, body = await sim.aliyun(
        "SendBatchSms",
        PhoneNumberJson='["13800000001","13800000002"]',
        SignNameJson='["会达","会达小店"]',
        TemplateCode="SMS_100000004",
        TemplateParamJson=json.dumps(values),
        OutId="b-1",
    )
    assert (status, body["Code"]) == (200, "OK")
    assert [m.text for m in sim.inbox()] == [
        "【会达】您尾号0001的会员卡积分于now发生变动，详情 https://hd.example/s/aaaa "
    ]
    assert [m.text for m in sim.inbox("chenyiming")] == [
        "【会达小店】您尾号0002的会员卡积分于now发生变动，详情 https://hd.example/s/bbbb "
    ]
    assert {sent.id for sent in sim.sms.sent} == {body["BizId"]}


async def test_a_batch_of_unequal_lists_is_refused(sim: SmsSim) -> None:
    status, body = await sim.aliyun(
        "SendBatchSms",
        PhoneNumberJson='["13800000001"]',
        SignNameJson='["会达","会达小店"]',
        TemplateCode="SMS_100000004",
    )
    assert (status, body["Code"]) == (200, "isv.INVALID_PARAMETERS")


async def test_money_runs_out(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "aliyun", "parts_left": 1})
    assert (await sim.send())["Code"] == "OK"
    assert (await sim.send())["Code"] == "isv.AMOUNT_NOT_ENOUGH"
    assert sim.sms.aliyun.parts_left == 0


async def test_own_daily_limit(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "aliyun", "day_limit": 1})
    assert (await sim.send())["Code"] == "OK"
    assert (await sim.send())["Code"] == "isv.DAY_LIMIT_CONTROL"
    sim.world.clock.advance(86_400)
    assert (await sim.send())["Code"] == "OK"


# --- flow control (P-07, P-08) ----------------------------------------------------------------------------------


async def code_to(sim: SmsSim, phone: str = PHONE, sign: str = "会达") -> tuple[str, str]:
    body = await sim.send("SMS_100000001", {"code": "1234"}, PhoneNumbers=phone, SignName=sign)
    return outcome(body)


@pytest.mark.covers("P-07", "P-08")
async def test_codes_one_per_clock_minute(sim: SmsSim) -> None:
    sim.world.clock.set(NOON + 59)
    assert await code_to(sim) == ("OK", "OK")
    assert await code_to(sim) == OVER_MINUTE
    sim.world.clock.set(NOON + 60)
    assert await code_to(sim) == ("OK", "OK")


@pytest.mark.covers("P-07", "P-08")
async def test_codes_five_per_clock_hour_ten_per_24_hours(sim: SmsSim) -> None:
    for minute in range(5):
        sim.world.clock.set(NOON + 55 * 60 + minute * 60)
        assert await code_to(sim) == ("OK", "OK")
    sim.world.clock.set(NOON + 59 * 60 + 59)
    assert (await code_to(sim))[1] == "触发分钟级流控Permits:1"
    sim.world.clock.set(NOON + 3600 - 0.5)
    sim.sms.windows.setdefault(("code", "会达", PHONE)).pop()  # free the minute; the hour stays full with one more
    sim.sms.windows[("code", "会达", PHONE)].appendleft(NOON + 1)
    assert await code_to(sim) == ("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5")
    for minute in range(5):
        sim.world.clock.set(NOON + 3600 + minute * 60)
        assert await code_to(sim) == ("OK", "OK")
    sim.world.clock.set(NOON + 7200)
    assert await code_to(sim) == ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:10")
    sim.world.clock.set(NOON + 86_400 + 1)
    assert await code_to(sim) == ("OK", "OK")


@pytest.mark.covers("P-07")
async def test_codes_forty_per_number_over_all_signatures(sim: SmsSim) -> None:
    for number in range(5):
        await sim.control("/signs", {"provider": "aliyun", "name": f"签名{number}"})
    for hour in range(10):
        sim.world.clock.set(NOON + hour * 3600)
        for number in range(4):
            assert await code_to(sim, sign=f"签名{number}") == ("OK", "OK")
    assert await code_to(sim, sign="签名4") == ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:40")
    assert await code_to(sim, phone="13800000002", sign="签名4") == ("OK", "OK")


@pytest.mark.covers("P-07", "P-08")
async def test_notices_fifty_per_signature_template_and_number_counted_even_when_undelivered(sim: SmsSim) -> None:
    await sim.control("/phones", {"phone": PHONE, "state": "out_of_service"})
    for _ in range(50):
        assert (await sim.send())["Code"] == "OK"
    assert outcome(await sim.send()) == ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:50")
    assert (await sim.send("SMS_100000003"))["Code"] == "OK"
    assert (await sim.send(SignName="会达"))["Code"] == "OK"
    assert sim.inbox() == []


async def test_the_white_list_is_not_limited(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "aliyun", "white_list": [PHONE]})
    assert [await code_to(sim) for _ in range(2)] == [("OK", "OK")] * 2


# --- receipts and replies ---------------------------------------------------------------------------------------


async def details(sim: SmsSim, **params: str) -> dict[str, Any]:
    asked = {"PhoneNumber": PHONE, "SendDate": "20261121", "PageSize": "10", "CurrentPage": "1", **params}
    return (await sim.aliyun("QuerySendDetails", **asked))[1]


async def test_an_emoji_is_reported_as_two_places(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "aliyun", "report_url": "http://m/report"})
    for count in (9, 10):  # 70 places, and 72
        assert (await sim.send(values={"p1": "0001", "p2": "😎" * count, "code": "a8Kd"}))["Code"] == "OK"
    await sim.control("/settle", {"now": 1})
    assert [receipt["sms_size"] for _, body in sim.pushed for receipt in body] == ["1", "2"]
    billed = await sim.control("/billed")
    assert (billed["messages"], billed["parts"]) == (2, 3)


async def test_details_and_report_of_a_delivered_message(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "aliyun", "report_url": "http://m/report"})
    biz_id = (await sim.send(OutId="grant-1"))["BizId"]
    await sim.control("/settle", {"now": 1})
    assert sim.pushed == [
        (
            "http://m/report",
            [
                {
                    "phone_number": PHONE,
                    "send_time": "2026-11-21 12:00:00",
                    "report_time": "2026-11-21 12:00:00",
                    "success": True,
                    "err_code": "DELIVERED",
                    "err_msg": "用户接收成功",
                    "sms_size": "1",
                    "biz_id": biz_id,
                    "out_id": "grant-1",
                }
            ],
        )
    ]
    body = await details(sim, BizId=biz_id)
    assert (body["TotalCount"], body["SmsSendDetailDTOs"]["SmsSendDetailDTO"]) == (
        "1",
        [
            {
                "PhoneNum": PHONE,
                "SendStatus": 3,
                "ErrCode": "DELIVERED",
                "TemplateCode": "SMS_100000002",
                "Content": TEXT,
                "SendDate": "2026-11-21 12:00:00",
                "ReceiveDate": "2026-11-21 12:00:00",
                "OutId": "grant-1",
            }
        ],
    )
    assert (await details(sim, SendDate="20261120"))["TotalCount"] == "0"
    assert (await details(sim, PageSize="51"))["Code"] == "isv.INVALID_PARAMETERS"


async def test_a_slow_carrier_leaves_the_message_waiting(sim: SmsSim) -> None:
    await sim.control("/settings", {"receipt_delay_s": 30})
    await sim.send()
    row = (await details(sim))["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]
    assert (row["SendStatus"], row["ReceiveDate"], sim.inbox()) == (1, "", [])
    sim.world.clock.advance(30)
    row = (await details(sim))["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]
    assert (row["SendStatus"], row["ReceiveDate"], len(sim.inbox())) == (3, "2026-11-21 12:00:30", 1)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("out_of_service", "MOBILE_NOT_ON_SERVICE"),
        ("empty_number", "INVALID_NUMBER"),
        ("blacklisted", "MOBILE_IN_BLACK"),
    ],
)
async def test_an_unreachable_phone_gives_a_failed_receipt(sim: SmsSim, state: str, code: str) -> None:
    await sim.control("/phones", {"phone": PHONE, "state": state})
    assert (await sim.send())["Code"] == "OK"
    row = (await details(sim))["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]
    assert (row["SendStatus"], row["ErrCode"], sim.inbox()) == (2, code, [])


async def test_an_ordered_carrier_fault_is_accepted_then_failed(sim: SmsSim) -> None:
    sim.world.faults.add(Fault("fail_delivery", host="dysmsapi.*", status="CONTENT_KEYWORD", count=1))
    assert (await sim.send())["Code"] == "OK"
    assert (await sim.send())["Code"] == "OK"
    assert [(s.status, s.err_code) for s in sim.sms.sent] == [(2, "CONTENT_KEYWORD"), (3, "DELIVERED")]
    assert len(sim.inbox()) == 1


async def test_an_ordered_refusal_speaks_the_language_of_the_provider(sim: SmsSim) -> None:
    sim.world.faults.add(Fault("refuse", host="dysmsapi.*", code="isv.OUT_OF_SERVICE", count=1))
    sim.world.faults.add(Fault("refuse", host="dysmsapi.*", code="Throttling.User", errmsg="slow down", count=1))
    assert outcome(await sim.send()) == ("isv.OUT_OF_SERVICE", "业务停机")
    status, body = await sim.aliyun("QuerySmsSign", SignName="会达")
    assert (status, outcome(body)) == (400, ("Throttling.User", "slow down"))


async def test_reports_are_repeated_after_1_5_and_10_minutes_then_given_up(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "aliyun", "report_url": "http://m/report"})
    # Refusals: a server error, a text code (must be a number), an answer that is no JSON, a wrong code.
    sim.answers = [(500, b""), (200, b'{"code":"0"}'), (200, b"success"), (200, b'{"code":1}')]
    await sim.send()
    tries = []
    for wait in (0, 59, 1, 299, 1, 599, 1, 3600):
        sim.world.clock.advance(wait)
        await sim.control("/settle", {"now": 1})
        tries.append(len(sim.pushed))
    assert tries == [1, 1, 2, 2, 3, 3, 4, 4]
    (push,) = await sim.control("/pushes")
    assert (push["state"], push["attempts"]) == ("failed", [500, 200, 200, 200])


async def test_receipts_travel_in_batches(sim: SmsSim) -> None:
    await sim.control("/settings", {"report_batch_max": 2})
    await sim.control("/account", {"provider": "aliyun", "report_url": "http://m/report"})
    await sim.send(PhoneNumbers="13800000001,13800000002,13800000003")
    await sim.control("/settle", {"now": 1})
    assert [[row["phone_number"] for row in body] for _url, body in sim.pushed] == [
        ["13800000001", "13800000002"],
        ["13800000003"],
    ]


async def test_a_reply_is_pushed_and_r_opts_out_of_promotions_only(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "aliyun", "reply_url": "http://m/reply"})
    await sim.send(SmsUpExtendCode="12")
    answer = await sim.control("/replies", {"phone": PHONE, "text": "r"})
    assert (answer["to"], answer["sign"]) == (sender_number("会达小店", "12"), "会达小店")
    await sim.control("/settle", {"now": 1})
    ((url, (entry,)),) = sim.pushed
    assert (url, entry["phone_number"], entry["content"], entry["dest_code"], entry["send_time"]) == (
        "http://m/reply",
        PHONE,
        "r",
        "12",
        "2026-11-21 12:00:00",
    )
    assert outcome(await sim.send("SMS_100000012")) == ("isv.CUSTOMER_REFUSED", "用户已退订推广短信")
    assert (await sim.send("SMS_100000012", SignName="会达"))["Code"] == "OK"
    assert (await sim.send("SMS_100000003"))["Code"] == "OK"
    await sim.control("/replies", {"phone": PHONE, "text": "START", "sign": "会达小店"})
    assert (await sim.send("SMS_100000012"))["Code"] == "OK"


async def test_a_number_of_nobody_is_kept_apart(sim: SmsSim) -> None:
    assert (await sim.send(PhoneNumbers="13911111111"))["Code"] == "OK"
    assert [m.extra["phone"] for m in sim.world.unknown_sms] == ["13911111111"]


async def test_a_reset_world_has_fresh_accounts(sim: SmsSim) -> None:
    await sim.control("/account", {"provider": "aliyun", "parts_left": 0})
    await sim.send()
    sim.world.reset()
    assert (sim.sms.aliyun.parts_left, len(sim.sms.sent)) == (None, 0)


# --- what is billed ---------------------------------------------------------------------------------------------


async def test_what_carriers_billed_is_shown_and_may_be_more_than_the_rule_says(sim: SmsSim) -> None:
    await sim.send(OutId="1.a")
    await sim.control("/settings", {"extra_parts": 2})
    await sim.send(PhoneNumbers="13800000002", OutId="2.b")
    both = await sim.control("/billed")
    assert (both["messages"], both["parts"]) == (2, 4)
    mine = json.loads((await sim.http("GET", "/_sim/sms/billed", query="echo=2."))[1])
    assert [(item["provider"], item["echo"], item["parts"]) for item in mine["items"]] == [("aliyun", "2.b", 3)]

"""Aliyun: signatures and templates wait for a reviewer."""

from __future__ import annotations

import pytest

from tests.wesim.sms_kit import SmsSim


@pytest.fixture
def sim() -> SmsSim:
    return SmsSim()


async def test_a_new_signature_waits_for_review_and_carriers(sim: SmsSim) -> None:
    status, body = await sim.aliyun("CreateSmsSign", SignName="新店", SignSource="0", QualificationId="1")
    assert (status, body["Code"], body["SignName"]) == (200, "OK", "新店")
    assert (await sim.aliyun("QuerySmsSign", SignName="新店"))[1]["SignStatus"] == 0
    assert (await sim.send(SignName="新店"))["Code"] == "isv.SIGN_STATE_ILLEGAL"
    await sim.control("/review", {"provider": "aliyun", "sign": "新店", "approve": True})
    body = (await sim.aliyun("GetSmsSign", SignName="新店"))[1]
    assert [(row["OperatorCode"], row["RegisterStatus"]) for row in body["SignIspRegisterDetailList"]] == [
        ("mobile", 3),
        ("unicom", 3),
        ("telecom", 3),
    ]
    assert (await sim.send(SignName="新店"))["Code"] == "OK"


@pytest.mark.parametrize("name", ["店", "一二三四五六七八九十一二三", "【店】", "my test", "Test店", "新 店"])
async def test_bad_signature_names_are_refused(sim: SmsSim, name: str) -> None:
    status, body = await sim.aliyun("AddSmsSign", SignName=name, SignSource="0", Remark="r")
    assert (status, body["Code"]) == (200, "isv.SIGN_NAME_ILLEGAL")
    assert name not in sim.sms.aliyun.signs


async def test_a_rejected_signature_tells_why(sim: SmsSim) -> None:
    await sim.aliyun("AddSmsSign", SignName="新店", SignSource="0", Remark="r")
    await sim.control("/review", {"provider": "aliyun", "sign": "新店", "approve": False, "reason": "缺少授权"})
    body = (await sim.aliyun("QuerySmsSign", SignName="新店"))[1]
    assert (body["SignStatus"], body["Reason"]) == (2, "缺少授权")


async def test_a_rejected_signature_is_handed_in_again_with_its_files(sim: SmsSim) -> None:
    paper = {"SignFileList.1.FileSuffix": "png", "SignFileList.1.FileContents": "iVBORw=="}
    await sim.aliyun("AddSmsSign", SignName="新店", SignSource="0", Remark="r")
    while_reviewed = (await sim.aliyun("ModifySmsSign", SignName="新店", SignSource="4", Remark="r"))[1]
    assert (while_reviewed["Code"], sim.sms.aliyun.signs["新店"].source) == ("isv.SIGN_STATE_ILLEGAL", 0)
    await sim.control("/review", {"provider": "aliyun", "sign": "新店", "approve": False, "reason": "缺少授权"})
    broken = {**paper, "SignFileList.1.FileContents": "no base64"}
    refused = (await sim.aliyun("ModifySmsSign", SignName="新店", SignSource="4", Remark="r", **broken))[1]
    assert refused["Code"] == "isv.INVALID_PARAMETERS"
    await sim.aliyun("ModifySmsSign", SignName="新店", SignSource="4", Remark="r", **paper)
    sign = sim.sms.aliyun.signs["新店"]
    assert (sign.status, sign.reason, sign.source, sign.papers) == (0, "", 4, ["png"])


async def test_signatures_are_listed_in_pages(sim: SmsSim) -> None:
    body = (await sim.aliyun("QuerySmsSignList", PageIndex="1", PageSize="3"))[1]
    assert [(row["SignName"], row["AuditStatus"]) for row in body["SmsSignList"]] == [
        ("会达", "AUDIT_STATE_PASS"),
        ("会达小店", "AUDIT_STATE_PASS"),
        ("会达审核中", "AUDIT_STATE_INIT"),
    ]
    assert (body["TotalCount"], body["CurrentPage"], body["PageSize"]) == (4, 1, 3)


async def test_automatic_review_follows_the_content_rules(sim: SmsSim) -> None:
    await sim.control("/settings", {"auto_review_s": 60})
    codes = []
    for content in ("您的订单${no}已发货", "新品上市，拒收请回复R"):
        body = (
            await sim.aliyun("AddSmsTemplate", TemplateType="1", TemplateName="n", TemplateContent=content, Remark="r")
        )[1]
        codes.append(body["TemplateCode"])
    assert [await status_of(sim, code) for code in codes] == [(0, "无审批备注")] * 2
    sim.world.clock.advance(60)
    assert [await status_of(sim, code) for code in codes] == [
        (1, "无审批备注"),
        (2, "通知短信不能包含营销内容及拒收请回复R"),
    ]
    assert (await sim.send(codes[0], {"no": "A1"}))["Code"] == "OK"


async def status_of(sim: SmsSim, code: str) -> tuple[int, str]:
    body = (await sim.aliyun("QuerySmsTemplate", TemplateCode=code))[1]
    return body["TemplateStatus"], body["Reason"]


async def test_templates_are_listed(sim: SmsSim) -> None:
    body = (await sim.aliyun("QuerySmsTemplateList", PageIndex="3", PageSize="10"))[1]
    assert [row["TemplateCode"] for row in body["SmsTemplateList"]] == ["SMS_100000021"]
    assert body["TotalCount"] == 21


async def test_the_list_numbers_kinds_in_its_own_way(sim: SmsSim) -> None:
    """0 notice, 1 promotion, 2 code, 6 international in the list; 0 is a code everywhere else (I-23)."""
    abroad = {"TemplateType": "3", "TemplateName": "abroad", "TemplateContent": "Your table is ready.", "Remark": "x"}
    made = (await sim.aliyun("AddSmsTemplate", **abroad))[1]["TemplateCode"]
    rows = (await sim.aliyun("QuerySmsTemplateList", PageIndex="1", PageSize="50"))[1]["SmsTemplateList"]
    kinds = {row["TemplateCode"]: (row["TemplateType"], row["OuterTemplateType"]) for row in rows}
    assert {kinds["SMS_100000001"], kinds["SMS_100000002"], kinds["SMS_100000012"], kinds[made]} == {
        (2, 0),
        (0, 1),
        (1, 2),
        (6, 3),
    }
    for code, kind in (("SMS_100000001", 0), ("SMS_100000002", 1), ("SMS_100000012", 2), (made, 3)):
        assert (await sim.aliyun("QuerySmsTemplate", TemplateCode=code))[1]["TemplateType"] == kind


async def test_a_signature_under_review_cannot_be_deleted(sim: SmsSim) -> None:
    assert (await sim.aliyun("DeleteSmsSign", SignName="会达审核中"))[1]["Code"] == "isv.SIGN_STATE_ILLEGAL"
    assert (await sim.aliyun("DeleteSmsSign", SignName="会达被驳回"))[1]["Code"] == "OK"
    assert (await sim.aliyun("QuerySmsSign", SignName="会达被驳回"))[1]["Code"] == "isv.SMS_SIGNATURE_ILLEGAL"


async def test_the_control_plane_describes_and_refuses(sim: SmsSim) -> None:
    body = await sim.control("")
    assert [(a["provider"], len(a["signs"]), len(a["templates"])) for a in body["accounts"]] == [
        ("aliyun", 4, 21),
        ("tencent", 4, 20),
    ]
    assert "secret" not in body["accounts"][0]
    assert await sim.control("/account", {"provider": "mail"}) == {"error": "provider must be aliyun or tencent"}
    assert await sim.control("/settings", {"nonsense": 1}) == {"error": "unknown settings: nonsense"}
    assert await sim.control("/replies", {"phone": "13800000001", "text": "R"}) == {
        "error": "this number has no SMS to answer"
    }

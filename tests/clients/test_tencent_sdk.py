"""Tencent Cloud's official SDK against a real wesim server on a loopback port."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models
from tencentcloud.sms.v20210111.sms_client import SmsClient

from wesim.app import create_app
from wesim.seed import seeded_world
from wesim.sms import catalogue
from wesim.world import World

TEXT = "【会达小店】您尾号0001的会员卡于11-21 12:00消费成功，详情 https://hd.example/s/a8Kd "


@pytest.fixture
def server() -> Iterator[tuple[str, World]]:
    world = seeded_world()
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(create_app(world), log_level="warning", access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[listener])), daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}", world
    running.should_exit = True
    thread.join(10)


def client(endpoint: str, *, secret: str = catalogue.TENCENT_SECRET_KEY) -> SmsClient:
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=endpoint, protocol="http"))
    return SmsClient(Credential(catalogue.TENCENT_SECRET_ID, secret), "ap-guangzhou", profile)


def order(*phones: str) -> models.SendSmsRequest:
    request = models.SendSmsRequest()
    request.PhoneNumberSet = list(phones)
    request.SmsSdkAppId = catalogue.TENCENT_SDK_APP_ID
    request.SignName = "会达小店"
    request.TemplateId = "2000002"
    request.TemplateParamSet = ["0001", "11-21 12:00", "a8Kd"]
    request.SessionContext = "grant-1"
    return request


def test_send_and_pull(server: tuple[str, World]) -> None:
    endpoint, world = server
    sdk = client(endpoint)
    rows = sdk.SendSms(order("+8613800000001", "123")).SendStatusSet
    assert [(row.PhoneNumber, row.Code, row.Fee) for row in rows] == [
        ("+8613800000001", "Ok", 1),
        ("123", "InvalidParameterValue.IncorrectPhoneNumber", 0),
    ]
    assert [m.text for m in world.persons["linxiaoman"].inbox] == [TEXT]
    pull = models.PullSmsSendStatusRequest()
    pull.Limit, pull.SmsSdkAppId = 10, catalogue.TENCENT_SDK_APP_ID
    (receipt,) = sdk.PullSmsSendStatus(pull).PullSmsSendStatusSet
    assert (receipt.SerialNo, receipt.ReportStatus, receipt.SessionContext) == (
        rows[0].SerialNo,
        "SUCCESS",
        "grant-1",
    )
    assert sdk.PullSmsSendStatus(pull).PullSmsSendStatusSet == []


def test_receipts_of_a_number_signatures_and_templates(server: tuple[str, World]) -> None:
    endpoint, world = server
    sdk = client(endpoint)
    (sent,) = sdk.SendSms(order("+8613800000001")).SendStatusSet
    ask = models.PullSmsSendStatusByPhoneNumberRequest()
    ask.BeginTime, ask.Offset, ask.Limit = world.clock.now_s() - 60, 0, 10
    ask.PhoneNumber, ask.SmsSdkAppId = "+8613800000001", catalogue.TENCENT_SDK_APP_ID
    for _ in range(2):
        assert [row.SerialNo for row in sdk.PullSmsSendStatusByPhoneNumber(ask).PullSmsSendStatusSet] == [sent.SerialNo]
    signs = models.DescribeSmsSignListRequest()
    signs.International = 0
    assert [
        (row.SignId, row.SignName, row.StatusCode) for row in sdk.DescribeSmsSignList(signs).DescribeSignListStatusSet
    ] == [(3000001, "会达", 0), (3000002, "会达小店", 0), (3000003, "会达审核中", 1), (3000004, "会达被驳回", -1)]
    templates = models.DescribeSmsTemplateListRequest()
    templates.International, templates.TemplateIdSet = 0, [2000001]
    (template,) = sdk.DescribeSmsTemplateList(templates).DescribeTemplateStatusSet
    assert (template.StatusCode, template.TemplateContent) == (
        0,
        "您的验证码为{1}，5分钟内有效，请勿泄露给他人。",
    )


def test_a_wrong_secret_is_refused(server: tuple[str, World]) -> None:
    endpoint, world = server
    with pytest.raises(TencentCloudSDKException) as refused:
        client(endpoint, secret="wrong").SendSms(order("+8613800000001"))
    assert refused.value.get_code() == "AuthFailure.SignatureFailure"
    assert list(world.persons["linxiaoman"].inbox) == []

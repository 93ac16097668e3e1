"""Aliyun's official SDK against a real wesim server on a loopback port."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from alibabacloud_dysmsapi20170525 import models
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config

from wesim.app import create_app
from wesim.seed import seeded_world
from wesim.sms import catalogue
from wesim.world import World


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


def client(endpoint: str, *, secret: str = catalogue.ALIYUN_KEY_SECRET, algorithm: str | None = None) -> Client:
    return Client(
        Config(
            access_key_id=catalogue.ALIYUN_KEY_ID,
            access_key_secret=secret,
            endpoint=endpoint,
            protocol="HTTP",
            region_id="cn-hangzhou",
            signature_algorithm=algorithm,
        )
    )


def order(code: str = "SMS_100000002") -> models.SendSmsRequest:
    return models.SendSmsRequest(
        phone_numbers="13800000001",
        sign_name="会达小店",
        template_code=code,
        template_param='{"p1":"0001","p2":"11-21 12:00","code":"a8Kd"}',
        out_id="grant-1",
    )


@pytest.mark.parametrize("algorithm", [None, "v2"], ids=["acs3", "rpc-v1"])
def test_send_and_query(server: tuple[str, World], algorithm: str | None) -> None:
    endpoint, world = server
    sdk = client(endpoint, algorithm=algorithm)
    sent = sdk.send_sms(order()).body
    assert (sent.code, sent.message) == ("OK", "OK")
    (message,) = world.persons["linxiaoman"].inbox
    assert message.text == "【会达小店】您尾号0001的会员卡于11-21 12:00消费成功，详情 https://hd.example/s/a8Kd "
    found = sdk.query_send_details(
        models.QuerySendDetailsRequest(
            phone_number="13800000001",
            send_date=world.clock.china_day().replace("-", ""),
            page_size=10,
            current_page=1,
            biz_id=sent.biz_id,
        )
    ).body
    (row,) = found.sms_send_detail_dtos.sms_send_detail_dto
    assert (found.total_count, row.send_status, row.err_code, row.out_id) == ("1", 3, "DELIVERED", "grant-1")


async def test_the_asynchronous_path_signs_correctly_too(server: tuple[str, World]) -> None:
    endpoint, world = server
    sent = (await client(endpoint).send_sms_async(order())).body
    assert (sent.code, len(world.persons["linxiaoman"].inbox)) == ("OK", 1)


def test_a_business_refusal_is_an_ordinary_answer(server: tuple[str, World]) -> None:
    endpoint, world = server
    body = client(endpoint).send_sms(order("SMS_1")).body
    assert (body.code, body.message) == ("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
    assert list(world.persons["linxiaoman"].inbox) == []


@pytest.mark.parametrize("algorithm", [None, "v2"], ids=["acs3", "rpc-v1"])
def test_a_wrong_secret_is_refused_by_the_gateway(server: tuple[str, World], algorithm: str | None) -> None:
    endpoint, world = server
    with pytest.raises(ClientException) as refused:
        client(endpoint, secret="wrong", algorithm=algorithm).send_sms(order())
    assert (refused.value.code, refused.value.status_code) == ("SignatureDoesNotMatch", 400)
    assert list(world.persons["linxiaoman"].inbox) == []


def test_batches_signatures_and_templates(server: tuple[str, World]) -> None:
    endpoint, world = server
    sdk = client(endpoint)
    batch = sdk.send_batch_sms(
        models.SendBatchSmsRequest(
            phone_number_json='["13800000001","13800000002"]',
            sign_name_json='["会达","会达小店"]',
            template_code="SMS_100000001",
            template_param_json='[{"code":"1234"},{"code":"5678"}]',
        )
    ).body
    assert batch.code == "OK"
    assert [m.text for m in world.persons["chenyiming"].inbox] == [
        "【会达小店】您的验证码为5678，5分钟内有效，请勿泄露给他人。"
    ]
    made = sdk.create_sms_sign(
        models.CreateSmsSignRequest(sign_name="新店", sign_source=0, sign_type=1, qualification_id=1)
    ).body
    assert (made.code, made.sign_name) == ("OK", "新店")
    assert sdk.query_sms_sign(models.QuerySmsSignRequest(sign_name="新店")).body.sign_status == 0
    sign = sdk.get_sms_sign(models.GetSmsSignRequest(sign_name="会达")).body
    assert [(row.operator_code, row.register_status) for row in sign.sign_isp_register_detail_list] == [
        ("mobile", 3),
        ("unicom", 3),
        ("telecom", 3),
    ]
    signs = sdk.query_sms_sign_list(models.QuerySmsSignListRequest(page_index=1, page_size=10)).body
    assert [row.audit_status for row in signs.sms_sign_list] == [
        "AUDIT_STATE_PASS",
        "AUDIT_STATE_PASS",
        "AUDIT_STATE_INIT",
        "AUDIT_STATE_NOT_PASS",
        "AUDIT_STATE_INIT",
    ]
    code = sdk.add_sms_template(
        models.AddSmsTemplateRequest(
            template_type=1, template_name="发货", template_content="您的订单${no}已发货", remark="订单"
        )
    ).body.template_code
    template = sdk.query_sms_template(models.QuerySmsTemplateRequest(template_code=code)).body
    assert (template.template_status, template.template_content) == (0, "您的订单${no}已发货")
    listed = sdk.query_sms_template_list(models.QuerySmsTemplateListRequest(page_index=1, page_size=50)).body
    assert (listed.total_count, listed.sms_template_list[-1].template_code) == (22, code)

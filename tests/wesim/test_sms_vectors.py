"""The published signature examples, and texts: parts, numbers, links, review."""

from __future__ import annotations

import hashlib

import pytest

from wesim.sms import signing, texts
from wesim.sms.catalogue import ALIYUN_TEMPLATES, tencent_templates


def test_the_published_rpc_example_is_reproduced() -> None:
    params = {
        "AccessKeyId": "testId",
        "Action": "SendSms",
        "Format": "XML",
        "OutId": "123",
        "PhoneNumbers": "15300000001",
        "RegionId": "cn-hangzhou",
        "SignName": "阿里云短信测试专用",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466",
        "SignatureVersion": "1.0",
        "TemplateCode": "SMS_71390007",
        "TemplateParam": '{"customer":"test"}',
        "Timestamp": "2017-07-12T02:42:19Z",
        "Version": "2017-05-25",
    }
    to_sign = signing.rpc_string_to_sign("GET", [*params.items(), ("Signature", "left out")])
    assert signing.rpc_signature("testSecret", to_sign) == "zJDF+Lrzhj/ThnlvIToysFRq6t4="


def test_the_published_acs3_example_is_reproduced() -> None:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": signing.EMPTY_SHA256,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = [("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"), ("RegionId", "cn-shanghai")]
    canonical = signing.acs3_canonical_request("POST", query, headers, sorted(headers), signing.EMPTY_SHA256)
    assert (
        hashlib.sha256(canonical.encode()).hexdigest()
        == "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
    )
    assert (
        signing.acs3_signature("YourAccessKeySecret", signing.acs3_string_to_sign(canonical))
        == "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_the_published_tc3_example_is_reproduced() -> None:
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    headers = {
        "content-type": "application/json; charset=utf-8",
        "host": "cvm.tencentcloudapi.com",
        "x-tc-action": "DescribeInstances",
    }
    canonical = signing.tc3_canonical_request(headers, ["content-type", "host", "x-tc-action"], body)
    assert (
        signing.tc3_signature("*" * 32, timestamp=1551113065, service="cvm", canonical_request=canonical)
        == "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )


@pytest.mark.parametrize(
    ("length", "parts"), [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (150, 3), (160, 3), (201, 3), (202, 4)]
)
def test_parts_are_70_or_67_each(length: int, parts: int) -> None:
    assert texts.parts("字" * length) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("😎" * 35, 1),
        ("😎" * 36, 2),
        ("字" * 69 + "😎", 2),
        ("字" * 68 + "😎", 1),
        ("𠮷" * 67, 2),
        ("𠮷" * 68, 3),
        ("👨‍👩‍👧" * 9, 2),
    ],
)
def test_characters_outside_the_first_plane_count_two(text: str, parts: int) -> None:
    assert texts.parts(text) == parts


def test_the_signature_and_its_brackets_count() -> None:
    assert len(texts.signed_text("会达", "x" * 66)) == 70
    assert texts.parts(texts.signed_text("会达", "x" * 66)) == 1
    assert texts.parts(texts.signed_text("会达", "x" * 67)) == 2


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13800000001", "13800000001"),
        ("+8613800000001", "13800000001"),
        ("008613800000001", "13800000001"),
        ("8613800000001", "13800000001"),
        ("1380000000", ""),
        ("12800000001", ""),
        ("+85261234567", ""),
        ("１3800000001", ""),
        ("1٣800000001", ""),
        ("", ""),
    ],
)
def test_mainland_numbers(written: str, number: str) -> None:
    assert texts.mainland_number(written) == number


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("https://a.b/c", True),
        ("a8Kd", False),
        ("www.baidu", True),
        ("shop.example.cn", True),
        ("11-21 12:00", False),
        ("12.50元", False),
        ("t.cn/abc", True),
    ],
)
def test_links_in_variables_are_seen(value: str, found: bool) -> None:
    assert texts.has_link(value) is found


@pytest.mark.parametrize(
    ("kind", "content", "objection"),
    [
        (texts.CODE, "您的验证码为${code}", ""),
        (texts.CODE, "您的号码为${code}", "验证码模板必须包含验证码、校验码等字样"),
        (texts.CODE, "验证码${a}${b}", "验证码模板只能有一个变量"),
        (texts.CODE, "验证码${a} https://x.cn", "验证码模板不能包含链接"),
        (texts.NOTICE, "${a}${b}", "模板不能仅由变量组成"),
        (texts.NOTICE, "有券，拒收请回复R", "通知短信不能包含营销内容及拒收请回复R"),
        (texts.PROMOTION, "有券", "推广短信必须以拒收请回复R结尾"),
        (texts.PROMOTION, "有券，拒收请回复R", ""),
    ],
)
def test_what_a_reviewer_objects_to(kind: int, content: str, objection: str) -> None:
    assert texts.review_objection(kind, content) == objection


def test_every_seeded_text_would_pass_review() -> None:
    assert [texts.review_objection(kind, content) for _code, kind, _name, content in ALIYUN_TEMPLATES] == [""] * 21
    assert [texts.positions(content) for _id, _kind, _name, content in tencent_templates()] == [
        *[1, *[3] * 11],  # the texts with a whole link
        *[4] * 5,  # with the amount as well
        *[3] * 3,
    ]

"""More of what Node programs use: wechat (the callback server), wechat-api, @alicloud/pop-core, wechatpay-node-v3."""

import json

import pytest
import requests

from tests.clients.paydesk import open_desk
from tests.clients.test_node_sdk import installed, node
from wesim import seed
from wesim.sms import catalogue

__all__ = ["installed"]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(120)
LISTED = {"通知": [0, 1], "推广": [1, 2], "验证码": [2, 0]}


def oa_token(server):
    api = server.host("api.weixin.qq.com") + "cgi-bin"
    credentials = {"grant_type": "client_credential", "appid": seed.OA_APPID, "secret": seed.OA_SECRET}
    return api, requests.post(f"{api}/stable_token", json=credentials, timeout=5).json()["access_token"]


def test_wechat_as_the_callback_server(server, installed):
    api, token = oa_token(server)
    made = requests.post(
        f"{api}/media/upload?access_token={token}&type=image", files={"media": ("a.png", PNG)}, timeout=5
    ).json()
    given = (server.base, seed.OA_APPID, seed.OA_TOKEN, seed.OA_AES_KEY, made["media_id"])
    found = json.loads(node("node", "drive-passive.js", *given))
    heard = found.pop("heard")
    assert found == {"verified": True, "openid": found["openid"], "states": ["delivered"] * 7, "stranger": 401}
    assert heard == [
        ["event", "subscribe", ""],
        ["text", "积分", True],
        ["text", "新品", True],
        ["text", "照片", True],
        ["text", "假照片", True],
        ["text", "客服", True],
        ["event", "unsubscribe", ""],
    ]
    assert [(m["kind"], m["text"]) for m in server.messages("linxiaoman")] == [
        ("oa_reply", "欢迎光临"),
        ("from_person", "积分"),
        ("oa_reply", "您有 20 积分 ☕ <b>&"),
        ("from_person", "新品"),
        ("oa_reply", "[news] 白桃乌龙"),
        ("from_person", "照片"),
        ("oa_reply", "[image]"),
        ("from_person", "假照片"),
        ("oa_notice", "该服务号提供的服务出现故障，请稍后再试"),
        ("from_person", "客服"),
    ]


def test_wechat_api(server, installed, tmp_path):
    openid = server.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})["openid"]
    server.control("/say", {"person": "linxiaoman", "app": seed.OA_APPID, "text": "在吗"})
    api, token = oa_token(server)
    body = {"template_id_short": "41102", "keyword_name_list": ["卡号", "会员姓名", "消费时间", "消费金额"]}
    template = requests.post(f"{api}/template/api_add_template?access_token={token}", json=body, timeout=5).json()
    (tmp_path / "a.png").write_bytes(PNG)
    given = (seed.OA_APPID, seed.OA_SECRET, openid, template["template_id"], str(tmp_path / "a.png"))
    found = json.loads(node("node", "drive-api.js", server.base, *given))
    points, shop = {"type": "click", "name": "积分", "key": "POINTS"}, {"type": "view", "name": "商城"}
    shop["url"] = "https://shop.test/"
    stores = {"type": "view", "name": "门店", "url": "https://shop.test/stores"}
    refused = found.pop("refused")
    assert found == {
        "token": ["string", True],
        "user": [1, openid, ""],
        "batch": ["常客"],
        "followers": [openid],
        "made": 0,
        "menu": [
            {"name": "会员", "sub_button": [{**points, "sub_button": []}, {**shop, "sub_button": []}]},
            {**stores, "sub_button": []},
        ],
        "shown": [{"name": "会员", "sub_button": {"list": [points, shop]}}, stores],
        "sent": [0, "2901"],
        "uploaded": ["image", ["created_at", "media_id", "type"]],
        "fetched": [128, "PNG"],
        "told": [0, 0],
        "kept": [True, 1, 0],
        "qr": True,
        "left": [],
        "gone": ["WeChatAPIError", 46003, "menu no exist"],
    }
    assert {what: (said[1], said[2]) for what, said in refused.items()} == {
        "tags": (40066, "invalid url"),
        "secret": (40125, "invalid appsecret"),
        "openid": (40003, "invalid openid"),
        "none": (41009, "missing openid"),
        "media": (40007, "invalid media_id"),
        "file": (40005, "invalid file type"),
        "kind": (40004, "invalid media type"),
        "buttons": (40016, "invalid button size"),
        "sub": (40026, "invalid sub button key size"),
        "template": (40036, "invalid template_id size"),
    }
    assert {said[0] for said in refused.values()} == {"WeChatAPIError"}
    assert [(m["kind"], m["text"] or m["title"]) for m in server.messages("linxiaoman")] == [
        ("from_person", "在吗"),
        ("oa_template", "会员消费通知"),
        ("oa_kf", f"[image] {server.messages('linxiaoman')[2]['extra']['content']['media_id']}"),
        ("oa_kf", "您好"),
    ]


@pytest.mark.parametrize("prefix", ["", "prefix"])
def test_alicloud_pop_core(server, installed, prefix):
    keys = (catalogue.ALIYUN_KEY_ID, catalogue.ALIYUN_KEY_SECRET)
    found = json.loads(node("node", "drive-sms.js", server.base, *keys, prefix))
    kinds = found.pop("kinds")
    text = "【会达小店】您尾号0001的会员卡于11-21 😎消费成功，详情 https://hd.example/s/a8Kd "
    assert found == {
        "sent": ["OK", "OK", True],
        "details": ["1", 3, "DELIVERED", "o-1", text],
        "batch": ["OK", True],
        "added": [0, 1, True],
        "refused": {
            "secret": ["SignatureDoesNotMatchError", "SignatureDoesNotMatch", 400],
            "action": ["InvalidAction.NotFoundError", "InvalidAction.NotFound", 404],
            "sign": ["isv.SMS_SIGNATURE_ILLEGALError", "isv.SMS_SIGNATURE_ILLEGAL", 200],
            "number": ["isv.MOBILE_NUMBER_ILLEGALError", "isv.MOBILE_NUMBER_ILLEGAL", 200],
        },
    }
    assert (kinds["登录验证码"], kinds["会员消费通知"], kinds["会员活动"]) == tuple(
        LISTED[kind] for kind in ("验证码", "通知", "推广")
    )
    phone = server.look("/phones/linxiaoman")["sms"][0]["messages"]
    assert [(m["title"], m["text"]) for m in phone] == [("会达小店", text)]


def test_wechatpay_node_v3_with_its_serial_in_lower_case(server, installed):
    with open_desk(server) as desk:
        keys = desk.keys("certificate")
        found = json.loads(node("node", "drive-pay-v3.js", server.base, seed.MINI_APPID, desk.openid, json.dumps(keys)))
    assert found == {
        "serial": True,
        "certificates": [one["serial"] for one in keys["platform_certificates"]],
        "phone": "requestPayment:ok",
        "paid": ["SUCCESS", 1880, "order-0001"],
        "refund": ["PROCESSING", "SUCCESS"],
        "closed": [204, "CLOSED"],
        "refused": {
            "paid": [400, "ORDER_PAID"],
            "close": [400, "ORDER_PAID"],
            "none": [404, "ORDER_NOT_EXIST"],
            "bill": [404, "RESOURCE_NOT_EXISTS"],
        },
        "told": [
            [True, "TRANSACTION.SUCCESS", "order-0001", 1880],
            [True, "REFUND.SUCCESS", "order-0001", 1880],
        ],
    }

"""wechatpy (Python) as a client of wesim."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from wechatpy import WeChatClient, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatClientException, WeChatOAuthException
from wechatpy.oauth import WeChatOAuth
from wechatpy.utils import check_signature

from wesim import seed

DATA = {
    "character_string4": {"value": "8888000012345678"},
    "thing1": {"value": "林小满"},
    "time3": {"value": "2026年11月21日 15:01"},
    "amount2": {"value": "¥100.00"},
    "thing5": {"value": "如非本人消费请联系门店"},
}


def client(to_simulator, appid, secret):
    """wechatpy asks https://api.weixin.qq.com; the adapter brings that to the simulator."""
    found = WeChatClient(appid, secret)
    found._http.mount("https://", to_simulator)
    return found


@pytest.fixture
def oa(server, to_simulator):
    return client(to_simulator, seed.OA_APPID, seed.OA_SECRET)


@pytest.fixture
def mini(server, to_simulator):
    return client(to_simulator, seed.MINI_APPID, seed.MINI_SECRET)


def follow(server, person="linxiaoman"):
    return server.control("/follow", {"person": person, "app": seed.OA_APPID})["openid"]


def test_token(oa):
    assert oa.fetch_access_token()["expires_in"] == 7200
    assert oa.misc.get_wechat_ips() == ["101.226.103.0/25", "101.226.62.0/26", "127.0.0.1"]


def test_wrong_secret(to_simulator, server):
    with pytest.raises(WeChatClientException) as refused:
        client(to_simulator, seed.OA_APPID, "wrong").fetch_access_token()
    assert refused.value.errcode == 40125


def test_users(server, oa):
    openid = follow(server)
    assert list(oa.user.iter_followers()) == [openid]
    user = oa.user.get(openid)
    assert (user["subscribe"], user["subscribe_scene"], user["remark"]) == (1, "ADD_SCENE_SEARCH", "")
    oa.user.update_remark(openid, "常客")
    assert oa.user.get_batch([openid])[0]["remark"] == "常客"
    with pytest.raises(WeChatClientException) as refused:
        oa.user.get("nobody")
    assert refused.value.errcode == 40003


def test_template_api_and_sending(server, oa):
    openid = follow(server)
    names = ["卡号", "会员姓名", "消费时间", "消费金额", "温馨提示"]
    added = oa.post("template/api_add_template", data={"template_id_short": "41102", "keyword_name_list": names})
    [template] = oa.template.get_all_private_template()["template_list"]
    assert (template["template_id"], template["title"]) == (added["template_id"], "会员消费通知")
    assert oa.template.get_industry()["primary_industry"]["first_class"] == "IT科技"
    sent = oa.message.send_template(
        openid,
        added["template_id"],
        DATA,
        mini_program={"appid": seed.MINI_APPID, "pagepath": "pages/spend-code/index"},
    )
    [message] = server.messages("linxiaoman")
    assert (sent["errcode"], str(sent["msgid"])) == (0, message["extra"]["msgid"])
    assert (message["title"], message["fields"][3], message["jump"]["page"]) == (
        "会员消费通知",
        ["消费金额", "¥100.00"],
        "pages/spend-code/index",
    )
    with pytest.raises(WeChatClientException) as refused:
        oa.message.send_template(openid, added["template_id"], {**DATA, "amount2": {"value": "一百"}})
    assert (refused.value.errcode, refused.value.errmsg.split(" rid")[0]) == (
        47003,
        "argument invalid! data.amount2.value invalid",
    )
    assert oa.template.del_private_template(added["template_id"])["errcode"] == 0
    assert oa.template.get_all_private_template()["template_list"] == []


def test_menu(oa):
    button = [{"type": "click", "name": "我的积分", "key": "POINTS"}]
    assert oa.menu.create({"button": button})["errcode"] == 0
    assert oa.menu.get()["menu"]["button"] == [{**button[0], "sub_button": []}]
    assert oa.menu.delete()["errcode"] == 0
    with pytest.raises(WeChatClientException) as refused:
        oa.get("menu/get")
    assert refused.value.errcode == 46003


def test_customer_service_message_needs_a_window(server, oa):
    openid = follow(server)
    assert oa.message.send_text(openid, "您好")["errcode"] == 0
    assert server.messages("linxiaoman")[0]["text"] == "您好"
    server.control("/clock", {"advance": 61})
    with pytest.raises(WeChatClientException) as refused:
        oa.message.send_text(openid, "还在吗")
    assert refused.value.errcode == 45015


def test_qr_and_js_ticket(server, oa, to_simulator):
    made = oa.qrcode.create({"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "store-7"}}})
    picture = oa._http.get(oa.qrcode.get_url(made["ticket"]), timeout=5)
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    scanned = server.control("/scan", {"person": "chenyiming", "content": made["url"]})
    assert scanned["event"] == "subscribe"
    assert oa.user.get(scanned["openid"])["qr_scene_str"] == "store-7"
    assert oa.jsapi.get_jsapi_ticket() == oa.jsapi.get_ticket()["ticket"]


def test_subscribe_message(server, mini):
    mini.API_BASE_URL = "https://api.weixin.qq.com/"
    body = {"tid": "1102", "kidList": [4, 1, 3, 2, 5], "sceneDesc": "会员消费"}
    template = mini.post("wxaapi/newtmpl/addtemplate", data=body)["priTmplId"]
    opened = server.control("/open", {"person": "linxiaoman", "app": seed.MINI_APPID})
    session = mini.wxa.code_to_session(opened["code"])
    assert (session["openid"], len(session["unionid"])) == (opened["openid"], 28)
    server.control("/subscribe", {"person": "linxiaoman", "app": seed.MINI_APPID, "templates": [template]})
    sent = mini.wxa.send_subscribe_message(session["openid"], template, DATA, page="pages/spend-code/index?id=1")
    [message] = server.messages("linxiaoman")
    assert (sent["errcode"], str(sent["msgid"])) == (0, message["extra"]["msgid"])
    assert (message["kind"], message["sound"], message["jump"]["page"]) == (
        "subscribe",
        True,
        "pages/spend-code/index?id=1",
    )
    with pytest.raises(WeChatClientException) as refused:
        mini.wxa.send_subscribe_message(session["openid"], template, DATA)
    assert refused.value.errcode == 43101
    assert mini.wxa.get_wxa_code_unlimited("store=7", page="pages/index/index").content[:4] == b"\x89PNG"


def test_web_authorisation(server, to_simulator):
    oauth = WeChatOAuth(
        seed.OA_APPID, seed.OA_SECRET, "https://shop.test/back?x=1", scope="snsapi_userinfo", state="s1"
    )
    oauth._http.mount("https://", to_simulator)
    browser = requests.Session()
    browser.mount("https://", to_simulator)
    url = oauth.authorize_url.removesuffix("#wechat_redirect")
    assert "林小满" in browser.get(url, timeout=5).text
    landed = browser.get(f"{url}&person=linxiaoman", allow_redirects=False, timeout=5)
    target = urlsplit(landed.headers["location"])
    query = parse_qs(target.query)
    assert (target.hostname, query["state"], query["x"]) == ("shop.test", ["s1"], ["1"])
    granted = oauth.fetch_access_token(query["code"][0])
    assert (granted["expires_in"], granted["scope"]) == (7200, "snsapi_userinfo")
    assert oauth.get_user_info()["nickname"] == "林小满"
    assert oauth.check_access_token() is True
    assert oauth.refresh_access_token(granted["refresh_token"])["openid"] == granted["openid"]
    with pytest.raises(WeChatOAuthException) as refused:
        oauth.fetch_access_token(query["code"][0])
    assert refused.value.errcode == 40163


@pytest.fixture
def merchant(port):
    """A callback server that answers with wechatpy's own crypto."""
    crypto = WeChatCrypto(seed.OA_TOKEN, seed.OA_AES_KEY, seed.OA_APPID)
    got = []

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self):
            q = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            check_signature(seed.OA_TOKEN, q["signature"], q["timestamp"], q["nonce"])
            self.answer(q["echostr"])

        def do_POST(self):
            q = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            text = crypto.decrypt_message(body, q["msg_signature"], q["timestamp"], q["nonce"])
            message = parse_message(text)
            got.append(message)
            if message.type != "text":
                self.answer("success")
                return
            reply = (
                f"<xml><ToUserName>{message.source}</ToUserName><FromUserName>{message.target}</FromUserName>"
                f"<CreateTime>1</CreateTime><MsgType>text</MsgType><Content>收到：{message.content}</Content></xml>"
            )
            self.answer(crypto.encrypt_message(reply, q["nonce"], q["timestamp"]))

        def answer(self, text):
            raw = text.encode()
            self.send_response(200)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args):
            pass

    httpd = HTTPServer(("127.0.0.1", port), Callback)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{port}/wx?shop=1", got
    httpd.shutdown()
    httpd.server_close()


def test_encrypted_pushes_and_replies(server, merchant):
    url, got = merchant
    body = {"url": url, "mode": "safe", "verify": True}
    assert server.control(f"/apps/{seed.OA_APPID}/callback", body) == {"ok": True, "verified": True}
    openid = follow(server)
    server.control("/say", {"person": "linxiaoman", "app": seed.OA_APPID, "text": "我的积分"})
    messages = server.messages("linxiaoman")
    assert [(m.type, getattr(m, "event", ""), m.source, m.target) for m in got] == [
        ("event", "subscribe", openid, seed.OA_ORIGINAL_ID),
        ("text", "", openid, seed.OA_ORIGINAL_ID),
    ]
    assert [(m["kind"], m["text"]) for m in messages] == [("from_person", "我的积分"), ("oa_reply", "收到：我的积分")]

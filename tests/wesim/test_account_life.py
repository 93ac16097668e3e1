"""Followers, pushes, replies, QR codes, menu and the message window of the service account (reference §1)."""

import pytest

from wesim import acts, seed
from wesim.crypto import decrypt_message, encrypt_message, signature
from wesim.wire import parse_xml, to_xml
from wesim.world import FIRST_MSGID

WHO = {"person": "linxiaoman", "app": seed.OA_APPID}
UNAVAILABLE = acts.UNAVAILABLE


@pytest.fixture
def push(sim):
    sim.oa.callback.url = "http://merchant.test/wx?shop=7"
    return sim


def events(sim):
    found = [parse_xml(r.body) for r in sim.merchant.received]
    return [(f["Event"], f["EventKey"]) for f in found if f]


async def test_follow_unfollow_return_keep_the_openid(push):
    first = await push.control("/follow", WHO)
    await push.control("/follow", WHO)
    await push.control("/unfollow", WHO)
    again = await push.control("/follow", WHO)
    await push.world.settle()
    assert again == first
    assert events(push) == [("subscribe", ""), ("unsubscribe", ""), ("subscribe", "")]


async def test_push_in_plain_mode_is_signed(push):
    await push.control("/follow", WHO)
    await push.world.settle()
    [got] = push.merchant.received
    q = got.query
    assert (q["shop"], q["openid"]) == ("7", push.openid(push.oa, "linxiaoman"))
    assert q["signature"] == signature(seed.OA_TOKEN, q["timestamp"], q["nonce"])
    assert "encrypt_type" not in q


async def test_compatible_mode_carries_both_forms(push):
    push.oa.callback.mode = "compatible"
    await push.control("/follow", WHO)
    await push.world.settle()
    [got] = push.merchant.received
    fields = parse_xml(got.body)
    assert fields is not None
    inner = parse_xml(decrypt_message(fields.pop("Encrypt"), aes_key=seed.OA_AES_KEY, receive_id=seed.OA_APPID))
    assert (fields["Event"], inner) == ("subscribe", fields)


async def test_scanning_a_parametric_qr(push):
    token = await push.token(push.oa)
    body = {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "store-7"}}, "expire_seconds": 60}
    made = await push.post("/cgi-bin/qrcode/create", body, access_token=token)
    assert made["expire_seconds"] == 60
    picture = await push.call("GET", f"/mp.weixin.qq.com/cgi-bin/showqrcode?ticket={made['ticket']}")
    assert (picture.headers["content-type"], picture.body[:4]) == ("image/png", b"\x89PNG")
    scan = {"person": "linxiaoman", "content": made["url"]}
    assert (await push.control("/scan", scan))["event"] == "subscribe"
    assert (await push.control("/scan", scan))["event"] == "SCAN"
    push.world.clock.advance(61)
    assert (await push.control("/scan", scan))["event"] == "expired"
    await push.world.settle()
    assert events(push) == [("subscribe", "qrscene_store-7"), ("SCAN", "store-7")]
    user = await push.get("/cgi-bin/user/info", access_token=token, openid=push.openid(push.oa, "linxiaoman"))
    assert (user["subscribe_scene"], user["qr_scene"], user["qr_scene_str"]) == ("ADD_SCENE_QR_CODE", 0, "store-7")


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"action_name": "X"}, 40052),
        ({"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 0}}}, 40053),
        ({"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_001}}}, 40053),
        ({"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "x" * 65}}}, 40053),
    ],
)
async def test_refused_qr_codes(sim, body, errcode):
    answer = await sim.post("/cgi-bin/qrcode/create", body, access_token=await sim.token(sim.oa))
    assert answer["errcode"] == errcode


async def test_a_message_is_tried_three_times_then_the_person_sees_a_notice(push):
    push.merchant.answer = lambda r: (500, b"")
    await push.control("/say", {**WHO, "text": "你好"})
    await push.world.settle()
    ids = [parse_xml(r.body)["MsgId"] for r in push.merchant.received]
    assert ids == [str(FIRST_MSGID + push.world.start + 1)] * 3
    [chat] = (await push.look("/phones/linxiaoman"))["chats"]
    assert [(m["kind"], m["text"]) for m in chat["messages"]] == [("from_person", "你好"), ("oa_notice", UNAVAILABLE)]


async def test_a_server_that_recovers_gets_the_message_once(push):
    answers = iter([(500, b""), (200, b"success")])
    push.merchant.answer = lambda r: next(answers)
    await push.control("/say", {**WHO, "text": "你好"})
    await push.world.settle()
    assert len(push.merchant.received) == 2
    [record] = (await push.look(f"/apps/{seed.OA_APPID}/pushes"))["pushes"]
    assert (record["state"], record["attempts"]) == ("delivered", [500, 200])


def reply(sim, text, **change):
    openid = sim.openid(sim.oa, "linxiaoman")
    base = {"ToUserName": openid, "FromUserName": seed.OA_ORIGINAL_ID, "CreateTime": 1, "MsgType": "text"}
    return to_xml({**base, "Content": text, **change})


def sealed(text, *, token=seed.OA_TOKEN):
    secret = encrypt_message(text, aes_key=seed.OA_AES_KEY, receive_id=seed.OA_APPID)
    signed = signature(token, "1", "n", secret)
    return to_xml({"Encrypt": secret, "MsgSignature": signed, "TimeStamp": 1, "Nonce": "n"})


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda sim: "", []),
        (lambda sim: "success", []),
        (lambda sim: reply(sim, "您好"), [("oa_reply", "您好")]),
        (lambda sim: sealed(reply(sim, "密文")), [("oa_reply", "密文")]),
        (lambda sim: sealed(reply(sim, "密文"), token="forged"), [("oa_notice", UNAVAILABLE)]),
        (lambda sim: reply(sim, "您好", ToUserName="somebody"), [("oa_notice", UNAVAILABLE)]),
        (lambda sim: "<html>", [("oa_notice", UNAVAILABLE)]),
    ],
)
async def test_passive_replies(push, make, shown):
    body = make(push).encode()
    push.merchant.answer = lambda r: (200, body)
    await push.control("/say", {**WHO, "text": "你好"})
    await push.world.settle()
    [chat] = (await push.look("/phones/linxiaoman"))["chats"]
    assert [(m["kind"], m["text"]) for m in chat["messages"]] == [("from_person", "你好"), *shown]
    assert [m["sound"] for m in chat["messages"]] == [False] * (1 + len(shown))


async def test_the_message_window(sim):
    await sim.control("/follow", WHO)
    body = {"touser": sim.openid(sim.oa, "linxiaoman"), "msgtype": "text", "text": {"content": "您好"}}

    async def send():
        token = await sim.token(sim.oa)
        return (await sim.post("/cgi-bin/message/custom/send", body, access_token=token))["errcode"]

    assert [await send() for _ in range(4)] == [0, 0, 0, 45047]
    sim.world.clock.advance(61)
    assert await send() == 45015
    await sim.control("/say", {**WHO, "text": "在吗"})
    sim.world.clock.advance(47 * 3600)
    assert [await send() for _ in range(6)] == [0, 0, 0, 0, 0, 45047]


async def test_menu(push):
    token = await push.token(push.oa)
    button = [
        {"name": "会员", "sub_button": [{"type": "click", "name": "积分", "key": "POINTS"}]},
        {"type": "view", "name": "商城", "url": "https://shop.test/"},
    ]

    async def create(menu):
        return (await push.post("/cgi-bin/menu/create", menu, access_token=token))["errcode"]

    assert await create({"button": button}) == 0
    assert await create({"button": []}) == 40016
    assert await create({"button": [{"type": "view", "name": "太长太长太长太长", "url": "https://x/"}]}) == 40018
    assert await create({"button": [{"type": "nope", "name": "x"}]}) == 40017
    assert await create(b'{"button":[{"type":"click","name":"\\u4f1a","key":"K"}]}') == 40033
    assert (await push.get("/cgi-bin/menu/get", access_token=token)) == {
        "menu": {
            "button": [
                {"name": "会员", "sub_button": [{**button[0]["sub_button"][0], "sub_button": []}]},
                {**button[1], "sub_button": []},
            ]
        }
    }
    await push.control("/press", {**WHO, "key": "POINTS"})
    await push.control("/press", {**WHO, "key": "商城"})
    await push.world.settle()
    assert events(push) == [("CLICK", "POINTS"), ("VIEW", "https://shop.test/")]


async def test_followers_in_pages(sim):
    made = await sim.control("/persons", {"count": 3, "follow": [seed.OA_APPID]})
    openids = [sim.openid(sim.oa, p) for p in made["persons"]]
    token = await sim.token(sim.oa)
    listed = await sim.get("/cgi-bin/user/get", access_token=token)
    assert listed == {"total": 3, "count": 3, "data": {"openid": openids}, "next_openid": openids[-1]}
    rest = await sim.get("/cgi-bin/user/get", access_token=token, next_openid=openids[0])
    assert (rest["total"], rest["count"], rest["data"]["openid"]) == (3, 2, openids[1:])


async def test_js_ticket_lives_two_hours(sim):
    sim.world.clock.freeze()
    token = await sim.token(sim.oa)
    first = await sim.get("/cgi-bin/ticket/getticket", access_token=token, type="jsapi")
    assert (first["errcode"], first["expires_in"]) == (0, 7200)
    assert (await sim.get("/cgi-bin/ticket/getticket", access_token=token, type="jsapi"))["ticket"] == first["ticket"]


async def test_callback_check(push):
    token = await push.token(push.oa)
    path = "/cgi-bin/callback/check"
    good = {"action": "ping", "check_operator": "DEFAULT"}
    ping = [{"ip": "127.0.0.1", "from_operator": "CAP", "package_loss": "0%", "time": "0.050ms"}]
    assert await push.post(path, good, access_token=token) == {"ping": ping}
    assert (await push.post(path, {**good, "action": "x"}, access_token=token))["errcode"] == 40202
    assert (await push.post(path, {**good, "check_operator": "x"}, access_token=token))["errcode"] == 40203
    push.oa.callback.url = ""
    assert (await push.post(path, good, access_token=token))["errcode"] == 40201

"""Subscribe messages of the mini program (reference §3)."""

import asyncio
import json

import pytest

from wesim import seed
from wesim.crypto import decrypt_message, signature
from wesim.wire import parse_xml
from wesim.world import FIRST_MSGID

DATA = {
    "character_string4": {"value": "8888000012345678"},
    "thing1": {"value": "林小满"},
    "time3": {"value": "2026年11月21日 15:01"},
    "amount2": {"value": "¥100.00"},
    "thing5": {"value": "如非本人消费请联系门店"},
}
PERSON = {"person": "linxiaoman", "app": seed.MINI_APPID}


async def accept(sim, *templates, choices="accept", **more):
    return await sim.control("/subscribe", {**PERSON, "templates": list(templates), "choices": choices, **more})


async def send(sim, template, data=None, **more):
    body = {
        "touser": sim.openid(sim.mini, "linxiaoman"),
        "template_id": template,
        "data": DATA if data is None else data,
        **more,
    }
    return await sim.post("/cgi-bin/message/subscribe/send", body, access_token=await sim.token(sim.mini))


async def credits(sim, template):
    user = await sim.look(f"/apps/{seed.MINI_APPID}/users/linxiaoman")
    return user["credits"].get(template, 0)


@pytest.mark.covers("S1-90")
async def test_one_accept_one_message_with_sound_under_service_notices(sim):
    template = await sim.add_template()
    assert await accept(sim, template) == {"errMsg": "requestSubscribeMessage:ok", template: "accept"}
    answer = await send(sim, template, page="pages/spend-code/index?id=1")
    assert answer == {"errcode": 0, "errmsg": "ok", "msgid": FIRST_MSGID + sim.world.start + 1}
    phone = await sim.look("/phones/linxiaoman")
    [chat] = phone["chats"]
    assert (chat["id"], chat["name"], chat["muted"], chat["unread"]) == ("services", "服务通知", False, 1)
    [message] = chat["messages"]
    assert (message["title"], message["sender"], message["sound"]) == ("会员消费通知", "会达小店会员中心", True)
    assert message["fields"][3] == ["消费金额", "¥100.00"]
    tapped = await sim.control("/tap", {"person": "linxiaoman", "message": message["id"]})
    assert tapped["jump"] == {"kind": "mini", "appid": seed.MINI_APPID, "page": "pages/spend-code/index?id=1"}
    assert (await sim.look("/phones/linxiaoman"))["unread"] == {"chats": 0, "sms": 0}


@pytest.mark.covers("P-02")
async def test_refusals_of_sending_spend_no_credit(sim):
    template = await sim.add_template()
    assert sim.code(await send(sim, template)) == (43101, "user refuse to accept the msg")
    await accept(sim, template)
    sim.mini.pages = ["pages/spend-code/index"]

    async def refused(*args, **more):
        return sim.code(await send(sim, *args, **more))

    assert await refused("unknown") == (40037, "invalid template_id")
    assert await refused(template, touser="nobody") == (40003, "invalid openid")
    assert await refused(template, page="pages/other") == (41030, "invalid page")
    assert await refused(template, {**DATA, "character_string4": {"value": "中文"}}) == (
        47003,
        "argument invalid! data.character_string4.value i",
    )
    assert await refused(template, {**DATA, "thing1": {"value": ""}}) == (
        47003,
        "argument invalid! data.thing1.value is empty",
    )
    assert await refused(template, json.dumps(DATA)) == (47003, "argument invalid! data.character_string4.value i")
    with_suffix = {f"{k}.DATA": v for k, v in DATA.items()}
    assert (await refused(template, with_suffix))[0] == 47003
    assert await credits(sim, template) == 1
    assert (await sim.look("/phones/linxiaoman"))["received"] == 0
    assert (await send(sim, template))["errcode"] == 0
    assert await refused(template) == (43101, "user refuse to accept the msg")


async def test_credits_add_up_and_never_expire(sim):
    template = await sim.add_template()
    for _ in range(3):
        await accept(sim, template)
    sim.world.clock.advance(400 * 86400)
    assert await credits(sim, template) == 3
    assert [(await send(sim, template))["errcode"] for _ in range(4)] == [0, 0, 0, 43101]


async def test_overlapping_sends_to_one_openid(sim):
    template = await sim.add_template()
    await accept(sim, template)
    await accept(sim, template)
    await sim.control("/settings", {"subscribe_send_latency_s": 0.02})
    await sim.token(sim.mini)
    answers = await asyncio.gather(send(sim, template), send(sim, template))
    assert sorted(a["errcode"] for a in answers) == [0, 43108]
    assert await credits(sim, template) == 1


@pytest.mark.covers("P-03", "P-04")
async def test_the_popup(sim):
    first, second = await sim.add_template(), await sim.add_template(1103, (2, 1, 3))
    twin = await sim.add_template(1102, (1, 2))
    long_term = await sim.add_template(2101, (1, 2, 3))
    ok = "requestSubscribeMessage:ok"
    mixed = await accept(sim, first, second, choices={first: "accept", second: "reject"})
    assert mixed == {"errMsg": ok, first: "accept", second: "reject"}
    assert await accept(sim, first, twin) == {"errMsg": ok, first: "accept", twin: "filter"}
    assert (await accept(sim, first, long_term))["errCode"] == 20002
    assert (await accept(sim))["errCode"] == 10001
    assert (await accept(sim, "unknown"))["errCode"] == 20001
    assert (await accept(sim, *[first] * 6))["errCode"] == 20003
    await sim.control(f"/apps/{seed.MINI_APPID}/templates/{first}", {"state": "banned"})
    assert await accept(sim, first) == {"errMsg": ok, first: "ban"}
    assert (await send(sim, first))["errcode"] == 43107
    await sim.control(f"/apps/{seed.MINI_APPID}/templates/{first}", {"state": "normal"})
    assert await accept(sim, second, choices="always_reject") == {"errMsg": ok, second: "reject"}
    assert await accept(sim, second, choices="accept") == {"errMsg": ok, second: "reject"}
    assert [await credits(sim, first), await credits(sim, second)] == [2, 0]
    await sim.control("/setting", {**PERSON, "main_switch": False})
    assert (await accept(sim, first))["errCode"] == 20004
    assert (await send(sim, first))["errcode"] == 43101


async def test_long_term_subscription_is_not_used_up(sim):
    template = await sim.add_template(2101, (1, 2, 3))
    await accept(sim, template)
    data = {"name1": {"value": "林小满"}, "time2": {"value": "15:01"}, "thing3": {"value": "内科"}}
    assert [(await send(sim, template, data))["errcode"] for _ in range(3)] == [0, 0, 0]


async def test_switching_a_template_off_stops_it_until_it_is_switched_on(sim):
    template = await sim.add_template()
    await accept(sim, template)
    await sim.control("/setting", {**PERSON, "template": template, "status": "reject"})
    assert (await send(sim, template))["errcode"] == 43101
    settings = await sim.control("/setting", {**PERSON, "template": template, "status": "accept"})
    assert settings == {"mainSwitch": True, "itemSettings": {template: "accept"}}
    assert (await send(sim, template))["errcode"] == 0


async def test_the_three_events_as_xml(sim):
    template = await sim.add_template()
    sim.mini.callback.url = "http://merchant.test/mini"
    await accept(sim, template)
    msgid = (await send(sim, template))["msgid"]
    await sim.control("/setting", {**PERSON, "template": template, "status": "reject"})
    await sim.world.settle()
    bodies = [parse_xml(r.body) for r in sim.merchant.received]
    assert [b["Event"] for b in bodies if b] == [
        "subscribe_msg_popup_event",
        "subscribe_msg_sent_event",
        "subscribe_msg_change_event",
    ]
    popup, sent, change = bodies
    assert popup is not None and sent is not None and change is not None
    assert popup["SubscribeMsgPopupEvent"]["List"] == {
        "TemplateId": template,
        "SubscribeStatusString": "accept",
        "PopupScene": "0",
    }
    assert sent["SubscribeMsgSentEvent"]["List"] == {
        "TemplateId": template,
        "MsgID": str(msgid),
        "ErrorCode": "0",
        "ErrorStatus": "success",
    }
    assert change["SubscribeMsgChangeEvent"]["List"] == {"TemplateId": template, "SubscribeStatusString": "reject"}


async def test_the_json_form_has_an_object_for_one_and_an_array_for_several(sim):
    first, second = await sim.add_template(), await sim.add_template(1103, (2, 1, 3))
    callback = {"url": "http://merchant.test/mini", "format": "json", "verify": True}
    assert await sim.control(f"/apps/{seed.MINI_APPID}/callback", callback) == {"ok": True, "verified": True}
    sim.merchant.received.clear()
    await accept(sim, first)
    await accept(sim, first, second)
    await sim.world.settle()
    one, two = (json.loads(r.body)["List"] for r in sim.merchant.received)
    assert one == {"TemplateId": first, "SubscribeStatusString": "accept", "PopupScene": "0"}
    assert [e["TemplateId"] for e in two] == [first, second]


async def test_an_encrypted_json_event(sim):
    template = await sim.add_template()
    sim.mini.callback.url = "http://merchant.test/mini"
    sim.mini.callback.format, sim.mini.callback.mode = "json", "safe"
    await accept(sim, template)
    await sim.world.settle()
    [got] = sim.merchant.received
    envelope = json.loads(got.body)
    assert set(envelope) == {"ToUserName", "Encrypt"}
    q = got.query
    assert q["encrypt_type"] == "aes"
    assert q["signature"] == signature(seed.MINI_TOKEN, q["timestamp"], q["nonce"])
    assert q["msg_signature"] == signature(seed.MINI_TOKEN, q["timestamp"], q["nonce"], envelope["Encrypt"])
    text = decrypt_message(envelope["Encrypt"], aes_key=seed.MINI_AES_KEY, receive_id=seed.MINI_APPID)
    assert json.loads(text)["List"]["TemplateId"] == template


async def test_asynchronous_failure(sim):
    template = await sim.add_template()
    await accept(sim, template)
    await sim.control("/faults", {"kind": "fail_delivery", "app": seed.MINI_APPID, "count": 1, "errcode": 1500})
    assert (await send(sim, template))["errcode"] == 0
    [push] = (await sim.look(f"/apps/{seed.MINI_APPID}/pushes?limit=1"))["pushes"]
    assert push["fields"]["SubscribeMsgSentEvent"]["List"][0]["ErrorCode"] == 1500
    assert (await sim.look("/phones/linxiaoman"))["received"] == 0
    assert (await sim.look("/faults"))["faults"] == []

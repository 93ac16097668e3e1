"""Template messages of the service account (reference §2)."""

import pytest

from wesim import seed
from wesim.control.setup import install_historical
from wesim.state import PrivateTemplate
from wesim.wire import parse_xml
from wesim.world import FIRST_MSGID

NAMES = ["卡号", "会员姓名", "消费时间", "消费金额", "温馨提示"]
DATA = {
    "character_string4": {"value": "8888000012345678"},
    "thing1": {"value": "林小满"},
    "time3": {"value": "2026年11月21日 15:01"},
    "amount2": {"value": "¥100.00"},
    "thing5": {"value": "如非本人消费请联系门店"},
}


async def add(sim, names=NAMES, short="41102"):
    token = await sim.token(sim.oa)
    return await sim.post(
        "/cgi-bin/template/api_add_template",
        {"template_id_short": short, "keyword_name_list": names},
        access_token=token,
    )


async def send(sim, template_id, openid, data=None, **more):
    body = {"touser": openid, "template_id": template_id, "data": DATA if data is None else data, **more}
    return await sim.post("/cgi-bin/message/template/send", body, access_token=await sim.token(sim.oa))


@pytest.fixture
async def ready(sim):
    """A follower and a template; the callback URL is set."""
    sim.oa.callback.url = "http://merchant.test/wx"
    await sim.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})
    await sim.world.settle()
    sim.merchant.received.clear()
    return (await add(sim))["template_id"], sim.openid(sim.oa, "linxiaoman")


async def test_adding_a_category_template(sim):
    added = await add(sim)
    assert (added["errcode"], len(added["template_id"])) == (0, 43)
    listed = await sim.get("/cgi-bin/template/get_all_private_template", access_token=await sim.token(sim.oa))
    assert listed["template_list"][0] == {
        "template_id": added["template_id"],
        "title": "会员消费通知",
        "primary_industry": "",
        "deputy_industry": "",
        "content": "卡号:{{character_string4.DATA}}\n会员姓名:{{thing1.DATA}}\n消费时间:{{time3.DATA}}\n"
        "消费金额:{{amount2.DATA}}\n温馨提示:{{thing5.DATA}}\n",
        "example": "卡号:8888000012345678\n会员姓名:张三\n消费时间:2020年10月25日 15:01\n消费金额:¥100.00\n"
        "温馨提示:如非本人消费请联系门店\n",
    }


async def test_refusals_of_adding(sim):
    assert (await add(sim, []))["errcode"] == 40246
    assert (await add(sim, ["没有这个词"]))["errcode"] == 40246
    assert (await add(sim, short="OPENTM207791277"))["errcode"] == 40247
    assert (await add(sim, short="99999"))["errcode"] == 40037


@pytest.mark.covers("P-05")
async def test_the_twenty_sixth_template_is_refused(sim):
    for number in range(25):
        sim.oa.templates[f"t{number}"] = PrivateTemplate(f"t{number}", "1", "标题", (), "category")
    assert sim.code(await add(sim)) == (45026, "template num exceeds limit")


@pytest.mark.covers("S1-128")
async def test_a_template_message_arrives_silently_with_a_badge(sim, ready):
    template_id, openid = ready
    mini = {"appid": seed.MINI_APPID, "pagepath": "pages/spend-code/index?id=1"}
    answer = await send(sim, template_id, openid, miniprogram=mini, url="https://shop.test/s/1")
    assert answer == {"errcode": 0, "errmsg": "ok", "msgid": FIRST_MSGID + sim.world.start + 1}
    phone = await sim.look("/phones/linxiaoman")
    [chat] = phone["chats"]
    assert (chat["kind"], chat["name"], chat["muted"], chat["badge"]) == ("official_account", "会达小店", True, 1)
    [message] = chat["messages"]
    assert (message["kind"], message["title"], message["sound"]) == ("oa_template", "会员消费通知", False)
    assert message["fields"] == [
        ["卡号", "8888000012345678"],
        ["会员姓名", "林小满"],
        ["消费时间", "2026年11月21日 15:01"],
        ["消费金额", "¥100.00"],
        ["温馨提示", "如非本人消费请联系门店"],
    ]
    tapped = await sim.control("/tap", {"person": "linxiaoman", "message": message["id"]})
    assert tapped["jump"] == {
        "kind": "mini",
        "appid": seed.MINI_APPID,
        "page": "pages/spend-code/index?id=1",
        "url": "https://shop.test/s/1",
    }
    assert (await sim.look("/phones/linxiaoman"))["chats"][0]["badge"] == 0


async def test_the_job_finish_event(sim, ready):
    template_id, openid = ready
    msgid = (await send(sim, template_id, openid))["msgid"]
    await sim.world.settle()
    [got] = sim.merchant.received
    fields = parse_xml(got.body)
    assert fields is not None
    assert fields.pop("CreateTime").isdigit()
    assert fields == {
        "ToUserName": seed.OA_ORIGINAL_ID,
        "FromUserName": openid,
        "MsgType": "event",
        "Event": "TEMPLATESENDJOBFINISH",
        "MsgID": str(msgid),
        "Status": "success",
    }


@pytest.mark.parametrize(
    ("block", "fault", "status"),
    [
        (True, None, "failed:user block"),
        (False, {"kind": "fail_delivery"}, "failed: system failed"),
        (False, {"kind": "fail_delivery", "status": "failed: freq limit"}, "failed: freq limit"),
    ],
)
async def test_failures_come_later_in_the_event(sim, ready, block, fault, status):
    template_id, openid = ready
    sim.oa.users[openid].blocks_messages = block
    if fault:
        await sim.control("/faults", fault)
    assert (await send(sim, template_id, openid))["errcode"] == 0
    await sim.world.settle()
    fields = parse_xml(sim.merchant.received[0].body)
    assert fields is not None
    assert fields["Status"] == status
    assert (await sim.look("/phones/linxiaoman"))["received"] == 0


async def test_refusals_of_sending(sim, ready):
    template_id, openid = ready
    stranger = sim.openid(sim.oa, "chenyiming")

    async def refused(*args, **more):
        return sim.code(await send(sim, *args, **more))

    assert await refused(template_id, "nobody") == (40003, "invalid openid")
    assert await refused(template_id, stranger) == (43004, "require subscribe")
    assert await refused("", openid) == (40036, "invalid template_id size")
    assert await refused("unknown", openid) == (40037, "invalid template_id")
    assert await refused(template_id, openid, {}) == (47001, "data format error")
    assert await refused(template_id, openid, url="http://x/" + "y" * 1024) == (40039, "invalid url size")
    mini = {"appid": "wx0", "pagepath": "p"}
    assert await refused(template_id, openid, miniprogram=mini) == (40166, "invalid weapp appid")
    bad = {**DATA, "character_string4": {"value": "中文"}}
    assert await refused(template_id, openid, bad) == (
        47003,
        "argument invalid! data.character_string4.value invalid",
    )
    missing = {k: v for k, v in DATA.items() if k != "thing5"}
    assert await refused(template_id, openid, missing) == (47003, "argument invalid! data.thing5.value is empty")
    assert (await sim.look("/phones/linxiaoman"))["received"] == 0


@pytest.mark.covers("P-06")
async def test_first_and_remark_are_dropped_in_historical_templates(sim, ready):
    _, openid = ready
    old = install_historical(sim.oa, "OPENTM207791277", "消费通知", sim.world)
    data = {
        "first": {"value": "您好", "color": "#173177"},
        "keyword1": {"value": "8888\nsecond line"},
        "keyword2": {"value": "今天"},
        "remark": {"value": "欢迎再来"},
    }
    assert (await send(sim, old, openid, data))["errcode"] == 0
    [message] = (await sim.look("/phones/linxiaoman"))["chats"][0]["messages"]
    assert message["fields"] == [["会员卡号", "8888"], ["时间", "今天"]]


async def test_client_msg_id_is_delivered_once_within_ten_minutes(sim, ready):
    template_id, openid = ready
    sim.world.clock.freeze()
    first = await send(sim, template_id, openid, client_msg_id="m-1")
    sim.world.clock.advance(599)
    assert await send(sim, template_id, openid, client_msg_id="m-1") == first
    assert (await sim.look("/phones/linxiaoman"))["received"] == 1
    sim.world.clock.advance(1)
    assert (await send(sim, template_id, openid, client_msg_id="m-1"))["msgid"] == first["msgid"] + 1
    assert (await sim.look("/phones/linxiaoman"))["received"] == 2


@pytest.mark.covers("P-05")
async def test_daily_quota_of_templates(sim, ready):
    template_id, openid = ready
    asked = {"cgi_path": "/cgi-bin/message/template/send"}
    quota = await sim.post("/cgi-bin/openapi/quota/get", asked, access_token=await sim.token(sim.oa))
    assert quota["quota"] == {"daily_limit": 100_000, "used": 0, "remain": 100_000}
    await sim.control(f"/apps/{seed.OA_APPID}", {"daily_limits": {"/cgi-bin/message/template/send": 1}})
    assert (await send(sim, template_id, openid))["errcode"] == 0
    assert sim.code(await send(sim, template_id, openid)) == (45009, "reach max api daily quota limit")


@pytest.mark.covers("P-05")
async def test_industry(sim):
    token = await sim.token(sim.oa)
    assert await sim.get("/cgi-bin/template/get_industry", access_token=token) == {
        "primary_industry": {"first_class": "IT科技", "second_class": "互联网|电子商务"},
        "secondary_industry": {"first_class": "其它", "second_class": "其它"},
    }
    change = {"industry_id1": "10", "industry_id2": "31"}
    path = "/cgi-bin/template/api_set_industry"
    assert (await sim.post(path, {**change, "industry_id1": "42"}, access_token=token))["errcode"] == 40102
    assert (await sim.post(path, change, access_token=token))["errcode"] == 0
    assert (await sim.post(path, change, access_token=token))["errcode"] == 43100

"""Subscribe template management (reference §3.2) and the starting library."""

import pytest

from wesim import seed

BASE = "/wxaapi/newtmpl"


async def add(sim, tid, kids, scene="会员通知"):
    body = {"tid": tid, "kidList": kids, "sceneDesc": scene}
    return await sim.post(f"{BASE}/addtemplate", body, access_token=await sim.token(sim.mini))


async def get(sim, name, **query):
    return await sim.get(f"{BASE}/{name}", access_token=await sim.token(sim.mini), **query)


@pytest.mark.parametrize(
    ("tid", "kids", "title", "content"),
    [
        (
            1101,
            [1, 3, 2],
            "自动签收提醒",
            "签收时间:{{date1.DATA}}\n提醒时间:{{date3.DATA}}\n订单编号:{{character_string2.DATA}}\n",
        ),
        (
            1102,
            [4, 1, 3, 2, 5],
            "会员消费通知",
            "卡号:{{character_string4.DATA}}\n会员姓名:{{thing1.DATA}}\n消费时间:{{time3.DATA}}\n消费金额:{{amount2.DATA}}\n"
            "温馨提示:{{thing5.DATA}}\n",
        ),
        (
            1103,
            [2, 1, 3, 4, 5],
            "储值卡消费通知",
            "温馨提示:{{thing2.DATA}}\n卡号:{{character_string1.DATA}}\n消费时间:{{time3.DATA}}\n消费金额:{{amount4.DATA}}\n"
            "账户余额:{{amount5.DATA}}\n",
        ),
        (
            1104,
            [1, 3, 2, 4, 5],
            "账户余额提醒",
            "温馨提示:{{thing1.DATA}}\n变动原因:{{thing3.DATA}}\n流水号:{{character_string2.DATA}}\n变动金额:{{thing4.DATA}}\n"
            "当前余额:{{amount5.DATA}}\n",
        ),
    ],
)
async def test_sample_templates(sim, tid, kids, title, content):
    added = await add(sim, tid, kids)
    [listed] = (await get(sim, "gettemplate"))["data"]
    assert (listed["priTmplId"], listed["title"], listed["type"]) == (added["priTmplId"], title, 2)
    assert listed["content"] == content
    assert len(added["priTmplId"]) == 43


async def test_browsing_the_library(sim):
    assert {"id": 670, "name": "工具>会员卡"} in (await get(sim, "getcategory"))["data"]
    page = await get(sim, "getpubtemplatetitles", ids="670", start=1, limit=2)
    assert (page["count"], page["data"]) == (
        16,
        [
            {"tid": 1102, "title": "会员消费通知", "type": 2, "categoryId": "670"},
            {"tid": 1103, "title": "储值卡消费通知", "type": 2, "categoryId": "670"},
        ],
    )
    words = await get(sim, "getpubtemplatekeywords", tid=1105)
    assert words["data"][4] == {"kid": 5, "name": "交易单号", "example": "T202010251501", "rule": "character_string"}


async def test_refusals_of_browsing(sim):
    good = {"ids": "670", "start": 0, "limit": 30}
    for change, errcode in (
        ({"ids": ""}, 200018),
        ({"ids": "1"}, 200019),
        ({"start": "x"}, 200016),
        ({"limit": 31}, 200017),
    ):
        assert (await get(sim, "getpubtemplatetitles", **{**good, **change}))["errcode"] == errcode
    assert (await get(sim, "getpubtemplatekeywords", tid=9))["errcode"] == 200014


async def test_refusals_of_adding(sim):
    assert (await add(sim, "9", [1, 2]))["errcode"] == 200014
    for kids in ([1], [1, 2, 3, 4, 5, 6], [1, 99], [1, 1], "1,2"):
        assert (await add(sim, "1102", kids))["errcode"] == 200020
    assert (await add(sim, "1102", [1, 2], ""))["errcode"] == 200021
    assert (await add(sim, "1102", [1, 2], "一" * 16))["errcode"] == 200021
    assert (await add(sim, "1102", [1, 2]))["errcode"] == 0
    assert (await add(sim, "1102", [2, 1]))["errcode"] == 200022
    assert len(sim.mini.templates) == 1
    await sim.control("/settings", {"private_templates_max": 1})
    assert (await add(sim, "1102", [1, 3]))["errcode"] == 200012


async def test_deleting(sim):
    template = (await add(sim, "1102", [1, 2]))["priTmplId"]
    token = await sim.token(sim.mini)
    assert (await sim.post(f"{BASE}/deltemplate", {"priTmplId": template}, access_token=token))["errcode"] == 0
    assert (await sim.post(f"{BASE}/deltemplate", {"priTmplId": template}, access_token=token))["errcode"] == 200014
    assert (await get(sim, "gettemplate"))["data"] == []


async def test_enumerated_keywords_list_their_values(sim):
    await add(sim, "1114", [1, 2])
    [listed] = (await get(sim, "gettemplate"))["data"]
    assert listed["keywordEnumValueList"] == [
        {"keywordCode": "enum_string2.DATA", "enumValueList": ["待付款", "待自提", "已完成", "已取消"]}
    ]


async def test_official_accounts_hold_the_same_titles(sim):
    assert {t.title for t in sim.world.library_mini.values() if t.type == 2} == {
        t.title for t in sim.world.library_oa.values() if not t.historical
    }
    refused = await sim.get(f"{BASE}/getcategory", access_token=await sim.token(sim.oa))
    assert sim.code(refused) == (48001, "api unauthorized")
    assert sim.world.apps[seed.OA_APPID].open_platform == sim.world.apps[seed.MINI_APPID].open_platform

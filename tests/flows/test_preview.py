"""What a channel would say before it is saved, with a real member; and the list of messages as a file."""

import csv
import io
from typing import Any

import pytest

from tests.shop import Shop, open_shop

CHECK = "/api/console/messaging/scenarios/consumption/channels"


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


@pytest.mark.covers("S1-70")
async def test_the_preview_speaks_of_a_real_member(shop: Shop) -> None:
    template = await shop.add_template("会员消费通知", ["卡号", "会员姓名", "消费金额"])
    member = await shop.member("chenyiming")
    draft = {"template_id": template, "mapping": {}}
    mapping = (await shop.staff.post(f"{CHECK}/subscribe/check", draft)).json()["suggested"]
    sample = (await shop.staff.post(f"{CHECK}/subscribe/check", draft | {"mapping": mapping})).json()
    assert [field["value"] for field in sample["preview"]] == ["6088000001", "林小满", "25.00元"]
    real = await shop.staff.post(f"{CHECK}/subscribe/check", draft | {"mapping": mapping, "member_id": str(member)})
    assert [field["value"] for field in real.json()["preview"]] == [await shop.card_no(member), "陈一鸣", "25.00元"]
    assert (real.json()["text"], real.json()["parts"], real.json()["params"]) == (None, 0, [])


@pytest.mark.covers("S1-113", "S1-114", "S1-110")
async def test_the_preview_of_an_sms_counts_its_parts_and_shows_its_parameters(shop: Shop) -> None:
    member = await shop.member()
    body = {"template_id": "", "mapping": {}, "member_id": str(member)}
    shown = (await shop.staff.post(f"{CHECK}/sms/check", body)).json()
    tail = (await shop.card_no(member))[-4:]
    assert [(p["name"], p["label"]) for p in shown["params"]] == [
        ("p1", "卡号后四位"),
        ("p2", "发生时间"),
        ("code", "详情链接"),
    ]
    assert shown["params"][0]["value"] == tail
    assert shown["text"].startswith(f"【会达】您尾号{tail}的会员卡于")
    assert (shown["parts"], shown["cost_fen"]) == (1, 10)
    assert await shop.live() == {}


async def test_messages_as_a_file(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    for number in range(3):
        await shop.buy(member, f"T-{number}")
    await shop.settle()
    reply = await shop.staff.get("/api/console/messaging/deliveries/export", channel="sms")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(reply.text.removeprefix("\ufeff"))))
    assert rows[0][:8] == ["推送编号", "产生时间", "场景", "接收人", "卡号", "手机号", "渠道", "结果"]
    assert [row[2:4] + row[5:8] + row[9:11] for row in rows[1:]] == [
        ["会员消费", "林小满", "138****0001", "短信", "已送达", "1", "0.10"]
    ] * 3
    assert [row[0] for row in rows[1:]] == [one["id"] for one in await shop.deliveries()]
    async with shop.db.tx(shop.tenant) as tx:
        await tx.execute("UPDATE deliveries SET reason = '=1+1' WHERE tenant_id = $1", shop.tenant)
    again = await shop.staff.get("/api/console/messaging/deliveries/export", channel="sms")
    assert {row[8] for row in list(csv.reader(io.StringIO(again.text)))[1:]} == {"'=1+1"}
    none = await shop.staff.get("/api/console/messaging/deliveries/export", channel="template")
    assert len(none.text.splitlines()) == 1

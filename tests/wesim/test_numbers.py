"""No number is given twice, by another run or after a reset (R-16): each carries the simulator's start."""

import asyncio
import json
import re
import sys

import pytest

from tests.wesim.conftest import Sim
from tests.wesim.pay_kit import REFUNDS, PaySim
from tests.wesim.sms_kit import SmsSim
from wesim import seed
from wesim.world import FIRST_MSGID

WHO = {"person": "linxiaoman", "app": seed.OA_APPID}


async def of_wechat(sim):
    """The numbers that one day at an account gives."""
    sim.oa.callback.url = "http://merchant.test/wx"
    await sim.control("/follow", WHO)
    await sim.control("/say", {**WHO, "text": "在吗"})
    await sim.world.settle()
    token, openid = await sim.token(sim.oa), sim.openid(sim.oa, "linxiaoman")
    names = ["卡号", "会员姓名", "消费时间", "消费金额"]
    added = await sim.post(
        "/cgi-bin/template/api_add_template",
        {"template_id_short": "41102", "keyword_name_list": names},
        access_token=token,
    )
    data = {
        "character_string4": {"value": "8888"},
        "thing1": {"value": "林小满"},
        "time3": {"value": "15:01"},
        "amount2": {"value": "¥1.00"},
    }
    body = {"touser": openid, "template_id": added["template_id"], "data": data}
    sent = [await sim.post("/cgi-bin/message/template/send", body, access_token=token) for _ in range(2)]
    subscribed = await sim.add_template()
    await sim.control("/subscribe", {"person": "linxiaoman", "app": seed.MINI_APPID, "templates": [subscribed]})
    body = {"touser": sim.openid(sim.mini, "linxiaoman"), "template_id": subscribed}
    body["data"] = {**data, "thing5": {"value": "您好"}}
    sent.append(await sim.post("/cgi-bin/message/subscribe/send", body, access_token=await sim.token(sim.mini)))
    qr = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "store-7"}}}
    made = await sim.post("/cgi-bin/qrcode/create", qr, access_token=token)
    ticket = await sim.get("/cgi-bin/ticket/getticket", access_token=token, type="jsapi")
    fault = await sim.control("/faults", {"kind": "busy", "count": 1, "path": "/nowhere"})
    pushed = re.findall(r"<MsgId>(\d+)</MsgId>", "".join(r.body.decode() for r in sim.merchant.received))
    return {
        "msgid": {*(answer["msgid"] for answer in sent), *map(int, pushed)},
        "message": {message.id for message in sim.world.persons["linxiaoman"].inbox},
        "fault": {fault["id"]},
        "ticket": {made["ticket"], made["url"], ticket["ticket"]},
    }


async def of_pay(sim):
    paid = [await sim.paid(number) for number in ("order-0001", "order-0002")]
    asked = [
        {**sim.asks_refund(f"refund-000{n}"), "out_trade_no": order["out_trade_no"]} for n, order in enumerate(paid)
    ]
    refunds = [(await sim.call("POST", REFUNDS, body)).json() for body in asked]
    return {
        "transaction_id": {one["transaction_id"] for one in paid},
        "refund_id": {one["refund_id"] for one in refunds},
        "prepay_id": set(sim.pay.by_prepay),
    }


async def of_sms(sim):
    sent = [await sim.send(), await sim.send("SMS_100000003")]
    _, added = await sim.aliyun(
        "AddSmsTemplate", TemplateType="1", TemplateName="到店提醒", TemplateContent="编号${no}。", Remark="门店"
    )
    _, made = await sim.aliyun(
        "CreateSmsSign", SignName="会达门店", SignSource="0", QualificationId="1", Remark="门店", SignType="1"
    )
    told = await sim.tencent(
        "SendSms",
        {
            "PhoneNumberSet": ["+8613800000002"],
            "SmsSdkAppId": "1400000001",
            "SignName": "会达",
            "TemplateId": "2000002",
            "TemplateParamSet": ["0001", "11-21", "a8Kd"],
        },
    )
    await sim.control("/account", {"provider": "aliyun", "reply_url": "https://shop.test/replies"})
    reply = await sim.control("/replies", {"phone": "13800000001", "text": "R"})
    return {
        "biz_id": {one["BizId"] for one in sent},
        "template": {added["TemplateCode"]},
        "order": {made["OrderId"], reply["entry"]["sequence_id"]},
        "serial": {told["SendStatusSet"][0]["SerialNo"]},
    }


@pytest.mark.parametrize(("run", "day"), [(Sim, of_wechat), (PaySim, of_pay), (SmsSim, of_sms)])
async def test_two_runs_share_no_number(run, day):
    """The second run has the same day by its clock: only the start tells them apart."""
    first, second = await day(run()), await day(run())
    assert {kind: len(numbers) for kind, numbers in first.items()} == {
        kind: len(numbers) for kind, numbers in second.items()
    }
    assert {kind: numbers & second[kind] for kind, numbers in first.items()} == {kind: set() for kind in first}


@pytest.mark.parametrize(("run", "day"), [(Sim, of_wechat), (PaySim, of_pay), (SmsSim, of_sms)])
async def test_a_reset_gives_no_number_again(run, day):
    sim = run()
    first = await day(sim)
    clock = sim.world.clock.now()
    await sim.world.settle()
    sim.world.reset()
    if run is Sim:
        sim.oa, sim.mini = sim.world.apps[seed.OA_APPID], sim.world.apps[seed.MINI_APPID]
        sim.merchant.received.clear()
    else:
        sim.world.clock.freeze()
        sim.world.clock.set(clock)
        if run is PaySim:
            sim.mini = sim.world.apps[seed.MINI_APPID]
            sim.world.user(sim.mini, "linxiaoman")
    second = await day(sim)
    assert {kind: numbers & second[kind] for kind, numbers in first.items()} == {kind: set() for kind in first}


async def test_what_numbers_look_like():
    sim, pay, sms = Sim(), PaySim(), SmsSim()
    assert (await of_wechat(sim))["msgid"] == {FIRST_MSGID + sim.world.start + n for n in (1, 2, 3, 4)}
    paid = await of_pay(pay)
    assert paid["transaction_id"] == {f"420020261121{pay.world.start + n}" for n in (1, 2)}
    assert {len(one) for one in paid["transaction_id"]} == {28}
    assert {len(one) for one in paid["refund_id"]} == {29}
    texts = await of_sms(sms)
    assert texts["biz_id"] == {f"{sms.world.start + n}^0" for n in (1, 2)}
    assert texts["template"] == {f"SMS_{sms.world.start + 3}"}


async def test_two_processes_share_no_msgid():
    """The same, in two real processes one after the other."""
    program = (
        "import json; from wesim.seed import seeded_world; w = seeded_world(); w.clock.freeze(); w.clock.set(1e9);"
        "from wesim.pay.state import pay_of; from wesim.sms.account import sms_of;"
        "print(json.dumps([w.next_msgid(), pay_of(w).number('4200', 28), sms_of(w).number_id()]))"
    )
    found = []
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        found.append(json.loads((await process.communicate())[0]))
    assert [len(set(pair)) for pair in zip(*found, strict=True)] == [2, 2, 2]

"""Templates that change or go on the other side: what uses them is paused with a word to people, and nothing else happens."""

from typing import Any

import pytest

from tests import make
from tests.asgi import Client
from tests.noticeshop import PAID_CODE, PAID_TEXT, PATH, Desk, buyer_of, open_desk
from tests.smsshop import two_providers
from wesim import seed


@pytest.fixture
async def desk(world: Any) -> Desk:
    return await open_desk(world)


async def look(desk: Desk) -> None:
    assert (await desk.staff.post(f"{PATH}/drift", {})).status == 202
    await desk.settle()


@pytest.mark.covers("S2-53")
async def test_a_template_deleted_at_wechat_pauses_its_notices_and_is_found_again(desk: Desk) -> None:
    template_id = await desk.on("order_paid")
    await desk.on("order_shipped")
    await desk.shop.sim.delete(f"/_sim/apps/{seed.OA_APPID}/templates/{template_id}")
    await look(desk)
    paused = await desk.channel("order_paid", "template")
    assert (paused["live"], paused["paused_reason"], paused["template_id"]) == (False, "template_gone", template_id)
    assert await desk.live("order_shipped") == ["template"]
    [fact] = await desk.shop.world.facts("messaging.template_drifted")
    assert (fact["title"], fact["change"], fact["paused"]) == ("订单支付成功通知", "template_gone", ["order_paid"])
    assert ("template_gone", "order_paid") in await desk.attention()
    await look(desk)
    assert len(await desk.shop.world.facts("messaging.template_drifted")) == 1
    # One press of save finds the template in the library again.
    assert (await desk.default("order_paid")).status == 200
    assert await desk.live("order_paid") == ["template"]
    assert await desk.attention() == []


async def test_a_template_with_other_fields_pauses_and_an_assignment_is_offered(desk: Desk) -> None:
    template_id = await desk.on("order_paid")
    before = (await desk.channel("order_paid", "template"))["mapping"]
    tip = next(key for key, value in before.items() if value == "我们会尽快为您发货")
    assert (await desk.save("order_paid", "template", template_id, before | {tip: "订单{order_no}谢谢"})).status == 200
    path = f"/_sim/apps/{seed.OA_APPID}/templates/{template_id}"
    names = ["订单编号", "支付单号", "支付金额", "支付时间", "温馨提示"]
    assert (await desk.shop.sim.post(path, {"keywords": names})).status == 200
    await look(desk)
    paused = await desk.channel("order_paid", "template")
    assert (paused["live"], paused["paused_reason"]) == (False, "template_changed")
    assert ("template_changed", "order_paid") in await desk.attention()
    offer = (await desk.staff.get(f"{PATH}/scenarios/order_paid/channels/template/remap")).json()["offer"]
    assert (offer["template_id"], offer["open"]) == (template_id, [])
    assert offer["mapping"][tip] == "订单{{order_no}}谢谢"  # what the merchant wrote is kept
    assert sorted(offer["mapping"].values()) == sorted(
        ["{{order_no}}", "{{transaction_id}}", "{{order_total}}", "{{time}}", "订单{{order_no}}谢谢"]
    )
    assert (await desk.save("order_paid", "template", template_id, offer["mapping"])).status == 200
    assert await desk.attention() == []
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.mall.paid(buyer, product)
    [message] = await desk.shop.account_messages(member)
    assert set(dict(message["fields"])) == set(names)


async def test_without_an_answer_nothing_is_paused_and_nothing_is_ever_deleted_there(desk: Desk) -> None:
    oa = await desk.on("order_paid", "template")
    mini = await desk.on("order_paid", "subscribe")
    await desk.sms_on()
    for path in ("/cgi-bin/template/get_all_private_template", "/wxaapi/newtmpl/gettemplate"):
        await desk.shop.fault("drop", path=path)
    await desk.shop.fault("drop", event="QuerySmsTemplate")
    await look(desk)
    assert await desk.live("order_paid") == ["subscribe", "sms", "template"]
    assert await desk.shop.world.facts("messaging.template_drifted") == []
    await desk.shop.no_faults()
    # An answer that names no list is none.
    for path in ("/cgi-bin/template/get_all_private_template", "/wxaapi/newtmpl/gettemplate"):
        await desk.shop.fault("refuse", path=path, errcode=0, errmsg="ok")
    await look(desk)
    assert await desk.live("order_paid") == ["subscribe", "sms", "template"]
    await desk.shop.no_faults()
    await look(desk)
    assert await desk.live("order_paid") == ["subscribe", "sms", "template"]
    apps = desk.mall.sim.apps
    assert oa in apps[seed.OA_APPID].templates
    assert mini in apps[seed.MINI_APPID].templates


@pytest.mark.covers("S2-60")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"content": PAID_TEXT + "谢谢"}, "template_changed"),
        ({"status": 2}, "template_unapproved"),
    ],
)
async def test_an_sms_text_that_is_approved_no_more_is_paused_until_it_is_again(
    desk: Desk, change: dict[str, Any], reason: str
) -> None:
    text_id = await desk.sms_on()
    await desk.approve(**change)
    await look(desk)
    [shown] = (await desk.staff.get(f"{PATH}/sms-templates")).json()["items"]
    assert (shown["id"], shown["paused_reason"]) == (text_id, reason)
    paused = await desk.channel("order_paid", "sms")
    assert (paused["live"], paused["paused_reason"]) == (False, reason)
    assert (reason, "order_paid") in await desk.attention()
    assert (await desk.save("order_paid", "sms", text_id, {})).refusal == (409, "messaging.sms_template_missing")
    await desk.approve(PAID_CODE, PAID_TEXT)
    await look(desk)
    [shown] = (await desk.staff.get(f"{PATH}/sms-templates")).json()["items"]
    assert shown["paused_reason"] is None
    assert (await desk.save("order_paid", "sms", text_id, {})).status == 200


@pytest.mark.covers("S2-60", "S2-11")
async def test_a_text_that_one_of_two_providers_still_has_goes_on_through_that_one(desk: Desk) -> None:
    theirs = {
        "provider": "tencent",
        "code": "2000077",
        "content": PAID_TEXT.replace("${no}", "{1}").replace("${sum}", "{2}"),
    }
    async with two_providers(desk.shop, aliyun=100, tencent=0):
        await desk.approve()
        await desk.approve(**theirs)
        added = await desk.add_text(codes={"aliyun": PAID_CODE, "tencent": "2000077"})
        assert (await desk.save("order_paid", "sms", added.json()["id"], {})).status == 200
        await desk.approve(status=2)
        await look(desk)
        assert await desk.live("order_paid") == ["sms"]
        assert await desk.attention() == []
        product = await desk.mall.product()
        member, buyer = await buyer_of(desk.mall)
        await desk.mall.paid(buyer, product)
        sent = (await desk.shop.sim.get("/_sim/sms/sent", limit=1)).json()
        assert (sent[0]["provider"], len(await desk.shop.texts(member))) == ("tencent", 1)
        # Other words there are never sent, and what nobody has is paused.
        await desk.approve(**{**theirs, "content": theirs["content"] + "谢谢"})
        await look(desk)
        assert (await desk.channel("order_paid", "sms"))["paused_reason"] == "template_changed"


@pytest.mark.covers("S2-51", "S2-52", "S2-53")
async def test_deleting_a_fetched_template_names_what_it_stops(desk: Desk) -> None:
    template_id = await desk.on("order_paid")
    [mine] = (await desk.staff.get(f"{PATH}/templates", channel="template")).json()["items"]
    assert (mine["template_id"], mine["used_by"]) == (template_id, ["order_paid"])
    path = f"{PATH}/templates/{template_id}/remove?channel=template"
    refused = await desk.staff.post(path, {"stop_scenarios": []})
    assert (refused.status, refused.json()["params"]["scenarios"]) == (409, ["order_paid"])
    assert template_id in desk.mall.sim.apps[seed.OA_APPID].templates
    gone = await desk.staff.post(path, {"stop_scenarios": ["order_paid"]})
    assert gone.json() == {"stopped": ["order_paid"]}
    assert template_id not in desk.mall.sim.apps[seed.OA_APPID].templates
    assert (await desk.channel("order_paid", "template"))["paused_reason"] == "template_deleted"


async def test_a_night_looks_at_every_merchant_that_has_something_to_lose(desk: Desk) -> None:
    template_id = await desk.on("order_paid")
    await desk.shop.sim.delete(f"/_sim/apps/{seed.OA_APPID}/templates/{template_id}")
    from huida.kernel.jobs import fan_out

    async with desk.shop.db.tx(0) as tx:
        await fan_out(tx, "messaging.look_for_drift", [desk.shop.tenant])
    await desk.settle()
    assert (await desk.channel("order_paid", "template"))["paused_reason"] == "template_gone"


@pytest.mark.covers("S2-53")
async def test_a_merchant_may_look_five_times_at_once_and_is_told_when_again(desk: Desk) -> None:
    async def asked() -> int:
        async with desk.shop.db.read(desk.shop.tenant) as tx:
            return int(
                await tx.value(
                    "SELECT count(*) FROM jobs WHERE tenant_id = $1 AND kind = 'messaging.look_for_drift'",
                    desk.shop.tenant,
                )
            )

    before = await asked()
    assert [(await desk.staff.post(f"{PATH}/drift", {})).status for _ in range(5)] == [202] * 5
    assert await asked() == before + 5
    refused = await desk.staff.post(f"{PATH}/drift", {})
    assert refused.refusal == (429, "messaging.look_too_often")
    wait_s = refused.json()["params"]["retry_after_s"]
    assert 1 <= wait_s <= 60
    assert refused.headers["retry-after"] == str(wait_s)
    assert refused.json()["title"] == f"模板刚刚检查过，请在 {wait_s} 秒后再检查"
    foreign = await desk.staff.request("POST", f"{PATH}/drift", {}, headers={"Accept-Language": "en"})
    assert foreign.json()["title"].startswith("The templates have just been checked: check again in ")
    # Whoever of the shop asks: it is the shop's account that is looked at.
    person = await make.staff(desk.shop.db, desk.shop.tenant)
    colleague = await make.logged_in(Client(desk.shop.world.app), person)
    assert (await colleague.post(f"{PATH}/drift", {})).refusal == (429, "messaging.look_too_often")
    assert await asked() == before + 5

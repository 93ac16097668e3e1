"""Buyers are told over the channels that are live, each with its own content; what the simulated phones show."""

from typing import Any

import pytest

from huida.modules import tenants
from tests.noticeshop import PAID_TEXT, PATH, Desk, buyer_of, open_desk
from wesim import seed


@pytest.fixture
async def desk(world: Any) -> Desk:
    return await open_desk(world)


@pytest.mark.covers("S2-01", "S2-03", "S2-18", "S2-26", "S2-32", "S2-37", "X-01", "X-04")
async def test_an_order_that_is_paid_is_told_over_every_live_channel_at_once(desk: Desk) -> None:
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    subscribe = await desk.on("order_paid", "subscribe")
    await desk.on("order_paid", "template")
    await desk.sms_on()
    assert await desk.live("order_paid") == ["subscribe", "sms", "template"]
    await desk.shop.answer(member, subscribe)
    order_id = await desk.mall.paid(buyer, product, count=2)

    order_no = (await desk.mall.seen(order_id))["order_no"]
    [notice] = await desk.shop.notices(member)
    [card] = await desk.shop.account_messages(member)
    [text] = await desk.shop.texts(member)
    for shown in (notice, card):
        fields = dict(shown["fields"])
        assert (fields["订单编号"], fields["商品名称"], fields["支付金额"]) == (order_no, "茉莉花茶 等 2 件", "56.00元")
        assert shown["jump"]["page"].endswith(f"id={order_id.replace('-', '')}")
    assert text["text"] == "【会达】" + PAID_TEXT.replace("${no}", order_no).replace("${sum}", "56.00")
    assert await desk.made("order_paid") == [
        ("sms", "delivered", ""),
        ("subscribe", "delivered", ""),
        ("template", "delivered", ""),
    ]
    [fact] = {row["id"].split(".")[0] for row in await desk.shop.deliveries(scenario="order_paid")}
    trace = (await desk.staff.get(f"{PATH}/facts/{fact}/trace")).json()["steps"]
    told = [step for step in trace if step["scenario"] == "order_paid"]
    assert sorted(step["delivery"]["channel"] for step in told) == ["sms", "subscribe", "template"]
    timeline = (await desk.staff.get(f"{PATH}/members/{member}/timeline")).json()["items"]
    [moment] = [one for one in timeline if one["kind"] == "mall.order_paid"]
    assert len(moment["messages"]) == 3
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-19", "S2-20", "S2-23", "S2-25", "S2-26", "S2-33")
async def test_submitted_shipped_and_refunded_are_told_with_the_systems_default_templates(desk: Desk) -> None:
    for scenario in ("order_submitted", "order_shipped", "order_refunded"):
        await desk.on(scenario)
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    order_id = await desk.mall.paid(buyer, product, count=2)
    assert (await desk.mall.ship(order_id)).status == 201
    assert (await desk.mall.refund(order_id, 2800, reason="少了一件")).status < 300
    await desk.settle()

    order_no = (await desk.mall.seen(order_id))["order_no"]
    shown = {message["title"]: dict(message["fields"]) for message in await desk.shop.account_messages(member)}
    assert set(shown) == {"订单提交成功通知", "订单发货通知", "退款成功通知"}
    assert shown["订单提交成功通知"]["订单金额"] == "56.00元"
    assert shown["订单发货通知"]["物流公司"] == "顺丰速运"
    assert shown["订单发货通知"]["物流单号"] == "SF1234567890"
    assert (shown["退款成功通知"]["退款金额"], shown["退款成功通知"]["退款原因"]) == ("28.00元", "少了一件")
    assert {fields["订单编号"] for fields in shown.values()} == {order_no}
    assert await desk.made("order_submitted") == [("template", "delivered", "")]

    assert (await desk.staff.delete(f"{PATH}/scenarios/order_submitted/channels/template")).status == 200
    await desk.mall.ordered(buyer, product)
    await desk.settle()
    assert await desk.made("order_submitted") == [("template", "delivered", "")]  # switched off: no second one


@pytest.mark.covers("S2-21", "S2-22", "X-07")
async def test_withdrawal_and_recharge_are_told_in_the_malls_words_and_once(desk: Desk) -> None:
    from huida.modules import mall

    await desk.on("buyer_withdrawal")
    await desk.on("buyer_recharge")
    await desk.shop.enable("balance_change", "template")
    member, _ = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    async with desk.shop.db.tx(desk.shop.tenant) as tx:
        moment = {"occurred_at": tx.now, "subject_id": member}
        tx.emit(
            mall.WithdrawalPaid(
                withdrawal_id=member,
                withdrawal_no="W1",
                amount_fen=10000,
                way="wechat",
                balance_after_fen=99999,
                asked_at=tx.now,
                **moment,
            )  # fmt: skip
        )
        tx.emit(
            mall.OnlineRecharged(
                recharge_id=member,
                recharge_no="R1",
                card_no="1",
                paid_fen=20000,
                gift_fen=1000,
                points=0,
                balance_after_fen=120999,
                transaction_id="4200",
                **moment,
            )  # fmt: skip
        )
    await desk.settle()
    shown = [(m["title"], dict(m["fields"])) for m in await desk.shop.account_messages(member)]
    assert [title for title, _ in shown] == ["提现成功通知", "充值成功通知"]
    assert (shown[0][1]["提现金额"], shown[0][1]["提现方式"], shown[0][1]["账户余额"]) == (
        "100.00元",
        "微信零钱",
        "999.99元",
    )
    assert (shown[1][1]["充值金额"], shown[1][1]["账户余额"]) == ("200.00元", "1209.99元")
    assert await desk.made("balance_change") == []  # one fact makes one notice for the member

    # At the till the member scenario is told first; without it the mall's takes its place.
    await desk.shop.recharge(member, "R-1")
    await desk.settle()
    assert len(await desk.made("buyer_recharge")) == 2
    await desk.shop.enable("recharge", "template")
    await desk.shop.recharge(member, "R-2")
    await desk.settle()
    assert len(await desk.made("buyer_recharge")) == 2
    assert await desk.made("recharge") == [("", "delivered", "")]


@pytest.mark.covers("S2-17", "S2-34", "S2-35", "S2-36")
async def test_a_coupon_that_is_given_is_told_by_the_official_account_only(desk: Desk) -> None:
    member, _ = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.on("coupon_given")
    shown = (await desk.staff.get(f"{PATH}/scenarios", family="marketing")).json()["items"]
    assert [(one["code"], [c["channel"] for c in one["channels"]]) for one in shown] == [("coupon_given", ["template"])]
    for channel in ("sms", "subscribe"):
        refused = await desk.save("coupon_given", channel, "x", {})
        assert refused.refusal == (409, "messaging.channel_not_offered")
        assert (await desk.default("coupon_given", channel)).refusal == (409, "messaging.channel_not_offered")
    assert await desk.live("coupon_given") == ["template"]
    coupon = await desk.staff.post(
        "/api/console/coupons/templates",
        {"name": "满30减5元券", "kind": "cash", "amount_fen": 500, "threshold_fen": 3000, "total": 9, "valid_days": 9},
    )
    assert (await desk.staff.post(f"/api/console/coupons/templates/{coupon.json()['id']}/on")).status in (200, 204)
    given = await desk.staff.post(
        "/api/console/coupons/issue",
        {"template_id": coupon.json()["id"], "card_no": await desk.shop.card_no(member), "key": "gift-1"},
    )
    assert given.status == 201, given.text
    await desk.settle()
    [message] = await desk.shop.account_messages(member)
    assert (message["title"], dict(message["fields"])["优惠券名称"]) == ("优惠券发放通知", "满30减5元券")


@pytest.mark.covers("S2-27", "S2-28", "S2-29", "S2-30", "S2-31")
async def test_own_content_mixes_text_with_variables_and_a_misspelled_one_is_not_saved(desk: Desk) -> None:
    template_id = await desk.on("order_paid")
    kept = (await desk.channel("order_paid", "template"))["mapping"]
    library = (await desk.scenario("order_paid"))["variables"]
    groups = {variable["group"] for variable in library}
    assert groups == {"order", "goods", "buyer", "shipping", "shop"}
    field = next(key for key, value in kept.items() if value == "我们会尽快为您发货")
    refused = await desk.save("order_paid", "template", template_id, kept | {field: "订单{order_n}已支付"})
    assert refused.refusal == (422, "messaging.variable_unknown")
    assert refused.json()["where"] == f"mapping/{field}"
    assert refused.json()["params"]["detail"] == "order_n"
    assert refused.json()["params"]["nearest"] == "订单编号"
    assert (await desk.channel("order_paid", "template"))["mapping"] == kept

    saved = await desk.save("order_paid", "template", template_id, kept | {field: "订单{订单金额}已付，{buyer_name}"})
    assert saved.status == 200, saved.text
    now = await desk.channel("order_paid", "template")
    assert (now["mapping"][field], now["system"]) == ("订单{{order_total}}已付，{{buyer_name}}", False)
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await desk.mall.paid(buyer, product)
    [message] = await desk.shop.account_messages(member)
    assert dict(message["fields"])["温馨提示"] == "订单28.00元已付，林小满"


@pytest.mark.covers("S2-02")
async def test_a_template_id_copied_from_wechat_is_taken_once_the_account_has_it(desk: Desk) -> None:
    app = desk.mall.sim.apps[seed.OA_APPID]
    await desk.on("order_submitted")
    [template_id] = app.templates
    assert (await desk.staff.delete(f"{PATH}/scenarios/order_submitted/channels/template")).status == 200
    async with desk.shop.db.tx(desk.shop.tenant) as tx:
        await tx.execute("DELETE FROM wechat_templates WHERE tenant_id = $1", desk.shop.tenant)
    made_up = await desk.staff.post(f"{PATH}/templates/adopt?channel=template", {"template_id": "A" * 43})
    assert made_up.refusal == (404, "messaging.template_not_in_account")
    assert (await desk.staff.get(f"{PATH}/templates", channel="template")).json()["items"] == []
    taken = await desk.staff.post(f"{PATH}/templates/adopt?channel=template", {"template_id": f" {template_id} "})
    assert (taken.status, taken.json()["template_id"], taken.json()["title"]) == (200, template_id, "订单提交成功通知")


@pytest.mark.covers("S2-04", "S2-05")
async def test_the_twenty_sixth_template_is_refused_with_those_that_could_go(desk: Desk) -> None:
    from wesim.state import PrivateTemplate

    app = desk.mall.sim.apps[seed.OA_APPID]
    used = await desk.on("order_submitted")
    example = app.templates[used]
    for number in range(24):
        other = PrivateTemplate(
            f"other{number:02d}", example.library_id, f"旧模板{number:02d}", example.keywords, "category"
        )
        app.templates[other.id] = other
    refused = await desk.default("order_paid")
    assert refused.refusal == (409, "messaging.account_full")
    named = refused.json()["params"]["removable"]
    assert len(app.templates) == 25
    assert sorted(one["title"] for one in named) == [f"旧模板{number:02d}" for number in range(24)]
    assert "旧模板00" in refused.json()["title"]
    assert await desk.live("order_paid") == []
    # One is deleted on the page of templates: now there is room.
    gone = await desk.staff.post(f"{PATH}/templates/other00/remove?channel=template", {"stop_scenarios": []})
    assert gone.status == 200, gone.text
    assert (await desk.default("order_paid")).status == 200
    assert len(app.templates) == 25


@pytest.mark.covers("S2-06", "S2-07", "S2-08", "S2-09", "S2-10", "X-17")
async def test_an_account_of_the_wrong_industry_or_category_is_told_before_anything_is_enabled(desk: Desk) -> None:
    await desk.shop.sim.post(f"/_sim/apps/{seed.OA_APPID}", {"industry": ["10", "31"]})
    await desk.shop.sim.post(f"/_sim/apps/{seed.MINI_APPID}", {"categories": [670]})
    industry = (await desk.staff.get(f"{PATH}/fitness", channel="template")).json()
    assert (industry["kind"], industry["state"]) == ("industry", "mismatch")
    assert industry["found"] == ["餐饮 | 餐饮", "消费品 | 消费品"]
    assert industry["wanted"] == ["IT科技 | 互联网|电子商务", "其它 | 其它"]
    category = (await desk.staff.get(f"{PATH}/fitness", channel="subscribe")).json()
    assert (category["state"], category["found"]) == ("mismatch", ["工具>会员卡"])
    assert (await desk.default("order_paid")).refusal == (409, "messaging.industry_mismatch")
    assert (await desk.default("order_paid", "subscribe")).refusal == (409, "messaging.category_mismatch")
    assert await desk.live("order_paid") == []
    assert (await desk.default("order_paid", despite=True)).status == 200  # the merchant knows better

    # WeChat moved on: the operator says what is asked now, and nothing is in the way any more.
    from tests import make
    from tests.asgi import Client

    operator = await make.logged_in(Client(desk.shop.world.app), await make.operator(desk.shop.db))
    rules = {"industries": [["餐饮", "餐饮"], ["消费品", "消费品"]], "categories": ["工具-会员卡"], "numbers": {}}
    try:
        saved = await operator.put("/api/operator/notice-rules", rules)
        assert saved.status == 200, saved.text
        assert (await desk.staff.get(f"{PATH}/fitness", channel="template")).json()["state"] == "ok"
        assert (await desk.staff.get(f"{PATH}/fitness", channel="subscribe")).json()["state"] == "ok"
        assert (await desk.default("order_submitted")).status == 200
        bad = await operator.put("/api/operator/notice-rules", rules | {"industries": [["餐饮", "餐饮"]]})
        assert bad.refusal == (422, "messaging.bad_industries")
        assert (await desk.staff.put("/api/operator/notice-rules", rules)).status == 403
    finally:
        async with desk.shop.db.tx(0) as tx:
            await tx.execute("DELETE FROM notice_rules")
    await desk.shop.fault("drop", path="/cgi-bin/template/get_industry")
    assert (await desk.staff.get(f"{PATH}/fitness", channel="template")).json()["state"] == "unknown"
    assert (await desk.default("order_shipped")).status == 200  # no answer stops nobody


@pytest.mark.covers("S2-16", "X-02")
async def test_families_are_kept_apart_and_without_the_mall_nothing_is_told(desk: Desk) -> None:
    member_codes = [one["code"] for one in (await desk.staff.get(f"{PATH}/scenarios")).json()["items"]]
    assert len(member_codes) == 9
    assert "order_paid" not in member_codes
    buyers = (await desk.staff.get(f"{PATH}/scenarios", family="buyer")).json()
    assert [one["code"] for one in buyers["items"]] == [
        "order_submitted",
        "order_paid",
        "order_shipped",
        "order_refunded",
        "buyer_withdrawal",
        "buyer_recharge",
    ]
    assert buyers["locked"] is False
    await desk.on("order_submitted")
    product = await desk.mall.product()
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    async with desk.shop.db.tx(desk.shop.tenant) as tx:
        await tenants.withdraw(tx, "mall")
        from huida.modules import mall

        tx.emit(
            mall.OrderSubmitted(
                subject_id=member,
                order_id=member,
                order_no="M1",
                goods="茶",
                count=1,
                total_fen=1,
                receiver="林",
                pay_until=tx.now,
                occurred_at=tx.now,
            )  # fmt: skip
        )
    await desk.settle()
    assert await desk.made("order_submitted") == []
    assert (await desk.staff.get(f"{PATH}/scenarios", family="buyer")).json()["locked"] is True
    assert (await desk.default("order_paid")).refusal == (403, "messaging.not_entitled")
    assert (await desk.policy("order_paid", "ordered")).refusal == (403, "messaging.not_entitled")
    assert product["title"] == "茉莉花茶" and buyer is not None

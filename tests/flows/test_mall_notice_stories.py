"""From the mall's doors to the phone: what people do there, and the whole message that tells of it.

Nothing is told to the modules by hand: a member orders, pays at WeChat Pay, asks for money back; staff ship, refund, pay out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from string import Template
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.asgi import Client
from tests.mallshop import BUYER, CONSOLE
from tests.noticeshop import Desk, buyer_of, open_desk
from tests.shop import whole_rules

Values = dict[str, str]


@pytest.fixture
async def desk(world: Any) -> Desk:
    return await open_desk(world)


# ------------------------------------------------------------------ what people do
def shown(moment: str) -> str:
    """A moment of the API as a message shows it."""
    return datetime.fromisoformat(moment).astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y年%m月%d日 %H:%M")


def values(thing: dict[str, Any], number: str, time: str, **more: str) -> Values:
    return {"id": thing["id"].replace("-", ""), "no": thing[number], "time": shown(thing[time]), **more}


async def order(desk: Desk, buyer: Client) -> str:
    return await desk.mall.ordered(buyer, await desk.mall.product(), count=2)


async def pay(desk: Desk, buyer: Client, order_id: str) -> None:
    parameters = await desk.mall.to_pay(buyer, order_id)
    assert await desk.mall.phone_pays(parameters) == "requestPayment:ok"
    await desk.settle()


async def submits(desk: Desk, buyer: Client) -> Values:
    """An order, not paid."""
    order_id = await order(desk, buyer)
    await desk.settle()
    return values(await desk.mall.seen(order_id), "order_no", "created_at")


async def pays(desk: Desk, buyer: Client) -> Values:
    """An order that is paid some minutes later."""
    order_id = await order(desk, buyer)
    await desk.later(minutes=3)
    await pay(desk, buyer, order_id)
    return values(await desk.mall.seen(order_id), "order_no", "paid_at")


async def receives(desk: Desk, buyer: Client) -> Values:
    """A paid order that staff send."""
    order_id = await order(desk, buyer)
    await pay(desk, buyer, order_id)
    await desk.later(minutes=3)
    assert (await desk.mall.ship(order_id, "YT7700112233445", "YTO")).status == 201
    await desk.settle()
    return values(await desk.mall.seen(order_id), "order_no", "shipped_at")


async def complains(desk: Desk, buyer: Client) -> Values:
    """A paid order of which staff give a part back by hand."""
    order_id = await order(desk, buyer)
    await pay(desk, buyer, order_id)
    await desk.later(minutes=3)
    assert (await desk.mall.refund(order_id, 1250, reason="少了一件")).status == 201
    await desk.settle()
    seen = await desk.mall.seen(order_id)
    [refund] = seen["refunds"]
    return values(seen | {"done_at": refund["done_at"]}, "order_no", "done_at")


async def recharges(desk: Desk, buyer: Client) -> Values:
    """Stored value, paid online; the shop adds a gift."""
    rules = {"gift_tiers": [{"from_fen": 10_000, "gift_fen": 1_000, "gift_points": 0}]}
    assert (await desk.staff.put("/api/console/loyalty/rules", whole_rules(**rules))).status == 200
    headers = {"Idempotency-Key": "tap-recharge"}
    begun = await buyer.request("POST", f"{BUYER}/recharges", {"paid_fen": 10_000}, headers=headers)
    assert begun.status == 201, begun.text
    assert await desk.mall.phone_pays(begun.json()["parameters"]) == "requestPayment:ok"
    await desk.settle()
    [row] = (await desk.staff.get(f"{CONSOLE}/recharges")).json()["items"]
    return values(row, "recharge_no", "paid_at", card_no=row["card_no"])


async def withdraws(desk: Desk, buyer: Client) -> Values:
    """Some of the stored value, paid out by staff an hour after it was asked for."""
    await recharges(desk, buyer)
    body = {"amount_fen": 6_000, "way": "bank", "payee": "招商银行 6225 8888 林小满"}
    headers = {"Idempotency-Key": "tap-withdraw"}
    assert (await buyer.request("POST", f"{BUYER}/withdrawals", body, headers=headers)).status == 201
    await desk.later(hours=1)
    [asked] = (await desk.staff.get(f"{CONSOLE}/withdrawals", state="asked")).json()["items"]
    paid = await desk.staff.post(f"{CONSOLE}/withdrawals/{asked['id']}/pay", {"paid_ref": "网银 2026112200018"})
    assert paid.status == 204, paid.text
    await desk.settle()
    [row] = (await desk.staff.get(f"{CONSOLE}/withdrawals", state="paid")).json()["items"]
    return values(row, "withdrawal_no", "decided_at")


# ------------------------------------------------------------------ what the phone shows
@dataclass(frozen=True)
class Story:
    """What is done, and the message: its title, all its lines in order, the page it opens; the store's SMS, and for each of
    its placeholders the variable and what it says."""

    act: Callable[[Desk, Client], Awaitable[Values]]
    title: str
    lines: tuple[tuple[str, str], ...]
    page: str
    sms: str
    filled: dict[str, tuple[str, str]]


GOODS = ("商品名称", "茉莉花茶 等 2 件")
NUMBER = ("订单编号", "{no}")
ORDER_PAGE = "pages/shop/order?id={id}"
STORIES = {
    "order_submitted": Story(
        submits,
        "订单提交成功通知",
        (NUMBER, GOODS, ("订单金额", "56.00元"), ("提交时间", "{time}"), ("温馨提示", "请在支付截止时间前完成支付")),
        ORDER_PAGE,
        "订单${no}已提交，请尽快支付${sum}元。",
        {"no": ("order_no", "{no}"), "sum": ("order_total", "56.00")},
    ),
    "order_shipped": Story(
        receives,
        "订单发货通知",
        (NUMBER, GOODS, ("物流公司", "圆通速递"), ("物流单号", "YT7700112233445"), ("发货时间", "{time}")),
        ORDER_PAGE,
        "订单${no}已由${carrier}发出，单号${parcel}。",
        {
            "no": ("order_no", "{no}"),
            "carrier": ("carrier", "圆通速递"),
            "parcel": ("tracking_no", "YT7700112233445"),
        },
    ),
    "order_refunded": Story(
        complains,
        "退款成功通知",
        (NUMBER, ("退款金额", "12.50元"), ("退款原因", "少了一件"), ("退款时间", "{time}")),
        ORDER_PAGE,
        "订单${no}已退款${sum}元，原因：${why}。",
        {"no": ("order_no", "{no}"), "sum": ("amount", "12.50"), "why": ("refund_reason", "少了一件")},
    ),
    "buyer_recharge": Story(
        recharges,
        "充值成功通知",
        (
            ("会员卡号", "{card_no}"),
            ("充值时间", "{time}"),
            ("充值金额", "100.00元"),
            ("账户余额", "110.00元"),
            ("温馨提示", "如非本人操作请联系门店"),
        ),
        "pages/balance/index?id={id}",
        "充值${no}成功：${sum}元，余额${rest}元。",
        {"no": ("recharge_no", "{no}"), "sum": ("amount", "100.00"), "rest": ("balance_after", "110.00")},
    ),
    "buyer_withdrawal": Story(
        withdraws,
        "提现成功通知",
        (
            ("提现单号", "{no}"),
            ("提现金额", "60.00元"),
            ("提现方式", "银行卡"),
            ("到账时间", "{time}"),
            ("账户余额", "50.00元"),
        ),
        "pages/withdraw/index?id={id}",
        "提现${no}已到账${sum}元，方式${way}，余额${rest}元。",
        {
            "no": ("withdrawal_no", "{no}"),
            "sum": ("amount", "60.00"),
            "way": ("way", "银行卡"),
            "rest": ("balance_after", "50.00"),
        },
    ),
}


async def switch_on(desk: Desk, member: UUID, scenario: str) -> None:
    """All three channels of a scenario, and one message accepted by the member."""
    story = STORIES[scenario]
    await desk.on(scenario)
    subscribe = await desk.on(scenario, "subscribe")
    mapping = {name: variable for name, (variable, _) in story.filled.items()}
    await desk.approve(content=story.sms)
    added = await desk.add_text(name=story.title, scenario=scenario, content=story.sms, mapping=mapping)
    assert added.status == 201, added.text
    assert (await desk.save(scenario, "sms", added.json()["id"], {})).status == 200
    assert await desk.live(scenario) == ["subscribe", "sms", "template"]
    await desk.shop.answer(member, subscribe)


@pytest.mark.covers("S2-19", "S2-20", "S2-21", "S2-22", "S2-23", "S2-33", "S2-37")
@pytest.mark.parametrize("scenario", STORIES)
async def test_what_a_buyer_does_is_told_whole_and_once_in_every_channel(desk: Desk, scenario: str) -> None:
    story = STORIES[scenario]
    member, buyer = await buyer_of(desk.mall)
    await desk.shop.follow(member)
    await switch_on(desk, member, scenario)
    found = await story.act(desk, buyer)

    lines = [[label, words.format(**found)] for label, words in story.lines]
    [card] = await desk.shop.account_messages(member)
    [notice] = await desk.shop.notices(member)
    [text] = await desk.shop.texts(member)
    for message in (card, notice):
        assert (message["title"], message["fields"]) == (story.title, lines)
        assert message["jump"]["page"] == story.page.format(**found)
    said = {name: words.format(**found) for name, (_, words) in story.filled.items()}
    assert text["text"] == "【会达】" + Template(story.sms).substitute(said)
    delivered = [(channel, "delivered", "") for channel in ("sms", "subscribe", "template")]
    assert await desk.made(scenario) == delivered
    assert len(await desk.shop.deliveries(member_id=member)) == 3
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("S2-46", "S2-47")
async def test_the_shop_is_told_whole_and_once_of_an_order_that_a_member_paid(desk: Desk) -> None:
    await desk.on("seller_order_paid")
    staff_id = await desk.bind("张店长", "chenyiming")
    _, buyer = await buyer_of(desk.mall)
    found = await pays(desk, buyer)
    [message] = await desk.heard("chenyiming")
    assert (message["title"], message["jump"]) == ("新订单通知", None)
    assert message["fields"] == [
        ["订单编号", found["no"]],
        ["商品名称", "茉莉花茶 等 2 件"],
        ["订单金额", "56.00元"],
        ["买家姓名", "林小满"],
        ["付款时间", found["time"]],
    ]
    assert await desk.made("seller_order_paid") == [(staff_id.hex, "delivered", "")]
    assert await desk.shop.invariants() == {}

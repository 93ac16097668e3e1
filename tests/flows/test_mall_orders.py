"""An order from the shelf to the door: submitted, paid, shipped, completed; closed with its stock back."""

from typing import Any

import pytest

from tests.mallshop import ADDRESS, BOXES, BUYER, CONSOLE, PLAIN, Mall, buyer_of, open_mall


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


@pytest.mark.covers("S2-01", "S2-18", "S2-19", "S2-23", "X-14")
async def test_an_order_is_submitted_paid_shipped_and_received(mall: Mall) -> None:
    product = await mall.product(BOXES)
    member, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product, sku=3, count=2, note="请周末送")
    shown = (await buyer.get(f"{BUYER}/orders/{order_id}")).json()
    assert (shown["state"], shown["goods"], shown["count"], shown["total_fen"]) == (
        "submitted",
        "龙井礼盒 等 2 件",
        2,
        37600,
    )
    assert [(line["spec"], line["price_fen"], line["count"]) for line in shown["lines"]] == [
        ("规格：100g，包装：铁罐", 18800, 2)
    ]
    assert await mall.stock(product) == [5, 5, 5, 3]
    [submitted] = await mall.told("mall.order_submitted")
    assert (submitted["subject_id"], submitted["order_no"], submitted["receiver"]) == (
        str(member),
        shown["order_no"],
        "林小满",
    )

    parameters = await mall.to_pay(buyer, order_id)
    assert set(parameters) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert await mall.to_pay(buyer, order_id) != {} and len(mall.sim_orders()) == 1
    assert await mall.phone_pays(parameters) == "requestPayment:ok"
    await mall.settle()
    seen = await mall.seen(order_id)
    [at_wechat] = mall.sim_orders()
    assert (seen["state"], seen["source"], seen["phone"]) == ("paid", "mall", "13800000001")
    assert seen["payment"] == {
        "id": seen["payment"]["id"],
        "state": "paid",
        "out_trade_no": at_wechat.out_trade_no,
        "transaction_id": at_wechat.transaction_id,
        "trouble": "",
    }
    [paid] = await mall.told("mall.order_paid")
    assert (paid["total_fen"], paid["goods"], paid["transaction_id"]) == (
        37600,
        "龙井礼盒 等 2 件",
        at_wechat.transaction_id,
    )
    assert mall.wallet() == 100_000 - 37_600

    assert (await mall.ship(order_id)).status == 201
    again = await mall.ship(order_id)
    assert again.status == 201
    assert (await mall.ship(order_id, "YT-998877", "YTO")).status == 201
    shipped = await mall.told("mall.order_shipped")
    assert [(one["carrier"], one["tracking_no"]) for one in shipped] == [
        ("顺丰速运", "SF1234567890"),
        ("圆通速递", "YT-998877"),
    ]
    mine = (await buyer.get(f"{BUYER}/orders/{order_id}")).json()
    assert (mine["state"], len(mine["parcels"])) == ("shipped", 2)

    assert (await buyer.post(f"{BUYER}/orders/{order_id}/receive", {})).status == 204
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/receive", {})).status == 204
    assert await mall.state(buyer, order_id) == "completed"
    assert [one["by"] for one in await mall.told("mall.order_completed")] == ["buyer"]
    assert await mall.shop.invariants() == {}


async def test_what_is_not_paid_within_thirty_minutes_is_closed_and_its_stock_returns(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    never_asked = await mall.ordered(buyer, product, count=2)
    asked = await mall.ordered(buyer, product, count=3)
    parameters = await mall.to_pay(buyer, asked)
    assert await mall.stock(product) == [5]
    await mall.later(minutes=29)
    assert [await mall.state(buyer, one) for one in (never_asked, asked)] == ["submitted", "submitted"]
    await mall.later(minutes=2)
    assert [await mall.state(buyer, one) for one in (never_asked, asked)] == ["closed", "closed"]
    assert await mall.stock(product) == [10]
    [at_wechat] = mall.sim_orders()
    assert at_wechat.state == "CLOSED"
    assert await mall.phone_pays(parameters) == "requestPayment:fail 该订单已关闭或已过期"
    await mall.later(hours=3)
    assert await mall.stock(product) == [10]
    assert [one["reason"] for one in await mall.told("mall.order_closed")] == ["unpaid", "unpaid"]
    assert await mall.shop.invariants() == {}


async def test_a_buyer_cancels_and_the_payment_is_closed_at_wechat_first(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    await mall.to_pay(buyer, order_id)
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/cancel", {})).status == 204
    waiting = (await buyer.get(f"{BUYER}/orders/{order_id}")).json()
    assert (waiting["state"], waiting["closing"]) == ("submitted", "buyer")
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/pay", {})).refusal == (409, "mall.order_closed")
    await mall.settle()
    done = (await buyer.get(f"{BUYER}/orders/{order_id}")).json()
    assert (done["state"], done["closing"], await mall.stock(product)) == ("closed", "buyer", [10])
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/cancel", {})).status == 204
    assert await mall.stock(product) == [10]


async def test_who_paid_while_cancelling_has_a_paid_order(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    parameters = await mall.to_pay(buyer, order_id)
    assert (await buyer.post(f"{BUYER}/orders/{order_id}/cancel", {})).status == 204
    await mall.shop.fault("lost_callback", event="TRANSACTION.SUCCESS", count=1)
    assert await mall.phone_pays(parameters) == "requestPayment:ok"
    await mall.settle()
    done = (await buyer.get(f"{BUYER}/orders/{order_id}")).json()
    assert (done["state"], done["closing"], await mall.stock(product)) == ("paid", "", [9])
    assert await mall.told("mall.order_closed") == []
    assert await mall.shop.invariants() == {}


async def test_the_same_key_is_the_same_order(mall: Mall) -> None:
    product = await mall.product()
    member, buyer = await buyer_of(mall)
    first = await mall.submit(buyer, product, key="tap-1")
    again = await mall.submit(buyer, product, key="tap-1")
    assert (first.json(), first.status, again.status) == (again.json(), 201, 201)
    other = await mall.submit(buyer, product, key="tap-1", count=2)
    assert other.refusal == (422, "idempotency.mismatch")
    assert await mall.stock(product) == [9]
    _, stranger = await buyer_of(mall, "chenyiming")
    assert (await mall.submit(stranger, product, key="tap-1")).json() != first.json()
    assert await mall.stock(product) == [8]


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"receiver": " "}, (422, "mall.bad_receiver")),
        ({"phone": "12345"}, (422, "member.bad_phone")),
        ({"address": "杭州"}, (422, "mall.bad_address")),
        ({"count": 0}, (422, "mall.bad_count")),
        ({"count": 11}, (409, "mall.sold_out")),
        ({"total_fen": 1}, (409, "mall.price_changed")),
    ],
)
async def test_a_wrong_order_is_refused_and_takes_nothing(mall: Mall, wrong: Any, refusal: Any) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    assert (await mall.submit(buyer, product, **wrong)).refusal == refusal
    assert await mall.stock(product) == [10]
    assert (await buyer.get(f"{BUYER}/orders")).json()["items"] == []
    assert await mall.told("mall.order_submitted") == []


async def test_what_is_off_sale_cannot_be_ordered(mall: Mall) -> None:
    product = await mall.product(on=False)
    _, buyer = await buyer_of(mall)
    assert (await buyer.get(f"{BUYER}/products")).json()["items"] == []
    assert (await buyer.get(f"{BUYER}/products/{product['id']}")).refusal == (404, "mall.product_not_found")
    assert (await mall.submit(buyer, product)).refusal == (404, "mall.not_offered")


@pytest.mark.covers("S2-20")
async def test_staff_give_money_back_in_parts_and_the_buyer_gets_it(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product, count=2)
    assert (await mall.ship(order_id)).status == 201
    before = mall.wallet()
    first = await mall.refund(order_id, 600, key="form-1")
    again = await mall.refund(order_id, 600, key="form-1")
    assert (first.status, first.json()) == (201, again.json())
    assert await mall.told("mall.order_refunded") == []
    await mall.settle()
    assert mall.wallet() == before + 600
    too_much = await mall.refund(order_id, 5001)
    assert (too_much.refusal, too_much.json()["params"]["left"]) == ((409, "mall.refund_too_large"), "50.00")
    assert (await mall.refund(order_id, 5000, reason="全退")).status == 201
    await mall.settle()
    assert mall.wallet() == before + 5600
    told = [(one["amount_fen"], one["refunded_fen"], one["full"]) for one in await mall.told("mall.order_refunded")]
    assert told == [(600, 600, False), (5000, 5600, True)]
    seen = await mall.seen(order_id)
    assert (seen["state"], seen["refunded_fen"]) == ("shipped", 5600)
    assert [(one["amount_fen"], one["state"]) for one in seen["refunds"]] == [(600, "succeeded"), (5000, "succeeded")]
    assert await mall.shop.invariants() == {}


async def test_an_unsent_order_that_is_given_back_whole_is_closed_and_its_stock_returns(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product, count=2)
    assert (await mall.refund(order_id, 5600)).status == 201
    assert (await mall.ship(order_id)).refusal == (409, "mall.order_refunded")
    await mall.settle()
    done = await mall.seen(order_id)
    assert (done["state"], done["closing"], await mall.stock(product)) == ("closed", "refunded", [10])
    assert await mall.shop.invariants() == {}


async def test_an_order_completes_by_itself_after_the_days_that_the_shop_set(mall: Mall) -> None:
    settings = (await mall.shop.staff.get(CONSOLE)).json()["settings"]
    assert (await mall.shop.staff.put(f"{CONSOLE}/settings", settings | {"complete_after_days": 3})).status == 204
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product)
    await mall.ship(order_id)
    await mall.later(days=2, hours=23)
    assert await mall.state(buyer, order_id) == "shipped"
    await mall.later(hours=2)
    assert await mall.state(buyer, order_id) == "completed"
    assert [one["by"] for one in await mall.told("mall.order_completed")] == ["time"]


async def test_a_wrong_parcel_is_taken_back_once_the_right_one_is_there(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product)
    wrong = (await mall.ship(order_id, "WRONG-1")).json()["id"]
    path = f"{CONSOLE}/orders/{order_id}/parcels/{wrong}"
    assert (await mall.shop.staff.request("DELETE", path)).refusal == (409, "mall.last_parcel")
    await mall.ship(order_id, "RIGHT-1")
    assert (await mall.shop.staff.request("DELETE", path)).status == 204
    assert [one["tracking_no"] for one in (await mall.seen(order_id))["parcels"]] == ["RIGHT-1"]
    bad = await mall.ship(order_id, "短")
    assert bad.refusal == (422, "mall.bad_tracking_no")
    other = {"carrier_code": "OTHER", "tracking_no": "AB-1234", "carrier": ""}
    assert (await mall.shop.staff.post(f"{CONSOLE}/orders/{order_id}/parcels", other)).refusal == (
        422,
        "mall.bad_carrier",
    )


async def test_without_the_module_nothing_begins_and_what_began_is_finished(world: Any) -> None:
    from huida.modules import tenants

    mall = await open_mall(world)
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product)
    async with mall.shop.db.tx(mall.shop.tenant) as tx:
        await tenants.withdraw(tx, "mall")
    assert (await mall.shop.staff.get(CONSOLE)).json()["locked"] is True
    assert (await mall.shop.staff.post(f"{CONSOLE}/products", PLAIN | {"title": "新品"})).refusal == (
        403,
        "mall.not_entitled",
    )
    assert (await mall.submit(buyer, product)).refusal == (403, "mall.not_entitled")
    assert (await buyer.get(BUYER)).json()["open"] is False
    assert (await buyer.get(f"{BUYER}/products")).json()["items"] == []
    assert (await mall.ship(order_id)).status == 201
    assert (await mall.refund(order_id, 100)).status == 201


@pytest.mark.covers("X-15")
async def test_roles_see_and_do_what_is_theirs(mall: Mall) -> None:
    from tests import make
    from tests.asgi import Client

    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product)
    shop = mall.shop
    clerk = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant, role="store_staff"))
    looker = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant, role="viewer"))
    parcel = {"carrier_code": "SF", "tracking_no": "SF-1234"}
    for who in (clerk, looker):
        assert (await who.get(f"{CONSOLE}/orders/{order_id}")).json()["phone"] == "138****0001"
        [row] = (await who.get(f"{CONSOLE}/orders", q="13800000001")).json()["items"]
        assert (row["phone"], row["receiver"]) == ("138****0001", "林小满")
        refund = {"amount_fen": 1, "reason": "x", "key": "k"}
        assert (await who.post(f"{CONSOLE}/orders/{order_id}/refunds", refund)).status == 403
        assert (await who.post(f"{CONSOLE}/products", PLAIN)).status == 403
        assert (await who.get("/api/console/payments/account")).status == 403
        assert (await who.get(f"{CONSOLE}/orders/export")).status == 403
    assert (await looker.post(f"{CONSOLE}/orders/{order_id}/parcels", parcel)).status == 403
    assert (await clerk.post(f"{CONSOLE}/orders/{order_id}/parcels", parcel)).status == 201


async def test_orders_are_found_listed_in_pages_and_exported(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    paid = await mall.paid(buyer, product)
    others = [await mall.ordered(buyer, product, receiver="陈一鸣") for _ in range(2)]
    staff = mall.shop.staff
    first = (await staff.get(f"{CONSOLE}/orders", limit=2)).json()
    rest = (await staff.get(f"{CONSOLE}/orders", limit=2, cursor=first["next_cursor"])).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == [*others[::-1], paid]
    assert [one["id"] for one in (await staff.get(f"{CONSOLE}/orders", state="paid")).json()["items"]] == [paid]
    number = (await mall.seen(paid))["order_no"]
    assert [one["id"] for one in (await staff.get(f"{CONSOLE}/orders", q=number)).json()["items"]] == [paid]
    found = (await staff.get(f"{CONSOLE}/orders", q="陈一鸣")).json()["items"]
    assert [one["id"] for one in found] == others[::-1]


async def test_the_shops_own_system_sends_and_counts(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product)
    key = mall.shop.key
    [order] = (await key.get("/api/v1/mall/orders", state="paid")).json()["items"]
    assert (order["receiver"], order["phone"], order["address"]) == (
        ADDRESS["receiver"],
        ADDRESS["phone"],
        ADDRESS["address"],
    )
    path = f"/api/v1/mall/orders/{order['order_no']}"
    parcel = {"carrier_code": "JD", "tracking_no": "JD0001"}
    for _ in range(2):
        sent = await key.request("POST", f"{path}/parcels", parcel, headers={"Idempotency-Key": "p-1"})
        assert (sent.status, sent.json()["state"], len(sent.json()["parcels"])) == (201, "shipped", 1)
    assert len(await mall.told("mall.order_shipped")) == 1
    assert (await key.request("PUT", "/api/v1/mall/skus/TEA-1/stock", {"stock": 77})).status == 204
    assert (await key.request("PUT", "/api/v1/mall/skus/NONE/stock", {"stock": 7})).refusal == (
        404,
        "mall.sku_not_found",
    )
    [sku] = (await key.get("/api/v1/mall/skus")).json()["items"]
    assert (sku["code"], sku["stock"], await mall.stock(product)) == ("TEA-1", 77, [77])
    assert await mall.state(buyer, order_id) == "shipped"

"""Stored value online: recharged with WeChat Pay and credited once, withdrawn by the shop's hand, never twice."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.asgi import Client, Reply
from tests.mallshop import BUYER, CONSOLE, Mall, buyer_of, open_mall
from tests.shop import whole_rules
from wesim.pay.state import MCHID, pay_of


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


async def start(buyer: Client, paid_fen: int = 10_000, *, key: str = "") -> Reply:
    headers = {"Idempotency-Key": key or str(uuid4())}
    return await buyer.request("POST", f"{BUYER}/recharges", {"paid_fen": paid_fen}, headers=headers)


async def recharged(mall: Mall, buyer: Client, paid_fen: int = 10_000) -> str:
    begun = await start(buyer, paid_fen)
    assert begun.status == 201, begun.text
    assert await mall.phone_pays(begun.json()["parameters"]) == "requestPayment:ok"
    await mall.settle()
    return str(begun.json()["id"])


@pytest.mark.covers("S2-22")
async def test_a_recharge_is_paid_and_credited_once_with_its_gift(mall: Mall) -> None:
    rules = {"gift_tiers": [{"from_fen": 10_000, "gift_fen": 1_000, "gift_points": 50}]}
    assert (await mall.shop.staff.put("/api/console/loyalty/rules", whole_rules(**rules))).status == 200
    member, buyer = await buyer_of(mall)
    offered = (await buyer.get(f"{BUYER}/recharge-options")).json()
    assert offered["amounts"][:2] == [
        {"paid_fen": 5_000, "gift_fen": 0, "gift_points": 0},
        {"paid_fen": 10_000, "gift_fen": 1_000, "gift_points": 50},
    ]
    first = await start(buyer, key="tap-1")
    again = await start(buyer, key="tap-1")
    assert (first.json()["id"], len(mall.sim_orders())) == (again.json()["id"], 1)
    assert mall.sim_orders()[0].description == "会达小店 会员储值"
    assert await mall.shop.balances(member) == {}
    assert await mall.phone_pays(first.json()["parameters"]) == "requestPayment:ok"
    await mall.settle()
    assert await mall.shop.balances(member) == {"cny_principal": 10_000, "cny_gift": 1_000, "points": 50}
    [record] = pay_of(mall.sim).merchants[MCHID].notices
    await mall.shop.sim.post(f"/_sim/pay/merchants/{MCHID}/notices/{record['id']}/repeat")
    await mall.settle()
    assert await mall.shop.balances(member) == {"cny_principal": 10_000, "cny_gift": 1_000, "points": 50}
    [told] = await mall.told("mall.online_recharged")
    assert {name: told[name] for name in ("subject_id", "paid_fen", "gift_fen", "points", "balance_after_fen")} == {
        "subject_id": str(member),
        "paid_fen": 10_000,
        "gift_fen": 1_000,
        "points": 50,
        "balance_after_fen": 11_000,
    }
    mine = (await buyer.get(f"{BUYER}/recharges/{first.json()['id']}")).json()
    assert (mine["state"], mine["gift_fen"]) == ("paid", 1_000)
    [row] = (await mall.shop.staff.get(f"{CONSOLE}/recharges")).json()["items"]
    assert (row["member_name"], row["paid_fen"], row["state"]) == ("林小满", 10_000, "paid")
    assert await mall.shop.invariants() == {}


async def test_only_offered_amounts_and_only_while_it_is_open(mall: Mall) -> None:
    _, buyer = await buyer_of(mall)
    assert (await start(buyer, 123)).refusal == (422, "mall.bad_amount")
    settings = (await mall.shop.staff.get(CONSOLE)).json()["settings"]
    await mall.shop.staff.put(f"{CONSOLE}/settings", settings | {"recharge_on": False})
    assert (await start(buyer)).refusal == (409, "mall.recharge_off")
    assert (await buyer.get(f"{BUYER}/recharge-options")).json()["amounts"] == []
    del settings["version"]
    wrong = settings | {"recharge_amounts": [5000, 5000]}
    assert (await mall.shop.staff.put(f"{CONSOLE}/settings", wrong)).refusal == (422, "mall.bad_recharge_amounts")
    assert mall.sim_orders() == []


async def test_a_recharge_that_is_not_paid_is_closed_and_late_money_is_credited_all_the_same(mall: Mall) -> None:
    member, buyer = await buyer_of(mall)
    begun = (await start(buyer)).json()
    await mall.later(minutes=31)
    assert (await buyer.get(f"{BUYER}/recharges/{begun['id']}")).json()["state"] == "closed"
    assert await mall.shop.balances(member) == {}
    [at_wechat] = mall.sim_orders()
    at_wechat.state, at_wechat.expires = "NOTPAY", at_wechat.expires + 7200
    assert await mall.phone_pays(begun["parameters"]) == "requestPayment:ok"
    await mall.settle()
    assert await mall.shop.balances(member) == {"cny_principal": 10_000}
    assert await mall.shop.invariants() == {}


async def ask(buyer: Client, amount_fen: int, *, key: str = "", **more: Any) -> Reply:
    body = {"amount_fen": amount_fen, "way": "bank", "payee": "招商银行 6225 8888 林小满"} | more
    return await buyer.request("POST", f"{BUYER}/withdrawals", body, headers={"Idempotency-Key": key or str(uuid4())})


async def balance(mall: Mall, member: UUID) -> int:
    return (await mall.shop.balances(member)).get("cny_principal", 0)


@pytest.mark.covers("S2-21")
async def test_a_withdrawal_is_held_then_paid_out(mall: Mall) -> None:
    member, buyer = await buyer_of(mall)
    await recharged(mall, buyer)
    first = await ask(buyer, 6_000, key="tap-1")
    again = await ask(buyer, 6_000, key="tap-1")
    assert (first.status, first.json()) == (201, again.json())
    assert (await buyer.get(f"{BUYER}/withdraw-options")).json() == {
        "on": True,
        "available_fen": 4_000,
        "from_fen": 100,
    }
    assert (await ask(buyer, 4_001)).refusal == (409, "ledger.insufficient_balance")
    bought = await mall.shop.buy(member, "T-1", 5_000, balance_fen=5_000)
    assert bought.refusal == (409, "ledger.insufficient_balance")
    [row] = (await mall.shop.staff.get(f"{CONSOLE}/withdrawals", state="asked")).json()["items"]
    assert (row["amount_fen"], row["payee"], row["member_name"]) == (6_000, "招商银行 6225 8888 林小满", "林小满")
    path = f"{CONSOLE}/withdrawals/{row['id']}/pay"
    for _ in range(2):
        assert (await mall.shop.staff.post(path, {"paid_ref": "网银 2026112200018"})).status == 204
    assert await balance(mall, member) == 4_000
    [told] = await mall.told("mall.withdrawal_paid")
    assert (told["amount_fen"], told["way"], told["balance_after_fen"]) == (6_000, "bank", 4_000)
    assert (await mall.shop.staff.post(path.replace("/pay", "/reject"), {"reason": "x"})).refusal == (
        409,
        "state.wrong",
    )
    [mine] = (await buyer.get(f"{BUYER}/withdrawals")).json()["items"]
    assert mine["state"] == "paid"
    assert await mall.shop.invariants() == {}


async def test_a_rejected_withdrawal_gives_the_money_free_with_a_reason(mall: Mall) -> None:
    member, buyer = await buyer_of(mall)
    await recharged(mall, buyer)
    withdrawal_id = (await ask(buyer, 10_000)).json()["id"]
    path = f"{CONSOLE}/withdrawals/{withdrawal_id}/reject"
    assert (await mall.shop.staff.post(path, {"reason": " "})).refusal == (422, "mall.bad_reason")
    assert (await mall.shop.staff.post(path, {"reason": "卡号不对"})).status == 204
    [mine] = (await buyer.get(f"{BUYER}/withdrawals")).json()["items"]
    assert (mine["state"], mine["reason"]) == ("rejected", "卡号不对")
    assert (await buyer.get(f"{BUYER}/withdraw-options")).json()["available_fen"] == 10_000
    assert await balance(mall, member) == 10_000
    assert await mall.told("mall.withdrawal_paid") == []
    assert await mall.shop.invariants() == {}


async def test_gifts_cannot_be_withdrawn_and_small_amounts_neither(mall: Mall) -> None:
    await mall.shop.staff.put(
        "/api/console/loyalty/rules", whole_rules(gift_tiers=[{"from_fen": 1, "gift_fen": 5_000}])
    )
    member, buyer = await buyer_of(mall)
    await recharged(mall, buyer)
    assert (await mall.shop.balances(member))["cny_gift"] == 5_000
    assert (await ask(buyer, 10_001)).refusal == (409, "ledger.insufficient_balance")
    assert (await ask(buyer, 99)).refusal == (422, "mall.bad_withdrawal")
    assert (await ask(buyer, 100, payee="x")).refusal == (422, "mall.bad_payee")
    assert (await ask(buyer, 100, way="gold")).status == 422
    assert (await buyer.get(f"{BUYER}/withdrawals")).json()["items"] == []


async def test_a_strangers_things_do_not_exist(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    _, stranger = await buyer_of(mall, "chenyiming")
    order_id = await mall.ordered(buyer, product)
    recharge_id = await recharged(mall, buyer)
    for method, path in (
        ("GET", f"orders/{order_id}"),
        ("POST", f"orders/{order_id}/pay"),
        ("POST", f"orders/{order_id}/cancel"),
        ("POST", f"orders/{order_id}/receive"),
        ("POST", f"orders/{order_id}/ask"),
        ("GET", f"recharges/{recharge_id}"),
        ("POST", f"recharges/{recharge_id}/ask"),
    ):
        reply = await stranger.request(method, f"{BUYER}/{path}", None if method == "GET" else {})
        assert reply.status == 404, (path, reply.text)
    assert (await stranger.get(f"{BUYER}/orders")).json()["items"] == []
    assert await mall.state(buyer, order_id) == "submitted"

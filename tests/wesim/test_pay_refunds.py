"""Refunds: rules, idempotency, endings (reference §2.5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wesim.pay_kit import MCHID, REFUNDS, PaySim
from wesim.faults import Fault


@pytest.fixture
def sim() -> PaySim:
    return PaySim()


async def test_a_refund_from_asking_to_the_wallet(sim: PaySim) -> None:
    paid = await sim.paid()
    answer = await sim.call("POST", REFUNDS, sim.asks_refund())
    assert answer.json() == {
        "refund_id": answer.json()["refund_id"],
        "out_refund_no": "refund-0001",
        "transaction_id": paid["transaction_id"],
        "out_trade_no": "order-0001",
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": "2026-11-21T12:00:00+08:00",
        "status": "PROCESSING",
        "funds_account": "UNSETTLED",
        "amount": {
            "total": 1880,
            "refund": 880,
            "from": [],
            "payer_total": 1880,
            "payer_refund": 880,
            "settlement_refund": 880,
            "settlement_total": 1880,
            "discount_refund": 0,
            "currency": "CNY",
        },
        "promotion_detail": [],
    }
    assert (await sim.found())["trade_state"] == "REFUND"
    found = (await sim.call("GET", f"{REFUNDS}/refund-0001")).json()
    assert found == answer.json() | {"status": "SUCCESS", "success_time": "2026-11-21T12:00:00+08:00"}
    wallet = await sim.control("/pay/wallets/linxiaoman")
    assert (wallet["balance_fen"], [e["amount_fen"] for e in wallet["entries"]]) == (99_000, [880, -1880])


async def test_the_same_refund_again_is_the_same_refund(sim: PaySim) -> None:
    await sim.paid()
    first = (await sim.call("POST", REFUNDS, sim.asks_refund())).json()
    again = (await sim.call("POST", REFUNDS, sim.asks_refund())).json()
    assert (again["refund_id"], again["status"]) == (first["refund_id"], "SUCCESS")
    assert (await sim.call("POST", REFUNDS, sim.asks_refund(refund=1))).refusal == (400, "INVALID_REQUEST")
    assert sim.pay.wallet("linxiaoman").balance_fen == 99_000


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"refund": 1881}, (400, "INVALID_REQUEST")),
        ({"total": 1900}, (400, "INVALID_REQUEST")),
        ({"refund": 0}, (400, "PARAM_ERROR")),
        ({"out_trade_no": "order-0002"}, (404, "RESOURCE_NOT_EXISTS")),
        ({"transaction_id": "4200"}, (400, "PARAM_ERROR")),
        ({"number": "退款"}, (400, "PARAM_ERROR")),
        ({"reason": "x" * 81}, (400, "PARAM_ERROR")),
        ({"reason": None}, (400, "PARAM_ERROR")),
        ({"surprise": 1}, (400, "PARAM_ERROR")),
        ({"notify_url": "https://shop.test/pay?x=1"}, (400, "PARAM_ERROR")),
        ({"funds_account": "UNSETTLED"}, (400, "PARAM_ERROR")),
    ],
)
async def test_a_refund_that_is_refused(sim: PaySim, changed: dict[str, Any], refusal: tuple[int, str]) -> None:
    await sim.paid()
    assert (await sim.call("POST", REFUNDS, sim.asks_refund(**changed))).refusal == refusal
    assert (sim.pay.refunds, (await sim.found())["trade_state"]) == ({}, "SUCCESS")


async def test_an_unpaid_order_has_nothing_to_refund(sim: PaySim) -> None:
    await sim.prepay()
    assert (await sim.call("POST", REFUNDS, sim.asks_refund())).refusal == (400, "INVALID_REQUEST")


async def test_parts_never_exceed_the_whole(sim: PaySim) -> None:
    await sim.paid()
    assert (await sim.call("POST", REFUNDS, sim.asks_refund("part-1", 1000))).status == 200
    assert (await sim.call("POST", REFUNDS, sim.asks_refund("part-2", 881))).refusal == (400, "INVALID_REQUEST")
    assert (await sim.call("POST", REFUNDS, sim.asks_refund("part-3", 880))).status == 200
    await sim.settle()
    assert sim.pay.wallet("linxiaoman").balance_fen == 100_000


async def test_at_most_fifty_parts(sim: PaySim) -> None:
    await sim.paid()
    for part in range(50):
        assert (await sim.call("POST", REFUNDS, sim.asks_refund(f"part-{part}", 1))).status == 200
    assert (await sim.call("POST", REFUNDS, sim.asks_refund("part-50", 1))).refusal == (400, "INVALID_REQUEST")


async def test_a_year_later_it_is_too_late(sim: PaySim) -> None:
    await sim.paid()
    sim.world.clock.advance(366 * 86_400)
    assert (await sim.call("POST", REFUNDS, sim.asks_refund())).refusal == (400, "INVALID_REQUEST")


async def test_a_merchant_without_money_refunds_nothing(sim: PaySim) -> None:
    sim.merchant.balance_fen = 0
    await sim.paid()
    await sim.control(f"/pay/merchants/{MCHID}", {"balance_fen": 500})
    assert (await sim.call("POST", REFUNDS, sim.asks_refund())).refusal == (403, "NOT_ENOUGH")
    assert (await sim.call("POST", REFUNDS, sim.asks_refund(refund=500))).status == 200
    assert (await sim.call("POST", REFUNDS, sim.asks_refund("refund-0002", 1))).refusal == (403, "NOT_ENOUGH")


async def test_a_refund_that_waits_is_decided_by_hand(sim: PaySim) -> None:
    await sim.control("/pay/settings", {"refund_delay_s": None})
    await sim.paid()
    refund_id = (await sim.call("POST", REFUNDS, sim.asks_refund())).json()["refund_id"]
    await sim.settle()
    assert (await sim.call("GET", f"{REFUNDS}/refund-0001")).json()["status"] == "PROCESSING"
    for status in ("ABNORMAL", "SUCCESS"):
        assert (await sim.control(f"/pay/refunds/{refund_id}", {"status": status}))["status"] == status
    assert await sim.control(f"/pay/refunds/{refund_id}", {"status": "CLOSED"}) == {"error": "the refund is SUCCESS"}
    await sim.settle()
    assert [sim.opened(one)["event_type"] for one in sim.pushed] == [
        "TRANSACTION.SUCCESS",
        "REFUND.ABNORMAL",
        "REFUND.SUCCESS",
    ]


@pytest.mark.parametrize(("ordered", "status", "state"), [("", "ABNORMAL", "REFUND"), ("CLOSED", "CLOSED", "SUCCESS")])
async def test_an_ordered_failure(sim: PaySim, ordered: str, status: str, state: str) -> None:
    await sim.paid()
    sim.world.faults.add(Fault("fail_delivery", path=REFUNDS, status=ordered, count=1))
    await sim.call("POST", REFUNDS, sim.asks_refund())
    await sim.settle()
    assert (await sim.call("GET", f"{REFUNDS}/refund-0001")).json()["status"] == status
    assert (await sim.found())["trade_state"] == state
    assert sim.opened(sim.pushed[-1])["event_type"] == f"REFUND.{status}"
    assert sim.pay.wallet("linxiaoman").balance_fen == 98_120


async def test_refunds_of_others_are_not_found(sim: PaySim) -> None:
    await sim.paid()
    await sim.call("POST", REFUNDS, sim.asks_refund())
    other = sim.pay.add_merchant("1900000002", name="别家", appids=[])
    answer = await sim.call("GET", f"{REFUNDS}/refund-0001", merchant=other)
    assert answer.refusal == (404, "RESOURCE_NOT_EXISTS")
    asks = sim.asks_refund("refund-0002") | {"transaction_id": (await sim.found())["transaction_id"]}
    del asks["out_trade_no"]
    assert (await sim.call("POST", REFUNDS, asks, merchant=other)).refusal == (404, "RESOURCE_NOT_EXISTS")

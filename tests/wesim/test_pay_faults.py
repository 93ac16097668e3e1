"""Ordered failures of calls, the control plane's refusals, and a reset world."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wesim.pay_kit import HOST, JSAPI, MCHID, REFUNDS, Dropped, PaySim
from wesim.faults import Fault


@pytest.fixture
def sim() -> PaySim:
    return PaySim()


async def test_refusals_are_signed_and_nothing_is_done(sim: PaySim) -> None:
    await sim.paid()
    for fault, refusal in (
        (Fault("refuse", path=REFUNDS, code="NOT_ENOUGH", count=1), (403, "NOT_ENOUGH")),
        (Fault("refuse", app=MCHID, code="FREQUENCY_LIMITED", count=1), (429, "FREQUENCY_LIMITED")),
        (Fault("refuse", host=HOST, code="SOMETHING_NEW", http_status=418, count=1), (418, "SOMETHING_NEW")),
        (Fault("busy", path="/v3/refund/*", count=1), (500, "SYSTEM_ERROR")),
    ):
        sim.world.faults.add(fault)
        answer = await sim.call("POST", REFUNDS, sim.asks_refund())
        assert answer.refusal == refusal
        assert sim.is_authentic(answer.headers, answer.raw)
    assert sim.pay.refunds == {}


async def test_an_empty_unsigned_answer(sim: PaySim) -> None:
    sim.world.faults.add(Fault("status", path=JSAPI, http_status=502, count=1))
    answer = await sim.call("POST", JSAPI, sim.order())
    assert (answer.status, answer.raw, "wechatpay-signature" in answer.headers) == (502, b"", False)
    assert sim.pay.orders == {}


@pytest.mark.parametrize(("kind", "refunds"), [("drop", 0), ("process_then_drop", 1)])
async def test_a_cut_connection(sim: PaySim, kind: Any, refunds: int) -> None:
    await sim.paid()
    sim.world.faults.add(Fault(kind, path=REFUNDS, count=1))
    with pytest.raises(Dropped):
        await sim.call("POST", REFUNDS, sim.asks_refund())
    assert len(sim.pay.refunds) == refunds
    assert (await sim.call("POST", REFUNDS, sim.asks_refund())).status == 200
    assert len(sim.pay.refunds) == 1


async def test_a_fault_of_another_merchant_is_not_ours(sim: PaySim) -> None:
    sim.world.faults.add(Fault("busy", app="1900000002"))
    assert (await sim.call("POST", JSAPI, sim.order())).status == 200


async def test_a_new_merchant_gets_keys_of_its_own(sim: PaySim) -> None:
    made = await sim.control("/pay/merchants", {"name": "别家", "appids": [sim.mini.id], "mode": "certificate"})
    known = await sim.control(f"/pay/merchants/{made['mchid']}")
    assert (known["private_key"], known["mode"], known["appids"]) == (made["private_key"], "certificate", [sim.mini.id])
    ours = await sim.control(f"/pay/merchants/{MCHID}")
    for name in ("private_key", "serial", "public_key_id", "public_key", "certificates"):
        assert made[name] != ours[name]
    listed = await sim.control("/pay")
    assert not {"private_key", "api_v3_key"} & set(listed["merchants"][0])
    assert len(listed["merchants"]) == 2


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/pay/merchants", {"name": "x", "mchid": MCHID}, f"merchant number {MCHID} is taken or not of digits"),
        ("/pay/merchants", {"name": "x", "mchid": "abc"}, "merchant number abc is taken or not of digits"),
        ("/pay/merchants", {"name": "x", "appids": ["wx0"]}, "no app wx0"),
        ("/pay/merchants", {"name": "x", "api_v3_key": "short"}, "api_v3_key: 32 ASCII characters"),
        ("/pay/merchants/1", {}, "no such merchant"),
        ("/pay/settings", {"speed": 1}, "unknown settings: speed"),
        ("/pay/refunds/1", {"status": "SUCCESS"}, "no such refund"),
        ("/pay/wallets/nobody", {"balance_fen": 1}, "no person nobody"),
        ("/pay/pay", {"person": "nobody", "app": "wx5e1f00000000b001"}, "no person nobody"),
        (f"/pay/merchants/{MCHID}/notices/1/repeat", {}, "no such notice, or it has nowhere to go"),
    ],
)
async def test_control_calls_that_make_no_sense(sim: PaySim, path: str, body: Any, error: str) -> None:
    assert await sim.control(path, body) == {"error": error}


async def test_orders_are_listed(sim: PaySim) -> None:
    await sim.paid()
    await sim.prepay("order-0002", 500)
    listed = await sim.control(f"/pay/orders?mchid={MCHID}")
    assert (listed["total"], [(o["out_trade_no"], o["state"]) for o in listed["orders"]]) == (
        2,
        [("order-0002", "NOTPAY"), ("order-0001", "SUCCESS")],
    )
    one = await sim.control(f"/pay/orders/{MCHID}/order-0001")
    assert (one["person"], one["total_fen"], one["refunds"]) == ("linxiaoman", 1880, [])
    assert await sim.control(f"/pay/orders/{MCHID}/order-0003") == {"error": "no such order"}


async def test_a_reset_world_has_the_same_keys_and_no_orders(sim: PaySim) -> None:
    before = await sim.control(f"/pay/merchants/{MCHID}")
    await sim.paid()
    sim.world.reset()
    after = await sim.control(f"/pay/merchants/{MCHID}")
    for name in ("private_key", "serial", "public_key", "api_v3_key"):
        assert after[name] == before[name]
    assert await sim.control("/pay/orders") == {"total": 0, "orders": []}
    assert (await sim.control("/pay/wallets/linxiaoman"))["balance_fen"] == 100_000

"""Native orders: a code that any phone scans, valid as long as a prepay_id, paid by whoever scans it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wesim.pay_kit import PERSON, PaySim

NATIVE = "/v3/pay/transactions/native"


@pytest.fixture
def sim() -> PaySim:
    return PaySim()


def order(sim: PaySim, number: str = "order-0001", **more: Any) -> dict[str, Any]:
    body = sim.order(number, **more)
    del body["payer"]
    return body


async def code(sim: PaySim, **more: Any) -> str:
    answer = await sim.call("POST", NATIVE, order(sim, **more))
    assert answer.status == 200, answer.raw
    return str(answer.json()["code_url"])


async def scan(sim: PaySim, code_url: str, **more: Any) -> Any:
    return await sim.control("/pay/scan", {"person": PERSON, "code_url": code_url, **more})


async def test_a_phone_scans_and_pays(sim: PaySim) -> None:
    code_url = await code(sim)
    assert code_url.startswith("weixin://wxpay/bizpayurl?pr=")
    shown = await scan(sim, code_url)
    assert shown == {"merchant": "会达小店", "description": "白桃乌龙 中杯", "total_fen": 1880, "balance_fen": 100_000}
    assert await scan(sim, code_url, act="cancel") == {"result": "cancel"}
    assert (await sim.found())["trade_state"] == "NOTPAY"
    assert await scan(sim, code_url, act="pay") == {"result": "ok"}
    found = await sim.found()
    assert (found["trade_state"], found["trade_type"], found["payer"]) == ("SUCCESS", "NATIVE", {"openid": sim.openid})
    await sim.settle()
    [told] = [sim.opened(one)["plain"] for one in sim.pushed]
    assert told == found
    assert await scan(sim, code_url) == {"result": "fail 该订单已支付"}
    assert sim.pay.wallet(PERSON).balance_fen == 98_120


async def test_the_same_order_has_the_same_code(sim: PaySim) -> None:
    code_url = await code(sim)
    assert await code(sim) == code_url
    assert (await sim.call("POST", NATIVE, order(sim, total=5))).refusal == (400, "INVALID_REQUEST")


async def test_a_payer_is_not_asked_for(sim: PaySim) -> None:
    assert (await sim.call("POST", NATIVE, sim.order())).field == (400, "PARAM_ERROR", "/payer")


@pytest.mark.parametrize("made_up", ["weixin://wxpay/bizpayurl?pr=nothing", "https://example.test/"])
async def test_other_codes_open_nothing(sim: PaySim, made_up: str) -> None:
    await code(sim)
    assert await scan(sim, made_up, act="pay") == {"result": "fail 二维码无效或已过期"}


async def test_a_code_lives_two_hours(sim: PaySim) -> None:
    code_url = await code(sim)
    sim.world.clock.advance(7200)
    assert await scan(sim, code_url, act="pay") == {"result": "fail 二维码无效或已过期"}
    newer = await code(sim)
    assert newer != code_url
    assert await scan(sim, newer, act="pay") == {"result": "ok"}


async def test_a_closed_order_cannot_be_paid(sim: PaySim) -> None:
    code_url = await code(sim)
    closed = await sim.call("POST", "/v3/pay/transactions/out-trade-no/order-0001/close", {"mchid": sim.merchant.mchid})
    assert closed.status == 204
    assert await scan(sim, code_url, act="pay") == {"result": "fail 该订单已关闭或已过期"}

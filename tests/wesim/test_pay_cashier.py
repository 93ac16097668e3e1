"""The phone: wx.requestPayment checks what the page hands over, then the person pays or not (reference §2.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wesim.pay_kit import PaySim
from wesim import seed
from wesim.pay.crypto import key_named, payment_message, sign

BAD_SIGN = "requestPayment:fail 支付验证签名失败"


@pytest.fixture
def sim() -> PaySim:
    return PaySim()


async def state(sim: PaySim) -> tuple[str, int]:
    """The order's state and what the person has."""
    return (await sim.found())["trade_state"], sim.pay.wallet("linxiaoman").balance_fen


async def test_paying(sim: PaySim) -> None:
    prepay_id = await sim.prepay()
    shown = await sim.control("/pay/cashier", sim.parameters(prepay_id))
    assert shown == {"merchant": "会达小店", "description": "白桃乌龙 中杯", "total_fen": 1880, "balance_fen": 100_000}
    assert await state(sim) == ("NOTPAY", 100_000)
    assert await sim.phone_pays(prepay_id) == "requestPayment:ok"
    assert await state(sim) == ("SUCCESS", 98_120)
    [entry] = (await sim.control("/pay/wallets/linxiaoman"))["entries"]
    assert entry == {
        "kind": "payment",
        "at": sim.world.clock.now(),
        "amount_fen": -1880,
        "balance_fen": 98_120,
        "mchid": "1900000001",
        "merchant": "会达小店",
        "description": "白桃乌龙 中杯",
        "out_trade_no": "order-0001",
        "transaction_id": (await sim.found())["transaction_id"],
    }
    assert await sim.phone_pays(prepay_id) == "requestPayment:fail 该订单已支付"
    assert await state(sim) == ("SUCCESS", 98_120)


@pytest.mark.parametrize(
    ("act", "told"), [("cancel", "requestPayment:fail cancel"), ("fail", "requestPayment:fail 支付失败")]
)
async def test_not_paying(sim: PaySim, act: str, told: str) -> None:
    prepay_id = await sim.prepay()
    assert await sim.phone_pays(prepay_id, act=act) == told
    assert await state(sim) == ("NOTPAY", 100_000)
    assert await sim.phone_pays(prepay_id) == "requestPayment:ok"


async def test_not_enough_money(sim: PaySim) -> None:
    await sim.control("/pay/wallets/linxiaoman", {"balance_fen": 1879})
    prepay_id = await sim.prepay()
    assert await sim.phone_pays(prepay_id) == "requestPayment:fail 余额不足"
    await sim.settle()
    assert (await state(sim), sim.pushed) == (("NOTPAY", 1879), [])
    await sim.control("/pay/wallets/linxiaoman", {"balance_fen": 1880})
    assert await sim.phone_pays(prepay_id) == "requestPayment:ok"
    assert await state(sim) == ("SUCCESS", 0)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"nonceStr": "another"}, BAD_SIGN),
        ({"timeStamp": "1795233601"}, BAD_SIGN),
        ({"paySign": "bm8="}, BAD_SIGN),
        ({"paySign": "no"}, BAD_SIGN),
        (
            {"timeStamp": 1795233600},
            "requestPayment:fail parameter error: parameter.timeStamp should be a non-empty String",
        ),
        ({"paySign": None}, "requestPayment:fail parameter error: parameter.paySign should be a non-empty String"),
        ({"signType": "MD5"}, "requestPayment:fail parameter error: signType should be RSA"),
        ({"package": "wx1234"}, "requestPayment:fail parameter error: package should be prepay_id=…"),
        ({"package": "prepay_id=wx1234"}, "requestPayment:fail 预支付交易会话标识无效或已过期"),
        ({"person": "chenyiming"}, "requestPayment:fail 下单账号与支付账号不一致，请核实后再支付"),
        ({"appId": seed.OA_APPID}, "requestPayment:fail appid与下单时不一致"),
    ],
)
async def test_what_the_phone_refuses(sim: PaySim, changed: dict[str, Any], told: str) -> None:
    assert await sim.phone_pays(await sim.prepay(), **changed) == told
    assert await state(sim) == ("NOTPAY", 100_000)


async def test_only_the_merchants_key_signs(sim: PaySim) -> None:
    given = sim.parameters(await sim.prepay())
    message = payment_message(sim.mini.id, given["timeStamp"], given["nonceStr"], given["package"])
    told = await sim.control("/pay/pay", given | {"paySign": sign(key_named("somebody else"), message)})
    assert told == {"errMsg": BAD_SIGN}


async def test_the_prepay_id_alone_may_be_given(sim: PaySim) -> None:
    prepay_id = await sim.prepay()
    given = sim.parameters(prepay_id) | {"prepay_id": prepay_id}
    del given["package"]
    assert await sim.control("/pay/pay", given) == {"errMsg": "requestPayment:ok"}


async def test_an_old_prepay_id_is_refused(sim: PaySim) -> None:
    first = await sim.prepay()
    sim.world.clock.advance(7200)
    assert await sim.phone_pays(first) == "requestPayment:fail 预支付交易会话标识无效或已过期"
    assert await sim.phone_pays(await sim.prepay()) == "requestPayment:ok"


@pytest.mark.parametrize(
    ("act", "told"),
    [
        ("pay", {"err_msg": "get_brand_wcpay_request:ok"}),
        ("cancel", {"err_msg": "get_brand_wcpay_request:cancel"}),
        ("fail", {"err_msg": "get_brand_wcpay_request:fail", "err_desc": "支付失败"}),
    ],
)
async def test_a_page_of_an_official_account(sim: PaySim, act: str, told: dict[str, str]) -> None:
    account = sim.world.apps[seed.OA_APPID]
    openid = sim.world.user(account, "linxiaoman").openid
    prepay_id = await sim.prepay(appid=account.id, payer={"openid": openid})
    given = sim.parameters(prepay_id, act=act, app=account.id, appId=account.id)
    message = payment_message(account.id, given["timeStamp"], given["nonceStr"], given["package"])
    assert await sim.control("/pay/pay", given | {"paySign": sign(sim.merchant.key, message)}) == told

"""wechatpayv3 (Python) as a merchant of wesim, with the public key and with platform certificates.

The SDK has no setting for its base URL, and in certificate mode it calls in its constructor already: a subclass of its
core pins the gateway.
"""

import json
import time
import uuid

import pytest
import wechatpayv3.core
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.clients.paydesk import HOST, open_desk
from wesim import seed
from wesim.pay.state import MCHID


@pytest.fixture
def desk(server):
    with open_desk(server) as one:
        yield one


@pytest.fixture
def sdk(desk, monkeypatch):
    class ToWesim(wechatpayv3.core.Core):
        _gate_way = property(lambda self: f"{desk.server.base}/{HOST}", lambda self, value: None)

    monkeypatch.setattr(wechatpayv3.core, "Core", ToWesim)

    def make(mode, **changed):
        keys = desk.keys(mode)
        given = {
            "wechatpay_type": WeChatPayType.MINIPROG,
            "mchid": MCHID,
            "private_key": keys["private_key"],
            "cert_serial_no": keys["serial"],
            "appid": seed.MINI_APPID,
            "apiv3_key": keys["api_v3_key"],
            "notify_url": desk.notify_url,
            "timeout": (5, 5),
        }
        if mode == "public_key":
            given |= {"public_key": keys["public_key"], "public_key_id": keys["public_key_id"]}
        return WeChatPay(**(given | changed))

    return make


def page(pay, prepay_id):
    """What the SDK's documentation hands to wx.requestPayment."""
    stamp, nonce, package = str(int(time.time())), uuid.uuid4().hex, f"prepay_id={prepay_id}"
    sign = pay.sign([seed.MINI_APPID, stamp, nonce, package])
    return {"timeStamp": stamp, "nonceStr": nonce, "package": package, "signType": "RSA", "paySign": sign}


def ordered(pay, desk, number):
    status, text = pay.pay(
        description="白桃乌龙", out_trade_no=number, amount={"total": 1880}, payer={"openid": desk.openid}
    )
    assert status == 200, text
    return json.loads(text)["prepay_id"]


@pytest.mark.parametrize("mode", ["public_key", "certificate"])
def test_from_order_to_refund(sdk, desk, mode):
    pay = sdk(mode)
    assert desk.pays(page(pay, ordered(pay, desk, "order-0001"))) == "requestPayment:ok"
    status, text = pay.query(out_trade_no="order-0001")
    found = json.loads(text)
    assert (status, found["trade_state"], found["amount"]["payer_total"]) == (200, "SUCCESS", 1880)
    assert json.loads(pay.query(transaction_id=found["transaction_id"])[1]) == found
    [paid] = desk.heard
    told = pay.callback(paid.headers, paid.body)
    assert (told["event_type"], told["resource"]) == ("TRANSACTION.SUCCESS", found)
    assert pay.callback(paid.headers, paid.body + b" ") is None
    asked = {"refund": 880, "total": 1880, "currency": "CNY"}
    status, text = pay.refund(out_refund_no="refund-0001", amount=asked, out_trade_no="order-0001", reason="少一杯")
    assert (status, json.loads(text)["status"]) == (200, "PROCESSING")
    desk.server.control("/pay/settle")
    assert json.loads(pay.query_refund("refund-0001")[1])["status"] == "SUCCESS"
    told = pay.callback(desk.heard[1].headers, desk.heard[1].body)
    assert (told["event_type"], told["resource"]["out_refund_no"]) == ("REFUND.SUCCESS", "refund-0001")


@pytest.mark.parametrize("mode", ["public_key", "certificate"])
def test_a_code_is_scanned(sdk, desk, mode):
    pay = sdk(mode, wechatpay_type=WeChatPayType.NATIVE)
    status, text = pay.pay(description="白桃乌龙", out_trade_no="order-0001", amount={"total": 1880})
    assert status == 200, text
    assert desk.scans(json.loads(text)["code_url"]) == "ok"
    found = json.loads(pay.query(out_trade_no="order-0001")[1])
    assert (found["trade_state"], found["trade_type"], found["amount"]["payer_total"]) == ("SUCCESS", "NATIVE", 1880)
    [paid] = desk.heard
    assert pay.callback(paid.headers, paid.body)["resource"] == found


def test_an_order_is_closed(sdk, desk):
    pay = sdk("public_key")
    prepay_id = ordered(pay, desk, "order-0002")
    assert pay.close("order-0002")[0] == 204
    assert desk.pays(page(pay, prepay_id)) == "requestPayment:fail 该订单已关闭或已过期"
    assert json.loads(pay.query(out_trade_no="order-0002")[1])["trade_state"] == "CLOSED"
    status, text = pay.query(out_trade_no="order-0003")
    assert (status, json.loads(text)["code"]) == (404, "ORDER_NOT_EXIST")


def test_a_wrong_serial_is_refused(sdk, desk):
    status, text = sdk("public_key", cert_serial_no="5" * 40).query(out_trade_no="order-0001")
    assert (status, json.loads(text)["code"]) == (401, "SIGN_ERROR")


def test_a_probe_is_seen(sdk, desk):
    pay = sdk("public_key")
    desk.server.control("/pay/settings", {"probe_share": 1.0, "ladder_scale": 0})
    desk.pays(page(pay, ordered(pay, desk, "order-0001")))
    probe, true = desk.heard
    assert pay.callback(probe.headers, probe.body) is None
    assert pay.callback(true.headers, true.body)["resource"]["out_trade_no"] == "order-0001"

"""wx.requestPayment, the bridge of official-account pages and scanned codes, as a phone carries them out (reference §2.2)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from wesim.pay.crypto import is_signed, payment_message
from wesim.pay.notices import outbox_of
from wesim.pay.orders import close_expired
from wesim.pay.state import Order, Pay
from wesim.state import App

Act = Literal["pay", "cancel", "fail"]
PREFIX = "prepay_id="


class Parameters(msgspec.Struct, forbid_unknown_fields=True):
    """What the page hands over, as it hands it over: wrong types are the phone's to refuse."""

    timeStamp: Any = None
    nonceStr: Any = None
    package: Any = None
    signType: Any = "MD5"
    paySign: Any = None
    appId: Any = None


class CashierError(Exception):
    """What the phone tells the page instead of opening the cashier."""


def open_cashier(pay: Pay, app: App, person: str, given: Parameters) -> Order:
    """The order that this person may pay in this app now. Raises CashierError."""
    for name in ("timeStamp", "nonceStr", "package", "signType", "paySign"):
        if not isinstance(getattr(given, name), str) or not getattr(given, name):
            raise CashierError(f"parameter error: parameter.{name} should be a non-empty String")
    if given.signType != "RSA":
        raise CashierError("parameter error: signType should be RSA")
    if not given.package.startswith(PREFIX):
        raise CashierError("parameter error: package should be prepay_id=…")
    prepay_id = given.package.removeprefix(PREFIX)
    order = pay.by_prepay.get(prepay_id)
    if order is None or pay.world.clock.now() >= order.prepay_until or prepay_id != order.prepay_ids[-1]:
        raise CashierError("预支付交易会话标识无效或已过期")
    if order.appid != app.id or given.appId not in (None, app.id):
        raise CashierError("appid与下单时不一致")
    message = payment_message(app.id, given.timeStamp, given.nonceStr, given.package)
    if not is_signed(pay.merchants[order.mchid].key.public_key(), message, given.paySign):
        raise CashierError("支付验证签名失败")
    if pay.world.openid(app, person) != order.openid:
        raise CashierError("下单账号与支付账号不一致，请核实后再支付")
    _payable(pay, order)
    return order


def scan_code(pay: Pay, person: str, code_url: str) -> Order:
    """The native order behind a code, now this person's to pay. Raises CashierError."""
    order = pay.by_code.get(code_url)
    if order is None or pay.world.clock.now() >= order.prepay_until or code_url != order.code_url:
        raise CashierError("二维码无效或已过期")
    _payable(pay, order)
    order.person = person
    order.openid = pay.world.openid(pay.world.apps[order.appid], person)
    return order


def settle_at_cashier(pay: Pay, order: Order, act: Act) -> Literal["ok", "cancel"]:
    """What the person does in the open cashier. Raises CashierError when the payment fails."""
    if act == "cancel":
        return "cancel"
    if act == "fail":
        raise CashierError("支付失败")
    if pay.wallet(order.person).balance_fen < order.total_fen:
        raise CashierError("余额不足")
    order.state, order.paid_at = "SUCCESS", pay.world.clock.now()
    order.transaction_id = pay.number("4200", 28)
    pay.by_transaction[order.transaction_id] = order
    pay.move(order.person, -order.total_fen, kind="payment", merchant=pay.merchants[order.mchid], order=order)
    outbox_of(pay.world).paid(order)
    return "ok"


def told_page(app: App, result: str) -> dict[str, str]:
    """The result as the page receives it: a mini program's callback, or the bridge's `err_msg`."""
    if app.kind == "mini":
        return {"errMsg": f"requestPayment:{'fail cancel' if result == 'cancel' else result}"}
    head, _, detail = result.partition(" ")
    found = {"err_msg": f"get_brand_wcpay_request:{head}"}
    return {**found, "err_desc": detail} if detail else found


def _payable(pay: Pay, order: Order) -> None:
    close_expired(pay, order)
    if order.state in ("SUCCESS", "REFUND"):
        raise CashierError("该订单已支付")
    if order.state == "CLOSED" or pay.world.clock.now() >= order.expires:
        raise CashierError("该订单已关闭或已过期")

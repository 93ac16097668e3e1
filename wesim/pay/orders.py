"""JSAPI, mini-program and native orders: create, query, close (reference §2.1, §2.3, §2.4)."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any

from wesim.pay.errors import CANNOT_CLOSE, CHANGED_REENTRY, PayError, wrong_parameter
from wesim.pay.shape import Flag, Group, Many, Rule, Text, Whole, read_body
from wesim.pay.state import Merchant, Order, Pay, TradeStates, nonce, rfc3339
from wesim.routing import Call
from wesim.state import App

DEFAULT_LIFE_S = 7 * 86_400
SHORTEST_LIFE_S = 60
NUMBER = r"0-9A-Za-z_\-|*"
_URL = re.compile(r"https?://[^/?#]+/[^?#]*")

AMOUNT = Group({"total": Whole(1, needed=True), "currency": Text(16, one_of=("CNY",))}, needed=True)
GOODS = Group(
    {
        "merchant_goods_id": Text(32, needed=True),
        "wechatpay_goods_id": Text(32),
        "goods_name": Text(256),
        "quantity": Whole(1, needed=True),
        "unit_price": Whole(needed=True),
    }
)
STORE = Group({"id": Text(32, needed=True), "name": Text(256), "area_code": Text(32), "address": Text(512)})
ANY_WAY: dict[str, Rule] = {
    "appid": Text(32, needed=True),
    "mchid": Text(32, needed=True),
    "description": Text(127, needed=True),
    "out_trade_no": Text(32, 6, needed=True, alphabet=NUMBER),
    "notify_url": Text(255, needed=True),
    "amount": AMOUNT,
    "time_expire": Text(64),
    "attach": Text(128),
    "goods_tag": Text(32),
    "limit_pay": Many(Text(32)),
    "support_fapiao": Flag(),
    "detail": Group({"cost_price": Whole(), "invoice_id": Text(32), "goods_detail": Many(GOODS)}),
    "scene_info": Group({"payer_client_ip": Text(45, needed=True), "device_id": Text(32), "store_info": STORE}),
    "settle_info": Group({"profit_sharing": Flag()}),
}
PREPAY = Group({**ANY_WAY, "payer": Group({"openid": Text(128, needed=True)}, needed=True)})
NATIVE = Group(ANY_WAY)
CLOSE = Group({"mchid": Text(32, needed=True)})


def prepay(pay: Pay, merchant: Merchant, call: Call) -> dict[str, Any]:
    """A prepay_id. The same number again must ask for the same thing; time_expire counts on the first call only."""
    order = _ordered(pay, merchant, read_body(call.body, PREPAY))
    now, settings = pay.world.clock.now(), pay.settings
    if not order.prepay_ids or settings.reentry_gives_new_prepay_id or now >= order.prepay_until:
        prepay_id = f"wx{pay.china_now():%d%H%M%S}{nonce(24)}"
        order.prepay_ids.append(prepay_id)
        order.prepay_until = now + settings.prepay_lifetime_s
        pay.by_prepay[prepay_id] = order
    return {"prepay_id": order.prepay_ids[-1]}


def prepay_native(pay: Pay, merchant: Merchant, call: Call) -> dict[str, Any]:
    """A code_url that any phone may scan, for as long as a prepay_id lives."""
    order = _ordered(pay, merchant, read_body(call.body, NATIVE))
    now = pay.world.clock.now()
    if not order.code_url or now >= order.prepay_until:
        order.code_url = f"weixin://wxpay/bizpayurl?pr={nonce(16)}"
        order.prepay_until = now + pay.settings.prepay_lifetime_s
        pay.by_code[order.code_url] = order
    return {"code_url": order.code_url}


def _ordered(pay: Pay, merchant: Merchant, body: dict[str, Any]) -> Order:
    """The order of this number, made now or known; the same number again must ask for the same thing."""
    same_merchant(merchant, body["mchid"], "/mchid")
    app, person = _payer(pay, merchant, body)
    check_notify_url(body["notify_url"])
    asked = digest(body, but="time_expire")
    order = pay.orders.get((merchant.mchid, body["out_trade_no"]))
    if order is None:
        return _new_order(pay, merchant, body, app=app, person=person, asked=asked)
    close_expired(pay, order)
    _check_reentry(pay, order, asked)
    return order


def query_by_number(pay: Pay, merchant: Merchant, call: Call) -> dict[str, Any]:
    _check_query(merchant, call)
    return transaction(merchant, found_order(pay, pay.orders.get((merchant.mchid, call.params["out_trade_no"]))))


def query_by_id(pay: Pay, merchant: Merchant, call: Call) -> dict[str, Any]:
    _check_query(merchant, call)
    order = pay.by_transaction.get(call.params["transaction_id"])
    return transaction(merchant, found_order(pay, order if order and order.mchid == merchant.mchid else None))


def close(pay: Pay, merchant: Merchant, call: Call) -> None:
    """204, also when it is closed already; a paid order cannot be closed."""
    same_merchant(merchant, read_body(call.body, CLOSE)["mchid"], "/mchid")
    order = found_order(pay, pay.orders.get((merchant.mchid, call.params["out_trade_no"])))
    if order.state in ("SUCCESS", "REFUND"):
        raise PayError("ORDER_PAID", number=CANNOT_CLOSE)
    order.state = "CLOSED"


def transaction(merchant: Merchant, order: Order) -> dict[str, Any]:
    """An order as queries and callbacks describe it."""
    found: dict[str, Any] = {
        "appid": order.appid,
        "mchid": merchant.mchid,
        "out_trade_no": order.out_trade_no,
        "trade_state": order.state,
        "trade_state_desc": TradeStates[order.state],
        "promotion_detail": [],
        "amount": {"total": order.total_fen, "currency": "CNY"},
        "scene_info": {"device_id": order.device_id},
    }
    if order.attach:
        found["attach"] = order.attach
    if order.transaction_id:
        found |= {
            "transaction_id": order.transaction_id,
            "trade_type": order.trade_type,
            "bank_type": "OTHERS",
            "success_time": rfc3339(order.paid_at),
            "payer": {"openid": order.openid},
        }
        found["amount"] |= {"payer_total": order.total_fen, "payer_currency": "CNY"}
    return found


def found_order(pay: Pay, order: Order | None) -> Order:
    if order is None:
        raise PayError("ORDER_NOT_EXIST")
    close_expired(pay, order)
    return order


def close_expired(pay: Pay, order: Order) -> None:
    if order.state == "NOTPAY" and pay.settings.expired_becomes_closed and pay.world.clock.now() >= order.expires:
        order.state = "CLOSED"


def same_merchant(merchant: Merchant, named: str, field: str, *, location: str = "body") -> None:
    """The merchant named must be the one who signed (the code is UNCONFIRMED)."""
    if named != merchant.mchid:
        raise wrong_parameter(field, "与签名商户号不一致", value=named, location=location)


def check_notify_url(url: str) -> None:
    """A whole URL with a path and without a query (reference §1.7)."""
    if not _URL.fullmatch(url):
        raise wrong_parameter("/notify_url", "不是有效的通知地址", value=url)


def digest(body: dict[str, Any], *, but: str = "") -> str:
    kept = {name: value for name, value in body.items() if name != but}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _payer(pay: Pay, merchant: Merchant, body: dict[str, Any]) -> tuple[App, str]:
    """The app bound to the merchant, and the person behind an openid that this app knows (nobody yet: native)."""
    app = pay.world.apps.get(body["appid"])
    if app is None or app.id not in merchant.appids:
        raise PayError("APPID_MCHID_NOT_MATCH")
    if "payer" not in body:
        return app, ""
    user = app.users.get(body["payer"]["openid"])
    if user is None:
        raise wrong_parameter("/payer/openid", "无效的openid", value=body["payer"]["openid"])
    return app, user.person


def _new_order(pay: Pay, merchant: Merchant, body: dict[str, Any], *, app: App, person: str, asked: str) -> Order:
    now = pay.world.clock.now()
    order = Order(
        mchid=merchant.mchid,
        out_trade_no=body["out_trade_no"],
        appid=app.id,
        openid=body["payer"]["openid"] if "payer" in body else "",
        person=person,
        description=body["description"],
        total_fen=body["amount"]["total"],
        notify_url=body["notify_url"],
        attach=body.get("attach", ""),
        asked=asked,
        created=now,
        expires=_expiry(pay, body.get("time_expire", ""), now),
        device_id=body.get("scene_info", {}).get("device_id", ""),
        trade_type="JSAPI" if "payer" in body else "NATIVE",
    )
    pay.orders[(merchant.mchid, order.out_trade_no)] = order
    return order


def _expiry(pay: Pay, text: str, now: float) -> float:
    if not text:
        return now + DEFAULT_LIFE_S
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in text:
        raise wrong_parameter("/time_expire", "不是RFC 3339格式", value=text)
    life = moment.timestamp() - now
    if not SHORTEST_LIFE_S <= life <= pay.settings.longest_expiry_days * 86_400:
        raise wrong_parameter("/time_expire", "超出允许范围", value=text)
    return moment.timestamp()


def _check_reentry(pay: Pay, order: Order, asked: str) -> None:
    if order.state in ("SUCCESS", "REFUND"):
        raise PayError("ORDER_PAID")
    if order.state == "CLOSED":
        raise PayError("ORDER_CLOSED")
    if order.asked != asked:
        code = pay.settings.changed_reentry_code
        raise PayError(code, "201 商户订单号重复" if code == "INVALID_REQUEST" else "", number=CHANGED_REENTRY)


def _check_query(merchant: Merchant, call: Call) -> None:
    if "mchid" not in call.query:
        raise wrong_parameter("mchid", "此字段为必填项", location="query")
    same_merchant(merchant, call.query["mchid"], "mchid", location="query")

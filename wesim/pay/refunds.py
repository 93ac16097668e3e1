"""Refunds: apply and query (reference §2.5)."""

from __future__ import annotations

from typing import Any

from wesim.pay.errors import PayError, wrong_parameter
from wesim.pay.orders import check_notify_url, digest
from wesim.pay.shape import Group, Many, Text, Whole, read_body
from wesim.pay.state import Merchant, Order, Pay, Refund, rfc3339
from wesim.routing import Call

PARTS_MAX = 50
LIFE_S = 365 * 86_400
NUMBER = r"0-9A-Za-z_\-|*@"
FROM = Group({"account": Text(32, needed=True, one_of=("AVAILABLE", "UNAVAILABLE")), "amount": Whole(1, needed=True)})
GOODS = Group(
    {
        "merchant_goods_id": Text(32, needed=True),
        "wechatpay_goods_id": Text(32),
        "goods_name": Text(256),
        "unit_price": Whole(needed=True),
        "refund_amount": Whole(needed=True),
        "refund_quantity": Whole(1, needed=True),
    }
)
REFUND = Group(
    {
        "transaction_id": Text(32),
        "out_trade_no": Text(32, 6),
        "out_refund_no": Text(64, needed=True, alphabet=NUMBER),
        "reason": Text(80),
        "notify_url": Text(256),
        "funds_account": Text(32, one_of=("AVAILABLE",)),
        "amount": Group(
            {
                "refund": Whole(1, needed=True),
                "total": Whole(1, needed=True),
                "currency": Text(16, needed=True, one_of=("CNY",)),
                "from": Many(FROM),
            },
            needed=True,
        ),
        "goods_detail": Many(GOODS),
    }
)


def refund(pay: Pay, merchant: Merchant, call: Call) -> dict[str, Any]:
    """The refund, still PROCESSING; the same number with the same parameters answers where it stands now."""
    body = read_body(call.body, REFUND)
    if ("transaction_id" in body) == ("out_trade_no" in body):
        raise wrong_parameter("/transaction_id", "transaction_id与out_trade_no二选一")
    if "notify_url" in body:
        check_notify_url(body["notify_url"])
    asked, number = digest(body), body["out_refund_no"]
    known = pay.refunds.get((merchant.mchid, number))
    if known is not None:
        if known.asked != asked:
            raise PayError(pay.settings.changed_refund_code, "请求重入时，参数与首次请求不一致")
        return described(pay, known)
    order = _order(pay, merchant, body)
    wanted: int = body["amount"]["refund"]
    _check_amount(pay, merchant, order, wanted=wanted, total=body["amount"]["total"])
    made = Refund(
        refund_id=pay.number("5030", 29),
        out_refund_no=number,
        mchid=merchant.mchid,
        out_trade_no=order.out_trade_no,
        amount_fen=wanted,
        asked=asked,
        notify_url=body.get("notify_url", ""),
        funds_account=body.get("funds_account", "UNSETTLED"),
        created=pay.world.clock.now(),
    )
    pay.refunds[(merchant.mchid, number)] = made
    order.refunds.append(made)
    order.state = "REFUND"
    pay.schedule(made)
    return described(pay, made)


def query_refund(pay: Pay, merchant: Merchant, call: Call) -> dict[str, Any]:
    known = pay.refunds.get((merchant.mchid, call.params["out_refund_no"]))
    if known is None:
        raise PayError("RESOURCE_NOT_EXISTS")
    return described(pay, known)


def described(pay: Pay, refund: Refund) -> dict[str, Any]:
    """A refund as the API answers it."""
    order = pay.orders[(refund.mchid, refund.out_trade_no)]
    found: dict[str, Any] = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": rfc3339(refund.created),
        "status": refund.status,
        "funds_account": refund.funds_account,
        "amount": {
            "total": order.total_fen,
            "refund": refund.amount_fen,
            "from": [],
            "payer_total": order.total_fen,
            "payer_refund": refund.amount_fen,
            "settlement_refund": refund.amount_fen,
            "settlement_total": order.total_fen,
            "discount_refund": 0,
            "currency": "CNY",
        },
        "promotion_detail": [],
    }
    if refund.done_at:
        found["success_time"] = rfc3339(refund.done_at)
    return found


def told(pay: Pay, refund: Refund) -> dict[str, Any]:
    """A refund as its callback tells it."""
    order = pay.orders[(refund.mchid, refund.out_trade_no)]
    found: dict[str, Any] = {
        "mchid": refund.mchid,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "refund_status": refund.status,
        "user_received_account": "支付用户零钱",
        "amount": {
            "total": order.total_fen,
            "refund": refund.amount_fen,
            "payer_total": order.total_fen,
            "payer_refund": refund.amount_fen,
        },
    }
    if refund.done_at:
        found["success_time"] = rfc3339(refund.done_at)
    return found


def _order(pay: Pay, merchant: Merchant, body: dict[str, Any]) -> Order:
    order = (
        pay.by_transaction.get(body["transaction_id"])
        if "transaction_id" in body
        else pay.orders.get((merchant.mchid, body["out_trade_no"]))
    )
    if order is None or order.mchid != merchant.mchid:
        raise PayError("RESOURCE_NOT_EXISTS", "订单不存在")
    if not order.transaction_id:
        raise PayError("INVALID_REQUEST", "订单未支付")
    return order


def _check_amount(pay: Pay, merchant: Merchant, order: Order, *, wanted: int, total: int) -> None:
    if total != order.total_fen:
        raise PayError("INVALID_REQUEST", "订单金额与支付时不一致")
    if order.refunded_fen + wanted > order.total_fen:
        raise PayError("INVALID_REQUEST", "累计退款金额大于支付金额")
    if len(order.refunds) >= PARTS_MAX:
        raise PayError("INVALID_REQUEST", "退款次数超过限制")
    if pay.world.clock.now() - order.paid_at > LIFE_S:
        raise PayError("INVALID_REQUEST", "订单已超过可退款的最大期限")
    if merchant.balance_fen is None:
        return
    on_the_way = sum(
        one.amount_fen for one in pay.refunds.values() if one.mchid == merchant.mchid and one.status == "PROCESSING"
    )
    if merchant.balance_fen - on_the_way < wanted:
        raise PayError("NOT_ENOUGH", "商户可用余额不足")

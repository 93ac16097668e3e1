"""From a fact and its member to the raw values of a scenario's variables."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from huida.kernel.facts import Recorded
from huida.modules import coupons, loyalty, mall, orders

REASONS: Mapping[str, str] = {
    "adjusted": "人工调整",
    "expired": "到期",
    "ripened": "积分生效",
    "merged": "合并",
    "returned": "退回",
}


WAYS: Mapping[str, str] = {"wechat": "微信零钱", "bank": "银行卡", "cash": "现金"}
ONLINE = "线上商城"
MALL_FACTS = (
    mall.OrderSubmitted,
    mall.OrderPaid,
    mall.OrderShipped,
    mall.OrderRefunded,
    mall.WithdrawalPaid,
    mall.OnlineRecharged,
)

THINGS = (
    *("order_id", "withdrawal_id", "refund_id", "purchase_id", "reversal_id", "recharge_id", "coupon_id", "source_id"),
)
"""The fields by which a fact names the business thing that it is about, the most telling first."""


def opened_by(recorded: Recorded[Any]) -> UUID:
    """The business thing that the card opens: the order, refund, purchase, recharge, coupon or movement, else the fact itself."""
    for name in THINGS:
        found = getattr(recorded.fact, name, None)
        if found is not None:
            assert isinstance(found, UUID)
            return found
    return recorded.id


def values_of(
    recorded: Recorded[Any], person: Any, shop_name: str, level_name: str, balances: Mapping[str, int]
) -> dict[str, Any]:
    """Raw values by variable: money in fen, times as datetimes; what a fact lacks is taken from the balances now."""
    fact = recorded.fact
    values: dict[str, Any] = {
        "member_name": person["name"] or "会员",
        "buyer_name": person["name"] or "会员",
        "card_no": person["card_no"],
        "card_tail": person["card_no"][-4:],
        "level_name": level_name,
        "shop_name": shop_name,
        "time": getattr(fact, "occurred_at", recorded.at),
    }
    if isinstance(fact, orders.PurchaseRecorded):
        values |= {"store_name": fact.store_name, "till_no": fact.till_no, "amount": fact.total_fen, "reason": "消费"}
        _moved(values, fact.points, fact.points_after, -fact.balance_fen, fact.balance_after_fen, balances)
    elif isinstance(fact, orders.RechargeRecorded):
        values |= {
            "store_name": fact.store_name,
            "till_no": fact.till_no,
            "amount": fact.paid_fen,
            "gift": fact.gift_fen,
            "recharge_no": fact.till_no,
        }
        values["reason"] = "充值"
        _moved(values, fact.points, fact.points_after, fact.paid_fen + fact.gift_fen, fact.balance_after_fen, balances)
    elif isinstance(fact, orders.PurchaseRefunded):
        values |= {"store_name": fact.store_name, "till_no": fact.till_no, "amount": fact.amount_fen, "reason": "退款"}
        _moved(values, fact.points, fact.points_after, fact.balance_fen, fact.balance_after_fen, balances)
    elif isinstance(fact, orders.RechargeReversed):
        values |= {"store_name": fact.store_name, "till_no": fact.till_no, "reason": "充值撤销"}
        _moved(values, fact.points, fact.points_after, fact.balance_fen, fact.balance_after_fen, balances)
    elif isinstance(fact, loyalty.PointsExpiring):
        values |= {
            "points_expiring": fact.points,
            "expires_at": fact.expires_at - timedelta(seconds=1),
            "points_after": balances.get("points", 0),
        }
    elif isinstance(fact, loyalty.ValueMoved):
        values |= {"reason": fact.note or REASONS.get(fact.reason, "调整"), "till_no": recorded.id.hex[:16].upper()}
        _moved(values, fact.points, fact.points_after, fact.balance_fen, fact.balance_after_fen, balances)
    elif isinstance(fact, coupons.CouponIssued):
        values |= {"coupon_name": fact.name, "coupon_code": fact.code, "valid_until": fact.valid_until}
    elif isinstance(fact, coupons.CouponReminderDue):
        values |= {"coupon_name": fact.name, "coupon_code": fact.code, "valid_until": fact.valid_until}
        values["days_left"] = fact.days_left
    elif isinstance(fact, MALL_FACTS):
        _of_the_mall(values, fact, balances)
    elif isinstance(fact, orders.SignOffDue):
        values |= {"order_no": fact.order_no, "sign_at": fact.sign_at, "remind_at": fact.remind_at}
    return values


def _of_the_mall(values: dict[str, Any], fact: Any, balances: Mapping[str, int]) -> None:
    """Values of the mall's facts; what a kind of fact has not is left out."""
    if isinstance(fact, mall.WithdrawalPaid):
        values |= {
            "amount": fact.amount_fen,
            "withdrawal_no": fact.withdrawal_no,
            "till_no": fact.withdrawal_no,
            "way": WAYS.get(fact.way, fact.way),
            "asked_at": fact.asked_at,
            "reason": "提现",
        }
        _moved(values, 0, None, -fact.amount_fen, fact.balance_after_fen, balances)
        return
    if isinstance(fact, mall.OnlineRecharged):
        values |= {
            "amount": fact.paid_fen,
            "gift": fact.gift_fen,
            "recharge_no": fact.recharge_no,
            "till_no": fact.recharge_no,
            "store_name": ONLINE,
            "reason": "充值",
        }
        _moved(values, fact.points, fact.points_after, fact.paid_fen + fact.gift_fen, fact.balance_after_fen, balances)
        return
    values |= {"order_no": fact.order_no, "order_total": fact.total_fen}
    values |= {"goods": fact.goods, "goods_count": fact.count}
    if isinstance(fact, mall.OrderRefunded):
        values |= {
            "amount": fact.amount_fen,
            "refunded_total": fact.refunded_fen,
            "refund_reason": fact.reason or "退款",
        }
        return
    values["receiver"] = fact.receiver
    if isinstance(fact, mall.OrderSubmitted):
        values["pay_until"] = fact.pay_until
    elif isinstance(fact, mall.OrderPaid):
        values["transaction_id"] = fact.transaction_id
    elif isinstance(fact, mall.OrderShipped):
        values |= {"carrier": fact.carrier, "tracking_no": fact.tracking_no}


def _moved(
    values: dict[str, Any],
    points: int,
    points_after: int | None,
    balance: int,
    balance_after: int | None,
    now: Mapping[str, int],
) -> None:
    values["points_delta"] = points
    values["points_after"] = now.get("points", 0) if points_after is None else points_after
    values["balance_delta"] = balance
    stored = now.get("cny_principal", 0) + now.get("cny_gift", 0)
    values["balance_after"] = stored if balance_after is None else balance_after


def needs_balances(recorded: Recorded[Any], needs: frozenset[str]) -> bool:
    """Whether the assignment uses a balance that this fact does not carry."""
    fact = recorded.fact
    if isinstance(fact, loyalty.PointsExpiring):
        return "points_after" in needs
    if "points_after" in needs and getattr(fact, "points_after", 0) is None:
        return True
    return "balance_after" in needs and getattr(fact, "balance_after_fen", 0) is None

"""Rows as the mall's doors answer them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from fastapi import Request

from huida.kernel.db import Row, Tx
from huida.kernel.intake.versions import version_of
from huida.kernel.secrets import mask_phone
from huida.modules import members, payments
from huida.modules.mall import orders, queries, rules, views, withdrawals
from huida.modules.mall.service import Settings


@dataclass(frozen=True, slots=True)
class Links:
    """Turns a picture's reference into the address that pages show."""

    base: str

    @staticmethod
    def of(request: Request, tx: Tx) -> "Links":
        return Links(f"{request.app.state.public_url}/mall/pictures/{tx.tenant_id}")

    def url(self, picture: str | None) -> str:
        if not picture:
            return ""
        return f"{self.base}/{picture.removeprefix('picture:')}" if picture.startswith("picture:") else picture


def settings(given: Settings) -> views.MallSettings:
    return {
        "complete_after_days": given.complete_after_days,
        "recharge_on": given.recharge_on,
        "recharge_amounts": list(given.recharge_amounts),
        "withdraw_on": given.withdraw_on,
        "withdraw_from_fen": given.withdraw_from_fen,
        "version": version_of(given),
    }


def product_card(link: Links, row: Row) -> views.ProductCard:
    return {
        "id": row["id"],
        "title": row["title"],
        "url": link.url(row["pictures"][0] if row["pictures"] else ""),
        "price_from_fen": row["price_from"],
        "price_to_fen": row["price_to"],
        "stock": row["stock"],
    }


def product_row(link: Links, row: Row) -> views.ProductRow:
    return {
        **product_card(link, row),
        "state": row["state"],
        "skus": row["skus"],
        "updated_at": row["updated_at"],
    }


def product(link: Links, row: Row, skus: list[Row]) -> views.Product:
    return {
        "id": row["id"],
        "title": row["title"],
        "description": row["description"],
        "pictures": [{"picture": one, "url": link.url(one)} for one in row["pictures"]],
        "specs": msgspec.json.decode(row["specs"]),
        "skus": [{**shop_sku(sku), "code": sku["code"]} for sku in skus],
        "state": row["state"],
        "updated_at": row["updated_at"],
        "version": product_version(row, skus),
    }


def product_version(row: Row, skus: list[Row]) -> str:
    """The version of what a form replaces: not the stock, which each sale changes, and not whether it is on sale."""
    return version_of(
        row["title"],
        row["description"],
        list(row["pictures"]),
        row["specs"],
        [(list(sku["spec_values"]), sku["price_fen"], sku["code"]) for sku in skus],
    )


def shop_product(link: Links, row: Row, skus: list[Row]) -> views.ShopProduct:
    return {
        "id": row["id"],
        "title": row["title"],
        "description": row["description"],
        "urls": [link.url(one) for one in row["pictures"]],
        "specs": msgspec.json.decode(row["specs"]),
        "skus": [shop_sku(sku) for sku in skus],
    }


def shop_sku(row: Row) -> views.ShopSku:
    return {
        "id": row["id"],
        "values": list(row["spec_values"]),
        "price_fen": row["price_fen"],
        "stock": row["stock"],
    }


def sku_stock(row: Row) -> views.SkuStock:
    return {
        "code": row["code"],
        "title": row["title"],
        "spec": rules.spec_text(msgspec.json.decode(row["specs"]), row["spec_values"]),
        "price_fen": row["price_fen"],
        "stock": row["stock"],
        "on_sale": row["state"] == "on",
    }


def line(link: Links, row: Row) -> views.Line:
    return {
        "product_id": row["product_id"],
        "sku_id": row["sku_id"],
        "code": row["code"],
        "title": row["title"],
        "spec": row["spec"],
        "url": link.url(row["picture"]),
        "price_fen": row["price_fen"],
        "count": row["count"],
    }


def parcel(row: Row) -> views.Parcel:
    return {
        "id": row["id"],
        "carrier_code": row["carrier_code"],
        "carrier": row["carrier"],
        "tracking_no": row["tracking_no"],
        "at": row["at"],
    }


def refund(row: Row) -> views.RefundView:
    return {
        "id": row["id"],
        "amount_fen": row["amount_fen"],
        "reason": row["reason"],
        "state": row["state"],
        "failure": row["failure"],
        "created_at": row["created_at"],
        "done_at": row["done_at"],
    }


def order_card(link: Links, row: Row) -> views.OrderCard:
    return {
        "id": row["id"],
        "order_no": row["order_no"],
        "state": row["state"],
        "closing": row["closing"],
        "goods": row["goods"],
        "count": row["count"],
        "url": link.url(row["picture"]),
        "total_fen": row["total_fen"],
        "refunded_fen": row["refunded_fen"],
        "pay_until": row["pay_until"],
        "created_at": row["created_at"],
    }


def phone(tx: Tx, row: Row, *, whole: bool) -> str:
    found = orders.phone_of(tx, row)
    return found if whole else mask_phone(found)


def order_row(tx: Tx, link: Links, row: Row, *, whole: bool) -> views.OrderRow:
    return {
        **order_card(link, row),
        "source": row["source"],
        "member_id": row["member_id"],
        "receiver": row["receiver"],
        "phone": phone(tx, row, whole=whole),
        "paid_at": row["paid_at"],
    }


async def my_order(tx: Tx, link: Links, row: Row, *, whole: bool = True) -> views.MyOrder:
    """An order with everything that belongs to it."""
    found = await queries.parts(tx, [row["id"]])
    return {
        **order_card(link, row),
        "receiver": row["receiver"],
        "phone": phone(tx, row, whole=whole),
        "address": row["address"],
        "note": row["note"],
        "lines": [line(link, one) for one in found["lines"][row["id"]]],
        "parcels": [parcel(one) for one in found["parcels"][row["id"]]],
        "refunds": [refund(one) for one in found["refunds"][row["id"]]],
        "paid_at": row["paid_at"],
        "shipped_at": row["shipped_at"],
        "complete_at": row["complete_at"],
        "completed_at": row["completed_at"],
        "closed_at": row["closed_at"],
    }


async def order_detail(tx: Tx, link: Links, row: Row, *, whole: bool) -> views.OrderDetail:
    """An order as staff see it, with who bought it and how it was paid."""
    person = await members.get(tx, row["member_id"])
    paid: views.PaymentRef | None = None
    if row["payment_id"] is not None:
        payment = await payments.state_of(tx, row["payment_id"])
        paid = {
            "id": payment["id"],
            "state": payment["state"],
            "out_trade_no": payment["out_trade_no"],
            "transaction_id": payment["transaction_id"],
            "trouble": payment["trouble"],
        }
    return {
        **await my_order(tx, link, row, whole=whole),
        "source": row["source"],
        "member_id": row["member_id"],
        "member_name": person["name"],
        "card_no": person["card_no"],
        "payment": paid,
    }


def open_order(
    tx: Tx, link: Links, row: Row, parts: Mapping[str, Mapping[UUID, list[Row]]], *, whole: bool
) -> views.OpenOrder:
    return {
        "order_no": row["order_no"],
        "source": row["source"],
        "state": row["state"],
        "goods": row["goods"],
        "count": row["count"],
        "total_fen": row["total_fen"],
        "refunded_fen": row["refunded_fen"],
        "receiver": row["receiver"],
        "phone": phone(tx, row, whole=whole),
        "address": row["address"],
        "note": row["note"],
        "lines": [line(link, one) for one in parts["lines"][row["id"]]],
        "parcels": [parcel(one) for one in parts["parcels"][row["id"]]],
        "created_at": row["created_at"],
        "paid_at": row["paid_at"],
    }


def withdrawal(row: Row) -> views.Withdrawal:
    return {
        "id": row["id"],
        "withdrawal_no": row["withdrawal_no"],
        "amount_fen": row["amount_fen"],
        "state": row["state"],
        "way": row["way"],
        "reason": row["reason"],
        "asked_at": row["asked_at"],
        "decided_at": row["decided_at"],
    }


def withdrawal_row(tx: Tx, row: Row, people: Mapping[UUID, queries.Payee], *, whole: bool) -> views.WithdrawalRow:
    payee = people[row["member_id"]]
    last = payee.recharge
    return {
        **withdrawal(row),
        "member_id": row["member_id"],
        "member_name": payee.person["name"],
        "card_no": payee.person["card_no"],
        "member_state": payee.person["state"],
        "gift_fen": payee.gift_fen,
        "last_recharge": last and {"at": last["at"], "paid_fen": last["amount"], "gift_fen": last["beside"]},
        "payee": withdrawals.payee_of(tx, row) if whole else "",
        "paid_ref": row["paid_ref"],
    }


def recharge(row: Row) -> views.Recharge:
    return {
        "id": row["id"],
        "recharge_no": row["recharge_no"],
        "paid_fen": row["paid_fen"],
        "gift_fen": row["gift_fen"],
        "gift_points": row["gift_points"],
        "state": row["state"],
        "created_at": row["created_at"],
        "paid_at": row["paid_at"],
    }


def recharge_row(row: Row, people: Mapping[UUID, Any]) -> views.RechargeRow:
    person = people.get(row["member_id"])
    return {
        **recharge(row),
        "member_id": row["member_id"],
        "member_name": person["name"] if person else "",
        "card_no": person["card_no"] if person else "",
    }

"""The mall's tables: what is offered, what was ordered, what was sent, and stored value that goes in and out online."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned

ProductState = Literal["draft", "on", "off"]
OrderState = Literal["submitted", "paid", "shipped", "completed", "closed"]
OrderRefundState = Literal["pending", "succeeded", "failed"]
WithdrawalState = Literal["asked", "paid", "rejected"]
RechargeState = Literal["submitted", "paid", "closed"]

PRODUCT_MOVES = {"draft": frozenset({"on"}), "on": frozenset({"off"}), "off": frozenset({"on"})}
ORDER_MOVES = {
    "submitted": frozenset({"paid", "closed"}),
    "paid": frozenset({"shipped", "closed"}),
    "shipped": frozenset({"completed"}),
}
"""A paid order that is not sent ends as closed when all of its money went back. Terminal: completed, closed."""
SOURCE = "mall"
"""Where these orders come from (X-14)."""


class Product(TenantOwned, Base):
    """What is offered. `specs` are the axes (`[{"name": "规格", "values": ["50g", "100g"]}]`), none for a plain product."""

    __tablename__ = "mall_products"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'on', 'off')", name="state"),
        Index("ix_mall_products_state", "tenant_id", "state", "id"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    pictures: Mapped[list[str]] = mapped_column(ARRAY(Text))
    specs: Mapped[Any] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text, server_default="draft")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Sku(TenantOwned, Base):
    """One combination of a product's specifications, with its price and stock; one that is `gone` is sold no more."""

    __tablename__ = "mall_skus"
    __table_args__ = (
        CheckConstraint("price_fen > 0", name="price"),
        CheckConstraint("stock >= 0", name="stock"),
        Index("ix_mall_skus_product", "tenant_id", "product_id"),
        Index("uq_mall_skus_code", "tenant_id", "code", unique=True, postgresql_where=text("code <> '' AND NOT gone")),
        {"postgresql_with": {"fillfactor": "70"}},
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    product_id: Mapped[UUID] = mapped_column(Uuid)
    place: Mapped[int] = mapped_column(SmallInteger)
    code: Mapped[str] = mapped_column(Text, server_default="")
    spec_values: Mapped[list[str]] = mapped_column(ARRAY(Text))
    price_fen: Mapped[int] = mapped_column(BigInteger)
    stock: Mapped[int] = mapped_column(Integer)
    gone: Mapped[bool] = mapped_column(Boolean, server_default="false")


class Picture(TenantOwned, Base):
    """An uploaded picture of a product; `unused_since` is when the nightly tidy first found nothing that shows it."""

    __tablename__ = "mall_pictures"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    media_type: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    unused_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Order(TenantOwned, Base):
    """What a member bought. `closing` is why it is about to be closed, while WeChat Pay is asked to close its payment.

    `refunded_fen` went back or is on its way. `stock_taken` falls exactly once, when the stock returns.
    """

    __tablename__ = "mall_orders"
    __table_args__ = (
        CheckConstraint("state IN ('submitted', 'paid', 'shipped', 'completed', 'closed')", name="state"),
        CheckConstraint("total_fen > 0 AND refunded_fen BETWEEN 0 AND total_fen", name="amounts"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
        Index("uq_mall_orders_no", "tenant_id", "order_no", unique=True),
        Index("uq_mall_orders_key", "tenant_id", "member_id", "key", unique=True),
        Index("ix_mall_orders_member", "tenant_id", "member_id", "id"),
        Index("ix_mall_orders_state", "tenant_id", "state", "id"),
        Index("ix_mall_orders_phone", "tenant_id", "phone_hash", "id"),
        Index(
            "ix_mall_orders_owed",
            "tenant_id",
            "id",
            postgresql_where=text("state = 'closed' AND paid_at IS NOT NULL AND refunded_fen < total_fen"),
        ),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    order_no: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    source: Mapped[str] = mapped_column(Text)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    state: Mapped[str] = mapped_column(Text, server_default="submitted")
    closing: Mapped[str] = mapped_column(Text, server_default="")
    total_fen: Mapped[int] = mapped_column(BigInteger)
    refunded_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    goods: Mapped[str] = mapped_column(Text)
    count: Mapped[int] = mapped_column(Integer)
    stock_taken: Mapped[bool] = mapped_column(Boolean, server_default="true")
    receiver: Mapped[str] = mapped_column(Text)
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_hash: Mapped[bytes] = mapped_column(LargeBinary)
    address: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, server_default="")
    payment_id: Mapped[UUID | None] = mapped_column(Uuid)
    transaction_id: Mapped[str] = mapped_column(Text, server_default="")
    pay_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    paid_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    shipped_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    complete_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OrderLine(TenantOwned, Base):
    """A line of an order, as it was sold: later changes of the product do not touch it."""

    __tablename__ = "mall_order_lines"
    __table_args__ = (CheckConstraint("count > 0 AND price_fen > 0", name="amounts"),)
    order_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    sku_id: Mapped[UUID] = mapped_column(Uuid)
    product_id: Mapped[UUID] = mapped_column(Uuid)
    code: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    spec: Mapped[str] = mapped_column(Text)
    picture: Mapped[str] = mapped_column(Text)
    price_fen: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(Integer)


class Shipment(TenantOwned, Base):
    """One parcel of an order."""

    __tablename__ = "mall_shipments"
    __table_args__ = (
        Index("uq_mall_shipments_parcel", "tenant_id", "order_id", "carrier_code", "tracking_no", unique=True),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    order_id: Mapped[UUID] = mapped_column(Uuid)
    carrier_code: Mapped[str] = mapped_column(Text)
    carrier: Mapped[str] = mapped_column(Text)
    tracking_no: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class OrderRefund(TenantOwned, Base):
    """Money that the shop gives back of an order; `key` is the form's, so that a double click gives it back once."""

    __tablename__ = "mall_refunds"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name="state"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("uq_mall_refunds_key", "tenant_id", "order_id", "key", unique=True),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    order_id: Mapped[UUID] = mapped_column(Uuid)
    key: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="pending")
    failure: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Withdrawal(TenantOwned, Base):
    """Stored value (principal) that a member wants back; held in the ledger until the shop decides."""

    __tablename__ = "mall_withdrawals"
    __table_args__ = (
        CheckConstraint("state IN ('asked', 'paid', 'rejected')", name="state"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("uq_mall_withdrawals_no", "tenant_id", "withdrawal_no", unique=True),
        Index("uq_mall_withdrawals_key", "tenant_id", "member_id", "key", unique=True),
        Index("ix_mall_withdrawals_state", "tenant_id", "state", "id"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    withdrawal_no: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text, server_default="asked")
    hold_id: Mapped[UUID] = mapped_column(Uuid)
    payee_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    way: Mapped[str] = mapped_column(Text)
    paid_ref: Mapped[str] = mapped_column(Text, server_default="")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    decided_by: Mapped[str] = mapped_column(Text, server_default="")
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OnlineRecharge(TenantOwned, Base):
    """Stored value that a member buys with WeChat Pay; credited once, when it is paid."""

    __tablename__ = "mall_recharges"
    __table_args__ = (
        CheckConstraint("state IN ('submitted', 'paid', 'closed')", name="state"),
        CheckConstraint("paid_fen > 0 AND gift_fen >= 0", name="amounts"),
        Index("uq_mall_recharges_no", "tenant_id", "recharge_no", unique=True),
        Index("uq_mall_recharges_key", "tenant_id", "member_id", "key", unique=True),
        Index("ix_mall_recharges_member", "tenant_id", "member_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    recharge_no: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    paid_fen: Mapped[int] = mapped_column(BigInteger)
    gift_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    gift_points: Mapped[int] = mapped_column(BigInteger, server_default="0")
    state: Mapped[str] = mapped_column(Text, server_default="submitted")
    payment_id: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    paid_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class MallSettings(TenantOwned, Base):
    """What the merchant decided; without a row the defaults of the columns hold."""

    __tablename__ = "mall_settings"
    __table_args__ = (
        CheckConstraint("complete_after_days BETWEEN 1 AND 60", name="complete_after"),
        CheckConstraint("withdraw_from_fen BETWEEN 1 AND 100000000", name="withdraw_from"),
    )
    complete_after_days: Mapped[int] = mapped_column(SmallInteger, server_default="10")
    recharge_amounts: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    recharge_on: Mapped[bool] = mapped_column(Boolean, server_default="true")
    withdraw_on: Mapped[bool] = mapped_column(Boolean, server_default="true")
    withdraw_from_fen: Mapped[int] = mapped_column(BigInteger, server_default="100")
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

"""Who receives money, what is to be paid, what is given back. `pay_routes` is looked up before a tenant is known."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, DateTime, Index, LargeBinary, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned

Kind = Literal["jsapi", "native"]
Payee = Literal["merchant", "platform"]
PaymentState = Literal["created", "prepared", "paid", "closed"]
RefundState = Literal["pending", "succeeded", "failed", "abnormal"]

PAYMENT_MOVES = {
    "created": frozenset({"prepared", "paid", "closed"}),
    "prepared": frozenset({"paid", "closed"}),
    "closed": frozenset({"paid"}),
}
"""Closed and paid all the same: WeChat Pay's word about money outweighs ours. Terminal: paid."""
REFUND_MOVES = {
    "pending": frozenset({"succeeded", "failed", "abnormal"}),
    "abnormal": frozenset({"succeeded", "failed"}),
}


class PayAccount(TenantOwned, Base):
    """A merchant number at WeChat Pay with its keys, sealed; tenant 0 has the platform's. A former one still refunds."""

    __tablename__ = "pay_accounts"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'former')", name="state"),
        Index("uq_pay_accounts_mchid", "tenant_id", "mchid", unique=True),
        Index("uq_pay_accounts_active", "tenant_id", unique=True, postgresql_where=text("state = 'active'")),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    mchid: Mapped[str] = mapped_column(Text)
    serial: Mapped[str] = mapped_column(Text)
    private_key_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    api_v3_key_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    public_key_id: Mapped[str] = mapped_column(Text, server_default="")
    public_key: Mapped[str] = mapped_column(Text, server_default="")
    app_id: Mapped[str] = mapped_column(Text, server_default="")
    state: Mapped[str] = mapped_column(Text, server_default="active")
    check_code: Mapped[str] = mapped_column(Text, server_default="")
    checked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    heard_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class PayRoute(Base):
    """Where a callback belongs: the unguessable last part of its URL → who pays, and whose account opens it."""

    __tablename__ = "pay_routes"
    __table_args__ = (Index("uq_pay_routes_account", "account_id", "tenant_id", unique=True),)
    route_key: Mapped[str] = mapped_column(Text, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    account_tenant: Mapped[int] = mapped_column(BigInteger)
    account_id: Mapped[UUID] = mapped_column(Uuid)


class Payment(TenantOwned, Base):
    """One thing to be paid once. `out_trade_no` is our number at WeChat Pay; `token` is its prepay_id or code_url.

    `renew`: the buyer pays in another way now, so that number is closed and another one made. `refunded_fen` is what was
    given back or is on its way.
    """

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("kind IN ('jsapi', 'native')", name="kind"),
        CheckConstraint("payee IN ('merchant', 'platform')", name="payee"),
        CheckConstraint("state IN ('created', 'prepared', 'paid', 'closed')", name="state"),
        CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name="paid_at"),
        CheckConstraint("state <> 'paid' OR transaction_id <> ''", name="transaction_id"),
        CheckConstraint("amount_fen > 0 AND refunded_fen BETWEEN 0 AND amount_fen", name="amounts"),
        Index("uq_payments_reference", "tenant_id", "purpose", "reference_id", unique=True),
        Index(
            "uq_payments_transaction",
            "tenant_id",
            "transaction_id",
            unique=True,
            postgresql_where=text("transaction_id <> ''"),
        ),
        Index("uq_payments_number", "tenant_id", "account_id", "out_trade_no", unique=True),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)
    reference_id: Mapped[UUID] = mapped_column(Uuid)
    payee: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    app_id: Mapped[str] = mapped_column(Text, server_default="")
    openid: Mapped[str] = mapped_column(Text, server_default="")
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    description: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="created")
    account_id: Mapped[UUID | None] = mapped_column(Uuid)
    out_trade_no: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(Text, server_default="")
    renew: Mapped[bool] = mapped_column(Boolean, server_default="false")
    cancelling: Mapped[bool] = mapped_column(Boolean, server_default="false")
    trouble: Mapped[str] = mapped_column(Text, server_default="")
    transaction_id: Mapped[str] = mapped_column(Text, server_default="")
    refunded_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    paid_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PayRefund(TenantOwned, Base):
    """Money that goes back, once for each `source_id`; its id is our number at WeChat Pay."""

    __tablename__ = "pay_refunds"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'succeeded', 'failed', 'abnormal')", name="state"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("uq_pay_refunds_source", "tenant_id", "source_id", unique=True),
        Index("ix_pay_refunds_payment", "tenant_id", "payment_id"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    source_id: Mapped[UUID] = mapped_column(Uuid)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="pending")
    failure: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

"""Business facts from tills: purchases, recharges, refunds. Natural key: store and till number."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned


class Purchase(TenantOwned, Base):
    """What was bought. `balance_fen` of `total_fen` was paid from stored value (`principal_fen` of it own money)."""

    __tablename__ = "purchases"
    __table_args__ = (
        UniqueConstraint("tenant_id", "store_id", "till_no"),
        Index("ix_purchases_of_member", "tenant_id", "member_id", "occurred_at", "id"),
        Index("ix_purchases_happened", "tenant_id", "occurred_at", "id"),
        Index("ix_purchases_time", "occurred_at", postgresql_using="brin", postgresql_with={"pages_per_range": "16"}),
        CheckConstraint("total_fen >= 0 AND balance_fen BETWEEN 0 AND total_fen", name="amounts"),
        CheckConstraint("refunded_fen BETWEEN 0 AND total_fen", name="refunded"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    store_id: Mapped[UUID] = mapped_column(Uuid)
    till_no: Mapped[str] = mapped_column(Text)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    total_fen: Mapped[int] = mapped_column(BigInteger)
    balance_fen: Mapped[int] = mapped_column(BigInteger)
    principal_fen: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    refunded_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    items: Mapped[Any | None] = mapped_column(JSONB)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Recharge(TenantOwned, Base):
    __tablename__ = "recharges"
    __table_args__ = (
        UniqueConstraint("tenant_id", "store_id", "till_no"),
        Index("ix_recharges_member", "tenant_id", "member_id", "id"),
        Index("ix_recharges_time", "occurred_at", postgresql_using="brin", postgresql_with={"pages_per_range": "16"}),
        CheckConstraint("paid_fen > 0 AND gift_fen >= 0", name="amounts"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    store_id: Mapped[UUID] = mapped_column(Uuid)
    till_no: Mapped[str] = mapped_column(Text)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    paid_fen: Mapped[int] = mapped_column(BigInteger)
    gift_fen: Mapped[int] = mapped_column(BigInteger)
    gift_points: Mapped[int] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Refund(TenantOwned, Base):
    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("tenant_id", "store_id", "till_no"),
        Index("ix_refunds_purchase", "tenant_id", "purchase_id"),
        CheckConstraint("amount_fen > 0", name="amount"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    store_id: Mapped[UUID] = mapped_column(Uuid)
    till_no: Mapped[str] = mapped_column(Text)
    purchase_id: Mapped[UUID] = mapped_column(Uuid)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    balance_fen: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

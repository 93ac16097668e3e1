"""Business facts from tills: purchases, recharges, refunds. Natural key: store and till number."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned


class Purchase(TenantOwned, Base):
    """What was bought. `balance_fen` of `total_fen` was paid from stored value (`principal_fen` of it own money).

    `points` are all that it earned, ripe or not; `growth_fen` is what it gave of growth. `who` is a keyed print of how the
    till called the member, `balance_after_fen` what was answered: so a repetition gets the first answer whatever has become of
    the member. `history`: loaded from an older system (G-04), never told.
    """

    __tablename__ = "purchases"
    __table_args__ = (
        Index(
            "ix_purchases_recorded", "recorded_at", postgresql_using="brin", postgresql_with={"pages_per_range": "16"}
        ),
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
    growth_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    refunded_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    balance_after_fen: Mapped[int | None] = mapped_column(BigInteger)
    who: Mapped[bytes | None] = mapped_column(LargeBinary)
    history: Mapped[bool] = mapped_column(Boolean, server_default=false())
    items: Mapped[Any | None] = mapped_column(JSONB)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Recharge(TenantOwned, Base):
    __tablename__ = "recharges"
    __table_args__ = (
        Index(
            "ix_recharges_recorded", "recorded_at", postgresql_using="brin", postgresql_with={"pages_per_range": "16"}
        ),
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
    points_after: Mapped[int | None] = mapped_column(BigInteger)
    balance_after_fen: Mapped[int | None] = mapped_column(BigInteger)
    who: Mapped[bytes | None] = mapped_column(LargeBinary)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Refund(TenantOwned, Base):
    """`store_id` is where it was given, maybe another branch than the purchase's. `points` were ripe, `pending_points` not."""

    __tablename__ = "refunds"
    __table_args__ = (
        Index("ix_refunds_recorded", "recorded_at", postgresql_using="brin", postgresql_with={"pages_per_range": "16"}),
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
    pending_points: Mapped[int] = mapped_column(BigInteger, server_default="0")
    growth_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    points_after: Mapped[int | None] = mapped_column(BigInteger)
    balance_after_fen: Mapped[int | None] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class RechargeReversal(TenantOwned, Base):
    """A recharge that was reported wrongly and taken back, once; `points` of its gift were still there."""

    __tablename__ = "recharge_reversals"
    __table_args__ = (
        Index(
            "ix_recharge_reversals_recorded",
            "recorded_at",
            postgresql_using="brin",
            postgresql_with={"pages_per_range": "16"},
        ),
        UniqueConstraint("tenant_id", "recharge_id"),
        UniqueConstraint("tenant_id", "store_id", "till_no"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    recharge_id: Mapped[UUID] = mapped_column(Uuid)
    store_id: Mapped[UUID] = mapped_column(Uuid)
    till_no: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    points: Mapped[int] = mapped_column(BigInteger)
    points_after: Mapped[int | None] = mapped_column(BigInteger)
    balance_after_fen: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

"""The ledger's tables (design/architecture §11). Amounts are whole units: points, fen, parts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned

UNITS = frozenset(
    {
        *("points", "points_pending", "growth", "cny_principal", "cny_gift"),
        *("coupon_points_free", "coupon_points_paid"),
        *("sms_parts", "sms_used", "sms_owed", "sms_fen"),
    }
)
"""`points_pending` are earned but not ripe yet (G-14); `growth` is in fen, a point of growth is 100 of them.

Of a merchant's SMS (X-05): parts bought before, parts used, parts used that nobody had bought yet, money's worth used.
"""

HOLD_MOVES = {"open": frozenset({"captured", "released", "expired"})}


class Account(TenantOwned, Base):
    """One balance: `seq` counts its transfers, so the chain has no gap; `held` is promised but not yet gone."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        CheckConstraint("held >= 0 AND balance >= held", name="never_below_held"),
        {"postgresql_with": {"fillfactor": "70"}},
    )
    owner_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    unit: Mapped[str] = mapped_column(Text, primary_key=True)
    balance: Mapped[int] = mapped_column(BigInteger, server_default="0")
    held: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seq: Mapped[int] = mapped_column(BigInteger, server_default="0")


class Transfer(TenantOwned, Base):
    """One immutable movement. The contra side (`points_issued`, `sales`, `cash_in` …) is a sum in reports, never a row."""

    __tablename__ = "ledger_transfers"
    __table_args__ = (
        UniqueConstraint("tenant_id", "source_id", "source_type", "reason", "owner_id", "unit", name="uq_ledger_once"),
        Index("ix_ledger_transfers_time", "at", postgresql_using="brin", postgresql_with={"pages_per_range": "16"}),
        Index(
            "uq_ledger_reversed_once",
            "tenant_id",
            "owner_id",
            "unit",
            "reverses",
            unique=True,
            postgresql_where=text("reverses IS NOT NULL"),
        ),
    )
    owner_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    unit: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)
    contra: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    source_type: Mapped[str] = mapped_column(Text)
    source_id: Mapped[UUID] = mapped_column(Uuid)
    reverses: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Lot(TenantOwned, Base):
    """The part of a balance that expires (or ripens: `points_pending`); what is in no lot does not.

    One for each source that gave it: spent earliest expiry first, taken back from its own first. Of `granted`, `remaining` is
    there still and `expired` is gone by itself. `told_at`: the member was told that it will expire.
    """

    __tablename__ = "ledger_lots"
    __table_args__ = (
        CheckConstraint("remaining >= 0", name="remaining"),
        CheckConstraint("expired >= 0 AND remaining + expired <= granted", name="granted"),
        Index("ix_ledger_lots_due", "tenant_id", "expires_at", postgresql_where=text("remaining > 0")),
        Index(
            "ix_ledger_lots_source", "tenant_id", "source_id", postgresql_where=text(f"source_id <> '{UUID(int=0)}'")
        ),
    )
    owner_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    unit: Mapped[str] = mapped_column(Text, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    source_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    granted: Mapped[int] = mapped_column(BigInteger)
    remaining: Mapped[int] = mapped_column(BigInteger)
    expired: Mapped[int] = mapped_column(BigInteger, server_default="0")
    told_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Hold(TenantOwned, Base):
    """Value promised to something that is still open (an order, a send)."""

    __tablename__ = "ledger_holds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        UniqueConstraint("tenant_id", "source_id", "source_type", "owner_id", "unit", name="uq_ledger_hold_once"),
        Index("ix_ledger_holds_open", "tenant_id", "expires_at", postgresql_where=text("state = 'open'")),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(Uuid)
    unit: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    source_type: Mapped[str] = mapped_column(Text)
    source_id: Mapped[UUID] = mapped_column(Uuid)

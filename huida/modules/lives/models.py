"""Which records became one: with a receipt of everything that moved, by which it can be taken apart again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned


class MemberMerge(TenantOwned, Base):
    """`merged_id` became the survivor's; `receipt` is a `Receipt`, empty when it was undone or the survivor erased: it names accounts."""

    __tablename__ = "member_merges"
    __table_args__ = (
        Index("ix_member_merges_survivor", "tenant_id", "survivor_id", "id"),
        Index(
            "uq_member_merges_open",
            "tenant_id",
            "merged_id",
            unique=True,
            postgresql_where=text("undone_at IS NULL"),
        ),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    survivor_id: Mapped[UUID] = mapped_column(Uuid)
    merged_id: Mapped[UUID] = mapped_column(Uuid)
    receipt: Mapped[Any] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    undone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

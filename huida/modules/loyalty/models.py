"""A merchant's earning rules. One row per merchant; effective from its save on, never in the past."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned


class LoyaltyRules(TenantOwned, Base):
    """`levels_read_at`: everybody's level was read anew under the rules of `updated_at` (B-07, B-31)."""

    __tablename__ = "loyalty_rules"
    rules: Mapped[Any] = mapped_column(JSONB)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    levels_read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

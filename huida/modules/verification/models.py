"""Codes that were asked for, members' passwords, and counters over all merchants.

Codes and phones are sealed; equality goes through keyed hashes.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
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

CODE_MOVES = {
    "queued": frozenset({"accepted", "delivered", "failed", "unknown"}),
    "unknown": frozenset({"accepted", "delivered", "failed"}),
    "accepted": frozenset({"delivered", "failed"}),
}
"""What became of the SMS; whether the code was used is `used_at`."""


class CodeRow(TenantOwned, Base):
    """A code that somebody asked for. `code_sealed` is empty once it has gone out; `ways` are template codes by provider.

    `tries` are those of the device that asked (`asker_hash`), `others_tries` everybody else's.
    """

    __tablename__ = "verification_codes"
    __table_args__ = (
        Index("ix_verification_codes_phone", "tenant_id", "phone_hash", "id"),
        CheckConstraint("tries BETWEEN 0 AND 5", name="tries"),
        CheckConstraint("state = 'queued' OR code_sealed IS NULL", name="wiped"),
        CheckConstraint("others_tries BETWEEN 0 AND 5", name="others_tries"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    scenario: Mapped[str] = mapped_column(Text)
    phone_hash: Mapped[bytes] = mapped_column(LargeBinary)
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_tail: Mapped[str] = mapped_column(Text)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    code_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    ways: Mapped[Any] = mapped_column(JSONB)
    tries: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    others_tries: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    asker_hash: Mapped[bytes] = mapped_column(LargeBinary, server_default=text("''::bytea"))
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default="")
    provider: Mapped[str] = mapped_column(Text, server_default="")
    provider_ref: Mapped[str] = mapped_column(Text, server_default="")
    parts: Mapped[int] = mapped_column(SmallInteger)
    cost_fen: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class MemberPassword(TenantOwned, Base):
    """A member's password for pages outside WeChat."""

    __tablename__ = "member_passwords"
    member_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    password_hash: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CodeSettingsRow(TenantOwned, Base):
    """How many codes a merchant lets out: `*_most` is its own, `cap_*` the operators' (none when NULL), the smaller one holds.

    `usual_hour` is how many codes an hour usually has, worked out every night. `full_*` is which limit customers met last,
    since when, and until when.
    """

    __tablename__ = "verification_settings"
    __table_args__ = (
        CheckConstraint("hour_most BETWEEN 1 AND day_most", name="most"),
        CheckConstraint("cap_hour >= 1 AND cap_day >= 1", name="caps"),
        CheckConstraint("cap_hour <= cap_day", name="cap_order"),
    )
    hour_most: Mapped[int] = mapped_column(Integer)
    day_most: Mapped[int] = mapped_column(Integer)
    cap_hour: Mapped[int | None] = mapped_column(Integer)
    cap_day: Mapped[int | None] = mapped_column(Integer)
    full_limit: Mapped[str] = mapped_column(Text, server_default="")
    usual_hour: Mapped[int | None] = mapped_column(Integer)
    full_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    full_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Counter(Base):
    """How often something happened until `ends_at`; `key` is a keyed hash of what is counted. Over all merchants."""

    __tablename__ = "verification_counts"
    __table_args__ = (Index("ix_verification_counts_ends_at", "ends_at"),)
    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

"""Members, their WeChat identities and their sessions. Phones are sealed; equality goes through a keyed hash."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned

MEMBER_MOVES = {
    "active": frozenset({"frozen", "left", "merged"}),
    "frozen": frozenset({"active", "left"}),
    "left": frozenset({"active", "erased"}),
    "merged": frozenset({"active"}),
}
"""`merged` is the record of somebody who has another one (`merged_into`); a merge that is undone makes it active again.
Terminal: erased."""
CARD_REASONS: tuple[str, ...] = ("lost", "damaged", "other")


class Member(TenantOwned, Base):
    """`card_key` makes cards that differ in case only one; a `card_twin` is the younger of two from before that rule."""

    __tablename__ = "members"
    __table_args__ = (
        UniqueConstraint("tenant_id", "card_no"),
        Index("uq_members_card_key", "tenant_id", "card_key", unique=True, postgresql_where=text("NOT card_twin")),
        CheckConstraint("cardinality(tags) <= 20", name="tags"),
        Index(
            "uq_members_phone", "tenant_id", "phone_hash", unique=True, postgresql_where=text("phone_hash IS NOT NULL")
        ),
        Index("ix_members_name", "tenant_id", "name", postgresql_ops={"name": "text_pattern_ops"}),
        Index("ix_members_level", "tenant_id", "level", "id"),
        Index("ix_members_changed", "tenant_id", "changed_at", "id"),
        Index("ix_members_state", "tenant_id", "state", "id", postgresql_where=text("state <> 'active'")),
        Index("ix_members_merged_into", "tenant_id", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
        CheckConstraint(
            "(state = 'merged') = (merged_into IS NOT NULL) AND merged_into <> id",
            name="merged_into",
        ),
        CheckConstraint("(state IN ('left', 'erased')) = (left_at IS NOT NULL)", name="left_at"),
        CheckConstraint(
            "state <> 'erased' OR (name = '' AND note = '' AND phone_tail = '' AND phone_hash IS NULL AND phone_sealed IS NULL "
            "AND birthday IS NULL)",
            name="erased",
        ),
        Index("ix_members_time", "joined_at", postgresql_using="brin", postgresql_with={"pages_per_range": "16"}),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    card_no: Mapped[str] = mapped_column(Text)
    card_key: Mapped[str] = mapped_column(Text, Computed('upper(card_no COLLATE "C")', persisted=True))
    card_twin: Mapped[bool] = mapped_column(Boolean, server_default="false")
    name: Mapped[str] = mapped_column(Text)
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_tail: Mapped[str] = mapped_column(Text, server_default="")
    level: Mapped[str] = mapped_column(Text, server_default="normal")
    birthday: Mapped[date | None] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text, server_default="")
    state: Mapped[str] = mapped_column(Text, server_default="active")
    joined_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    store_id: Mapped[UUID | None] = mapped_column(Uuid)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    merged_into: Mapped[UUID | None] = mapped_column(Uuid)
    left_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OldCard(TenantOwned, Base):
    """A card number that was replaced: nobody else gets it, no till takes it, and staff find its member by it."""

    __tablename__ = "member_old_cards"
    __table_args__ = (
        CheckConstraint("reason IN ('lost', 'damaged', 'other')", name="reason"),
        Index("ix_member_old_cards_member", "tenant_id", "member_id"),
        Index("ix_member_old_cards_key", "tenant_id", text("upper(card_no)")),
    )
    card_no: Mapped[str] = mapped_column(Text, primary_key=True)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Identity(TenantOwned, Base):
    """One WeChat account of one app. `member_id` is empty for a visitor who has not joined; `follows` is for the OA."""

    __tablename__ = "identities"
    __table_args__ = (
        CheckConstraint("openid <> ''", name="openid"),
        CheckConstraint("unionid <> ''", name="unionid"),
        Index("ix_identities_member", "tenant_id", "member_id", "app_id"),
        Index("ix_identities_unionid", "tenant_id", "unionid", postgresql_where=text("unionid IS NOT NULL")),
    )
    app_id: Mapped[str] = mapped_column(Text, primary_key=True)
    openid: Mapped[str] = mapped_column(Text, primary_key=True)
    member_id: Mapped[UUID | None] = mapped_column(Uuid)
    unionid: Mapped[str | None] = mapped_column(Text)
    follows: Mapped[bool] = mapped_column(Boolean, server_default="false")
    follows_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class MemberSession(Base):
    """A login, looked up before the tenant is known: of a WeChat account, or of a member who showed a phone.

    With `member_id` the app and the openid are empty.
    """

    __tablename__ = "member_sessions"
    __table_args__ = (
        CheckConstraint(
            "(member_id IS NULL AND app_id <> '' AND openid <> '') OR (member_id IS NOT NULL AND app_id = '' AND openid = '')",
            name="who",
        ),
        Index("ix_member_sessions_member", "tenant_id", "member_id", postgresql_where=text("member_id IS NOT NULL")),
        Index("ix_member_sessions_expires_at", "expires_at"),
    )
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    app_id: Mapped[str] = mapped_column(Text)
    openid: Mapped[str] = mapped_column(Text)
    member_id: Mapped[UUID | None] = mapped_column(Uuid)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SpendCode(TenantOwned, Base):
    """A code that a member shows at the till, used once; at most one of a member is open."""

    __tablename__ = "spend_codes"
    __table_args__ = (
        Index("uq_spend_codes_open", "tenant_id", "member_id", unique=True, postgresql_where=text("used_at IS NULL")),
    )
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    used_by: Mapped[str] = mapped_column(Text, server_default="")

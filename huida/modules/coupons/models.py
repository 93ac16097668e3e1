"""Coupons: templates (what the shop offers), coupons (what members have), reminders and their timing."""

from datetime import date, datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Text,
    Uuid,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned

CouponKind = Literal["cash", "discount", "gift"]
CouponState = Literal["issued", "used", "expired", "void", "returned"]
TemplateState = Literal["draft", "on", "off"]
KINDS: tuple[CouponKind, ...] = get_args(CouponKind)

TEMPLATE_MOVES = {
    "draft": frozenset({"on"}),
    "on": frozenset({"off"}),
    "off": frozenset({"on"}),
}

COUPON_MOVES = {
    "issued": frozenset({"used", "expired", "void", "returned"}),
    "used": frozenset({"issued"}),
}
"""A reversal reopens a used coupon. Terminal: expired, void (taken away by the shop), returned (given back)."""


class CouponTemplate(TenantOwned, Base):
    """What a coupon is worth, how many there are and how long one lasts.

    `issued` moves by one guarded statement; `claimable` templates are offered to members, the others only given. At one order
    at most `per_order` of it are used, and none beside others when it stands `alone` (B-25).
    """

    __tablename__ = "coupon_templates"
    __table_args__ = (
        CheckConstraint("kind IN ('cash', 'discount', 'gift')", name="kind"),
        CheckConstraint("state IN ('draft', 'on', 'off')", name="state"),
        CheckConstraint("issued >= 0 AND issued <= total", name="stock"),
        CheckConstraint("per_member >= 1", name="per_member"),
        CheckConstraint("per_order BETWEEN 1 AND 100", name="per_order"),
        CheckConstraint(
            "(valid_days IS NULL) <> (valid_to IS NULL) AND (valid_from IS NULL) = (valid_to IS NULL)", name="validity"
        ),
        Index("ix_coupon_templates_state", "tenant_id", "state", "id"),
        {"postgresql_with": {"fillfactor": "70"}},
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, server_default="")
    kind: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    threshold_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    discount_bp: Mapped[int] = mapped_column(Integer, server_default="0")
    total: Mapped[int] = mapped_column(Integer)
    issued: Mapped[int] = mapped_column(Integer, server_default="0")
    per_member: Mapped[int] = mapped_column(Integer, server_default="1")
    alone: Mapped[bool] = mapped_column(Boolean, server_default=false())
    per_order: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    valid_days: Mapped[int | None] = mapped_column(SmallInteger)
    claimable: Mapped[bool] = mapped_column(Boolean, server_default="true")
    state: Mapped[str] = mapped_column(Text, server_default="draft")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CouponHolder(TenantOwned, Base):
    """How many of a template a member was given; its guarded count is the limit per member under concurrency."""

    __tablename__ = "coupon_holders"
    __table_args__ = (CheckConstraint("issued >= 0", name="issued"),)
    template_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    member_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    issued: Mapped[int] = mapped_column(Integer)


class CouponRow(TenantOwned, Base):
    """One coupon of one member. Name and worth are the template's; `source` and `source_key` say what it was given for."""

    __tablename__ = "coupons"
    __table_args__ = (
        CheckConstraint("state IN ('issued', 'used', 'expired', 'void', 'returned')", name="state"),
        CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name="used_at"),
        CheckConstraint("(state IN ('expired', 'void', 'returned')) = (closed_at IS NOT NULL)", name="closed_at"),
        CheckConstraint("used_at BETWEEN valid_from AND valid_until", name="used_while_valid"),
        Index("uq_coupons_code", "tenant_id", "code", unique=True),
        Index("uq_coupons_source", "tenant_id", "template_id", "source", "source_key", unique=True),
        Index("ix_coupons_member", "tenant_id", "member_id", "id"),
        Index("ix_coupons_template", "tenant_id", "template_id", "id"),
        Index("ix_coupons_order", "tenant_id", "order_ref", "store_code", postgresql_where=text("order_ref <> ''")),
        Index("ix_coupons_open_until", "tenant_id", "valid_until", postgresql_where=text("state = 'issued'")),
        Index("ix_coupons_open_since", "tenant_id", "issued_at", postgresql_where=text("state = 'issued'")),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    template_id: Mapped[UUID] = mapped_column(Uuid)
    member_id: Mapped[UUID] = mapped_column(Uuid)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    source_key: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    valid_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    store_code: Mapped[str] = mapped_column(Text, server_default="")
    order_ref: Mapped[str] = mapped_column(Text, server_default="")
    off_fen: Mapped[int | None] = mapped_column(BigInteger)
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str] = mapped_column(Text, server_default="")


class CouponSettings(TenantOwned, Base):
    """When unused coupons are called to mind (S1-08); 0 is off. Without a row: 3 days before the end.

    `refund_reopens`: a purchase that goes back whole gives its coupons back too (B-25); so it is without a row.
    """

    __tablename__ = "coupon_settings"
    __table_args__ = (
        CheckConstraint("remind_after_days BETWEEN 0 AND 365", name="after"),
        CheckConstraint("remind_before_days BETWEEN 0 AND 365", name="before"),
    )
    remind_after_days: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    remind_before_days: Mapped[int] = mapped_column(SmallInteger, server_default="3")
    refund_reopens: Mapped[bool] = mapped_column(Boolean, server_default=true())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CouponReminder(TenantOwned, Base):
    """A coupon was called to mind for this reason: once and not again."""

    __tablename__ = "coupon_reminders"
    __table_args__ = (CheckConstraint("why IN ('after_claim', 'before_expiry')", name="why"),)
    coupon_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    why: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

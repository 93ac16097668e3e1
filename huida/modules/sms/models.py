"""SMS: the platform's accounts, texts and settings; merchants' signatures; reports that were taken in.

The platform's own tables carry no `tenant_id`: every merchant sends with them, only operators change them.
"""

from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
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

Provider = Literal["aliyun", "tencent"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)

SIGNATURE_MOVES = {
    "none": frozenset({"in_review"}),
    "in_review": frozenset({"approved", "rejected", "withdrawn"}),
    "approved": frozenset({"withdrawn"}),
}
"""`none` is before there is a row (S1-98). A refused name is submitted anew, so that each review keeps its papers."""

Source = Literal["company", "website", "app", "wechat", "shop", "trademark"]
SOURCES: tuple[Source, ...] = get_args(Source)
"""Where a signature's name comes from (S1-96), in the order of the provider's codes 0–5."""


class SmsAccount(Base):
    """The platform's account at a provider. `report_key_sealed` is the unguessable part of the report address."""

    __tablename__ = "sms_accounts"
    __table_args__ = (
        CheckConstraint("provider IN ('aliyun', 'tencent')", name="provider"),
        CheckConstraint("state IN ('active', 'off')", name="state"),
    )
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    key_id: Mapped[str] = mapped_column(Text)
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    sdk_app_id: Mapped[str] = mapped_column(Text, server_default="")
    report_key_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text, server_default="active")
    weight: Mapped[int] = mapped_column(Integer, server_default="100")
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SmsTextRow(Base):
    """A platform-owned text (S1-112) of a scenario at a provider; `params` names what fills each of its variables."""

    __tablename__ = "sms_texts"
    __table_args__ = (CheckConstraint("state IN ('active', 'off')", name="state"),)
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    scenario: Mapped[str] = mapped_column(Text, primary_key=True)
    template_code: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    params: Mapped[Any] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text, server_default="active")
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SmsSettings(Base):
    """One row: the price of a part (S1-24) and the signature of merchants without their own (S1-100)."""

    __tablename__ = "sms_settings"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), CheckConstraint("part_fen >= 0", name="part_fen"))
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    part_fen: Mapped[int] = mapped_column(Integer, server_default="10")
    sign_name: Mapped[str] = mapped_column(Text, server_default="会达")
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SmsReview(Base):
    """The operators' queue of signatures in review, over all merchants: a pointer, the signature itself is the merchant's.

    `handed_in_at`: since when the provider has it, because an operator wanted so. Only such names are asked for: a name
    that the platform's account already has says nothing about who may use it.
    """

    __tablename__ = "sms_reviews"
    __table_args__ = (Index("ix_sms_reviews_signature_id", "signature_id"),)
    merchant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    signature_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    submitted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    handed_in_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SmsSignature(TenantOwned, Base):
    """A merchant's signature. At most one is in review and at most one, an approved one, is applied (S1-99, S1-101)."""

    __tablename__ = "sms_signatures"
    __table_args__ = (
        CheckConstraint("state IN ('in_review', 'approved', 'rejected', 'withdrawn')", name="state"),
        CheckConstraint("NOT applied OR state = 'approved'", name="applied_is_approved"),
        Index("uq_sms_signatures_applied", "tenant_id", unique=True, postgresql_where=text("applied")),
        Index("uq_sms_signatures_in_review", "tenant_id", unique=True, postgresql_where=text("state = 'in_review'")),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    files: Mapped[Any] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default="")
    applied: Mapped[bool] = mapped_column(Boolean, server_default="false")
    submitted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    submitted_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SmsSignatureFile(TenantOwned, Base):
    """The papers that prove a name (S1-96); seen by the merchant and the operators only."""

    __tablename__ = "sms_signature_files"
    signature_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class SmsReportRow(TenantOwned, Base):
    """Reports that were taken in, so that a repeated one changes nothing. `id` hashes reference, phone and state."""

    __tablename__ = "sms_reports"
    __table_args__ = (Index("ix_sms_reports_at", "tenant_id", "at"),)
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

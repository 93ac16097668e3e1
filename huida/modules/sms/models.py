"""SMS: the platform's accounts, texts and settings; merchants' signatures; reports that were taken in.

The platform's own tables carry no `tenant_id`: every merchant sends with them, only operators change them.
"""

from datetime import date, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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

PayModel = Literal["per_part", "package"]
"""How a merchant pays (X-05): each part afterwards, or parts bought before."""

PURCHASE_MOVES = {
    "pending": frozenset({"paid", "closed"}),
    "closed": frozenset({"paid"}),
    "paid": frozenset({"refunding"}),
    "refunding": frozenset({"refunded", "paid"}),
}
"""A purchase that was closed may still turn out paid: then its parts are there too."""


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
    """One row: the signature of merchants without their own (S1-100); empty when each must have one."""

    __tablename__ = "sms_settings"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    sign_name: Mapped[str] = mapped_column(Text, server_default="会达")
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SmsPrice(Base):
    """What a part costs from a moment on (S1-24, X-16); the next entry ends it. Entries are never changed."""

    __tablename__ = "sms_prices"
    __table_args__ = (CheckConstraint("part_fen BETWEEN 0 AND 1000", name="part_fen"),)
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    part_fen: Mapped[int] = mapped_column(Integer)
    entered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    entered_by: Mapped[str] = mapped_column(Text)


class SmsPackage(Base):
    """So many parts for so much money (S2-65). A purchase keeps what it was bought as."""

    __tablename__ = "sms_packages"
    __table_args__ = (
        CheckConstraint("parts > 0 AND price_fen > 0", name="worth_something"),
        CheckConstraint("valid_until IS NULL OR valid_until > valid_from", name="valid"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    parts: Mapped[int] = mapped_column(Integer)
    price_fen: Mapped[int] = mapped_column(BigInteger)
    on_sale: Mapped[bool] = mapped_column(Boolean, server_default="true")
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    valid_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SmsHealth(Base):
    """How a provider has answered lately: after `failures` in a row it rests until `until`, then it is tried again."""

    __tablename__ = "sms_health"
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_code: Mapped[str] = mapped_column(Text, server_default="")
    failed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    answered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SmsMerchant(Base):
    """The operators' line about a merchant, copied by its own roll-up: how it pays, what it has left, when it last sent."""

    __tablename__ = "sms_merchants"
    merchant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    model: Mapped[str] = mapped_column(Text)
    parts_left: Mapped[int] = mapped_column(BigInteger)
    parts_owed: Mapped[int] = mapped_column(BigInteger)
    active_on: Mapped[date] = mapped_column(Date)
    as_of: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SmsUsageDay(Base):
    """Messages of a merchant by day, scenario and provider, and what came of them: copied by the merchant's roll-up."""

    __tablename__ = "sms_usage_days"
    __table_args__ = (Index("ix_sms_usage_days_day", "day"),)
    merchant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    scenario: Mapped[str] = mapped_column(Text, primary_key=True)
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    messages: Mapped[int] = mapped_column(Integer)
    accepted: Mapped[int] = mapped_column(Integer)
    delivered: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
    parts: Mapped[int] = mapped_column(Integer)
    cost_fen: Mapped[int] = mapped_column(BigInteger)


class SmsWaitDay(Base):
    """How long receipts took: messages of a merchant by day, provider and seconds (two minutes and more: whole minutes)."""

    __tablename__ = "sms_wait_days"
    __table_args__ = (Index("ix_sms_wait_days_day", "day"),)
    merchant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    seconds: Mapped[int] = mapped_column(Integer, primary_key=True)
    messages: Mapped[int] = mapped_column(Integer)


class SmsSale(Base):
    """What merchants paid the platform for parts, or got for nothing: a copy for the operators' lists."""

    __tablename__ = "sms_sales"
    __table_args__ = (
        CheckConstraint("kind IN ('package', 'grant')", name="kind"),
        Index("ix_sms_sales_merchant", "merchant_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    merchant_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    parts: Mapped[int] = mapped_column(Integer)
    price_fen: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    by: Mapped[str] = mapped_column(Text)


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
    passed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SmsSignature(TenantOwned, Base):
    """A merchant's signature. At most ten are in review or approved (S2-68); at most one, an approved one, is applied.

    `use_at_once`: asked for to replace the one in use (S1-99); others wait until the merchant applies them (S2-75).
    `providers`: where it is approved, so where messages may start with it.
    """

    __tablename__ = "sms_signatures"
    __table_args__ = (
        CheckConstraint("state IN ('in_review', 'approved', 'rejected', 'withdrawn')", name="state"),
        CheckConstraint("NOT applied OR state = 'approved'", name="applied_is_approved"),
        Index("uq_sms_signatures_applied", "tenant_id", unique=True, postgresql_where=text("applied")),
        Index(
            "uq_sms_signatures_name",
            "tenant_id",
            "name",
            unique=True,
            postgresql_where=text("state IN ('in_review', 'approved')"),
        ),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    files: Mapped[Any] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default="")
    applied: Mapped[bool] = mapped_column(Boolean, server_default="false")
    use_at_once: Mapped[bool] = mapped_column(Boolean, server_default="true")
    providers: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
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


class SmsPlan(TenantOwned, Base):
    """How a merchant pays and how much it may spend in a day; the lock of what changes either.

    `price_milli`: what a part in stock was bought for on average, in thousandths of a fen. `soft_*` warns, `hard_*` stops
    (the merchant's), `cap_*` stops (the operators').
    """

    __tablename__ = "sms_plans"
    __table_args__ = (CheckConstraint("model IN ('per_part', 'package')", name="model"),)
    model: Mapped[str] = mapped_column(Text, server_default="per_part")
    price_milli: Mapped[int] = mapped_column(BigInteger, server_default="0")
    bought_parts: Mapped[int] = mapped_column(Integer, server_default="0")
    low_parts: Mapped[int | None] = mapped_column(Integer)
    low_told: Mapped[bool] = mapped_column(Boolean, server_default="false")
    soft_parts: Mapped[int | None] = mapped_column(Integer)
    hard_parts: Mapped[int | None] = mapped_column(Integer)
    soft_fen: Mapped[int | None] = mapped_column(BigInteger)
    hard_fen: Mapped[int | None] = mapped_column(BigInteger)
    cap_parts: Mapped[int | None] = mapped_column(Integer)
    cap_fen: Mapped[int | None] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SmsDay(TenantOwned, Base):
    """What a day's messages have taken of its budget; the lock of charges. What comes back gives its day room again."""

    __tablename__ = "sms_days"
    __table_args__ = (
        CheckConstraint("parts >= 0 AND cost_fen >= 0", name="not_below_zero"),
        {"postgresql_with": {"fillfactor": "50"}},
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    parts: Mapped[int] = mapped_column(Integer, server_default="0")
    cost_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    soft_told: Mapped[bool] = mapped_column(Boolean, server_default="false")
    hard_told: Mapped[bool] = mapped_column(Boolean, server_default="false")


class SmsCharge(TenantOwned, Base):
    """What one message costs: `drawn` when it was decided, `billed` by the provider's word, `returned` if never sent."""

    __tablename__ = "sms_charges"
    __table_args__ = (
        CheckConstraint("state IN ('drawn', 'billed', 'returned')", name="state"),
        CheckConstraint("parts >= 0 AND cost_fen >= 0", name="not_below_zero"),
        Index("ix_sms_charges_day", "tenant_id", "day"),
        {"postgresql_with": {"fillfactor": "75"}},
    )
    source_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    day: Mapped[date] = mapped_column(Date)
    model: Mapped[str] = mapped_column(Text)
    scenario: Mapped[str] = mapped_column(Text, server_default="")
    provider: Mapped[str] = mapped_column(Text, server_default="")
    price_milli: Mapped[int] = mapped_column(BigInteger)
    parts: Mapped[int] = mapped_column(Integer)
    cost_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)
    step: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    outcome: Mapped[str] = mapped_column(Text, server_default="")
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SmsPurchase(TenantOwned, Base):
    """A package that the merchant buys: what it was when it was ordered, and how far it is (S2-63)."""

    __tablename__ = "sms_purchases"
    __table_args__ = (CheckConstraint("state IN ('pending', 'paid', 'closed', 'refunding', 'refunded')", name="state"),)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    package_id: Mapped[UUID] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(Text)
    parts: Mapped[int] = mapped_column(Integer)
    price_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)
    payment_id: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    paid_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    refunds: Mapped[int] = mapped_column(SmallInteger, server_default="0")


class SmsGrant(TenantOwned, Base):
    """Parts that an operator gave by hand, or took back, and why."""

    __tablename__ = "sms_grants"
    __table_args__ = (CheckConstraint("parts <> 0", name="parts"),)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    parts: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    granted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    granted_by: Mapped[str] = mapped_column(Text)

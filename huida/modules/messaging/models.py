"""Scenarios' channels, templates, subscribe credits and deliveries."""

from datetime import datetime
from typing import Any, get_args
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
from huida.modules.messaging.library import Channel

CHANNELS: tuple[Channel, ...] = get_args(Channel)

DELIVERY_MOVES = {
    "queued": frozenset({"accepted", "delivered", "failed", "unknown", "retrying", "dead", "not_attempted"}),
    "retrying": frozenset({"accepted", "delivered", "failed", "unknown", "retrying", "dead", "queued"}),
    "unknown": frozenset({"accepted", "delivered", "failed"}),
    "accepted": frozenset({"delivered", "failed"}),
    "dead": frozenset({"queued", "retrying", "failed"}),
}
"""`accepted` by the provider is not `delivered` to the handset (S1-26). Terminal: delivered, failed, not_attempted.

One that left its turn to another channel is dead until that channel has taken it (then it failed) or could not (then it
goes on trying)."""


TROUBLES = frozenset({"dead", "failed", "retrying", "unknown"})
"""States that few messages are in and that people look for."""


class ScenarioSetting(TenantOwned, Base):
    """Per scenario: the channel policy (X-01) and its options (the order of channels). Its row is the lock of saves (S1-16)."""

    __tablename__ = "scenario_settings"
    scenario: Mapped[str] = mapped_column(Text, primary_key=True)
    policy: Mapped[str] = mapped_column(Text, server_default="exclusive")
    options: Mapped[Any] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))


class Binding(TenantOwned, Base):
    """A scenario's settings in one channel. Of an exclusive scenario at most one is live (S1-12); the others keep theirs.

    `system`: the template was found or added by us, and may be found again (S2-26).
    """

    __tablename__ = "bindings"
    __table_args__ = (
        Index(
            "uq_bindings_one_live", "tenant_id", "scenario", unique=True, postgresql_where=text("live AND exclusive")
        ),
        CheckConstraint("channel IN ('subscribe', 'sms', 'template')", name="channel"),
    )
    scenario: Mapped[str] = mapped_column(Text, primary_key=True)
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    live: Mapped[bool] = mapped_column(Boolean)
    exclusive: Mapped[bool] = mapped_column(Boolean, server_default="true")
    template_id: Mapped[str] = mapped_column(Text)
    mapping: Mapped[Any] = mapped_column(JSONB)
    paused_reason: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_by: Mapped[str] = mapped_column(Text)
    system: Mapped[bool] = mapped_column(Boolean, server_default="false")


class Template(TenantOwned, Base):
    """A template in the account's own list on WeChat's side (S1-35..S1-41), as last seen there; `former` is its content before
    WeChat changed it, for finding what its fields said."""

    __tablename__ = "wechat_templates"
    __table_args__ = (CheckConstraint("template_id <> ''", name="template_id"),)
    app_id: Mapped[str] = mapped_column(Text, primary_key=True)
    template_id: Mapped[str] = mapped_column(Text, primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    example: Mapped[str] = mapped_column(Text, server_default="")
    kind: Mapped[int] = mapped_column(SmallInteger, server_default="2")
    choices: Mapped[Any] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    library_id: Mapped[str | None] = mapped_column(Text)
    keywords: Mapped[Any | None] = mapped_column(JSONB)
    scene: Mapped[str] = mapped_column(Text, server_default="")
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    gone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    former: Mapped[str | None] = mapped_column(Text)


class Proposal(TenantOwned, Base):
    """A template that a merchant proposed to WeChat's public library (S1-65..S1-67)."""

    __tablename__ = "template_proposals"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    keywords: Mapped[Any] = mapped_column(JSONB)
    scene: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default="")
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Credit(TenantOwned, Base):
    """What one WeChat account allows for one template. The page and WeChat both report an accept; the larger count holds.

    `granted` = greatest(by_client, by_event): two reports of the same accept are one (reference wechat-platform §3.7).
    """

    __tablename__ = "subscribe_credits"
    __table_args__ = (
        CheckConstraint("openid <> '' AND template_id <> ''", name="keys"),
        CheckConstraint("consumed >= 0 AND consumed <= greatest(by_client, by_event)", name="not_overdrawn"),
        {"postgresql_with": {"fillfactor": "70"}},
    )
    app_id: Mapped[str] = mapped_column(Text, primary_key=True)
    openid: Mapped[str] = mapped_column(Text, primary_key=True)
    template_id: Mapped[str] = mapped_column(Text, primary_key=True)
    by_client: Mapped[int] = mapped_column(Integer, server_default="0")
    by_event: Mapped[int] = mapped_column(Integer, server_default="0")
    consumed: Mapped[int] = mapped_column(Integer, server_default="0")
    refused: Mapped[bool] = mapped_column(Boolean, server_default="false")
    rejected_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ClientReport(TenantOwned, Base):
    """A subscribe result that the member centre sent, by its own number, so that a repeated request counts once."""

    __tablename__ = "subscribe_reports"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Delivery(TenantOwned, Base):
    """One message, with what was decided and what became of it. Its key makes it one (S1-93).

    `slot` is empty for the one message of an exclusive scenario, else the channel, or the staff member who is told.
    `member_id` is whom it goes to: a member, or a staff member when `audience` says so.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_member", "tenant_id", "member_id", "fact_id"),
        CheckConstraint("audience IN ('member', 'staff')", name="audience"),
        Index("ix_deliveries_time", "created_at", postgresql_using="brin", postgresql_with={"pages_per_range": "32"}),
        {"postgresql_with": {"fillfactor": "75"}},
    )
    fact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    scenario: Mapped[str] = mapped_column(Text, primary_key=True)
    slot: Mapped[str] = mapped_column(Text, primary_key=True, server_default="")
    audience: Mapped[str] = mapped_column(Text, server_default="member")
    member_id: Mapped[UUID] = mapped_column(Uuid)
    channel: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default="")
    app_id: Mapped[str] = mapped_column(Text, server_default="")
    address: Mapped[str] = mapped_column(Text, server_default="")
    template_id: Mapped[str] = mapped_column(Text, server_default="")
    body: Mapped[str] = mapped_column(Text, server_default="")
    attempt: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    provider_ref: Mapped[str] = mapped_column(Text, server_default="")
    parts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    cost_fen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DeliveryTrouble(TenantOwned, Base):
    """A message in a state of trouble: kept by triggers, so that the many others cost nothing.

    Whoever reads it compares with the delivery: what got well before migration 0005 stayed here and does not count.
    """

    __tablename__ = "delivery_troubles"
    state: Mapped[str] = mapped_column(Text, primary_key=True)
    fact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    scenario: Mapped[str] = mapped_column(Text, primary_key=True)
    slot: Mapped[str] = mapped_column(Text, primary_key=True, server_default="")


class ShortLink(Base):
    """A link short enough for an SMS variable; opens the member centre at the business detail (S1-117)."""

    __tablename__ = "short_links"
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    page: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SmsTemplate(TenantOwned, Base):
    """An SMS text that the store manages (X-03, S2-54..S2-61): it equals what the provider approved.

    `mapping` says which variable each placeholder shows, `codes` which template it is at each provider.
    """

    __tablename__ = "sms_templates"
    __table_args__ = (CheckConstraint("state IN ('enabled', 'disabled')", name="state"),)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    scenario: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    mapping: Mapped[Any] = mapped_column(JSONB)
    codes: Mapped[Any] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    paused_reason: Mapped[str | None] = mapped_column(Text)
    checked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_by: Mapped[str] = mapped_column(Text)


class StaffBinding(TenantOwned, Base):
    """The WeChat account in which a staff member is told (S2-50), and of which scenarios."""

    __tablename__ = "staff_bindings"
    __table_args__ = (
        CheckConstraint("openid <> ''", name="openid"),
        Index("uq_staff_bindings_openid", "tenant_id", "app_id", "openid", unique=True),
    )
    staff_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    app_id: Mapped[str] = mapped_column(Text)
    openid: Mapped[str] = mapped_column(Text)
    follows: Mapped[bool] = mapped_column(Boolean, server_default="true")
    follows_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    scenarios: Mapped[Any] = mapped_column(JSONB)
    bound_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class StaffScene(TenantOwned, Base):
    """A QR code that binds whoever scans it first to one staff member; only the hash of its scene is kept."""

    __tablename__ = "staff_scenes"
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(Uuid)
    app_id: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    trouble: Mapped[str] = mapped_column(Text, server_default="")


class NoticeRule(Base):
    """What WeChat asks of accounts that send notices of a mall, and the numbers of default templates in its category
    library by scenario, as the operator has them (S2-06, S2-09, X-17): data."""

    __tablename__ = "notice_rules"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)
    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    industries: Mapped[Any] = mapped_column(JSONB)
    categories: Mapped[Any] = mapped_column(JSONB)
    numbers: Mapped[Any] = mapped_column(JSONB)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

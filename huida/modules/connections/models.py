"""The merchant's apps and what WeChat pushed. `callback_routes` is looked up before a tenant is known."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, DateTime, Index, LargeBinary, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned

KINDS = frozenset({"oa", "mini"})
APP_MOVES = {
    "pending": frozenset({"connected", "disconnected"}),
    "connected": frozenset({"disconnected"}),
    "disconnected": frozenset({"pending", "connected"}),
}


class App(TenantOwned, Base):
    """An official account or mini program. At most one of each kind is connected; secrets are sealed.

    Connected means that WeChat has accepted the secret, which is why one AppID is connected once on a server. Until then
    it is `pending`: nothing calls it, nobody logs in through it, its pushes are not heard.
    `subscribe_open` is the function state of S1-32: subscription messages are blocked until the merchant opens them.
    """

    __tablename__ = "apps"
    __table_args__ = (
        Index(
            "uq_apps_connected_kind",
            "tenant_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'connected'"),
        ),
        Index("uq_apps_connected_app", "app_id", unique=True, postgresql_where=text("state = 'connected'")),
        CheckConstraint("state IN ('pending', 'connected', 'disconnected')", name="state"),
    )
    app_id: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    original_id: Mapped[str] = mapped_column(Text, server_default="")
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    token_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    aes_key_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    callback_mode: Mapped[str] = mapped_column(Text, server_default="safe")
    callback_seen_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    route_key: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="connected")
    subscribe_open: Mapped[bool] = mapped_column(Boolean, server_default="false")
    checks: Mapped[Any | None] = mapped_column(JSONB)
    checked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    connected_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CallbackRoute(Base):
    """Where a push belongs: the unguessable last part of its URL → merchant and app. Connected apps only, each once."""

    __tablename__ = "callback_routes"
    __table_args__ = (Index("uq_callback_routes_app", "app_id", unique=True),)
    route_key: Mapped[str] = mapped_column(Text, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    app_id: Mapped[str] = mapped_column(Text)


class CallbackInbox(TenantOwned, Base):
    """An authentic push as it came, once: `id` is the hash of app and push key, which repeats share."""

    __tablename__ = "callback_inbox"
    __table_args__ = (Index("ix_callback_inbox_received", "tenant_id", "received_at"),)
    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    app_id: Mapped[str] = mapped_column(Text)
    query: Mapped[Any] = mapped_column(JSONB)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

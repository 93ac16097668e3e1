"""Merchants and who may act for them. `merchants`, `logins`, `sessions` and `api_keys` are looked up before a tenant is
known, so they carry no row-level security; only this module reads them."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Identity, Index, LargeBinary, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned

PLATFORM = 0
"""The tenant id of the platform itself: its operators are staff of this tenant."""

ROLES: dict[str, frozenset[str]] = {
    "platform_admin": frozenset({"*"}),
    "store_admin": frozenset({"*"}),
    "store_staff": frozenset(
        {
            "members.view",
            "orders.view",
            "orders.write",
            "messaging.view",
            "coupons.redeem",
            "overview.view",
            "stores.view",
            "mall.view",
            "mall.ship",
        }
    ),
    "viewer": frozenset({"members.view", "orders.view", "messaging.view", "overview.view", "stores.view", "mall.view"}),
}
"""What a role may do (X-15). `*` is everything within the own tenant; phones are masked without `members.phones`."""

Scope = Literal[
    "purchases.write",
    "purchases.read",
    "members.write",
    "members.read",
    "balances.read",
    "coupons.write",
    "messages.read",
    "mall.read",
    "mall.write",
]
SCOPES: frozenset[Scope] = frozenset(get_args(Scope))


class Merchant(Base):
    __tablename__ = "merchants"
    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1001), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    short_name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="open")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Store(TenantOwned, Base):
    __tablename__ = "stores"
    __table_args__ = (UniqueConstraint("tenant_id", "code"),)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text, server_default="")
    phone: Mapped[str] = mapped_column(Text, server_default="")
    state: Mapped[str] = mapped_column(Text, server_default="open")
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Staff(TenantOwned, Base):
    __tablename__ = "staff"
    __table_args__ = (UniqueConstraint("tenant_id", "login"),)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    login: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_last_step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    state: Mapped[str] = mapped_column(Text, server_default="active")
    # Not used any more: tries are counted in `login_tries`. A later migration drops them.
    failed_logins: Mapped[int] = mapped_column(BigInteger, server_default="0")
    locked_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    totp_offer_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_offer_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The password was given by somebody else: it opens the door once, until then, and only together with a new one.
    one_time_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Login(Base):
    """Whose login name this is: unique over all merchants, looked up before a tenant is known."""

    __tablename__ = "logins"
    login: Mapped[str] = mapped_column(Text, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    staff_id: Mapped[UUID] = mapped_column(Uuid)


class Session(Base):
    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_staff", "tenant_id", "staff_id"),)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    staff_id: Mapped[UUID] = mapped_column(Uuid)
    csrf_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class LoginTry(Base):
    """Tries at logins: how many, when the next one may be made, when all of it is forgotten. `key` is a keyed hash of the
    login and the network or device. Over all merchants."""

    __tablename__ = "login_tries"
    __table_args__ = (Index("ix_login_tries_forget_at", "forget_at"),)
    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    next_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    forget_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ApiKey(Base):
    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_tenant", "tenant_id", "id"),)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    id: Mapped[UUID] = mapped_column(Uuid)
    name: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Entitlement(TenantOwned, Base):
    """A paid add-on that the merchant has bought (S1-09); `until` empty means without end."""

    __tablename__ = "entitlements"
    module: Mapped[str] = mapped_column(Text, primary_key=True)
    granted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

"""What the tenants' doors answer. Times are aware, in UTC."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.tenants.models import Scope

Role = Literal["platform_admin", "store_admin", "store_staff", "viewer"]
State = Literal["open", "suspended"]


class Me(TypedDict):
    """Who is logged in. `csrf_token` goes into `X-CSRF-Token` with every write; `may` holds permissions, `*` is all."""

    id: str
    kind: Literal["staff", "operator"]
    tenant_id: int
    name: str
    may: list[str]
    csrf_token: str
    login: str
    role: Role
    merchant: str | None
    simulator: str | None


class TotpOffer(TypedDict):
    """A new second factor: `qr` (a data URI) shows `address` (otpauth:), `secret` is for typing. Not on before it is confirmed."""

    secret: str
    address: str
    qr: str


class Entitlement(TypedDict):
    """A paid add-on; `until` is null when it does not end."""

    module: str
    granted_at: datetime
    until: datetime | None
    version: str


class MerchantSettings(TypedDict):
    """The merchant, its add-ons, and what there is to choose from: permissions by role, scopes of keys."""

    name: str
    short_name: str
    roles: dict[str, list[str]]
    scopes: list[Scope]
    entitlements: list[Entitlement]


class Store(TypedDict):
    """A store; tills know it by its code."""

    id: UUID
    code: str
    name: str
    address: str
    phone: str
    state: Literal["open", "closed"]


class StaffMember(TypedDict):
    """Somebody who can log in; `totp` says whether a second factor is on."""

    id: UUID
    login: str
    name: str
    role: Role
    state: Literal["active", "disabled"]
    totp: bool
    created_at: datetime


class OneTimePassword(TypedDict):
    """A password that is shown this once: it opens the door until then, together with a new one."""

    login: str
    password: str
    until: datetime


class ApiKey(TypedDict):
    """A key without its secret; `hint` is how the secret ends. `last_used_at` may lie up to an hour behind."""

    id: UUID
    name: str
    hint: str
    scopes: list[Scope]
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewApiKey(TypedDict):
    """A new key with its secret, which is shown this once."""

    id: UUID
    key: str


class AuditEntry(TypedDict):
    """A fact of the audit log; what `payload` holds depends on `kind`. `actor` is a stamp, such as `staff:<id>`."""

    id: UUID
    kind: str
    subject_id: UUID | None
    actor: str
    actor_name: str
    at: datetime
    payload: dict[str, Any]


class Merchant(TypedDict):
    """A merchant as the operators see it."""

    id: int
    name: str
    short_name: str
    state: State
    created_at: datetime


class MerchantDetail(Merchant):
    """A merchant with its add-ons."""

    entitlements: list[Entitlement]


class OpenedMerchant(TypedDict):
    """A new merchant and its first administrator."""

    id: int
    staff_id: UUID

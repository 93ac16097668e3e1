"""What the tenants module records: the audit log of who may do what. Never a password, token or hash."""

from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class StaffLoggedIn(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "staff.logged_in"
    staff_id: UUID


class StaffLocked(Fact, frozen=True, kw_only=True):
    """Somebody entered so many wrong passwords that they are slowed down; told once an hour. Nobody is shut out by it."""

    kind: ClassVar[str] = "staff.locked"
    staff_id: UUID


class StaffChanged(Fact, frozen=True, kw_only=True):
    """Somebody was added (`created`) or these parts of them changed."""

    kind: ClassVar[str] = "staff.changed"
    staff_id: UUID
    login: str
    fields: list[str]


class KeyCreated(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "key.created"
    key_id: UUID
    name: str
    scopes: list[str]


class KeyRevoked(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "key.revoked"
    key_id: UUID


class StoreChanged(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "store.changed"
    store_id: UUID
    code: str
    fields: list[str]


class MerchantOpened(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "merchant.opened"
    name: str


class MerchantChanged(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "merchant.changed"
    fields: list[str]


class EntitlementChanged(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "merchant.entitlement_changed"
    module: str
    granted: bool
    until: str = ""

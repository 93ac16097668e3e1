"""Tenants: the platform, its merchants, their stores and staff, roles, logins, API keys, paid add-ons.

Owns: merchants, stores, staff, sessions, api_keys, entitlements. Tenant 0 is the platform itself.
"""

from huida.modules.tenants.models import PLATFORM, ROLES, SCOPES, ApiKey, Entitlement, Merchant, Session, Staff, Store
from huida.modules.tenants.service import (
    StoreRef,
    create_merchant,
    create_store,
    entitle,
    is_entitled,
    stores_by_code,
    withdraw,
)

__all__ = [
    "PLATFORM",
    "ROLES",
    "SCOPES",
    "ApiKey",
    "Entitlement",
    "Merchant",
    "Session",
    "Staff",
    "Store",
    "StoreRef",
    "create_merchant",
    "create_store",
    "entitle",
    "is_entitled",
    "stores_by_code",
    "withdraw",
]

"""Tenants: the platform, its merchants, their stores and staff, roles, logins, API keys, paid add-ons.

Owns: merchants, stores, staff, logins, sessions, api_keys, entitlements. Tenant 0 is the platform itself: its staff are
the operators. A login name is unique over all merchants. Sessions, keys and passwords are kept as hashes only.
Facts: StaffLoggedIn, StaffLocked, StaffChanged, KeyCreated, KeyRevoked, StoreChanged, MerchantOpened, MerchantChanged,
EntitlementChanged.
"""

from huida.modules.tenants.directory import all_merchants, find_open_merchant, open_merchants, short_name
from huida.modules.tenants.doors import COOKIE, Doors, operator_of, operator_read, operator_tx
from huida.modules.tenants.facts import (
    EntitlementChanged,
    KeyCreated,
    KeyRevoked,
    MerchantChanged,
    MerchantOpened,
    StaffChanged,
    StaffLocked,
    StaffLoggedIn,
    StoreChanged,
)
from huida.modules.tenants.keys import create_key, key_actor, revoke_key
from huida.modules.tenants.models import (
    PLATFORM,
    ROLES,
    SCOPES,
    ApiKey,
    Entitlement,
    Login,
    Merchant,
    Session,
    Staff,
    Store,
)
from huida.modules.tenants.passwords import check_password, hashed, matches
from huida.modules.tenants.rescue import rescue_operator
from huida.modules.tenants.service import (
    StoreRef,
    all_stores_by_code,
    bootstrap,
    create_merchant,
    create_store,
    entitle,
    entitlements,
    is_entitled,
    merchant,
    modules,
    open_merchant,
    stores_by_code,
    withdraw,
)
from huida.modules.tenants.sessions import log_in, session_actor
from huida.modules.tenants.staff import active_staff, create_staff, list_staff, staff_names
from huida.modules.tenants.views import OneTimePassword

__all__ = [
    "COOKIE",
    "PLATFORM",
    "ROLES",
    "SCOPES",
    "ApiKey",
    "Doors",
    "Entitlement",
    "EntitlementChanged",
    "KeyCreated",
    "KeyRevoked",
    "Login",
    "Merchant",
    "MerchantChanged",
    "MerchantOpened",
    "OneTimePassword",
    "Session",
    "Staff",
    "StaffChanged",
    "StaffLocked",
    "StaffLoggedIn",
    "Store",
    "StoreChanged",
    "StoreRef",
    "active_staff",
    "all_merchants",
    "all_stores_by_code",
    "bootstrap",
    "check_password",
    "create_key",
    "create_merchant",
    "create_staff",
    "create_store",
    "entitle",
    "entitlements",
    "find_open_merchant",
    "hashed",
    "is_entitled",
    "key_actor",
    "list_staff",
    "log_in",
    "matches",
    "merchant",
    "modules",
    "open_merchant",
    "open_merchants",
    "operator_of",
    "operator_read",
    "operator_tx",
    "rescue_operator",
    "revoke_key",
    "session_actor",
    "short_name",
    "staff_names",
    "stores_by_code",
    "withdraw",
]

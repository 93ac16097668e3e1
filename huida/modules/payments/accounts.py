"""Who receives money: merchant numbers and their keys, sealed. Tenant 0 has the platform's own."""

import re
import secrets
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Database, Row, Tx
from huida.kernel.errors import Conflict, Invalid
from huida.kernel.http import ProviderOutcome, Refused, outcome_of
from huida.kernel.ids import uuid7
from huida.kernel.intake.versions import version_of
from huida.kernel.secrets import Secret
from huida.modules import tenants
from huida.modules.payments.facts import AccountSaved
from huida.modules.payments.models import Payee
from huida.providers.wechatpay.client import WechatPay
from huida.providers.wechatpay.crypto import BadKey, public_key, signature
from huida.providers.wechatpay.keys import PUBLIC_KEY_PREFIX, PayCredentials

MCHID = re.compile(r"[0-9]{6,32}")
SERIAL = re.compile(r"[0-9A-F]{8,64}")
PUBLIC_KEY_ID = re.compile(rf"{PUBLIC_KEY_PREFIX}[0-9A-Za-z]{{4,40}}")
API_V3_KEY = re.compile(r"[0-9A-Za-z]{32}")
APP_ID = re.compile(r"(wx[0-9A-Za-z]{4,30})?")
NO_ORDER: Final = "huidaCheck00000000000000000000"
"""A number that no order has: asking for it shows whether the keys fit, and changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountIn:
    """What the merchant platform shows. Keys may be left out for the merchant number (or key id) that is set already.

    `public_key_id` is empty for a merchant that still has platform certificates.
    """

    mchid: str
    serial: str
    private_key: Secret | None = None
    api_v3_key: Secret | None = None
    public_key_id: str = ""
    public_key: str = ""
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """An account with its keys open, and the address that its callbacks go to."""

    id: UUID
    tenant_id: int
    app_id: str
    cred: PayCredentials
    heard: bool


async def is_set_up(tx: Tx) -> bool:
    """Whether this merchant can receive money."""
    return bool(await tx.value("SELECT true FROM pay_accounts WHERE tenant_id = $1 AND state = 'active'", tx.tenant_id))


async def account(tx: Tx) -> Row | None:
    """The row of the account in use; None when there is none."""
    return await tx.row("SELECT * FROM pay_accounts WHERE tenant_id = $1 AND state = 'active'", tx.tenant_id)


def version(row: Row) -> str:
    """The version of an account: whatever is saved, also a key that is never shown, changes it."""
    return version_of(
        *(row[name] for name in ("mchid", "serial", "public_key_id", "public_key", "app_id", "updated_at"))
    )


async def save_account(tx: Tx, given: AccountIn) -> UUID:
    """Set who receives money from now on; what another merchant number received is still refunded by that one.

    Raises Invalid, naming the field.
    """
    known = await tx.row(
        "SELECT * FROM pay_accounts WHERE tenant_id = $1 AND mchid = $2 FOR UPDATE", tx.tenant_id, given.mchid
    )
    if known is not None and not given.public_key and given.public_key_id == known["public_key_id"]:
        given = replace(given, public_key=known["public_key"])
    _check(given, new=known is None)
    await tx.execute(
        "UPDATE pay_accounts SET state = 'former' WHERE tenant_id = $1 AND mchid <> $2 AND state = 'active'",
        *(tx.tenant_id, given.mchid),
    )
    sealed: dict[str, Any] = {
        "private_key_sealed": given.private_key and tx.sealer.seal(given.private_key, purpose="pay.private_key"),
        "api_v3_key_sealed": given.api_v3_key and tx.sealer.seal(given.api_v3_key, purpose="pay.api_v3_key"),
    }
    plain = {
        "serial": given.serial,
        "public_key_id": given.public_key_id,
        "public_key": given.public_key,
        "app_id": given.app_id,
    }
    if known is None:
        account_id = uuid7()
        await tx.execute(
            "INSERT INTO pay_accounts (tenant_id, id, mchid, serial, private_key_sealed, api_v3_key_sealed, public_key_id, "
            "public_key, app_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
            *(tx.tenant_id, account_id, given.mchid, given.serial, sealed["private_key_sealed"]),
            *(sealed["api_v3_key_sealed"], given.public_key_id, given.public_key, given.app_id, tx.now),
        )
        changed = sorted([*plain, "api_v3_key", "mchid", "private_key"])
    else:
        account_id = known["id"]
        await tx.execute(
            "UPDATE pay_accounts SET serial = $3, public_key_id = $4, public_key = $5, app_id = $6, "
            "private_key_sealed = coalesce($7, private_key_sealed), api_v3_key_sealed = coalesce($8, api_v3_key_sealed), "
            "state = 'active', check_code = '', checked_at = NULL, updated_at = $9 WHERE tenant_id = $1 AND id = $2",
            *(tx.tenant_id, account_id, *plain.values(), *sealed.values(), tx.now),
        )
        changed = [name for name, value in plain.items() if value != known[name]]
        changed += [name.removesuffix("_sealed") for name, value in sealed.items() if value is not None]
        if known["state"] != "active":
            changed.append("mchid")
    tx.emit(AccountSaved(mchid=given.mchid, fields=sorted(changed)))
    return account_id


async def check_account(db: Database, pay: WechatPay, tenant_id: int) -> str:
    """Ask WeChat Pay for an order that is none: '' when the keys fit, else the code of what is wrong. An edge.

    Raises Conflict `payments.not_set_up`.
    """
    async with db.read(tenant_id) as read:
        row = await account(read)
        if row is None:
            raise Conflict(code="payments.not_set_up")
        cred = _open(read, row)
    code = ""
    try:
        await pay.query(cred, out_trade_no=NO_ORDER)
    except Refused as no:
        code = no.code
    except ProviderOutcome as bad:
        code = f"wechatpay.{outcome_of(bad)}"
    async with db.tx(tenant_id) as tx:
        await tx.execute(
            "UPDATE pay_accounts SET check_code = $3, checked_at = $4 WHERE tenant_id = $1 AND id = $2",
            *(tenant_id, row["id"], code, tx.now),
        )
    return code


def payee_tenant(payee: Payee | str, tenant_id: int) -> int:
    """Whose account receives it."""
    return tenants.PLATFORM if payee == "platform" else tenant_id


async def active_desk(tx: Tx) -> Desk:
    """The account in use of this tenant. Raises Conflict `payments.not_set_up`."""
    row = await account(tx)
    if row is None:
        raise Conflict(code="payments.not_set_up")
    return _desk(tx, row)


async def desk(db: Database, account_tenant: int, account_id: UUID) -> Desk:
    """An account by its id, in use or former. Opens a transaction of its own: it may be the platform's."""
    async with db.read(account_tenant) as tx:
        row = await tx.row("SELECT * FROM pay_accounts WHERE tenant_id = $1 AND id = $2", account_tenant, account_id)
        assert row is not None, "an account is never deleted"
        return _desk(tx, row)


async def route_key(tx: Tx, desk: Desk) -> str:
    """The last part of the address that this account's callbacks about this merchant's payments go to."""
    await tx.execute(
        "INSERT INTO pay_routes (route_key, tenant_id, account_tenant, account_id) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (account_id, tenant_id) DO NOTHING",
        *(secrets.token_urlsafe(24), tx.tenant_id, desk.tenant_id, desk.id),
    )
    found: str = await tx.value(
        "SELECT route_key FROM pay_routes WHERE account_id = $1 AND tenant_id = $2", desk.id, tx.tenant_id
    )
    return found


async def note_heard(db: Database, desk: Desk) -> None:
    """Remember that WeChat Pay reached us, the first time only."""
    if not desk.heard:
        async with db.tx(desk.tenant_id) as tx:
            await tx.execute(
                "UPDATE pay_accounts SET heard_at = $3 WHERE tenant_id = $1 AND id = $2 AND heard_at IS NULL",
                *(tx.tenant_id, desk.id, tx.now),
            )


def _desk(tx: Tx, row: Row) -> Desk:
    return Desk(row["id"], tx.tenant_id, row["app_id"], _open(tx, row), row["heard_at"] is not None)


def _open(tx: Tx, row: Row) -> PayCredentials:
    return PayCredentials(
        row["mchid"],
        row["serial"],
        tx.sealer.unseal(bytes(row["private_key_sealed"]), purpose="pay.private_key"),
        tx.sealer.unseal(bytes(row["api_v3_key_sealed"]), purpose="pay.api_v3_key"),
        row["public_key_id"],
        row["public_key"],
    )


def _check(given: AccountIn, *, new: bool) -> None:
    for name, pattern in (("mchid", MCHID), ("serial", SERIAL), ("app_id", APP_ID)):
        if not pattern.fullmatch(getattr(given, name)):
            raise Invalid(code=f"payments.bad_{name}", where=name)
    for name in ("private_key", "api_v3_key"):
        if new and getattr(given, name) is None:
            raise Invalid(code=f"payments.bad_{name}", where=name)
    if given.api_v3_key is not None and not API_V3_KEY.fullmatch(given.api_v3_key.reveal()):
        raise Invalid(code="payments.bad_api_v3_key", where="api_v3_key")
    if given.private_key is not None:
        try:
            signature(given.private_key, b"")
        except BadKey:
            raise Invalid(code="payments.bad_private_key", where="private_key") from None
    if not given.public_key_id and not given.public_key:
        return
    if not PUBLIC_KEY_ID.fullmatch(given.public_key_id):
        raise Invalid(code="payments.bad_public_key_id", where="public_key_id")
    try:
        public_key(given.public_key)
    except BadKey:
        raise Invalid(code="payments.bad_public_key", where="public_key") from None

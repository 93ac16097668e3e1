"""What messaging asks of SMS: which provider and signature a merchant sends with, and the platform's locked texts."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Tx
from huida.kernel.errors import Invalid, NotFound
from huida.kernel.secrets import Secret
from huida.modules.sms.models import PROVIDERS
from huida.providers.sms.parts import billed_parts, full_text, length, render, variables
from huida.providers.sms.provider import SmsCredentials

PART_FEN: Final = 10
SIGN_NAME: Final = "会达"
ACCOUNT: Final = "sms.account"
REPORT_KEY: Final = "sms.report_key"
VARIABLES: Final = frozenset({"card_tail", "time", "link_code"})
"""What every text may speak of (S1-113, S1-114): never a whole card number, never a name."""
AMOUNTS: Final[Mapping[str, frozenset[str]]] = {
    "consumption": frozenset({"amount"}),
    "stored_value_consumption": frozenset({"amount"}),
    "recharge": frozenset({"amount"}),
    "balance_change": frozenset({"balance_delta", "balance_after"}),
    "points_change": frozenset({"points_delta", "points_after"}),
}
"""What the texts of these scenarios may also say: how much it was about (U-11)."""

FIRST: Final = datetime(2000, 1, 1, tzinfo=SHOP_ZONE)
"""Since when the very first price is valid."""

_POSITION = re.compile(r"(?<!\$)\{([0-9]{1,2})\}")


@dataclass(frozen=True, slots=True)
class SmsRoute:
    """How a merchant's messages go out: provider, credentials, signature (S1-99..S1-101, X-04) and price of a part."""

    provider: str
    credentials: SmsCredentials
    sign_name: str
    part_fen: int


@dataclass(frozen=True, slots=True)
class SmsText:
    """A platform-owned text (S1-112): `params` maps its variables to the scenario's variables, in the provider's order."""

    scenario: str
    template_code: str
    content: str
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class Account:
    """A provider account as an operator enters it."""

    provider: str
    key_id: str
    secret: Secret
    sdk_app_id: str = ""
    weight: int = 100


@dataclass(frozen=True, slots=True)
class Count:
    """A text as the phone shows it and the carrier bills it (S1-104..S1-110)."""

    text: str
    length: int
    parts: int
    cost_fen: int


async def credentials(tx: Tx) -> dict[str, SmsCredentials]:
    """Credentials of the providers in use, the heaviest first."""
    rows = await tx.fetch(
        "SELECT provider, key_id, secret_sealed, sdk_app_id FROM sms_accounts WHERE state = 'active' ORDER BY weight DESC"
    )
    return {row["provider"]: credentials_in(tx, row) for row in rows}


async def all_credentials(tx: Tx) -> dict[str, SmsCredentials]:
    """Credentials of every provider that was ever entered: what was sent through one is asked there, in use or not."""
    rows = await tx.fetch("SELECT provider, key_id, secret_sealed, sdk_app_id FROM sms_accounts")
    return {row["provider"]: credentials_in(tx, row) for row in rows}


def credentials_in(tx: Tx, row: Any) -> SmsCredentials:
    """An account's key, unsealed."""
    secret = tx.sealer.unseal(bytes(row["secret_sealed"]), purpose=ACCOUNT)
    return SmsCredentials(row["key_id"], secret, row["sdk_app_id"])


async def signature(tx: Tx) -> tuple[str, bool]:
    """The signature that messages start with, and whether it is the merchant's own (S1-99..S1-101)."""
    own = await tx.value("SELECT name FROM sms_signatures WHERE tenant_id = $1 AND applied", tx.tenant_id)
    return (own, True) if own is not None else ((await settings(tx))[1], False)


async def settings(tx: Tx) -> tuple[int, str]:
    """Price of a part in fen (S1-24) and the platform's signature (S1-100)."""
    name = await tx.value("SELECT sign_name FROM sms_settings WHERE id = 1")
    return await price_now(tx) or 0, SIGN_NAME if name is None else name


async def texts(tx: Tx, provider: str) -> dict[str, SmsText]:
    """The platform's texts at a provider by scenario."""
    rows = await tx.fetch(
        "SELECT scenario, template_code, content, params FROM sms_texts WHERE provider = $1 AND state = 'active' "
        "ORDER BY scenario LIMIT 200",
        provider,
    )
    return {
        row["scenario"]: SmsText(
            row["scenario"], row["template_code"], row["content"], msgspec.json.decode(row["params"])
        )
        for row in rows
    }


def count(content: str, values: Mapping[str, str], *, sign_name: str, part_fen: int) -> Count:
    """What a text costs with these values: signature, brackets, values and link count (S1-104, S1-110).

    Raises MissingVariable.
    """
    text = full_text(sign_name, render(content, values))
    parts = billed_parts(text)
    return Count(text, length(text), parts, parts * part_fen)


async def save_account(tx: Tx, account: Account) -> str:
    """Enter or change the platform's account at a provider; returns its report key, which stays. Raises Invalid."""
    if account.provider not in PROVIDERS:
        raise Invalid(code="sms.provider_unknown", where="provider", provider=account.provider)
    if not account.key_id.strip() or not account.secret.reveal().strip():
        raise Invalid(code="sms.bad_account", where="key_id")
    if account.provider == "tencent" and not account.sdk_app_id:
        raise Invalid(code="sms.bad_account", where="sdk_app_id")
    if not 0 <= account.weight <= 1000:
        raise Invalid(code="sms.bad_weight", where="weight")
    row = await tx.row(
        "INSERT INTO sms_accounts (provider, key_id, secret_sealed, sdk_app_id, report_key_sealed, weight, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (provider) DO UPDATE SET key_id = excluded.key_id, "
        "secret_sealed = excluded.secret_sealed, sdk_app_id = excluded.sdk_app_id, weight = excluded.weight, "
        "state = 'active', updated_at = excluded.updated_at RETURNING report_key_sealed",
        *(account.provider, account.key_id.strip(), tx.sealer.seal(account.secret, purpose=ACCOUNT)),
        account.sdk_app_id.strip(),
        tx.sealer.seal(Secret(secrets.token_urlsafe(24)), purpose=REPORT_KEY),
        *(account.weight, tx.now),
    )
    assert row is not None
    return tx.sealer.unseal(bytes(row["report_key_sealed"]), purpose=REPORT_KEY).reveal()


async def turn_off_account(tx: Tx, provider: str) -> None:
    """Stop sending through a provider; its reports still come in. Raises NotFound."""
    if not await tx.execute(
        "UPDATE sms_accounts SET state = 'off', updated_at = $2 WHERE provider = $1", provider, tx.now
    ):
        raise NotFound(code="sms.account_not_found", where="provider")


async def set_routing(tx: Tx, provider: str, *, weight: int, state: str) -> None:
    """How much of the messages a provider gets, and whether it gets any. Raises Invalid, NotFound."""
    if not 0 <= weight <= 1000:
        raise Invalid(code="sms.bad_weight", where="weight")
    if not await tx.execute(
        "UPDATE sms_accounts SET weight = $2, state = $3, updated_at = $4 WHERE provider = $1",
        *(provider, weight, state, tx.now),
    ):
        raise NotFound(code="sms.account_not_found", where="provider")


async def report_key(tx: Tx, provider: str) -> str:
    """The unguessable part of a provider's report address. Raises NotFound."""
    sealed = await tx.value("SELECT report_key_sealed FROM sms_accounts WHERE provider = $1", provider)
    if sealed is None:
        raise NotFound(code="sms.account_not_found", where="provider")
    return tx.sealer.unseal(bytes(sealed), purpose=REPORT_KEY).reveal()


async def save_text(tx: Tx, provider: str, text: SmsText) -> None:
    """Enter or change a platform text. Tencent's `{1}` is kept as `${1}`. Raises Invalid when variables do not fit."""
    if provider not in PROVIDERS:
        raise Invalid(code="sms.provider_unknown", where="provider", provider=provider)
    content = _POSITION.sub(r"${\1}", text.content)
    named = variables(content)
    if not content.strip() or not text.template_code.strip() or not text.scenario.strip():
        raise Invalid(code="sms.bad_text", where="content")
    if set(named) != set(text.params):
        raise Invalid(code="sms.text_params_differ", where="params", named=", ".join(named))
    strange = sorted(set(text.params.values()) - VARIABLES - AMOUNTS.get(text.scenario, frozenset()))
    if strange:
        raise Invalid(code="sms.variable_unknown", where="params", variable=strange[0])
    await tx.execute(
        "INSERT INTO sms_texts (provider, scenario, template_code, content, params, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (provider, scenario) DO UPDATE SET "
        "template_code = excluded.template_code, content = excluded.content, params = excluded.params, "
        "state = 'active', updated_at = excluded.updated_at",
        *(provider, text.scenario, text.template_code.strip(), content),
        msgspec.json.encode(text.params).decode(),
        tx.now,
    )


async def drop_text(tx: Tx, provider: str, scenario: str) -> None:
    """Take a text out of use. Raises NotFound."""
    if not await tx.execute(
        "UPDATE sms_texts SET state = 'off', updated_at = $3 WHERE provider = $1 AND scenario = $2 AND state = 'active'",
        *(provider, scenario, tx.now),
    ):
        raise NotFound(code="sms.text_not_found", where="scenario")


async def save_settings(tx: Tx, *, part_fen: int, sign_name: str) -> None:
    """Set the price from now on and the platform's signature; without one, each merchant needs its own. Raises Invalid."""
    await save_signature(tx, sign_name)
    if await price_now(tx) != part_fen:
        await add_price(tx, part_fen=part_fen, valid_from=tx.now)


async def save_signature(tx: Tx, sign_name: str) -> None:
    """Set the signature of merchants without their own. Raises Invalid."""
    if sign_name.strip() and not 2 <= len(sign_name.strip()) <= 12:
        raise Invalid(code="sms.bad_sign_name", where="sign_name")
    await tx.execute(
        "INSERT INTO sms_settings (id, sign_name, updated_at) VALUES (1, $1, $2) "
        "ON CONFLICT (id) DO UPDATE SET sign_name = excluded.sign_name, updated_at = excluded.updated_at",
        *(sign_name.strip(), tx.now),
    )


async def price_now(tx: Tx) -> int | None:
    """What a part costs now, in fen (X-16), or None when nothing was entered for today."""
    found = await tx.value(
        "SELECT part_fen FROM sms_prices WHERE valid_from <= $1 ORDER BY valid_from DESC LIMIT 1", tx.now
    )
    return found if isinstance(found, int) else None


async def add_price(tx: Tx, *, part_fen: int, valid_from: datetime) -> None:
    """Enter what a part costs from a moment on, now at the earliest: what was charged stays. Raises Invalid."""
    if not 0 <= part_fen <= 1000:
        raise Invalid(code="sms.bad_price", where="part_fen")
    if valid_from < tx.now:
        raise Invalid(code="sms.price_in_the_past", where="valid_from")
    first = not await tx.value("SELECT EXISTS (SELECT FROM sms_prices)")
    await tx.execute(
        "INSERT INTO sms_prices (valid_from, part_fen, entered_at, entered_by) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (valid_from) DO UPDATE SET part_fen = excluded.part_fen, entered_at = excluded.entered_at, "
        "entered_by = excluded.entered_by",
        *(FIRST if first and valid_from == tx.now else valid_from, part_fen, tx.now, tx.actor),
    )


async def drop_price(tx: Tx, valid_from: datetime) -> None:
    """Take back a price that is not valid yet. Raises NotFound."""
    if not await tx.execute("DELETE FROM sms_prices WHERE valid_from = $1 AND valid_from > $2", valid_from, tx.now):
        raise NotFound(code="sms.price_not_found", where="valid_from")


async def seed_platform(
    tx: Tx,
    *,
    accounts: Sequence[Account],
    texts: Mapping[str, Sequence[SmsText]],
    part_fen: int = PART_FEN,
    sign_name: str = SIGN_NAME,
) -> dict[str, str]:
    """Set the platform up in one go (demo, tests): accounts, texts by provider, settings; returns the report keys."""
    await save_settings(tx, part_fen=part_fen, sign_name=sign_name)
    keys = {account.provider: await save_account(tx, account) for account in accounts}
    for provider, entries in texts.items():
        for text in entries:
            await save_text(tx, provider, text)
    return keys

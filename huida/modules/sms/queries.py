"""Reads of SMS for the operators' screens."""

from typing import Any

import msgspec

from huida.kernel.db import Tx
from huida.kernel.intake.versions import version_of
from huida.modules.sms.service import REPORT_KEY
from huida.modules.sms.views import PlatformText, SmsAccount


async def accounts(tx: Tx) -> list[tuple[Any, str]]:
    """The platform's accounts without their secrets, each with its report key."""
    rows = await tx.fetch(
        "SELECT provider, key_id, sdk_app_id, state, weight, updated_at, report_key_sealed FROM sms_accounts "
        "ORDER BY weight DESC, provider"
    )
    return [(row, tx.sealer.unseal(bytes(row["report_key_sealed"]), purpose=REPORT_KEY).reveal()) for row in rows]


def show_account(row: Any, *, report_url: str) -> SmsAccount:
    """An account as operators see it."""
    return {
        "provider": row["provider"],
        "key_id": row["key_id"],
        "sdk_app_id": row["sdk_app_id"],
        "state": row["state"],
        "weight": row["weight"],
        "updated_at": row["updated_at"],
        "report_url": report_url,
        "version": account_version(row),
    }


def account_version(row: Any) -> str:
    """The version of an account: whatever is saved, also a secret that is never shown, changes it."""
    return version_of(row["provider"], row["key_id"], row["sdk_app_id"], row["state"], row["weight"], row["updated_at"])


async def texts(tx: Tx) -> list[PlatformText]:
    """The platform's texts at all providers, those out of use too."""
    rows = await tx.fetch(
        "SELECT provider, scenario, template_code, content, params, state, updated_at FROM sms_texts "
        "ORDER BY provider, scenario LIMIT 1000"
    )
    return [_show_text(row) for row in rows]


def _show_text(row: Any) -> PlatformText:
    return {
        "provider": row["provider"],
        "scenario": row["scenario"],
        "template_code": row["template_code"],
        "content": row["content"],
        "params": msgspec.json.decode(row["params"]),
        "state": row["state"],
        "updated_at": row["updated_at"],
        "version": version_of(row["template_code"], row["content"], row["params"], row["state"]),
    }

"""Reads of SMS for the operators' screens."""

from typing import Any

import msgspec

from huida.kernel.db import Tx
from huida.modules.sms.service import REPORT_KEY


async def accounts(tx: Tx) -> list[tuple[dict[str, Any], str]]:
    """The platform's accounts without their secrets, each with its report key."""
    rows = await tx.fetch(
        "SELECT provider, key_id, sdk_app_id, state, weight, updated_at, report_key_sealed FROM sms_accounts "
        "ORDER BY weight DESC, provider"
    )
    shown = ("provider", "key_id", "sdk_app_id", "state", "weight", "updated_at")
    return [
        (
            {name: row[name] for name in shown},
            tx.sealer.unseal(bytes(row["report_key_sealed"]), purpose=REPORT_KEY).reveal(),
        )
        for row in rows
    ]


async def texts(tx: Tx) -> list[dict[str, Any]]:
    """The platform's texts at all providers, those out of use too."""
    rows = await tx.fetch(
        "SELECT provider, scenario, template_code, content, params, state, updated_at FROM sms_texts "
        "ORDER BY provider, scenario LIMIT 1000"
    )
    return [{**row, "params": msgspec.json.decode(row["params"])} for row in rows]

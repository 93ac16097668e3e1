"""SMS texts that the store manages (X-03, S2-54..S2-61): what they are, and which one is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.modules import sms
from huida.modules.messaging.bindings import Live
from huida.providers.sms.parts import variables


@dataclass(frozen=True, slots=True)
class StoreText:
    """A text of the store: `mapping` says which variable each placeholder shows, in the order that positions have at
    providers that count them; `codes` what it is called where."""

    id: UUID
    name: str
    scenario: str
    content: str
    mapping: Mapping[str, str]
    codes: Mapping[str, str]


COLUMNS = "id, name, scenario, content, mapping, codes"


def placeholders(content: str) -> list[str]:
    """The placeholders of a text: by number when they are numbers, else as they come."""
    names = list(variables(content))
    return sorted(names, key=int) if names and all(name.isdecimal() for name in names) else names


def store_text(row: Any) -> StoreText:
    kept = msgspec.json.decode(row["mapping"])
    return StoreText(
        row["id"],
        row["name"],
        row["scenario"],
        row["content"],
        {name: kept[name] for name in placeholders(row["content"]) if name in kept},
        msgspec.json.decode(row["codes"]),
    )


async def sms_templates(tx: Tx, scenario: str) -> list[StoreText]:
    """The enabled texts of a scenario, by name: what can be chosen for it (S2-42)."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM sms_templates WHERE tenant_id = $1 AND scenario = $2 AND state = 'enabled' "
        "AND paused_reason IS NULL ORDER BY name, id LIMIT 200",
        *(tx.tenant_id, scenario),
    )
    return [store_text(row) for row in rows]


async def sms_template(tx: Tx, scenario: str) -> StoreText | None:
    """The text that was chosen for a scenario, while its SMS are switched on; None when there is none."""
    row = await tx.row(
        f"SELECT {COLUMNS} FROM sms_templates t WHERE t.tenant_id = $1 AND t.state = 'enabled' AND t.paused_reason IS NULL "
        "AND t.id::text = (SELECT b.template_id FROM bindings b WHERE b.tenant_id = $1 AND b.scenario = $2 "
        "AND b.channel = 'sms' AND b.live)",
        *(tx.tenant_id, scenario),
    )
    return None if row is None else store_text(row)


async def enabled(tx: Tx, template_ids: Sequence[str]) -> dict[str, StoreText]:
    """The enabled ones of these texts, by id."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM sms_templates WHERE tenant_id = $1 AND id::text = ANY($2) AND state = 'enabled' "
        "AND paused_reason IS NULL",
        *(tx.tenant_id, list(template_ids)),
    )
    return {str(row["id"]): store_text(row) for row in rows}


async def texts(tx: Tx, lives: Sequence[Live], provider: str) -> dict[str, "sms.SmsText"]:
    """The store's texts of these live channels at a provider, by scenario."""
    chosen = [one.template_id for one in lives if one.scenario.family != "member"]
    known = await enabled(tx, chosen) if chosen else {}
    found: dict[str, sms.SmsText] = {}
    for one in lives:
        text = known.get(one.template_id)
        if text is not None and provider in text.codes:
            code = one.scenario.code
            found[code] = sms.SmsText(code, text.codes[provider], text.content, dict(text.mapping))
    return found

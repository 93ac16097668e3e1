"""Deliveries as a file: read page by page, so that a year of messages needs no more memory than a day."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from huida.kernel import i18n
from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Database, Tx
from huida.kernel.secrets import mask_phone
from huida.kernel.sheets import BOM, as_text, csv_line
from huida.kernel.web import Page
from huida.modules import members
from huida.modules.messaging import queries
from huida.modules.messaging.catalogue import BY_CODE
from huida.modules.messaging.keys import key_of, public_id
from huida.modules.tenants import staff_names

PAGE: Final = 1000
COLUMNS: Final = (
    "id",
    "created_at",
    "scenario",
    "name",
    "card_no",
    "phone",
    "channel",
    "state",
    "reason",
    "parts",
    "cost_yuan",
    "sent_at",
    "done_at",
)


async def deliveries(
    db: Database,
    tenant_id: int,
    *,
    channel: str | None,
    state: str | None,
    scenario: str | None,
    member_id: UUID | None = None,
    since: datetime | None,
    until: datetime | None,
    language: str,
) -> AsyncIterator[str]:
    """CSV lines, newest first, with a mark that spreadsheets recognise as UTF-8; times are the shop's."""
    yield BOM + csv_line([i18n.text(f"messaging.export.{column}", language, {}) for column in COLUMNS])
    page = Page(PAGE, None)
    while True:
        async with db.read(tenant_id) as tx:
            rows = await queries.deliveries(
                tx, page, channel=channel, state=state, scenario=scenario, member_id=member_id, since=since, until=until
            )
            people = await _people(tx, rows)
        if not rows:
            return
        for row in rows[:PAGE]:
            known = BY_CODE.get(row["scenario"])
            label = row["scenario"] if known is None else known.label if language == "zh-CN" else known.label_en
            yield csv_line(
                [
                    public_id(key_of(row)),
                    _time(row["created_at"]),
                    label,
                    *people[row["audience"], row["member_id"]],
                    i18n.text(f"messaging.channel.{row['channel']}", language, {}),
                    i18n.text(f"messaging.state.{row['state']}", language, {}),
                    row["reason"],
                    str(row["parts"]),
                    f"{row['cost_fen'] / 100:.2f}",
                    _time(row["sent_at"]),
                    _time(row["done_at"]),
                ]
            )
        if len(rows) <= PAGE:
            return
        last = rows[PAGE - 1]
        page = Page(PAGE, (last["fact_id"].hex, last["scenario"], last["slot"]))


async def _people(tx: Tx, rows: Sequence[Any]) -> dict[tuple[str, UUID], tuple[str, str, str]]:
    """Whom the deliveries were for: name, card and masked phone of members, the name of staff (U-18)."""
    by_kind: dict[str, set[UUID]] = {"member": set(), "staff": set()}
    for row in rows:
        by_kind[row["audience"]].add(row["member_id"])
    found = {("staff", one): (name, "", "") for one, name in (await staff_names(tx, sorted(by_kind["staff"]))).items()}
    for one, person in (await members.people(tx, by_kind["member"])).items():
        phone = members.phone_of(tx, person)
        found["member", one] = (person["name"], as_text(person["card_no"]), mask_phone(phone) if phone else "")
    nobody = ("", "", "")
    return {(row["audience"], row["member_id"]): found.get((row["audience"], row["member_id"]), nobody) for row in rows}


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(SHOP_ZONE):%Y-%m-%d %H:%M:%S}"

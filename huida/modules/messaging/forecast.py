"""What a scenario would cost by SMS: its events of the last thirty days, who of them has a phone, and its text's parts."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from typing_extensions import TypedDict

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict
from huida.modules import members, sms
from huida.modules.messaging import bindings
from huida.modules.messaging.catalogue import Scenario, fired_by
from huida.modules.messaging.preview import samples_of, sms_sample

DAYS: Final = 30
SAMPLE: Final = 1000

COUNT = "SELECT count(*) FROM facts WHERE tenant_id = $1 AND kind = ANY($2) AND at >= $3"
NEWEST = (
    "SELECT kind, subject_id, payload FROM facts WHERE tenant_id = $1 AND kind = ANY($2) AND at >= $3 "
    "ORDER BY at DESC LIMIT $4"
)


class SmsForecast(TypedDict):
    """What a day would bring, from the events of the last `days` days; `why` says why nothing could be sent now.

    `events` are the events in that span, `reachable` those of people with a phone.
    """

    days: int
    events: int
    reachable: int
    messages_per_day: float
    parts_per_message: int
    parts_per_day: float
    cost_fen_per_day: int
    cost_fen_per_month: int
    part_fen: float
    model: str
    parts_left: int
    days_left: int | None
    why: str


async def forecast(tx: Tx, scenario_code: str, *, template_id: str = "") -> SmsForecast:
    """What switching a scenario to SMS would mean. Raises NotFound."""
    scenario = bindings.scenario_of(scenario_code)
    events, reachable = await _events(tx, scenario)
    parts = await _parts(tx, scenario, template_id)
    money = await sms.money(tx)
    per_day = reachable / DAYS
    cost_fen = per_day * parts * money.part_milli / 1000
    parts_per_day = per_day * parts
    return {
        "days": DAYS,
        "events": events,
        "reachable": reachable,
        "messages_per_day": round(per_day, 1),
        "parts_per_message": parts,
        "parts_per_day": round(parts_per_day, 1),
        "cost_fen_per_day": round(cost_fen),
        "cost_fen_per_month": round(cost_fen * DAYS),
        "part_fen": money.part_milli / 1000,
        "model": money.model,
        "parts_left": money.parts_left,
        "days_left": int(money.parts_left / parts_per_day) if money.model == "package" and parts_per_day else None,
        "why": await sms.usable(tx),
    }


async def _events(tx: Tx, scenario: Scenario) -> tuple[int, int]:
    """(events that fire the scenario, those of members with a phone); of very many, the newest stand for all."""
    since = tx.now - timedelta(days=DAYS)
    if not scenario.facts:
        sent = await sms.messages_of(tx, scenario.code, since=since.date())
        return sent, sent
    kinds = [fact.kind for fact in scenario.facts]
    total: int = await tx.value(COUNT, tx.tenant_id, kinds, since)
    rows = await tx.fetch(NEWEST, tx.tenant_id, kinds, since, SAMPLE)
    about = []
    for row in rows:
        decoder = tx.db.subscriptions.decoders.get(row["kind"])
        if decoder is not None and row["subject_id"] is not None:
            fact = decoder.decode(row["payload"])
            if any(one.code == scenario.code for one in fired_by(fact)):
                about.append(row["subject_id"])
    reached = await _with_phone(tx, about)
    scale = total / len(rows) if rows else 0
    return round(len(about) * scale), round(reached * scale)


async def _with_phone(tx: Tx, about: list[UUID]) -> int:
    people = await members.recipients(tx, list(set(about)), mini_app="", oa_app="")
    return sum(
        (person := people.get(member_id)) is not None
        and person["state"] == "active"
        and members.phone_of(tx, person) is not None
        for member_id in about
    )


async def _parts(tx: Tx, scenario: Scenario, template_id: str) -> int:
    """Parts of the text with sample values; one while there is no text yet."""
    try:
        return (await sms_sample(tx, scenario, template_id, await samples_of(tx, scenario, None)))["parts"]
    except Conflict:
        return 1

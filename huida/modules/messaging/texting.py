"""SMS among the channels: a text for every way it may go, its parts drawn when it is decided and settled by outcomes.

What a message costs is kept by `sms`; a delivery shows the same numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Tx, columns
from huida.modules import sms
from huida.modules.messaging import store_texts
from huida.modules.messaging.bindings import Live
from huida.modules.messaging.catalogue import Scenario
from huida.modules.messaging.keys import Key, out_id
from huida.modules.messaging.sms_text import sms_body
from huida.providers.sms.parts import billed_parts

UPDATE_COSTS = """
UPDATE deliveries d SET parts = c.parts, cost_fen = c.cost_fen
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::bigint[]) AS c(fact_id, scenario, slot, parts, cost_fen)
WHERE d.tenant_id = $1 AND d.fact_id = c.fact_id AND d.scenario = c.scenario AND d.slot = c.slot
  AND (d.parts, d.cost_fen) IS DISTINCT FROM (c.parts, c.cost_fen)
"""


class Way(msgspec.Struct):
    """A text as one provider gets it."""

    provider: str
    sign: str
    template: str
    params: dict[str, str]
    text: str
    parts: int = 0


class Body(Way):
    """What a delivery keeps: its first way, and the others in their order."""

    others: list[Way] = []

    @property
    def ways(self) -> list[Way]:
        return [self, *self.others]


_decoder = msgspec.json.Decoder(Body)


@dataclass(frozen=True, slots=True)
class Texting:
    """What the SMS of a batch share: who may send them, and the texts by provider and scenario."""

    doors: Sequence["sms.SmsWay"]
    texts: Mapping[str, Mapping[str, "sms.SmsText"]]


async def texting(tx: Tx, lives: Sequence[Live]) -> Texting:
    """The providers in use and the texts of these channels at each."""
    doors = await sms.doors(tx)
    found = {
        door.provider: {
            **await sms.texts(tx, door.provider),
            **await store_texts.texts(tx, lives, door.provider),
        }
        for door in doors
    }
    return Texting(doors, found)


def render(
    shared: Texting, scenario: Scenario, values: Mapping[str, Any], *, number: str, fact_id: UUID
) -> tuple[str, int, str] | None:
    """The body with every way, the parts of the first, and the code of its link; None without a text anywhere."""
    ways: list[Way] = []
    link = ""
    for door in sms.in_order(shared.doors, number):
        text = shared.texts[door.provider].get(scenario.code)
        if text is not None:
            params, shown, link = sms_body(text, scenario, values, door.sign_name, fact_id)
            ways.append(Way(door.provider, door.sign_name, text.template_code, params, shown, billed_parts(shown)))
    if not ways:
        return None
    body = Body(**msgspec.structs.asdict(ways[0]), others=ways[1:])
    return msgspec.json.encode(body).decode(), body.parts, link


def read(body: str) -> Body:
    """What `render` wrote, also before there were several ways."""
    return _decoder.decode(body)


def open_ways(doors: Sequence["sms.SmsWay"], body: Body) -> list["sms.SmsWay"]:
    """The ways of a message through providers that are in use now, with today's keys."""
    by_name = {door.provider: door for door in doors}
    return [
        replace(by_name[way.provider], sign_name=way.sign, template_code=way.template, params=way.params)
        for way in body.ways
        if way.provider in by_name
    ]


def source(tenant_id: int, key: Key) -> UUID:
    """The number that `sms` charges a message under."""
    return sms.source_of(out_id(tenant_id, key))


async def copy_costs(tx: Tx, settled: Mapping[UUID, tuple[int, int]], keys: Sequence[Key]) -> None:
    """Show what `sms` charged for these messages."""
    rows = [(*key, *settled[number]) for key in keys if (number := source(tx.tenant_id, key)) in settled]
    if rows:
        await tx.execute(UPDATE_COSTS, tx.tenant_id, *columns(rows, 5))

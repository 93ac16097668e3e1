"""What a channel would say, before it is saved: with sample values, or with those of a real member."""

from typing import Any
from uuid import UUID

import msgspec
from typing_extensions import TypedDict

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict
from huida.modules import ledger, loyalty, members, sms, tenants
from huida.modules.messaging import bindings, mapping, store_texts
from huida.modules.messaging.catalogue import Scenario
from huida.modules.messaging.sms_text import sms_body
from huida.providers.sms.parts import billed_parts

LINK_LABEL = "详情链接"


class TroubleView(TypedDict):
    """Why a field cannot be saved; `detail` and `limit` go into the code's text."""

    field: str
    code: str
    detail: str
    limit: int
    nearest: str


class PreviewField(TypedDict):
    label: str
    key: str
    value: str


class SmsParam(TypedDict):
    """A parameter of the platform's text, read-only (S1-113)."""

    name: str
    label: str
    value: str


class Checked(TypedDict):
    """What would be refused, and how it would look. `text`, `parts`, `cost_fen` and `params` are for SMS only."""

    troubles: list[TroubleView]
    preview: list[PreviewField]
    suggested: dict[str, str]
    text: str | None
    parts: int
    cost_fen: int
    params: list[SmsParam]


async def check(
    tx: Tx, scenario_code: str, channel: str, *, template_id: str, wanted: dict[str, str], member_id: UUID | None
) -> Checked:
    """Try a channel's settings without saving anything. Raises NotFound, Invalid, Conflict when it cannot be used at all."""
    scenario = bindings.scenario_of(scenario_code)
    bindings.must_be_offered(scenario, channel)
    samples = await samples_of(tx, scenario, member_id)
    if channel == "sms":
        return await sms_sample(tx, scenario, template_id, samples)
    fields, choices = await bindings.fields_of(tx, channel, template_id)
    wanted = {key: mapping.normal(scenario, value) for key, value in wanted.items()}
    troubles = mapping.check_mapping(scenario, fields, wanted, choices)
    good = [f for f in fields if f.key not in {t.field for t in troubles}]
    shown = mapping.compile_mapping(scenario, good, {f.key: wanted[f.key] for f in good}).render(samples)
    return {
        "troubles": [msgspec.to_builtins(trouble) for trouble in troubles],
        "preview": [{"label": f.label, "key": f.key, "value": shown.get(f.key, "")} for f in fields],
        "suggested": mapping.suggest(scenario, fields),
        "text": None,
        "parts": 0,
        "cost_fen": 0,
        "params": [],
    }


async def samples_of(tx: Tx, scenario: Scenario, member_id: UUID | None) -> dict[str, Any]:
    """A raw value for every variable: the sample's, or the member's where it is theirs to give. Raises NotFound."""
    samples = {variable.key: mapping.raw_sample(variable) for variable in scenario.variables}
    own: dict[str, Any] = {"shop_name": await tenants.short_name(tx)}
    if member_id is not None:
        row = await members.get(tx, member_id)
        balances = (await ledger.balances(tx, [member_id])).get(member_id, {})
        levels = {level.code: level.name for level in (await loyalty.rules_of(tx)).levels}
        own |= {
            "time": tx.now,
            "member_name": row["name"] or "会员",
            "buyer_name": row["name"] or "会员",
            "card_no": row["card_no"],
            "card_tail": row["card_no"][-4:],
            "level_name": levels.get(row["level"], row["level"]),
            "points_after": balances.get("points", 0),
            "balance_after": balances.get("cny_principal", 0) + balances.get("cny_gift", 0),
        }
    return samples | {key: value for key, value in own.items() if key in samples}


async def sms_sample(tx: Tx, scenario: Scenario, template_id: str, samples: dict[str, Any]) -> Checked:
    """The text with these values, and what it is billed as. Raises Conflict without a provider or a text."""
    route = await sms.route(tx)
    if route is None:
        raise Conflict(code="messaging.sms_not_set_up", where="channel")
    text = await _text(tx, scenario, template_id, route.provider)
    given, body, _ = sms_body(text, scenario, samples, route.sign_name, UUID(int=0))
    parts = billed_parts(body)
    return {
        "troubles": [],
        "preview": [],
        "suggested": {},
        "text": body,
        "parts": parts,
        "cost_fen": round(parts * (await sms.money(tx)).part_milli / 1000),
        "params": [
            {"name": name, "label": label_of(scenario, variable), "value": given[name]}
            for name, variable in text.params.items()
        ],
    }


async def _text(tx: Tx, scenario: Scenario, template_id: str, provider: str) -> "sms.SmsText":
    """The platform's text of a member scenario, else the chosen one of the store. Raises Conflict without one."""
    if scenario.family == "member":
        text = (await sms.texts(tx, provider)).get(scenario.code)
        if text is None:
            raise Conflict(code="messaging.sms_text_missing", where="channel", scenario=scenario.code)
        return text
    own = (await store_texts.enabled(tx, [template_id])).get(template_id)
    if own is None or own.scenario != scenario.code or provider not in own.codes:
        raise Conflict(code="messaging.sms_template_missing", where="template_id", scenario=scenario.code)
    return sms.SmsText(scenario.code, own.codes[provider], own.content, dict(own.mapping))


def label_of(scenario: Scenario, variable: str) -> str:
    return scenario.by_key[variable].label if variable in scenario.by_key else LINK_LABEL

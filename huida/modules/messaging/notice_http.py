"""Doors of the mall's notices: policies, system defaults, SMS texts of the store, staff who are told, drift; for operators
the rules that accounts are checked by."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import Depends, Request
from pydantic import Field, StringConstraints

from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import TooMany
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.intake.versions import Replacing, must_replace, version_of
from huida.kernel.rates import Buckets
from huida.kernel.web import Actor, Items, staff_only, staff_read, staff_tx
from huida.modules import sms, tenants
from huida.modules.messaging import (
    bindings,
    drift,
    notice_views,
    policies,
    preflight,
    preview,
    staff,
    system_default,
    templates,
)
from huida.modules.messaging import store_texts as texts
from huida.modules.messaging import store_texts_save as saving
from huida.modules.messaging.catalogue import SCENARIOS
from huida.modules.messaging.sms_text import sms_body
from huida.modules.messaging.views import LiveChannel, MyTemplate
from huida.providers.sms.parts import billed_parts

console = Router(prefix="/api/console/messaging", tags=["messaging"])
operator = Router(prefix="/api/operator", tags=["operator"])
VIEW, EDIT = "messaging.view", "messaging.edit"
_looks: Final = Buckets(rate_per_s=1 / 60, burst=5)
"""How often a merchant may have its templates compared: each time WeChat and the providers are asked for all of them."""

Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]


class PolicyIn(Replacing):
    """How the live channels of a scenario go together, and in which order they are tried."""

    policy: Text
    order: list[Text] = Field(max_length=3)


class DefaultIn(Body):
    """`despite`: the account's industry or category does not fit, and it is to be tried nevertheless (S2-06, X-17)."""

    despite: bool | None = None


class AdoptIn(Body):
    template_id: Text


class SmsTemplateIn(Body):
    """An SMS text as the provider approved it; `mapping` by placeholder, `codes` by provider."""

    name: Text
    scenario: Text
    content: Text
    mapping: dict[Text, Text] = Field({}, max_length=30)
    codes: dict[Text, Text] = Field({}, max_length=5)
    state: Text = "enabled"


class SmsTemplatePut(Replacing, SmsTemplateIn):
    pass


class StateIn(Body):
    state: Text


class ApprovedIn(Body):
    provider: Text
    code: Text


class RecipientIn(Replacing):
    scenarios: list[Text] = Field(max_length=50)


class RulesIn(Replacing):
    """Two industries as first and second class each, or none; service categories of which one is needed, or none."""

    industries: list[list[Text]] = Field(max_length=2)
    categories: list[Text] = Field(max_length=20)
    numbers: dict[Text, Text] = Field(max_length=100)


def door_of(request: Request, actor: Actor) -> system_default.Door:
    app = request.app.state
    return system_default.Door(app.db, actor.tenant_id, app.oa, app.mini, actor.stamp)


@console.put("/scenarios/{scenario}/policy")
async def choose_policy(scenario: str, body: PolicyIn, tx: Tx = staff_tx(EDIT)) -> notice_views.ChosenPolicy:
    await must_replace(tx, f"messaging.{scenario}", body.version, bindings.version(tx, scenario))
    stopped = await policies.choose_policy(tx, scenario, body.policy, body.order)
    chosen = next(one for one in bindings.scenario_of(scenario).policies if one == body.policy)
    return {"scenario": scenario, "policy": chosen, "stopped": stopped}


@console.post("/scenarios/{scenario}/channels/{channel}/default")
async def save_default(
    request: Request, scenario: str, channel: str, body: DefaultIn, actor: Actor = staff_only(EDIT)
) -> LiveChannel:
    """使用系统默认通知: find or add the template that fits, and make the channel live with it (S2-26, S2-32)."""
    door = door_of(request, actor)
    await must_fit(door, scenario, channel, despite=bool(body.despite))
    stopped = await system_default.save_default(door, scenario, channel)
    return {"scenario": scenario, "live": bindings.channel_of(channel), "stopped": stopped}


async def must_fit(door: system_default.Door, scenario: str, channel: str, *, despite: bool) -> None:
    """Raises Conflict when a notice of the mall is to be enabled on an account of the wrong kind, unless that was seen."""
    if not despite and channel in bindings.APP_KIND and bindings.scenario_of(scenario).family != "member":
        await preflight.must_fit(door.db, door.tenant_id, channel, oa=door.oa, mini=door.mini)


@console.get("/scenarios/{scenario}/channels/{channel}/remap")
async def offer_remap(scenario: str, channel: str, tx: ReadTx = staff_read(VIEW)) -> notice_views.RemapAnswer:
    """What a channel that was paused by drift could go on with; nothing is saved."""
    offer = await system_default.remap(tx, scenario, bindings.channel_of(channel))
    if offer is None:
        return {"offer": None}
    return {
        "offer": {
            "template_id": offer.template_id,
            "title": offer.title,
            "mapping": offer.mapping,
            "open": offer.open,
        }
    }


@console.get("/fitness")
async def fitness(request: Request, channel: str, actor: Actor = staff_only(VIEW)) -> notice_views.Fitness:
    """The account's industry or category, asked of WeChat now (S2-07, S2-10)."""
    door = door_of(request, actor)
    name = bindings.channel_of(channel)
    found = await preflight.look(door.db, door.tenant_id, name, oa=door.oa, mini=door.mini)
    return {"channel": name, "kind": found.kind, "state": found.state, "found": found.found, "wanted": found.wanted}


@console.post("/drift", status_code=202)
async def look_for_drift(tx: Tx = staff_tx(EDIT)) -> notice_views.Looking:
    """Compare the templates with WeChat's and the providers' side now; five times at once, then once a minute."""
    wait_s = _looks.try_take(str(tx.tenant_id))
    if wait_s:
        raise TooMany(code="messaging.look_too_often", retry_after_s=int(wait_s) + 1)
    drift.look_now(tx)
    return {"state": "queued"}


@console.get("/sms-templates")
async def list_sms_templates(tx: ReadTx = staff_read(VIEW)) -> notice_views.SmsTemplates:
    rows = await tx.fetch(
        "SELECT * FROM sms_templates WHERE tenant_id = $1 ORDER BY updated_at DESC, id LIMIT 200", tx.tenant_id
    )
    users = await saving.used_by(tx, [row["id"] for row in rows])
    sign_name, _ = await sms.signature(tx)
    bought = await tenants.modules(tx)
    offered = [one for one in SCENARIOS if one.family != "member" and "sms" in one.channels]
    return {
        "locked": "mall" not in bought,
        "items": [await _shown(tx, row, users.get(str(row["id"]), []), sign_name) for row in rows],
        "scenarios": [
            {
                "code": one.code,
                "label": one.label,
                "label_en": one.label_en,
                "family": one.family,
                "variables": [msgspec.to_builtins(variable) for variable in saving.sms_variables(one)],
            }
            for one in offered
        ],
        "providers": sorted(await sms.credentials(tx)),
    }


async def _shown(tx: Tx, row: Any, used_by: list[str], sign_name: str) -> notice_views.SmsTemplate:
    text = texts.store_text(row)
    scenario = bindings.scenario_of(text.scenario)
    samples = await preview.samples_of(tx, scenario, None)
    platform = sms.SmsText(text.scenario, "", text.content, dict(text.mapping))
    _, sample, _ = sms_body(platform, scenario, samples, sign_name, UUID(int=0))
    return {
        "id": text.id,
        "name": text.name,
        "scenario": text.scenario,
        "content": text.content,
        "placeholders": texts.placeholders(text.content),
        "mapping": dict(text.mapping),
        "codes": dict(text.codes),
        "state": row["state"],
        "paused_reason": row["paused_reason"],
        "used_by": used_by,
        "sample": sample,
        "parts": billed_parts(sample),
        "checked_at": row["checked_at"],
        "updated_at": row["updated_at"],
        "updated_by": row["updated_by"],
        "version": saving.version(row),
    }


def wanted(body: SmsTemplateIn) -> saving.Wanted:
    return saving.Wanted(body.name, body.scenario, body.content, body.mapping, body.codes, body.state)


@console.post("/sms-templates", status_code=201)
async def add_sms_template(
    request: Request, body: SmsTemplateIn, actor: Actor = staff_only(EDIT)
) -> notice_views.AddedText:
    """新增模板 (S2-54): refused unless every placeholder is mapped and the provider approved these very words."""
    app = request.app.state
    return {"id": await saving.save(app.db, actor.tenant_id, app.sms_providers, wanted(body), actor=actor.stamp)}


@console.put("/sms-templates/{template_id}")
async def change_sms_template(
    request: Request, template_id: UUID, body: SmsTemplatePut, actor: Actor = staff_only(EDIT)
) -> notice_views.AddedText:
    app = request.app.state
    replaced = saving.Replaced(template_id, body.version)
    return {
        "id": await saving.save(
            app.db, actor.tenant_id, app.sms_providers, wanted(body), replaced=replaced, actor=actor.stamp
        )
    }


@console.put("/sms-templates/{template_id}/state", status_code=204)
async def set_sms_template_state(template_id: UUID, body: StateIn, tx: Tx = staff_tx(EDIT)) -> None:
    await saving.set_state(tx, template_id, body.state)


@console.delete("/sms-templates/{template_id}", status_code=204)
async def remove_sms_template(template_id: UUID, tx: Tx = staff_tx(EDIT)) -> None:
    """Delete a text here; what the provider approved stays approved."""
    await saving.remove(tx, template_id)


@console.post("/sms-templates/approved")
async def approved_text(
    request: Request, body: ApprovedIn, actor: Actor = staff_only(EDIT)
) -> notice_views.ApprovedText:
    """What a provider approved under this number, so that nobody has to type it off (S2-57)."""
    app = request.app.state
    content = await saving.approved(app.db, actor.tenant_id, app.sms_providers, body.provider, body.code)
    return {
        "provider": body.provider,
        "code": body.code.strip(),
        "content": content,
        "placeholders": texts.placeholders(content),
    }


@console.get("/recipients")
async def list_recipients(tx: ReadTx = staff_read(VIEW)) -> Items[notice_views.Recipient]:
    """Everybody who works here, and who of them is told in WeChat (S2-50)."""
    return {"items": [_recipient(*one) for one in await staff.listed(tx)]}


def _recipient(
    person: Mapping[str, Any], bound: Mapping[str, Any] | None, waiting: Mapping[str, Any] | None
) -> notice_views.Recipient:
    return {
        "staff_id": person["id"],
        "name": person["name"],
        "role": person["role"],
        "bound": bound is not None,
        "follows": bound is not None and bound["follows"],
        "bound_at": None if bound is None else bound["bound_at"],
        "account": "" if bound is None else f"…{bound['openid'][-4:]}",
        "scenarios": [] if bound is None else staff.chosen(bound),
        "waiting_until": None if waiting is None else waiting["expires_at"],
        "trouble": "" if waiting is None else waiting["trouble"],
        "version": None if bound is None else staff.version(bound),
    }


@console.post("/recipients/{staff_id}/invitation", status_code=201)
async def invite_recipient(
    request: Request, staff_id: UUID, actor: Actor = staff_only(EDIT)
) -> notice_views.Invitation:
    """A QR code that binds whoever scans it first to this person, once, within ten minutes."""
    app = request.app.state
    made = await staff.invite(app.db, actor.tenant_id, app.oa, staff_id, actor=actor.stamp)
    return {"content": made.content, "picture": made.picture, "expires_at": made.expires_at}


@console.put("/recipients/{staff_id}", status_code=204)
async def choose_scenarios(staff_id: UUID, body: RecipientIn, tx: Tx = staff_tx(EDIT)) -> None:
    await must_replace(tx, f"messaging.recipient.{staff_id}", body.version, staff.version_now(tx, staff_id))
    await staff.choose(tx, staff_id, body.scenarios)


@console.delete("/recipients/{staff_id}", status_code=204)
async def unbind_recipient(staff_id: UUID, tx: Tx = staff_tx(EDIT)) -> None:
    await staff.unbind(tx, staff_id)


@operator.get("/notice-rules")
async def show_rules(tx: ReadTx = tenants.operator_read()) -> notice_views.NoticeRules:
    return await _rules(tx)


@operator.put("/notice-rules")
async def save_rules(
    request: Request, body: RulesIn, actor: Actor = Depends(tenants.operator_of)
) -> notice_views.NoticeRules:
    """Set what accounts are checked by (X-17); empty lists ask nothing."""
    async with request.app.state.db.tx(tenants.PLATFORM, actor=f"operator:{actor.id}") as tx:
        await must_replace(tx, "messaging.notice_rules", body.version, _rules_version(tx))
        await preflight.save_rules(tx, industries=body.industries, categories=body.categories, numbers=body.numbers)
        return await _rules(tx)


async def _rules_version(tx: Tx) -> str:
    return version_of(await preflight.rules(tx))


async def _rules(tx: Tx) -> notice_views.NoticeRules:
    now = await preflight.rules(tx)
    return {
        "industries": [list(pair) for pair in now.industries],
        "categories": list(now.categories),
        "numbers": dict(now.numbers),
        "defaults": [
            {
                "scenario": one.code,
                "label": one.label,
                "label_en": one.label_en,
                "title": one.default.title,
                "number": now.numbers.get(one.code, one.default.oa_number),
            }
            for one in SCENARIOS
            if "template" in one.channels
        ],
        "version": version_of(now),
    }


@console.post("/templates/adopt")
async def adopt_template(
    request: Request, body: AdoptIn, channel: str = "template", actor: Actor = staff_only(EDIT)
) -> MyTemplate:
    """Take a template by its id, copied from WeChat's pages (S2-02); refused when the account does not have it."""
    row = await system_default.adopt(door_of(request, actor), bindings.channel_of(channel), body.template_id)
    return templates.view(1, row)

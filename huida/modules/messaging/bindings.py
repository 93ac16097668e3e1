"""Scenarios' channels: save one (the others stop), stop one, read what is live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from huida.modules import connections, coupons, sms, tenants
from huida.modules.messaging import mapping as pure
from huida.modules.messaging.catalogue import BY_CODE, MODULE, Scenario
from huida.modules.messaging.facts import ChannelSaved, ChannelStopped
from huida.modules.messaging.models import CHANNELS, Channel
from huida.modules.messaging.views import ScenarioOptions
from huida.providers.wechat.params import Field, template_fields

APP_KIND = {"subscribe": "mini", "template": "oa"}


@dataclass(frozen=True, slots=True)
class Live:
    """A scenario's live channel with everything a message needs."""

    scenario: Scenario
    channel: Channel
    app_id: str
    template_id: str
    mapping: Mapping[str, str]
    fields: tuple[Field, ...]
    version: int
    one_time: bool


class NotEntitled(Forbidden):
    """The merchant has not bought the member-notice module (S1-09, S1-10)."""

    code = "messaging.not_entitled"


def scenario_of(code: str) -> Scenario:
    """The scenario of a code. Raises NotFound."""
    if code not in BY_CODE:
        raise NotFound(code="messaging.scenario_unknown", where="scenario", scenario=code)
    return BY_CODE[code]


def channel_of(name: str) -> Channel:
    """The channel of this name. Raises Invalid."""
    for channel in CHANNELS:
        if channel == name:
            return channel
    raise Invalid(code="messaging.channel_unknown", where="channel", channel=name)


async def must_be_entitled(tx: Tx) -> None:
    """Raises NotEntitled unless the merchant has bought the module."""
    if not await tenants.is_entitled(tx, MODULE):
        raise NotEntitled(module=MODULE)


async def save_channel(
    tx: Tx, scenario_code: str, channel: str, *, template_id: str, mapping: Mapping[str, str]
) -> list[Channel]:
    """Make a channel the live one of its scenario, with this template and assignment; returns the channels it stopped.

    The last commit wins (S1-12, S1-16): saves of one scenario wait for each other at its row. The other channels keep
    their mapping (S1-15), other scenarios are not touched (S1-14). Raises Invalid with every trouble of the mapping,
    Conflict when the channel cannot be used at all.
    """
    await must_be_entitled(tx)
    scenario = scenario_of(scenario_code)
    if channel not in CHANNELS:
        raise Invalid(code="messaging.channel_unknown", where="channel", channel=channel)
    if channel == "sms":
        template_id, mapping = await _sms_text(tx, scenario), {}
    else:
        fields, choices = await fields_of(tx, channel, template_id)
        troubles = pure.check_mapping(scenario, fields, mapping, choices)
        if troubles:
            first = troubles[0]
            raise Invalid(
                code=first.code, where=f"mapping/{first.field}", detail=first.detail, limit=first.limit,
                troubles=[msgspec.to_builtins(t) for t in troubles],
            )  # fmt: skip
    return await write_live(tx, scenario, channel, template_id=template_id, mapping=mapping)


async def write_live(
    tx: Tx, scenario: Scenario, channel: str, *, template_id: str, mapping: Mapping[str, str]
) -> list[Channel]:
    """Write a checked channel as the live one; the scenario's row makes concurrent saves take turns."""
    await tx.execute(
        "INSERT INTO scenario_settings (tenant_id, scenario) VALUES ($1, $2) "
        "ON CONFLICT (tenant_id, scenario) DO UPDATE SET policy = scenario_settings.policy",
        *(tx.tenant_id, scenario.code),
    )
    stopped = await tx.fetch(
        "UPDATE bindings SET live = false WHERE tenant_id = $1 AND scenario = $2 AND channel <> $3 AND live RETURNING channel",
        *(tx.tenant_id, scenario.code, channel),
    )
    await tx.execute(
        "INSERT INTO bindings (tenant_id, scenario, channel, live, template_id, mapping, updated_at, updated_by) "
        "VALUES ($1, $2, $3, true, $4, $5, $6, $7) ON CONFLICT (tenant_id, scenario, channel) DO UPDATE SET live = true, "
        "template_id = excluded.template_id, mapping = excluded.mapping, paused_reason = NULL, "
        "version = bindings.version + 1, updated_at = excluded.updated_at, updated_by = excluded.updated_by",
        *(
            tx.tenant_id,
            scenario.code,
            channel,
            template_id,
            msgspec.json.encode(dict(mapping)).decode(),
            tx.now,
            tx.actor,
        ),
    )
    names = sorted(row["channel"] for row in stopped)
    tx.emit(ChannelSaved(scenario=scenario.code, channel=channel, template_id=template_id, stopped=names))
    return names


async def stop_channel(tx: Tx, scenario_code: str, channel: str, *, reason: str = "switched_off") -> None:
    """Stop a scenario's channel; its mapping is kept. Raises Conflict when it is not live."""
    scenario = scenario_of(scenario_code)
    if not await tx.execute(
        "UPDATE bindings SET live = false, paused_reason = $4 WHERE tenant_id = $1 AND scenario = $2 AND channel = $3 AND live",
        *(tx.tenant_id, scenario.code, channel, reason),
    ):
        raise Conflict(code="messaging.channel_not_live", where="channel", channel=channel)
    tx.emit(ChannelStopped(scenario=scenario.code, channel=channel, reason=reason))


async def stop_template(tx: Tx, template_id: str, *, reason: str) -> list[str]:
    """Stop every live scenario that uses a template; returns their codes (S1-43: never point at nothing)."""
    rows = await tx.fetch(
        "UPDATE bindings SET live = false, paused_reason = $3 WHERE tenant_id = $1 AND template_id = $2 AND live "
        "AND channel <> 'sms' RETURNING scenario, channel",
        *(tx.tenant_id, template_id, reason),
    )
    for row in rows:
        tx.emit(ChannelStopped(scenario=row["scenario"], channel=row["channel"], reason=reason))
    return sorted(row["scenario"] for row in rows)


async def usable_app(tx: Tx, channel: str) -> str:
    """The app that a channel sends with. Raises Conflict when none is connected, or its function is not open (S1-32)."""
    app = await connections.app_of(tx, APP_KIND[channel])
    if app is None:
        raise Conflict(code="messaging.app_missing", where="channel", channel=channel)
    if channel == "subscribe" and not app.subscribe_open:
        raise Conflict(code="messaging.subscribe_not_open", where="channel")
    return app.app_id


async def fields_of(tx: Tx, channel: str, template_id: str) -> tuple[list[Field], dict[str, list[str]]]:
    """The fields (and enum choices) of one of my templates.

    Raises Conflict when it is not in my templates (S1-69) or the channel's app is not ready (S1-32).
    """
    if channel not in APP_KIND:
        raise Invalid(code="messaging.channel_unknown", where="channel", channel=channel)
    row = await tx.row(
        "SELECT content, choices FROM wechat_templates "
        "WHERE tenant_id = $1 AND template_id = $2 AND channel = $3 AND app_id = $4 AND gone_at IS NULL",
        *(tx.tenant_id, template_id, channel, await usable_app(tx, channel)),
    )
    if row is None:
        raise Conflict(code="messaging.template_not_mine", where="template_id", template_id=template_id)
    return template_fields(row["content"]), msgspec.json.decode(row["choices"])


async def _sms_text(tx: Tx, scenario: Scenario) -> str:
    """The platform's text for a scenario; it is the platform's, the merchant only switches it on (S1-112)."""
    route = await sms.route(tx)
    if route is None:
        raise Conflict(code="messaging.sms_not_set_up", where="channel")
    text = (await sms.texts(tx, route.provider)).get(scenario.code)
    if text is None:
        raise Conflict(code="messaging.sms_text_missing", where="channel", scenario=scenario.code)
    return text.template_code


async def live(tx: Tx) -> dict[str, Live]:
    """The live channel of each scenario (exclusive: one each)."""
    rows = await tx.fetch(
        "SELECT b.scenario, b.channel, b.template_id, b.mapping, b.version, t.app_id, t.content, t.kind FROM bindings b "
        "LEFT JOIN wechat_templates t ON t.tenant_id = b.tenant_id AND t.template_id = b.template_id AND t.channel = b.channel "
        "WHERE b.tenant_id = $1 AND b.live",
        tx.tenant_id,
    )
    found: dict[str, Live] = {}
    for row in rows:
        if row["scenario"] not in BY_CODE:
            continue
        found[row["scenario"]] = Live(
            scenario=BY_CODE[row["scenario"]],
            channel=row["channel"],
            app_id=row["app_id"] or "",
            template_id=row["template_id"],
            mapping=msgspec.json.decode(row["mapping"]),
            fields=tuple(template_fields(row["content"])) if row["content"] else (),
            version=row["version"],
            one_time=row["kind"] != 3,
        )
    return found


async def save_settings(tx: Tx, scenario_code: str, options: Mapping[str, Any]) -> None:
    """Save a scenario's options. Raises Invalid for a reminder that is not 0 to 365 days (S1-08)."""
    await must_be_entitled(tx)
    scenario = scenario_of(scenario_code)
    known = {"remind_after_days", "remind_before_days"} if scenario.code == "coupon_unused" else set()
    unknown: Sequence[str] = [name for name in options if name not in known]
    if unknown:
        raise Invalid(code="messaging.option_unknown", where=unknown[0])
    for name in known:
        days = options.get(name, 0)
        if type(days) is not int or not 0 <= days <= 365:
            raise Invalid(code="messaging.bad_reminder", where=name)
    if known:
        after, before = int(options.get("remind_after_days", 0)), int(options.get("remind_before_days", 0))
        await coupons.save_reminders(tx, after_days=after, before_days=before)


async def settings_of(tx: Tx, scenario_code: str) -> ScenarioOptions:
    """A scenario's options: the reminder days, which coupons keep (S1-08)."""
    if scenario_code != "coupon_unused":
        return {}
    timing = await coupons.reminders(tx)
    return {"remind_after_days": timing.after_days, "remind_before_days": timing.before_days}

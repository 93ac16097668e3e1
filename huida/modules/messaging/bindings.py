"""Scenarios' channels: save one (the others stop), stop one, read what is live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from huida.kernel.intake.versions import version_of
from huida.modules import connections, coupons, sms, tenants
from huida.modules.messaging import mapping as pure
from huida.modules.messaging.catalogue import BY_CODE, MODULE, Scenario
from huida.modules.messaging.facts import ChannelSaved, ChannelStopped
from huida.modules.messaging.library import Channel, Policy
from huida.modules.messaging.models import CHANNELS
from huida.modules.messaging.views import ScenarioOptions
from huida.providers.wechat.params import Field, template_fields

APP_KIND = {"subscribe": "mini", "template": "oa"}
FREE_FIRST: tuple[Channel, ...] = ("subscribe", "template", "sms")


@dataclass(frozen=True, slots=True)
class Live:
    """A scenario's live channel with everything a message needs; `policy` says how it goes with the others (X-01)."""

    scenario: Scenario
    channel: Channel
    app_id: str
    template_id: str
    mapping: Mapping[str, str]
    fields: tuple[Field, ...]
    version: int
    one_time: bool
    policy: Policy


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


async def must_be_entitled(tx: Tx, module: str = MODULE) -> None:
    """Raises NotEntitled unless the merchant has bought the module; none is needed where none is named."""
    if module and not await tenants.is_entitled(tx, module):
        raise NotEntitled(module=module)


async def save_channel(
    tx: Tx, scenario_code: str, channel: str, *, template_id: str, mapping: Mapping[str, str]
) -> list[Channel]:
    """Make a channel the live one of its scenario, with this template and assignment; returns the channels it stopped.

    The last commit wins (S1-12, S1-16): saves of one scenario wait for each other at its row. The other channels keep
    their mapping (S1-15), other scenarios are not touched (S1-14). Raises Invalid with every trouble of the mapping,
    Conflict when the channel cannot be used at all.
    """
    scenario = scenario_of(scenario_code)
    await must_be_entitled(tx, scenario.module)
    must_be_offered(scenario, channel)
    if channel == "sms":
        template_id, mapping = await _sms_text(tx, scenario, template_id), {}
    else:
        fields, choices = await fields_of(tx, channel, template_id)
        mapping = {key: pure.normal(scenario, value) for key, value in mapping.items()}
        troubles = pure.check_mapping(scenario, fields, mapping, choices)
        if troubles:
            first = troubles[0]
            raise Invalid(
                code=first.code, where=f"mapping/{first.field}", detail=first.detail, limit=first.limit,
                nearest=first.nearest, troubles=[msgspec.to_builtins(t) for t in troubles],
            )  # fmt: skip
    return await write_live(tx, scenario, channel, template_id=template_id, mapping=mapping)


async def write_live(
    tx: Tx, scenario: Scenario, channel: str, *, template_id: str, mapping: Mapping[str, str], system: bool = False
) -> list[Channel]:
    """Write a checked channel as a live one; of an exclusive scenario the others stop (S1-13)."""
    exclusive = await take_turns(tx, scenario) == "exclusive"
    stopped = await tx.fetch(
        "UPDATE bindings SET live = false WHERE tenant_id = $1 AND scenario = $2 AND channel <> $3 AND live AND $4 "
        "RETURNING channel",
        *(tx.tenant_id, scenario.code, channel, exclusive),
    )
    await tx.execute(
        "INSERT INTO bindings (tenant_id, scenario, channel, live, template_id, mapping, updated_at, updated_by, system, exclusive) "
        "VALUES ($1, $2, $3, true, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, scenario, channel) DO UPDATE SET live = true, "
        "template_id = excluded.template_id, mapping = excluded.mapping, paused_reason = NULL, "
        "system = excluded.system, exclusive = excluded.exclusive, "
        "version = bindings.version + 1, updated_at = excluded.updated_at, updated_by = excluded.updated_by",
        *(
            tx.tenant_id,
            scenario.code,
            channel,
            template_id,
            msgspec.json.encode(dict(mapping)).decode(),
            tx.now,
            tx.actor,
            system,
            exclusive,
        ),
    )
    names = sorted(row["channel"] for row in stopped)
    tx.emit(ChannelSaved(scenario=scenario.code, channel=channel, template_id=template_id, stopped=names))
    return names


async def take_turns(tx: Tx, scenario: Scenario) -> str:
    """Make concurrent changes of a scenario take turns at its row; returns its policy."""
    policy: str = await tx.value(
        "INSERT INTO scenario_settings (tenant_id, scenario, policy) VALUES ($1, $2, $3) "
        "ON CONFLICT (tenant_id, scenario) DO UPDATE SET policy = scenario_settings.policy RETURNING policy",
        *(tx.tenant_id, scenario.code, scenario.policy),
    )
    return policy


def must_be_offered(scenario: Scenario, channel: str) -> None:
    """Raises Invalid for no channel at all, Conflict for one that this scenario cannot use (S2-35, S2-46)."""
    if channel not in CHANNELS:
        raise Invalid(code="messaging.channel_unknown", where="channel", channel=channel)
    if channel not in scenario.channels:
        raise Conflict(code="messaging.channel_not_offered", where="channel", channel=channel, scenario=scenario.code)


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


async def stop_sms_text(tx: Tx, text_id: UUID, *, reason: str) -> list[str]:
    """Stop every live notice that sends a text of the store; returns their codes."""
    rows = await tx.fetch(
        "UPDATE bindings SET live = false, paused_reason = $3 WHERE tenant_id = $1 AND template_id = $2 AND live "
        "AND channel = 'sms' RETURNING scenario",
        *(tx.tenant_id, str(text_id), reason),
    )
    for row in rows:
        tx.emit(ChannelStopped(scenario=row["scenario"], channel="sms", reason=reason))
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


async def _sms_text(tx: Tx, scenario: Scenario, template_id: str) -> str:
    """The text of a scenario: the platform's, which the merchant only switches on (S1-112), or one of the store's (X-03)."""
    route = await sms.route(tx)
    if route is None:
        raise Conflict(code="messaging.sms_not_set_up", where="channel")
    if scenario.family != "member":
        chosen = await tx.value(
            "SELECT id::text FROM sms_templates WHERE tenant_id = $1 AND id::text = $2 AND scenario = $3 "
            "AND state = 'enabled' AND paused_reason IS NULL FOR SHARE",
            *(tx.tenant_id, template_id, scenario.code),
        )
        if chosen is None:
            raise Conflict(code="messaging.sms_template_missing", where="template_id", scenario=scenario.code)
        return str(chosen)
    text = (await sms.texts(tx, route.provider)).get(scenario.code)
    if text is None:
        raise Conflict(code="messaging.sms_text_missing", where="channel", scenario=scenario.code)
    return text.template_code


async def live(tx: Tx) -> dict[str, tuple[Live, ...]]:
    """The live channels of each scenario: one when it is exclusive, else in the order in which they are tried."""
    rows = await tx.fetch(
        "SELECT b.scenario, b.channel, b.template_id, b.mapping, b.version, t.app_id, t.content, t.kind, s.policy, "
        "s.options FROM bindings b "
        "LEFT JOIN wechat_templates t ON t.tenant_id = b.tenant_id AND t.template_id = b.template_id AND t.channel = b.channel "
        "LEFT JOIN scenario_settings s ON s.tenant_id = b.tenant_id AND s.scenario = b.scenario "
        "WHERE b.tenant_id = $1 AND b.live",
        tx.tenant_id,
    )
    found: dict[str, list[Live]] = {}
    orders: dict[str, Sequence[str]] = {}
    for row in rows:
        scenario = BY_CODE.get(row["scenario"])
        if scenario is None:
            continue
        orders[scenario.code] = channel_order(row["options"])
        found.setdefault(scenario.code, []).append(
            Live(
                scenario=scenario,
                channel=row["channel"],
                app_id=row["app_id"] or "",
                template_id=row["template_id"],
                mapping=msgspec.json.decode(row["mapping"]),
                fields=tuple(template_fields(row["content"])) if row["content"] else (),
                version=row["version"],
                one_time=row["kind"] != 3,
                policy=row["policy"] or scenario.policy,
            )
        )
    return {
        code: tuple(sorted(lives, key=lambda one: orders[code].index(one.channel))) for code, lives in found.items()
    }


def channel_order(options: str | None) -> Sequence[Channel]:
    """In which order channels are tried, from a scenario's options: what the merchant chose, else free ones first."""
    chosen = msgspec.json.decode(options).get("order", []) if options else []
    return [*chosen, *(channel for channel in FREE_FIRST if channel not in chosen)]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is saved for a scenario in one channel, live or not; `paused_reason` says why it was stopped."""

    live: bool
    template_id: str
    paused_reason: str | None


async def chosen(tx: Tx, channel: str) -> dict[str, Chosen]:
    """What is saved in a channel, by scenario."""
    rows = await tx.fetch(
        "SELECT scenario, live, template_id, paused_reason FROM bindings WHERE tenant_id = $1 AND channel = $2 LIMIT 200",
        *(tx.tenant_id, channel),
    )
    return {row["scenario"]: Chosen(row["live"], row["template_id"], row["paused_reason"]) for row in rows}


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


async def versions(tx: Tx) -> dict[str, str]:
    """The version of what is saved for each scenario: channels, policy, options. A save of any of them changes it."""
    found: dict[str, list[Any]] = {code: [await settings_of(tx, code)] for code in BY_CODE}
    rows = await tx.fetch(
        "SELECT scenario, channel, live, template_id, mapping, system, paused_reason FROM bindings "
        "WHERE tenant_id = $1 ORDER BY scenario, channel LIMIT 1000",
        tx.tenant_id,
    )
    for row in rows:
        if row["scenario"] in found:
            found[row["scenario"]].append(list(row.values()))
    rows = await tx.fetch(
        "SELECT scenario, policy, options FROM scenario_settings WHERE tenant_id = $1 LIMIT 1000", tx.tenant_id
    )
    settings = {row["scenario"]: row for row in rows}
    for code, scenario in BY_CODE.items():
        # Without a row it is as with one that says the usual: saving a channel makes the row.
        row = settings.get(code)
        found[code] += [row["policy"] if row else scenario.policy, list(channel_order(row["options"] if row else None))]
    return {code: version_of(*parts) for code, parts in found.items()}


async def version(tx: Tx, scenario_code: str) -> str:
    """The version of what is saved for one scenario. Raises NotFound."""
    return (await versions(tx))[scenario_of(scenario_code).code]

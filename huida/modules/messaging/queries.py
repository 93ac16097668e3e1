"""Reads for screens: scenarios with their channels, deliveries, the decision trace of a fact."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Row, Tx
from huida.kernel.errors import NotFound
from huida.kernel.facts import shard_of
from huida.kernel.lists import Where, fetch, newest_id_before
from huida.kernel.secrets import mask_openid
from huida.kernel.web import Page
from huida.modules import coupons, mall, members, orders, tenants
from huida.modules.messaging import bindings
from huida.modules.messaging.catalogue import BY_CODE, FACTS, SCENARIOS, fired_by
from huida.modules.messaging.keys import key_of, public_id
from huida.modules.messaging.library import Channel
from huida.modules.messaging.models import CHANNELS, TROUBLES
from huida.modules.messaging.values import THINGS
from huida.modules.messaging.views import (
    CreditAccount,
    Decision,
    Delivery,
    DeliveryRow,
    MessageBody,
    ScenarioChannel,
    Scenarios,
    SubscriptionEntry,
    TimelineEntry,
    Trace,
    TraceStep,
)


async def scenarios(tx: Tx, families: Sequence[str] = ("member",)) -> Scenarios:
    """The scenarios of these families with their variables and channels; `locked` without the paid module (S1-10)."""
    bought = await tenants.modules(tx)
    rows = await tx.fetch(
        "SELECT scenario, channel, live, template_id, mapping, system, paused_reason, updated_at, updated_by FROM bindings "
        "WHERE tenant_id = $1",
        tx.tenant_id,
    )
    saved = {(row["scenario"], row["channel"]): row for row in rows}
    settings = {
        row["scenario"]: row
        for row in await tx.fetch(
            "SELECT scenario, policy, options FROM scenario_settings WHERE tenant_id = $1", tx.tenant_id
        )
    }
    versions = await bindings.versions(tx)
    wanted = [scenario for scenario in SCENARIOS if scenario.family in families]
    return {
        "locked": any(scenario.module and scenario.module not in bought for scenario in wanted),
        "items": [
            {
                "code": scenario.code,
                "label": scenario.label,
                "label_en": scenario.label_en,
                "family": scenario.family,
                "policy": settings[scenario.code]["policy"] if scenario.code in settings else scenario.policy,
                "policies": list(scenario.policies),
                "order": [
                    channel
                    for channel in bindings.channel_order(
                        settings[scenario.code]["options"] if scenario.code in settings else None
                    )
                    if channel in scenario.channels
                ],
                "options": await bindings.settings_of(tx, scenario.code),
                "default_title": scenario.default.title,
                "page": scenario.page.partition("?")[0],
                "variables": [msgspec.to_builtins(variable) for variable in scenario.variables],
                "channels": [
                    _channel(saved.get((scenario.code, channel)), channel)
                    for channel in CHANNELS
                    if channel in scenario.channels
                ],
                "version": versions[scenario.code],
            }
            for scenario in wanted
        ],
    }


def _channel(row: Any, channel: Channel) -> ScenarioChannel:
    if row is None:
        return {"channel": channel, "live": False, "template_id": "", "mapping": {}, "system": False}
    return {
        "channel": channel,
        "live": row["live"],
        "template_id": row["template_id"],
        "mapping": msgspec.json.decode(row["mapping"]),
        "system": row["system"],
        "paused_reason": row["paused_reason"],
        "updated_at": row["updated_at"],
        "updated_by": row["updated_by"],
    }


async def deliveries(
    tx: Tx,
    page: Page,
    *,
    channel: str | None = None,
    state: str | None = None,
    scenario: str | None = None,
    member_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Any]:
    """Deliveries newest first (S1-111), at most one more than the page holds.

    The few that are in trouble are found by their own small table, the others by their blocks' summary (migration 0004).
    """
    wanted = {"channel": channel, "state": state, "scenario": scenario, "member_id": member_id}
    where = Where(tx.tenant_id)
    if page.after is not None:
        where.add("(fact_id, scenario, slot) < ({}, {}, {})", *(page.key(_uuid, str, str) or ()))
    elif until is not None and member_id is None:
        newest = await newest_id_before(tx, "deliveries", "fact_id", "created_at", until)
        if newest is not None:
            where.add("fact_id <= {}", newest)
    if state in TROUBLES and member_id is None:
        where.add("state = {}", state)
        keys = (
            f"SELECT tenant_id, fact_id, scenario, slot FROM delivery_troubles WHERE {where} ORDER BY {NEWEST} OFFSET 0"
        )
        inside = where.more(
            "d.tenant_id = t.tenant_id AND d.fact_id = t.fact_id AND d.scenario = t.scenario AND d.slot = t.slot"
        )
        _narrow(inside, wanted, since, until)
        source = f"({keys}) t CROSS JOIN LATERAL (SELECT * FROM deliveries d WHERE {inside} OFFSET 0) d"
        return await fetch(tx, f"SELECT d.* FROM {source}", inside.more("true"), NEWEST_TROUBLE, page.limit + 1)
    _narrow(where, wanted, since, until)
    return await fetch(tx, "SELECT * FROM deliveries", where, NEWEST, page.limit + 1)


def _uuid(part: Any) -> UUID:
    return UUID(str(part))


NEWEST = "fact_id DESC, scenario DESC, slot DESC"
NEWEST_TROUBLE = "t.fact_id DESC, t.scenario DESC, t.slot DESC"


def _narrow(where: Where, wanted: Mapping[str, Any], since: datetime | None, until: datetime | None) -> None:
    """The filters of a list of deliveries, in the forms that the summary of the blocks knows."""
    where.equal(**wanted)
    for one in ("scenario", "state"):
        if wanted["channel"] is not None and wanted[one] is not None:
            where.add(f"(channel || '/' || {one}) = {{}}", f"{wanted['channel']}/{wanted[one]}")
    if since is not None:
        where.add("created_at >= {}", since)
    if until is not None:
        where.add("created_at < {}", until)


def show_delivery(row: Any, *, may: frozenset[str]) -> Delivery:
    """A delivery without what it says: the body is shown only in its detail."""
    whole = row["channel"] == "sms" or not row["address"] or members.sees_whole(may)
    return {
        "id": public_id(key_of(row)),
        "scenario": row["scenario"],
        "scenario_label": BY_CODE[row["scenario"]].label if row["scenario"] in BY_CODE else row["scenario"],
        "audience": row["audience"],
        "slot": row["slot"],
        "member_id": row["member_id"] if row["audience"] == "member" else None,
        "staff_id": row["member_id"] if row["audience"] == "staff" else None,
        "channel": row["channel"],
        "state": row["state"],
        "reason": row["reason"],
        "address": row["address"] if whole else mask_openid(row["address"]),
        "template_id": row["template_id"],
        "attempts": row["attempt"],
        "parts": row["parts"],
        "cost_fen": row["cost_fen"],
        "provider_ref": row["provider_ref"],
        "created_at": row["created_at"],
        "sent_at": row["sent_at"],
        "done_at": row["done_at"],
    }


async def show_deliveries(tx: Tx, rows: Sequence[Any], *, may: frozenset[str]) -> list[DeliveryRow]:
    """Deliveries with the names of whom they are for, and the card numbers of members."""
    whom = {
        audience: list({r["member_id"] for r in rows if r["audience"] == audience}) for audience in ("member", "staff")
    }
    people = await members.recipients(tx, whom["member"], mini_app="", oa_app="") if whom["member"] else {}
    staff = await tenants.staff_names(tx, whom["staff"]) if whom["staff"] else {}
    shown: list[DeliveryRow] = []
    for row in rows:
        if row["audience"] == "staff":
            named = staff.get(row["member_id"], "")
            shown.append({**show_delivery(row, may=may), "member_name": named, "card_no": ""})
            continue
        person = people.get(row["member_id"])
        name, card_no = (person["name"] or "", person["card_no"]) if person else ("", "")
        shown.append({**show_delivery(row, may=may), "member_name": name, "card_no": card_no})
    return shown


def show_body(row: Any, *, may: frozenset[str]) -> MessageBody | None:
    """What the provider was given; None when there was nothing to send."""
    body: MessageBody | None = msgspec.json.decode(row["body"]) if row["body"] else None
    if body is not None and "touser" in body and not members.sees_whole(may):
        body["touser"] = mask_openid(body["touser"])
    return body


async def trace(tx: Tx, thing_id: UUID, *, may: frozenset[str]) -> Trace:
    """Why this fact was told, held back or not attempted: each scenario that it fires, with what was decided.

    Named by its own id, or by that of the purchase, recharge, refund, coupon or order that it is about: what a till was
    answered (I-20); of several the newest. What left no row is explained from the settings as they were at the fact's time.
    Raises NotFound.
    """
    row = await tx.row(
        "SELECT id, kind, subject_id, actor, at, payload FROM facts WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        thing_id,
    ) or await _about(tx, thing_id)
    if row is None:
        raise NotFound(code="messaging.fact_unknown", where="fact_id")
    fact_id: UUID = row["id"]
    decoder = tx.db.subscriptions.decoders.get(row["kind"])
    fired = fired_by(decoder.decode(row["payload"])) if decoder is not None else []
    made = await tx.fetch(
        "SELECT * FROM deliveries WHERE tenant_id = $1 AND fact_id = $2 ORDER BY scenario, created_at, slot",
        *(tx.tenant_id, fact_id),
    )
    was_live = await live_at(tx, row["at"])
    bought = await tenants.modules(tx)
    waits = await _waits(tx, fact_id, row["subject_id"])
    steps: list[TraceStep] = []
    decision: Decision
    for scenario in fired:
        own = [one for one in made if one["scenario"] == scenario.code]
        for one in own:
            shown = show_delivery(one, may=may)
            steps.append(
                {"scenario": scenario.code, "decision": one["state"], "reason": one["reason"], "delivery": shown}
            )
        if own:
            continue
        instead = [one["scenario"] for one in made if (one["audience"] == "staff") == scenario.to_staff]
        if scenario.code not in was_live:
            decision, reason = "not_told", "scenario_off"
        elif instead:
            decision, reason = "merged", f"merged_into:{instead[0]}"
        elif waits:
            decision, reason = "waiting", "in_queue"
        elif scenario.module not in bought:
            decision, reason = "not_told", "not_entitled"
        else:
            decision, reason = "not_told", "no_recipient" if scenario.to_staff else "scenario_off"
        steps.append({"scenario": scenario.code, "decision": decision, "reason": reason, "delivery": None})
    return {"fact_id": fact_id, "kind": row["kind"], "at": row["at"], "actor": row["actor"], "steps": steps}


async def _about(tx: Tx, thing_id: UUID) -> Row | None:
    """The newest fact that opens this business thing, else one that names it."""
    owner = (
        await orders.owner_of(tx, thing_id) or await coupons.owner_of(tx, thing_id) or await mall.owner_of(tx, thing_id)
    )
    if owner is None:
        return None
    rows = await tx.fetch(
        "SELECT id, kind, subject_id, actor, at, payload FROM facts WHERE tenant_id = $1 AND subject_id = ANY($2) "
        "AND kind = ANY($3) AND EXISTS (SELECT FROM unnest($4::text[]) AS f(name) WHERE payload ->> f.name = $5) "
        "ORDER BY id DESC LIMIT 50",
        *(
            tx.tenant_id,
            await members.records_of(tx, owner),
            [fact.kind for fact in FACTS],
            list(THINGS),
            str(thing_id),
        ),
    )
    return next((row for row in rows if _opens(row["payload"]) == str(thing_id)), rows[0] if rows else None)


def _opens(payload: str) -> str | None:
    fields = msgspec.json.decode(payload)
    return next((fields[name] for name in THINGS if fields.get(name)), None)


async def _waits(tx: Tx, fact_id: UUID, subject_id: UUID | None) -> bool:
    """Whether the job that decides about a fact is still to run."""
    return bool(
        await tx.value(
            "SELECT EXISTS (SELECT FROM jobs WHERE shard = $1 AND tenant_id = $2 AND kind = $3 AND $4 = ANY(fact_ids)) "
            "OR EXISTS (SELECT FROM jobs_later WHERE tenant_id = $2 AND kind = $3 AND $4 = ANY(fact_ids))",
            *(shard_of(tx.tenant_id, subject_id or fact_id), tx.tenant_id, "messaging.tell_members", fact_id),
        )
    )


async def live_at(tx: Tx, moment: datetime) -> set[str]:
    """The scenarios that had a live channel at a moment, from the facts of saves and stops."""
    rows = await tx.fetch(
        "SELECT DISTINCT ON (scenario, channel) scenario, saved FROM ("
        "SELECT payload->>'scenario' AS scenario, payload->>'channel' AS channel, kind LIKE '%saved' AS saved, id FROM facts "
        "WHERE tenant_id = $1 AND subject_id IS NULL AND at <= $2 "
        "AND kind IN ('messaging.channel_saved', 'messaging.channel_stopped') "
        "UNION ALL SELECT payload->>'scenario', jsonb_array_elements_text(payload->'stopped'), false, id FROM facts "
        "WHERE tenant_id = $1 AND subject_id IS NULL AND at <= $2 "
        "AND kind IN ('messaging.channel_saved', 'messaging.policy_chosen')) AS moved ORDER BY scenario, channel, id DESC",
        *(tx.tenant_id, moment),
    )
    return {row["scenario"] for row in rows if row["saved"]}


async def timeline(tx: Tx, member_id: UUID, page: Page) -> list[Any]:
    """A member's facts newest first, each with what was sent for it; those of records that were merged into theirs too."""
    return await tx.fetch(
        "SELECT f.id, f.kind, f.actor, f.at, f.payload, d.made FROM facts f "
        "LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('scenario', x.scenario, 'channel', x.channel, "
        "'state', x.state, 'reason', x.reason) ORDER BY x.state = 'not_attempted', x.slot) AS made FROM deliveries x "
        "WHERE x.tenant_id = f.tenant_id AND x.fact_id = f.id AND x.audience = 'member') d ON true "
        "WHERE f.tenant_id = $1 AND f.subject_id = ANY($2) AND ($3::uuid IS NULL OR f.id < $3) ORDER BY f.id DESC LIMIT $4",
        *(tx.tenant_id, await members.records_of(tx, member_id), page.before, page.limit + 1),
    )


def show_moment(row: Any) -> TimelineEntry:
    """A fact of a member with the messages that were made for it; the first is the one that was attempted."""
    made: list[Any] = msgspec.json.decode(row["made"]) if row["made"] else []
    first = made[0] if made else {"scenario": None, "channel": None, "state": None, "reason": None}
    return {
        "id": row["id"],
        "kind": row["kind"],
        "actor": row["actor"],
        "at": row["at"],
        "scenario": first["scenario"],
        "channel": first["channel"],
        "state": first["state"],
        "reason": first["reason"],
        "messages": made,
        "payload": msgspec.json.decode(row["payload"]),
    }


def show_credit(account: Any, row: Any, *, may: frozenset[str]) -> CreditAccount:
    """What one WeChat account may still be sent for one template."""
    return {
        "app_id": account["app_id"],
        "openid": account["openid"] if members.sees_whole(may) else mask_openid(account["openid"]),
        "template_id": row["template_id"],
        "granted": row["granted"],
        "consumed": row["consumed"],
        "refused": row["refused"],
        "remaining": row["remaining"],
    }


async def outcomes(tx: Tx, since: datetime) -> list[dict[str, Any]]:
    """Messages by channel and state since a moment, for the overview."""
    rows = await tx.fetch(
        "SELECT channel, state, count(*) AS n, sum(parts)::bigint AS parts, sum(cost_fen)::bigint AS cost_fen FROM deliveries "
        "WHERE tenant_id = $1 AND created_at >= $2 GROUP BY channel, state ORDER BY channel, state",
        *(tx.tenant_id, since),
    )
    return [dict(row) for row in rows]


async def entries_for_page(tx: Tx, page_name: str | None) -> list[SubscriptionEntry]:
    """Templates that the member centre may ask to subscribe to: all live ones, or those of one page's scenarios (S1-74,
    S1-75, S1-84); none without the paid module (S1-10)."""
    bought = await tenants.modules(tx)
    if not bought:
        return []
    found: list[SubscriptionEntry] = [
        {
            "scenario": channel.scenario.code,
            "label": channel.scenario.label,
            "template_id": channel.template_id,
            "app_id": channel.app_id,
        }
        for lives in (await bindings.live(tx)).values()
        for channel in lives
        if channel.channel == "subscribe"
        and channel.scenario.module in bought
        and (page_name is None or page_name in channel.scenario.pages)
    ]
    return sorted(found, key=lambda entry: entry["scenario"])

"""Deciding who is told what: from a batch of facts of one merchant to deliveries, each with its reason.

Pure decisions are taken per fact, everything that touches the database once per batch: live channels, members and
their accounts, credits, deliveries, jobs to send.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.arrays import ints, texts, uuids
from huida.kernel.db import Tx, columns
from huida.kernel.facts import Recorded, shard_of
from huida.modules import connections, ledger, loyalty, members, sms, tenants
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging.bindings import Live, live
from huida.modules.messaging.catalogue import MODULE, Scenario, fired_by
from huida.modules.messaging.mapping import Compiled, compile_mapping
from huida.modules.messaging.sms_text import sms_body
from huida.modules.messaging.values import needs_balances, opened_by, values_of
from huida.providers.sms.parts import billed_parts
from huida.providers.wechat.mini_program import subscribe_body
from huida.providers.wechat.official_account import template_body
from huida.providers.wechat.params import Unfittable

SEND = "messaging.send"

INSERT = """
INSERT INTO deliveries (tenant_id, fact_id, scenario, member_id, channel, state, reason, app_id, address, template_id, body,
                        parts, cost_fen, created_at, done_at)
SELECT $1, d.fact_id, d.scenario, d.member_id, d.channel, d.state, d.reason, d.app_id, d.address, d.template_id, d.body,
       d.parts, d.cost_fen, $2::timestamptz, CASE WHEN d.state = 'not_attempted' THEN $2::timestamptz END
FROM unnest(($3::text)::uuid[], ($4::text)::text[], ($5::text)::uuid[], ($6::text)::text[], ($7::text)::text[],
            ($8::text)::text[], ($9::text)::text[], ($10::text)::text[], ($11::text)::text[], ($12::text)::text[],
            ($13::text)::smallint[], ($14::text)::bigint[])
  AS d(fact_id, scenario, member_id, channel, state, reason, app_id, address, template_id, body, parts, cost_fen)
ON CONFLICT (tenant_id, fact_id, scenario) DO NOTHING
"""


@dataclass(slots=True)
class Draft:
    """A delivery in the making. `reason` set means that it will not be attempted, and why."""

    recorded: Recorded[Any]
    member_id: UUID
    live: Live
    person: Any
    reason: str = ""
    address: str = ""
    body: str = ""
    parts: int = 0
    cost_fen: int = 0


@dataclass
class Shop:
    """What all messages of a batch share."""

    name: str
    levels: Mapping[str, str]
    mini_app: str
    oa_app: str
    route: "sms.SmsRoute | None" = None
    texts: Mapping[str, "sms.SmsText"] = field(default_factory=dict)
    compiled: dict[str, Compiled] = field(default_factory=dict)


async def tell(tx: Tx, facts: Sequence[Recorded[Any]]) -> list[Draft]:
    """Write the deliveries of a batch of facts and the jobs that send them; returns what was decided.

    Each fact makes at most one message (X-07): that of the first live scenario it fires. Without the paid module
    nothing is produced (S1-10); a fact with no live scenario leaves no row, the trace explains it from the settings.
    """
    if not await tenants.is_entitled(tx, MODULE):
        return []
    channels = await live(tx)
    drafts = [draft for recorded in facts if (draft := _draft(recorded, channels)) is not None]
    if not drafts:
        return []
    shop = await _shop(tx, channels)
    await _attach_people(tx, shop, drafts)
    for draft in drafts:
        _address(tx, shop, draft)
    await _spend_credits(tx, drafts)
    await _render(tx, shop, drafts)
    await _write(tx, drafts)
    return drafts


def _draft(recorded: Recorded[Any], channels: Mapping[str, Live]) -> Draft | None:
    if recorded.subject_id is None:
        return None
    for scenario in fired_by(recorded.fact):
        if scenario.code in channels:
            return Draft(recorded, recorded.subject_id, channels[scenario.code], None)
    return None


async def _shop(tx: Tx, channels: Mapping[str, Live]) -> Shop:
    name = await tenants.short_name(tx)
    apps = {app.kind: app.app_id for app in await connections.apps(tx)}
    rules = await loyalty.rules_of(tx)
    shop = Shop(name, {x.code: x.name for x in rules.levels}, apps.get("mini", ""), apps.get("oa", ""))
    if any(channel.channel == "sms" for channel in channels.values()):
        shop.route = await sms.route(tx)
        if shop.route is not None:
            shop.texts = await sms.texts(tx, shop.route.provider)
    for code, channel in channels.items():
        if channel.channel != "sms":
            shop.compiled[code] = compile_mapping(channel.scenario, channel.fields, channel.mapping)
    return shop


async def _attach_people(tx: Tx, shop: Shop, drafts: Sequence[Draft]) -> None:
    ids = list({draft.member_id for draft in drafts})
    people = await members.recipients(tx, ids, mini_app=shop.mini_app, oa_app=shop.oa_app)
    for draft in drafts:
        draft.person = people.get(draft.member_id)


def _address(tx: Tx, shop: Shop, draft: Draft) -> None:
    """Where this message goes, or why it cannot go anywhere (S1-27, S1-118, S1-130)."""
    person = draft.person
    if person is None or person["state"] != "active":
        draft.reason = "member_gone" if person is None else "member_not_active"
    elif draft.live.channel != "sms" and draft.live.app_id not in (shop.mini_app, shop.oa_app):
        draft.reason = "app_not_connected"
    elif draft.live.channel == "subscribe":
        draft.address = person["mini_openid"] or ""
        draft.reason = "" if draft.address else "no_mini_program_account"
    elif draft.live.channel == "template":
        draft.address = person["oa_openid"] or ""
        if not draft.address:
            draft.reason = "no_official_account"
        elif not person["follows"]:
            draft.reason = "not_following"
    elif shop.route is None:
        draft.reason = "sms_not_set_up"
    else:
        phone = members.phone_of(tx, person)
        if phone is None:
            draft.reason = "no_phone"
        elif not members.is_mobile(phone):
            draft.reason = "bad_phone"
        else:
            draft.address = f"***{person['phone_tail']}"


async def _spend_credits(tx: Tx, drafts: Sequence[Draft]) -> None:
    """Spend one credit for each subscribe message, first fact first; without one it is not attempted (S1-86)."""
    by_app: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.live.channel == "subscribe" and not draft.reason:
            by_app[draft.live.app_id].append(draft)
    for app_id, asking in by_app.items():
        wanted: dict[tuple[str, str], int] = defaultdict(int)
        for draft in asking:
            wanted[draft.address, draft.live.template_id] += 1
        got = await credit_ledger.take(tx, app_id, wanted)
        for draft in asking:
            key = (draft.address, draft.live.template_id)
            if got.get(key, 0) > 0:
                got[key] -= 1
            else:
                draft.reason = "no_quota"


async def _render(tx: Tx, shop: Shop, drafts: Sequence[Draft]) -> None:
    asking = [
        draft.member_id
        for draft in drafts
        if not draft.reason
        and draft.live.channel != "sms"
        and needs_balances(draft.recorded, shop.compiled[draft.live.scenario.code].needs)
    ]
    balances = await ledger.balances(tx, list(set(asking))) if asking else {}
    links: list[tuple[str, str]] = []
    unfit: list[Draft] = []
    for draft in drafts:
        if draft.reason:
            continue
        level = shop.levels.get(draft.person["level"], "")
        values = values_of(draft.recorded, draft.person, shop.name, level, balances.get(draft.member_id, {}))
        scenario: Scenario = draft.live.scenario
        page = scenario.page.replace("{id}", opened_by(draft.recorded).hex)
        try:
            if draft.live.channel == "sms":
                _render_sms(shop, draft, values, page, links)
            else:
                data = shop.compiled[scenario.code].render(values)
                draft.body = _wechat_body(shop, draft, data, page)
        except Unfittable as bad:
            draft.reason = f"value_misfit:{bad.kind.value}"
            unfit.append(draft)
    if unfit:
        for app_id in {draft.live.app_id for draft in unfit if draft.live.channel == "subscribe"}:
            back = [(d.address, d.live.template_id) for d in unfit if d.live.app_id == app_id]
            await credit_ledger.give_back(tx, app_id, back)
    if links:
        await tx.execute(
            "INSERT INTO short_links (code, tenant_id, page, created_at) "
            "SELECT l.code, $1, l.page, $2 FROM unnest($3::text[], $4::text[]) AS l(code, page) ON CONFLICT DO NOTHING",
            *(tx.tenant_id, tx.now, *columns(links, 2)),
        )


def _wechat_body(shop: Shop, draft: Draft, data: Mapping[str, str], page: str) -> str:
    if draft.live.channel == "subscribe":
        return subscribe_body(draft.address, draft.live.template_id, data, page=page).decode()
    number = f"{draft.recorded.id.hex}-{draft.live.scenario.code}"[:64]
    mini = (shop.mini_app, page) if shop.mini_app else None
    return template_body(draft.address, draft.live.template_id, data, client_msg_id=number, mini_program=mini).decode()


def _render_sms(shop: Shop, draft: Draft, values: dict[str, Any], page: str, links: list[tuple[str, str]]) -> None:
    text = shop.texts.get(draft.live.scenario.code)
    if text is None or shop.route is None:
        draft.reason = "sms_text_missing"
        return
    params, shown, code = sms_body(text, values, shop.route.sign_name, draft.recorded.id)
    if code:
        links.append((code, page))
    draft.body = msgspec.json.encode(
        {
            "provider": shop.route.provider,
            "sign": shop.route.sign_name,
            "template": text.template_code,
            "params": params,
            "text": shown,
        }
    ).decode()
    draft.parts = billed_parts(shown)
    draft.cost_fen = draft.parts * shop.route.part_fen


async def _write(tx: Tx, drafts: Sequence[Draft]) -> None:
    written = await tx.execute(
        INSERT,
        tx.tenant_id,
        tx.now,
        uuids([d.recorded.id for d in drafts]),
        texts([d.live.scenario.code for d in drafts]),
        uuids([d.member_id for d in drafts]),
        texts([d.live.channel for d in drafts]),
        texts(["not_attempted" if d.reason else "queued" for d in drafts]),
        texts([d.reason for d in drafts]),
        texts([d.live.app_id for d in drafts]),
        texts([d.address for d in drafts]),
        texts([d.live.template_id for d in drafts]),
        texts([d.body for d in drafts]),
        ints([0 if d.reason else d.parts for d in drafts]),
        ints([0 if d.reason else d.cost_fen for d in drafts]),
    )
    if written < len(drafts):
        drafts = await _without_repeats(tx, drafts)
    by_shard: dict[int, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if not draft.reason:
            by_shard[shard_of(tx.tenant_id, draft.member_id)].append(draft)
    for same_shard in by_shard.values():
        send_later(tx, [(d.recorded.id, d.live.scenario.code) for d in same_shard], same_shard[0].member_id)


async def _without_repeats(tx: Tx, drafts: Sequence[Draft]) -> list[Draft]:
    """Leave out facts that were told before, in another transaction, and return what this one spent on them (S1-93)."""
    rows = await tx.fetch(
        "SELECT fact_id FROM deliveries WHERE tenant_id = $1 AND fact_id = ANY($2) "
        "AND xmin::text <> (pg_current_xact_id()::xid)::text",
        *(tx.tenant_id, [draft.recorded.id for draft in drafts]),
    )
    before = {row["fact_id"] for row in rows}
    spent = [d for d in drafts if d.recorded.id in before and not d.reason and d.live.channel == "subscribe"]
    for app_id in {draft.live.app_id for draft in spent}:
        back = [(d.address, d.live.template_id) for d in spent if d.live.app_id == app_id]
        await credit_ledger.give_back(tx, app_id, back)
    return [draft for draft in drafts if draft.recorded.id not in before]


def send_later(tx: Tx, keys: Sequence[tuple[UUID, str]], lane: UUID, due: Any = None) -> None:
    """Enqueue deliveries of one shard to be sent, in their order."""
    tx.enqueue(SEND, [[fact_id, scenario] for fact_id, scenario in keys], lane=lane, due=due)

"""Deciding who is told what: from a batch of facts of one merchant to deliveries, each with its reason.

Pure decisions are taken per fact, everything that touches the database once per batch: live channels, members and
their accounts, credits, deliveries, jobs to send.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from huida.kernel.arrays import ints, texts, uuids
from huida.kernel.db import Tx, columns
from huida.kernel.facts import Recorded, shard_of
from huida.modules import connections, ledger, loyalty, members, sms, tenants
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging import staff, texting
from huida.modules.messaging.bindings import Live, live
from huida.modules.messaging.catalogue import Scenario, fired_by
from huida.modules.messaging.keys import Key, client_number, entry, key_of, out_id
from huida.modules.messaging.mapping import Compiled, compile_mapping
from huida.modules.messaging.texting import Texting
from huida.modules.messaging.values import needs_balances, opened_by, values_of
from huida.providers.wechat.mini_program import subscribe_body
from huida.providers.wechat.official_account import template_body
from huida.providers.wechat.params import Unfittable

SEND = "messaging.send"

INSERT = """
INSERT INTO deliveries (tenant_id, fact_id, scenario, slot, audience, member_id, channel, state, reason, app_id, address,
                        template_id, body, parts, cost_fen, created_at, done_at)
SELECT $1, d.fact_id, d.scenario, d.slot, d.audience, d.member_id, d.channel, d.state, d.reason, d.app_id, d.address,
       d.template_id, d.body, d.parts, d.cost_fen, $2::timestamptz, CASE WHEN d.state = 'not_attempted' THEN $2::timestamptz END
FROM unnest(($3::text)::uuid[], ($4::text)::text[], ($5::text)::text[], ($6::text)::text[], ($7::text)::uuid[],
            ($8::text)::text[], ($9::text)::text[], ($10::text)::text[], ($11::text)::text[], ($12::text)::text[],
            ($13::text)::text[], ($14::text)::text[], ($15::text)::smallint[], ($16::text)::bigint[])
  AS d(fact_id, scenario, slot, audience, member_id, channel, state, reason, app_id, address, template_id, body, parts, cost_fen)
ON CONFLICT (tenant_id, fact_id, scenario, slot) DO NOTHING
"""


@dataclass(slots=True)
class Draft:
    """A delivery in the making. `reason` set means that it will not be attempted, and why.

    `member_id` is the member that the fact is about; `to` is the staff member who is told instead. `rest` are the
    channels that are tried in turn when this one cannot be.
    """

    recorded: Recorded[Any]
    member_id: UUID
    live: Live
    slot: str = ""
    rest: Sequence[Live] = ()
    to: "staff.Recipient | None" = None
    person: Any = None
    reason: str = ""
    address: str = ""
    body: str = ""
    parts: int = 0
    cost_fen: int = 0
    drawn: bool = False

    @property
    def key(self) -> Key:
        return Key(self.recorded.id, self.live.scenario.code, self.slot)

    @property
    def recipient_id(self) -> UUID:
        return self.member_id if self.to is None else self.to.staff_id


NOBODY = frozenset({"member_gone", "member_not_active"})
"""Reasons that hold in every channel."""


@dataclass
class Shop:
    """What all messages of a batch share."""

    name: str
    levels: Mapping[str, str]
    mini_app: str
    oa_app: str
    texting: Texting | None = None
    compiled: dict[tuple[str, str], Compiled] = field(default_factory=dict)
    recipients: "Sequence[staff.Recipient]" = ()


async def tell(tx: Tx, facts: Sequence[Recorded[Any]]) -> list[Draft]:
    """Write the deliveries of a batch of facts and the jobs that send them; returns what was decided.

    Each fact makes one scenario's notice for the member (X-07): that of the first live scenario it fires, in one channel
    or in several as its policy says (X-01); and another one for the shop's staff. Without the paid module nothing is
    produced (S1-10); a fact with no live scenario leaves no row, the trace explains it from the settings.
    """
    bought = await tenants.modules(tx)
    if not bought:
        return []
    channels = {code: lives for code, lives in (await live(tx)).items() if lives[0].scenario.module in bought}
    told = [(recorded, scenario) for recorded in facts for scenario in _told(recorded, channels)]
    if not told:
        return []
    shop = await new_shop(tx, channels)
    if any(scenario.to_staff for _, scenario in told):
        shop.recipients = await staff.recipients(tx)
    drafts = [draft for recorded, scenario in told for draft in _drafts(shop, recorded, channels[scenario.code])]
    return await send_drafts(tx, shop, drafts)


async def send_drafts(tx: Tx, shop: Shop, drafts: Sequence[Draft]) -> list[Draft]:
    """Decide, render and write these drafts, and those of the channels that take their turn."""
    done: list[Draft] = []
    while drafts:
        await _attach_people(tx, shop, drafts)
        for draft in drafts:
            _address(tx, shop, draft)
        await _spend_credits(tx, drafts)
        await _render(tx, shop, drafts)
        await _draw_parts(tx, drafts)
        done += drafts
        drafts = [following(draft) for draft in drafts if draft.reason and draft.rest and draft.reason not in NOBODY]
    await _write(tx, done)
    return done


def _told(recorded: Recorded[Any], channels: Mapping[str, Sequence[Live]]) -> Iterator[Scenario]:
    """The scenarios that a fact is told by: the first live one for the member, the first for the staff."""
    if recorded.subject_id is None:
        return
    heard: set[bool] = set()
    for scenario in fired_by(recorded.fact):
        if scenario.code in channels and scenario.to_staff not in heard:
            heard.add(scenario.to_staff)
            yield scenario


def _drafts(shop: Shop, recorded: Recorded[Any], lives: Sequence[Live]) -> list[Draft]:
    assert recorded.subject_id is not None
    first, about = lives[0], recorded.subject_id
    if first.scenario.to_staff:
        return [
            Draft(recorded, about, first, slot=one.staff_id.hex, to=one)
            for one in shop.recipients
            if first.scenario.code in one.scenarios
        ]
    if first.policy == "several":
        return [Draft(recorded, about, one, slot=one.channel) for one in lives]
    if first.policy == "ordered":
        return [Draft(recorded, about, first, slot=first.channel, rest=lives[1:])]
    return [Draft(recorded, about, first)]


def following(draft: Draft) -> Draft:
    """The next channel's turn."""
    return Draft(draft.recorded, draft.member_id, draft.rest[0], slot=draft.rest[0].channel, rest=draft.rest[1:])


async def new_shop(tx: Tx, channels: Mapping[str, Sequence[Live]]) -> Shop:
    """What messages over these channels share."""
    name = await tenants.short_name(tx)
    apps = {app.kind: app.app_id for app in await connections.apps(tx)}
    rules = await loyalty.rules_of(tx)
    shop = Shop(name, {x.code: x.name for x in rules.levels}, apps.get("mini", ""), apps.get("oa", ""))
    by_sms = [one for lives in channels.values() for one in lives if one.channel == "sms"]
    if by_sms:
        shop.texting = await texting.texting(tx, by_sms)
    for code, lives in channels.items():
        for one in lives:
            if one.channel != "sms":
                shop.compiled[code, one.channel] = compile_mapping(one.scenario, one.fields, one.mapping)
    return shop


async def _attach_people(tx: Tx, shop: Shop, drafts: Sequence[Draft]) -> None:
    ids = list({draft.member_id for draft in drafts})
    people = await members.recipients(tx, ids, mini_app=shop.mini_app, oa_app=shop.oa_app)
    for draft in drafts:
        draft.person = people.get(draft.member_id)
        if draft.person is not None:
            draft.member_id = draft.person["id"]  # the fact may be about a record that was merged since


def _address(tx: Tx, shop: Shop, draft: Draft) -> None:
    """Where this message goes, or why it cannot go anywhere (S1-27, S1-118, S1-130)."""
    person = draft.person
    if person is None:
        draft.reason = "member_gone"
    elif draft.to is not None:
        draft.address = draft.to.openid
        draft.reason = staff.trouble(draft.to, draft.live.app_id, shop.oa_app)
    elif person["state"] != "active":
        draft.reason = "member_not_active"
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
    elif shop.texting is None or not shop.texting.doors:
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
        and needs_balances(draft.recorded, shop.compiled[draft.live.scenario.code, draft.live.channel].needs)
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
                _render_sms(tx, shop, draft, values, page, links)
            else:
                data = shop.compiled[scenario.code, draft.live.channel].render(values)
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
    number = client_number(draft.key)
    mini = (shop.mini_app, page) if shop.mini_app and page else None
    return template_body(draft.address, draft.live.template_id, data, client_msg_id=number, mini_program=mini).decode()


def _render_sms(
    tx: Tx, shop: Shop, draft: Draft, values: dict[str, Any], page: str, links: list[tuple[str, str]]
) -> None:
    assert shop.texting is not None
    number = out_id(tx.tenant_id, draft.key)
    rendered = texting.render(shop.texting, draft.live.scenario, values, number=number, fact_id=draft.recorded.id)
    if rendered is None:
        draft.reason = "sms_text_missing"
        return
    draft.body, draft.parts, link = rendered
    if link:
        links.append((link, page))


async def _draw_parts(tx: Tx, drafts: Sequence[Draft]) -> None:
    """Draw the parts of each SMS, first fact first; what the stock or the day's budget does not hold is not attempted."""
    asking = [draft for draft in drafts if draft.live.channel == "sms" and not draft.reason]
    if not asking:
        return
    charges = [
        sms.Charge(texting.source(tx.tenant_id, draft.key), draft.parts, draft.live.scenario.code) for draft in asking
    ]
    for draft, charged in zip(asking, await sms.charge(tx, charges), strict=True):
        draft.reason, draft.cost_fen = charged.reason, charged.cost_fen
        draft.drawn = charged.ok and not charged.repeated


async def _write(tx: Tx, drafts: Sequence[Draft]) -> None:
    written = await tx.execute(
        INSERT,
        tx.tenant_id,
        tx.now,
        uuids([d.recorded.id for d in drafts]),
        texts([d.live.scenario.code for d in drafts]),
        texts([d.slot for d in drafts]),
        texts(["member" if d.to is None else "staff" for d in drafts]),
        uuids([d.recipient_id for d in drafts]),
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
            by_shard[shard_of(tx.tenant_id, draft.recipient_id)].append(draft)
    for same_shard in by_shard.values():
        send_later(tx, [d.key for d in same_shard], same_shard[0].recipient_id)


async def _without_repeats(tx: Tx, drafts: Sequence[Draft]) -> list[Draft]:
    """Leave out what was told before, in another transaction, and return what this one spent on it (S1-93)."""
    rows = await tx.fetch(
        "SELECT fact_id, scenario, slot FROM deliveries WHERE tenant_id = $1 AND fact_id = ANY($2) "
        "AND xmin::text <> (pg_current_xact_id()::xid)::text",
        *(tx.tenant_id, [draft.recorded.id for draft in drafts]),
    )
    before = {key_of(row) for row in rows}
    spent = [d for d in drafts if d.key in before and not d.reason and d.live.channel == "subscribe"]
    for app_id in {draft.live.app_id for draft in spent}:
        back = [(d.address, d.live.template_id) for d in spent if d.live.app_id == app_id]
        await credit_ledger.give_back(tx, app_id, back)
    drawn = [texting.source(tx.tenant_id, draft.key) for draft in drafts if draft.key in before and draft.drawn]
    if drawn:
        await sms.give_back(tx, drawn)
    return [draft for draft in drafts if draft.key not in before]


def send_later(tx: Tx, keys: Sequence[Key], lane: UUID, due: Any = None) -> None:
    """Enqueue deliveries of one shard to be sent, in their order."""
    tx.enqueue(SEND, [entry(key) for key in keys], lane=lane, due=due)

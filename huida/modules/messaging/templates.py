"""My templates and the public library (S1-33..S1-67, S1-121..S1-126).

WeChat is asked outside of any transaction; what it said is written afterwards. The account's own list on WeChat's side is
the truth; ours is a copy that `sync` refreshes, and nothing on WeChat's side is ever deleted without the merchant's word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.http import Refused
from huida.kernel.ids import uuid7
from huida.modules import connections
from huida.modules.messaging import bindings, preflight
from huida.modules.messaging import mapping as pure
from huida.modules.messaging.catalogue import SCENARIOS, Scenario
from huida.modules.messaging.facts import TemplateAdded, TemplateDrifted, TemplateRemoved
from huida.modules.messaging.library import Channel
from huida.modules.messaging.views import LibraryKeywordView, MyTemplate, TemplateKind
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.mini_program import LibraryKeyword, LibraryTitle, MiniProgram, SubscribeTemplate
from huida.providers.wechat.official_account import OaTemplate, OfficialAccount
from huida.providers.wechat.params import template_fields

MOST_KEYWORDS = 5
MOST_OA_TEMPLATES = 25
SCENE_LIMIT = 15
ALREADY_GONE = frozenset({"wechat.200014", "wechat.40037"})
PROPOSAL_MOVES: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"submitted"}),
    "submitted": frozenset({"in_review", "draft"}),
    "in_review": frozenset({"approved", "rejected"}),
    "rejected": frozenset({"draft"}),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A template as WeChat lists it, of either kind of account."""

    template_id: str
    title: str
    content: str
    example: str
    kind: int
    choices: Mapping[str, Sequence[str]]


async def credentials(db: Database, tenant_id: int, channel: str) -> AppCredentials:
    """The app that a channel sends with. Raises Conflict when none is connected, or its function is not open (S1-32)."""
    if channel not in bindings.APP_KIND:
        raise Invalid(code="messaging.channel_unknown", where="channel", channel=channel)
    async with db.read(tenant_id) as tx:
        await bindings.usable_app(tx, channel)
        found = await connections.credentials(tx, bindings.APP_KIND[channel])
    if found is None:
        raise Conflict(code="messaging.app_missing", where="channel", channel=channel)
    return found


async def fetch_listed(mini: MiniProgram, oa: OfficialAccount, cred: AppCredentials, channel: str) -> list[Listed]:
    """The account's own templates as WeChat has them now."""
    if channel == "subscribe":
        return [_of_mini(item) for item in await mini.templates(cred)]
    return [_of_oa(item) for item in await oa.templates(cred)]


def _of_mini(item: SubscribeTemplate) -> Listed:
    choices = {c.keyword_code.removesuffix(".DATA"): list(c.choices) for c in (item.enum_choices or [])}
    return Listed(item.template_id, item.title, item.content, item.example, int(item.type), choices)


def _of_oa(item: OaTemplate) -> Listed:
    return Listed(item.template_id, item.title, item.content, item.example, 0, {})


async def write_listed(
    tx: Tx, app_id: str, channel: str, listed: Sequence[Listed], *, asked_at: datetime | None = None
) -> list[str]:
    """Make our copy equal to WeChat's list; scenarios whose template is gone or has other fields are paused, and are
    returned. With `asked_at`, what was added here since then is not taken for gone."""
    known = {
        row["template_id"]: row
        for row in await tx.fetch(
            "SELECT template_id, content, choices FROM wechat_templates WHERE tenant_id = $1 AND app_id = $2 "
            "AND channel = $3 AND gone_at IS NULL",
            *(tx.tenant_id, app_id, channel),
        )
    }
    for item in listed:
        await tx.execute(
            "INSERT INTO wechat_templates (tenant_id, app_id, template_id, channel, title, content, example, kind, choices, seen_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant_id, app_id, template_id) DO UPDATE SET "
            "former = CASE WHEN wechat_templates.content <> excluded.content THEN wechat_templates.content "
            "ELSE wechat_templates.former END, "
            "title = excluded.title, content = excluded.content, example = excluded.example, kind = excluded.kind, "
            "choices = excluded.choices, seen_at = excluded.seen_at, gone_at = NULL",
            *(tx.tenant_id, app_id, item.template_id, channel, item.title, item.content, item.example, item.kind),
            *(msgspec.json.encode(item.choices).decode(), tx.now),
        )
    gone = await tx.fetch(
        "UPDATE wechat_templates SET gone_at = $4 WHERE tenant_id = $1 AND app_id = $2 AND channel = $5 AND gone_at IS NULL "
        "AND template_id <> ALL($3) AND seen_at < $6 RETURNING template_id, title",
        *(tx.tenant_id, app_id, [item.template_id for item in listed], tx.now, channel),
        asked_at or tx.now + timedelta(days=1),
    )
    drifted = [(row["template_id"], row["title"], "template_gone") for row in gone]
    drifted += [
        (item.template_id, item.title, "template_changed")
        for item in listed
        if item.template_id in known and _changed(known[item.template_id], item)
    ]
    stopped: list[str] = []
    for template_id, title, change in drifted:
        paused = await bindings.stop_template(tx, template_id, reason=change)
        if paused:
            stopped += paused
            tx.emit(
                TemplateDrifted(channel=channel, template_id=template_id, title=title, change=change, paused=paused)
            )
    return stopped


def _changed(before: Any, now: Listed) -> bool:
    """Whether a template's fields, their names or their choices are others than before."""
    if before["content"] == now.content:
        return bool(msgspec.json.decode(before["choices"]) != dict(now.choices))
    fields = [{(f.label, f.key, f.kind) for f in template_fields(text)} for text in (before["content"], now.content)]
    return fields[0] != fields[1]


async def sync(
    db: Database, tenant_id: int, mini: MiniProgram, oa: OfficialAccount, channel: str, *, actor: str
) -> list[str]:
    """Refresh our copy of the account's templates. Raises a ProviderOutcome when WeChat does not answer."""
    cred = await credentials(db, tenant_id, channel)
    listed = await fetch_listed(mini, oa, cred, channel)
    async with db.tx(tenant_id, actor=actor) as tx:
        return await write_listed(tx, cred.app_id, channel, listed)


async def my_templates(tx: Tx, channel: str) -> list[Any]:
    """My templates of the connected app, with the scenarios that use them (S1-34, S1-35)."""
    app = await connections.app_of(tx, bindings.APP_KIND.get(channel, ""))
    if app is None:
        return []
    return await tx.fetch(
        "SELECT t.*, coalesce((SELECT array_agg(b.scenario ORDER BY b.scenario) FROM bindings b WHERE b.tenant_id = $1 "
        "AND b.template_id = t.template_id AND b.channel = t.channel AND b.live), '{}') AS used_by FROM wechat_templates t "
        "WHERE t.tenant_id = $1 AND t.channel = $2 AND t.app_id = $3 AND t.gone_at IS NULL ORDER BY t.title, t.template_id LIMIT 200",
        *(tx.tenant_id, channel, app.app_id),
    )


async def search_library(mini: MiniProgram, cred: AppCredentials, keyword: str) -> list[tuple[LibraryTitle, str]]:
    """Public templates of the account's categories whose title holds the keyword, with their category (S1-53, S1-64)."""
    categories = {str(category.id): category.name for category in await mini.categories(cred)}
    found: list[tuple[LibraryTitle, str]] = []
    start = 0
    while start < 600:
        count, titles = await mini.library_titles(
            cred, category_ids=[int(c) for c in categories], start=start, limit=30
        )
        found += [(t, categories.get(str(t.category_id), "")) for t in titles if keyword.strip() in t.title]
        start += 30
        if start >= count or not titles:
            break
    return found


def check_addition(keyword_ids: Sequence[int], scene: str) -> None:
    """Raises Invalid: two to five keywords, each once, and a scene description of 1 to 15 characters (S1-57, S1-59, S1-61)."""
    if not keyword_ids:
        raise Invalid(code="messaging.keywords_empty", where="keyword_ids")
    if len(keyword_ids) > MOST_KEYWORDS:
        raise Invalid(code="messaging.keywords_too_many", where="keyword_ids", limit=MOST_KEYWORDS)
    if len(keyword_ids) < 2:
        raise Invalid(code="messaging.keywords_too_few", where="keyword_ids", limit=2)
    if len(set(keyword_ids)) != len(keyword_ids):
        raise Invalid(code="messaging.keywords_repeated", where="keyword_ids")
    if not scene.strip():
        raise Invalid(code="messaging.scene_empty", where="scene")
    if len(scene.strip()) > SCENE_LIMIT:
        raise Invalid(code="messaging.scene_too_long", where="scene", limit=SCENE_LIMIT)


async def add(
    db: Database, tenant_id: int, mini: MiniProgram, *, tid: int, keyword_ids: Sequence[int], scene: str, actor: str
) -> str:
    """Add a public template to my templates, keywords in this order (S1-58, S1-60); returns its id.

    Raises Invalid (see `check_addition`), Conflict when the same title with the same keywords is there (S1-62).
    """
    check_addition(keyword_ids, scene)
    cred = await credentials(db, tenant_id, "subscribe")
    async with db.read(tenant_id) as tx:
        await bindings.must_be_entitled(tx)
        twin = await tx.value(
            "SELECT template_id FROM wechat_templates WHERE tenant_id = $1 AND app_id = $2 AND library_id = $3 "
            "AND keywords = $4::jsonb AND gone_at IS NULL",
            *(tenant_id, cred.app_id, str(tid), msgspec.json.encode(sorted(keyword_ids)).decode()),
        )
    if twin is not None:
        raise Conflict(code="messaging.template_twice", where="keyword_ids", template_id=twin)
    template_id = await mini.add_template(cred, tid=tid, keyword_ids=keyword_ids, scene=scene.strip())
    listed = [_of_mini(item) for item in await mini.templates(cred)]
    async with db.tx(tenant_id, actor=actor) as tx:
        await write_listed(tx, cred.app_id, "subscribe", listed)
        title = next((item.title for item in listed if item.template_id == template_id), "")
        await tx.execute(
            "UPDATE wechat_templates SET library_id = $4, keywords = $5, scene = $6 "
            "WHERE tenant_id = $1 AND app_id = $2 AND template_id = $3",
            *(
                tenant_id,
                cred.app_id,
                template_id,
                str(tid),
                msgspec.json.encode(sorted(keyword_ids)).decode(),
                scene.strip(),
            ),
        )
        tx.emit(TemplateAdded(app_id=cred.app_id, template_id=template_id, title=title))
    return template_id


async def remove(
    db: Database,
    tenant_id: int,
    mini: MiniProgram,
    oa: OfficialAccount,
    *,
    channel: str,
    template_id: str,
    stop_scenarios: Sequence[str],
    actor: str,
) -> list[str]:
    """Delete a template here and on WeChat's side; returns the scenarios that stopped.

    Refused with Conflict `messaging.template_in_use` while a live scenario uses it, unless those scenarios are named in
    `stop_scenarios`: a scenario never points at nothing (S1-43). Scenarios stop before WeChat is asked to delete.
    """
    cred = await credentials(db, tenant_id, channel)
    async with db.tx(tenant_id, actor=actor) as tx:
        row = await tx.row(
            "SELECT title FROM wechat_templates WHERE tenant_id = $1 AND template_id = $2 AND channel = $3 AND gone_at IS NULL",
            *(tenant_id, template_id, channel),
        )
        if row is None:
            raise NotFound(code="messaging.template_not_mine", where="template_id", template_id=template_id)
        using = await tx.fetch(
            "SELECT scenario FROM bindings WHERE tenant_id = $1 AND template_id = $2 AND channel = $3 AND live ORDER BY scenario",
            *(tenant_id, template_id, channel),
        )
        users = [r["scenario"] for r in using]
        if not set(users) <= set(stop_scenarios):
            raise Conflict(code="messaging.template_in_use", where="template_id", scenarios=users)
        stopped = await bindings.stop_template(tx, template_id, reason="template_deleted")
    try:
        if channel == "subscribe":
            await mini.delete_template(cred, template_id)
        else:
            await oa.delete_template(cred, template_id)
    except Refused as refused:
        if refused.code not in ALREADY_GONE:
            raise
    async with db.tx(tenant_id, actor=actor) as tx:
        await tx.execute(
            "UPDATE wechat_templates SET gone_at = $3 WHERE tenant_id = $1 AND template_id = $2",
            tenant_id,
            template_id,
            tx.now,
        )
        tx.emit(TemplateRemoved(app_id=cred.app_id, template_id=template_id, title=row["title"], stopped=stopped))
    return stopped


@dataclass(frozen=True, slots=True)
class Planned:
    """What 使用默认模板 would do for one scenario; `stops` are the channels that it would stop (S1-126)."""

    scenario: Scenario
    title: str
    template_id: str
    oa_number: str
    keywords: tuple[str, ...]
    stops: tuple[Channel, ...]


async def plan_defaults(tx: Tx, listed: Sequence[Listed]) -> tuple[list[Planned], list[str]]:
    """What one click would add and enable, and the scenarios without a match, for the preview (S1-122, S1-123, S1-126)."""
    live = await bindings.live(tx)
    by_title = {item.title: item for item in listed}
    numbers = (await preflight.rules(tx)).numbers
    plan: list[Planned] = []
    without: list[str] = []
    for scenario in (scenario for scenario in SCENARIOS if scenario.family == "member"):
        default = scenario.default
        number = numbers.get(scenario.code, default.oa_number)
        if not number:
            without.append(scenario.code)
            continue
        known = by_title.get(default.title)
        stops = tuple(now.channel for now in live.get(scenario.code, ()) if now.channel != "template")
        plan.append(
            Planned(scenario, default.title, known.template_id if known else "", number, default.keywords, stops)
        )
    return plan, without


async def use_defaults(
    db: Database, tenant_id: int, oa: OfficialAccount, mini: MiniProgram, *, scenarios: Sequence[str], actor: str
) -> dict[str, str]:
    """Add the default template of each of these scenarios and make it live (S1-122); it counts as a save of each.

    Returns what became of each scenario: `enabled`, or the code of what stood in the way. Templates that are in the
    account already are used, not added again; the limit of 25 is respected before WeChat is asked (S2-04).
    """
    cred = await credentials(db, tenant_id, "template")
    listed = await fetch_listed(mini, oa, cred, "template")
    async with db.read(tenant_id) as tx:
        await bindings.must_be_entitled(tx)
        plan, without = await plan_defaults(tx, listed)
    outcome = {code: "messaging.no_default_template" for code in without if code in scenarios}
    count = len(listed)
    ids: dict[str, str] = {}
    for step in (step for step in plan if step.scenario.code in scenarios):
        if step.template_id:
            ids[step.scenario.code] = step.template_id
        elif count >= MOST_OA_TEMPLATES:
            outcome[step.scenario.code] = "messaging.templates_full"
        else:
            try:
                ids[step.scenario.code] = await oa.add_template(cred, short_id=step.oa_number, keywords=step.keywords)
                count += 1
            except Refused:
                outcome[step.scenario.code] = "provider.refused"
    listed = await fetch_listed(mini, oa, cred, "template")
    async with db.tx(tenant_id, actor=actor) as tx:
        await write_listed(tx, cred.app_id, "template", listed)
        contents = {item.template_id: item.content for item in listed}
        for step in (step for step in plan if step.scenario.code in ids):
            template_id = ids[step.scenario.code]
            fields = template_fields(contents.get(template_id, ""))
            mapping = pure.suggest(step.scenario, fields)
            if pure.check_mapping(step.scenario, fields, mapping):
                outcome[step.scenario.code] = "messaging.default_needs_mapping"
                continue
            await bindings.write_live(tx, step.scenario, "template", template_id=template_id, mapping=mapping)
            outcome[step.scenario.code] = "enabled"
    return outcome


async def propose(tx: Tx, *, title: str, keywords: Sequence[str], scene: str) -> Any:
    """Start a proposal for a template that the library lacks (S1-65, S1-66). Raises Invalid when something is empty."""
    for name, value in (("title", title.strip()), ("keywords", keywords), ("scene", scene.strip())):
        if not value:
            raise Invalid(code="messaging.proposal_incomplete", where=name)
    return await tx.row(
        "INSERT INTO template_proposals (tenant_id, id, title, keywords, scene, state, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, 'draft', $6) RETURNING *",
        *(tx.tenant_id, uuid7(), title.strip(), msgspec.json.encode(list(keywords)).decode(), scene.strip(), tx.now),
    )


async def move_proposal(tx: Tx, proposal_id: Any, state: str, *, reason: str = "") -> Any:
    """Move a proposal along (S1-67). Raises NotFound, or Conflict for a move that is not allowed."""
    before = [current for current, targets in PROPOSAL_MOVES.items() if state in targets]
    row = await tx.row(
        "UPDATE template_proposals SET state = $3, reason = $4, updated_at = $5 "
        "WHERE tenant_id = $1 AND id = $2 AND state = ANY($6) RETURNING *",
        *(tx.tenant_id, proposal_id, state, reason, tx.now, before),
    )
    if row is None:
        known = await tx.value(
            "SELECT state FROM template_proposals WHERE tenant_id = $1 AND id = $2", tx.tenant_id, proposal_id
        )
        if known is None:
            raise NotFound(code="messaging.proposal_unknown", where="id")
        raise Conflict(code="state.wrong", current=known, target=state)
    return row


def keyword_view(keyword: LibraryKeyword) -> LibraryKeywordView:
    return {
        "kid": keyword.kid,
        "name": keyword.name,
        "example": keyword.example,
        "rule": keyword.rule,
        "key": keyword.key,
    }


KINDS: Final[dict[int, TemplateKind]] = {2: "one_time", 3: "long_term"}


def view(number: int, row: Any) -> MyTemplate:
    """One of my templates as the API shows it."""
    return {
        "number": number,
        "template_id": row["template_id"],
        "title": row["title"],
        "content": row["content"],
        "example": row["example"],
        "kind": KINDS.get(row["kind"], "template"),
        "choices": msgspec.json.decode(row["choices"]),
        "scene": row["scene"],
        "used_by": list(row["used_by"]),
        "fields": [{"label": f.label, "key": f.key, "kind": f.kind} for f in template_fields(row["content"])],
    }

"""使用系统默认通知 (S2-26): the template that fits a scenario is found in the account, or added to it, by us.

Also a template whose id was copied from WeChat's own pages (S2-02), and the assignment that fits another template.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.http import Refused
from huida.modules.messaging import bindings, preflight, templates
from huida.modules.messaging import mapping as pure
from huida.modules.messaging.facts import TemplateAdded
from huida.modules.messaging.library import Channel, Scenario
from huida.modules.messaging.templates import Listed
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.mini_program import MiniProgram
from huida.providers.wechat.official_account import OfficialAccount
from huida.providers.wechat.params import Field, template_fields

MOST: Mapping[str, int] = {"template": templates.MOST_OA_TEMPLATES, "subscribe": 50}
FULL = frozenset({"wechat.45026", "wechat.200012"})


@dataclass(frozen=True, slots=True)
class Door:
    """What both kinds of account are asked through."""

    db: Database
    tenant_id: int
    oa: OfficialAccount
    mini: MiniProgram
    actor: str


def fits(scenario: Scenario, item: Listed) -> bool:
    """Whether a template of the account is the scenario's default, with fields that can all be filled."""
    fields = template_fields(item.content)
    return item.title == scenario.default.title and not pure.check_mapping(
        scenario, fields, pure.suggest(scenario, fields), item.choices
    )


async def save_default(door: Door, scenario_code: str, channel: str) -> list[Channel]:
    """Make the system's default template live for a scenario; returns the channels that this stopped.

    It is found in the account or added; a full account is told before WeChat is asked, with the templates that no notice
    uses (S2-05). Raises NotFound, Invalid, Conflict, a ProviderOutcome.
    """
    scenario = bindings.scenario_of(scenario_code)
    bindings.must_be_offered(scenario, channel)
    if channel not in MOST:
        raise Invalid(code="messaging.channel_unknown", where="channel", channel=channel)
    async with door.db.read(door.tenant_id) as read:
        await bindings.must_be_entitled(read, scenario.module)
        number = await preflight.library_number(read, scenario)
    cred = await templates.credentials(door.db, door.tenant_id, channel)
    listed = await templates.fetch_listed(door.mini, door.oa, cred, channel)
    found = next((item for item in listed if fits(scenario, item)), None)
    added = found is None
    if found is None:
        await _must_have_room(door, cred, channel, listed)
        template_id = await _add(door, cred, scenario, channel, number)
        listed = await templates.fetch_listed(door.mini, door.oa, cred, channel)
        found = next((item for item in listed if item.template_id == template_id), None)
        if found is None:
            raise Conflict(code="messaging.template_not_mine", where="template_id", template_id=template_id)
    fields = template_fields(found.content)
    wanted = pure.suggest(scenario, fields)
    if pure.check_mapping(scenario, fields, wanted, found.choices):
        raise Conflict(code="messaging.default_needs_mapping", where="system", title=found.title)
    async with door.db.tx(door.tenant_id, actor=door.actor) as tx:
        await bindings.must_be_entitled(tx, scenario.module)
        await templates.write_listed(tx, cred.app_id, channel, listed)
        if added:
            tx.emit(TemplateAdded(app_id=cred.app_id, template_id=found.template_id, title=found.title))
        return await bindings.write_live(
            tx, scenario, channel, template_id=found.template_id, mapping=wanted, system=True
        )


async def _must_have_room(door: Door, cred: AppCredentials, channel: str, listed: Sequence[Listed]) -> None:
    """Raises Conflict with the templates that could go; they are in my templates then, where they are deleted."""
    if len(listed) < MOST[channel]:
        return
    async with door.db.tx(door.tenant_id, actor=door.actor) as tx:
        await templates.write_listed(tx, cred.app_id, channel, listed)
        used = await _used(tx, channel)
    raise Conflict(
        code="messaging.account_full",
        where="system",
        limit=MOST[channel],
        names="、".join(item.title for item in listed if item.template_id not in used) or "—",
        removable=[
            {"template_id": item.template_id, "title": item.title} for item in listed if item.template_id not in used
        ],
    )


async def _used(tx: Tx, channel: str) -> set[str]:
    rows = await tx.fetch(
        "SELECT DISTINCT template_id FROM bindings WHERE tenant_id = $1 AND channel = $2 AND live",
        *(tx.tenant_id, channel),
    )
    return {row["template_id"] for row in rows}


async def _add(door: Door, cred: AppCredentials, scenario: Scenario, channel: str, number: str) -> str:
    default = scenario.default
    if channel == "template":
        if not number:
            raise Conflict(code="messaging.no_default_template", where="system")
        try:
            return await door.oa.add_template(cred, short_id=number, keywords=default.keywords)
        except Refused as refused:
            if refused.code in FULL:
                raise Conflict(code="messaging.templates_full", where="system") from refused
            raise
    found = await templates.search_library(door.mini, cred, default.title)
    title = next((title for title, _ in found if title.title == default.title), None)
    if title is None:
        raise Conflict(code="messaging.no_default_template", where="system")
    offered = {keyword.name: keyword.kid for keyword in await door.mini.library_keywords(cred, title.tid)}
    kids = [offered[name] for name in default.keywords if name in offered]
    return await door.mini.add_template(
        cred, tid=title.tid, keyword_ids=kids, scene=scenario.label[: templates.SCENE_LIMIT]
    )


async def adopt(door: Door, channel: str, template_id: str) -> Any:
    """Take a template whose id somebody copied from WeChat's pages (S2-02), once the account says that it has it.

    Raises NotFound when it does not, Conflict without an account, a ProviderOutcome.
    """
    wanted = template_id.strip()
    cred = await templates.credentials(door.db, door.tenant_id, channel)
    listed = await templates.fetch_listed(door.mini, door.oa, cred, channel)
    if not any(item.template_id == wanted for item in listed):
        raise NotFound(code="messaging.template_not_in_account", where="template_id", template_id=wanted[:80])
    async with door.db.tx(door.tenant_id, actor=door.actor) as tx:
        await templates.write_listed(tx, cred.app_id, channel, listed)
        return next(row for row in await templates.my_templates(tx, channel) if row["template_id"] == wanted)


@dataclass(frozen=True, slots=True)
class Remap:
    """A template that can take the place of one that changed or went, with an assignment for it; `open` are its fields
    that somebody still has to fill in."""

    template_id: str
    title: str
    mapping: dict[str, str]
    open: list[str]


async def remap(tx: Tx, scenario_code: str, channel: str) -> Remap | None:
    """What a paused channel could go on with: what it said, field by field of the same name, else what fits."""
    scenario = bindings.scenario_of(scenario_code)
    row = await tx.row(
        "SELECT b.template_id, b.mapping, t.content, t.former, t.gone_at, t.title FROM bindings b LEFT JOIN wechat_templates t "
        "ON t.tenant_id = b.tenant_id AND t.template_id = b.template_id AND t.channel = b.channel "
        "WHERE b.tenant_id = $1 AND b.scenario = $2 AND b.channel = $3",
        *(tx.tenant_id, scenario.code, channel),
    )
    if row is None:
        return None
    kept: dict[str, str] = msgspec.json.decode(row["mapping"])
    before = template_fields(row["former"] or row["content"] or "")
    mine = await templates.my_templates(tx, channel)
    titles = (row["title"], scenario.default.title)
    offers = [one for one in mine if one["template_id"] == row["template_id"]]
    offers += [one for one in mine if one["title"] in titles and one["template_id"] != row["template_id"]]
    best: Remap | None = None
    for one in offers:
        fields = template_fields(one["content"])
        wanted = carried(scenario, before, kept, fields)
        missing = [field.label for field in fields if not wanted.get(field.key)]
        found = Remap(one["template_id"], one["title"], wanted, missing)
        if best is None or len(found.open) < len(best.open):
            best = found
    return best


def carried(
    scenario: Scenario, before: Sequence[Field], kept: Mapping[str, str], fields: Sequence[Field]
) -> dict[str, str]:
    """What was said under the same label or key where it still can stand there, else what fits by its label."""
    by_label = {field.label: kept.get(field.key, "") for field in before}
    fitting = pure.suggest(scenario, fields)
    wanted: dict[str, str] = {}
    for field in fields:
        for value in (by_label.get(field.label, ""), kept.get(field.key, ""), fitting.get(field.key, "")):
            if value and not pure.check_mapping(scenario, [field], {field.key: value}):
                wanted[field.key] = value
                break
    return wanted

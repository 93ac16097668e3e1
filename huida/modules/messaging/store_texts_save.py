"""Writing the store's SMS texts: mapped whole (S2-58, S2-61), and equal to what the provider approved (S2-60).

Providers are asked outside of any transaction; what they said is written with the text afterwards.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.http import Refused
from huida.kernel.ids import uuid7
from huida.kernel.intake.versions import version_of
from huida.modules import sms
from huida.modules.messaging import bindings
from huida.modules.messaging.catalogue import BY_CODE
from huida.modules.messaging.facts import SmsTemplateSaved
from huida.modules.messaging.library import LINK, Scenario, Variable
from huida.modules.messaging.mapping import nearest
from huida.modules.messaging.store_texts import placeholders
from huida.providers.sms.provider import Audit, SmsProvider

LONGEST_NAME, LONGEST_CONTENT = 30, 500
_NUMBERED = re.compile(r"(?<!\$)\{\s*([0-9]{1,2})\s*\}")
_NAMED = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
STATES = ("enabled", "disabled")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text as it is to be saved."""

    name: str
    scenario: str
    content: str
    mapping: Mapping[str, str]
    codes: Mapping[str, str]
    state: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """Which text is replaced, and the version of it that was seen."""

    id: UUID
    version: str | None


def version(row: Any) -> str:
    """The version of a text: what a person wrote, and whether it is enabled."""
    return version_of(*(row[name] for name in ("name", "scenario", "content", "mapping", "codes", "state")))


def sms_variables(scenario: Scenario) -> tuple[Variable, ...]:
    """What a text of this scenario can say: the library, and a link to the order where there is a page."""
    return (*scenario.variables, LINK) if scenario.page else scenario.variables


def is_number(code: str) -> bool:
    """Whether this can be a number of Tencent's: in ASCII digits."""
    return code.isascii() and code.isdecimal()


def checked(wanted: Wanted) -> Wanted:
    """The text with its blanks trimmed and `{1}` as `${1}`. Raises Invalid for what cannot be saved (S2-55..S2-61)."""
    scenario = BY_CODE.get(wanted.scenario)
    if not 1 <= len(wanted.name.strip()) <= LONGEST_NAME:
        raise Invalid(code="request.bad_name", where="name", longest=LONGEST_NAME)
    if scenario is None or scenario.family == "member" or "sms" not in scenario.channels:
        raise Invalid(code="messaging.sms_scenario_unknown", where="scenario")
    content = _NUMBERED.sub(r"${\1}", wanted.content.strip())
    if not 1 <= len(content) <= LONGEST_CONTENT:
        raise Invalid(code="messaging.sms_content_length", where="content", limit=LONGEST_CONTENT)
    if wanted.state not in STATES:
        raise Invalid(code="messaging.sms_state_unknown", where="state")
    codes = {provider: code.strip() for provider, code in wanted.codes.items() if code.strip()}
    if not codes:
        raise Invalid(code="messaging.sms_code_missing", where="codes")
    if not is_number(codes.get("tencent", "0")):
        raise Invalid(code="messaging.sms_code_wrong", where="codes/tencent")
    known = {variable.key for variable in sms_variables(scenario)}
    named = placeholders(content)
    for placeholder in named:
        variable = wanted.mapping.get(placeholder, "")
        if not variable:
            raise Invalid(code="messaging.placeholder_unmapped", where=f"mapping/{placeholder}", detail=placeholder)
        if variable not in known:
            near = nearest(scenario, variable)
            raise Invalid(
                code="messaging.variable_unknown", where=f"mapping/{placeholder}", detail=variable, nearest=near
            )
    mapping = {name: wanted.mapping[name] for name in named}
    return Wanted(wanted.name.strip(), wanted.scenario, content, mapping, codes, wanted.state)


def counted(text: str) -> str:
    """A text with its placeholders as positions, for comparing one provider's writing with the other's."""
    text = _NUMBERED.sub(r"${\1}", text.strip())
    places = {name: str(place) for place, name in enumerate(placeholders(text), start=1)}
    return _NAMED.sub(lambda found: f"{{{places.get(found[1], found[1])}}}", text)


def equal(provider: str, content: str, approved: str) -> bool:
    """Whether a text says what the provider approved; Aliyun fills in names, Tencent positions."""
    if provider == "tencent":
        return counted(content) == counted(approved)
    return content.strip() == approved.strip()


def difference(content: str, approved: str) -> list[dict[str, str]]:
    """From the pasted text to the approved one, in pieces that are kept, missing or too much."""
    pieces: list[dict[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, content, approved, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append({"kind": "same", "text": content[a:b]})
            continue
        if b > a:
            pieces.append({"kind": "extra", "text": content[a:b]})
        if d > c:
            pieces.append({"kind": "missing", "text": approved[c:d]})
    return pieces


async def approved(db: Database, tenant_id: int, providers: Mapping[str, SmsProvider], provider: str, code: str) -> str:
    """What a provider approved under this number, with `{1}` as `${1}`.

    Raises Invalid when there is no such template or it is not approved, Conflict when the provider is not set up, a
    ProviderOutcome when it does not answer.
    """
    where = f"codes/{provider}"
    if provider == "tencent" and not is_number(code.strip()):
        raise Invalid(code="messaging.sms_code_wrong", where=where)
    async with db.read(tenant_id) as tx:
        credentials = await sms.credentials(tx)
    if provider not in credentials or provider not in providers:
        raise Conflict(code="messaging.sms_provider_off", where=where, provider=provider[:20])
    try:
        audit = await providers[provider].template(credentials[provider], code.strip())
    except Refused as refused:
        if not providers[provider].knows_no_template(refused):
            raise
        raise Invalid(code="messaging.sms_template_unknown", where=where, template=code[:40]) from refused
    if audit.state is not Audit.APPROVED:
        raise Invalid(
            code=f"messaging.sms_template_{audit.state.value}", where=where, template=code[:40], reason=audit.reason
        )
    return _NUMBERED.sub(r"${\1}", audit.content)


async def ask(db: Database, tenant_id: int, providers: Mapping[str, SmsProvider], wanted: Wanted) -> str:
    """Compare with what each provider approved; returns the text as approved (with its blanks).

    Raises Invalid when it says something else (S2-60), and as `approved`.
    """
    content = wanted.content
    for provider, code in wanted.codes.items():
        theirs = await approved(db, tenant_id, providers, provider, code)
        if not equal(provider, content, theirs):
            raise Invalid(
                code="messaging.sms_text_differs",
                where="content",
                provider=provider,
                approved=theirs.strip(),
                pieces=difference(content.strip(), theirs.strip()),
            )
        if provider == "aliyun" or len(wanted.codes) == 1:
            content = theirs
    return content


async def save(
    db: Database,
    tenant_id: int,
    providers: Mapping[str, SmsProvider],
    wanted: Wanted,
    *,
    replaced: Replaced | None = None,
    actor: str,
) -> UUID:
    """Add a text, or replace one.

    Raises Invalid, NotFound, Conflict when a live notice would lose its text or the text was changed meanwhile.
    """
    wanted = checked(wanted)
    async with db.read(tenant_id) as read:
        await bindings.must_be_entitled(read, bindings.scenario_of(wanted.scenario).module)
    content = await ask(db, tenant_id, providers, wanted)
    kept_id = uuid7() if replaced is None else replaced.id
    async with db.tx(tenant_id, actor=actor) as tx:
        await bindings.must_be_entitled(tx, bindings.scenario_of(wanted.scenario).module)
        if replaced is not None:
            before = await locked(tx, kept_id)
            if version(before) != replaced.version:
                raise Conflict(code="request.changed_meanwhile")
            if before["scenario"] != wanted.scenario or wanted.state == "disabled":
                await must_be_unused(tx, kept_id)
        await tx.execute(
            "INSERT INTO sms_templates (tenant_id, id, name, scenario, content, mapping, codes, state, checked_at, updated_at, "
            "updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10) ON CONFLICT (tenant_id, id) DO UPDATE SET "
            "name = excluded.name, scenario = excluded.scenario, content = excluded.content, mapping = excluded.mapping, "
            "codes = excluded.codes, state = excluded.state, paused_reason = NULL, checked_at = excluded.checked_at, "
            "updated_at = excluded.updated_at, updated_by = excluded.updated_by",
            *(tenant_id, kept_id, wanted.name, wanted.scenario, content),
            *(msgspec.json.encode(dict(wanted.mapping)).decode(), msgspec.json.encode(dict(wanted.codes)).decode()),
            *(wanted.state, tx.now, tx.actor),
        )
        tx.emit(
            SmsTemplateSaved(
                template_id=str(kept_id),
                name=wanted.name,
                scenario=wanted.scenario,
                state=wanted.state,
                change="added" if replaced is None else "changed",
            )
        )
    return kept_id


async def set_state(tx: Tx, template_id: UUID, state: str) -> None:
    """Enable or disable a text (S2-59). Raises Invalid, NotFound, Conflict while a live notice uses it."""
    if state not in STATES:
        raise Invalid(code="messaging.sms_state_unknown", where="state")
    row = await locked(tx, template_id)
    if state == "disabled":
        await must_be_unused(tx, template_id)
    await tx.execute(
        "UPDATE sms_templates SET state = $3, updated_at = $4, updated_by = $5 WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, template_id, state, tx.now, tx.actor),
    )
    _tell(tx, row, state=state, change=state)


async def remove(tx: Tx, template_id: UUID) -> None:
    """Delete a text here; at the provider it stays. Raises NotFound, Conflict while a live notice uses it."""
    row = await locked(tx, template_id)
    await must_be_unused(tx, template_id)
    await tx.execute("DELETE FROM sms_templates WHERE tenant_id = $1 AND id = $2", tx.tenant_id, template_id)
    _tell(tx, row, state="disabled", change="removed")


def _tell(tx: Tx, row: Any, *, state: str, change: str) -> None:
    tx.emit(
        SmsTemplateSaved(
            template_id=str(row["id"]), name=row["name"], scenario=row["scenario"], state=state, change=change
        )
    )


async def locked(tx: Tx, template_id: UUID) -> Any:
    """The row, locked. Raises NotFound."""
    row = await tx.row(
        "SELECT * FROM sms_templates WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, template_id
    )
    if row is None:
        raise NotFound(code="messaging.sms_template_not_found", where="template_id")
    return row


async def must_be_unused(tx: Tx, template_id: UUID) -> None:
    """Raises Conflict with the scenarios that send this text now."""
    users = await used_by(tx, [template_id])
    if users:
        raise Conflict(code="messaging.template_in_use", where="template_id", scenarios=sorted(users[str(template_id)]))


async def used_by(tx: Tx, template_ids: Sequence[UUID]) -> dict[str, list[str]]:
    """Which live notices send these texts."""
    rows = await tx.fetch(
        "SELECT template_id, scenario FROM bindings WHERE tenant_id = $1 AND channel = 'sms' AND live "
        "AND template_id = ANY($2) ORDER BY scenario",
        *(tx.tenant_id, [str(one) for one in template_ids]),
    )
    users: dict[str, list[str]] = {}
    for row in rows:
        users.setdefault(row["template_id"], []).append(row["scenario"])
    return users

"""What WeChat asks of accounts before notices of a mall work (S2-06..S2-10): data that the operator keeps (X-17)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Conflict, Invalid
from huida.kernel.http import ProviderOutcome, Refused
from huida.modules import connections
from huida.modules.messaging.bindings import APP_KIND
from huida.modules.messaging.catalogue import BY_CODE
from huida.modules.messaging.library import Scenario
from huida.providers.wechat.mini_program import MiniProgram
from huida.providers.wechat.official_account import OfficialAccount

INDUSTRIES: tuple[tuple[str, str], ...] = (("IT科技", "互联网|电子商务"), ("其它", "其它"))
CATEGORIES: tuple[str, ...] = ("商家自营>服装/鞋/箱包",)
NOT_SET = "wechat.40102"


@dataclass(frozen=True, slots=True)
class Rules:
    """The pair of industries, first and second, and the service categories of which one is needed; empty asks nothing.

    `numbers`: default templates in the category library, by scenario, where they differ from the catalogue's.
    """

    industries: tuple[tuple[str, str], ...]
    categories: tuple[str, ...]
    numbers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """What an account is, and what it should be. `unknown`: WeChat did not answer, which stops nobody."""

    state: Literal["ok", "mismatch", "unknown", "not_connected"]
    kind: Literal["industry", "category"]
    found: list[str]
    wanted: list[str]


async def rules(tx: Tx) -> Rules:
    """The rules as the operator has them, else those of the manual."""
    row = await tx.row("SELECT industries, categories, numbers FROM notice_rules WHERE id = 1")
    if row is None:
        return Rules(INDUSTRIES, CATEGORIES, {})
    pairs = msgspec.json.decode(row["industries"], type=tuple[tuple[str, str], ...])
    names = msgspec.json.decode(row["categories"], type=tuple[str, ...])
    return Rules(pairs, names, msgspec.json.decode(row["numbers"], type=dict[str, str]))


async def library_number(tx: Tx, scenario: Scenario) -> str:
    """The number of a scenario's default template in the category library; empty when it has none."""
    return (await rules(tx)).numbers.get(scenario.code, scenario.default.oa_number)


async def save_rules(
    tx: Tx, *, industries: Sequence[Sequence[str]], categories: Sequence[str], numbers: Mapping[str, str]
) -> None:
    """Set what is asked of accounts. Raises Invalid: a pair of industries or none, and at most 20 categories."""
    given = {code: number.strip() for code, number in numbers.items() if number.strip()}
    strange = sorted(code for code in given if code not in BY_CODE)
    if strange:
        raise Invalid(code="messaging.scenario_unknown", where="numbers", scenario=strange[0])
    wrong = sorted(code for code, number in given.items() if not number.isalnum() or len(number) > 32)
    if wrong:
        raise Invalid(code="messaging.bad_library_number", where=f"numbers/{wrong[0]}")
    pairs = [[part.strip() for part in pair] for pair in industries]
    names = [name.strip() for name in categories]
    if len(pairs) not in (0, 2) or any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise Invalid(code="messaging.bad_industries", where="industries")
    if len(names) > 20 or not all(names):
        raise Invalid(code="messaging.bad_categories", where="categories")
    await tx.execute(
        "INSERT INTO notice_rules (id, industries, categories, numbers, updated_at) VALUES (1, $1, $2, $3, $4) "
        "ON CONFLICT (id) DO UPDATE SET industries = excluded.industries, categories = excluded.categories, "
        "numbers = excluded.numbers, updated_at = excluded.updated_at",
        *(msgspec.json.encode(part).decode() for part in (pairs, names, given)),
        tx.now,
    )


def plain(name: str) -> str:
    """A name as it is compared: WeChat and its manuals write the same one in several ways."""
    for one, other in (("其他", "其它"), (" ", ""), ("－", ">"), ("-", ">"), ("｜", "|")):
        name = name.replace(one, other)
    return name


async def look(db: Database, tenant_id: int, channel: str, *, oa: OfficialAccount, mini: MiniProgram) -> Finding:
    """Ask WeChat what the connected account of a channel is (S2-07, S2-10). No transaction is open."""
    async with db.read(tenant_id) as tx:
        wanted = await rules(tx)
        cred = await connections.credentials(tx, APP_KIND[channel])
    if channel == "template":
        names = [f"{first} | {second}" for first, second in wanted.industries]
        if cred is None:
            return Finding("not_connected", "industry", [], names)
        try:
            got = await oa.industries(cred)
            pair = [one for one in (got.primary_industry, got.secondary_industry) if one is not None]
        except ProviderOutcome as bad:
            if not isinstance(bad, Refused) or bad.code != NOT_SET:
                return Finding("unknown", "industry", [], names)
            pair = []
        found = [f"{one.first_class} | {one.second_class}" for one in pair]
        good = not names or [plain(one) for one in found] == [plain(one) for one in names]
        return Finding("ok" if good else "mismatch", "industry", found, names)
    if cred is None:
        return Finding("not_connected", "category", [], list(wanted.categories))
    try:
        names = [category.name for category in await mini.categories(cred)]
    except ProviderOutcome:
        return Finding("unknown", "category", [], list(wanted.categories))
    good = not wanted.categories or bool({plain(n) for n in wanted.categories} & {plain(n) for n in names})
    return Finding("ok" if good else "mismatch", "category", names, list(wanted.categories))


async def must_fit(db: Database, tenant_id: int, channel: str, *, oa: OfficialAccount, mini: MiniProgram) -> None:
    """Raises Conflict when WeChat says that the account is of the wrong kind (S2-06, S2-09)."""
    finding = await look(db, tenant_id, channel, oa=oa, mini=mini)
    if finding.state == "mismatch":
        raise Conflict(
            code=f"messaging.{finding.kind}_mismatch",
            where="despite",
            found="、".join(finding.found) or "—",
            wanted="、".join(finding.wanted),
        )

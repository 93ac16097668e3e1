"""Delivery reports that providers push: taken in once each, told as facts of the merchant they belong to.

A push carries no signature. Its address holds an unguessable key, and its word is a hint that a query can check.
"""

import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from huida.kernel.db import Database, Tx, columns
from huida.kernel.errors import Invalid, NotFound
from huida.kernel.log import log
from huida.modules import tenants
from huida.modules.sms.charges import Ended, note_ended, source_of
from huida.modules.sms.facts import SmsReported
from huida.modules.sms.service import report_key
from huida.providers.sms.provider import BadReport, SmsProvider, SmsReport, SmsState

LARGEST_PUSH: Final = 1024 * 1024

TAKE = """
INSERT INTO sms_reports (tenant_id, id, at) SELECT $1, r.id, $2 FROM unnest($3::bytea[]) AS r(id)
ON CONFLICT DO NOTHING RETURNING id
"""


async def take_push(db: Database, providers: Mapping[str, SmsProvider], *, provider: str, key: str, body: bytes) -> int:
    """Take a push in; returns how many reports were new. An edge: one transaction for each merchant in it.

    Raises NotFound for a wrong address, Invalid for a body that is not understood. When it fails half-way, the
    provider pushes again and what was taken in before is not told twice.
    """
    async with db.read(tenants.PLATFORM) as tx:
        client = providers.get(provider)
        if client is None or not hmac.compare_digest((await report_key(tx, provider)).encode(), key.encode()):
            raise NotFound()
        try:
            reports = client.parse_report(body)
        except BadReport as wrong:
            raise Invalid(code="sms.bad_report") from wrong
        groups = by_tenant(reports)
        known = set(await tenants.open_merchants(tx)) if groups else set()
    strange = len(reports) - sum(len(group) for tenant_id, group in groups.items() if tenant_id in known)
    if strange:
        log.warning("sms_reports_strange", provider=provider, count=strange)
    new = 0
    for tenant_id in sorted(groups.keys() & known):
        async with db.tx(tenant_id, actor=f"provider:{provider}") as tx:
            new += await take(tx, provider, groups[tenant_id])
    return new


def by_tenant(reports: Sequence[SmsReport]) -> dict[int, list[SmsReport]]:
    """Final reports by the merchant in our own number (`tenant.fact.scenario`); others are not ours."""
    groups: dict[int, list[SmsReport]] = defaultdict(list)
    for report in reports:
        head, dot, _ = report.out_id.partition(".")
        if dot and head.isascii() and head.isdigit() and len(head) < 19 and report.state is not SmsState.WAITING:
            groups[int(head)].append(report)
    return groups


async def take(tx: Tx, provider: str, reports: Sequence[SmsReport]) -> int:
    """Record a merchant's reports and tell each new one as a fact; returns how many were new."""
    by_id = {
        tx.sealer.blind_index(
            f"{provider}\n{report.provider_ref or report.out_id}\n{report.phone}\n{report.state}", purpose="sms.report"
        ): report
        for report in reports
    }
    rows = await tx.fetch(TAKE, tx.tenant_id, tx.now, *columns([(report_id,) for report_id in sorted(by_id)], 1))
    ended = []
    for row in rows:
        report = by_id[bytes(row["id"])]
        ended.append(Ended(source_of(report.out_id), report.state.value, report.at or tx.now))
        tx.emit(
            SmsReported(
                out_id=report.out_id,
                provider=provider,
                provider_ref=report.provider_ref,
                state=report.state.value,
                code=report.code,
                parts=report.parts,
            )
        )
    await note_ended(tx, ended)
    return len(rows)


async def forget(tx: Tx, *, days: int = 30) -> int:
    """Forget which reports were taken in so long ago that no provider repeats them; returns how many."""
    return await tx.execute(
        "DELETE FROM sms_reports WHERE tenant_id = $1 AND at < $2::timestamptz - make_interval(days => $3)",
        *(tx.tenant_id, tx.now, days),
    )

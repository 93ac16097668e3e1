"""What messaging does when something happened elsewhere."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.facts import Recorded
from huida.kernel.jobs import Work
from huida.modules import connections, sms
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging.catalogue import FACTS
from huida.modules.messaging.tell import tell

work = Work("messaging")


@work.reacts_to(*FACTS)
async def tell_members(tx: Tx, facts: Sequence[Recorded[Any]]) -> None:
    """Turn business facts into messages. Twice is safe: its jobs are deleted in its own commit, and a delivery's key is
    the fact and the scenario (S1-93)."""
    await tell(tx, facts)


@work.reacts_to(connections.SubscribeAnswered)
async def count_answers(tx: Tx, facts: Sequence[Recorded[connections.SubscribeAnswered]]) -> None:
    """Count WeChat's report of the subscribe popup. Twice is safe: its jobs go with its own commit."""
    for recorded in facts:
        fact = recorded.fact
        answers = [(choice.template_id, "accept" if choice.accepted else "reject") for choice in fact.choices]
        await credit_ledger.event_answered(tx, app_id=fact.app_id, openid=fact.openid, answers=answers)


@work.reacts_to(connections.SubscribeChanged)
async def note_switched_off(tx: Tx, facts: Sequence[Recorded[connections.SubscribeChanged]]) -> None:
    """The member turned templates off in WeChat's settings. Twice is safe: it sets a flag."""
    for recorded in facts:
        fact = recorded.fact
        off = [choice.template_id for choice in fact.choices if not choice.accepted]
        await credit_ledger.switched_off(tx, app_id=fact.app_id, openid=fact.openid, template_ids=off)


@work.reacts_to(connections.SubscribeSendFinished)
async def note_subscribe_outcome(tx: Tx, facts: Sequence[Recorded[connections.SubscribeSendFinished]]) -> None:
    """The final word on subscribe messages. Twice is safe: a delivery in its last state does not move."""
    for recorded in facts:
        for told in recorded.fact.deliveries:
            ok = told.error_code in ("0", "")
            await _finish(tx, recorded.fact.app_id, recorded.fact.openid, str(told.msg_id), ok, told.status)


@work.reacts_to(connections.TemplateSendFinished)
async def note_template_outcome(tx: Tx, facts: Sequence[Recorded[connections.TemplateSendFinished]]) -> None:
    """The final word on template messages. Twice is safe: a delivery in its last state does not move."""
    for recorded in facts:
        fact = recorded.fact
        await _finish(tx, fact.app_id, fact.openid, str(fact.msg_id), fact.status == "success", fact.status)


async def _finish(tx: Tx, app_id: str, openid: str, msg_id: str, ok: bool, status: str) -> None:
    await tx.execute(
        "UPDATE deliveries d SET state = $5, reason = $6, done_at = $7 FROM identities i "
        "WHERE i.tenant_id = $1 AND i.app_id = $2 AND i.openid = $3 AND d.tenant_id = $1 AND d.member_id = i.member_id "
        "AND d.provider_ref = $4 AND d.app_id = $2 AND d.state IN ('accepted', 'unknown')",
        *(tx.tenant_id, app_id, openid, msg_id, "delivered" if ok else "failed", "" if ok else status[:120], tx.now),
    )


@work.reacts_to(sms.SmsReported)
async def note_sms_outcome(tx: Tx, facts: Sequence[Recorded[sms.SmsReported]]) -> None:
    """The carrier's word on an SMS (S1-26). Twice is safe: a delivery in its last state does not move."""
    for recorded in facts:
        fact = recorded.fact
        try:
            _, hexed, scenario = fact.out_id.split(".", 2)
            fact_id = UUID(hexed)
        except ValueError:
            continue
        await tx.execute(
            "UPDATE deliveries SET state = $4, reason = $5, done_at = $6, parts = coalesce($7::smallint, parts), "
            "provider_ref = CASE WHEN provider_ref = '' THEN $8 ELSE provider_ref END WHERE tenant_id = $1 "
            "AND fact_id = $2 AND scenario = $3 AND channel = 'sms' AND state IN ('accepted', 'unknown')",
            *(tx.tenant_id, fact_id, scenario, fact.state, "" if fact.state == "delivered" else fact.code, tx.now),
            *(fact.parts, fact.provider_ref),
        )

"""What messaging does when something happened elsewhere."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import time, timedelta
from typing import Any

from huida.kernel.db import Tx, columns
from huida.kernel.facts import Recorded
from huida.kernel.jobs import Work, fan_out
from huida.modules import connections, members, sms, tenants
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging import staff, texting
from huida.modules.messaging.catalogue import FACTS
from huida.modules.messaging.drift import LOOK
from huida.modules.messaging.fallback import next_turn
from huida.modules.messaging.keys import Key, from_entry, from_out_id
from huida.modules.messaging.tell import tell

work = Work("messaging")


@work.reacts_to(*FACTS)
async def tell_members(tx: Tx, facts: Sequence[Recorded[Any]]) -> None:
    """Turn business facts into messages. Twice is safe: its jobs are deleted in its own commit, and a delivery's key is
    the fact, the scenario and the slot (S1-93)."""
    await tell(tx, facts)


@work.reacts_to(connections.Scanned, connections.FollowChanged)
async def note_staff(tx: Tx, facts: Sequence[Recorded[Any]]) -> None:
    """Bind who scanned a staff member's code (S2-50), and note who follows. Twice is safe: a code works once."""
    for recorded in facts:
        fact = recorded.fact
        who = {"app_id": fact.app_id, "openid": fact.openid, "at": fact.at}
        if isinstance(fact, connections.FollowChanged):
            await staff.follow_changed(tx, follows=fact.follows, **who)
        if fact.scene:
            await staff.scanned(tx, scene=fact.scene, **who)


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


@dataclass(frozen=True, slots=True)
class Receipt:
    """WeChat's final word on one message."""

    app_id: str
    openid: str
    msg_id: str
    reason: str


@work.reacts_to(connections.SubscribeSendFinished)
async def note_subscribe_outcome(tx: Tx, facts: Sequence[Recorded[connections.SubscribeSendFinished]]) -> None:
    """The final word on subscribe messages. Twice is safe: a delivery in its last state does not move."""
    receipts = [
        Receipt(
            fact.app_id,
            fact.openid,
            str(one.msg_id),
            "" if one.error_code in ("0", "") else one.status[:120] or "failed",
        )
        for fact in (recorded.fact for recorded in facts)
        for one in fact.deliveries
    ]
    early(tx, await finish(tx, receipts))


@work.reacts_to(connections.TemplateSendFinished)
async def note_template_outcome(tx: Tx, facts: Sequence[Recorded[connections.TemplateSendFinished]]) -> None:
    """The final word on template messages. Twice is safe: a delivery in its last state does not move."""
    receipts = [
        Receipt(f.app_id, f.openid, str(f.msg_id), "" if f.status == "success" else f.status[:120] or "failed")
        for f in (recorded.fact for recorded in facts)
    ]
    early(tx, await finish(tx, receipts))


FINISH = """
UPDATE deliveries d SET state = CASE WHEN r.reason = '' THEN 'delivered' ELSE 'failed' END, reason = r.reason, done_at = $2
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) AS r(member_id, app_id, msg_id, reason)
WHERE d.tenant_id = $1 AND d.member_id = r.member_id AND d.app_id = r.app_id AND d.provider_ref = r.msg_id
  AND d.state IN ('accepted', 'unknown') RETURNING r.app_id, r.msg_id
"""


async def finish(tx: Tx, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Write the final words on messages; returns those for which no message waits."""
    openids = sorted({one.openid for one in receipts})
    known = {openid: [found.id] for openid, found in (await members.by_openid(tx, openids)).items()}
    for openid, staff_id in (await staff.by_openid(tx, openids)).items():
        known.setdefault(openid, []).append(staff_id)
    rows = [
        (recipient, one.app_id, one.msg_id, one.reason) for one in receipts for recipient in known.get(one.openid, ())
    ]
    done = await tx.fetch(FINISH, tx.tenant_id, tx.now, *columns(rows, 4)) if rows else []
    found = {(row["app_id"], row["msg_id"]) for row in done}
    return [one for one in receipts if one.openid in known and (one.app_id, one.msg_id) not in found]


def early(tx: Tx, receipts: Sequence[Receipt]) -> None:
    """WeChat may be quicker than our own record of the send: look once more in a minute."""
    if receipts:
        tx.enqueue("messaging.finish_again", [asdict(one) for one in receipts], due=tx.now + timedelta(minutes=1))


@work.job
async def finish_again(tx: Tx, payloads: Sequence[Any]) -> None:
    """Write the final words that came too early. Twice is safe: a delivery in its last state does not move."""
    await finish(tx, [Receipt(**one) for payload in payloads for one in payload])


@work.scheduled(at=time(3, 30))
async def look_everywhere(tx: Tx, payloads: Sequence[Any]) -> None:
    """Compare every open merchant's templates with the other side, once a night. Twice is safe: comparing changes
    nothing that was not found changed."""
    await fan_out(tx, LOOK, await tenants.open_merchants(tx))


@work.job
async def fall_back(tx: Tx, payloads: Sequence[Any]) -> None:
    """Give the next channel its turn (X-01). Twice is safe: a turn that was taken has left its row."""
    for payload in payloads:
        await next_turn(tx, from_entry(payload))


END_SMS = """
UPDATE deliveries d SET state = r.state, reason = r.reason, done_at = $2, parts = coalesce(r.parts, d.parts),
  cost_fen = CASE WHEN d.parts > 0 THEN d.cost_fen / d.parts * coalesce(r.parts, d.parts) ELSE d.cost_fen END,
  provider_ref = CASE WHEN d.provider_ref = '' THEN r.provider_ref ELSE d.provider_ref END
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::smallint[], $9::text[])
  AS r(fact_id, scenario, slot, state, reason, parts, provider_ref)
WHERE d.tenant_id = $1 AND d.fact_id = r.fact_id AND d.scenario = r.scenario AND d.slot = r.slot AND d.channel = 'sms'
  AND d.state IN ('queued', 'retrying', 'accepted', 'unknown')
"""


@work.reacts_to(sms.SmsReported)
async def note_sms_outcome(tx: Tx, facts: Sequence[Recorded[sms.SmsReported]]) -> None:
    """The carrier's word on an SMS (S1-26), also when it comes before our own record of the send. Twice is safe: a
    delivery in its last state does not move."""
    billed: dict[Key, int] = {}
    words: dict[Key, tuple[Any, ...]] = {}
    for recorded in facts:
        fact = recorded.fact
        key = from_out_id(fact.out_id)
        if key is None:
            continue
        reason = "" if fact.state == "delivered" else fact.code
        words.setdefault(key, (*key, fact.state, reason, fact.parts, fact.provider_ref))
        if fact.parts is not None:
            billed[key] = fact.parts
    if words:
        await tx.execute(END_SMS, tx.tenant_id, tx.now, *columns([words[key] for key in sorted(words)], 7))
    numbers = [(texting.source(tx.tenant_id, key), parts) for key, parts in billed.items()]
    await texting.copy_costs(tx, await sms.settle(tx, numbers), list(billed))

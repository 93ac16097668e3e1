"""What verification does when something happened elsewhere, and its own work."""

from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.facts import Recorded
from huida.kernel.jobs import Work, fan_out
from huida.modules import sms, tenants
from huida.modules.verification import limits, service
from huida.modules.verification.errands import ASK, AskCode, SendCode
from huida.providers.sms.provider import SmsProvider

PORTION: Final = 5000
"""Rows that one transaction deletes."""


def work(desk: "sms.SmsDesk", providers: Mapping[str, SmsProvider]) -> Work:
    """Verification's reactions, jobs and errands."""
    made = Work("verification")
    made.errands = {service.SEND: SendCode(desk), ASK: AskCode(providers)}

    @made.reacts_to(sms.SmsReported)
    async def note_outcome(tx: Tx, facts: Sequence[Recorded[sms.SmsReported]]) -> None:
        """The carrier's word on a code. Twice is safe: a code in its last state does not move."""
        mine = [(recorded, code_id) for recorded in facts if (code_id := code_of(recorded.fact.out_id)) is not None]
        if mine:
            await service.lock(tx, [code_id for _, code_id in mine])
        for recorded, code_id in mine:
            fact = recorded.fact
            ended = await tx.execute(
                "UPDATE verification_codes SET state = $3, reason = $4, code_sealed = NULL, "
                "parts = coalesce($5::smallint, parts), provider = $6, provider_ref = $7, sent_at = coalesce(sent_at, $8) "
                "WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'accepted', 'unknown')",
                *(tx.tenant_id, code_id, fact.state, "" if fact.state == "delivered" else fact.code),
                *(fact.parts, fact.provider, fact.provider_ref, tx.now),
            )
            if not ended:
                continue
            source = sms.source_of(fact.out_id)
            if fact.parts is not None:
                await sms.settle(tx, [(source, fact.parts)])
            await sms.note_ended(tx, [sms.Ended(source, fact.state, recorded.at)])

    @made.scheduled(every=timedelta(hours=6))
    async def tidy(tx: Tx, payloads: Sequence[Any]) -> None:
        """Forget counters and old codes. Twice is safe: it deletes."""
        tx.enqueue("verification.tidy_counts", None)
        await fan_out(tx, "verification.tidy_merchant", await tenants.all_merchants(tx))

    @made.scheduled(at=time(4, 0))
    async def look_back(tx: Tx, payloads: Sequence[Any]) -> None:
        """Every merchant's usual hour is worked out anew. Twice is safe: it is the same number."""
        await fan_out(tx, "verification.learn_usual", await tenants.all_merchants(tx))

    @made.job
    async def learn_usual(tx: Tx, payloads: Sequence[Any]) -> None:
        """What is usual in an hour of this merchant. Twice is safe: it is the same number."""
        await limits.learn_usual(tx)

    @made.job
    async def tidy_counts(tx: Tx, payloads: Sequence[Any]) -> None:
        """Forget counters, portion by portion. Twice is safe: it deletes."""
        if await limits.forget(tx, most=PORTION):
            tx.enqueue("verification.tidy_counts", None)

    @made.job
    async def tidy_merchant(tx: Tx, payloads: Sequence[Any]) -> None:
        """Forget a merchant's old codes, portion by portion. Twice is safe: it deletes."""
        if await service.forget(tx, most=PORTION):
            tx.enqueue("verification.tidy_merchant", None)

    return made


def code_of(out_id: str) -> UUID | None:
    """The code in our own number of a message; None for a message that is none of ours."""
    parts = out_id.split(".")
    if len(parts) != 3 or not parts[2].startswith("code_"):
        return None
    try:
        return UUID(parts[1])
    except ValueError:
        return None

"""Sending codes, and asking what became of those whose answer was lost. A code is never sent twice, nor too late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.clock import business_day
from huida.kernel.db import Tx, columns
from huida.kernel.http import ProviderOutcome, Refused, Unavailable, Unknown, each, one_call
from huida.kernel.queue import Job
from huida.modules import sms
from huida.modules.verification.rules import ACCEPTS
from huida.modules.verification.service import CODE, PHONE, lock, out_id_of, values_of
from huida.providers.sms.provider import SmsCredentials, SmsProvider, SmsReport, SmsState

ASK: Final = "verification.ask"
ASK_LADDER_S: Final = (30, 120, 600, 3600, 6 * 3600, 24 * 3600)
AT_ONCE: Final = 32
"""Calls under way in one batch, so that one slow answer does not hold up the others."""

GIVE_UP = """
UPDATE verification_codes c SET state = 'failed', code_sealed = NULL,
  reason = CASE WHEN c.expires_at <= $3 THEN 'expired' ELSE 'superseded' END
WHERE c.tenant_id = $1 AND c.id = ANY($2) AND c.state = 'queued' AND (c.expires_at <= $3 OR EXISTS (
  SELECT FROM verification_codes n JOIN unnest($4::text[], $5::text[]) AS g(scenario, rival) ON g.rival = n.scenario
  WHERE n.tenant_id = $1 AND n.phone_hash = c.phone_hash AND n.id > c.id AND g.scenario = c.scenario))
RETURNING c.id, c.scenario
"""
RIVALS: Final = columns([(one, rival) for one, rivals in ACCEPTS.items() for rival in sorted(rivals)], 2)
"""Which newer codes of a phone replace a code: those for the same door."""


@dataclass(slots=True)
class Sending:
    """One code on its way out."""

    code_id: UUID
    parts: int
    expires_at: datetime
    phone: str = field(repr=False)
    params: dict[str, str] = field(repr=False)
    ways: Sequence["sms.SmsWay"]
    out_id: str
    accepted: "sms.Accepted | None" = None
    provider: str = ""
    state: str = ""
    reason: str = ""


class SendCode:
    """The errand `verification.send`. Twice is safe: only queued codes are loaded, and what was started is asked about."""

    def __init__(self, desk: "sms.SmsDesk") -> None:
        self.desk = desk

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> list[Sending]:
        """What is still worth sending; of a code that is over or replaced the parts come back."""
        wanted = await lock(tx, [UUID(job.payload) for job in jobs])
        over = await tx.fetch(GIVE_UP, tx.tenant_id, wanted, tx.now, *RIVALS)
        await sms.give_back(tx, [sms.source_of(out_id_of(tx.tenant_id, row["id"], row["scenario"])) for row in over])
        rows = await tx.fetch(
            "SELECT id, scenario, parts, expires_at, phone_sealed, code_sealed, ways FROM verification_codes "
            "WHERE tenant_id = $1 AND id = ANY($2) AND state = 'queued' AND code_sealed IS NOT NULL ORDER BY id",
            *(tx.tenant_id, wanted),
        )
        return [await self._load_one(tx, row) for row in rows]

    async def _load_one(self, tx: Tx, row: Any) -> Sending:
        text = msgspec.json.decode(row["ways"])
        values = await values_of(tx, tx.sealer.unseal(bytes(row["code_sealed"]), purpose=CODE).reveal())
        return Sending(
            row["id"],
            row["parts"],
            row["expires_at"],
            tx.sealer.unseal(bytes(row["phone_sealed"]), purpose=PHONE).reveal(),
            {placeholder: values[variable] for placeholder, variable in text["mapping"].items()},
            await sms.ways(tx, text["codes"]),
            out_id_of(tx.tenant_id, row["id"], row["scenario"]),
        )

    async def call(self, work: list[Sending]) -> list[Sending]:
        await each(work, self._send, at_once=AT_ONCE)
        return work

    async def _send(self, item: Sending) -> None:
        if self.desk.clock.now() >= item.expires_at:
            item.state, item.reason = "failed", "expired"
            return
        try:
            async with one_call("verification.send"):
                item.accepted = await self.desk.send(
                    item.ways, phone=item.phone, params=item.params, out_id=item.out_id
                )
            item.state, item.provider = "accepted", item.accepted.provider
        except Refused as refused:
            item.state, item.reason = "failed", refused.code
        except Unavailable:
            # A code is worth five minutes: the person asks again rather than getting an old one later.
            item.state, item.reason = "failed", "provider_unavailable"
        except sms.UnknownAt as lost:
            item.state, item.reason, item.provider = "unknown", "answer_lost", lost.provider
        except Unknown:
            item.state, item.reason = "unknown", "answer_lost"

    async def record(self, tx: Tx, outcome: list[Sending]) -> None:
        """All codes first, then what they cost: the order in which everybody locks them."""
        await lock(tx, [item.code_id for item in outcome])
        rows = [
            (item.code_id, item.state, item.reason, item.provider, item.accepted.provider_ref if item.accepted else "")
            for item in outcome
        ]
        await tx.execute(
            "UPDATE verification_codes c SET state = CASE WHEN c.state = 'queued' THEN r.state ELSE c.state END, "
            "reason = CASE WHEN c.state = 'queued' THEN r.reason ELSE c.reason END, provider = r.provider, "
            "provider_ref = r.provider_ref, sent_at = $2, code_sealed = NULL "
            "FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) "
            "  AS r(id, state, reason, provider, provider_ref) WHERE c.tenant_id = $1 AND c.id = r.id",
            *(tx.tenant_id, tx.now, *columns(rows, 5)),
        )
        sent = [
            sms.Sent.of(item.out_id, item.provider, told=item.accepted.parts, guessed=item.parts)
            for item in outcome
            if item.accepted is not None
        ]
        back = [sms.source_of(item.out_id) for item in outcome if item.state == "failed"]
        await sms.note_sent(tx, sent, back=back)
        for item in outcome:
            if item.state == "unknown":
                ask_later(tx, item.code_id, 0)
        await self.desk.note(tx)

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """A worker died while sending: the code may have gone out, so every provider that it may be at is asked."""
        rows = await tx.fetch(
            "UPDATE verification_codes SET state = 'unknown', reason = 'worker_died', sent_at = $3, code_sealed = NULL "
            "WHERE tenant_id = $1 AND id = ANY($2) AND state = 'queued' RETURNING id",
            *(tx.tenant_id, [UUID(job.payload) for job in jobs], tx.now),
        )
        for row in rows:
            ask_later(tx, row["id"], 0)


def ask_later(tx: Tx, code_id: UUID, asked: int) -> None:
    """Plan the next question about a code whose fate is unknown."""
    due = tx.now + timedelta(seconds=ASK_LADDER_S[asked])
    tx.enqueue(ASK, {"code_id": code_id, "asked": asked}, lane=code_id, due=due)


@dataclass(slots=True)
class Question:
    """What is asked of the providers that may have sent a code: until one knows it, or all say that they do not."""

    code_id: UUID
    asked: int
    phone: str = field(repr=False)
    out_id: str
    day: date
    providers: list[str]
    answer: SmsReport | None = None
    provider: str = ""
    heard: bool = True


class AskCode:
    """The errand `verification.ask`; running it twice asks twice, which changes nothing."""

    def __init__(self, providers: Mapping[str, SmsProvider]) -> None:
        self.providers = providers

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> tuple[dict[str, SmsCredentials], list[Question]]:
        asked = {UUID(job.payload["code_id"]): int(job.payload["asked"]) for job in jobs}
        rows = await tx.fetch(
            "SELECT id, scenario, phone_sealed, provider, ways, sent_at FROM verification_codes "
            "WHERE tenant_id = $1 AND id = ANY($2) AND state = 'unknown' ORDER BY id",
            *(tx.tenant_id, list(asked)),
        )
        questions = [
            Question(
                row["id"],
                asked[row["id"]],
                tx.sealer.unseal(bytes(row["phone_sealed"]), purpose=PHONE).reveal(),
                out_id_of(tx.tenant_id, row["id"], row["scenario"]),
                business_day(row["sent_at"]),
                [row["provider"]] if row["provider"] else sorted(msgspec.json.decode(row["ways"])["codes"]),
            )
            for row in rows
        ]
        return await sms.all_credentials(tx), questions

    async def call(
        self, work: tuple[dict[str, SmsCredentials], list[Question]]
    ) -> tuple[dict[str, SmsCredentials], list[Question]]:
        credentials, questions = work
        await each(questions, lambda question: self._ask(credentials, question), at_once=AT_ONCE)
        return work

    async def _ask(self, credentials: Mapping[str, SmsCredentials], question: Question) -> None:
        """Until one knows it; whoever does not answer may still know it."""
        for provider in question.providers:
            if provider not in credentials:
                question.heard = False
                continue
            try:
                async with one_call(ASK):
                    found = await self.providers[provider].query(
                        credentials[provider], phone=question.phone, day=question.day, out_id=question.out_id
                    )
            except ProviderOutcome:
                question.heard = False
                continue
            if found is not None:
                question.answer, question.provider = found, provider
                return

    async def record(self, tx: Tx, outcome: tuple[dict[str, SmsCredentials], list[Question]]) -> None:
        """All codes first, then what they cost, locked once for all of them."""
        questions = outcome[1]
        await lock(tx, [question.code_id for question in questions])
        sent, ended, back = [], [], []
        for question in questions:
            source = sms.source_of(question.out_id)
            if question.answer is not None:
                state, parts = await _found_out(tx, question, question.answer)
                if parts is not None:
                    told = question.answer.parts
                    sent.append(sms.Sent.of(question.out_id, question.provider, told=told, guessed=parts))
                    if state != "accepted":
                        ended.append(sms.Ended(source, state, question.answer.at or tx.now))
            elif question.asked + 1 < len(ASK_LADDER_S):
                ask_later(tx, question.code_id, question.asked + 1)
            elif question.heard and await _never_sent(tx, question):
                back.append(source)
        await sms.note_sent(tx, sent, back=back)
        await sms.note_ended(tx, ended)

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        for job in jobs:
            ask_later(tx, UUID(job.payload["code_id"]), int(job.payload["asked"]))


async def _found_out(tx: Tx, question: Question, report: SmsReport) -> tuple[str, int | None]:
    """A provider knows the message: it was sent. Its state, and the parts it was charged as; None when that is not news."""
    state = {SmsState.DELIVERED: "delivered", SmsState.FAILED: "failed"}.get(report.state, "accepted")
    parts: int | None = await tx.value(
        "UPDATE verification_codes SET state = $3, reason = $4, provider = $5, provider_ref = $6 "
        "WHERE tenant_id = $1 AND id = $2 AND state = 'unknown' RETURNING parts",
        *(tx.tenant_id, question.code_id, state, report.code if state == "failed" else ""),
        *(question.provider, report.provider_ref),
    )
    return state, parts


async def _never_sent(tx: Tx, question: Question) -> bool:
    """After a day no provider knows it: it was never sent; whether that is news."""
    return bool(
        await tx.execute(
            "UPDATE verification_codes SET state = 'failed', reason = 'never_sent' "
            "WHERE tenant_id = $1 AND id = $2 AND state = 'unknown'",
            *(tx.tenant_id, question.code_id),
        )
    )

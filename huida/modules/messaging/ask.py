"""Asking a provider what became of an SMS whose answer we never saw. Asking is harmless; sending again is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from huida.kernel.clock import business_day
from huida.kernel.db import Tx, columns
from huida.kernel.http import ProviderOutcome, one_call
from huida.kernel.queue import Job
from huida.modules import members, sms
from huida.modules.messaging import texting
from huida.modules.messaging.keys import Key, key_of, out_id
from huida.modules.messaging.sender import ASK_LADDER_S, ask_later
from huida.providers.sms.provider import SmsCredentials, SmsProvider, SmsReport


@dataclass(slots=True)
class Question:
    row: Any
    asked: int
    phone: str
    out_id: str
    day: date
    providers: Sequence[str]
    answered_by: str = ""
    answer: SmsReport | None = None
    silent: bool = False


@dataclass(slots=True)
class Questions:
    credentials: dict[str, SmsCredentials]
    items: list[Question]


class AskSms:
    """The errand `messaging.ask_sms`; running it twice asks twice, which changes nothing."""

    def __init__(self, sms_providers: dict[str, SmsProvider]) -> None:
        self.sms_providers = sms_providers

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> Questions:
        asked = {asked_for(job): int(job.payload["asked"]) for job in jobs}
        rows = await tx.fetch(
            "SELECT d.fact_id, d.scenario, d.slot, d.member_id, d.provider_ref, d.sent_at, d.body "
            "FROM unnest($2::uuid[], $3::text[], $4::text[]) AS k(fact_id, scenario, slot) JOIN deliveries d ON d.tenant_id = $1 "
            "AND d.fact_id = k.fact_id AND d.scenario = k.scenario AND d.slot = k.slot AND d.state = 'unknown'",
            *(tx.tenant_id, *columns(list(asked), 3)),
        )
        people = await members.recipients(tx, list({row["member_id"] for row in rows}), mini_app="", oa_app="")
        items = []
        for row in rows:
            person = people.get(row["member_id"])
            number = out_id(tx.tenant_id, key_of(row))
            day = business_day(row["sent_at"] or tx.now)
            given = [way.provider for way in texting.read(row["body"]).ways]
            phone = (members.phone_of(tx, person) or "") if person else ""
            items.append(Question(row, asked[key_of(row)], phone, number, day, given))
        asked_at = await sms.asked_at(tx, [sms.source_of(item.out_id) for item in items])
        for item in items:
            if sms.source_of(item.out_id) in asked_at:
                item.providers = [asked_at[sms.source_of(item.out_id)]]
        return Questions(await sms.all_credentials(tx), items)

    async def call(self, work: Questions) -> Questions:
        for item in work.items:
            for provider in item.providers:
                item.answer = await self._ask(work, item, provider)
                if item.answer is not None:
                    item.answered_by = provider
                    break
        return work

    async def _ask(self, work: Questions, item: Question, provider: str) -> SmsReport | None:
        """One provider's word; whoever does not answer may still know it."""
        credentials = work.credentials.get(provider)
        if credentials is None:
            item.silent = True
            return None
        try:
            async with one_call("messaging.ask_sms"):
                return await self.sms_providers[provider].query(
                    credentials,
                    phone=item.phone,
                    day=item.day,
                    out_id=item.out_id,
                    provider_ref=item.row["provider_ref"],
                )
        except ProviderOutcome:
            item.silent = True
            return None

    async def record(self, tx: Tx, outcome: Questions) -> None:
        """Write the answers. After the last question a message that nobody knows was never sent: it costs nothing."""
        sent, ended, never = [], [], []
        for item in outcome.items:
            key, source = key_of(item.row), sms.source_of(item.out_id)
            if item.answer is None:
                if item.asked + 1 < len(ASK_LADDER_S) or item.silent:
                    ask_later(tx, key, item.row["member_id"], item.asked + 1)
                else:
                    never.append(item)
                continue
            state = {"delivered": "delivered", "failed": "failed"}.get(item.answer.state.value, "accepted")
            await tx.execute(
                "UPDATE deliveries SET state = $5, reason = $6, provider_ref = $7, "
                "done_at = CASE WHEN $5 <> 'accepted' THEN $8::timestamptz END "
                "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4 AND state = 'unknown'",
                *(tx.tenant_id, *key, state),
                item.answer.code if state == "failed" else "",
                *(item.answer.provider_ref, tx.now),
            )
            parts = {way.provider: way.parts for way in texting.read(item.row["body"]).ways}[item.answered_by]
            sent.append((key, sms.Sent.of(item.out_id, item.answered_by, told=item.answer.parts, guessed=parts)))
            if state != "accepted":
                ended.append(sms.Ended(source, state, item.answer.at or tx.now))
        await self._forget(tx, never)
        back = [sms.source_of(item.out_id) for item in never]
        settled = await sms.note_sent(tx, [one for _, one in sent], back=back)
        await texting.copy_costs(tx, settled, [key for key, _ in sent])
        await sms.note_ended(tx, ended)

    async def _forget(self, tx: Tx, never: Sequence[Question]) -> None:
        for item in never:
            await tx.execute(
                "UPDATE deliveries SET reason = 'provider_knows_none', parts = 0, cost_fen = 0 "
                "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4 AND state = 'unknown'",
                *(tx.tenant_id, *key_of(item.row)),
            )

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        for job in jobs:
            key = asked_for(job)
            ask_later(tx, key, key.fact_id, job.payload["asked"])


def asked_for(job: Job) -> Key:
    """The message that a question is about."""
    return Key(UUID(job.payload["fact_id"]), job.payload["scenario"], job.payload.get("slot", ""))

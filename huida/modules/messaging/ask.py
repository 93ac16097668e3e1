"""Asking a provider what became of an SMS whose answer we never saw. Asking is harmless; sending again is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from huida.kernel.clock import business_day
from huida.kernel.db import Tx
from huida.kernel.http import ProviderOutcome
from huida.kernel.queue import Job
from huida.modules import members, sms
from huida.modules.messaging.keys import Key, key_of, out_id
from huida.modules.messaging.sender import ask_later
from huida.providers.sms.provider import SmsCredentials, SmsProvider, SmsReport


@dataclass(slots=True)
class Question:
    row: Any
    asked: int
    phone: str
    out_id: str
    day: date
    provider: str
    answer: SmsReport | None = None


@dataclass(slots=True)
class Questions:
    credentials: dict[str, SmsCredentials]
    items: list[Question]


class AskSms:
    """The errand `messaging.ask_sms`; running it twice asks twice, which changes nothing."""

    def __init__(self, sms_providers: dict[str, SmsProvider]) -> None:
        self.sms_providers = sms_providers

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> Questions:
        items = []
        for job in jobs[:100]:
            row = await tx.row(
                "SELECT fact_id, scenario, slot, member_id, provider_ref, sent_at, body FROM deliveries "
                "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4 AND state = 'unknown'",
                *(tx.tenant_id, *asked_for(job)),
            )
            if row is None:
                continue
            person = await members.get(tx, row["member_id"])
            number = out_id(tx.tenant_id, key_of(row))
            day = business_day(row["sent_at"] or tx.now)
            provider = msgspec.json.decode(row["body"])["provider"]
            phone = members.phone_of(tx, person) or ""
            items.append(Question(row, job.payload["asked"], phone, number, day, provider))
        return Questions(await sms.credentials(tx), items)

    async def call(self, work: Questions) -> Questions:
        for item in work.items:
            credentials = work.credentials.get(item.provider)
            if credentials is None:
                continue
            try:
                item.answer = await self.sms_providers[item.provider].query(
                    credentials,
                    phone=item.phone,
                    day=item.day,
                    out_id=item.out_id,
                    provider_ref=item.row["provider_ref"],
                )
            except ProviderOutcome:
                item.answer = None
        return work

    async def record(self, tx: Tx, outcome: Questions) -> None:
        for item in outcome.items:
            if item.answer is None:
                ask_later(tx, key_of(item.row), item.row["member_id"], item.asked + 1)
                continue
            state = {"delivered": "delivered", "failed": "failed"}.get(item.answer.state.value, "accepted")
            await tx.execute(
                "UPDATE deliveries SET state = $5, reason = $6, provider_ref = $7, "
                "done_at = CASE WHEN $5 <> 'accepted' THEN $8::timestamptz END "
                "WHERE tenant_id = $1 AND fact_id = $2 AND scenario = $3 AND slot = $4 AND state = 'unknown'",
                *(tx.tenant_id, *key_of(item.row), state),
                item.answer.code if state == "failed" else "",
                *(item.answer.provider_ref, tx.now),
            )

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        for job in jobs:
            key = asked_for(job)
            ask_later(tx, key, key.fact_id, job.payload["asked"])


def asked_for(job: Job) -> Key:
    """The message that a question is about."""
    return Key(UUID(job.payload["fact_id"]), job.payload["scenario"], job.payload.get("slot", ""))

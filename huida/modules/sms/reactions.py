"""The SMS module's work: hand signatures in, ask providers about signatures in review, forget old reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any, TypeVar
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.facts import Recorded
from huida.kernel.http import ProviderOutcome, one_call
from huida.kernel.jobs import Work, fan_out
from huida.kernel.log import log
from huida.kernel.queue import Job
from huida.modules import payments, tenants
from huida.modules.sms import packages, signatures, usage
from huida.modules.sms.hand_in import HandIn, taker_of
from huida.modules.sms.reports import forget
from huida.modules.sms.service import credentials
from huida.modules.sms.signatures import HAND_IN
from huida.providers.sms.provider import Audit, SmsAudit, SmsCredentials, SmsProvider

ASK_SIGNATURE = "sms.ask_signature"

P = TypeVar("P", payments.PaymentSucceeded, payments.PaymentClosed, payments.RefundSucceeded, payments.RefundFailed)

_work = Work("sms")


@_work.scheduled(every=timedelta(minutes=10))
async def ask_signatures(tx: Tx, payloads: Sequence[Any]) -> None:
    """Ask the provider about every signature that was handed in. Twice is safe: asking changes nothing there."""
    rows = await tx.fetch("SELECT DISTINCT merchant_id FROM sms_reviews WHERE handed_in_at IS NOT NULL LIMIT 5000")
    await fan_out(tx, ASK_SIGNATURE, [row["merchant_id"] for row in rows])


@_work.scheduled(at=time(3, 30))
async def forget_everywhere(tx: Tx, payloads: Sequence[Any]) -> None:
    """Ask every merchant to forget old reports. Twice is safe: the second finds none."""
    await fan_out(tx, "sms.forget_some", await tenants.open_merchants(tx))


@_work.job
async def forget_some(tx: Tx, payloads: Sequence[Any]) -> None:
    """Forget a merchant's old reports. Twice is safe: they are gone."""
    await forget(tx)


@_work.scheduled(every=timedelta(minutes=10))
async def count_everywhere(tx: Tx, payloads: Sequence[Any]) -> None:
    """Have the last days of every merchant that sends counted for the operators. Twice is safe: counts are replaced."""
    await fan_out(tx, "sms.count_days", await usage.active(tx))


@_work.job
async def count_days(tx: Tx, payloads: Sequence[Any]) -> None:
    """Count a merchant's last days. Twice is safe: counts are replaced."""
    await usage.roll_up(tx)


@_work.job
async def count_late(tx: Tx, payloads: Sequence[Any]) -> None:
    """Count days that a late word has changed. Twice is safe: counts are replaced."""
    await usage.count_days(tx, sorted({date.fromisoformat(payload["day"]) for payload in payloads}))


@_work.reacts_to(payments.PaymentSucceeded)
async def note_paid(tx: Tx, facts: Sequence[Recorded[payments.PaymentSucceeded]]) -> None:
    """Credit the parts of a package that was paid. Twice is safe: a purchase is paid once."""
    for fact in _mine(facts):
        await packages.note_paid(tx, fact.reference_id, paid_at=fact.paid_at)


@_work.reacts_to(payments.PaymentClosed)
async def note_closed(tx: Tx, facts: Sequence[Recorded[payments.PaymentClosed]]) -> None:
    """Close a purchase that cannot be paid any more. Twice is safe: a closed one stays closed."""
    for fact in _mine(facts):
        await packages.note_closed(tx, fact.reference_id)


@_work.reacts_to(payments.RefundSucceeded)
async def note_refunded(tx: Tx, facts: Sequence[Recorded[payments.RefundSucceeded]]) -> None:
    """The money of a package is back. Twice is safe: a purchase is refunded once."""
    for fact in _mine(facts):
        await packages.note_refunded(tx, fact.reference_id)


@_work.reacts_to(payments.RefundFailed)
async def note_refund_failed(tx: Tx, facts: Sequence[Recorded[payments.RefundFailed]]) -> None:
    """The money stayed: so do the parts. Twice is safe: they are credited once."""
    for fact in _mine(facts):
        if fact.final:
            await packages.note_refund_failed(tx, fact.reference_id)


def _mine(facts: Sequence[Recorded[P]]) -> list[P]:
    return [recorded.fact for recorded in facts if recorded.fact.purpose == packages.PURPOSE]


@dataclass(frozen=True, slots=True)
class _Question:
    provider: str
    credentials: SmsCredentials
    signature_id: UUID
    name: str


class AskSignature:
    """An errand: the provider's word on the merchant's signatures in review.

    Twice is safe: a signature that is decided does not move.
    """

    def __init__(self, providers: Mapping[str, SmsProvider]) -> None:
        self._providers = providers

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> list[_Question]:
        """Which signatures to ask for, if there is a provider that takes them."""
        taker = taker_of(await credentials(tx), self._providers)
        if taker is None:
            return []
        rows = await tx.fetch(
            "SELECT signature_id, name FROM sms_reviews WHERE merchant_id = $1 AND handed_in_at IS NOT NULL "
            "AND passed_at IS NULL ORDER BY signature_id LIMIT $2",
            *(tx.tenant_id, signatures.AT_MOST),
        )
        return [_Question(*taker, row["signature_id"], row["name"]) for row in rows]

    async def call(self, questions: list[_Question]) -> list[tuple[_Question, SmsAudit]]:
        """Ask; no answer means that the next schedule asks again."""
        heard = []
        for question in questions:
            try:
                async with one_call(ASK_SIGNATURE):
                    audit = await self._providers[question.provider].sign(question.credentials, question.name)
            except ProviderOutcome as outcome:
                log.warning("sms_signature_unanswered", provider=question.provider, outcome=type(outcome).__name__)
                continue
            heard.append((question, audit))
        return heard

    async def record(self, tx: Tx, outcome: list[tuple[_Question, SmsAudit]]) -> None:
        """Move the signatures, unless an operator or the merchant has in the meantime."""
        if outcome:
            await signatures.lock(tx)
        for question, audit in outcome:
            use_at_once = await tx.value(
                "SELECT use_at_once FROM sms_signatures WHERE tenant_id = $1 AND id = $2 AND state = 'in_review'",
                *(tx.tenant_id, question.signature_id),
            )
            if use_at_once is None:
                continue
            if audit.state is Audit.APPROVED and use_at_once:
                await signatures.approve(tx, question.signature_id, providers=[question.provider])
            elif audit.state is Audit.APPROVED:
                await signatures.note_passed(tx, question.signature_id)
            elif audit.state in (Audit.REJECTED, Audit.WITHDRAWN):
                await signatures.reject(tx, question.signature_id, reason=audit.reason or audit.state.value)

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """Nothing to close: asking has no effect, and the next schedule asks again."""


def work(providers: Mapping[str, SmsProvider]) -> Work:
    """The module's work, with the provider clients that `main` has built."""
    return replace(_work, errands={ASK_SIGNATURE: AskSignature(providers), HAND_IN: HandIn(providers)})

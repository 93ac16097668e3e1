"""Handing a merchant's signature in at the provider (S1-97)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.http import ProviderOutcome, Refused, one_call
from huida.kernel.log import log
from huida.kernel.queue import Job, retry_at
from huida.modules import tenants
from huida.modules.sms.models import SOURCES
from huida.modules.sms.service import credentials
from huida.modules.sms.signatures import HAND_IN, SUFFIXES, lock, media_type
from huida.providers.sms.provider import Audit, SignPaper, SignRequest, SmsCredentials, SmsProvider, TakesSigns

UNANSWERED: Final = "unanswered"


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What is handed in, and the how many-eth try this is."""

    provider: str
    credentials: SmsCredentials
    signature_id: UUID
    request: SignRequest
    tries: int


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`code` says why the provider did not take it; `again` that its word is missing and the next try asks first."""

    signature_id: UUID
    tries: int
    code: str = ""
    again: bool = False


class HandIn:
    """An errand: give the name and its papers to the provider.

    Twice is safe: every try first asks the provider what it has, and hands in only a name that is not under review
    there. So after a lost answer nothing is handed in twice, and a name that an operator entered on the provider's own
    page is found.
    """

    def __init__(self, providers: Mapping[str, SmsProvider]) -> None:
        self._providers = providers

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> _Parcel | None:
        """The merchant's signature in review with its papers, unless it was handed in or decided in the meantime."""
        wanted = {UUID(job.payload["signature_id"]): int(job.payload["tries"]) for job in jobs}
        row = await tx.row(
            "SELECT s.id, s.name, s.source FROM sms_signatures s JOIN sms_reviews r ON r.merchant_id = s.tenant_id "
            "AND r.signature_id = s.id WHERE s.tenant_id = $1 AND s.id = ANY($2::uuid[]) AND r.handed_in_at IS NULL",
            *(tx.tenant_id, list(wanted)),
        )
        taker = taker_of(await credentials(tx), self._providers)
        if row is None or taker is None:
            return None
        papers = await tx.fetch(
            "SELECT content FROM sms_signature_files WHERE tenant_id = $1 AND signature_id = $2 ORDER BY number",
            *(tx.tenant_id, row["id"]),
        )
        merchant = await tenants.merchant(tx)
        request = SignRequest(
            name=row["name"],
            source=SOURCES.index(row["source"]),
            remark=f"{merchant['name']}，用于会员通知",
            papers=[_paper(bytes(paper["content"])) for paper in papers],
        )
        return _Parcel(*taker, row["id"], request, wanted[row["id"]])

    async def call(self, parcel: _Parcel | None) -> _Outcome | None:
        """Ask, and hand in what the provider does not have under review."""
        if parcel is None:
            return None
        provider = self._providers[parcel.provider]
        if not isinstance(provider, TakesSigns):
            return _Outcome(parcel.signature_id, parcel.tries)  # an operator does it on the provider's own page
        try:
            async with one_call(HAND_IN):
                known = await _known(provider, parcel)
                if known is None:
                    await provider.add_sign(parcel.credentials, parcel.request)
                elif known in (Audit.REJECTED, Audit.WITHDRAWN):
                    await provider.modify_sign(parcel.credentials, parcel.request)
        except Refused as refused:
            if refused.later_s is None:
                return _Outcome(parcel.signature_id, parcel.tries, code=refused.code)
            return _Outcome(parcel.signature_id, parcel.tries, code=refused.code, again=True)
        except ProviderOutcome as outcome:
            log.warning("sms_hand_in_unanswered", provider=parcel.provider, outcome=type(outcome).__name__)
            return _Outcome(parcel.signature_id, parcel.tries, code=UNANSWERED, again=True)
        return _Outcome(parcel.signature_id, parcel.tries)

    async def record(self, tx: Tx, outcome: _Outcome | None) -> None:
        """Handed in; or to be tried again; or back to the operators with the provider's code as the reason."""
        if outcome is None:
            return
        due = retry_at(tx.now, outcome.tries) if outcome.again else None
        if due is not None:
            payload = {"signature_id": str(outcome.signature_id), "tries": outcome.tries + 1}
            tx.enqueue(HAND_IN, payload, lane=outcome.signature_id, due=due)
            return
        await lock(tx)
        if not outcome.code:
            await tx.execute(
                "UPDATE sms_reviews SET handed_in_at = $3 WHERE merchant_id = $1 AND signature_id = $2",
                *(tx.tenant_id, outcome.signature_id, tx.now),
            )
        await tx.execute(
            "UPDATE sms_signatures SET reason = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'in_review'",
            *(tx.tenant_id, outcome.signature_id, outcome.code),
        )

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """It may have been handed in: the next try asks first."""
        for job in jobs:
            due = retry_at(tx.now, int(job.payload["tries"]))
            if due is not None:
                payload = {**job.payload, "tries": int(job.payload["tries"]) + 1}
                tx.enqueue(HAND_IN, payload, lane=UUID(job.payload["signature_id"]), due=due)


def taker_of(
    accounts: Mapping[str, SmsCredentials], providers: Mapping[str, SmsProvider]
) -> tuple[str, SmsCredentials] | None:
    """The first account in use whose provider takes signatures by a call, else the first one; None without any."""
    known = [(name, keys) for name, keys in accounts.items() if name in providers]
    takers = [one for one in known if isinstance(providers[one[0]], TakesSigns)]
    return next(iter(takers or known), None)


async def _known(provider: SmsProvider, parcel: _Parcel) -> Audit | None:
    """Where the provider's review of this name stands; None for a name that it does not have."""
    assert isinstance(provider, TakesSigns)
    try:
        return (await provider.sign(parcel.credentials, parcel.request.name)).state
    except Refused as refused:
        if provider.knows_no_sign(refused):
            return None
        raise


def _paper(content: bytes) -> SignPaper:
    return SignPaper(SUFFIXES[media_type(content) or ""], content)

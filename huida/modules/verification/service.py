"""Asking for a code and using it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Conflict, Invalid
from huida.kernel.ids import uuid7
from huida.kernel.secrets import Secret
from huida.modules import members, messaging, sms, tenants
from huida.modules.verification import limits, proofs
from huida.modules.verification.rules import ACCEPTS, MINUTES, TRIES, Purpose, new_code

PHONE: Final = "verification.phone"
CODE: Final = "verification.code"
SEND: Final = "verification.send"
KEPT_DAYS: Final = 30
"""How long the list of codes that were sent goes back."""


class Off(Conflict):
    """The merchant has not opened this door."""

    code = "verification.off"


class CannotSend(Conflict):
    """The merchant's SMS cannot go out now; the code says why (S2-43, S2-45)."""

    code = "verification.off"


@dataclass(frozen=True, slots=True)
class Asked:
    """A code is on its way to the phone; it can be used for `minutes`, and asked for again after `again_s`."""

    id: UUID
    minutes: int
    again_s: int


def scenario_of(purpose: str) -> str:
    """The scenario's code in the catalogue of notices."""
    return f"code_{purpose}"


def out_id_of(tenant_id: int, code_id: UUID, purpose: str) -> str:
    """Our number of the message: the provider repeats it in its report, and its parts are charged under it."""
    return f"{tenant_id}.{code_id.hex}.{scenario_of(purpose)}"


async def ask(tx: Tx, purpose: Purpose, *, phone: str, asker: limits.Asker, proof: proofs.Proof | None = None) -> Asked:
    """Make a code, charge its SMS and hand it to the sender, all in the caller's transaction.

    A newer code of the same phone replaces the older ones. Raises Invalid for what is no mobile number, CodeLimit (X-13),
    ProofNeeded (R-10), CannotSend with the reason that the person can be told (S2-45).
    """
    number = members.fold_phone(phone)
    text = await messaging.sms_template(tx, scenario_of(purpose))
    if text is None:
        raise CannotSend(code="verification.no_template" if await is_open(tx, purpose) else None, where="scenario")
    reason = await sms.usable(tx)
    if reason:
        raise CannotSend(code=f"verification.{reason}")
    ways = await sms.ways(tx, text.codes)
    if not ways:
        raise CannotSend(code="verification.sms_not_set_up")
    known = (await members.by_phone(tx, [number])).get(number)
    is_member = known is not None and known.state != "left"
    await limits.take(tx, phone=number, asker=asker, is_member=is_member, proof=proof)
    code = new_code()
    values = await values_of(tx, code)
    params = {placeholder: values[variable] for placeholder, variable in text.mapping.items()}
    counted = sms.count(text.content, params, sign_name=ways[0].sign_name, part_fen=0)
    code_id = uuid7()
    out_id = out_id_of(tx.tenant_id, code_id, purpose)
    first = sms.in_order(ways, out_id)[0]
    charge = sms.Charge(sms.source_of(out_id), counted.parts, scenario_of(purpose), first.provider)
    [charged] = await sms.charge(tx, [charge])
    if not charged.ok:
        raise CannotSend(code=f"verification.{charged.reason}")
    await tx.execute(
        "INSERT INTO verification_codes (tenant_id, id, scenario, phone_hash, phone_sealed, phone_tail, code_hash, "
        "code_sealed, ways, state, parts, cost_fen, created_at, expires_at, asker_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, "
        "$8, $9, 'queued', $10, $11, $12, $12::timestamptz + make_interval(mins => $13), $14)",
        *(tx.tenant_id, code_id, purpose, _phone_hash(tx, number), tx.sealer.seal(Secret(number), purpose=PHONE)),
        *(number[-4:], code_hash(tx, number, code), tx.sealer.seal(Secret(code), purpose=CODE)),
        json.dumps({"codes": dict(text.codes), "mapping": dict(text.mapping), "content": text.content}),
        *(counted.parts, charged.cost_fen, tx.now, MINUTES, asker_hash(tx, asker)),
    )
    tx.enqueue(SEND, code_id, lane=code_id)
    return Asked(code_id, MINUTES, int(limits.PAUSE_S))


async def is_open(tx: Tx, purpose: str) -> bool:
    """Whether the merchant wants this door, also while its template keeps codes from being sent."""
    known = (await messaging.chosen(tx, "sms")).get(scenario_of(purpose))
    return known is not None and (known.live or known.paused_reason not in (None, "switched_off"))


async def values_of(tx: Tx, code: str) -> dict[str, str]:
    """The variables of code scenarios."""
    return {"code": code, "minutes": str(MINUTES), "shop_name": await tenants.short_name(tx)}


def _phone_hash(tx: Tx, phone: str) -> bytes:
    return tx.sealer.blind_index(phone, purpose=PHONE)


def code_hash(tx: Tx, phone: str, code: str) -> bytes:
    return tx.sealer.blind_index(f"{tx.tenant_id}/{phone}/{code}", purpose=CODE)


def asker_hash(tx: Tx, asker: limits.Asker) -> bytes:
    return tx.sealer.blind_index(f"{tx.tenant_id}/{asker.as_device}", purpose="verification.asker")


@dataclass(frozen=True, slots=True)
class Fits:
    """A code that fits; it is used up by `use`, in the transaction of what it opens."""

    code_id: UUID
    phone: str = field(repr=False)


async def check(db: Database, tenant_id: int, purpose: Purpose, *, phone: str, code: str, asker: limits.Asker) -> Fits:
    """Count one try and compare. Commits the try whatever comes of it. Raises Invalid, Off, GuessLimit.

    Only the newest code of the phone for this door counts. Whoever guesses has five tries, also when they guess at once;
    the device that asked for the code has five of its own, which nobody else can use up.
    """
    number = members.fold_phone(phone)
    async with db.tx(tenant_id, actor="member:code") as tx:
        if not await is_open(tx, purpose):
            raise Off()
        known = await limits.is_known(tx, number, asker)
        wait_s = await limits.guess(tx, asker, known=known)
        row = None
        if not wait_s:
            row = await tx.row(
                TRY, tenant_id, _phone_hash(tx, number), sorted(ACCEPTS[purpose]), tx.now, TRIES, asker_hash(tx, asker)
            )
        right = row is not None and bytes(row["code_hash"]) == code_hash(tx, number, code)
        if right:
            await limits.was_right(tx, asker, known=known)
    if wait_s:
        raise limits.GuessLimit(retry_after_s=wait_s)
    if row is None:
        raise Invalid(code="verification.code_gone", where="code")
    if not right:
        raise Invalid(code="verification.code_wrong", where="code", left=TRIES - row["tries"])
    return Fits(row["id"], number)


TRY = """
UPDATE verification_codes SET tries = tries + (asker_hash = $6)::int, others_tries = others_tries + (asker_hash <> $6)::int
WHERE tenant_id = $1 AND id = (
  SELECT id FROM verification_codes WHERE tenant_id = $1 AND phone_hash = $2 AND scenario = ANY($3)
  ORDER BY id DESC LIMIT 1)
AND used_at IS NULL AND expires_at > $4 AND CASE WHEN asker_hash = $6 THEN tries ELSE others_tries END < $5
RETURNING id, code_hash, CASE WHEN asker_hash = $6 THEN tries ELSE others_tries END AS tries
"""


async def use(tx: Tx, proof: Fits) -> None:
    """Use the code up, once. Raises Invalid when another request was quicker."""
    if not await tx.execute(
        "UPDATE verification_codes SET used_at = $3, code_sealed = NULL WHERE tenant_id = $1 AND id = $2 AND used_at IS NULL",
        *(tx.tenant_id, proof.code_id, tx.now),
    ):
        raise Invalid(code="verification.code_gone", where="code")


async def lock(tx: Tx, code_ids: Sequence[UUID]) -> list[UUID]:
    """Lock these codes, in the order of their ids and before what they cost; returns them in that order."""
    rows = await tx.fetch(
        "SELECT id FROM verification_codes WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
        *(tx.tenant_id, list(code_ids)),
    )
    return [row["id"] for row in rows]


async def forget(tx: Tx, *, most: int, days: int = KEPT_DAYS) -> bool:
    """Forget codes asked for so long ago; True when there may be more."""
    gone = await tx.execute(
        "DELETE FROM verification_codes WHERE tenant_id = $1 AND id IN (SELECT id FROM verification_codes "
        "WHERE tenant_id = $1 AND created_at < $2::timestamptz - make_interval(days => $3) ORDER BY id LIMIT $4)",
        *(tx.tenant_id, tx.now, days, most),
    )
    return gone == most


def shown(row: Any) -> str:
    """The phone of a code in lists: its last four digits."""
    return f"*******{row['phone_tail']}"

"""Merchants' signatures: submit, review, apply (S1-95..S1-101, S2-68..S2-77).

At most ten are in review or approved at once: one that was rejected or withdrawn frees its place (S2-77). Several may be
in review; the one in use stays until the merchant applies another, or asked for one to replace it (S1-99).
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, move
from huida.kernel.ids import uuid7
from huida.kernel.intake.pictures import JPEG, PNG, NoPicture, picture
from huida.modules.sms.facts import SignatureMoved
from huida.modules.sms.models import PROVIDERS, SIGNATURE_MOVES, SOURCES
from huida.modules.sms.plans import ensure_plan
from huida.modules.sms.service import credentials

NAME: Final = re.compile(r"[0-9A-Za-z\u4e00-\u9fff]{2,12}")
AT_MOST: Final = 10
FILES_AT_MOST: Final = 4
FILE_BYTES: Final = 2 * 1024 * 1024
SUFFIXES: Final = {"image/png": "png", "image/jpeg": "jpg", "application/pdf": "pdf"}
HAND_IN: Final = "sms.hand_in"
"""The errand that gives a signature to the provider (`hand_in.py`)."""


KINDS: Final = ((PNG, "image/png"), (JPEG, "image/jpeg"), (b"%PDF-", "application/pdf"))
"""What a proof may be, told by its first bytes: never by what the sender says it is."""


@dataclass(frozen=True, slots=True)
class Proof:
    """An uploaded document."""

    name: str
    content: bytes


def sign_name(text: str) -> str:
    """A signature's text as providers take it. Raises Invalid."""
    name = text.strip().removeprefix("【").removesuffix("】")
    if not NAME.fullmatch(name) or name.isdigit():
        raise Invalid(code="sms.bad_sign_name", where="name")
    return name


def media_type(content: bytes) -> str | None:
    """What the bytes are, or None for what is not taken."""
    return next((kind for magic, kind in KINDS if content.startswith(magic)), None)


def known(proof: Proof) -> tuple[str, bytes]:
    """What a paper is, told by its content and never by what the sender says, and its own bytes. Raises NoPicture."""
    if len(proof.content) > FILE_BYTES:
        raise NoPicture
    if media_type(proof.content) == "application/pdf":
        return "application/pdf", proof.content
    shown = picture(proof.content)
    return shown.media_type, shown.content


async def checked_proofs(proofs: Sequence[Proof]) -> list[tuple[dict[str, Any], bytes]]:
    """The files' descriptions and contents. Raises Invalid without any, with too many, too large or of another kind."""
    if not 1 <= len(proofs) <= FILES_AT_MOST:
        raise Invalid(code="sms.bad_proof_count", where="files", most=FILES_AT_MOST)
    found = []
    for number, proof in enumerate(proofs):
        try:
            kind, content = await asyncio.to_thread(known, proof)
        except NoPicture:
            most_mb = FILE_BYTES // 1024 // 1024
            raise Invalid(code="sms.bad_proof", where=f"files/{number}", most_mb=most_mb) from None
        found.append(({"name": proof.name[:100], "media_type": kind, "size": len(content)}, content))
    return found


async def submit(tx: Tx, *, name: str, source: str, proofs: Sequence[Proof]) -> UUID:
    """Hand a signature in for review, to replace the one in use once approved (S1-97, S1-99).

    Raises Invalid; Conflict when ten are in review or approved (S2-68) or the name is among them.
    """
    return await _submit(tx, name, source, proofs, use_at_once=True)


async def submit_spare(tx: Tx, *, name: str, source: str, proofs: Sequence[Proof]) -> UUID:
    """As `submit`; once approved it waits until the merchant applies it (S2-75)."""
    return await _submit(tx, name, source, proofs, use_at_once=False)


async def _submit(tx: Tx, name: str, source: str, proofs: Sequence[Proof], *, use_at_once: bool) -> UUID:
    clean = sign_name(name)
    if source not in SOURCES:
        raise Invalid(code="sms.bad_source", where="source")
    papers = await checked_proofs(proofs)
    files = [described for described, _ in papers]
    await _take_place(tx, clean)
    signature_id = uuid7()
    await tx.execute(
        "INSERT INTO sms_signatures (tenant_id, id, name, source, files, state, use_at_once, submitted_at, submitted_by) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *(tx.tenant_id, signature_id, clean, source, msgspec.json.encode(files).decode()),
        *(move("none", "in_review", SIGNATURE_MOVES), use_at_once, tx.now, tx.actor),
    )
    await tx.execute(
        "INSERT INTO sms_signature_files (tenant_id, signature_id, number, content) "
        "SELECT $1, $2, f.number, f.content FROM unnest($3::smallint[], $4::bytea[]) AS f(number, content)",
        *(tx.tenant_id, signature_id, list(range(len(papers))), [content for _, content in papers]),
    )
    await tx.execute(
        "INSERT INTO sms_reviews (merchant_id, signature_id, name, submitted_at) VALUES ($1, $2, $3, $4)",
        *(tx.tenant_id, signature_id, clean, tx.now),
    )
    tx.emit(SignatureMoved(name=clean, before="none", after="in_review"))
    return signature_id


async def _take_place(tx: Tx, name: str) -> None:
    """Count under the merchant's lock, so that two at once do not take the last place both."""
    await lock(tx)
    taken = [
        row["name"]
        for row in await tx.fetch(
            "SELECT name FROM sms_signatures WHERE tenant_id = $1 AND state IN ('in_review', 'approved') LIMIT $2",
            *(tx.tenant_id, AT_MOST + 1),
        )
    ]
    if name in taken:
        raise Conflict(code="sms.signature_exists", where="name", name=name)
    if len(taken) >= AT_MOST:
        raise Conflict(code="sms.signatures_full", where="name", most=AT_MOST)


async def lock(tx: Tx) -> None:
    """One change of a merchant's signatures at a time: each may touch two of them."""
    await ensure_plan(tx)
    await tx.row("SELECT FROM sms_plans WHERE tenant_id = $1 FOR UPDATE", tx.tenant_id)


async def hand_in(tx: Tx, signature_id: UUID) -> None:
    """Have the name and its papers given to the provider (S1-97); once it has them, its word is asked for.

    Pressed again it does nothing new. Raises NotFound when it is not in review, Conflict without a provider.
    """
    await lock(tx)
    row = await tx.row(
        "SELECT handed_in_at FROM sms_reviews WHERE merchant_id = $1 AND signature_id = $2 FOR UPDATE",
        *(tx.tenant_id, signature_id),
    )
    if row is None:
        raise NotFound(code="sms.signature_not_found", where="signature_id")
    if not await credentials(tx):
        raise Conflict(code="sms.no_provider_yet", where="providers")
    if row["handed_in_at"] is None:
        await tx.execute(
            "UPDATE sms_signatures SET reason = '' WHERE tenant_id = $1 AND id = $2", tx.tenant_id, signature_id
        )
        tx.enqueue(HAND_IN, {"signature_id": str(signature_id), "tries": 0}, lane=signature_id)


async def approve(tx: Tx, signature_id: UUID, *, providers: Sequence[str] | None = None) -> None:
    """It may be used at these providers (without a word: at all in use), and is, when it was handed in to be (S1-99).

    Raises Invalid, NotFound, WrongState, Conflict while no provider is in use: nobody can have approved it.
    """
    await _decide(tx, signature_id, "approved")
    in_use = await _in_use(tx)
    if not in_use:
        raise Conflict(code="sms.no_provider_yet", where="providers")
    await usable_at(tx, signature_id, in_use if providers is None else providers)
    if await tx.value(
        "SELECT use_at_once FROM sms_signatures WHERE tenant_id = $1 AND id = $2", tx.tenant_id, signature_id
    ):
        await apply(tx, signature_id)


async def _in_use(tx: Tx) -> Sequence[str]:
    rows = await tx.fetch("SELECT provider FROM sms_accounts WHERE state = 'active'")
    return [row["provider"] for row in rows]


async def usable_at(tx: Tx, signature_id: UUID, providers: Sequence[str]) -> None:
    """Say at which providers an approved signature may be used; at least one. Raises Invalid, NotFound."""
    unknown = sorted(set(providers) - set(PROVIDERS))
    if not providers:
        raise Invalid(code="sms.choose_provider", where="providers")
    if unknown:
        raise Invalid(code="sms.provider_unknown", where="providers", provider=", ".join(unknown))
    if not await tx.execute(
        "UPDATE sms_signatures SET providers = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'approved'",
        *(tx.tenant_id, signature_id, sorted(set(providers))),
    ):
        raise NotFound(code="sms.signature_not_found", where="signature_id")


async def note_passed(tx: Tx, signature_id: UUID) -> None:
    """The provider has approved it; an operator's word is still to come (S2-70)."""
    await tx.execute(
        "UPDATE sms_reviews SET passed_at = $3 WHERE merchant_id = $1 AND signature_id = $2 AND passed_at IS NULL",
        *(tx.tenant_id, signature_id, tx.now),
    )


async def reject(tx: Tx, signature_id: UUID, *, reason: str) -> None:
    """It was refused, for a reason the merchant sees; what was in use stays. Raises NotFound, WrongState."""
    if not reason.strip():
        raise Invalid(code="sms.reason_missing", where="reason")
    await _decide(tx, signature_id, "rejected", reason.strip()[:200])


async def withdraw(tx: Tx, signature_id: UUID) -> None:
    """The merchant takes it back, in review or approved; if it was in use, the platform's stands in.

    Raises NotFound, WrongState.
    """
    await _decide(tx, signature_id, "withdrawn")


async def _decide(tx: Tx, signature_id: UUID, target: str, reason: str = "") -> None:
    row = await _locked(tx, signature_id)
    await tx.execute(
        "UPDATE sms_signatures SET state = $3, reason = $4, decided_at = $5, applied = false "
        "WHERE tenant_id = $1 AND id = $2",
        *(tx.tenant_id, signature_id, move(row["state"], target, SIGNATURE_MOVES), reason, tx.now),
    )
    await tx.execute("DELETE FROM sms_reviews WHERE merchant_id = $1 AND signature_id = $2", tx.tenant_id, signature_id)
    tx.emit(SignatureMoved(name=row["name"], before=row["state"], after=target, reason=reason))


async def apply(tx: Tx, signature_id: UUID) -> None:
    """Let messages start with this approved signature instead of the one before. Raises NotFound, Conflict."""
    row = await _locked(tx, signature_id)
    if row["state"] != "approved":
        raise Conflict(code="sms.signature_not_approved", where="signature_id", state=row["state"])
    await use_platform_signature(tx)
    await tx.execute(
        "UPDATE sms_signatures SET applied = true WHERE tenant_id = $1 AND id = $2", tx.tenant_id, signature_id
    )


async def use_platform_signature(tx: Tx) -> None:
    """Let messages start with the platform's signature again (S1-100)."""
    await lock(tx)
    await tx.execute("UPDATE sms_signatures SET applied = false WHERE tenant_id = $1 AND applied", tx.tenant_id)


async def _locked(tx: Tx, signature_id: UUID) -> Any:
    """The signature's row under the merchant's lock. Raises NotFound."""
    await lock(tx)
    rows = await tx.fetch(
        "SELECT id, name, state FROM sms_signatures WHERE tenant_id = $1 AND (id = $2 OR applied) ORDER BY id FOR UPDATE",
        *(tx.tenant_id, signature_id),
    )
    for row in rows:
        if row["id"] == signature_id:
            return row
    raise NotFound(code="sms.signature_not_found", where="signature_id")


async def list_signatures(tx: Tx) -> list[Any]:
    """The merchant's signatures, newest first."""
    return await tx.fetch(
        "SELECT id, name, source, files, state, reason, applied, providers, use_at_once, submitted_at, decided_at FROM sms_signatures "
        "WHERE tenant_id = $1 ORDER BY id DESC LIMIT 100",
        tx.tenant_id,
    )


async def proof(tx: Tx, signature_id: UUID, number: int) -> tuple[str, bytes]:
    """An uploaded document with its media type. Raises NotFound."""
    content = await tx.value(
        "SELECT content FROM sms_signature_files WHERE tenant_id = $1 AND signature_id = $2 AND number = $3",
        *(tx.tenant_id, signature_id, number),
    )
    if content is None:
        raise NotFound(code="sms.proof_not_found", where="number")
    return media_type(bytes(content)) or "application/octet-stream", bytes(content)


async def reviews(tx: Tx, *, limit: int, after: UUID | None) -> list[Any]:
    """The operators' queue over all merchants, oldest first."""
    return await tx.fetch(
        "SELECT r.merchant_id, r.signature_id, r.name, r.submitted_at, r.handed_in_at, r.passed_at, m.name AS merchant "
        "FROM sms_reviews r JOIN merchants m ON m.id = r.merchant_id "
        "WHERE $1::uuid IS NULL OR r.signature_id > $1 ORDER BY r.signature_id LIMIT $2",
        *(after, limit),
    )

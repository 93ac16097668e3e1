"""Doors of SMS: the merchant's signature and texts, the platform's accounts and reviews, the providers' reports."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from fastapi import Depends, File, Form, Request, UploadFile
from pydantic import Field
from starlette.responses import Response

from huida.kernel import i18n
from huida.kernel.db import Database, ReadTx, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound, TooLarge
from huida.kernel.intake.bodies import Body, SmallNumber
from huida.kernel.intake.door import Router
from huida.kernel.intake.turns import takes_turns
from huida.kernel.intake.versions import Replacing, must_replace, version_of
from huida.kernel.secrets import Secret
from huida.kernel.web import Created, Listing, Page, file_answer, language_of, page, paged, staff_read, staff_tx
from huida.modules import tenants
from huida.modules.sms import plans, queries, reports, service, signatures, views
from huida.modules.sms.models import PROVIDERS
from huida.modules.sms.service import Account, SmsText
from huida.modules.sms.ways import route
from huida.providers.sms import aliyun, tencent
from huida.providers.sms.parts import MissingVariable

console = Router(prefix="/api/console/sms", tags=["console"])
operator = Router(prefix="/api/operator/sms", tags=["operator"])
callbacks = Router(prefix="/callbacks/sms", tags=["callbacks"])

ANSWERS: Final = {"aliyun": aliyun.REPORT_ANSWER, "tencent": tencent.REPORT_ANSWER}
SAMPLES: Final = {
    "card_tail": "0001",
    "time": "11-21 14:32",
    "link_code": "8fKq2M7xYp",
    "amount": "25.00",
    "balance_delta": "-25.00",
    "balance_after": "999.99",
    "points_delta": "25",
    "points_after": "1250",
}
"""What the count is shown with before there is a real message: as long as real values are."""


PROOF: Final = file_answer("image/png", "image/jpeg", "application/pdf")


class CountIn(Body):
    scenario: str = Field(max_length=60)
    values: dict[str, str] = Field(default_factory=dict, max_length=20)
    sign_name: str | None = Field(None, max_length=20)


class AccountIn(Replacing):
    key_id: str = Field(min_length=1, max_length=100)
    secret: str = Field(min_length=1, max_length=200)
    sdk_app_id: str = Field(max_length=40)
    weight: int


class TextIn(Replacing):
    template_code: str = Field(min_length=1, max_length=40)
    content: str = Field(min_length=1, max_length=500)
    params: dict[str, str] = Field(max_length=20)


class SettingsIn(Replacing):
    part_fen: int
    sign_name: str = Field(max_length=20)


class Approval(Body):
    providers: list[str] | None = Field(None, max_length=5)


class Refusal(Body):
    reason: str = Field(min_length=1, max_length=200)


def platform_tx() -> Any:
    """A write transaction of the platform itself, for its operators."""

    async def dependency(request: Request) -> AsyncIterator[Tx]:
        actor = await tenants.operator_of(request)
        db: Database = request.app.state.db
        async with db.tx(tenants.PLATFORM, actor=f"operator:{actor.id}") as tx:
            yield tx

    return Depends(dependency, scope="function")


def show_signature(row: Any) -> views.SmsSignature:
    """A signature as its merchant sees it: what the provider says before it is decided is for the operators."""
    return {
        "id": row["id"],
        "name": row["name"],
        "source": row["source"],
        "files": msgspec.json.decode(row["files"]),
        "state": row["state"],
        "reason": row["reason"] if row["state"] != "in_review" else "",
        "applied": row["applied"],
        "providers": row["providers"],
        "use_at_once": row["use_at_once"],
        "submitted_at": row["submitted_at"],
        "decided_at": row["decided_at"],
        "version": version_of(row["state"], list(row["providers"])),
    }


def show_text(text: SmsText, *, sign_name: str, part_fen: int, language: str) -> views.SmsText:
    """A text as the merchant sees it: read-only, with its parameters in words (S1-112, S1-113)."""
    values = {name: SAMPLES[variable] for name, variable in text.params.items()}
    sample = service.count(text.content, values, sign_name=sign_name, part_fen=part_fen)
    return {
        "scenario": text.scenario,
        "content": text.content,
        "params": [
            {"name": name, "variable": variable, "label": i18n.text(f"sms.variable_{variable}", language)}
            for name, variable in text.params.items()
        ],
        "sample": show_count(sample),
    }


def show_count(count: service.Count) -> views.SmsCount:
    return {"text": count.text, "length": count.length, "parts": count.parts, "cost_fen": count.cost_fen}


@console.get("")
async def overview(request: Request, tx: ReadTx = staff_read("messaging.view")) -> views.SmsOverview:
    """Signature in use, price, texts and signatures: what the SMS page of the console shows."""
    way = await route(tx)
    _, platform_name = await service.settings(tx)
    part_fen = round((await plans.money(tx)).part_milli / plans.MILLI)
    name, own = await service.signature(tx)
    texts = await service.texts(tx, way.provider) if way else {}
    mine = await signatures.list_signatures(tx)
    language = language_of(request)
    return {
        "ready": way is not None,
        "sign_name": name,
        "sign_is_own": own,
        "platform_sign_name": platform_name,
        "part_fen": part_fen,
        "texts": [show_text(text, sign_name=name, part_fen=part_fen, language=language) for text in texts.values()],
        "signatures": [show_signature(row) for row in mine],
        "signatures_most": signatures.AT_MOST,
        "signatures_taken": sum(row["state"] in ("in_review", "approved") for row in mine),
    }


@console.post("/count")
async def count(body: CountIn, tx: ReadTx = staff_read("messaging.view")) -> views.SmsCount:
    """How a scenario's text would be billed with these values and this signature; samples fill what is missing."""
    way = await route(tx)
    if way is None:
        raise Conflict(code="sms.not_set_up")
    text = (await service.texts(tx, way.provider)).get(body.scenario)
    if text is None:
        raise NotFound(code="sms.text_not_found", where="scenario")
    values = {name: body.values.get(name, SAMPLES[variable]) for name, variable in text.params.items()}
    sign_name = way.sign_name if body.sign_name is None else signatures.sign_name(body.sign_name)
    try:
        return show_count(service.count(text.content, values, sign_name=sign_name, part_fen=way.part_fen))
    except MissingVariable as missing:
        raise Invalid(code="sms.text_params_differ", where="values", named=missing.name) from missing


@console.post("/signatures", status_code=201)
async def submit(
    tx: Tx = staff_tx("messaging.write"),
    name: str = Form(max_length=20),
    source: str = Form(max_length=20),
    files: list[UploadFile] = File(),
    _: None = takes_turns("pictures", most=4),
    use_at_once: bool = Form(True),
) -> Created:
    """Hand a signature in with its papers (S1-95..S1-97): to be used once approved, or to wait until it is applied."""
    submit_it = signatures.submit if use_at_once else signatures.submit_spare
    return {"id": await submit_it(tx, name=name, source=source, proofs=await read_proofs(files))}


async def read_proofs(files: Sequence[UploadFile]) -> list[signatures.Proof]:
    """The uploads, each read to at most one byte more than is taken."""
    if len(files) > signatures.FILES_AT_MOST:
        raise Invalid(code="sms.bad_proof_count", where="files", most=signatures.FILES_AT_MOST)
    return [signatures.Proof(file.filename or "", await file.read(signatures.FILE_BYTES + 1)) for file in files]


@console.post("/signatures/{signature_id}/apply", status_code=204)
async def apply(signature_id: UUID, tx: Tx = staff_tx("messaging.write")) -> None:
    await signatures.apply(tx, signature_id)


@console.post("/signatures/{signature_id}/withdraw", status_code=204)
async def withdraw(signature_id: UUID, tx: Tx = staff_tx("messaging.write")) -> None:
    await signatures.withdraw(tx, signature_id)


@console.post("/signatures/use-platform", status_code=204)
async def use_platform(tx: Tx = staff_tx("messaging.write")) -> None:
    await signatures.use_platform_signature(tx)


@console.get("/signatures/{signature_id}/files/{number}", response_class=Response, responses=PROOF)
async def own_proof(signature_id: UUID, number: SmallNumber, tx: ReadTx = staff_read("messaging.write")) -> Response:
    return attachment(*await signatures.proof(tx, signature_id, number))


def attachment(media_type: str, content: bytes) -> Response:
    """A document that browsers save and never run."""
    name = quote(f"proof.{media_type.rsplit('/', 1)[-1]}")
    headers = {"Content-Disposition": f"attachment; filename={name}", "Content-Security-Policy": "sandbox"}
    return Response(content, media_type=media_type, headers=headers)


@operator.get("")
async def platform(request: Request, tx: ReadTx = tenants.operator_read()) -> views.SmsPlatform:
    """Accounts (without secrets, with their report addresses), texts and settings."""
    part_fen, sign_name = await service.settings(tx)
    public = request.app.state.public_url
    return {
        "part_fen": part_fen,
        "sign_name": sign_name,
        "accounts": [
            queries.show_account(row, report_url=f"{public}/callbacks/sms/{row['provider']}/{key}")
            for row, key in await queries.accounts(tx)
        ],
        "texts": await queries.texts(tx),
        "version": version_of(part_fen, sign_name),
    }


async def _settings_version(tx: Tx) -> str:
    return version_of(*await service.settings(tx))


async def _account_version(tx: Tx, provider: str) -> str | None:
    return next(
        (queries.account_version(row) for row, _ in await queries.accounts(tx) if row["provider"] == provider), None
    )


async def _text_version(tx: Tx, provider: str, scenario: str) -> str | None:
    known = await queries.texts(tx)
    return next((one["version"] for one in known if (one["provider"], one["scenario"]) == (provider, scenario)), None)


@operator.put("/settings", status_code=204)
async def save_settings(body: SettingsIn, tx: Tx = platform_tx()) -> None:
    await must_replace(tx, "sms.settings", body.version, _settings_version(tx))
    await service.save_settings(tx, part_fen=body.part_fen, sign_name=body.sign_name)


@operator.put("/accounts/{provider}", status_code=204)
async def save_account(provider: str, body: AccountIn, tx: Tx = platform_tx()) -> None:
    await must_replace(tx, f"sms.account.{provider}", body.version, _account_version(tx, provider))
    await service.save_account(tx, Account(provider, body.key_id, Secret(body.secret), body.sdk_app_id, body.weight))


@operator.delete("/accounts/{provider}", status_code=204)
async def turn_off_account(provider: str, tx: Tx = platform_tx()) -> None:
    await service.turn_off_account(tx, provider)


@operator.put("/texts/{provider}/{scenario}", status_code=204)
async def save_text(provider: str, scenario: str, body: TextIn, tx: Tx = platform_tx()) -> None:
    await must_replace(tx, f"sms.text.{provider}.{scenario}", body.version, _text_version(tx, provider, scenario))
    await service.save_text(tx, provider, SmsText(scenario, body.template_code, body.content, body.params))


@operator.delete("/texts/{provider}/{scenario}", status_code=204)
async def drop_text(provider: str, scenario: str, tx: Tx = platform_tx()) -> None:
    await service.drop_text(tx, provider, scenario)


@operator.get("/reviews")
async def reviews(wanted: Page = Depends(page), tx: ReadTx = tenants.operator_read()) -> Listing[views.SignatureReview]:
    """Signatures in review over all merchants, oldest first."""
    rows = await signatures.reviews(tx, limit=wanted.limit + 1, after=wanted.before)
    return paged(rows, wanted, lambda row: [str(row["signature_id"])], show_review)


def show_review(row: Any) -> views.SignatureReview:
    return {
        "merchant_id": row["merchant_id"],
        "merchant": row["merchant"],
        "signature_id": row["signature_id"],
        "name": row["name"],
        "submitted_at": row["submitted_at"],
        "handed_in_at": row["handed_in_at"],
        "passed_at": row["passed_at"],
    }


REVIEW = "/reviews/{merchant_id}/{signature_id}"


@operator.get(REVIEW)
async def review(signature_id: UUID, tx: Tx = tenants.operator_tx()) -> views.SmsSignature:
    rows = [row for row in await signatures.list_signatures(tx) if row["id"] == signature_id]
    if not rows:
        raise NotFound(code="sms.signature_not_found", where="signature_id")
    return {**show_signature(rows[0]), "reason": rows[0]["reason"]}


@operator.get(f"{REVIEW}/files/{{number}}", response_class=Response, responses=PROOF)
async def proof(signature_id: UUID, number: SmallNumber, tx: Tx = tenants.operator_tx()) -> Response:
    return attachment(*await signatures.proof(tx, signature_id, number))


@operator.post(f"{REVIEW}/hand-in", status_code=204)
async def hand_in(signature_id: UUID, tx: Tx = tenants.operator_tx()) -> None:
    """Give it to the provider for review; the review shows when that is done, or why the provider did not take it."""
    await signatures.hand_in(tx, signature_id)


@operator.post(f"{REVIEW}/approve", status_code=204)
async def approve(signature_id: UUID, body: Approval | None = None, tx: Tx = tenants.operator_tx()) -> None:
    """The merchant may use it at these providers; at all in use when none are named (S2-70)."""
    await signatures.approve(tx, signature_id, providers=None if body is None else body.providers)


@operator.post(f"{REVIEW}/reject", status_code=204)
async def reject(signature_id: UUID, body: Refusal, tx: Tx = tenants.operator_tx()) -> None:
    await signatures.reject(tx, signature_id, reason=body.reason)


@callbacks.post("/{provider}/{report_key}")
async def report(request: Request, provider: str, report_key: str) -> Response:
    """A provider's delivery reports; answered with exactly the body that the provider waits for."""
    if provider not in PROVIDERS:
        raise NotFound()
    providers: Mapping[str, Any] = request.app.state.sms_providers
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > reports.LARGEST_PUSH:
            raise TooLarge(limit_mb=reports.LARGEST_PUSH // 1024 // 1024)
    await reports.take_push(request.app.state.db, providers, provider=provider, key=report_key, body=bytes(body))
    return Response(ANSWERS[provider], media_type="application/json")

"""Doors of verification: members ask for codes and enter with them; the console switches scenarios on; operators cap them."""

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Depends, Request
from pydantic import Field

from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import TooMany
from huida.kernel.intake.bodies import Body
from huida.kernel.intake.door import Router
from huida.kernel.intake.versions import Replacing, must_replace
from huida.kernel.networks import network_of
from huida.kernel.rates import Buckets
from huida.kernel.secrets import Secret
from huida.kernel.web import Listing, Page, admitted, language_of, page, paged, staff_read, staff_tx
from huida.modules import members, tenants
from huida.modules.verification import entry, limits, proofs, rules, service, settings, views

console = Router(prefix="/api/console/verification", tags=["messaging"])
member = Router(prefix="/api/member", tags=["member"])
operator = Router(prefix="/api/operator", tags=["operator"])

_tries_by_address: Final = Buckets(rate_per_s=0.5, burst=30)
"""Guessing codes and passwords from one address; the counts in the database hold beside it."""

Merchant = Annotated[int, Field(ge=1, lt=2**63)]
Phone = Annotated[str, Field(min_length=1, max_length=20)]
Device = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]
Digits = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Password = Annotated[str, Field(min_length=1, max_length=200)]


class BindWanted(Body):
    """`challenge` and `answer`: the proof of work that a refusal `verification.proof_needed` asked for."""

    phone: Phone
    device: Device = ""
    challenge: Annotated[str, Field(max_length=200)] = ""
    answer: Annotated[str, Field(max_length=40)] = ""


class CodeWanted(BindWanted):
    m: Merchant | None = None
    scenario: Literal["register", "recover", "login"]


class WithCode(Body):
    """`device` as when the code was asked for: what strangers guess does not count for it."""

    m: Merchant | None = None
    phone: Phone
    code: Digits
    device: Device = ""


class RegisterIn(WithCode):
    name: str = Field("", max_length=60)
    password: Password | None = None


class RecoverIn(WithCode):
    password: Password


class PasswordLoginIn(Body):
    m: Merchant | None = None
    phone: Phone
    password: Password
    device: Device = ""


class BindIn(Body):
    phone: Phone
    code: Digits
    device: Device = ""


class SettingIn(Replacing):
    live: bool
    template_id: UUID | None


class CodeLimitsIn(Replacing):
    hour: int = Field(ge=1, le=rules.MOST)
    day: int = Field(ge=1, le=rules.MOST)


class CodeCapsIn(Replacing):
    """None: no cap."""

    cap_hour: int | None = Field(ge=1, le=rules.MOST)
    cap_day: int | None = Field(ge=1, le=rules.MOST)


def slow_down(request: Request, device: str) -> limits.Asker:
    """Who guesses. Raises TooMany."""
    asker = asker_of(request, device)
    wait_s = _tries_by_address.try_take(network_of(asker.address))
    if wait_s:
        raise TooMany(retry_after_s=int(wait_s) + 1)
    return asker


@member.get("/codes")
async def entries(request: Request, m: Merchant | None = None) -> views.CodeEntries:
    """Which doors are open outside WeChat."""
    db = request.app.state.db
    async with db.read(await members.merchant_of(db, m)) as tx:
        return await settings.entries(tx)


@member.post("/codes", status_code=202)
async def ask(request: Request, body: CodeWanted) -> views.CodeAsked:
    """Send a code to a phone (S2-38..S2-40). Whether the phone is a member's is not told."""
    db = request.app.state.db
    tenant_id = await members.merchant_of(db, body.m)
    asked = await entry.ask(
        db,
        tenant_id,
        body.scenario,
        actor="visitor:code",
        phone=body.phone,
        asker=asker_of(request, body.device),
        proof=proof_of(body),
    )
    return show_asked(asked)


@member.post("/codes/bind", status_code=202)
async def ask_to_bind(request: Request, body: BindWanted) -> views.CodeAsked:
    """Send a code to the phone that a WeChat account wants to bind."""
    actor = await admitted(request, "member", "")
    entry.account_of(actor)
    asked = await entry.ask(
        request.app.state.db,
        actor.tenant_id,
        "bind",
        actor=actor.stamp,
        phone=body.phone,
        asker=asker_of(request, body.device),
        proof=proof_of(body),
    )
    return show_asked(asked)


def asker_of(request: Request, device: str) -> limits.Asker:
    return limits.Asker(members.address_of(request), device, request.headers.get("user-agent", ""))


def proof_of(body: BindWanted) -> proofs.Proof:
    return proofs.Proof(body.challenge, body.answer)


def show_asked(asked: service.Asked) -> views.CodeAsked:
    return {"minutes": asked.minutes, "again_s": asked.again_s}


@member.post("/register", status_code=201)
async def register(request: Request, body: RegisterIn) -> members.MemberSessionView:
    asker = slow_down(request, body.device)
    db = request.app.state.db
    password = None if body.password is None else Secret(body.password)
    tenant_id = await members.merchant_of(db, body.m)
    return show_entered(
        await entry.register(
            db, tenant_id, phone=body.phone, code=body.code, name=body.name, password=password, asker=asker
        )
    )


@member.post("/login/code")
async def log_in(request: Request, body: WithCode) -> members.MemberSessionView:
    asker = slow_down(request, body.device)
    db = request.app.state.db
    return show_entered(
        await entry.log_in(db, await members.merchant_of(db, body.m), phone=body.phone, code=body.code, asker=asker)
    )


@member.post("/login/password")
async def log_in_by_password(request: Request, body: PasswordLoginIn) -> members.MemberSessionView:
    asker = slow_down(request, body.device)
    db = request.app.state.db
    tenant_id = await members.merchant_of(db, body.m)
    return show_entered(
        await entry.log_in_by_password(db, tenant_id, phone=body.phone, password=Secret(body.password), asker=asker)
    )


@member.post("/recover")
async def recover(request: Request, body: RecoverIn) -> members.MemberSessionView:
    asker = slow_down(request, body.device)
    db = request.app.state.db
    tenant_id = await members.merchant_of(db, body.m)
    return show_entered(
        await entry.recover(
            db, tenant_id, phone=body.phone, code=body.code, password=Secret(body.password), asker=asker
        )
    )


def show_entered(entered: entry.Entered) -> members.MemberSessionView:
    return {"token": entered.token.reveal(), "joined": True}


@member.post("/phone/code", status_code=204)
async def bind(request: Request, body: BindIn) -> None:
    """Bind the WeChat account of this session to a phone by the code sent there."""
    actor = await admitted(request, "member", "")
    asker = slow_down(request, body.device)
    await entry.bind(request.app.state.db, actor, phone=body.phone, code=body.code, asker=asker)


@console.get("")
async def overview(request: Request, tx: ReadTx = staff_read("messaging.view")) -> views.CodeSettings:
    """The four scenarios with the templates there are, what stands in the way, and the limits."""
    return await settings.overview(tx, language_of(request))


@console.put("/limits", status_code=204)
async def save_limits(body: CodeLimitsIn, tx: Tx = staff_tx("messaging.write")) -> None:
    """How many codes this merchant lets out in an hour and in a day."""
    await must_replace(tx, "verification.limits", body.version, settings.limits_version(tx))
    await settings.save_limits(tx, hour=body.hour, day=body.day)


@console.put("/{scenario}", status_code=204)
async def save(scenario: str, body: SettingIn, tx: Tx = staff_tx("messaging.write")) -> None:
    purpose = settings.purpose_of(scenario)
    await must_replace(tx, f"verification.{purpose}", body.version, settings.switch_version(tx, purpose))
    await settings.save(tx, purpose, live=body.live, template_id=body.template_id)


@console.get("/records")
async def records(
    scenario: str | None = None,
    state: str | None = None,
    wanted: Page = Depends(page),
    tx: ReadTx = staff_read("messaging.view"),
) -> Listing[views.CodeRecord]:
    """Codes that were asked for, newest first; never the codes themselves."""
    rows = await settings.records(tx, limit=wanted.limit + 1, before=wanted.before, scenario=scenario, state=state)
    return paged(rows, wanted, lambda row: [str(row["id"])], settings.show)


@operator.get("/merchants/{merchant_id}/code-limits")
async def show_caps(tx: Tx = tenants.operator_tx()) -> views.CodeCaps:
    """How many codes a merchant lets out, by its own word and by the operators', and how many it did today."""
    return await settings.for_operator(tx)


@operator.put("/merchants/{merchant_id}/code-limits", status_code=204)
async def save_caps(body: CodeCapsIn, tx: Tx = tenants.operator_tx()) -> None:
    """How many codes a merchant may let out in an hour and in a day at most; the smaller of this and its own holds."""
    await must_replace(tx, "verification.caps", body.version, settings.caps_version(tx))
    await settings.save_caps(tx, hour=body.cap_hour, day=body.cap_day)

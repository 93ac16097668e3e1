"""What a proved phone opens: registering, logging in, a new password, binding a WeChat account. These are edges."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from huida.kernel.db import Database, Tx
from huida.kernel.errors import AppError, Conflict, Invalid
from huida.kernel.secrets import Secret
from huida.kernel.web import Actor
from huida.modules import members, tenants
from huida.modules.verification import limits, proofs, service
from huida.modules.verification.facts import MemberPasswordSet
from huida.modules.verification.rules import Purpose
from huida.modules.verification.service import Fits, check, use

NOBODY: Final = UUID(int=0)


class BadLogin(Invalid):
    """Phone and password do not belong together; whether the phone is a member's is not told."""

    code = "verification.bad_login"


class Locked(AppError):
    """Too many wrong passwords in a row."""

    status = 429
    code = "verification.locked"


@dataclass(frozen=True, slots=True)
class Entered:
    token: Secret
    member_id: UUID


async def ask(
    db: Database,
    tenant_id: int,
    purpose: Purpose,
    *,
    actor: str,
    phone: str,
    asker: limits.Asker,
    proof: proofs.Proof | None = None,
) -> service.Asked:
    """Send a code. Raises as `service.ask`; when it is the merchant's own limit, the merchant is told."""
    try:
        async with db.tx(tenant_id, actor=actor) as tx:
            return await service.ask(tx, purpose, phone=phone, asker=asker, proof=proof)
    except limits.MerchantLimit as full:
        async with db.tx(tenant_id, actor=actor) as tx:
            await limits.tell_full(tx, full.params["limit"])
        raise


async def register(
    db: Database, tenant_id: int, *, phone: str, code: str, name: str, password: Secret | None, asker: limits.Asker
) -> Entered:
    """Take a new member in by a proved phone (S2-38), or one who had left back.

    Raises Conflict when the phone is a member's; the code stays good.
    """
    if password is not None:
        tenants.check_password(password.reveal(), login=members.fold_phone(phone))
    proof = await check(db, tenant_id, "register", phone=phone, code=code, asker=asker)
    password_hash = None if password is None else await tenants.hashed(password.reveal(), login=proof.phone)
    async with db.tx(tenant_id, actor="member:register") as tx:
        await use(tx, proof)
        known = (await members.by_phone(tx, [proof.phone])).get(proof.phone)
        if known is not None and known.state != "left":
            raise Conflict(code="verification.registered", where="phone")
        try:
            member_id = await members.join(tx, card_no=None, name=name, phone=proof.phone, channel="h5")
        except Conflict as taken:
            raise Conflict(code="verification.registered", where="phone") from taken
        if password_hash is not None:
            await _save_password(tx, member_id, proof.phone, password_hash, asker)
        await limits.remember(tx, proof.phone, asker)
        return Entered(await members.open_for(tx, member_id, phone=proof.phone), member_id)


async def log_in(db: Database, tenant_id: int, *, phone: str, code: str, asker: limits.Asker) -> Entered:
    """A session by a proved phone (S2-40). Raises Conflict when nobody has the phone; the code stays good to register."""
    proof = await check(db, tenant_id, "login", phone=phone, code=code, asker=asker)
    async with db.tx(tenant_id, actor="member:login") as tx:
        await use(tx, proof)
        member_id = await _owner(tx, proof)
        await limits.remember(tx, proof.phone, asker)
        return Entered(await members.open_for(tx, member_id, phone=proof.phone), member_id)


async def recover(
    db: Database, tenant_id: int, *, phone: str, code: str, password: Secret, asker: limits.Asker
) -> Entered:
    """A new password by a proved phone (S2-39): older sessions by phone end, a lock is lifted.

    Raises Invalid for a weak password, Conflict when nobody has the phone.
    """
    tenants.check_password(password.reveal(), login=members.fold_phone(phone))
    proof = await check(db, tenant_id, "recover", phone=phone, code=code, asker=asker)
    password_hash = await tenants.hashed(password.reveal(), login=proof.phone)
    async with db.tx(tenant_id, actor="member:recover") as tx:
        await use(tx, proof)
        member_id = await _owner(tx, proof)
        await _save_password(tx, member_id, proof.phone, password_hash, asker)
        await limits.remember(tx, proof.phone, asker)
        await members.end_all_of(tx, member_id)
        return Entered(await members.open_for(tx, member_id, phone=proof.phone), member_id)


def account_of(actor: Actor) -> tuple[str, str]:
    """(app id, openid) of this session. Raises Conflict for one without a WeChat account."""
    app_id, openid = members.account_of(actor)
    if not openid:
        raise Conflict(code="verification.no_account")
    return app_id, openid


async def bind(db: Database, actor: Actor, *, phone: str, code: str, asker: limits.Asker) -> UUID:
    """Give a WeChat account its phone where WeChat has no button for it (H5 in an official account; X-10).

    Raises Conflict when account and phone are two different members', or for a session without a WeChat account.
    """
    app_id, openid = account_of(actor)
    proof = await check(db, actor.tenant_id, "bind", phone=phone, code=code, asker=asker)
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await use(tx, proof)
        await limits.remember(tx, proof.phone, asker)
        return await members.join_by_phone(tx, app_id=app_id, openid=openid, phone=proof.phone)


async def log_in_by_password(
    db: Database, tenant_id: int, *, phone: str, password: Secret, asker: limits.Asker
) -> Entered:
    """A session by phone and password. Raises BadLogin, GuessLimit, and Locked after eight wrong ones in a row from here.

    A try is counted before the password is compared, so that guessing at once does not give more tries. All of it is the
    same for a phone that is nobody's: the answers, the order in which they come, and the work.
    """
    number = members.fold_phone(phone)
    async with db.tx(tenant_id, actor="member:login") as tx:
        here = await limits.is_known(tx, number, asker)
        if guess_wait_s := await limits.guess(tx, asker, known=here):
            raise limits.GuessLimit(retry_after_s=guess_wait_s)
        wait_s = await limits.try_password(tx, number, asker, known=here)
        known = (await members.by_phone(tx, [number])).get(number)
        if known is not None and known.state == "left":
            known = None
        password_hash: str | None = await tx.value(
            "SELECT password_hash FROM member_passwords WHERE tenant_id = $1 AND member_id = $2",
            *(tenant_id, NOBODY if known is None else known.id),
        )
    if wait_s:
        raise Locked(retry_after_s=wait_s, minutes=-(-wait_s // 60))
    if not await tenants.matches(password_hash, password.reveal()) or known is None:
        raise BadLogin(where="password")
    async with db.tx(tenant_id, actor="member:login") as tx:
        # Comparing takes a while: a password that was replaced meanwhile opens nothing.
        if not await tx.value(
            "SELECT true FROM member_passwords WHERE tenant_id = $1 AND member_id = $2 AND password_hash = $3 FOR SHARE",
            *(tenant_id, known.id, password_hash),
        ):
            raise BadLogin(where="password")
        await limits.was_right(tx, asker, known=here)
        await limits.forgive_passwords(tx, number, asker)
        await limits.remember(tx, number, asker)
        return Entered(await members.open_for(tx, known.id, phone=number), known.id)


async def _owner(tx: Tx, proof: Fits) -> UUID:
    known = (await members.by_phone(tx, [proof.phone])).get(proof.phone)
    if known is None or known.state == "left":
        raise Conflict(code="verification.not_registered", where="phone")
    return known.id


async def _save_password(tx: Tx, member_id: UUID, phone: str, password_hash: str, asker: limits.Asker) -> None:
    recovered = await tx.value(
        "INSERT INTO member_passwords (tenant_id, member_id, password_hash, changed_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (tenant_id, member_id) DO UPDATE SET password_hash = excluded.password_hash, "
        "changed_at = excluded.changed_at RETURNING xmax <> 0",
        *(tx.tenant_id, member_id, password_hash, tx.now),
    )
    await limits.forgive_passwords(tx, phone, asker)
    tx.emit(MemberPasswordSet(subject_id=member_id, recovered=bool(recovered)))

"""Members' logins: by the mini program's code, then by a phone that WeChat vouches for. These are edges.

A member who showed a phone in another way (`verification`) gets a session without a WeChat account by `open_for`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from huida.kernel.db import Database, Tx
from huida.kernel.errors import AppError, Conflict, Invalid, NotFound, Unauthenticated
from huida.kernel.http import ProviderOutcome, Refused
from huida.kernel.secrets import Secret, token, token_hash
from huida.kernel.web import Actor
from huida.modules import connections
from huida.modules.members.identifiers import fold_phone
from huida.modules.members.profile import change
from huida.modules.members.service import (
    PURPOSE,
    Known,
    by_phone,
    come_back,
    get,
    join,
    link_identity,
    see_identity,
    wait_for_account,
)
from huida.providers.wechat.mini_program import MiniProgram, Session
from huida.providers.wechat.official_account import OfficialAccount, WebIdentity

SESSION_LIFE: Final = timedelta(days=7)
BAD_CODES: Final = frozenset({"wechat.40029", "wechat.40163", "wechat.41008", "wechat.40226"})


class LoginUnavailable(AppError):
    """WeChat cannot be asked now: try again."""

    status = 503
    code = "member.login_unavailable"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    token: Secret
    tenant_id: int
    member_id: UUID | None


async def log_in(db: Database, mini: MiniProgram, oa: OfficialAccount, *, app_id: str, code: str) -> LoggedIn:
    """Open a session for whom `wx.login` (mini program) or the web login (official account) gave this code.

    Raises NotFound, Invalid for a bad code, LoginUnavailable.
    """
    found = await connections.merchant_with(db, app_id)
    if found is None:
        raise NotFound(code="connection.not_found", where="app_id")
    tenant_id, kind, cred = found
    try:
        who = await (mini.code2session(cred, code) if kind == "mini" else oa.exchange_code(cred, code))
    except Refused as refused:
        raise _refusal(refused) from refused
    except ProviderOutcome as bad:
        raise LoginUnavailable() from bad
    if isinstance(who, WebIdentity) and not who.may_be_bound:
        raise Invalid(code="member.snapshot_user", where="code")
    return await _open(db, tenant_id, app_id, who)


async def _open(db: Database, tenant_id: int, app_id: str, who: Session | WebIdentity) -> LoggedIn:
    session = token("hm")
    async with db.tx(tenant_id, actor="member:login") as tx:
        member_id = await see_identity(tx, app_id=app_id, openid=who.openid, unionid=who.unionid or None)
        await tx.execute(
            "DELETE FROM member_sessions WHERE token_hash IN (SELECT token_hash FROM member_sessions "
            "WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 AND expires_at <= $4 LIMIT 100)",
            *(tenant_id, app_id, who.openid, tx.now),
        )
        await tx.execute(
            "INSERT INTO member_sessions (token_hash, tenant_id, app_id, openid, expires_at) VALUES ($1, $2, $3, $4, $5)",
            *(token_hash(session.reveal()), tenant_id, app_id, who.openid, tx.now + SESSION_LIFE),
        )
    return LoggedIn(session, tenant_id, member_id)


async def open_for(tx: Tx, member_id: UUID, *, phone: str) -> Secret:
    """A session of a member who proved a phone, without a WeChat account. Raises Conflict for one who is not active.

    Raises NotFound for one whose phone is another by now. The member's row is held, so that whoever changes the phone or
    freezes the member at the same time ends this session too.
    """
    row = await tx.row(
        "SELECT m.state FROM members m WHERE m.tenant_id = $1 AND m.id = $2 AND (m.phone_hash = $3 OR EXISTS ("
        "  SELECT FROM members o WHERE o.tenant_id = $1 AND o.merged_into = $2 AND o.phone_hash = $3)) FOR SHARE",
        *(tx.tenant_id, member_id, tx.sealer.blind_index(phone, purpose=PURPOSE)),
    )
    if row is None:
        raise NotFound(code="member.not_found", where="phone")
    if row["state"] != "active":
        raise Conflict(code="member.not_active", state=row["state"])
    session = token("hm")
    await tx.execute(
        "INSERT INTO member_sessions (token_hash, tenant_id, app_id, openid, member_id, expires_at) "
        "VALUES ($1, $2, '', '', $3, $4)",
        *(token_hash(session.reveal()), tx.tenant_id, member_id, tx.now + SESSION_LIFE),
    )
    return session


def _refusal(refused: Refused) -> AppError:
    return Invalid(code="member.bad_code", where="code") if refused.code in BAD_CODES else LoginUnavailable()


async def member_actor(db: Database, session_token: str) -> Actor:
    """Whose session this is: kind `member`, or `visitor` for a WeChat account that has not joined or whose member left.

    `name` is `app_id/openid` (see `account_of`), both empty for a session by phone. Raises Unauthenticated.
    """
    async with db.raw() as (_, sql):
        session = await sql.fetchrow(
            "SELECT s.tenant_id, s.app_id, s.openid, s.member_id FROM member_sessions s "
            "JOIN merchants m ON m.id = s.tenant_id WHERE s.token_hash = $1 AND s.expires_at > $2 AND m.state = 'open'",
            *(token_hash(session_token), db.clock.now()),
        )
    if session is None:
        raise Unauthenticated()
    if session["member_id"] is not None:
        async with db.read(session["tenant_id"]) as tx:
            owner = await tx.value(
                "SELECT coalesce(merged_into, id) FROM members WHERE tenant_id = $1 AND id = $2",
                *(tx.tenant_id, session["member_id"]),
            )
        return Actor("member", owner or session["member_id"], session["tenant_id"], frozenset({"member"}), "/")
    async with db.read(session["tenant_id"]) as tx:
        member_id = await tx.value(
            "SELECT m.id FROM identities i JOIN members m ON m.tenant_id = i.tenant_id AND m.id = i.member_id "
            "WHERE i.tenant_id = $1 AND i.app_id = $2 AND i.openid = $3 AND m.state <> 'left'",
            *(tx.tenant_id, session["app_id"], session["openid"]),
        )
    name = f"{session['app_id']}/{session['openid']}"
    if member_id is None:
        visitor = connections.lane_of(session["app_id"], session["openid"])
        return Actor("visitor", visitor, session["tenant_id"], frozenset(), name)
    return Actor("member", member_id, session["tenant_id"], frozenset({"member"}), name)


def account_of(actor: Actor) -> tuple[str, str]:
    """(app id, openid) of a member's or visitor's session."""
    app_id, _, openid = actor.name.partition("/")
    return app_id, openid


async def log_out(db: Database, session_token: str) -> None:
    """End this session."""
    async with db.raw() as (_, sql):
        await sql.execute("DELETE FROM member_sessions WHERE token_hash = $1", token_hash(session_token))


async def bind_phone(db: Database, mini: MiniProgram, actor: Actor, *, code: str) -> UUID:
    """Join this WeChat account with the member of its verified phone, or take a new member in (X-10).

    A session by phone has no account to join. Raises Invalid for a bad code or a foreign number, Conflict when account
    and phone are two different members'.
    """
    app_id, openid = account_of(actor)
    async with db.read(actor.tenant_id) as read:
        cred = await connections.credentials_of(read, app_id)
    if cred is None:
        raise NotFound(code="connection.not_found", where="app_id")
    try:
        given = await mini.phone_number(cred, code)
    except Refused as refused:
        raise _refusal(refused) from refused
    except ProviderOutcome as bad:
        raise LoginUnavailable() from bad
    if str(given.country_code) != "86":
        raise Invalid(code="member.bad_phone", where="phone")
    phone = fold_phone(given.pure_phone_number)
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        return await join_by_phone(tx, app_id=app_id, openid=openid, phone=phone)


async def join_by_phone(tx: Tx, *, app_id: str, openid: str, phone: str) -> UUID:
    """The member of a verified phone, with this account linked; a new one when nobody has the phone yet.

    An account that is a member's already gives that member the phone; one who had left is a member again. Raises Conflict
    when the phone is another's.
    """
    await wait_for_account(tx, app_id, openid)
    owner: UUID | None = await tx.value(
        "SELECT member_id FROM identities WHERE tenant_id = $1 AND app_id = $2 AND openid = $3 FOR UPDATE",
        *(tx.tenant_id, app_id, openid),
    )
    known = (await by_phone(tx, [phone])).get(phone)
    if owner is not None:
        if known is not None and known.id != owner:
            raise Conflict(code="member.phone_taken", where="phone")
        row = await get(tx, owner)
        if row["state"] == "left":
            await come_back(tx, Known(owner, row["card_no"], row["level"], row["state"]), channel="mini_program")
        await change(tx, owner, {"phone": phone})
        return owner
    if known is not None and known.state != "left":
        member_id = known.id
    else:
        member_id = await join(tx, card_no=None, name="", phone=phone, channel="mini_program")
    await link_identity(tx, member_id, app_id=app_id, openid=openid)
    return member_id

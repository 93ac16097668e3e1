"""The doorkeeper: staff by session cookie, callers by API key, members through a function that `main` passes in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Forbidden, NotFound, Unauthenticated
from huida.kernel.web import Actor, bearer
from huida.modules.tenants.keys import key_actor
from huida.modules.tenants.models import PLATFORM
from huida.modules.tenants.sessions import session_actor

COOKIE: Final = "huida_session"
HOST_ONLY: Final = "__Host-"
"""Browsers take a cookie of such a name only from this very host, for all of its paths, and over TLS."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

MerchantId = Annotated[int, Path(ge=1, lt=2**63)]
MemberActor = Callable[[Database, str], Awaitable[Actor]]


class Doors:
    """Implements `huida.kernel.web.Doorkeeper`."""

    def __init__(self, db: Database, *, member: MemberActor) -> None:
        self._db = db
        self._member = member

    async def staff(self, request: Request) -> Actor:
        """The logged-in person; unsafe methods must bring the CSRF token in `X-CSRF-Token`."""
        session = request.cookies.get(cookie_name(request, COOKIE))
        if not session:
            raise Unauthenticated()
        csrf = None if request.method in SAFE else request.headers.get("x-csrf-token", "")
        return await session_actor(self._db, session, csrf=csrf)

    async def key(self, request: Request) -> Actor:
        """The API key in `Authorization: Bearer hk_…`."""
        return await key_actor(self._db, bearer(request))

    async def member(self, request: Request) -> Actor:
        """The member's session in `Authorization: Bearer hm_…`."""
        return await self._member(self._db, bearer(request))


def behind_tls(request: Request) -> bool:
    """Whether people reach this server by https."""
    return str(request.app.state.public_url).startswith("https:")


def cookie_name(request: Request, name: str) -> str:
    """The name that one of our cookies has here."""
    return f"{HOST_ONLY}{name}" if behind_tls(request) else name


async def operator_of(request: Request) -> Actor:
    """The platform's operator. Raises Forbidden for a merchant's staff, whatever their role."""
    actor: Actor = await request.app.state.doorkeeper.staff(request)
    if actor.tenant_id != PLATFORM or "*" not in actor.may:
        raise Forbidden(permission="platform_admin")
    request.state.actor = actor
    return actor


def operator_tx() -> Any:
    """A write transaction in the merchant that the path names, stamped with the operator. Raises NotFound."""

    async def dependency(request: Request, merchant_id: MerchantId) -> AsyncIterator[Tx]:
        actor = await operator_of(request)
        db: Database = request.app.state.db
        async with db.tx(merchant_id, actor=f"operator:{actor.id}") as tx:
            if merchant_id == PLATFORM or not await tx.value("SELECT true FROM merchants WHERE id = $1", merchant_id):
                raise NotFound(code="merchant.not_found", where="merchant_id")
            yield tx

    return Depends(dependency, scope="function")


def operator_read() -> Any:
    """A read transaction in the platform's own tenant."""

    async def dependency(request: Request) -> AsyncIterator[Tx]:
        await operator_of(request)
        db: Database = request.app.state.db
        async with db.read(PLATFORM) as tx:
            yield tx

    return Depends(dependency, scope="function")

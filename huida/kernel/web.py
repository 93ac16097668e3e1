"""The web edge: who is asking, one transaction per request, errors as RFC 9457 problems, idempotency, paging."""

import base64
import binascii
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy import BigInteger, DateTime, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import TypedDict

from huida.kernel import i18n
from huida.kernel.db import AWAY, CROSSED, Base, Database, ReadTx, TenantOwned, Tx, Unstorable
from huida.kernel.errors import AppError, Forbidden, Invalid, TooLarge, Unauthenticated
from huida.kernel.http import ProviderOutcome, Refused, Unavailable
from huida.kernel.ids import uuid7
from huida.kernel.intake.bodies import plain
from huida.kernel.log import log
from huida.kernel.metrics import REQUEST_SECONDS, REQUESTS

MAX_BODY = 10 * 1024 * 1024
NOT_KEPT = (b"cache-control", b"no-store")
"""Answers are about people and money: no browser or proxy keeps them, unless a door says otherwise."""

ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))
HSTS = (b"strict-transport-security", b"max-age=31536000")
UNSTORABLE: tuple[type[Exception], ...] = (Unstorable, asyncpg.DataError, OverflowError, UnicodeError, RecursionError)
"""A value that cannot be kept or reckoned with: NUL, a number beyond its column, a time beyond the end of time."""

PLATFORM = 0
"""The tenant of the platform itself: operators come in by doors of their own."""

T = TypeVar("T")


@dataclass(frozen=True)
class Actor:
    """Who is asking: `kind` is staff, key, member or operator; `may` holds permissions or scopes."""

    kind: str
    id: UUID
    tenant_id: int
    may: frozenset[str]
    name: str = ""

    @property
    def stamp(self) -> str:
        return f"{self.kind}:{self.id}"


class Doorkeeper(Protocol):
    """Finds out who is asking; given by main, since the kernel knows no staff and no keys."""

    async def staff(self, request: Request) -> Actor: ...
    async def key(self, request: Request) -> Actor: ...
    async def member(self, request: Request) -> Actor: ...


class IdempotencyRow(TenantOwned, Base):
    """The answer to an open write, kept with its key and the hash of its request, in the same transaction."""

    __tablename__ = "idempotency_keys"
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[Any] = mapped_column(DateTime(timezone=True))


async def admitted(request: Request, kind: str, permission: str) -> Actor:
    """Who is asking at this door. Raises Unauthenticated, or Forbidden without the permission."""
    keeper: Doorkeeper = request.app.state.doorkeeper
    actor: Actor = await getattr(keeper, kind)(request)
    if kind == "staff" and permission and actor.tenant_id == PLATFORM:
        # An operator may do everything, but not as if the platform were a shop: members, stores, orders of nobody.
        raise Forbidden(permission=permission)
    if permission and permission not in actor.may and "*" not in actor.may:
        raise Forbidden(permission=permission)
    request.state.actor = actor
    return actor


def _guarded(kind: str, permission: str, *, way: Literal["read", "tx", "alone"]) -> Any:
    async def dependency(request: Request) -> AsyncIterator[Tx]:
        actor = await admitted(request, kind, permission)
        db: Database = request.app.state.db
        opener = {"read": db.read, "tx": db.tx, "alone": db.alone}[way]
        async with opener(actor.tenant_id, actor=actor.stamp) as tx:
            yield tx

    dependency.permission = permission  # type: ignore[attr-defined]
    dependency.door = kind  # type: ignore[attr-defined]
    return Depends(dependency, scope="function")


def staff_tx(permission: str) -> Any:
    """A write transaction for a logged-in staff member with this permission (CSRF is checked by the doorkeeper)."""
    return _guarded("staff", permission, way="tx")


def staff_alone(permission: str) -> Any:
    """As `staff_tx`, with no other writing transaction of this merchant beside it (`Database.alone`)."""
    return _guarded("staff", permission, way="alone")


def staff_read(permission: str) -> Any:
    """A read transaction for a logged-in staff member with this permission."""
    return _guarded("staff", permission, way="read")


def staff_only(permission: str) -> Any:
    """The staff member, without a transaction: for doors that call a provider between their own transactions."""
    return _only("staff", permission)


def key_only(scope: str) -> Any:
    """Whose API key this is, without a transaction: for doors that need one after the other."""
    return _only("key", scope)


def _only(kind: str, permission: str) -> Any:
    async def dependency(request: Request) -> Actor:
        return await admitted(request, kind, permission)

    dependency.permission = permission  # type: ignore[attr-defined]
    dependency.door = kind  # type: ignore[attr-defined]
    return Depends(dependency)


def key_tx(scope: str) -> Any:
    """A write transaction for an API key with this scope."""
    return _guarded("key", scope, way="tx")


def key_alone(scope: str) -> Any:
    """As `key_tx`, with no other writing transaction of this merchant beside it (`Database.alone`)."""
    return _guarded("key", scope, way="alone")


def key_read(scope: str) -> Any:
    """A read transaction for an API key with this scope."""
    return _guarded("key", scope, way="read")


def member_tx() -> Any:
    """A write transaction for a logged-in member."""
    return _guarded("member", "", way="tx")


def member_read() -> Any:
    """A read transaction for a logged-in member."""
    return _guarded("member", "", way="read")


def actor_of(request: Request) -> Actor:
    actor: Actor = request.state.actor
    return actor


async def once(tx: Tx, request: Request, work: Callable[[], Awaitable[tuple[int, Any]]]) -> Response:
    """Do an open write at most once per `Idempotency-Key`: the same key and request get the stored answer.

    Another request under the same key is refused with 422 `idempotency.mismatch`. Without a key it is simply done.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        status, answer = await work()
        return Response(msgspec.json.encode(answer), status, media_type="application/json")
    if not 1 <= len(key) <= 200:
        raise Invalid(code="idempotency.bad_key", where="Idempotency-Key")
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + await request.body()).digest()
    took = await tx.execute(
        "INSERT INTO idempotency_keys (tenant_id, key, request_hash, status, answer, at) VALUES ($1, $2, $3, 0, '', $4) "
        "ON CONFLICT DO NOTHING",
        tx.tenant_id,
        key,
        digest,
        tx.now,
    )
    if not took:
        row = await tx.row(
            "SELECT request_hash, status, answer FROM idempotency_keys WHERE tenant_id = $1 AND key = $2",
            tx.tenant_id,
            key,
        )
        if row is None or row["request_hash"] != digest:
            raise Invalid(code="idempotency.mismatch", where="Idempotency-Key")
        return Response(row["answer"], row["status"], {"Idempotent-Replay": "true"}, media_type="application/json")
    status, answer = await work()
    body = msgspec.json.encode(answer)
    await tx.execute(
        "UPDATE idempotency_keys SET status = $3, answer = $4 WHERE tenant_id = $1 AND key = $2",
        tx.tenant_id,
        key,
        status,
        body,
    )
    return Response(body, status, media_type="application/json")


@dataclass(frozen=True)
class Page:
    """A keyset page: `limit` rows after the last key of the page before (no totals on large lists)."""

    limit: int
    after: tuple[Any, ...] | None

    @property
    def before(self) -> UUID | None:
        """The id to go on below, for lists with the newest first. Raises Invalid for a cursor that was made up."""
        if self.after is None:
            return None
        try:
            return UUID(str(self.after[0]))
        except (ValueError, IndexError) as wrong:
            raise Invalid(code="request.bad_cursor", where="cursor") from wrong

    def key(self, *read: Callable[[Any], Any]) -> tuple[Any, ...] | None:
        """The key to go on after, each part read by its function. Raises Invalid for a cursor that was made up."""
        if self.after is None:
            return None
        try:
            if len(self.after) != len(read):
                raise ValueError(self.after)
            return tuple(one(part) for one, part in zip(read, self.after, strict=True))
        except (ValueError, TypeError, OverflowError) as wrong:
            raise Invalid(code="request.bad_cursor", where="cursor") from wrong


def page(limit: int = 20, cursor: str | None = None) -> Page:
    """Query parameters `limit` (1–100) and `cursor` (opaque, from the page before)."""
    if not 1 <= limit <= 100:
        raise Invalid(code="request.bad_limit", where="limit")
    if cursor is None:
        return Page(limit, None)
    try:
        return Page(limit, tuple(plain(base64.urlsafe_b64decode(cursor))))
    except (binascii.Error, Invalid, TypeError, ValueError) as wrong:
        raise Invalid(code="request.bad_cursor", where="cursor") from wrong


class Items(TypedDict, Generic[T]):
    """All there is, in one answer."""

    items: list[T]


class Listing(TypedDict, Generic[T]):
    """One page of a list; `next_cursor` asks for the page after it and is null on the last one."""

    items: list[T]
    next_cursor: str | None


class Created(TypedDict):
    """The id of what was made."""

    id: UUID


def paged(rows: Sequence[Any], page: Page, key: Callable[[Any], Sequence[Any]], show: Callable[[Any], T]) -> Listing[T]:
    """The answer of a list door, from at most `limit + 1` rows."""
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    cursor = base64.urlsafe_b64encode(msgspec.json.encode(list(key(rows[-1])))).decode() if more else None
    return {"items": [show(row) for row in rows], "next_cursor": cursor}


def problem_body(request_id: str, error: AppError, language: str) -> dict[str, Any]:
    """A problem: a stable code and a text in the reader's language."""
    body: dict[str, Any] = {
        "type": f"urn:huida:error:{error.code}",
        "title": i18n.text(error.code, language, error.params),
        "status": error.status,
        "code": error.code,
        "request_id": request_id,
    }
    if error.where:
        body["where"] = error.where
    if error.params:
        body["params"] = {k: v if isinstance(v, int | float | bool | list) else str(v) for k, v in error.params.items()}
    return body


def file_answer(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """What a door that answers a file tells the API document (`responses=`)."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
    return {200: {"description": "The file", "content": content}}


def problem(request_id: str, error: AppError, language: str) -> Response:
    """An error as `application/problem+json` (RFC 9457)."""
    body = problem_body(request_id, error, language)
    headers = {"Retry-After": str(error.params["retry_after_s"])} if "retry_after_s" in error.params else None
    return Response(msgspec.json.encode(body), error.status, headers, media_type="application/problem+json")


def language_of(request: Request) -> str:
    return i18n.choose(request.headers.get("accept-language"))


def install_errors(app: FastAPI) -> None:
    """Render every failure as a problem; what is not expected is a 500 without detail, logged with its request id."""

    def answer(request: Request, error: AppError) -> Response:
        return problem(request.state.request_id, error, language_of(request))

    @app.exception_handler(AppError)
    async def _(request: Request, error: AppError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        # The first part says which part of the request it is: body, query, path, header.
        where = "/".join(str(part) for part in first["loc"][1:])
        return answer(request, Invalid(code="request.invalid", where=where, detail=first["msg"]))

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        codes = {404: "request.not_found", 405: "request.method_not_allowed"}
        known = AppError(code=codes.get(error.status_code, "request.invalid"))
        known.status = error.status_code
        return answer(request, known)

    async def other(request: Request, error: Exception) -> Response:
        return answer(request, refusal_of(error, path=request.url.path))

    for kind in (*AWAY, *CROSSED, *UNSTORABLE, ProviderOutcome):
        app.add_exception_handler(kind, other)
    app.add_middleware(Net)


class Net:
    """Inside the framework's own net: a failure that nobody expected is answered as a problem, and ends there.

    The framework raises it again after its answer, and the server then cuts a connection that it said it would keep: the
    next caller's request would be the one that fails.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def seen(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, seen)
        except Exception as error:
            if started or scope["type"] != "http":
                raise  # half an answer is out: only cutting the connection tells the caller
            request = Request(scope)
            crash = refusal_of(error, path=scope["path"])
            await problem(request.state.request_id, crash, language_of(request))(scope, receive, send)


def refusal_of(error: Exception, *, path: str) -> AppError:
    """What any failure means to the person who asked; what nobody expected is logged and told without detail."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, UNSTORABLE):
        # The last net: doors name their limits, and what they forgot is found by this line in the log.
        log.warning("unstorable", path=path, exc_info=error)
        return Invalid(code="request.invalid", detail="a value is out of range")
    if isinstance(error, ProviderOutcome):
        return provider_problem(error)
    if isinstance(error, AWAY):
        log.warning("database_away", path=path, error=type(error).__name__)
        gone = AppError(code="server.unavailable")
        gone.status = 503
        return gone
    if isinstance(error, CROSSED) or isinstance(getattr(error, "orig", None), CROSSED):
        log.warning("transactions_crossed", path=path, error=type(error).__name__)
        crossed = AppError(code="server.crossed", retry_after_s=1)
        crossed.status = 503
        return crossed
    log.error("request_failed", path=path, exc_info=error)
    crash = AppError(code="server.error")
    crash.status = 500
    return crash


def provider_problem(error: ProviderOutcome) -> AppError:
    """What a provider's outcome means to the person who asked: no (409), not now (503), nobody knows (504)."""
    if isinstance(error, Refused):
        refusal = AppError(code="provider.refused", provider_code=error.code)
        refusal.status = 409
        return refusal
    trouble = AppError(code="provider.unavailable" if isinstance(error, Unavailable) else "provider.unknown")
    trouble.status = 503 if isinstance(error, Unavailable) else 504
    return trouble


class Edge:
    """Outermost ASGI layer: request id, body limit, security headers, one log line, metrics.

    `https`: people reach this server by https only, which their browsers are told for a year.
    """

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self.app = app
        self._always = (*ALWAYS, HSTS) if https else ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid7().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise TooLarge(limit_mb=MAX_BODY // 1024 // 1024)
            return message

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                if scope["path"].startswith("/api/") and not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NOT_KEPT)
                said = {name for name, _ in headers}
                always = [header for header in self._always if header[0] not in said]
                message["headers"] = [*headers, (b"x-request-id", request_id.encode()), *always]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            length = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
            wanted = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"accept-language"), None)
            if length.isdigit() and int(length) > MAX_BODY:
                too_large = TooLarge(limit_mb=MAX_BODY // 1024 // 1024)
                await problem(request_id, too_large, i18n.choose(wanted))(scope, receive, stamped)
            else:
                await self.app(scope, limited, stamped)
        route = scope.get("route")
        name = getattr(route, "path", scope["path"] if scope["path"].startswith("/api/v1/purchases") else "other")
        took = time.perf_counter() - started
        REQUESTS.labels(name, scope["method"], status).inc()
        REQUEST_SECONDS.labels(name).observe(took)
        log.info("request", method=scope["method"], route=name, status=status, ms=round(took * 1000, 1), id=request_id)


def bearer(request: Request) -> str:
    """The bearer token of a request. Raises Unauthenticated when there is none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise Unauthenticated()
    return value


__all__ = [
    "Actor",
    "BigInteger",
    "Created",
    "Doorkeeper",
    "Edge",
    "Items",
    "Listing",
    "Page",
    "ReadTx",
    "file_answer",
    "once",
    "page",
    "paged",
    "problem",
]

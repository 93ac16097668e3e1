"""The database and the unit of work.

A `Tx` is opened at an edge only (request, reaction batch, job, command, test). Functions below take it as first
argument, never commit and never open one. Two dialects share its one connection: `tx.session` (SQLAlchemy, screens
and ordinary changes) and `tx.fetch/row/value/execute` (asyncpg, the hot path).

Three nets keep tenants apart: every key starts with `tenant_id`, every statement names it, and forced row-level
security compares it with `app.tenant_id`, which is set for each transaction (design/architecture §11).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from huida.kernel import facts as fact_log
from huida.kernel.clock import Clock, business_day
from huida.kernel.errors import TooMany
from huida.kernel.facts import Fact, Subscriptions
from huida.kernel.secrets import Sealer
from huida.kernel.txstate import tx_is_open

Row = Any  # asyncpg.Record: columns by name, `row["balance"]`


class Base(DeclarativeBase):
    """All tables; names of constraints are fixed so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class TenantOwned:
    """A table whose rows belong to one merchant: `tenant_id` leads every key."""

    tenant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, sort_order=-100)


class Unstorable(ValueError):
    """A value that its column cannot hold (a number beyond 64 bits, a text where a number belongs)."""


class DatabaseGone(ConnectionError):
    """The connection broke under a statement, or none could be opened: nothing of this transaction is known to be done.

    asyncpg reports a closed connection as InterfaceError, but a wrong call too; only the first is this.
    """


AWAY: tuple[type[Exception], ...] = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # what asyncpg says when the connection is cut between two of its states
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    PoolTimeoutError,
)
"""Not now: it cannot be reached, went away, is restarting, or has no disk, memory or connection left."""


CROSSED: tuple[type[Exception], ...] = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Two transactions were in each other's way, and this one was taken back whole: the same again works."""


class Tx:
    """One transaction of one tenant (`tenant_id` 0: the platform itself)."""

    read_only: ClassVar[bool] = False

    def __init__(self, db: "Database", connection: AsyncConnection, sql: Any, tenant_id: int, actor: str) -> None:
        self.db = db
        self.sql: Any = sql
        self.tenant_id = tenant_id
        self.actor = actor
        self.now: datetime = db.clock.now()
        self.today: date = business_day(self.now)
        self._connection = connection
        self._session: AsyncSession | None = None
        self._facts: list[fact_log.Pending] = []
        self._jobs: list[fact_log.PendingJob] = []

    @property
    def sealer(self) -> Sealer:
        """Seals and unseals what must not lie in the database in the clear."""
        return self.db.sealer

    @property
    def session(self) -> AsyncSession:
        """SQLAlchemy on this transaction's connection; it is flushed, never committed, by us."""
        if self._session is None:
            self._session = AsyncSession(bind=self._connection, expire_on_commit=False, autoflush=True)
        return self._session

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        with _values_checked():
            rows: list[Row] = await self.sql.fetch(query, *args)
        return rows

    async def row(self, query: str, *args: Any) -> Row | None:
        with _values_checked():
            return await self.sql.fetchrow(query, *args)

    async def value(self, query: str, *args: Any) -> Any:
        with _values_checked():
            return await self.sql.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> int:
        """Run a statement; returns the number of rows it touched."""
        with _values_checked():
            status = await self.sql.execute(query, *args)
        tail = status.rsplit(" ", 1)[-1]
        return int(tail) if tail.isdigit() else 0

    def emit(self, fact: Fact) -> UUID:
        """Record a fact with this transaction; its subscribers' jobs are rows of the same commit."""
        pending = fact_log.Pending.of(fact)
        self._facts.append(pending)
        return pending.id

    def enqueue(self, kind: str, payload: Any, *, lane: UUID | None = None, due: datetime | None = None) -> UUID:
        """Add a job with this transaction. `lane` keeps the order; `due` in the future makes it wait."""
        pending = fact_log.PendingJob.of(kind, payload, lane=lane, due=due)
        self._jobs.append(pending)
        return pending.id

    async def flush(self) -> None:
        """Write what was emitted and enqueued so far (the commit does it anyway)."""
        if self._session is not None:
            await self._session.flush()
        if self._facts or self._jobs:
            facts, self._facts = self._facts, []
            jobs, self._jobs = self._jobs, []
            await fact_log.write(self.sql, self.db.subscriptions, self.tenant_id, self.actor, self.now, facts, jobs)


class ReadTx(Tx):
    """A transaction that PostgreSQL itself refuses to write in: for GET doors and screens."""

    read_only = True


AnyTx = TypeVar("AnyTx", bound=Tx)
READ_ONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
MERCHANT = 7301
"""First half of the advisory lock of one merchant. Whoever writes shares it from the first statement on; `alone` has it
whole. Locks of two halves never meet those of one (`hashtextextended`)."""
ALONE_TRIES, ALONE_WITHIN_MS, ALONE_PAUSE_S = 8, 150, 0.1
"""How often `alone` asks, how long it waits each time for those who write, while new ones wait behind it, and how long it
lets them go on in between: else one long transaction beside it would keep every connection waiting."""


class MerchantBusy(TooMany):
    """Something long (an import) is writing for this merchant: nothing was done, try again."""

    code = "request.merchant_busy"


class Database:
    """The pool, the clock and who subscribes to which fact. One per process."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        sealer: Sealer,
        subscriptions: Subscriptions | None = None,
        pool_size: int = 16,
        connect_args: dict[str, Any] | None = None,
    ) -> None:
        self.url = url
        self.clock = clock
        self.sealer = sealer
        self.subscriptions = subscriptions or Subscriptions()
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=4,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            # JSON columns come as text, so that msgspec decodes them straight into the type that is wanted.
            json_deserializer=str,
            connect_args={
                "statement_cache_size": 400,
                "server_settings": {"jit": "off"},
                **socket_args(url),
                **(connect_args or {}),
            },
        )

    @asynccontextmanager
    async def tx(self, tenant_id: int, *, actor: str = "system") -> AsyncIterator[Tx]:
        """Open a transaction; commits when the block ends, rolls back when it raises."""
        begin = f"BEGIN; SELECT pg_advisory_xact_lock_shared({MERCHANT}, {_half(tenant_id)})"
        async with self._open(tenant_id, actor, Tx, begin) as tx:
            yield tx

    @asynccontextmanager
    async def alone(self, tenant_id: int, *, actor: str = "system") -> AsyncIterator[Tx]:
        """A transaction that no other writing one of this merchant runs beside: for what moves all that a person has.

        Whoever looked a member up before has committed, whoever comes after sees what this one did. Waits at most two
        seconds. Raises MerchantBusy.
        """
        begin = (
            f"BEGIN; SET LOCAL lock_timeout = {ALONE_WITHIN_MS}; "
            f"SELECT pg_advisory_xact_lock({MERCHANT}, {_half(tenant_id)}); SET LOCAL lock_timeout TO DEFAULT"
        )
        for again in reversed(range(ALONE_TRIES)):
            inside = False
            try:
                async with self._open(tenant_id, actor, Tx, begin) as tx:
                    inside = True
                    yield tx
                return
            except MerchantBusy:
                if inside or not again:
                    raise
            await asyncio.sleep(ALONE_PAUSE_S)

    @asynccontextmanager
    async def read(self, tenant_id: int, *, actor: str = "system") -> AsyncIterator[ReadTx]:
        """Open a read-only transaction with one snapshot for all its statements."""
        async with self._open(tenant_id, actor, ReadTx, READ_ONLY) as tx:
            yield tx

    @asynccontextmanager
    async def _open(self, tenant_id: int, actor: str, kind: type[AnyTx], begin: str) -> AsyncIterator[AnyTx]:
        assert not tx_is_open.get(), "a transaction is already open in this task"
        async with self.raw() as (connection, sql):
            token = tx_is_open.set(True)
            try:
                await _begin(sql, f"{begin}; SET LOCAL app.tenant_id = '{int(tenant_id)}'")
                tx = kind(self, connection, sql, tenant_id, actor)
                yield tx
                await tx.flush()
                await sql.execute("COMMIT")
            except BaseException:
                # Also when BEGIN or COMMIT was cancelled: the next user of the connection must not go on in this one.
                await _rollback(connection, sql)
                raise
            finally:
                tx_is_open.reset(token)

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[tuple[AsyncConnection, Any]]:
        """A pooled connection in autocommit, as SQLAlchemy and as asyncpg see it: for the queue's own statements."""
        connection = self.engine.connect()
        try:
            await connection.start()
        except DBAPIError as refused:
            raise DatabaseGone(type(refused.orig).__name__) from refused
        try:
            driver = await _living(connection)
            try:
                yield connection, driver
            except AWAY:
                await connection.invalidate()
                raise
            except asyncpg.InterfaceError as broken:
                if not driver.is_closed():
                    raise
                await connection.invalidate()
                raise DatabaseGone("the connection was closed") from broken
        finally:
            await connection.close()

    async def listen(self, channel: str, ring: Any) -> Any:
        """A connection of its own that calls `ring()` on each notification; the caller closes it."""
        connection = await asyncpg.connect(self.url)
        await connection.add_listener(channel, lambda *_: ring())
        return connection

    async def close(self) -> None:
        await self.engine.dispose()


class _ValuesChecked:
    """A value that its column cannot hold is the caller's mistake, though asyncpg calls it an interface error."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        if isinstance(error, ValueError) and isinstance(error, asyncpg.InterfaceError):
            raise Unstorable(str(error)[:200]) from None


_CHECK = _ValuesChecked()


def _values_checked() -> _ValuesChecked:
    return _CHECK


async def _living(connection: AsyncConnection) -> Any:
    """The driver's connection, opened again if it is dead: when PostgreSQL was started again all others of the pool are
    dead too, and each would cost one request. Raises DatabaseGone."""
    try:
        while True:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            if not driver.is_closed():
                return driver
            await connection.invalidate()
    except DBAPIError as refused:
        raise DatabaseGone(type(refused.orig).__name__) from refused


async def _begin(sql: Any, statements: str) -> None:
    try:
        await sql.execute(statements)
    except asyncpg.LockNotAvailableError as busy:
        raise MerchantBusy(retry_after_s=5) from busy


def _half(tenant_id: int) -> int:
    """A merchant's number as the second half of a lock: two that meet wait for each other and do nothing wrong."""
    return int(tenant_id) % 2**31


async def _rollback(connection: AsyncConnection, sql: Any) -> None:
    try:
        await asyncio.shield(sql.execute("ROLLBACK"))
    except (*AWAY, asyncio.CancelledError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.invalidate()


def sqlalchemy_url(url: str) -> str:
    """The same database as SQLAlchemy names it; a Unix socket goes through `socket_args`."""
    scheme, rest = url.split("://", 1)
    assert scheme in {"postgresql", "postgres"}, f"not a PostgreSQL address: {scheme}"
    return "postgresql+asyncpg://" + rest.split("?", 1)[0]


def socket_args(url: str) -> dict[str, Any]:
    """`?host=/dir` of a libpq address as asyncpg's connect arguments."""
    query = parse_qs(urlsplit(url).query)
    return {"host": query["host"][0]} if "host" in query else {}


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into columns for `unnest($1::…[], …)`; `width` empty columns when there are no rows."""
    turned = [list(column) for column in zip(*rows, strict=True)]
    return turned or [[] for _ in range(width)]

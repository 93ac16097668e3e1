"""Factories: what tests need to exist, made through the front doors."""

from dataclasses import dataclass
from itertools import count
from uuid import UUID

from argon2 import PasswordHasher

from huida.kernel.db import Database
from huida.modules import connections, members, tenants
from tests.asgi import Client

PASSWORD = "correct horse 42"
# Cheap parameters: tests hash one password, and the hash names its own parameters.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)

_numbers = count(1)


def number() -> int:
    """A number that no other thing of this run has."""
    return next(_numbers)


@dataclass(frozen=True)
class Person:
    """Somebody with a login."""

    id: UUID
    login: str
    tenant_id: int


async def merchant(db: Database, *, name: str = "会达小店", entitled: tuple[str, ...] = ()) -> int:
    """A fresh merchant; returns its tenant id."""
    async with db.tx(0) as tx:
        tenant_id = await tenants.create_merchant(tx, name=name, short_name=name)
    for module in entitled:
        async with db.tx(tenant_id) as tx:
            await tenants.entitle(tx, module)
    return tenant_id


async def nobody_connected(db: Database) -> None:
    """Let go of the apps that merchants of earlier tests have: each is connected once on a server."""
    async with db.raw() as (_, sql):
        rows = await sql.fetch("SELECT tenant_id, app_id FROM callback_routes")
    for row in rows:
        async with db.tx(row["tenant_id"]) as tx:
            await connections.disconnect(tx, row["app_id"])


async def store(db: Database, tenant_id: int, *, code: str = "S01", name: str = "人民路店") -> UUID:
    async with db.tx(tenant_id) as tx:
        return await tenants.create_store(tx, code=code, name=name)


async def member(
    db: Database, tenant_id: int, *, card_no: str | None = None, name: str = "林小满", phone: str | None = None
) -> UUID:
    async with db.tx(tenant_id) as tx:
        return await members.join(
            tx, card_no=card_no or f"{60_000_000 + number()}", name=name, phone=phone, channel="test"
        )


async def staff(db: Database, tenant_id: int, *, role: str = "store_admin", login: str | None = None) -> Person:
    """Somebody whose password is `PASSWORD`."""
    login = login or f"person{number()}-{tenant_id}"
    async with db.tx(tenant_id) as tx:
        staff_id = await tenants.create_staff(tx, login=login, name=login, role=role, password_hash=PASSWORD_HASH)
    return Person(staff_id, login, tenant_id)


async def operator(db: Database) -> Person:
    """An operator of the platform."""
    return await staff(db, 0, role="platform_admin")


async def key(db: Database, tenant_id: int, *scopes: str) -> str:
    """An API key with these scopes, all when none are named."""
    async with db.tx(tenant_id) as tx:
        _, secret = await tenants.create_key(tx, name="test", scopes=scopes or sorted(tenants.SCOPES))
    return secret.reveal()


async def logged_in(client: Client, person: Person) -> Client:
    """The same client with an open session."""
    reply = await client.log_in(person.login, PASSWORD)
    assert reply.status == 200, reply.text
    return client

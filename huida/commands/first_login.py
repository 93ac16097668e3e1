"""Ways in for the platform's operator: the first login of a new installation, and one after the password was forgotten.

Passwords are for a person's eyes: a service's output is kept in logs, and no service runs these.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from huida.commands.screen import Failure, Screen
from huida.kernel.clock import SHOP_ZONE
from huida.kernel.db import Database
from huida.main import build
from huida.modules import tenants
from huida.settings import Settings

OPERATOR: Final = "operator"
BY_COMMAND: Final = "system:rescue"

T = TypeVar("T")


def announced(settings: Settings, screen: Screen) -> None:
    """Make the operator when the platform has nobody yet, and show the password; afterwards this does nothing."""
    password = secrets.token_urlsafe(12)

    async def made(db: Database) -> bool:
        password_hash = await tenants.hashed(password, login=OPERATOR)
        return await tenants.bootstrap(db, login=OPERATOR, password_hash=password_hash)

    if asyncio.run(_with_database(settings, made)):
        screen.say("cli.first_login", login=OPERATOR, password=password)


def rescued(settings: Settings, screen: Screen, login: str) -> None:
    """Show a one-time password for an operator and turn the second factor off (U-06). Raises Failure for a stranger."""

    async def given(db: Database) -> tenants.OneTimePassword | None:
        return await tenants.rescue_operator(db, login=login, by=BY_COMMAND)

    found = asyncio.run(_with_database(settings, given))
    if found is None:
        raise Failure("cli.no_operator", login=login)
    until = f"{found['until'].astimezone(SHOP_ZONE):%Y-%m-%d %H:%M}"
    screen.say("cli.rescued", login=found["login"], password=found["password"], until=until)


async def _with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    system = build(settings)
    try:
        return await work(system.db)
    finally:
        await system.close()

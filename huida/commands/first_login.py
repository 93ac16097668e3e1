"""The first login of a new installation: the platform's operator, with a password that is shown once."""

import asyncio
import secrets
from typing import Final

from huida.commands.screen import Screen
from huida.main import build
from huida.modules import tenants
from huida.settings import Settings

OPERATOR: Final = "operator"


def announced(settings: Settings, screen: Screen) -> None:
    """Make the operator when the platform has nobody yet, and show the password; afterwards this does nothing.

    Only for a person's eyes: a service's output is kept in logs.
    """
    password = secrets.token_urlsafe(12)
    if asyncio.run(_made(settings, password)):
        screen.say("cli.first_login", login=OPERATOR, password=password)


async def _made(settings: Settings, password: str) -> bool:
    system = build(settings)
    try:
        return await tenants.bootstrap(
            system.db, login=OPERATOR, password_hash=await tenants.hashed(password, login=OPERATOR)
        )
    finally:
        await system.close()

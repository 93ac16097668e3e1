"""What messaging asks of SMS: which provider and signature a merchant sends with, and the platform's locked texts."""

from dataclasses import dataclass

from huida.kernel.db import Tx
from huida.providers.sms.provider import SmsCredentials


@dataclass(frozen=True, slots=True)
class SmsRoute:
    """How a merchant's messages go out: provider, credentials, signature (S1-99..S1-101, X-04) and price of a part."""

    provider: str
    credentials: SmsCredentials
    sign_name: str
    part_fen: int


@dataclass(frozen=True, slots=True)
class SmsText:
    """A platform-owned text (S1-112): `params` maps its variables to the scenario's variables, in the provider's order."""

    scenario: str
    template_code: str
    content: str
    params: dict[str, str]


async def route(tx: Tx) -> SmsRoute | None:
    """The merchant's way to send, or None when the platform has no provider."""
    raise LookupError(tx.tenant_id)


async def texts(tx: Tx, provider: str) -> dict[str, SmsText]:
    """The platform's texts at a provider by scenario."""
    raise LookupError(provider, tx.tenant_id)

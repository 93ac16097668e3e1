"""What doors share that let people in who are not logged in."""

from fastapi import Request

from huida.kernel.db import Database
from huida.kernel.errors import NotFound, TooMany
from huida.kernel.networks import network_of
from huida.kernel.rates import Buckets
from huida.modules import tenants


async def merchant_of(db: Database, m: int | None) -> int:
    """The open merchant with this number, or the only one there is. Raises NotFound."""
    async with db.read(0) as tx:
        found = await tenants.find_open_merchant(tx, m)
    if found is None:
        raise NotFound(code="merchant.not_found", where="m")
    return found


def limited_here(buckets: Buckets, request: Request) -> None:
    """One subscriber counts as one, whichever of its addresses it takes. Raises TooMany."""
    limited(buckets, network_of(address_of(request)))


def limited(buckets: Buckets, key: str) -> None:
    """Raises TooMany."""
    wait_s = buckets.try_take(key)
    if wait_s:
        raise TooMany(retry_after_s=int(wait_s) + 1)


def address_of(request: Request) -> str:
    return request.client.host if request.client else "?"

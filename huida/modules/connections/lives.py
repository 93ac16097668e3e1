"""What WeChat pushed about a member who is erased."""

from collections.abc import Sequence

from huida.kernel.db import Tx


async def wipe(tx: Tx, openids: Sequence[str]) -> None:
    """Erase the pushes that name these WeChat accounts: in their address, or in a body that was not encrypted."""
    for openid in openids:
        await tx.execute(
            "DELETE FROM callback_inbox WHERE tenant_id = $1 AND (query->>'openid' = $2 OR position($3 IN body) > 0)",
            *(tx.tenant_id, openid, openid.encode()),
        )

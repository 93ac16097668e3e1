"""What payments have of a member who is erased."""

from collections.abc import Sequence

from huida.kernel.db import Tx


async def wipe(tx: Tx, openids: Sequence[str]) -> None:
    """Erase by which WeChat accounts payments were made; amounts and transaction numbers stay."""
    await tx.execute(
        "UPDATE payments SET openid = '' WHERE tenant_id = $1 AND openid = ANY($2)", tx.tenant_id, list(openids)
    )

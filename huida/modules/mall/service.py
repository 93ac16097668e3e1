"""What every part of the mall needs: is it open to this merchant, and what did the merchant decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from huida.kernel.db import Tx
from huida.kernel.errors import Forbidden, Invalid
from huida.modules import tenants

MODULE: Final = "mall"
"""The paid add-on. Without it nothing new begins; what was ordered can still be sent, refunded and paid out."""
AMOUNTS_FEN: Final = (5_000, 10_000, 20_000, 50_000)
AMOUNTS_MOST: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    complete_after_days: int = 10
    recharge_on: bool = True
    recharge_amounts: tuple[int, ...] = AMOUNTS_FEN
    withdraw_on: bool = True
    withdraw_from_fen: int = 100


async def is_open(tx: Tx) -> bool:
    """Whether the merchant has the mall."""
    return await tenants.is_entitled(tx, MODULE)


async def require_open(tx: Tx) -> None:
    """Raises Forbidden for a merchant that has not bought the mall."""
    if not await is_open(tx):
        raise Forbidden(code="mall.not_entitled")


async def settings_of(tx: Tx) -> Settings:
    """What the merchant decided, or the defaults."""
    row = await tx.row("SELECT * FROM mall_settings WHERE tenant_id = $1", tx.tenant_id)
    if row is None:
        return Settings()
    return Settings(
        complete_after_days=row["complete_after_days"],
        recharge_on=row["recharge_on"],
        recharge_amounts=tuple(row["recharge_amounts"]),
        withdraw_on=row["withdraw_on"],
        withdraw_from_fen=row["withdraw_from_fen"],
    )


async def save_settings(tx: Tx, new: Settings) -> None:
    """Effective now; orders that are on their way keep their day. Raises Invalid, naming the field."""
    _check(new.recharge_amounts)
    if not 1 <= new.complete_after_days <= 60:
        raise Invalid(code="mall.bad_days", where="complete_after_days")
    if not 1 <= new.withdraw_from_fen <= 100_000_000:
        raise Invalid(code="mall.bad_amount", where="withdraw_from_fen")
    await tx.execute(
        "INSERT INTO mall_settings (tenant_id, complete_after_days, recharge_on, recharge_amounts, withdraw_on, "
        "withdraw_from_fen, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id) DO UPDATE SET "
        "complete_after_days = excluded.complete_after_days, recharge_on = excluded.recharge_on, "
        "recharge_amounts = excluded.recharge_amounts, withdraw_on = excluded.withdraw_on, "
        "withdraw_from_fen = excluded.withdraw_from_fen, updated_at = excluded.updated_at",
        *(tx.tenant_id, new.complete_after_days, new.recharge_on, list(new.recharge_amounts), new.withdraw_on),
        *(new.withdraw_from_fen, tx.now),
    )


def _check(amounts: Sequence[int]) -> None:
    fine = 1 <= len(amounts) <= AMOUNTS_MOST and len(set(amounts)) == len(amounts)
    if not fine or not all(1 <= amount <= 10_000_000 for amount in amounts):
        raise Invalid(code="mall.bad_recharge_amounts", where="recharge_amounts", most=AMOUNTS_MOST)

"""A shop moves in: its members and what they bought in earlier years, from files, at the console's doors."""

from collections.abc import Sequence

from tests.books import cdnow
from tests.moving_kit import counts, moved_in
from tests.shop import Shop

LINES = 15_000
"""Of one file."""


async def bring_in(shop: Shop, story: cdnow.Story) -> None:
    """Import the people, then the purchases that are older than what a till may report."""
    await _import(shop, "卡号,姓名", [f"{card},顾客{card}" for card in story.cards], "members")
    today = shop.world.clock.now().astimezone(cdnow.SHANGHAI).date()
    bought = [
        f"S01,H{one.number},{one.card},{one.total / 100:.2f},{cdnow.moved(one.on, today):%Y-%m-%d %H:%M}"
        for one in story.history
    ]
    await _import(shop, "门店,小票号,卡号,金额,时间", bought, "purchases")


async def _import(shop: Shop, head: str, lines: Sequence[str], kind: str) -> None:
    for start in range(0, len(lines), LINES):
        some = lines[start : start + LINES]
        done = await moved_in(shop.world, shop.staff, "\n".join([head, *some]), kind=kind)
        assert counts(done) == (len(some), 0, 0, 0), done

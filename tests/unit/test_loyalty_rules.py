"""What a payment earns and how stored value pays, pure."""

from datetime import date, datetime

import pytest

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.money import Fen
from huida.modules.loyalty import GiftTier, Level, Rules
from huida.modules.loyalty import rules as pure

LEVELS = (Level(code="normal", name="普通"), Level(code="gold", name="金卡", growth=1000, rate_bp=15_000))


@pytest.mark.parametrize(
    ("paid", "level", "store", "points"),
    [(2500, "normal", "S01", 25), (2599, "normal", "S01", 25), (99, "normal", "S01", 0), (2500, "gold", "S01", 37),
     (2500, "gold", "S02", 75), (2500, "gone", "S01", 25), (-100, "normal", "S01", 0)],
)  # fmt: skip
def test_points_are_rounded_down_once(paid: int, level: str, store: str, points: int) -> None:
    rules = Rules(levels=LEVELS, store_rate_bp={"S02": 20_000})
    assert pure.points_for(rules, Fen(paid), level=level, store=store) == points


@pytest.mark.parametrize(("paid", "gift"), [(9999, 0), (10000, 500), (49999, 500), (50000, 5000)])
def test_the_best_gift_that_a_recharge_reaches(paid: int, gift: int) -> None:
    rules = Rules(gift_tiers=(GiftTier(from_fen=50000, gift_fen=5000), GiftTier(from_fen=10000, gift_fen=500)))
    assert pure.gift_for(rules, Fen(paid)).gift_fen == gift


@pytest.mark.parametrize(
    ("amount", "principal", "gift", "split"),
    [(5000, 10000, 2500, (4000, 1000)), (1, 10000, 2500, (1, 0)), (12500, 10000, 2500, (10000, 2500)),
     (100, 0, 100, (0, 100)), (100, 100, 0, (100, 0)), (101, 50, 50, (101, 0)), (5, 0, 0, (5, 0))],
)  # fmt: skip
def test_stored_value_pays_in_proportion(amount: int, principal: int, gift: int, split: tuple[int, int]) -> None:
    assert pure.split_payment(Fen(amount), principal=principal, gift=gift) == split


def test_a_payment_never_takes_more_gift_than_there_is() -> None:
    for gift in range(0, 40):
        for amount in range(1, 60 + gift):
            own, free = pure.split_payment(Fen(amount), principal=60, gift=gift)
            assert own + free == amount
            assert 0 <= free <= gift
            assert own <= 60 or amount > 60 + gift


@pytest.mark.parametrize(
    ("months", "expires"),
    [(0, None), (1, datetime(2027, 1, 1, tzinfo=SHOP_ZONE)), (12, datetime(2027, 12, 1, tzinfo=SHOP_ZONE))],
)
def test_points_expire_at_the_end_of_a_month(months: int, expires: datetime | None) -> None:
    assert pure.expiry_of(Rules(points_expire_months=months), date(2026, 11, 21)) == expires


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (Rules(points_per_100_yuan=-1), "points_per_100_yuan"),
        (Rules(levels=()), "levels"),
        (Rules(levels=(LEVELS[0], LEVELS[0])), "levels"),
        (Rules(gift_tiers=(GiftTier(from_fen=0),)), "gift_tiers"),
        (Rules(store_rate_bp={"S01": -1}), "store_rate_bp"),
        (Rules(points_expire_months=121), "points_expire_months"),
        (Rules(), None),
    ],
)
def test_rules_that_make_no_sense_are_named(rules: Rules, field: str | None) -> None:
    assert rules.check() == field

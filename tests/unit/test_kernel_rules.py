"""Money, ids, arrays, days: the small things that everything rests on."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from huida.kernel import arrays
from huida.kernel.clock import ShiftedClock, business_day
from huida.kernel.ids import uuid7
from huida.kernel.money import bp_of, fen, yuan


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00"), (1, "0.01"), (100, "1.00"), (-1, "-0.01"), (-2550, "-25.50"), (10**12, "10000000000.00")],
)
def test_fen_are_shown_as_yuan_and_read_back(amount: int, text: str) -> None:
    assert yuan(amount) == text
    assert fen(text) == amount


@pytest.mark.parametrize(("text", "amount"), [("12.5", 1250), ("¥12.50元", 1250), ("3", 300), (" 0.1 ", 10)])
def test_yuan_as_people_write_them(text: str, amount: int) -> None:
    assert fen(text) == amount


@pytest.mark.parametrize("text", ["", "1.234", "1,000", "1e3", "--1", "NaN", "."])
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        fen(text)


def test_basis_points_round_down() -> None:
    assert [bp_of(9999, 100), bp_of(100, 10_000), bp_of(1, 9_999)] == [99, 100, 0]


def test_ids_rise_and_are_version_seven() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == 20_000
    assert {(one.version, one.variant) for one in map(UUID, map(str, made[:100]))} == {(7, "specified in RFC 4122")}


def test_arrays_quote_what_postgres_would_read_otherwise() -> None:
    assert arrays.texts(["a", 'b"c', "d\\e", "", "NULL", None, "f,g", "{h}"]) == (
        '{"a","b\\"c","d\\\\e","","NULL",NULL,"f,g","{h}"}'
    )
    assert arrays.ints([1, None, -2]) == "{1,NULL,-2}"


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), date(2026, 11, 22)),
    ],
)
def test_the_shops_day_turns_at_midnight_in_china(moment: datetime, day: date) -> None:
    assert business_day(moment) == day


def test_a_shifted_clock_goes_on() -> None:
    clock = ShiftedClock()
    before = clock.now()
    clock.advance(timedelta(hours=2))
    assert timedelta(hours=2) <= clock.now() - before < timedelta(hours=2, minutes=1)

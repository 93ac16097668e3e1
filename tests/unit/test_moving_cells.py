"""Titles and cells as they are understood: every known word in every dress, amounts that are exact or refused (B-03, B-18, B-20)."""

from datetime import date, datetime
from typing import Any

import pytest

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.errors import Invalid
from huida.kernel.intake.tables import Mark, Number
from huida.kernel.intake.texts import title
from huida.modules.moving import cells
from huida.modules.moving.titles import KINDS, NEEDED, recognised

DRESSES = ("{}", " {} ", "*{}", "{}*", "{}(必填)", "{}（选填）", "【{}】", "\u200b{}\ufeff", "{}:", "{}：")
TRADITIONAL = {
    "卡號": "card_no",
    "會員編號": "card_no",
    "手機": "phone",
    "聯繫電話": "phone",
    "備註": "note",
    "積分": "points",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_in_every_dress(kind: str) -> None:
    needed = [KINDS[kind][group[0]][0] for group in NEEDED[kind]]
    for field, words in KINDS[kind].items():
        for word in words:
            for dress in DRESSES:
                for text in (dress.format(word), dress.format(word.upper()), dress.format(" ".join(word))):
                    others = [one for one in needed if recognised_as(kind, one) != field]
                    columns = recognised(kind, [text, *others], 0)
                    wanted = None if (kind, field) == ("purchases", "name") else field
                    assert (text, columns[0].field) == (text, wanted)


def recognised_as(kind: str, word: str) -> str | None:
    return next((field for field, words in KINDS[kind].items() if title(word) in map(title, words)), None)


@pytest.mark.parametrize("text", TRADITIONAL)
def test_traditional_characters(text: str) -> None:
    assert recognised_as("members", text) == TRADITIONAL[text]


def test_no_word_means_two_things() -> None:
    for kind, fields in KINDS.items():
        meanings: dict[str, set[str]] = {}
        for field, words in fields.items():
            for word in words:
                meanings.setdefault(title(word), set()).add(field)
        assert {word: fields for word, fields in meanings.items() if len(fields) > 1} == {}, kind


FEN: dict[Any, int | str] = {
    "356.50": 35650,
    "356.5": 35650,
    "¥1,234.00": 123400,
    "１２.３元": 1230,
    "12.300": 1230,
    "0": 0,
    "": 0,
    7: 700,
    356.5: 35650,
    356.49999999999994: 35650,
    Number(1236.5, "1236.5"): 123650,
    '="12.34"': 1234,
    "12.345": "moving.not_fen",
    "1,23": "moving.no_number",
    "1.23E+3": "moving.no_number",
    "abc": "moving.no_number",
    "-1": "moving.negative",
    "999999999999": "moving.too_much",
    True: "moving.no_number",
    date(2026, 1, 1): "moving.no_number",
    Number(356.499, None): "moving.shown_otherwise",
    Mark("error"): "moving.cell_error",
    Mark("merged"): "moving.cell_merged",
}


@pytest.mark.parametrize("cell", FEN, ids=str)
def test_amounts_are_exact_or_refused(cell: Any) -> None:
    expected = FEN[cell]
    if isinstance(expected, int):
        assert cells.fen(cell, "principal_fen") == expected
        return
    with pytest.raises(Invalid) as refused:
        cells.fen(cell, "principal_fen")
    assert (refused.value.code, refused.value.where) == (expected, "principal_fen")


MOMENTS: dict[Any, datetime | None] = {
    "2021-05-06": datetime(2021, 5, 6),
    "2021/5/6 9:05": datetime(2021, 5, 6, 9, 5),
    "2021.5.6 09:05:07": datetime(2021, 5, 6, 9, 5, 7),
    "2021年5月6日": datetime(2021, 5, 6),
    "2021-05-06T09:05:07.123": datetime(2021, 5, 6, 9, 5, 7),
    "２０２１-05-06": datetime(2021, 5, 6),
    "20210506": datetime(2021, 5, 6),
    datetime(2021, 5, 6, 9, 5): datetime(2021, 5, 6, 9, 5),
    date(2021, 5, 6): datetime(2021, 5, 6),
    "": None,
}


@pytest.mark.parametrize("cell", MOMENTS, ids=str)
def test_times_are_the_shops(cell: Any) -> None:
    expected = MOMENTS[cell]
    assert cells.moment(cell) == (None if expected is None else expected.replace(tzinfo=SHOP_ZONE))


@pytest.mark.parametrize(
    "cell", ["5/7/1990", "05-07", "明天", 33000, "2021-02-30", "2021-05-06 25:00", Mark("error"), True]
)
def test_what_could_be_two_days_is_none(cell: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        cells.moment(cell)

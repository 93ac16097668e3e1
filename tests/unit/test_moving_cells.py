"""Titles and cells as they are understood: every known word in every dress, amounts that are exact or refused (B-03, B-18, B-20)."""

from datetime import date, datetime
from typing import Any

import pytest

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.errors import Invalid
from huida.kernel.intake.tables import Mark, Number
from huida.kernel.intake.texts import title
from huida.modules.moving import cells
from huida.modules.moving.words.titles import KINDS, NEEDED, recognised

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
    date(2026, 1, 1): "moving.is_date",
    datetime(2026, 1, 1, 9): "moving.is_date",
    "12345分": "moving.unit_in_cell",
    "5角": "moving.unit_in_cell",
    "1.2万": "moving.unit_in_cell",
    "$5": "moving.unit_in_cell",
    "＄5": "moving.unit_in_cell",
    "5 USD": "moving.unit_in_cell",
    "€5": "moving.unit_in_cell",
    "100 20": "moving.blank_in_number",
    "1 2": "moving.blank_in_number",
    "1\n2": "moving.blank_in_number",
    "1, 234": "moving.blank_in_number",
    "RMB 12.30": 1230,
    "12.30 元": 1230,
    "¥ 1,234.00": 123400,
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


UNITS: dict[tuple[str, str], int | str] = {
    ("12345", "fen"): 123_45,
    ("12345.5", "fen"): "moving.not_fen",
    ("3", "jiao"): 30,
    ("1.2", "thousand"): 1_200_00,
    ("1.2345", "ten_thousand"): 12_345_00,
    ("1.234567", "ten_thousand"): 12_345_67,
    ("1.2345678", "ten_thousand"): "moving.not_fen",
}


@pytest.mark.parametrize("cell", UNITS, ids=str)
def test_amounts_in_another_unit_are_as_exact(cell: tuple[str, str]) -> None:
    expected = UNITS[cell]
    try:
        assert cells.fen(cell[0], "principal_fen", cell[1]) == expected
    except Invalid as refused:
        assert refused.code == expected


def test_points_in_thousands() -> None:
    assert cells.points("1.2", "points", "thousand") == 1200
    assert cells.points("100分", "points") == 100
    with pytest.raises(Invalid) as refused:
        cells.points("100元", "points")
    assert refused.value.code == "moving.no_number"


BRACKETS: dict[str, tuple[str | None, str]] = {
    "储值余额(元)": ("principal", ""),
    "储值余额（人民币）(必填)": ("principal", ""),
    "余额(RMB)": ("principal", ""),
    "储值余额(单位：分)": ("principal", "fen"),
    "储值余额(分)": ("principal", "fen"),
    "余额(万元)": ("principal", "ten_thousand"),
    "余额【千】": ("principal", "thousand"),
    "余额(元)(分)": (None, ""),
    "累计消费(分)": ("growth", "fen"),
    "成长值(分)": (None, ""),
    "积分(分)": ("points", ""),
    "积分(千)": ("points", "thousand"),
    "积分(元)": (None, ""),
    "积分(已过期)": (None, ""),
    "储值余额(已用)": (None, ""),
    "储值余额（含赠金）": (None, ""),
    "储值余额($)": (None, ""),
    "储值余额(USD)": (None, ""),
    "储值余额(格式:分)": (None, ""),
    "手机号(紧急联系人)": (None, ""),
    "手机号（11位）": ("phone", ""),
    "生日(农历)": (None, ""),
    "生日(格式：1990-01-01)": ("birthday", ""),
    "生日(yyyy-MM-dd)": ("birthday", ""),
    "会员卡号(选填，文本)": ("card_no", ""),
    "手机号(必填, 11位)": ("phone", ""),
    "储值余额(必填，分)": ("principal", "fen"),
    "储值余额(元、分)": (None, ""),
    "储值余额(元，含赠金)": (None, ""),
    "Phone (optional)": ("phone", ""),
    "【卡号】": ("card_no", ""),
}


@pytest.mark.parametrize("text", BRACKETS)
def test_what_stands_in_brackets_is_harmless_a_unit_or_nobody_knows(text: str) -> None:
    other = "手机" if "卡号" in text else "卡号"
    column = recognised("members", [text, other], 0)[0]
    assert (column.field, column.unit) == BRACKETS[text]
    assert (column.why != "") is (column.field is None)


MOMENTS: dict[Any, datetime | None] = {
    "2021-05-06": datetime(2021, 5, 6),
    "2021/5/6 9:05": datetime(2021, 5, 6, 9, 5),
    "2021.5.6 09:05:07": datetime(2021, 5, 6, 9, 5, 7),
    "2021年5月6日": datetime(2021, 5, 6),
    "2021-05-06T09:05:07.123": datetime(2021, 5, 6, 9, 5, 7),
    "２０２１-05-06": datetime(2021, 5, 6),
    "20210506": datetime(2021, 5, 6),
    "2024-01-05T09:05:00+08:00": datetime(2024, 1, 5, 9, 5),
    "2024-01-05T09:05:00.123+0000": datetime(2024, 1, 5, 17, 5),
    "2024-01-05t20:05:00z": datetime(2024, 1, 6, 4, 5),
    "2024-01-05 20:05:00-05:00": datetime(2024, 1, 6, 9, 5),
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

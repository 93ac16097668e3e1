"""Billed length of text messages (S1-104…S1-110)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huida.providers.sms.parts import (
    MissingVariable,
    billed_parts,
    cost_fen,
    full_text,
    length,
    render,
    variables,
)


@pytest.mark.covers("S1-105", "S1-106", "S1-108", "S1-109")
@pytest.mark.parametrize(
    ("characters", "parts", "fen"),
    [(1, 1, 10), (70, 1, 10), (71, 2, 20), (134, 2, 20), (135, 3, 30), (150, 3, 30), (160, 3, 30), (500, 8, 80)],
)
def test_billed_parts_and_cost(characters: int, parts: int, fen: int) -> None:
    text = "会" * characters
    assert (billed_parts(text), cost_fen(text, part_fen=10)) == (parts, fen)
    assert billed_parts("a" * characters) == parts


@pytest.mark.covers("S1-104", "S1-110")
def test_signature_with_its_brackets_link_and_values_count() -> None:
    body = render("${name}，您的积分即将过期 ${link}", {"name": "王小明", "link": "https://t.cn/abc"})
    text = full_text("会达", body)
    assert text == "【会达】王小明，您的积分即将过期 https://t.cn/abc"
    assert length(text) == 4 + 3 + 10 + 16
    assert billed_parts(full_text("会达", "x" * 66)) == 1
    assert billed_parts(full_text("会达", "x" * 67)) == 2


def test_a_character_outside_the_first_plane_takes_two_places() -> None:
    assert (length("𠮷"), billed_parts("会" * 69 + "𠮷")) == (2, 2)


def test_variables_and_what_is_missing() -> None:
    assert variables("${a}和${b}，${a}") == ("a", "b")
    with pytest.raises(MissingVariable) as raised:
        render("${a}和${b}", {"a": "1"})
    assert raised.value.name == "b"


def test_values_are_not_rendered_again() -> None:
    assert render("${a}", {"a": "${b}", "b": "x"}) == "${b}"


@given(st.integers(min_value=1, max_value=2000))
def test_parts_hold_the_text(characters: int) -> None:
    parts = billed_parts("字" * characters)
    assert characters <= (70 if parts == 1 else 67 * parts)
    assert parts == 1 or characters > max(70, 67 * (parts - 1))

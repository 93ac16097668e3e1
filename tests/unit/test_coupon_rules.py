"""Coupons' pure rules: terms, worth, codes."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from huida.kernel.errors import AppError
from huida.modules.coupons import Terms, rules

CASH = Terms(name="满30减5元券", kind="cash", amount_fen=500, threshold_fen=3000, total=10, valid_days=30)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": " "}, "coupon.bad_name"),
        ({"kind": "voucher"}, "coupon.bad_kind"),
        ({"amount_fen": 0}, "coupon.bad_amount"),
        ({"threshold_fen": 499}, "coupon.bad_threshold"),
        ({"threshold_fen": -1}, "coupon.bad_threshold"),
        ({"per_member": 0}, "coupon.bad_per_member"),
        ({"valid_days": None}, "coupon.bad_validity"),
        ({"valid_days": 0}, "coupon.bad_validity"),
        ({"valid_to": date(2026, 12, 1)}, "coupon.bad_validity"),
        ({"kind": "discount", "amount_fen": 0}, "coupon.bad_discount"),
        ({"kind": "gift"}, "coupon.bad_amount"),
    ],
)
def test_terms_that_make_no_sense(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(AppError) as refused:
        rules.check_terms(replace(CASH, **changes))
    assert (refused.value.status, refused.value.code) == (422, code)


@pytest.mark.parametrize(
    ("kind", "amount_fen", "discount_bp", "order_fen", "off_fen"),
    [
        ("cash", 500, 0, 3000, 500),
        ("cash", 500, 0, 300, 300),
        ("discount", 0, 8500, 9999, 1499),
        ("discount", 1000, 8500, 9999, 1000),
        ("gift", 0, 0, 9999, 0),
    ],
)
def test_what_a_coupon_takes_off(kind: str, amount_fen: int, discount_bp: int, order_fen: int, off_fen: int) -> None:
    worth = rules.worth_fen(kind=kind, amount_fen=amount_fen, discount_bp=discount_bp, order_fen=order_fen)
    assert worth == off_fen


def test_the_check_letter_finds_every_wrong_and_every_swapped_letter() -> None:
    code = rules.new_code()
    wrong = [code[:i] + letter + code[i + 1 :] for i in range(10) for letter in rules.ALPHABET if letter != code[i]]
    swapped = [code[:i] + code[i + 1] + code[i] + code[i + 2 :] for i in range(8) if code[i] != code[i + 1]]
    for mistyped in (*wrong, *swapped):
        with pytest.raises(AppError):
            rules.normal_code(mistyped)

"""Phones and card numbers as people paste them, folded the same way at every door (B-15 to B-17, B-22, M-09).

A number that looks right on the screen is right: what the eye does not see, full-width forms and grouping make no
difference. What still cannot be read is refused with the character that is the trouble, and never guessed.
"""

import re
from typing import Final

from huida.kernel.errors import Invalid
from huida.kernel.intake.texts import folded

PHONE: Final = re.compile(r"1[3-9][0-9]{9}")
"""In plain digits: other scripts have digits too, and each would make the same phone another one."""
CARD_NO: Final = re.compile(r"[0-9A-Za-z-]{4,32}")
_FLOAT: Final = re.compile(r"([0-9]+)\.0+")
"""A whole number as programs write it that know only fractions."""
_FORMULA_TEXT: Final = re.compile(r'="([^"]*)"')
"""How spreadsheets, this product's own exports too, are told that a number is a text."""
_DASHES: Final = frozenset("-‐‑‒–—―−﹣－ー")
_GROUPING: Final = re.compile(r"[\s().,'·/]")
_SEVERAL: Final = re.compile(r"[;；、\n|]|[/,，\s]+(?=(?:\+|00)?(?:86)?[\s-]*1[3-9])")
"""What stands between two numbers in one field."""


def told_as_text(text: str) -> str:
    """`="00001236"` and `'00001236` as the text that is meant; any other text as it is."""
    match = _FORMULA_TEXT.fullmatch(text)
    return match[1] if match else text.removeprefix("'")


def fold_phone(text: str) -> str:
    """A mainland mobile number in its 11 digits, however it was grouped.

    Raises Invalid: `member.two_phones` for two numbers, `member.bad_phone_character` naming the character, else
    `member.bad_phone`.
    """
    plain = told_as_text(folded(text))
    if len(_numbers(plain)) > 1:
        raise Invalid(code="member.two_phones", where="phone")
    float_form = _FLOAT.fullmatch(plain)
    if float_form:
        plain = float_form[1]
    digits = _GROUPING.sub("", "".join("" if letter in _DASHES else letter for letter in plain))
    digits = digits.removeprefix("+")
    if len(digits) == 15 and digits.startswith("0086"):
        digits = digits[4:]
    if len(digits) == 13 and digits.startswith("86"):
        digits = digits[2:]
    if PHONE.fullmatch(digits):
        return digits
    strange = next((letter for letter in digits if not ("0" <= letter <= "9")), None)
    if strange is not None and sum(letter.isdigit() for letter in digits) >= 7:
        raise Invalid(code="member.bad_phone_character", where="phone", character=strange)
    raise Invalid(code="member.bad_phone", where="phone")


def _numbers(plain: str) -> list[str]:
    """The parts of a field that hold a phone's worth of digits each."""
    return [part for part in _SEVERAL.split(plain) if sum(letter.isdigit() for letter in part) >= 7]


def fold_card(text: str) -> str:
    """A card number without blanks and invisible characters, in plain letters and digits; its case stays.

    Raises Invalid: `member.two_cards` for several numbers, else `member.bad_card_no`.
    """
    plain = told_as_text(folded(text))
    if re.search(r"[;；、\n|]", plain):
        raise Invalid(code="member.two_cards", where="card_no")
    number = re.sub(r"\s", "", "".join("-" if letter in _DASHES else letter for letter in plain))
    if not CARD_NO.fullmatch(number):
        raise Invalid(code="member.bad_card_no", where="card_no")
    return number


def card_key(card_no: str) -> str:
    """What two card numbers have in common that are the same to people: `VIP0001` and `vip0001` are one card."""
    return card_no.upper()


def fold_ref(kind: str, value: str) -> str:
    """What two ways to name one member have in common (`card_no`, `phone`; anything else, and what is none, as it is)."""
    try:
        if kind == "phone":
            return fold_phone(value)
        return card_key(fold_card(value)) if kind == "card_no" else value
    except Invalid:
        return value

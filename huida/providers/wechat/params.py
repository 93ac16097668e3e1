"""Types and limits of template values, as data (reference: wechat-platform §2.6, §3.5; requirement P-01).

`check` says whether WeChat would refuse a value with 47003; `fit` makes a value that it accepts, or raises. Both are
pure and run for every message before anything is sent. Where the reference is unsure, these are stricter than it:
emoji and spaces inside `character_string` are not let through.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final, Literal

from huida.kernel.clock import SHOP_ZONE

_HAN: Final = "㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff"
# Control and formatting characters, private use, variation selectors, emoji.
_BANNED: Final = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\uf8ff\ufe00-\ufe0f\ufeff"
    "\ufff0-\uffff\U0001f000-\U0001faff\U000e0000-\U0010ffff"
)
_SYMBOLS: Final = r"!-/:-@\[-`{-~¥￥$€£·…—‘’“”、。《》【】（），！？；：～"
# Digits are ASCII, as WeChat takes them: `\d` would take those of every script.
_CLOCK: Final = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"
_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DAY: Final = r"(?:0?[1-9]|[12][0-9]|3[01])"
_DATE: Final = rf"(?:[0-9]{{4}}年{_MONTH}月(?:{_DAY}日)?|{_MONTH}月{_DAY}日|[0-9]{{4}}([-/.]){_MONTH}(?:\1{_DAY})?|{_MONTH}[-/.]{_DAY})"
_DATE_2: Final = _DATE.replace(r"\1", r"\2")
_POINT: Final = rf"(?:{_DATE}(?: ?{_CLOCK})?|{_CLOCK})"
_POINT_2: Final = rf"(?:{_DATE_2}(?: ?{_CLOCK})?|{_CLOCK})"
_MOMENT: Final = rf"{_POINT}(?:~{_POINT_2})?"
_WHOLE_DAY: Final = re.compile(r"(?:(?<![0-9])([0-9]{4})[-/.年])?(?<![0-9])([0-9]{1,2})[-/.月]([0-9]{1,2})(?![0-9])")
_LEAP_YEAR: Final = 2024  # a day without its year exists when some year has it
_DATED: Final = rf"{_DATE}(?: ?{_CLOCK})?(?:~{_DATE_2}(?: ?{_CLOCK})?)?"

Trouble = Literal["empty", "too_long", "characters", "format", "unknown_choice"]


class Kind(StrEnum):
    """The type of a template value; `TEXT` is the free text of historical templates."""

    THING = "thing"
    NUMBER = "number"
    LETTER = "letter"
    SYMBOL = "symbol"
    CHARACTER_STRING = "character_string"
    TIME = "time"
    DATE = "date"
    AMOUNT = "amount"
    PHONE_NUMBER = "phone_number"
    CAR_NUMBER = "car_number"
    NAME = "name"
    PHRASE = "phrase"
    ENUM = "enum"
    CONST = "const"
    SHORT_THING = "short_thing"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Rule:
    """How long a value may be (code points) and what it must look like."""

    limit: int
    pattern: re.Pattern[str]


def _rule(limit: int, pattern: str) -> Rule:
    return Rule(limit, re.compile(pattern))


_FREE: Final = rf"[^{_BANNED}]*[^\s{_BANNED}][^{_BANNED}]*"

RULES: Final[dict[Kind, Rule]] = {
    Kind.THING: _rule(20, _FREE),
    Kind.NUMBER: _rule(32, r"-?[0-9]{1,32}(?:\.[0-9]+)?"),
    Kind.LETTER: _rule(32, r"[A-Za-z]{1,32}"),
    Kind.SYMBOL: _rule(5, rf"[{_SYMBOLS}]{{1,5}}"),
    Kind.CHARACTER_STRING: _rule(32, r"[\x21-\x7e]{1,32}"),
    Kind.TIME: _rule(64, _MOMENT),
    Kind.DATE: _rule(64, _DATED),
    Kind.AMOUNT: _rule(32, r"[¥￥$€£]?[0-9]{1,10}(?:\.[0-9]{1,2})?元?"),
    Kind.PHONE_NUMBER: _rule(17, r"[0-9+\-() ]*[0-9][0-9+\-() ]*"),
    Kind.CAR_NUMBER: _rule(8, rf"[A-Za-z0-9{_HAN}](?:[A-Za-z0-9]{{0,6}}[A-Za-z0-9{_HAN}])?"),
    Kind.NAME: _rule(20, rf"[^\d{_BANNED}]*[^\s\d{_BANNED}][^\d{_BANNED}]*"),  # no digit of any script
    Kind.PHRASE: _rule(5, r"[一-鿿]{1,5}"),
    Kind.ENUM: _rule(20, _FREE),
    Kind.CONST: _rule(20, _FREE),
    Kind.SHORT_THING: _rule(10, _FREE),
    Kind.TEXT: _rule(200, _FREE),
}
NAME_LIMIT_WITH_HAN: Final = 10

_BANNED_RUN = re.compile(f"[{_BANNED}]+")
_BANNED_ANY = re.compile(f"[{_BANNED}]")
_SPACES = re.compile(r"\s+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_DIGITS = re.compile(r"\d+")
_NOT_PHRASE = re.compile(r"[\s!-/:-@\[-`{-~·…—‘’“”、。《》【】（），！？；：～]+")
_PLATE_FILL = re.compile(r"[\s·.\-]+")
_AMOUNT_PARTS = re.compile(r"([¥￥$€£]?)([0-9]+)(?:\.([0-9]+))?(元?)")
_KEY = re.compile(r"([a-z_]+?)_?(\d*)")
# The label before a field is looked for from the field backwards: an expression that begins with it is quadratic.
_FIELD = re.compile(r"\{\{\s{0,8}(\w{1,64})\.DATA\s{0,8}\}\}")
_LABEL_BEGINS = re.compile(r"[\n{}]")
_ALIASES: Final = {"enum_string": Kind.ENUM}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value would be refused."""

    kind: Kind
    trouble: Trouble
    limit: int


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a template: what the member reads before it, its key, its type."""

    label: str
    key: str
    kind: Kind


class Unfittable(Exception):
    """No value of this type can be made from what was given. The value itself is not in here: it may be personal."""

    def __init__(self, kind: Kind, trouble: Trouble) -> None:
        self.kind = kind
        self.trouble = trouble
        super().__init__(kind.value, trouble)


def kind_of(key: str) -> Kind:
    """The type that a key names: `thing12` → thing, `enum_string2` → enum, `keyword1` or `first` → text."""
    match = _KEY.fullmatch(key)
    stem = match.group(1) if match else key
    return _KINDS.get(stem, Kind.TEXT)


def template_fields(content: str) -> list[Field]:
    """The fields of a template's content, in the order that the member sees them (§2.4, §3.2)."""
    fields = []
    begin = 0
    for match in _FIELD.finditer(content):
        before = _LABEL_BEGINS.split(content[begin : match.start()])[-1].rstrip(" \t")
        label = before[:-1] if before.endswith(("：", ":")) else before
        fields.append(Field(label.strip(), match.group(1), kind_of(match.group(1))))
        begin = match.end()
    return fields


def check(kind: Kind | str, value: str, *, choices: Collection[str] = ()) -> Problem | None:
    """What WeChat would object to, or None. `choices` are the values that an enum allows."""
    kind = Kind(kind)
    rule = RULES[kind]
    if not value:
        return Problem(kind, "empty", rule.limit)
    limit = NAME_LIMIT_WITH_HAN if kind is Kind.NAME and _NOT_ASCII.search(value) else rule.limit
    if len(value) > limit:
        return Problem(kind, "too_long", limit)
    if rule.pattern.fullmatch(value) is None:
        return Problem(kind, "characters" if _BANNED_ANY.search(value) else "format", limit)
    if kind in _DATES and not all(_exists(*found.groups()) for found in _WHOLE_DAY.finditer(value)):
        return Problem(kind, "format", limit)
    if choices and kind in _CHOSEN and value not in choices:
        return Problem(kind, "unknown_choice", limit)
    return None


def _exists(year: str | None, month: str, day: str) -> bool:
    """Whether the calendar has this day."""
    try:
        date(int(year) if year else _LEAP_YEAR, int(month), int(day))
    except ValueError:
        return False
    return True


def fit(kind: Kind | str, value: str, *, choices: Collection[str] = ()) -> str:
    """A value that `check` accepts, as close to the given one as the type allows. Raises Unfittable.

    Text is shortened with `…`, line breaks become spaces, moments in ISO form become Chinese ones, a bare amount
    gets 元. A number, a phone or a plate is never cut: half of it would be a lie.
    """
    kind = Kind(kind)
    fitter = _FITTERS.get(kind)
    clean = _SPACES.sub(" ", _BANNED_RUN.sub(" ", value)).strip()
    fitted = fitter(clean) if fitter is not None else _shorten(clean, RULES[kind].limit)
    problem = check(kind, fitted, choices=choices)
    if problem is not None:
        raise Unfittable(kind, problem.trouble)
    return fitted


def _shorten(text: str, limit: int, mark: str = "…") -> str:
    return text if len(text) <= limit else text[: limit - len(mark)].rstrip() + mark


def _ascii(text: str) -> str:
    """Full-width letters and digits as plain ones."""
    return unicodedata.normalize("NFKC", text)


def _fit_number(text: str) -> str:
    plain = _ascii(text).replace(",", "").replace(" ", "").removeprefix("+")
    whole, point, fraction = plain.partition(".")
    room = RULES[Kind.NUMBER].limit - len(whole) - 1
    return f"{whole}.{fraction[:room]}" if point and fraction and room > 0 else whole


def _fit_letter(text: str) -> str:
    return _ascii(text).replace(" ", "")


def _fit_symbol(text: str) -> str:
    return text.replace(" ", "")


def _fit_character_string(text: str) -> str:
    return _shorten(_ascii(text).replace(" ", "-"), RULES[Kind.CHARACTER_STRING].limit, "...")


def _fit_amount(text: str) -> str:
    plain = _ascii(text).replace(",", "").replace(" ", "")
    match = _AMOUNT_PARTS.fullmatch(plain)
    if match is None:
        raise Unfittable(Kind.AMOUNT, "format")
    sign, whole, fraction, yuan = match.groups()
    if len(whole) > 10 and (whole := whole.lstrip("0") or "0") and len(whole) > 10:
        raise Unfittable(Kind.AMOUNT, "too_long")
    number = whole
    if fraction is not None:
        number = str(Decimal(f"{whole}.{fraction}").quantize(Decimal("0.01"), ROUND_HALF_UP))
    return f"{sign}{number}{yuan if sign or yuan else '元'}"


def _fit_moment(text: str) -> str:
    """As it is when WeChat knows the form, else from ISO form in the shop's time."""
    if RULES[Kind.TIME].pattern.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is not None:
        moment = moment.astimezone(SHOP_ZONE)
    return f"{moment.year:04d}年{moment.month}月{moment.day}日 {moment:%H:%M}"


def _fit_phone(text: str) -> str:
    return _ascii(text)


def _fit_plate(text: str) -> str:
    return _PLATE_FILL.sub("", _ascii(text)).upper()


def _fit_name(text: str) -> str:
    letters = _SPACES.sub(" ", _DIGITS.sub("", text)).strip()
    if _NOT_ASCII.search(letters):
        return _shorten(letters, NAME_LIMIT_WITH_HAN)
    return _shorten(letters, RULES[Kind.NAME].limit, "...")


def _fit_phrase(text: str) -> str:
    return _NOT_PHRASE.sub("", text)[: RULES[Kind.PHRASE].limit]


_KINDS: Final = {kind.value: kind for kind in Kind} | _ALIASES
_DATES: Final = frozenset({Kind.TIME, Kind.DATE})
_CHOSEN: Final = frozenset({Kind.ENUM, Kind.CONST})
_FITTERS: Final[dict[Kind, Callable[[str], str]]] = {
    Kind.NUMBER: _fit_number,
    Kind.LETTER: _fit_letter,
    Kind.SYMBOL: _fit_symbol,
    Kind.CHARACTER_STRING: _fit_character_string,
    Kind.TIME: _fit_moment,
    Kind.DATE: _fit_moment,
    Kind.AMOUNT: _fit_amount,
    Kind.PHONE_NUMBER: _fit_phone,
    Kind.CAR_NUMBER: _fit_plate,
    Kind.NAME: _fit_name,
    Kind.PHRASE: _fit_phrase,
    Kind.ENUM: lambda text: text,
    Kind.CONST: lambda text: text,
}

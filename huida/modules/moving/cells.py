"""One cell as the value that is meant; what cannot be read for certain is refused or dropped, and told (B-15 to B-22)."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import msgspec

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.errors import AppError, Invalid
from huida.kernel.intake.tables import Mark, Number
from huida.kernel.intake.texts import folded
from huida.kernel.money import MOST_FEN, MOST_POINTS
from huida.modules import members
from huida.modules.moving.words import brackets

EXACT_DIGITS: Final = 15
"""What a spreadsheet keeps of a number: it replaces the digits after them."""
_SCIENTIFIC: Final = re.compile(r"\d+\.\d+[eE][+-]?\d+|\d+[eE](?:[+-]\d+|\d{1,2}|[1-9]\d{2,})")
"""No spreadsheet writes an exponent of three digits that begins with 0: `8001E001` is a number of a card."""
_MONTHS: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_LIKE_A_DATE: Final = re.compile(
    rf"\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}|{_MONTHS}-\d{{1,4}}|\d{{1,4}}-{_MONTHS}(?:-\d{{2,4}})?|\d{{1,4}}年.*|\d{{1,2}}月.*",
    re.I,
)
_FLOAT: Final = re.compile(r"(\d+)\.0+")
_DAY: Final = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T ]\s*([\d:.]+)\s*(Z|[+-]\d{2}:?\d{2})?)?", re.I
)
_EIGHT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_AMOUNT: Final = re.compile(r"-?\d{1,12}(?:\.\d+)?")
_GROUPED: Final = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_YUAN_SIGNS: Final = re.compile(r"^(?:[¥￥]|rmb|cny|人民币)\s*|\s*(?:元|rmb|cny)$", re.I)
_POINTS_SIGNS: Final = re.compile(r"\s*(?:积分|分|点|个)$")
_BLANK_WITHIN: Final = re.compile(r"\d\s+[\d.,]|[.,]\s+\d")
_OTHER_UNIT: Final = re.compile(
    r"\d\s*(?:分|角|毛|[百千万亿]元?|k|w)$|[$€£]|usd|hkd|eur|jpy|美元|美金|港币|港元|欧元|日元|台币", re.I
)
"""A unit that is not the column's: an amount is not reckoned over in a single cell."""
NEVER: Final = date(9999, 12, 31)
"""What does not expire."""
_FAR_YEAR: Final = 2100
_NEVER_SAID: Final = re.compile(
    r"永久(?:有效)?|永不(?:过期|失效|到期)|不过期|不失效|长期(?:有效)?|无限期|无期限|never|forever|permanent", re.I
)
_BETWEEN_TAGS: Final = re.compile(r"[,，、;；\s|]+")


class Told(msgspec.Struct):
    """Something that a person should know of a line: a code with what fills its text, and the field."""

    code: str
    where: str | None = None
    params: dict[str, Any] = {}

    @classmethod
    def of(cls, error: AppError) -> "Told":
        return cls(error.code, error.where, dict(error.params))


def is_empty(cell: Any) -> bool:
    """Whether there is nothing to see in it."""
    return cell is None or (isinstance(cell, str) and not folded(cell))


_NOTHING: Final = frozenset(
    (
        "-",
        "--",
        "---",
        "—",
        "——",
        "－",
        "/",
        "\\",
        "无",
        "暂无",
        "没有",
        "未填",
        "未填写",
        "n/a",
        "na",
        "null",
        "none",
        "nil",
        "00000000000",
    )
)
"""What systems and people write where there is nothing."""


def is_nothing(cell: Any) -> bool:
    """Whether it is empty, or says in words that there is nothing."""
    if isinstance(cell, Number):
        cell = cell.shown
        return isinstance(cell, str) and cell in _NOTHING
    return is_empty(cell) or (
        isinstance(cell, str) and members.told_as_text(folded(cell)).strip().casefold() in _NOTHING
    )


def shows_nothing(cell: Any) -> bool:
    """Whether its line could do without it: it is empty, says so, or belongs to a merged cell above."""
    return is_nothing(cell) or (isinstance(cell, Mark) and cell.why == "merged")


def text(cell: Any) -> str:
    """A cell as people see it. A merged cell, a formula without result and an error show nothing to keep."""
    if cell is None or isinstance(cell, Mark):
        return ""
    if isinstance(cell, Number):
        cell = cell.value if cell.shown is None else cell.shown
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, datetime) and cell.time() == time():
        cell = cell.date()
    return members.told_as_text(folded(str(cell)))


def card_no(cell: Any) -> str:
    """A card number, "" for an empty cell. Raises Invalid for what Excel made of one, and for what no card can bear."""
    number = _identifier(cell, "card_no")
    if not number:
        return ""
    whole = _FLOAT.fullmatch(number)
    number = whole[1] if whole else number
    if _SCIENTIFIC.fullmatch(number) or _LIKE_A_DATE.fullmatch(number):
        raise Invalid(code="moving.rewritten", where="card_no", text=number[:40])
    return members.fold_card(number)


def phone(cell: Any) -> str:
    """A phone in 11 digits, "" for an empty cell. Raises Invalid."""
    number = _identifier(cell, "phone")
    return members.fold_phone(number) if number else ""


def identifier(cell: Any, where: str, longest: int) -> str:
    """A number of an event (receipt, order), "" for an empty cell. Raises Invalid."""
    number = re.sub(r"\s+", " ", _identifier(cell, where))
    whole = _FLOAT.fullmatch(number)
    number = whole[1] if whole else number
    if _SCIENTIFIC.fullmatch(number):
        raise Invalid(code="moving.rewritten", where=where, text=number[:40])
    if len(number) > longest or not number.isprintable():
        raise Invalid(code="moving.too_long", where=where, most=longest)
    return number


def _identifier(cell: Any, where: str) -> str:
    """An identifier's text, digit for digit as it is shown. Raises Invalid where that cannot be known (B-02)."""
    if isinstance(cell, Mark):
        raise Invalid(code=f"moving.cell_{cell.why}", where=where)
    if isinstance(cell, date | time):
        raise Invalid(code="moving.is_date", where=where)
    value = cell.value if isinstance(cell, Number) else cell
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 10**EXACT_DIGITS:
        raise Invalid(code="moving.too_many_digits", where=where, most=EXACT_DIGITS)
    if isinstance(cell, Number) and cell.shown is None:
        raise Invalid(code="moving.shown_otherwise", where=where)
    if cell is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(cell, Number):
        return cell.shown or ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    said = str(cell)
    return members.told_as_text(folded(said))


def day(cell: Any) -> date | None:
    """A calendar day, None for an empty cell. Raises ValueError for what is none, or could be two different ones."""
    found = moment(cell)
    return None if found is None else found.date()


def last_day(cell: Any) -> date | None:
    """The last day of something that expires; `NEVER` for a day so far away that it means that, and for words that say so.

    Raises ValueError.
    """
    if isinstance(cell, str) and _NEVER_SAID.fullmatch(text(cell)):
        return NEVER
    found = day(cell)
    return NEVER if found is not None and found.year >= _FAR_YEAR else found


def moment(cell: Any) -> datetime | None:
    """A time of the shop's clock; of a day its beginning. Raises ValueError."""
    if is_empty(cell):
        return None
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=SHOP_ZONE)
    if isinstance(cell, date):
        return datetime.combine(cell, time(), SHOP_ZONE)
    if isinstance(cell, Mark | time | bool):
        raise ValueError(cell)
    said = text(cell)
    match = _DAY.fullmatch(said)
    if match:
        clock = (
            time.fromisoformat(match[4].zfill(5) if match[4].count(":") == 1 else _full(match[4]))
            if match[4]
            else time()
        )
        zone = SHOP_ZONE if not match[5] else time.fromisoformat(f"00:00{match[5].upper()}").tzinfo
        found = datetime.combine(date(int(match[1]), int(match[2]), int(match[3])), clock, zone)
        try:
            return found.astimezone(SHOP_ZONE)
        except OverflowError:
            raise ValueError(said) from None
    eight = _EIGHT.fullmatch(said)
    if eight is None:
        raise ValueError(said)
    return datetime.combine(date(*map(int, eight.groups())), time(), SHOP_ZONE)


def _full(clock: str) -> str:
    """`9:05:00` as `09:05:00`; fractions of a second are left out."""
    return clock.partition(".")[0].zfill(8)


def points(cell: Any, where: str, unit: str = "") -> int:
    """A number of points, 0 for an empty cell. Raises Invalid for a fraction, a negative number or no number."""
    number = _number(cell, where, _POINTS_SIGNS)
    amount = Decimal(number) * brackets.TIMES_OF_POINTS[unit]
    if amount != int(amount):
        raise Invalid(code="moving.not_whole", where=where, text=number[:40])
    return _bounded(int(amount), where, MOST_POINTS)


def fen(cell: Any, where: str, unit: str = "") -> int:
    """An amount in its column's unit (`brackets.TIMES`) as fen, 0 for an empty cell. Raises Invalid: never rounded, never
    guessed."""
    number = _number(cell, where, _YUAN_SIGNS)
    amount = Decimal(number) * brackets.TIMES[unit]
    if amount != int(amount):
        raise Invalid(code="moving.not_fen", where=where, text=number[:40])
    return _bounded(int(amount), where, MOST_FEN)


def _bounded(amount: int, where: str, most: int) -> int:
    if amount < 0:
        raise Invalid(code="moving.negative", where=where)
    if amount > most:
        raise Invalid(code="moving.too_much", where=where)
    return amount


def _number(cell: Any, where: str, signs: re.Pattern[str]) -> str:
    """A plain decimal number, `0` for an empty cell; `signs` are those of its unit. Raises Invalid."""
    if isinstance(cell, Mark):
        raise Invalid(code=f"moving.cell_{cell.why}", where=where)
    if isinstance(cell, date | time):
        raise Invalid(code="moving.is_date", where=where)
    if isinstance(cell, Number):
        if cell.shown is None:
            raise Invalid(code="moving.shown_otherwise", where=where)
        cell = cell.value
    if isinstance(cell, float):
        # What a program reckoned with is off by a billionth: 356.49999999999994 is 356.5.
        near = round(cell, 6)
        cell = f"{near:.6f}".rstrip("0").rstrip(".") if abs(near) < 10**15 else repr(cell)
    if is_empty(cell):
        return "0"
    said = signs.sub("", members.told_as_text(folded(str(cell)))).replace("−", "-")
    if _BLANK_WITHIN.search(said):
        raise Invalid(code="moving.blank_in_number", where=where, text=" ".join(said.split())[:40])
    if _OTHER_UNIT.search(said):
        raise Invalid(code="moving.unit_in_cell", where=where, text=said[:40])
    if _GROUPED.fullmatch(said):
        said = said.replace(",", "")
    if not _AMOUNT.fullmatch(said):
        raise Invalid(code="moving.no_number", where=where, text=said[:40])
    return said


def tags(cell: Any) -> list[str]:
    """Tags as they are kept. Raises Invalid for too many or too long ones."""
    return members.tags_of(part for part in _BETWEEN_TAGS.split(text(cell)) if part)

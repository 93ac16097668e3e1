"""Parameter types of template and subscribe messages (reference §2.6, §3.5; P-01), as data."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass

from wesim.state import Settings

_CJK = r"\u3400-\u4dbf\u4e00-\u9fff〇"
# Digits are ASCII: `\d` would take those of every script. A date's parts are looked up in the calendar afterwards.
_DATE = (
    r"(?:(?P<y1>[0-9]{4})年(?P<m1>[0-9]{1,2})月(?:(?P<d1>[0-9]{1,2})日)?|(?P<m2>[0-9]{1,2})月(?P<d2>[0-9]{1,2})日"
    r"|(?P<y3>[0-9]{4})(?P<sep>[-/.])(?P<m3>[0-9]{1,2})(?:(?P=sep)(?P<d3>[0-9]{1,2}))?"
    r"|(?P<m4>[0-9]{1,2})[-/.](?P<d4>[0-9]{1,2}))"
)
_CLOCK = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"
LEAP_YEAR = 2024  # a day without its year exists when some year has it


@dataclass(frozen=True, slots=True)
class Rule:
    """`longest` counts characters (code points); `shape` must match the whole value."""

    longest: int
    shape: re.Pattern[str]


def _rule(longest: int, shape: str) -> Rule:
    return Rule(longest, re.compile(shape))


_ANY = r"[^\x00-\x1f\x7f]+"
RULES: dict[str, Rule] = {
    "thing": _rule(20, _ANY),
    "short_thing": _rule(10, _ANY),
    "const": _rule(20, _ANY),
    "enum_string": _rule(20, _ANY),
    "enum": _rule(20, _ANY),
    "number": _rule(34, r"-?[0-9]{1,32}(?:\.[0-9]+)?"),
    "letter": _rule(32, r"[A-Za-z]+"),
    "symbol": _rule(5, rf"[^A-Za-z0-9{_CJK}\x00-\x20\x7f]+"),
    "character_string": _rule(32, r"[\x20-\x7e]+"),
    "phone_number": _rule(17, r"[0-9+\-() ]+"),
    "car_number": _rule(8, rf"[{_CJK}A-Za-z0-9][A-Za-z0-9]*[{_CJK}A-Za-z0-9]?"),
    "name": _rule(20, r"[^\d\x00-\x1f\x7f]+"),  # no digit of any script: what a name refuses is meant wide
    "phrase": _rule(5, rf"[{_CJK}]+"),
    "amount": _rule(64, r"[¥￥$€£]?[0-9]{1,10}(?:\.[0-9]+)?元?"),
}
_TIME = re.compile(rf"(?:{_DATE} ?)?{_CLOCK}")
_DATE_ONLY = re.compile(_DATE)
_DATE_TIME = re.compile(rf"{_DATE}(?: ?{_CLOCK})?")
_HAS_CJK = re.compile(rf"[{_CJK}]")
_FREE = {"thing", "short_thing", "const", "enum_string", "enum"}


def accepts(rule: str, value: str, *, enum: tuple[str, ...], settings: Settings) -> bool:
    """Whether WeChat takes this value for a keyword of this type. Unknown types take what `thing` takes."""
    if enum and value not in enum:
        return False
    if rule in ("time", "date"):
        return _accepts_moment(rule, value, settings)
    if (rule not in RULES or rule in _FREE) and is_blank(value) and not settings.blank_thing_accepted:
        return False
    limit = RULES.get(rule, RULES["thing"])
    longest = settings.short_thing_max if rule == "short_thing" else limit.longest
    if len(value) > longest or not limit.shape.fullmatch(value):
        return False
    if rule == "name":  # one Chinese character makes the whole name count as Chinese
        return len(value) <= (10 if _HAS_CJK.search(value) else 20)
    if rule == "number":
        return len(value.lstrip("-").replace(".", "")) <= 32 and (settings.number_may_be_negative or value[0] != "-")
    if rule == "character_string":
        return settings.character_string_may_hold_space or " " not in value
    return True


def _accepts_moment(rule: str, value: str, settings: Settings) -> bool:
    """One moment, or two joined by ~."""
    parts = [p.strip(" ") for p in value.split("~")]
    if len(parts) > 2:
        return False
    return all(_is_moment(rule, p, settings) for p in parts)


def _is_moment(rule: str, part: str, settings: Settings) -> bool:
    shape = _DATE_TIME if rule == "date" else _TIME
    found = shape.fullmatch(part)
    if found is None and rule == "time" and settings.time_may_be_date_only:
        found = _DATE_ONLY.fullmatch(part)
    return found is not None and _exists(found.groupdict())


def _exists(parts: dict[str, str | None]) -> bool:
    """Whether the calendar has this date, month or day."""
    year, month, day = (
        next((int(text) for name, text in parts.items() if text and name[0] == wanted and name != "sep"), None)
        for wanted in "ymd"
    )
    if month is None:
        return True  # a time of day alone
    return year != 0 and 1 <= month <= 12 and (day is None or 1 <= day <= monthrange(year or LEAP_YEAR, month)[1])


def is_blank(value: str) -> bool:
    """Nothing that a person could see: spaces of any width, format and control characters."""
    return all(letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf") for letter in value)

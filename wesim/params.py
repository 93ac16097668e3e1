"""Parameter types of template and subscribe messages (reference §2.6, §3.5; P-01), as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wesim.state import Settings

_CJK = r"\u3400-\u4dbf\u4e00-\u9fff〇"
_DATE = (
    r"(?:\d{4}年\d{1,2}月\d{1,2}日|\d{4}年\d{1,2}月|\d{1,2}月\d{1,2}日"
    r"|\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{4}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2})"
)
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"


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
    "number": _rule(34, r"-?\d{1,32}(?:\.\d+)?"),
    "letter": _rule(32, r"[A-Za-z]+"),
    "symbol": _rule(5, rf"[^A-Za-z0-9{_CJK}\x00-\x20\x7f]+"),
    "character_string": _rule(32, r"[\x20-\x7e]+"),
    "phone_number": _rule(17, r"[\d+\-() ]+"),
    "car_number": _rule(8, rf"[{_CJK}A-Za-z0-9][A-Za-z0-9]*[{_CJK}A-Za-z0-9]?"),
    "name": _rule(20, r"[^\d\x00-\x1f\x7f]+"),
    "phrase": _rule(5, rf"[{_CJK}]+"),
    "amount": _rule(64, r"[¥￥$€£]?\d{1,10}(?:\.\d+)?元?"),
}
_TIME = re.compile(rf"(?:{_DATE} ?)?{_CLOCK}")
_DATE_ONLY = re.compile(_DATE)
_DATE_TIME = re.compile(rf"{_DATE}(?: ?{_CLOCK})?")
_HAS_CJK = re.compile(rf"[{_CJK}]")


def accepts(rule: str, value: str, *, enum: tuple[str, ...], settings: Settings) -> bool:
    """Whether WeChat takes this value for a keyword of this type. Unknown types take what `thing` takes."""
    if enum and value not in enum:
        return False
    if rule in ("time", "date"):
        return _accepts_moment(rule, value, settings)
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
    if rule == "date":
        return bool(_DATE_TIME.fullmatch(part))
    return bool(_TIME.fullmatch(part)) or (settings.time_may_be_date_only and bool(_DATE_ONLY.fullmatch(part)))

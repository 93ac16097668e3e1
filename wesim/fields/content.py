"""Checking the `data` of a message against its template (reference §2.6, §3.4, §3.5)."""

from __future__ import annotations

from typing import Any

from wesim.params import accepts
from wesim.routing import WxError
from wesim.state import PrivateTemplate, Settings

CUT = 30  # subscribe/send shows only this much of the argument (reference §0.1)


def read_values(template: PrivateTemplate, data: Any, *, settings: Settings) -> list[tuple[str, str]]:
    """(keyword name, value) in the template's order. Raises WxError 47003 for the first bad key."""
    given = data if isinstance(data, dict) else {}
    rows: list[tuple[str, str]] = []
    for keyword in template.keywords:
        key = template.key(keyword)
        value = _value(given.get(key), settings)
        if not value:
            raise bad_argument(f"data.{key}.value is empty")
        if not accepts(keyword.rule, value, enum=keyword.enum, settings=settings):
            raise bad_argument(f"data.{key}.value invalid")
        rows.append((keyword.name, value))
    return rows


def read_historical(template: PrivateTemplate, data: dict[str, Any], settings: Settings) -> list[tuple[str, str]]:
    """Only the keywords count: first and remark are dropped silently, lines are cut (reference §2.1; P-06)."""
    return [
        (k.name, _value(data.get(template.key(k)), settings).split("\n", 1)[0].rstrip("\r")) for k in template.keywords
    ]


def bad_argument(what: str) -> WxError:
    return WxError(47003, f"argument invalid! {what}")


def cut(error: WxError) -> WxError:
    """The error as subscribe/send words it."""
    head, sep, what = error.errmsg.partition("! ")
    return WxError(error.errcode, head + sep + what[:CUT])


def _value(entry: Any, settings: Settings) -> str:
    value = entry.get("value") if isinstance(entry, dict) else None
    if isinstance(value, str):
        return value
    if settings.json_numbers_accepted and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""

"""Texts by code and language: zh-CN first, en complete. `huida/locales/<language>/*.json`, one file per subject."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from huida.kernel.money import yuan

LANGUAGES = ("zh-CN", "en")
MONEY: Final = frozenset({"cny_principal", "cny_gift", "stored_value", "sms_fen"})
AMOUNTS: Final = frozenset({"needed", "available", "before", "now"})
"""Parameters that are amounts of the parameter `unit`."""


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language. A code that two files define is a mistake, and says so at the first use."""
    texts: dict[str, str] = {}
    for part in sorted((files("huida") / "locales" / language).iterdir(), key=lambda part: part.name):
        if part.name.endswith(".json"):
            entries: dict[str, str] = json.loads(part.read_text("utf-8"))
            twice = texts.keys() & entries.keys()
            assert not twice, f"{language}/{part.name} repeats {sorted(twice)}"
            texts |= entries
    return texts


def choose(accept_language: str | None) -> str:
    """The best of our languages for an Accept-Language header; Chinese when nothing is said."""
    for part in (accept_language or "").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return "zh-CN"


def text(code: str, language: str, params: Mapping[str, Any] | None = None) -> str:
    """The text of a code; the code itself when no text is known (a contract test keeps that from happening)."""
    template = catalogue(language).get(code) or catalogue("zh-CN").get(code) or code
    return template.format_map(_Lenient(_said(params or {})))


def _said(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Amounts of a `unit` as people say them: money in yuan, growth in points of it; others as they are."""
    unit = str(params.get("unit", ""))
    if unit not in MONEY and unit != "growth":
        return params
    said = {name: value for name, value in params.items() if name in AMOUNTS and type(value) is int}
    return {
        **params,
        **{name: f"¥{yuan(value)}" if unit in MONEY else str(value // 100) for name, value in said.items()},
    }


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"

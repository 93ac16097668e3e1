"""Strict JSON bodies: types, lengths, alphabets, no unknown keys, no null, no character beyond three bytes (§1.1, §1.6)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from wesim.pay.errors import EXTRA_PARAMETERS, OUT_OF_RANGE, wrong_parameter


@dataclass(frozen=True)
class Text:
    """Lengths count characters (bytes or characters: UNCONFIRMED)."""

    most: int
    least: int = 1
    needed: bool = False
    alphabet: str = ""
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    least: int = 0
    most: int = 10_000_000_000
    needed: bool = False


@dataclass(frozen=True)
class Flag:
    needed: bool = False


@dataclass(frozen=True)
class Group:
    fields: dict[str, Rule]
    needed: bool = False


@dataclass(frozen=True)
class Many:
    of: Rule
    most: int = 6000
    needed: bool = False


Rule = Text | Whole | Flag | Group | Many


def read_body(raw: bytes, rule: Group) -> dict[str, Any]:
    """The body when it fits. Raises PayError PARAM_ERROR with the field's JSON pointer."""
    try:
        text = raw.decode()
        body = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise wrong_parameter("", "请求体不是合法的JSON") from None
    if any(ord(letter) > 0xFFFF for letter in json.dumps(body, ensure_ascii=False)):
        raise wrong_parameter("", "不支持超过3字节的UTF-8字符")
    _check(body, rule, "")
    checked: dict[str, Any] = body
    return checked


def _check(value: Any, rule: Rule, at: str) -> None:
    match rule:
        case Text():
            _text(value, rule, at)
        case Whole():
            if not isinstance(value, int) or isinstance(value, bool):
                raise wrong_parameter(at, "类型不正确", value=value)
            if not rule.least <= value <= rule.most:
                raise wrong_parameter(at, "取值超出范围", value=value, number=OUT_OF_RANGE)
        case Flag():
            if not isinstance(value, bool):
                raise wrong_parameter(at, "类型不正确", value=value)
        case Group():
            _group(value, rule, at)
        case Many():
            if not isinstance(value, list) or len(value) > rule.most:
                raise wrong_parameter(at, "类型或数量不正确")
            for number, one in enumerate(value):
                _check(one, rule.of, f"{at}/{number}")


def _text(value: Any, rule: Text, at: str) -> None:
    if not isinstance(value, str):
        raise wrong_parameter(at, "类型不正确", value=value)
    if not rule.least <= len(value) <= rule.most:
        raise wrong_parameter(at, "长度不正确", value=value, number=OUT_OF_RANGE)
    if rule.alphabet and not re.fullmatch(rf"[{rule.alphabet}]*", value):
        raise wrong_parameter(at, "含有不支持的字符", value=value)
    if rule.one_of and value not in rule.one_of:
        raise wrong_parameter(at, "不在枚举值内", value=value)


def _group(value: Any, rule: Group, at: str) -> None:
    if not isinstance(value, dict):
        raise wrong_parameter(at, "类型不正确")
    for name in value:
        if name not in rule.fields:
            raise wrong_parameter(f"{at}/{name}", "多余的参数", number=EXTRA_PARAMETERS)
    for name, inner in rule.fields.items():
        if name not in value:
            if inner.needed:
                raise wrong_parameter(f"{at}/{name}", "此字段为必填项")
        elif value[name] is None:
            raise wrong_parameter(f"{at}/{name}", "不支持null")
        else:
            _check(value[name], inner, f"{at}/{name}")

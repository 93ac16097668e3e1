"""SMS texts: variables, links, billing parts, and what a provider's reviewer refuses (reference §5.4, §5.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping

CONTENT_MAX = 500
SINGLE_MAX, PART_MAX = 70, 67
CODE_WORDS = ("验证码", "校验码", "动态码", "确认码", "激活码")
OPT_OUT = "拒收请回复R"

CODE, NOTICE, PROMOTION, INTERNATIONAL = 0, 1, 2, 3

_NAMED = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_NUMBERED = re.compile(r"\{([0-9]+)\}")
_LINK = re.compile(
    r"https?://|www\.|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|cn|net|org|io|co|top|cc|me|vip|xyz|link|example)\b",
    re.IGNORECASE,
)
_CODE_VALUE = re.compile(r"[A-Za-z0-9]{4,6}")
_MAINLAND = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")


def variables(content: str) -> list[str]:
    """Names in order of first use."""
    return list(dict.fromkeys(_NAMED.findall(content)))


def positions(content: str) -> int:
    """How many positional parameters a Tencent text takes."""
    return max((int(n) for n in _NUMBERED.findall(content)), default=0)


def render(content: str, values: Mapping[str, str]) -> str:
    return _NAMED.sub(lambda m: values[m[1]], content)


def render_positions(content: str, values: list[str]) -> str:
    return _NUMBERED.sub(lambda m: values[int(m[1]) - 1], content)


def signed_text(sign: str, content: str) -> str:
    return f"【{sign}】{content}"


def parts(text: str) -> int:
    """Billed messages of a whole text, signature and brackets included: 70, or 67 each when longer."""
    return 1 if length(text) <= SINGLE_MAX else -(-length(text) // PART_MAX)


def length(text: str) -> int:
    """Characters as carriers count them, in UCS-2: those outside Unicode's first plane take two places.

    That both providers bill emoji so is UNCONFIRMED; it is what the carriers' encoding makes of them.
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def has_link(value: str) -> bool:
    return _LINK.search(value) is not None


def is_code_value(value: str) -> bool:
    return _CODE_VALUE.fullmatch(value) is not None


def mainland_number(text: str) -> str:
    """The eleven digits of a mainland number in any accepted spelling; empty for anything else."""
    found = _MAINLAND.fullmatch(text.strip())
    return found[1] if found else ""


def review_objection(kind: int, content: str) -> str:
    """Why a reviewer rejects a template text; empty when it passes."""
    names = variables(content)
    if names and not _NAMED.sub("", content).strip():
        return "模板不能仅由变量组成"
    if kind == CODE:
        if not any(word in content for word in CODE_WORDS):
            return "验证码模板必须包含验证码、校验码等字样"
        if len(names) != 1:
            return "验证码模板只能有一个变量"
        if has_link(content):
            return "验证码模板不能包含链接"
    if kind == NOTICE and OPT_OUT in content:
        return "通知短信不能包含营销内容及拒收请回复R"
    if kind == PROMOTION and not content.endswith(OPT_OUT):
        return "推广短信必须以拒收请回复R结尾"
    return ""

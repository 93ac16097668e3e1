"""What stands in brackets behind a column's title: harmless words, the unit of its amounts, or something that changes its meaning."""

import re
from collections.abc import Sequence
from typing import Final

MONEY: Final = frozenset({"principal", "gift", "growth", "total"})
"""Fields whose amounts are in yuan unless the title names another unit."""
_UNITS: Final = {
    **dict.fromkeys(("元", "人民币", "人民币元", "元人民币", "块", "rmb", "cny", "yuan", "¥", "￥"), "yuan"),
    **dict.fromkeys(("分", "人民币分", "fen"), "fen"),
    **dict.fromkeys(("角", "毛"), "jiao"),
    **dict.fromkeys(("千元", "千"), "thousand"),
    **dict.fromkeys(("万元", "万", "w"), "ten_thousand"),
}
TIMES: Final = {"": 100, "fen": 1, "jiao": 10, "thousand": 100_000, "ten_thousand": 1_000_000}
"""Fen of one unit of money; `""` is the yuan."""
TIMES_OF_POINTS: Final = {"": 1, "thousand": 1_000, "ten_thousand": 10_000}
_POINTS: Final = {
    **dict.fromkeys(("分", "个", "点", "积分"), ""),
    **dict.fromkeys(("千", "千分"), "thousand"),
    **dict.fromkeys(("万", "万分"), "ten_thousand"),
}
_HARMLESS: Final = re.compile(
    r"|".join(
        (
            r"必填项?|必须|必须填写|必选|必输|非必填|选填项?|可选|可不填|可空|可为空|不能为空|不可为空|唯一|不可重复|不能重复",
            r"required|mandatory|optional|unique|text|文本|文本格式|文字|数字|纯数字|整数|日期|日期格式|单选|多选",
            r"(?:例|如|示例|格式|e\.?g\.?|example|format).*|\d+位(?:数字|手机号码?|以内)?|\d+ digits",
            r"[yY]{4}[-/.年 ]*[mM]{1,2}.*|年[-/.]?月[-/.]?日|中国大陆|大陆|会员|最多\d+个?字?|\d+字以内|多个.*(?:分隔|隔开|分开)",
            r"公历|阳历|新历|北京时间|\W*",
        )
    ),
    re.I | re.S,
)
_PARTS: Final = re.compile(r"\s*[,，、;；/|]\s*|\s+")
_OF_AMOUNTS: Final = re.compile(r"[分角毛千万亿$€£%‰]|fen")


def read(field: str, word: str, words: Sequence[str]) -> tuple[str, str]:
    """(the unit of a column's amounts, "" for the usual one; what is said that nobody knows, "" for nothing).

    `word` is the title without its brackets, `words` are what each of them holds. Two different units are nobody's.
    """
    found: set[str] = set()
    for said in words:
        for part in [said] if _known(field, word, said) else _PARTS.split(said):
            unit = _unit(field, word, part)
            if unit is not None:
                found.add(unit)
            elif not _harmless(field, part):
                return "", said
    if len(found) > 1:
        return "", "、".join(words)
    return (found.pop() if found else ""), ""


def _known(field: str, word: str, said: str) -> bool:
    return _unit(field, word, said) is not None or _harmless(field, said)


def _unit(field: str, word: str, said: str) -> str | None:
    plain = re.sub(r"^单位\W*|\s", "", said)
    if field == "points":
        return _POINTS.get(plain)
    # Growth is counted in points of it, a yuan each: 成长值(分) could be either.
    if field not in MONEY or (word.startswith(("成长", "会员成长")) and plain in ("分", "fen")):
        return None
    unit = _UNITS.get(plain)
    return "" if unit == "yuan" else unit


def _harmless(field: str, said: str) -> bool:
    if re.search(r"[$€£%‰]", said) or ((field in MONEY or field == "points") and _OF_AMOUNTS.search(said)):
        return False
    return _HARMLESS.fullmatch(said) is not None

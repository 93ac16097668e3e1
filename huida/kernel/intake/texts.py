"""Texts as people see them: what looks the same on a screen compares the same."""

import re
import unicodedata
from typing import Final

_VARIATIONS: Final = (("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef"))
_BRACKETS: Final = re.compile(r"[(\[{<〈《【〔「『][^()\[\]{}<>〈〉《》【】〔〕「」『』]*[)\]}>〉》】〕」』]")
_NO_WORD: Final = re.compile(r"[\W_]+")
_PLAIN_FORMS: Final = str.maketrans(
    "號碼機員會電話備註餘額儲積標籤級開門時間聯繫單總貨顧稱編賬帳戶實據類",
    "号码机员会电话备注余额储积标签级开门时间联系单总货顾称编账账户实据类",
)
"""Traditional characters of words that stand above columns."""


def visible(text: str) -> str:
    """A text without what the eye does not see: direction marks, zero-width characters, variation selectors, NUL."""
    if text.isascii():
        return text.replace("\0", "")
    return "".join(
        letter
        for letter in text
        if letter != "\0"
        and unicodedata.category(letter) != "Cf"
        and not any(first <= letter <= last for first, last in _VARIATIONS)
    )


def folded(text: str) -> str:
    """A text with full-width forms made plain, without invisible characters and blanks around it."""
    if text.isascii():
        return text.replace("\0", "").strip()
    return visible(unicodedata.normalize("NFKC", visible(text))).strip()


def title(text: str) -> str:
    """The heading of a column, to compare: no case, no blanks and signs, no words in brackets, plain characters."""
    return title_parts(text)[0]


def title_parts(text: str) -> tuple[str, list[str]]:
    """The same, and the words in its brackets apart: they may change what it means (`余额(分)`)."""
    plain = folded(text).casefold().translate(_PLAIN_FORMS)
    word = _NO_WORD.sub("", _BRACKETS.sub("", plain))
    if not word:
        return _NO_WORD.sub("", plain), []
    return word, [found[1:-1].strip() for found in _BRACKETS.findall(plain)]

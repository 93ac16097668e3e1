"""How long a text message is and what it is billed as (reference: wechat-pay-and-sms §5.7; S1-104…S1-110, P-07)."""

import re
from collections.abc import Mapping
from typing import Final

SINGLE: Final = 70
PART: Final = 67
LARGEST: Final = 500

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


class MissingVariable(Exception):
    """The template names a variable that has no value."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


def variables(template: str) -> tuple[str, ...]:
    """The variables of a template in order, each once."""
    return tuple(dict.fromkeys(_VARIABLE.findall(template)))


def render(template: str, values: Mapping[str, str]) -> str:
    """The template with `${name}` replaced. Raises MissingVariable."""

    def value_of(match: re.Match[str]) -> str:
        value = values.get(match.group(1))
        if value is None:
            raise MissingVariable(match.group(1))
        return value

    return _VARIABLE.sub(value_of, template)


def full_text(sign_name: str, body: str) -> str:
    """What the phone shows and the carrier counts: the signature in its brackets, then the body (S1-104, S1-110)."""
    return f"【{sign_name}】{body}"


def length(text: str) -> int:
    """Characters as carriers count them: every one is 1, those outside Unicode's first plane take two places."""
    return len(text) + sum(character > "\uffff" for character in text)


def billed_parts(text: str) -> int:
    """Messages billed for a full text: one up to 70 characters, otherwise one for every 67 begun (S1-105, S1-106)."""
    count = length(text)
    return 1 if count <= SINGLE else -(-count // PART)


def cost_fen(text: str, *, part_fen: int) -> int:
    """What a full text costs at this price of a part (S1-109)."""
    return billed_parts(text) * part_fen

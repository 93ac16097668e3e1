"""The text of an SMS: the platform's words, the member's values, a short link that opens the business detail (S1-117)."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.money import yuan
from huida.modules import sms
from huida.modules.messaging.library import MONEY, SIGNED_MONEY, TIME, Scenario
from huida.providers.sms.parts import full_text, render

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"


def link_code(fact_id: UUID) -> str:
    """Ten characters that open one message's page; derived, so that a retry names the same link."""
    number = int.from_bytes(hashlib.sha256(b"link" + fact_id.bytes).digest()[:8], "big")
    letters = ""
    for _ in range(10):
        number, place = divmod(number, len(ALPHABET))
        letters += ALPHABET[place]
    return letters


def short_time(moment: datetime) -> str:
    """`11-21 14:32`: eleven characters, since every character of an SMS may begin another part."""
    return f"{moment.astimezone(SHOP_ZONE):%m-%d %H:%M}"


def sms_value(variable_type: str, raw: Any) -> str:
    """A value as it stands in an SMS: amounts without their unit, which the text has."""
    if variable_type in (MONEY, SIGNED_MONEY):
        return yuan(int(raw))
    return short_time(raw) if variable_type == TIME else str(raw)


def sms_body(
    text: "sms.SmsText", scenario: Scenario, values: Mapping[str, Any], sign_name: str, fact_id: UUID
) -> tuple[dict[str, str], str, str]:
    """The provider's parameters, the whole text as the member reads it, and the link's code (empty without a link).

    Of card numbers the platform's texts have the last four digits (S1-114): `card_tail`, `time` and the link.
    """
    variables = scenario.by_key
    params: dict[str, str] = {}
    code = ""
    for name, variable in text.params.items():
        if variable == "link_code":
            code = params[name] = link_code(fact_id)
        elif variable == "time":
            moment = values.get("valid_until") or values["time"]
            params[name] = short_time(moment)
        else:
            params[name] = sms_value(variables[variable].type, values[variable])
    return params, full_text(sign_name, render(text.content, params)), code

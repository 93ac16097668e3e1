"""The key of a message and its names elsewhere: in job payloads, in the API, and as our number at the providers.

A message is one per fact, scenario and slot. The slot is empty for the one message of an exclusive scenario and is then
left out of every name, so that names from before there were slots are still understood.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from huida.kernel.errors import NotFound
from huida.kernel.ids import parse

LONGEST_CLIENT_NUMBER = 64


class Key(NamedTuple):
    fact_id: UUID
    scenario: str
    slot: str = ""


def key_of(row: Any) -> Key:
    """The key of a row of deliveries."""
    return Key(row["fact_id"], row["scenario"], row["slot"])


def public_id(key: Key) -> str:
    """How the API names a message."""
    return ".".join((key.fact_id.hex, key.scenario, key.slot) if key.slot else (key.fact_id.hex, key.scenario))


def from_public_id(text: str) -> Key:
    """Raises NotFound for what no message is called."""
    fact_id, _, rest = text.partition(".")
    scenario, _, slot = rest.partition(".")
    try:
        return Key(UUID(fact_id), scenario, slot)
    except ValueError:
        raise NotFound(code="messaging.delivery_unknown", where="id") from None


def entry(key: Key) -> list[Any]:
    """How a job names a message."""
    return list(key) if key.slot else [key.fact_id, key.scenario]


def from_entry(named: Sequence[str]) -> Key:
    return Key(parse(named[0]), *named[1:])


def out_id(tenant_id: int, key: Key) -> str:
    """Our number of an SMS at its provider."""
    return f"{tenant_id}.{public_id(key)}"


def from_out_id(number: str) -> Key | None:
    """The message behind our number; None when it is not one of messaging's."""
    try:
        return from_public_id(number.partition(".")[2])
    except NotFound:
        return None


def client_number(key: Key) -> str:
    """Our number of a template message at WeChat: at most 64 characters, another one for every key (§2.5)."""
    plain = f"{key.fact_id.hex}-{key.scenario}"
    if not key.slot and len(plain) <= LONGEST_CLIENT_NUMBER:
        return plain
    rest = hashlib.sha256(f"{key.scenario}.{key.slot}".encode()).hexdigest()
    return f"{key.fact_id.hex}-{rest}"[:LONGEST_CLIENT_NUMBER]

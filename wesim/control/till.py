"""A shop's till beside the phones: a few HTTP calls to the shop's system, described as data by whoever runs that system.

Every text of a call may hold `{phone}`, `{code}`, `{card}`, `{number}` (a fresh receipt number) and `{fen}`; a text that is
one of them alone and counts money becomes a number. wesim knows nothing of what the calls mean.
"""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute

from wesim.control.edge import Wrong, read, route, the_person
from wesim.edge.push import HttpPoster, Poster
from wesim.routing import is_whole
from wesim.world import World

PLACE = re.compile(r"{(phone|code|card|number|fen)}")
WAIT_S = 10
KEY = "till"


class TillCall(msgspec.Struct, forbid_unknown_fields=True):
    """One request; `take` is where its answer holds the card number (`items.0.card_no`)."""

    path: str
    method: str = "POST"
    body: dict[str, Any] | None = None
    take: str = ""


class TillAct(msgspec.Struct, forbid_unknown_fields=True):
    """A button of the till, in both languages."""

    name: str
    name_en: str
    call: TillCall


class Till(msgspec.Struct, forbid_unknown_fields=True):
    """The shop's system: how a customer is found by phone and by a shown code, and what can be rung up."""

    url: str
    headers: dict[str, str] = {}
    find: TillCall | None = None
    scan: TillCall | None = None
    acts: list[TillAct] = []


class Ring(msgspec.Struct, forbid_unknown_fields=True):
    """Ring up: the customer is a person, a card number, or a code that the phone shows."""

    act: int
    fen: int
    person: str = ""
    card: str = ""
    code: str = ""


def known(world: World) -> Till | None:
    found: Till | None = world.extensions.get(KEY)
    return found


def routes(world: World) -> list[BaseRoute]:
    poster = world.poster or HttpPoster()

    async def show(request: Request) -> Any:
        till = known(world)
        if till is None:
            return {"ready": False, "acts": []}
        return {"ready": True, "acts": [{"name": act.name, "name_en": act.name_en} for act in till.acts]}

    async def set_up(request: Request) -> Any:
        till = await read(request, Till)
        if not till.url.startswith(("http://", "https://")):
            raise Wrong("url: http or https")
        world.extensions[KEY] = till
        return {"ok": True}

    async def ring(request: Request) -> Any:
        asked = await read(request, Ring)
        till = known(world)
        if till is None:
            raise Wrong("the till is not set up", status=404)
        if not 0 <= asked.act < len(till.acts) or asked.fen <= 0:
            raise Wrong("act, fen")
        values: dict[str, Any] = {"fen": asked.fen, "number": f"W{time.time_ns() // 1000:d}"[:20], "card": asked.card}
        values["code"] = asked.code
        if not asked.card:
            look = till.scan if asked.code else till.find
            if look is None:
                raise Wrong("the till cannot look customers up")
            values["phone"] = "" if asked.code else the_person(world, asked.person).phone
            status, answer = await _call(poster, till, look, values)
            card = _taken(answer, look.take)
            if status >= 400 or not card:
                return {"status": status if status >= 400 else 404, "answer": answer, "card": None}
            values["card"] = card
        status, answer = await _call(poster, till, till.acts[asked.act].call, values)
        return {"status": status, "answer": answer, "card": values["card"]}

    return [
        route("/till", show, method="GET"),
        route("/till", set_up, method="POST"),
        route("/till/ring", ring, method="POST"),
    ]


def _filled(value: Any, values: dict[str, Any], *, in_path: bool = False) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, values) for name, one in value.items()}
    if not isinstance(value, str):
        return value
    if value == "{fen}":
        return values["fen"]
    return PLACE.sub(
        lambda m: quote(str(values.get(m[1], "")), safe="") if in_path else str(values.get(m[1], "")), value
    )


def _taken(answer: Any, take: str) -> str:
    for step in take.split("."):
        if isinstance(answer, list) and is_whole(step) and int(step) < len(answer):
            answer = answer[int(step)]
        elif isinstance(answer, dict) and step in answer:
            answer = answer[step]
        else:
            return ""
    return str(answer)


async def _call(poster: Poster, till: Till, call: TillCall, values: dict[str, Any]) -> tuple[int, Any]:
    """Status and decoded answer. Raises Wrong when the shop's system cannot be reached."""
    url = till.url.rstrip("/") + _filled(call.path, values, in_path=True)
    body = b"" if call.body is None else msgspec.json.encode(_filled(call.body, values))
    headers = {**till.headers, **({"content-type": "application/json"} if body else {})}
    try:
        status, raw = await poster(call.method, url, headers, body, WAIT_S)
    except OSError as e:
        raise Wrong(f"the shop's system cannot be reached: {e}") from None
    try:
        return status, msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return status, raw.decode("utf-8", "replace")[:500]

"""Whatever a caller sends is a 4xx with a code, or works: requests that Schemathesis makes up, at every door.

About a tenth of them in every run; all of them with HUIDA_LONG=1. HUIDA_FUZZ_SEED=… makes up others.
"""

import json
from typing import Any

import pytest

from tests.contracts.test_openapi import api
from tests.fuzz.callers import Callers, wrong
from tests.fuzz.cases import Made, made_up

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]

OTHERWISE = ("/callbacks/",)
"""Doors whose refusals the provider at the other end reads: as it wants them."""
NOT_OURS = (503, 504)
"""WeChat, as the simulator plays it, may say no or nothing; what is answered then has its own tests."""


SPARED = ("/api/console/connections/{app_id}/disconnect",)
"""Not with what is there: nobody could connect it again."""


def a_door(made: Made) -> str:
    return f"{made.method} {made.path}"


async def test_no_door_breaks_under_what_is_made_up(world: Any) -> None:
    document = json.loads(json.dumps(api().openapi()))
    cases = made_up(document)
    assert len({a_door(made) for made in cases}) == sum(len(path) for path in document["paths"].values())
    callers = await Callers.of(world)
    found: dict[str, str] = {}
    answered = 0
    for number, made in enumerate(cases):
        # Every other time the thing is really there, so that what lies behind the look-up is met too.
        there = {name: callers.known[name] for name in made.places if name in callers.known and number % 2}
        there = {} if made.path in SPARED else there
        reply = await callers.call(made.method, made.path, made.url(there), headers=made.headers, body=made.body)
        answered += reply.status < 300
        trouble = wrong(reply)
        if reply.status < 500 and made.path.startswith(OTHERWISE):
            continue
        if trouble and reply.status not in NOT_OURS:
            found.setdefault(a_door(made), f"{trouble}\n  {made.url(there)}\n  {made.body[:500]!r}")
    assert found == {}, "\n".join(f"{door}: {trouble}" for door, trouble in found.items())
    assert answered > len(cases) // 20, "hardly anything worked: the callers have lost their sessions"

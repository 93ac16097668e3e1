"""Hand-made bodies at every door that takes one: a 4xx with a code, and nothing is written.

In every run each door gets a part of them, and the large ones go to a few; with HUIDA_LONG=1 all go everywhere and the large ones to more.
"""

from typing import Any

import pytest

from tests.contracts.test_callers import bodies
from tests.contracts.test_isolation import counts, doors, filled
from tests.fuzz.callers import Callers, wrong
from tests.fuzz.cases import LONG
from tests.fuzz.hand_made import BODIES, KINDS

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]

HEAVY = {name for name, body in BODIES.items() if len(body) > 100_000}
NO_MATTER = ("/api/console/logout",)
OFF = {"idempotency-key": "hand-made"}


async def test_no_door_breaks_under_a_hand_made_body(world: Any) -> None:
    callers = await Callers.of(world)
    before = await counts(callers.shop)
    found = {}
    taking = [(method, path) for method, path, _ in bodies()]
    for number, (method, path) in enumerate(taking):
        url = filled(path.replace("{merchant_id}", str(callers.known["merchant_id"])))
        for place, (name, body) in enumerate(BODIES.items()):
            share = (10 if LONG else 40) if name in HEAVY else (1 if LONG else 4)
            if (number + place) % share:
                continue
            headers = {"content-type": "application/json"} | OFF
            reply = await callers.one_for(path).request(method, url, headers=headers, body=body)
            trouble = wrong(reply)
            if trouble or reply.status < 400:
                found[method, path, name] = trouble or f"{reply.status} {reply.text[:100]}"
    assert found == {}
    after = await counts(callers.shop)
    assert {name for name in before if before[name] != after[name]} == set()


async def test_a_body_of_another_kind_is_refused(world: Any) -> None:
    callers = await Callers.of(world)
    before = await counts(callers.shop)
    found = {}
    for method, path, route in doors():
        if method == "GET" or path.startswith(("/callbacks", *NO_MATTER)) or route is None or route.body_field is None:
            continue
        url = filled(path.replace("{merchant_id}", str(callers.known["merchant_id"])))
        for name, kind in KINDS.items():
            headers = ({} if kind is None else {"content-type": kind}) | OFF
            reply = await callers.one_for(path).request(method, url, headers=headers, body=b'{"nonsense": 1}')
            trouble = wrong(reply)
            if trouble or reply.status < 400:
                found[method, path, name] = trouble or f"{reply.status} {reply.text[:100]}"
    assert found == {}
    assert await counts(callers.shop) == before


@pytest.mark.parametrize(
    "text", ["%00", "a%00b", "%ED%A0%80", "%FF", "%2e%2e%2f", "9" * 400, "-1", "1e400", "%F0%9F%98%80"]
)
async def test_no_place_and_no_question_breaks_a_door(world: Any, text: str) -> None:
    callers = await Callers.of(world)
    found = {}
    for method, path, route in doors():
        if method not in ("GET", "DELETE") or route is None or path.startswith("/callbacks"):
            continue
        names = [place for dep in (route.dependant, *route.dependant.dependencies) for place in dep.query_params]
        asked = "&".join(f"{one.alias}={text}" for one in names)
        places = dict.fromkeys(callers.known, text) | dict.fromkeys(
            ("scenario", "channel", "code", "number", "tid", "provider", "module", "m", "picture_id", "signature_id"),
            text,
        )
        one_for = callers.one_for(path)
        # Either the places are wrong or what is asked is: each is looked at by another part.
        known = {"merchant_id": callers.known["merchant_id"]}
        urls = [filled(path.replace("{merchant_id}", text), **places)] if "{" in path else []
        urls += [filled(path.replace("{merchant_id}", str(known["merchant_id"]))) + f"?{asked}"] if asked else []
        for url in urls:
            reply = await one_for.request(method, url)
            if trouble := wrong(reply):
                found[method, url] = trouble
    assert found == {}


async def test_no_callback_breaks_a_door(world: Any) -> None:
    """Providers' doors answer in the providers' manner; the report of an SMS carries no signature and is read at once."""
    callers = await Callers.of(world)
    reports = (await callers.operator.get("/api/operator/sms")).json()["accounts"]
    apps = (await callers.staff.get("/api/console/connections")).json()["items"]
    async with world.db.read(world.tenant) as tx:
        pay = await tx.value("SELECT route_key FROM pay_routes WHERE tenant_id = $1 LIMIT 1", world.tenant)
    urls = [*(one["report_url"] for one in reports), *(one["callback_url"] for one in apps)]
    urls += [f"http://huida.test/callbacks/wechatpay/{pay}", "http://huida.test/callbacks/sms/tencent/none"]
    found = {}
    for url in urls:
        for name, body in BODIES.items():
            for method in ("POST", "GET"):
                reply = await callers.one_for("/s/").request(
                    method, url + "?signature=%00&timestamp=%FF&nonce=", body=body
                )
                if reply.status >= 500:
                    found[url, name] = reply.text[:200]
    assert found == {}

"""The till beside the phones: it speaks the shop's API as it was told to, and knows nothing else of the shop."""

import json
from typing import Any

import pytest

from tests.wesim.conftest import Received, Sim

TILL = {
    "url": "http://shop.test/",
    "headers": {"Authorization": "Bearer hk_1"},
    "find": {"method": "GET", "path": "/members?phone={phone}", "take": "items.0.card_no"},
    "scan": {"path": "/codes/{code}/use", "body": {"till_no": "{number}"}, "take": "card_no"},
    "acts": [
        {
            "name": "消费",
            "name_en": "Sale",
            "call": {
                "path": "/sales",
                "body": {"card": "{card}", "no": "{number}", "fen": "{fen}", "says": "fen {fen}"},
            },
        }
    ],
}


def answered(request: Received) -> tuple[int, bytes]:
    if request.url.startswith("http://shop.test/members"):
        found = [{"card_no": "6088"}] if request.query["phone"] == "13800000001" else []
        return 200, json.dumps({"items": found}).encode()
    if "/codes/" in request.url:
        return (200, b'{"card_no":"6099"}') if "861" in request.url else (409, b'{"title":"used"}')
    return 201, b'{"ok":true}'


@pytest.fixture
def till(sim: Sim) -> Sim:
    sim.merchant.answer = answered
    return sim


async def test_until_it_is_set_up_there_is_no_till(sim: Sim) -> None:
    assert (await sim.call("GET", "/_sim/till")).json() == {"ready": False, "acts": []}
    assert (await sim.call("POST", "/_sim/till/ring", {"act": 0, "fen": 1})).status == 404


async def test_a_customer_is_found_by_phone_and_rung_up(till: Sim) -> None:
    await till.call("POST", "/_sim/till", TILL)
    shown = (await till.call("GET", "/_sim/till")).json()
    assert shown == {"ready": True, "acts": [{"name": "消费", "name_en": "Sale"}]}
    rung = (await till.call("POST", "/_sim/till/ring", {"act": 0, "fen": 2500, "person": "linxiaoman"})).json()
    assert rung == {"status": 201, "answer": {"ok": True}, "card": "6088"}
    found, sold = till.merchant.received
    assert (found.method, found.url) == ("GET", "http://shop.test/members?phone=13800000001")
    body: dict[str, Any] = json.loads(sold.body)
    assert (sold.url, body["card"], body["fen"], body["says"]) == ("http://shop.test/sales", "6088", 2500, "fen 2500")
    assert body["no"].startswith("W")


async def test_a_shown_code_is_used_and_its_refusal_stops_the_sale(till: Sim) -> None:
    await till.call("POST", "/_sim/till", TILL)
    rung = (await till.call("POST", "/_sim/till/ring", {"act": 0, "fen": 100, "code": "861"})).json()
    assert (rung["status"], rung["card"]) == (201, "6099")
    used, sold = till.merchant.received
    assert json.loads(used.body)["till_no"] == json.loads(sold.body)["no"]
    refused = (await till.call("POST", "/_sim/till/ring", {"act": 0, "fen": 100, "code": "862"})).json()
    assert refused == {"status": 409, "answer": {"title": "used"}, "card": None}
    assert len(till.merchant.received) == 3


async def test_nobody_with_that_phone_is_not_rung_up(till: Sim) -> None:
    await till.call("POST", "/_sim/till", TILL)
    rung = (await till.call("POST", "/_sim/till/ring", {"act": 0, "fen": 100, "person": "chenyiming"})).json()
    assert rung == {"status": 404, "answer": {"items": []}, "card": None}
    assert [one.url for one in till.merchant.received] == ["http://shop.test/members?phone=13800000002"]
    for wrong in ({"act": 9, "fen": 1}, {"act": 0, "fen": 0}):
        assert (await till.call("POST", "/_sim/till/ring", {**wrong, "person": "linxiaoman"})).status == 400

"""One scenario, three channels: the last save wins, in every direction, also when two people save at once."""

import asyncio
from itertools import permutations

import pytest

from tests import make
from tests.asgi import Client
from tests.shop import Shop

CHANNELS = ("subscribe", "sms", "template")
PATH = "/api/console/messaging/scenarios"


async def channel_of(shop: Shop, scenario: str, channel: str) -> dict:
    shown = (await shop.staff.get(PATH)).json()["items"]
    return next(c for s in shown if s["code"] == scenario for c in s["channels"] if c["channel"] == channel)


@pytest.mark.parametrize(("first", "second"), list(permutations(CHANNELS, 2)))
@pytest.mark.covers("S1-11", "S1-12", "S1-13", "S1-14", "S1-15", "S1-68", "S1-72", "S1-102", "S1-103", "S1-124")
async def test_saving_a_channel_stops_the_other_and_keeps_its_mapping(shop: Shop, first: str, second: str) -> None:
    await shop.enable("recharge", "sms")
    await shop.enable("consumption", first)
    before = await channel_of(shop, "consumption", first)
    assert await shop.live() == {"consumption": first, "recharge": "sms"}

    await shop.enable("consumption", second)
    assert await shop.live() == {"consumption": second, "recharge": "sms"}
    after = await channel_of(shop, "consumption", first)
    assert (after["live"], after["template_id"], after["mapping"]) == (False, before["template_id"], before["mapping"])

    back = await shop.save("consumption", first, before["template_id"], before["mapping"])
    assert back.json() == {"scenario": "consumption", "live": first, "stopped": [second]}
    assert await shop.live() == {"consumption": first, "recharge": "sms"}
    assert await shop.invariants() == {}


@pytest.mark.covers("S1-12", "S1-16")
async def test_two_people_save_at_the_same_time_and_one_channel_stays(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    mapping = (await channel_of(shop, "consumption", "subscribe"))["mapping"]
    second = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant))
    path = f"{PATH}/consumption/channels"
    saved = 1
    for _ in range(5):
        replies = await asyncio.gather(
            shop.staff.put(f"{path}/subscribe", {"template_id": template_id, "mapping": mapping}),
            second.put(f"{path}/sms", {"template_id": "", "mapping": {}}),
        )
        # Who saw what the other has changed meanwhile is told so, and saves again.
        assert {reply.status for reply in replies} in ({200}, {200, 409})
        saved += sum(reply.status == 200 for reply in replies)
        assert len(await shop.live()) == 1
    saves = await shop.world.facts("messaging.channel_saved")
    assert len(saves) == saved
    assert await shop.invariants() == {}


@pytest.mark.covers("S1-12")
async def test_a_stopped_channel_is_not_live_and_stopping_twice_is_refused(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    stopped = await shop.staff.delete(f"{PATH}/consumption/channels/sms")
    assert stopped.json() == {"scenario": "consumption", "live": None, "stopped": ["sms"]}
    assert await shop.live() == {}
    again = await shop.staff.delete(f"{PATH}/consumption/channels/sms")
    assert again.refusal == (409, "messaging.channel_not_live")
    assert len(await shop.world.facts("messaging.channel_stopped")) == 1


@pytest.mark.covers("X-01")
async def test_every_member_scenario_is_exclusive(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    shown = (await shop.staff.get(PATH)).json()["items"]
    assert {scenario["policy"] for scenario in shown} == {"exclusive"}


@pytest.mark.covers("X-02")
async def test_the_catalogue_has_the_members_scenarios(shop: Shop) -> None:
    shown = (await shop.staff.get(PATH)).json()["items"]
    assert {scenario["code"] for scenario in shown} == {
        "consumption",
        "recharge",
        "points_change",
        "balance_change",
        "stored_value_consumption",
        "coupon_claimed",
        "coupon_unused",
        "points_expiring",
        "auto_sign_off",
    }


@pytest.mark.parametrize(
    ("channel", "code"),
    [("fax", "messaging.channel_unknown"), ("SMS", "messaging.channel_unknown"), ("%00", "request.invalid")],
)
async def test_an_unknown_channel_or_scenario_is_refused(shop: Shop, channel: str, code: str) -> None:
    body = {"template_id": "", "mapping": {}}
    reply = await shop.staff.put(f"{PATH}/consumption/channels/{channel}", body)
    assert (reply.refusal, reply.json()["where"]) == ((422, code), "channel")
    unknown = await shop.staff.put(f"{PATH}/birthday/channels/sms", body)
    assert unknown.refusal == (404, "messaging.scenario_unknown")
    assert await shop.live() == {}


@pytest.mark.covers("S1-32")
async def test_without_the_function_opened_nothing_can_be_saved(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    mapping = (await channel_of(shop, "consumption", "subscribe"))["mapping"]
    await shop.enable("consumption", "sms")
    closed = await shop.staff.post("/api/console/connections/wx5e1f00000000b001/close-subscribe")
    assert closed.status == 204, closed.text
    refused = await shop.save("consumption", "subscribe", template_id, mapping)
    assert refused.refusal == (409, "messaging.subscribe_not_open")
    assert (await shop.staff.get("/api/console/messaging/library")).refusal == (409, "messaging.subscribe_not_open")
    assert await shop.live() == {"consumption": "sms"}

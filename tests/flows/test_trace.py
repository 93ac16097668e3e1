"""Why was this told, held back or not told? The trace answers for every fact."""

import pytest

from huida.kernel.secrets import mask_openid
from tests.shop import Shop

PATH = "/api/console/messaging"


async def trace(shop: Shop, kind: str = "order.purchase_recorded") -> dict[str, tuple[str, str]]:
    async with shop.db.read(shop.tenant) as tx:
        fact_id = await tx.value(
            "SELECT id FROM facts WHERE tenant_id = $1 AND kind = $2 ORDER BY id DESC LIMIT 1", shop.tenant, kind
        )
    told = (await shop.staff.get(f"{PATH}/facts/{fact_id}/trace")).json()
    open_told = (await shop.key.get(f"/api/v1/messages/trace/{fact_id}")).json()
    for step in (one for one in told["steps"] if one["delivery"] and len(one["delivery"]["address"]) >= 16):
        step["delivery"]["address"] = mask_openid(step["delivery"]["address"])
    assert open_told["steps"] == told["steps"]
    return {step["scenario"]: (step["decision"], step["reason"]) for step in told["steps"]}


@pytest.mark.covers("X-07")
async def test_sent_merged_and_off(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    await shop.enable("points_change", "sms")
    member = await shop.member()
    await shop.recharge(member, "R-1", 5000)
    await shop.buy(member, "T-1", 2500, balance_fen=2500)
    assert await trace(shop) == {
        "stored_value_consumption": ("not_told", "scenario_off"),
        "consumption": ("waiting", "in_queue"),
        "balance_change": ("not_told", "scenario_off"),
        "points_change": ("waiting", "in_queue"),
    }
    await shop.settle()
    assert await trace(shop) == {
        "stored_value_consumption": ("not_told", "scenario_off"),
        "consumption": ("delivered", ""),
        "balance_change": ("not_told", "scenario_off"),
        "points_change": ("merged", "merged_into:consumption"),
    }


async def test_not_attempted_and_held(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    assert (await trace(shop))["consumption"] == ("not_attempted", "no_quota")
    await shop.answer(member, template_id)
    await shop.fault("busy", path="/cgi-bin/message/subscribe/send")
    await shop.buy(member, "T-2")
    await shop.settle()
    assert (await trace(shop))["consumption"] == ("retrying", "wechat.-1")


async def test_a_scenario_stopped_before_its_turn_is_off_and_not_waiting_for_ever(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    await shop.buy(member, "T-1")
    assert (await shop.staff.delete(f"{PATH}/scenarios/consumption/channels/sms")).status == 200
    await shop.settle()
    assert (await trace(shop))["consumption"] == ("not_told", "scenario_off")
    assert await shop.texts(member) == []


async def test_the_timeline_of_a_member_and_unknown_facts(shop: Shop, other) -> None:  # type: ignore[no-untyped-def]
    await shop.enable("consumption", "sms")
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    shown = (await shop.staff.get(f"{PATH}/members/{member}/timeline")).json()["items"]
    [bought] = [row for row in shown if row["kind"] == "order.purchase_recorded"]
    assert (bought["scenario"], bought["channel"], bought["state"]) == ("consumption", "sms", "delivered")
    assert bought["payload"]["till_no"] == "T-1"
    unknown = await shop.staff.get(f"{PATH}/facts/{member}/trace")
    assert unknown.refusal == (404, "messaging.fact_unknown")
    assert (await other.get(f"{PATH}/facts/{bought['id']}/trace")).refusal == (404, "messaging.fact_unknown")
    assert (await other.get(f"{PATH}/members/{member}/timeline")).refusal == (404, "member.not_found")


async def test_deliveries_are_paged_and_filtered(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    for number in range(5):
        await shop.buy(member, f"T-{number}")
    await shop.settle()
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        reply = (await shop.staff.get(f"{PATH}/deliveries", **params)).json()
        seen += [row["id"] for row in reply["items"]]
        cursor = reply["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)
    assert len(await shop.deliveries(state="delivered", channel="sms", member_id=member)) == 5
    assert await shop.deliveries(state="failed") == []
    bad = await shop.staff.get(f"{PATH}/deliveries", cursor="WyJ4Il0=")
    assert bad.refusal == (422, "request.bad_cursor")
    naive = await shop.staff.get(f"{PATH}/deliveries", since="2026-11-21T10:00:00")
    assert (naive.status, naive.json()["code"]) == (422, "request.invalid")
    [detail] = [(await shop.staff.get(f"{PATH}/deliveries/{seen[0]}")).json()]
    assert detail["body"]["text"].startswith("【会达】")
    assert (await shop.staff.get(f"{PATH}/deliveries/x.y")).refusal == (404, "messaging.delivery_unknown")

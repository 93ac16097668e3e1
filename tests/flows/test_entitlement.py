"""The module is bought or it is not."""

import pytest

from huida.modules import tenants
from huida.modules.messaging.catalogue import MODULE
from tests.shop import Shop

PATH = "/api/console/messaging"


@pytest.mark.covers("S1-09", "S1-10")
async def test_without_the_module_everything_is_shown_locked_and_nothing_can_be_saved(locked_shop: Shop) -> None:
    shop = locked_shop
    shown = (await shop.staff.get(f"{PATH}/scenarios")).json()
    assert (shown["locked"], len(shown["items"])) == (True, 9)
    for refused in (
        await shop.staff.put(f"{PATH}/scenarios/consumption/channels/sms", {"template_id": "", "mapping": {}}),
        await shop.staff.put(f"{PATH}/scenarios/consumption/channels/subscribe", {"template_id": "x", "mapping": {}}),
        await shop.staff.put(f"{PATH}/scenarios/consumption/channels/template", {"template_id": "x", "mapping": {}}),
        await shop.staff.put(
            f"{PATH}/scenarios/coupon_unused/options", {"remind_after_days": 0, "remind_before_days": 3}
        ),
        await shop.staff.post(f"{PATH}/defaults", {"scenarios": ["consumption"]}),
        await shop.staff.post(f"{PATH}/templates", {"tid": 1102, "keyword_ids": [1, 2], "scene": "通知"}),
    ):
        assert refused.refusal == (403, "messaging.not_entitled")
    assert await shop.live() == {}
    assert await shop.world.facts("messaging.channel_saved") == []
    assert shop.world.sim_app("wx5e1f00000000b001").templates == {}


@pytest.mark.covers("S1-09", "S1-10")
async def test_without_the_module_a_purchase_makes_no_task_and_says_why(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    async with shop.db.tx(shop.tenant) as tx:
        await tenants.withdraw(tx, MODULE)
    bought = await shop.buy(member, "T-1")
    assert bought.status == 201
    await shop.settle()
    assert await shop.deliveries() == []
    assert await shop.texts(member) == []
    [fact] = await fact_ids(shop, "order.purchase_recorded")
    trace = (await shop.staff.get(f"{PATH}/facts/{fact}/trace")).json()
    assert [(s["scenario"], s["decision"], s["reason"]) for s in trace["steps"]] == [
        ("consumption", "not_told", "not_entitled"),
        ("points_change", "not_told", "scenario_off"),
    ]
    entry = (await (await shop.centre(member)).get("/api/member/subscriptions")).json()
    assert entry == {"show_entry": False, "items": []}


async def fact_ids(shop: Shop, kind: str) -> list[str]:
    async with shop.db.read(shop.tenant) as tx:
        rows = await tx.fetch("SELECT id FROM facts WHERE tenant_id = $1 AND kind = $2 ORDER BY id", shop.tenant, kind)
    return [str(row["id"]) for row in rows]

"""Coupons: told when claimed, called to mind when forgotten."""

from typing import Any
from uuid import UUID

import pytest

from huida.modules import coupons
from tests.shop import Shop


async def offer(shop: Shop, *, valid_days: int = 30) -> str:
    body = {"name": "满30减5元券", "kind": "cash", "amount_fen": 500, "threshold_fen": 3000, "total": 100,
            "per_member": 5, "valid_days": valid_days}  # fmt: skip
    made = await shop.staff.post("/api/console/coupons/templates", body)
    assert made.status == 201, made.text
    put_on = await shop.staff.post(f"/api/console/coupons/templates/{made.json()['id']}/on")
    assert put_on.status in (204, 409), put_on.text
    return str(made.json()["id"])


async def claim(shop: Shop, member: UUID, template_id: str) -> Any:
    claimed = await (await shop.centre(member)).post(f"/api/member/coupons/offers/{template_id}/claim")
    assert claimed.status == 201, claimed.text
    return claimed.json()


async def remind(shop: Shop) -> None:
    async with shop.db.tx(shop.tenant) as tx:
        await coupons.remind(tx)
    await shop.settle()


@pytest.mark.covers("S1-06", "S1-92")
async def test_a_claimed_coupon_is_told_at_once(shop: Shop) -> None:
    template_id = await shop.enable("coupon_claimed")
    member = await shop.member()
    await shop.answer(member, template_id)
    coupon = await claim(shop, member, await offer(shop))
    await shop.settle()
    [notice] = await shop.notices(member)
    values = dict(notice["fields"])
    assert (values["优惠券名称"], values["券码"]) == ("满30减5元券", coupon["code"])
    assert notice["jump"]["page"] == f"pages/coupon/detail?id={coupon['id'].replace('-', '')}"
    assert [(d["scenario"], d["state"]) for d in await shop.deliveries()] == [("coupon_claimed", "delivered")]


@pytest.mark.covers("S1-07", "S1-08")
async def test_a_forgotten_coupon_is_called_to_mind_on_the_merchants_days(shop: Shop) -> None:
    await shop.enable("coupon_unused", "sms")
    path = "/api/console/messaging/scenarios/coupon_unused/options"
    timing = {"remind_after_days": 7, "remind_before_days": 3}
    assert (await shop.staff.put(path, timing)).status == 200
    shown = (await shop.staff.get("/api/console/messaging/scenarios")).json()["items"]
    assert next(s["options"] for s in shown if s["code"] == "coupon_unused") == timing
    kept = (await shop.staff.get("/api/console/coupons/reminders")).json()
    assert {name: kept[name] for name in timing} == timing
    member = await shop.member()
    await claim(shop, member, await offer(shop))
    arrived = []
    for _ in range(31):
        await remind(shop)
        arrived.append(len(await shop.texts(member)))
        await shop.later(days=1)
    assert arrived == [0] * 7 + [1] * 20 + [2] * 4


@pytest.mark.covers("S1-08")
@pytest.mark.parametrize("how", ["redeemed", "voided", "expired"])
async def test_a_coupon_that_is_not_open_any_more_is_not_called_to_mind(shop: Shop, how: str) -> None:
    await shop.enable("coupon_unused", "sms")
    member = await shop.member()
    coupon = await claim(shop, member, await offer(shop, valid_days=5))
    path = f"/api/console/coupons/codes/{coupon['code']}"
    if how == "redeemed":
        assert (await shop.staff.post(f"{path}/redeem", {"order_fen": 5000})).status == 200
    if how == "voided":
        assert (await shop.staff.post(f"{path}/void", {"reason": "误发"})).status == 200
    await shop.later(days=3 if how != "expired" else 10)
    await remind(shop)
    assert await shop.texts(member) == []


@pytest.mark.covers("S1-08")
@pytest.mark.parametrize(
    ("days", "code"),
    [
        (-1, "messaging.bad_reminder"),
        (366, "messaging.bad_reminder"),
        *((wrong, "request.invalid") for wrong in (True, "3", 2.5, 3.0, None)),
    ],
)
async def test_bad_timing_is_refused_and_the_timing_stays(shop: Shop, days: object, code: str) -> None:
    path = "/api/console/messaging/scenarios/coupon_unused/options"
    refused = await shop.staff.put(path, {"remind_after_days": 0, "remind_before_days": days})
    assert (refused.refusal, refused.json()["where"]) == ((422, code), "remind_before_days")
    shown = (await shop.staff.get("/api/console/coupons/reminders")).json()
    assert (shown["remind_after_days"], shown["remind_before_days"]) == (0, 3)
    timing = {"remind_after_days": 0, "remind_before_days": 3}
    other = await shop.staff.put("/api/console/messaging/scenarios/consumption/options", timing)
    assert other.refusal == (422, "messaging.option_unknown")

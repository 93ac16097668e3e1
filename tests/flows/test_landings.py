"""Where cards lead: the id in their page names the very record that the member centre shows."""

from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from tests.shop import Shop, whole_rules


async def landing(shop: Shop, member: UUID) -> tuple[str, str]:
    """(page, id) of the newest card in 服务通知."""
    url = urlsplit((await shop.notices(member))[-1]["jump"]["page"])
    return url.path, parse_qs(url.query)["id"][0]


async def sources(shop: Shop, member: UUID, unit: str) -> list[str]:
    """What the member's records of one unit name, newest first."""
    items = (await (await shop.centre(member)).get("/api/member/transfers", unit=unit)).json()["items"]
    return [item["source_id"].replace("-", "") for item in items]


@pytest.mark.covers("S1-91", "S1-92")
async def test_a_correction_leads_to_its_own_record(shop: Shop) -> None:
    template_id = await shop.enable("points_change")
    member = await shop.member()
    await shop.answer(member, template_id)
    path = f"/api/console/loyalty/members/{member}/adjust"
    for key in (first := uuid4(), uuid4()):
        await shop.staff.post(path, {"key": str(key), "points": 30, "balance_fen": 0, "note": "补偿"})
        await shop.settle()
    assert await landing(shop, member) == ("pages/points/index", first.hex)
    assert (await sources(shop, member, "points"))[-1] == first.hex


@pytest.mark.covers("S1-91", "S1-92")
async def test_a_refund_leads_to_the_record_of_the_refund(shop: Shop) -> None:
    template_id = await shop.enable("balance_change")
    member = await shop.member()
    await shop.recharge(member, "R-1", 10000)
    await shop.buy(member, "T-1", 4000, balance_fen=4000)
    await shop.settle()
    await shop.answer(member, template_id)
    refunded = await shop.refund("F-1", "T-1", 1000)
    await shop.settle()
    refund = UUID(refunded.json()["id"]).hex
    assert await landing(shop, member) == ("pages/balance/index", refund)
    assert (await sources(shop, member, "balance"))[0] == refund


@pytest.mark.covers("S1-91", "S1-92")
async def test_a_sign_off_reminder_leads_to_its_order_which_only_the_member_sees(shop: Shop) -> None:
    template_id = await shop.enable("auto_sign_off")
    member = await shop.member()
    other = await shop.member("chenyiming")
    await shop.answer(member, template_id)
    row = {"card_no": await shop.card_no(member), "order_no": "E20261121001", "sign_at": "2030-11-24T10:00:00+08:00"}
    assert (await shop.key.post("/api/v1/sign-off-reminders", row)).status == 202
    await shop.settle()
    page, fact_id = await landing(shop, member)
    assert page == "pages/order/index"
    told = (await (await shop.centre(member)).get(f"/api/member/sign-offs/{fact_id}")).json()
    assert (told["order_no"], told["sign_at"]) == ("E20261121001", "2030-11-24T02:00:00Z")
    refused = await (await shop.centre(other)).get(f"/api/member/sign-offs/{fact_id}")
    assert refused.refusal == (404, "orders.sign_off_not_found")


@pytest.mark.covers("S1-87")
async def test_the_card_tells_the_name_of_the_level(shop: Shop) -> None:
    levels = [{"code": "normal", "name": "新茶会员"}, {"code": "silver", "name": "银叶会员", "growth": 100}]
    saved = await shop.staff.put("/api/console/loyalty/rules", whole_rules(levels=levels))
    assert saved.status == 200, saved.text
    member = await shop.member()
    centre = await shop.centre(member)
    assert (await centre.get("/api/member/me")).json()["member"]["level_name"] == "新茶会员"
    await shop.buy(member, "T-1", 10000)
    assert (await centre.get("/api/member/me")).json()["member"]["level_name"] == "银叶会员"

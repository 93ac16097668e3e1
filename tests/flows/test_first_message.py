"""The main job: a till reports a purchase, the member's phone shows the message."""

import pytest

from tests.shop import Shop


@pytest.mark.covers("S1-02", "S1-11", "S1-25", "S1-36", "S1-70", "S1-73", "S1-76", "S1-88", "S1-90", "S1-91", "S1-92")
async def test_a_purchase_arrives_as_a_service_notice_and_spends_one_credit(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id)

    bought = await shop.buy(member, "T-1", 2500)
    assert (bought.status, bought.json()["status"], bought.json()["points"]) == (201, "recorded", 25)
    assert await shop.notices(member) == []  # queued, not inline with the purchase (S1-89)
    await shop.settle()

    [notice] = await shop.notices(member)
    card = await shop.card_no(member)
    values = dict(notice["fields"])
    assert values["卡号"] == card
    assert values["会员姓名"] == "林小满"
    assert values["消费金额"] == "25.00元"
    assert notice["sound"] is True
    assert notice["jump"]["page"] == f"pages/receipt/index?id={bought.json()['id'].replace('-', '')}"
    [delivery] = await shop.deliveries()
    assert (delivery["state"], delivery["channel"]) == ("delivered", "subscribe")

    again = await shop.buy(member, "T-2", 1000)
    assert again.json()["points_after"] == 35
    await shop.settle()
    assert len(await shop.notices(member)) == 1
    newest = (await shop.deliveries())[0]
    assert (newest["state"], newest["reason"]) == ("not_attempted", "no_quota")

"""The texts that the demo hands to the platform (U-11): one part each with room to spare, and the amount where it is about money."""

import re
from typing import Any
from uuid import uuid4

import pytest

from huida.demo.stage import SMS_AMOUNTS, SMS_PARAMS, SMS_SCENARIOS
from huida.modules import sms
from tests import make
from tests.asgi import Client
from tests.shop import Shop, open_shop
from wesim.sms.catalogue import ALIYUN_TEMPLATES, tencent_templates

CONTENTS = {code: content for code, _, _, content in ALIYUN_TEMPLATES}
MOST = 60
"""With a shop name of four characters and a domain of ten: ten more may be spent on longer ones before a part is lost."""


def texts() -> list[sms.SmsText]:
    return [
        sms.SmsText(
            scenario,
            code,
            CONTENTS[code],
            {
                name: variable
                for name, variable in (SMS_PARAMS | {"p3": SMS_AMOUNTS.get(scenario, "")}).items()
                if f"${{{name}}}" in CONTENTS[code]
            },
        )
        for scenario, code in SMS_SCENARIOS.items()
    ]


@pytest.fixture
async def shop(world: Any) -> Shop:
    made = await open_shop(world)
    async with world.db.tx(0) as tx:
        for text in texts():
            await sms.save_text(tx, "aliyun", text)
    return made


async def test_every_supplied_text_is_one_part_with_room(shop: Shop) -> None:
    shown = {one["scenario"]: one for one in (await shop.staff.get("/api/console/sms")).json()["texts"]}
    lengths = {}
    for scenario in SMS_SCENARIOS:
        sample = shown[scenario]["sample"]
        # The shop name of two that the test's signature has counts as the four of an ordinary one.
        lengths[scenario] = sample["length"] + 4 - len(re.match(r"【(.*?)】", sample["text"])[1])  # type: ignore[index]
        assert (sample["parts"], "hd.example/s/8fKq2M7xYp" in sample["text"]) == (1, True), sample
    assert lengths == {
        "consumption": 57,
        "recharge": 57,
        "points_change": 55,
        "balance_change": 60,
        "stored_value_consumption": 59,
        "coupon_claimed": 56,
        "coupon_unused": 55,
        "auto_sign_off": 57,
    }
    assert max(lengths.values()) <= MOST


async def test_messages_about_money_say_how_much(shop: Shop) -> None:
    for scenario in ("consumption", "recharge", "points_change", "balance_change"):
        await shop.enable(scenario, "sms")
    lin = await shop.member("linxiaoman")
    tail = (await shop.card_no(lin))[-4:]
    await shop.recharge(lin, "R-1", 10000)
    await shop.buy(lin, "T-1", 2550)
    for part in ({"points": 30}, {"balance_fen": -500}):
        correction = {"key": str(uuid4()), "note": "盘点"} | part
        assert (await shop.staff.post(f"/api/console/loyalty/members/{lin}/adjust", correction)).status == 200
    await shop.settle()
    said = {re.sub(r"\d\d-\d\d \d\d:\d\d", "T", one["text"]).partition(" ")[0] for one in await shop.texts(lin)}
    assert said == {
        f"【会达】尾号{tail}于T充值100.00元",
        f"【会达】尾号{tail}于T消费25.50元",
        f"【会达】尾号{tail}于T余额变动-5.00元",
        f"【会达】尾号{tail}于T积分变动30",
    }


async def test_a_text_says_only_what_its_scenario_knows(shop: Shop, world: Any) -> None:
    operator = await make.logged_in(Client(world.app), await make.operator(world.db))
    path = "/api/operator/sms/texts/aliyun"
    body = {"template_code": "SMS_100000014", "content": CONTENTS["SMS_100000014"]}
    params = {"p1": "card_tail", "p2": "time", "code": "link_code"}
    for scenario, variable, status in (
        ("consumption", "amount", 204),
        ("coupon_claimed", "amount", 422),
        ("consumption", "card_no", 422),
        ("points_change", "amount", 422),
    ):
        reply = await operator.put(f"{path}/{scenario}", body | {"params": params | {"p3": variable}})
        assert reply.status in (status, 200 if status == 204 else status), (scenario, variable, reply.text)
        if status == 422:
            assert reply.json()["code"] == "sms.variable_unknown"


def test_the_same_texts_are_at_the_other_provider_with_positions() -> None:
    found = {name: text for _, _, name, text in tencent_templates()}
    assert found["会员消费通知（含金额）"] == "尾号{1}于{2}消费{3}元 hd.example/s/{4} "
    assert found["优惠券到账通知（短）"] == "尾号{1}于{2}收到一张优惠券 hd.example/s/{3} "

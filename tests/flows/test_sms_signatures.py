"""Signatures from the store's application to the text that begins with one (S2-68..S2-77, X-04)."""

import json
from typing import Any
from uuid import uuid4

import pytest

from huida.modules.sms import signatures
from tests.asgi import Client
from tests.pictures import PNG
from tests.shop import Shop
from tests.smsshop import CONSOLE, OPERATOR, Desk, open_desk, two_providers


@pytest.fixture
async def desk(shop: Shop) -> Desk:
    await shop.enable("consumption", "sms")
    return await open_desk(shop)


async def apply_for(desk: Desk, name: str) -> Any:
    """What the page's form sends."""
    edge = uuid4().hex
    fields = {"name": name, "source": "shop", "use_at_once": "false"}
    rows = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()
    ]
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    )
    body = "".join(rows).encode() + head.encode() + PNG + f"\r\n--{edge}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={edge}"}
    return await desk.shop.staff.request("POST", f"{CONSOLE}/signatures", headers=headers, body=body)


async def applied(desk: Desk, name: str) -> str:
    made = await apply_for(desk, name)
    assert made.status == 201, made.text
    return str(made.json()["id"])


async def states(desk: Desk) -> dict[str, tuple[str, bool]]:
    shown = (await desk.shop.staff.get(CONSOLE)).json()["signatures"]
    return {row["name"]: (row["state"], row["applied"]) for row in shown}


def review(desk: Desk, signature_id: str) -> str:
    return f"{OPERATOR}/reviews/{desk.shop.tenant}/{signature_id}"


async def queued(desk: Desk, signature_id: str) -> dict[str, Any] | None:
    rows = (await desk.operator.get(f"{OPERATOR}/reviews", limit=100)).json()["items"]
    return next((row for row in rows if row["signature_id"] == signature_id), None)


async def ask(desk: Desk) -> None:
    async with desk.shop.db.tx(0) as tx:
        await desk.shop.world.system.registry.jobs["sms.ask_signatures"](tx, [{}])
    await desk.settle()


@pytest.mark.covers("S2-69", "S2-70", "S2-71", "S2-72", "S2-73", "S2-75", "X-04")
async def test_the_chain_from_application_to_the_first_text(desk: Desk) -> None:
    member = await desk.shop.member()
    signature = await applied(desk, "山月茶事")
    assert await states(desk) == {"山月茶事": ("in_review", False)}
    # the operator sees it, and hands it in at the provider
    assert (await queued(desk, signature) or {})["handed_in_at"] is None
    assert (await desk.operator.post(f"{review(desk, signature)}/hand-in", {})).status == 204
    await desk.settle()
    assert (await queued(desk, signature) or {})["handed_in_at"] is not None
    # it passes there: that is shown, and the store still waits for the platform
    passed = {"provider": "aliyun", "sign": "山月茶事", "approve": True}
    assert (await desk.shop.sim.post("/_sim/sms/review", passed)).status == 200
    await ask(desk)
    assert (await queued(desk, signature) or {})["passed_at"] is not None
    assert await states(desk) == {"山月茶事": ("in_review", False)}
    assert (await desk.operator.post(f"{review(desk, signature)}/approve", {"providers": ["aliyun"]})).status == 204
    assert await states(desk) == {"山月茶事": ("approved", False)}
    assert await queued(desk, signature) is None
    # approved is not yet in use: the store picks it, saves and applies
    await desk.tell(member)
    assert (await desk.shop.texts(member))[-1]["text"].startswith("【会达】")
    assert (await desk.shop.staff.post(f"{CONSOLE}/signatures/{signature}/apply", {})).status == 204
    assert await states(desk) == {"山月茶事": ("approved", True)}
    await desk.tell(member, 1, first=2)
    assert max(await desk.shop.texts(member), key=lambda m: m["id"])["text"].startswith("【山月茶事】")


@pytest.mark.covers("S2-74")
async def test_a_rejected_one_says_why_and_can_be_applied_for_again(desk: Desk) -> None:
    signature = await applied(desk, "山月茶事")
    refused = await desk.operator.post(f"{review(desk, signature)}/reject", {"reason": "缺少营业执照"})
    assert refused.status == 204
    [row] = (await desk.shop.staff.get(CONSOLE)).json()["signatures"]
    assert (row["state"], row["reason"], row["source"]) == ("rejected", "缺少营业执照", "shop")
    not_approved = await desk.shop.staff.post(f"{CONSOLE}/signatures/{signature}/apply", {})
    assert not_approved.refusal == (409, "sms.signature_not_approved")
    assert (await apply_for(desk, "山月茶事")).status == 201
    assert [row["state"] for row in (await desk.shop.staff.get(CONSOLE)).json()["signatures"]] == [
        "in_review",
        "rejected",
    ]


@pytest.mark.covers("S2-68", "S2-77")
async def test_ten_count_and_those_rejected_or_withdrawn_do_not(desk: Desk) -> None:
    ids = [await applied(desk, f"山月{number}号店") for number in range(10)]
    eleventh = await apply_for(desk, "第十一个")
    assert eleventh.refusal == (409, "sms.signatures_full")
    assert "10" in json.loads(eleventh.body)["title"]
    assert len(await states(desk)) == 10
    await desk.operator.post(f"{review(desk, ids[0])}/reject", {"reason": "重复"})
    assert (await apply_for(desk, "第十一个")).status == 201
    assert (await apply_for(desk, "第十二个")).refusal == (409, "sms.signatures_full")
    await desk.operator.post(f"{review(desk, ids[1])}/approve", {})
    assert (await apply_for(desk, "第十二个")).refusal == (409, "sms.signatures_full")
    assert (await desk.shop.staff.post(f"{CONSOLE}/signatures/{ids[1]}/withdraw", {})).status == 204
    assert (await apply_for(desk, "第十二个")).status == 201
    shown = (await desk.shop.staff.get(CONSOLE)).json()
    assert (shown["signatures_most"], shown["signatures_taken"]) == (signatures.AT_MOST, 10)
    assert (await apply_for(desk, "山月5号店")).refusal == (409, "sms.signature_exists")


@pytest.mark.covers("S2-76", "S2-75")
async def test_exactly_one_is_active_and_the_platforms_stands_in_for_none(desk: Desk) -> None:
    ids = {}
    for name in ("山月茶事", "山月小馆"):
        ids[name] = await applied(desk, name)
        assert (await desk.operator.post(f"{review(desk, ids[name])}/approve", {})).status == 204
    for name in ("山月茶事", "山月小馆", "山月茶事"):
        assert (await desk.shop.staff.post(f"{CONSOLE}/signatures/{ids[name]}/apply", {})).status == 204
        assert [other for other, (_, on) in (await states(desk)).items() if on] == [name]
    assert (await desk.shop.staff.post(f"{CONSOLE}/signatures/{ids['山月茶事']}/withdraw", {})).status == 204
    shown = (await desk.shop.staff.get(CONSOLE)).json()
    assert (shown["sign_name"], shown["sign_is_own"]) == ("会达", False)
    assert await desk.shop.invariants() == {}


@pytest.mark.covers("X-04", "S2-11")
async def test_a_signature_is_used_only_at_the_provider_that_has_approved_it(desk: Desk) -> None:
    async with two_providers(desk.shop, aliyun=0, tencent=100):
        member = await desk.shop.member()
        signature = await applied(desk, "会达小店")
        assert (await desk.operator.post(f"{review(desk, signature)}/approve", {"providers": ["aliyun"]})).status == 204
        assert (await desk.shop.staff.post(f"{CONSOLE}/signatures/{signature}/apply", {})).status == 204
        await desk.tell(member)
        sent = (await desk.shop.sim.get("/_sim/sms/sent", limit=1)).json()
        assert (sent[0]["provider"], sent[0]["sign"]) == ("aliyun", "会达小店")
        path = f"{OPERATOR}/signatures/{desk.shop.tenant}/{signature}/providers"
        assert (await desk.operator.put(path, {"providers": []})).refusal == (422, "sms.choose_provider")
        assert (await desk.operator.put(path, {"providers": ["aliyun", "tencent"]})).status == 204
        await desk.tell(member, 1, first=2)
        sent = (await desk.shop.sim.get("/_sim/sms/sent", limit=1)).json()
        assert (sent[0]["provider"], sent[0]["sign"]) == ("tencent", "会达小店")


@pytest.mark.covers("S2-12", "S2-70")
async def test_without_a_provider_a_signature_is_not_approved_and_the_answer_says_what_to_do(desk: Desk) -> None:
    signature = await applied(desk, "山月茶事")
    path = f"{OPERATOR}/accounts/aliyun/routing"
    try:
        assert (await desk.operator.put(path, {"weight": 100, "state": "off"})).status == 204
        for what, body in (("approve", None), ("approve", {"providers": ["aliyun"]}), ("hand-in", None)):
            refused = await desk.operator.post(f"{review(desk, signature)}/{what}", body)
            assert refused.refusal == (409, "sms.no_provider_yet")
        assert "先在“系统设置 - 短信设置”中接入" in refused.json()["title"]
        assert await states(desk) == {"山月茶事": ("in_review", False)}
        assert await queued(desk, signature) is not None
    finally:
        assert (await desk.operator.put(path, {"weight": 100, "state": "active"})).status == 204
    refused = await desk.operator.post(f"{review(desk, signature)}/approve", {"providers": []})
    assert refused.refusal == (422, "sms.choose_provider")
    assert (await desk.operator.post(f"{review(desk, signature)}/approve")).status == 204
    [shown] = (await desk.shop.staff.get(CONSOLE)).json()["signatures"]
    assert (shown["state"], shown["providers"]) == ("approved", ["aliyun"])


@pytest.mark.covers("S2-71")
async def test_a_stores_applications_are_its_own(desk: Desk) -> None:
    signature = await applied(desk, "山月茶事")
    assert (await Client(desk.shop.world.app).get(CONSOLE)).status == 401
    assert (await desk.shop.staff.get(review(desk, signature))).status == 403


@pytest.mark.covers("S2-66", "S2-67")
async def test_the_forecast_tells_what_a_scenario_would_cost(desk: Desk) -> None:
    with_phone, without = await desk.shop.member(), await desk.shop.member("chenyiming", phone=False)
    await desk.tell(with_phone, 6)
    await desk.tell(without, 3, first=50)
    door = "/api/console/messaging/scenarios/consumption/sms-forecast"
    told = (await desk.shop.staff.get(door)).json()
    assert {name: told[name] for name in ("days", "events", "reachable", "messages_per_day", "parts_per_message")} == {
        "days": 30,
        "events": 9,
        "reachable": 6,
        "messages_per_day": 0.2,
        "parts_per_message": 1,
    }
    assert (told["cost_fen_per_month"], told["model"], told["days_left"], told["why"]) == (60, "per_part", None, "")
    await desk.bought(100, 900)
    told = (await desk.shop.staff.get(door)).json()
    assert (told["cost_fen_per_month"], told["model"], told["parts_left"], told["days_left"]) == (
        54,
        "package",
        100,
        500,
    )
    assert (await desk.shop.staff.get(door.replace("consumption", "nothing"))).status == 404

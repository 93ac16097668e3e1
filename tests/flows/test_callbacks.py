"""WeChat's pushes: replayed, forged, for somebody else; and tokens that another process revoked."""

import pytest

from huida.modules import connections
from tests.asgi import Client
from tests.shop import Shop
from wesim import seed


async def credits(shop: Shop, member: object) -> list[int]:
    rows = (await shop.staff.get(f"/api/console/messaging/members/{member}/credits")).json()["items"]
    return [row["remaining"] for row in rows]


async def test_a_replayed_push_changes_nothing_and_a_forged_one_is_refused(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id, report=False)
    assert await credits(shop, member) == [1]
    url, headers, body = shop.world.posted[-1]
    path = url.removeprefix("http://huida.test")
    caller = Client(shop.world.app)
    assert (await caller.request("POST", path, headers=headers, body=body)).status == 200
    await shop.settle()
    assert await credits(shop, member) == [1]

    forged = path.replace("signature=", "signature=0")
    assert (await caller.request("POST", forged, headers=headers, body=body)).status == 403
    changed = body.replace(b"<Encrypt>", b"<Encrypt>A", 1).replace(b'"Encrypt":"', b'"Encrypt":"A', 1)
    assert (await caller.request("POST", path, headers=headers, body=changed)).status == 403
    await shop.settle()
    assert await credits(shop, member) == [1]


async def test_a_push_of_one_app_is_not_taken_at_the_door_of_the_other(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id, report=False)
    url, headers, body = shop.world.posted[-1]
    door = shop.world.sim_app(seed.OA_APPID).callback.url
    crossed = door.removeprefix("http://huida.test") + "?" + url.partition("?")[2]
    assert (await Client(shop.world.app).request("POST", crossed, headers=headers, body=body)).status == 403
    nobody = await Client(shop.world.app).request("POST", "/callbacks/wechat/nobody", headers=headers, body=body)
    assert nobody.status == 404
    await shop.settle()
    assert await credits(shop, member) == [1]


async def test_pushes_in_the_wrong_order_end_in_the_newest_state(shop: Shop) -> None:
    await shop.enable("consumption", "template")
    member = await shop.member(follows=True)
    await shop.fault("late_callback", event="unsubscribe", delay_s=0.2)
    await shop.sim.post("/_sim/unfollow", {"person": "linxiaoman", "app": seed.OA_APPID})
    await shop.sim.post("/_sim/clock", {"advance": 5})
    await shop.follow(member)
    await shop.settle()
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [("template", "delivered", "")]


@pytest.mark.covers("P-16")
async def test_a_token_that_another_process_revoked_is_renewed_without_loss(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id)
    refresh = {
        "grant_type": "client_credential",
        "appid": seed.MINI_APPID,
        "secret": seed.MINI_SECRET,
        "force_refresh": True,
    }
    for _ in range(2):
        await shop.sim.post("/_sim/clock", {"advance": 31})
        forced = await shop.sim.post("/api.weixin.qq.com/cgi-bin/stable_token", refresh)
        assert "access_token" in forced.json(), forced.text
    await shop.buy(member, "T-1")
    await shop.settle()
    assert await shop.outcomes() == [("subscribe", "delivered", "")]
    [delivery] = await shop.deliveries()
    assert delivery["attempts"] == 1


async def test_the_final_word_may_come_before_our_own_record(shop: Shop) -> None:
    template_id = await shop.enable("consumption")
    member = await shop.member()
    await shop.answer(member, template_id)
    await shop.buy(member, "T-1")
    await shop.settle()
    async with shop.db.tx(shop.tenant) as tx:  # as it was between WeChat's answer and our record of it
        ref = await tx.value("SELECT provider_ref FROM deliveries WHERE tenant_id = $1", shop.tenant)
        await tx.execute(
            "UPDATE deliveries SET state = 'queued', provider_ref = '', done_at = NULL WHERE tenant_id = $1",
            shop.tenant,
        )
        done = [connections.SubscribeDelivery(template_id, int(ref), "0", "success")]
        tx.emit(
            connections.SubscribeSendFinished(
                app_id=seed.MINI_APPID, openid=shop.openid(member), at=tx.now, deliveries=done
            )
        )
    await shop.settle()
    async with shop.db.tx(shop.tenant) as tx:
        await tx.execute(
            "UPDATE deliveries SET state = 'accepted', provider_ref = $2 WHERE tenant_id = $1", shop.tenant, ref
        )
    assert [d["state"] for d in await shop.deliveries()] == ["accepted"]
    await shop.later(seconds=61)
    assert [d["state"] for d in await shop.deliveries()] == ["delivered"]

"""Callbacks: sealed and signed, the ladder, probes, duplicates, late and lost ones (reference §1.7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wesim.pay_kit import MCHID, NOON, NOTIFY, REFUNDS, PaySim
from wesim.faults import Fault
from wesim.pay.notices import LADDER_S


@pytest.fixture
def sim() -> PaySim:
    return PaySim()


async def notices(sim: PaySim) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await sim.control(f"/pay/merchants/{MCHID}/notices"))["notices"]
    return found


async def test_a_payment_is_told(sim: PaySim) -> None:
    paid = await sim.paid(attach="store=7")
    await sim.settle()
    [pushed] = sim.pushed
    assert (pushed.url, pushed.headers["content-type"]) == (NOTIFY, "application/json; charset=utf-8")
    assert pushed.headers["wechatpay-serial"] == sim.merchant.public_key_id
    assert sim.is_authentic(pushed.headers, pushed.body)
    opened = sim.opened(pushed)
    assert (opened["event_type"], opened["resource_type"], opened["create_time"]) == (
        "TRANSACTION.SUCCESS",
        "encrypt-resource",
        "2026-11-21T12:00:00+08:00",
    )
    assert (opened["resource"]["original_type"], opened["resource"]["algorithm"]) == ("transaction", "AEAD_AES_256_GCM")
    assert opened["plain"] == paid
    [record] = await notices(sim)
    assert (record["id"], record["state"]) == (opened["id"], "delivered")
    assert [(tried["status"], tried["probe"]) for tried in record["attempts"]] == [(200, False)]


async def test_a_refund_is_told(sim: PaySim) -> None:
    paid = await sim.paid()
    refund = (await sim.call("POST", REFUNDS, sim.asks_refund())).json()
    await sim.settle()
    opened = sim.opened(sim.pushed[-1])
    assert (opened["event_type"], opened["resource"]["original_type"]) == ("REFUND.SUCCESS", "refund")
    assert opened["plain"] == {
        "mchid": MCHID,
        "transaction_id": paid["transaction_id"],
        "out_trade_no": "order-0001",
        "refund_id": refund["refund_id"],
        "out_refund_no": "refund-0001",
        "refund_status": "SUCCESS",
        "success_time": "2026-11-21T12:00:00+08:00",
        "user_received_account": "支付用户零钱",
        "amount": {"total": 1880, "refund": 880, "payer_total": 1880, "payer_refund": 880},
    }


async def test_without_a_url_a_refund_is_not_told(sim: PaySim) -> None:
    await sim.paid()
    asks = sim.asks_refund()
    del asks["notify_url"]
    await sim.call("POST", REFUNDS, asks)
    await sim.settle()
    assert [(one["event"], one["state"]) for one in await notices(sim)] == [
        ("REFUND.SUCCESS", "no_url"),
        ("TRANSACTION.SUCCESS", "delivered"),
    ]


async def test_without_an_api_v3_key_nothing_is_told(sim: PaySim) -> None:
    await sim.control(f"/pay/merchants/{MCHID}", {"api_v3_key": ""})
    await sim.paid()
    await sim.settle()
    assert (sim.pushed, [one["state"] for one in await notices(sim)]) == ([], ["no_key"])


def test_the_ladder_is_the_documented_one() -> None:
    assert (len(LADDER_S), sum(LADDER_S)) == (15, 24 * 3600 + 4 * 60)


async def test_the_ladder_by_the_worlds_clock(sim: PaySim) -> None:
    sim.answers = [500, 401, 0, 302]
    await sim.paid()
    await sim.settle()
    for wait in LADDER_S[:4]:
        sim.world.clock.advance(wait - 0.5)
        await sim.settle()
        before = len(sim.pushed)
        sim.world.clock.advance(0.5)
        await sim.settle()
        assert len(sim.pushed) == before + 1
    [record] = await notices(sim)
    assert record["state"] == "delivered"
    assert [tried["status"] for tried in record["attempts"]] == [500, 401, 0, 302, 200]
    assert [tried["at"] - NOON for tried in record["attempts"]] == [0, 15, 30, 60, 240]
    assert all(sim.is_authentic(one.headers, one.body) for one in sim.pushed)
    assert len({one.body for one in sim.pushed}) == 1
    assert len({one.headers["wechatpay-timestamp"] for one in sim.pushed}) == 5


async def test_the_scaled_ladder_gives_up_in_the_end(sim: PaySim) -> None:
    await sim.control("/pay/settings", {"ladder_scale": 0})
    sim.answers = [500] * 99
    await sim.paid()
    await sim.settle()
    [record] = await notices(sim)
    assert (len(sim.pushed), record["state"]) == (16, "failed")


async def test_a_probe_comes_before_the_true_callback(sim: PaySim) -> None:
    await sim.control("/pay/settings", {"probe_share": 1.0})
    sim.answers = [401]
    await sim.paid()
    await sim.settle()
    [probe] = sim.pushed
    assert probe.headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/")
    assert not sim.is_authentic(probe.headers, probe.body)
    sim.world.clock.advance(15)
    await sim.settle()
    assert sim.is_authentic(sim.pushed[1].headers, sim.pushed[1].body)
    [record] = await notices(sim)
    assert [(t["probe"], t["status"]) for t in record["attempts"]] == [(True, 401), (False, 200)]
    assert (record["state"], sim.merchant.defects) == ("delivered", [])


async def test_a_probe_that_is_accepted_is_a_defect(sim: PaySim) -> None:
    await sim.control("/pay/settings", {"probe_share": 1.0, "ladder_scale": 0})
    await sim.paid()
    await sim.settle()
    [record] = await notices(sim)
    assert [one["what"] for one in (await sim.control("/pay"))["merchants"][0]["defects"]] == ["probe accepted"]
    assert (len(sim.pushed), record["state"]) == (2, "delivered")


@pytest.mark.parametrize(("new_id", "ids"), [(False, 1), (True, 2)])
async def test_a_duplicate(sim: PaySim, new_id: bool, ids: int) -> None:
    sim.pay.settings.duplicate_has_new_id = new_id
    sim.world.faults.add(Fault("duplicate_callback", event="TRANSACTION.*", delay_s=60, count=1))
    await sim.paid()
    await sim.settle()
    assert len(sim.pushed) == 1
    sim.world.clock.advance(60)
    await sim.settle()
    opened = [sim.opened(one) for one in sim.pushed]
    assert (len(opened), len({one["id"] for one in opened})) == (2, ids)
    assert opened[0]["plain"] == opened[1]["plain"]


async def test_a_late_one(sim: PaySim) -> None:
    sim.world.faults.add(Fault("late_callback", app=MCHID, delay_s=3600, count=1))
    await sim.paid()
    await sim.settle()
    assert sim.pushed == []
    sim.world.clock.advance(3600)
    await sim.settle()
    assert len(sim.pushed) == 1
    assert sim.opened(sim.pushed[0])["create_time"] == "2026-11-21T12:00:00+08:00"
    assert sim.is_authentic(sim.pushed[0].headers, sim.pushed[0].body)


async def test_a_lost_one_may_be_sent_again_by_hand(sim: PaySim) -> None:
    sim.world.faults.add(Fault("lost_callback", event="TRANSACTION.SUCCESS", count=1))
    await sim.paid()
    await sim.settle()
    [record] = await notices(sim)
    assert (sim.pushed, record["state"]) == ([], "lost")
    await sim.control(f"/pay/merchants/{MCHID}/notices/{record['id']}/repeat", {})
    await sim.settle()
    assert [sim.opened(one)["id"] for one in sim.pushed] == [record["id"]]


@pytest.mark.parametrize(("share", "with_key"), [(0.0, False), (1.0, True)])
async def test_in_migration_a_share_is_signed_with_the_public_key(sim: PaySim, share: float, with_key: bool) -> None:
    await sim.control(f"/pay/merchants/{MCHID}", {"mode": "both", "callback_key_share": share})
    await sim.paid()
    await sim.settle()
    certificate = sim.merchant.certificates[-1].serial
    assert sim.pushed[0].headers["wechatpay-serial"] == (sim.merchant.public_key_id if with_key else certificate)
    assert sim.is_authentic(sim.pushed[0].headers, sim.pushed[0].body)


async def test_in_certificate_mode_the_newest_certificate_signs(sim: PaySim) -> None:
    sim.merchant.mode = "certificate"
    serial = (await sim.control(f"/pay/merchants/{MCHID}/certificates", {}))["serial"]
    await sim.paid()
    await sim.settle()
    assert sim.pushed[0].headers["wechatpay-serial"] == serial == sim.merchant.certificates[1].serial
    assert sim.is_authentic(sim.pushed[0].headers, sim.pushed[0].body)

"""Faults, clock, settings, log, live changes and bulk persons of the control plane."""

import json
import time

import pytest

from wesim import seed
from wesim.events import sse
from wesim.routing import Dropped

PATH = "/cgi-bin/getcallbackip"


async def probe(sim):
    return await sim.call("GET", f"/api.weixin.qq.com{PATH}?access_token={sim.oa.stable.value}")


@pytest.fixture
async def held(sim):
    await sim.token(sim.oa)
    return sim


async def fault(sim, **body):
    return await sim.control("/faults", {"host": "api.weixin.qq.com", "path": "/cgi-bin/get*", **body})


async def test_refuse_once(held):
    added = await fault(held, kind="refuse", errcode=45011, errmsg="api minute-quota reach limit", count=1)
    assert (added["id"], added["count"]) == (held.world.start + 1, 1)
    assert held.code((await probe(held)).json()) == (45011, "api minute-quota reach limit")
    assert "ip_list" in (await probe(held)).json()


async def test_busy_status_and_clear(held):
    await fault(held, kind="busy")
    assert held.code((await probe(held)).json()) == (-1, "system error")
    await held.control("/faults", method="DELETE")
    ordered = await fault(held, kind="status", http_status=502)
    answer = await probe(held)
    assert (answer.status, answer.body) == (502, b"")
    assert (await held.control(f"/faults/{ordered['id']}", method="DELETE")) == {"ok": True}
    assert (await probe(held)).status == 200


async def test_drop_before_and_after_processing(held):
    await held.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})
    body = {"touser": held.openid(held.oa, "linxiaoman"), "msgtype": "text", "text": {"content": "您好"}}
    token = await held.token(held.oa)
    for kind, received in (("drop", 0), ("process_then_drop", 1)):
        await held.control("/faults", {"kind": kind, "path": "/cgi-bin/message/custom/send", "count": 1})
        with pytest.raises(Dropped):
            await held.post("/cgi-bin/message/custom/send", body, access_token=token)
        assert (await held.look("/phones/linxiaoman"))["received"] == received
    newest = (await held.look("/log?limit=1"))["log"][0]
    assert (newest["path"], newest["status"]) == ("/cgi-bin/message/custom/send", None)


async def test_delay_takes_its_time(held):
    await fault(held, kind="delay", delay_s=0.05, count=1)
    before = time.monotonic()
    assert (await probe(held)).status == 200
    assert time.monotonic() - before >= 0.05


async def test_a_fault_of_one_app_leaves_the_other_alone(held):
    await fault(held, kind="busy", app=seed.MINI_APPID)
    assert "ip_list" in (await probe(held)).json()


async def test_probability_is_repeatable(held):
    await fault(held, kind="busy", probability=0.3)
    refused = [(await probe(held)).json().get("errcode") == -1 for _ in range(200)]
    assert 30 < sum(refused) < 90


@pytest.mark.parametrize(
    ("kind", "attempts", "state"),
    [("duplicate_callback", 2, "delivered"), ("late_callback", 1, "delivered"), ("lost_callback", 0, "lost")],
)
async def test_callback_faults(sim, kind, attempts, state):
    sim.oa.callback.url = "http://merchant.test/wx"
    await sim.control("/faults", {"kind": kind, "event": "subscribe", "delay_s": 0.01})
    await sim.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})
    await sim.world.settle()
    assert len(sim.merchant.received) == attempts
    assert len({r.body for r in sim.merchant.received}) == min(attempts, 1)
    assert (await sim.look(f"/apps/{seed.OA_APPID}/pushes"))["pushes"][0]["state"] == state


async def test_clock(sim):
    assert await sim.control("/clock", {"freeze": True, "set": 1_700_000_000}) == {
        "now": 1_700_000_000.0,
        "frozen": True,
    }
    assert (await sim.control("/clock", {"advance": 3600}))["now"] == 1_700_003_600.0
    assert (await sim.look("/clock"))["now"] == 1_700_003_600.0
    running = await sim.control("/clock", {"freeze": False})
    assert (running["frozen"], int(running["now"])) == (False, 1_700_003_600)


async def test_settings_refuse_unknown_names(sim):
    assert (await sim.control("/settings", {"popup_templates_max": 3}))["popup_templates_max"] == 3
    assert await sim.control("/settings", {"nonsense": 1}) == {"error": "unknown settings: nonsense"}
    assert "error" in await sim.control("/settings", {"popup_templates_max": "many"})
    await sim.control("/reset")
    assert (await sim.look("/settings"))["popup_templates_max"] == 5


async def test_reset_brings_back_the_first_day(sim):
    await sim.control("/persons", {"count": 5})
    await sim.control("/faults", {"kind": "busy"})
    await sim.control("/clock", {"advance": 86400})
    await sim.control("/reset")
    state = await sim.look("/state")
    assert (state["persons"], state["faults"], state["calls"]) == (3, [], 0)
    assert abs(state["now"] - time.time()) < 5
    assert [a["id"] for a in state["apps"]] == [seed.OA_APPID, seed.MINI_APPID]


async def test_thousands_of_persons(sim):
    before = time.monotonic()
    made = await sim.control("/persons", {"count": 5000, "follow": [seed.OA_APPID], "open": [seed.MINI_APPID]})
    assert (len(made["persons"]), made["persons"][0]) == (5000, "p00004")
    assert time.monotonic() - before < 5
    page = await sim.look("/persons?offset=3&limit=1")
    assert page == {
        "total": 5003,
        "persons": [{"id": "p00004", "name": "顾客4", "phone": "13900000001", "received": 0}],
    }


async def test_the_log_masks_secrets(sim):
    await sim.get("/cgi-bin/token", grant_type="client_credential", appid=seed.OA_APPID, secret=seed.OA_SECRET)
    entry = (await sim.look("/log"))["log"][0]
    assert entry["query"] == f"grant_type=client_credential&appid={seed.OA_APPID}&secret=5ec0e7***"
    assert seed.OA_SECRET not in json.dumps(entry)
    assert sim.oa.classic.value not in json.dumps(entry)
    assert '"expires_in":7200' in entry["response"]


async def test_live_changes(sim):
    changes = sim.world.bus.watch()
    await sim.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})
    sim.world.deliver_sms("13800000002", sender="会达", text="验证码 123456")
    seen = [await anext(changes), await anext(changes)]
    assert [(c.kind, c.person) for c in seen] == [("follow", "linxiaoman"), ("message", "chenyiming")]
    assert sse(seen[1]).startswith(b"id: %d\nevent: message\ndata: {" % (sim.world.start + 2))
    [inbox] = (await sim.look("/phones/chenyiming"))["sms"]
    assert (inbox["sender"], inbox["unread"], inbox["messages"][0]["sound"]) == ("会达", 1, True)


async def test_an_inbox_keeps_the_last_five_hundred(sim):
    for n in range(510):
        sim.world.deliver_sms("13800000002", sender="会达", text=str(n))
    phone = await sim.look("/phones/chenyiming?limit=1000")
    assert (phone["received"], len(phone["sms"][0]["messages"]), phone["sms"][0]["messages"][0]["text"]) == (
        510,
        500,
        "10",
    )
    assert await sim.control("/read", {"person": "chenyiming", "chat": "sms"}) == {"read": 500}


async def test_wrong_control_calls(sim):
    assert await sim.control("/follow", {"person": "nobody", "app": seed.OA_APPID}) == {"error": "no person nobody"}
    assert await sim.control("/follow", {"person": "linxiaoman", "app": "wx0"}) == {"error": "no app wx0"}
    assert "error" in await sim.control("/follow", {"persona": "x"})
    bad = {"url": "http://x.test/", "token": "a-b", "mode": "plain"}
    assert await sim.control(f"/apps/{seed.OA_APPID}/callback", bad) == {"error": "token: 3 to 32 letters or digits"}
    assert sim.oa.callback.url == ""


async def test_a_new_app_and_person(sim):
    made = await sim.control("/apps", {"kind": "mini", "name": "第二家"})
    assert (len(made["appid"]), len(made["secret"])) == (18, 32)
    person = (await sim.control("/persons", {"name": "赵六", "phone": "13800000009"}))["person"]
    opened = await sim.control("/open", {"person": person, "app": made["appid"]})
    session = await sim.get(
        "/sns/jscode2session",
        appid=made["appid"],
        secret=made["secret"],
        js_code=opened["code"],
        grant_type="authorization_code",
    )
    assert session["openid"] == opened["openid"]
    assert "unionid" not in session


async def test_the_index_page(sim):
    assert (await sim.call("GET", "/")).status == 200


async def test_a_mini_programs_pages_are_web_pages(sim):
    refused = await sim.call("POST", f"/_sim/apps/{seed.MINI_APPID}", {"h5": "javascript:alert(1)", "name": "x"})
    assert (refused.status, refused.json()) == (400, {"error": "h5: http or https"})
    assert (sim.mini.h5, sim.mini.name == "x") == ("", False)
    await sim.control(f"/apps/{seed.MINI_APPID}", {"h5": "http://127.0.0.1:1/h5/"})
    assert sim.mini.h5 == "http://127.0.0.1:1/h5/"

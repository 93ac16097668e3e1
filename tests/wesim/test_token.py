"""The token state machine (reference §1.1)."""

import pytest

from wesim import seed


async def fetch(sim):
    return await sim.get("/cgi-bin/token", grant_type="client_credential", appid=seed.OA_APPID, secret=seed.OA_SECRET)


async def stable(sim, **more):
    body = {"grant_type": "client_credential", "appid": seed.OA_APPID, "secret": seed.OA_SECRET, **more}
    return await sim.post("/cgi-bin/stable_token", body)


async def probe(sim, token):
    answer = await sim.get("/cgi-bin/getcallbackip", access_token=token)
    return answer.get("errcode", 0)


@pytest.mark.covers("P-16")
async def test_a_second_classic_token_kills_the_first_after_the_grace_time(sim):
    sim.world.clock.freeze()
    first = (await fetch(sim))["access_token"]
    second = await fetch(sim)
    assert second["expires_in"] == 7200
    assert [await probe(sim, first), await probe(sim, second["access_token"])] == [0, 0]
    sim.world.clock.advance(299)
    assert await probe(sim, first) == 0
    sim.world.clock.advance(1)
    assert [await probe(sim, first), await probe(sim, second["access_token"])] == [40001, 0]


async def test_expired_missing_and_invented_tokens(sim):
    sim.world.clock.freeze()
    token = (await fetch(sim))["access_token"]
    sim.world.clock.advance(7199)
    assert await probe(sim, token) == 0
    sim.world.clock.advance(1)
    assert await probe(sim, token) == 42001
    assert await probe(sim, "") == 41001
    assert await probe(sim, "invented") == 40014


async def test_stable_token_stays_the_same_and_turns_in_the_last_five_minutes(sim):
    sim.world.clock.freeze()
    first = await stable(sim)
    sim.world.clock.advance(6899)
    assert await stable(sim) == {"access_token": first["access_token"], "expires_in": 301}
    sim.world.clock.advance(1)
    second = await stable(sim)
    assert second["access_token"] != first["access_token"]
    assert second["expires_in"] == 7200
    assert [await probe(sim, first["access_token"]), await probe(sim, second["access_token"])] == [0, 0]
    sim.world.clock.advance(300)
    assert await probe(sim, first["access_token"]) == 40001


async def test_forced_refresh_kills_at_once_but_not_within_thirty_seconds(sim):
    sim.world.clock.freeze()
    first = (await stable(sim))["access_token"]
    second = (await stable(sim, force_refresh=True))["access_token"]
    assert [await probe(sim, first), await probe(sim, second)] == [40001, 0]
    sim.world.clock.advance(29)
    assert (await stable(sim, force_refresh=True))["access_token"] == second
    sim.world.clock.advance(1)
    assert (await stable(sim, force_refresh=True))["access_token"] != second


async def test_forced_refresh_twenty_times_a_day(sim):
    sim.world.clock.freeze()
    sim.world.clock.set(1_700_000_000)
    await stable(sim)
    for _ in range(20):
        sim.world.clock.advance(31)
        assert "access_token" in await stable(sim, force_refresh=True)
    sim.world.clock.advance(31)
    assert sim.code(await stable(sim, force_refresh=True)) == (45009, "reach max api daily quota limit")


async def test_stable_and_classic_tokens_do_not_touch_each_other(sim):
    held = (await stable(sim))["access_token"]
    for _ in range(3):
        await fetch(sim)
    sim.world.clock.advance(600)
    assert await probe(sim, held) == 0


async def test_refusals_of_the_token_call(sim):
    base = {"grant_type": "client_credential", "appid": seed.OA_APPID, "secret": seed.OA_SECRET}

    async def refused(**change):
        return sim.code(await sim.get("/cgi-bin/token", **{**base, **change}))

    assert await refused(grant_type="x") == (40002, "invalid grant_type")
    assert await refused(appid="") == (41002, "appid missing")
    assert await refused(appid="wx0") == (40013, "invalid appid")
    assert await refused(secret="") == (41004, "appsecret missing")
    assert await refused(secret="wrong") == (40125, "invalid appsecret")
    assert sim.code(await sim.get("/cgi-bin/stable_token", **base)) == (43002, "require POST method")


async def test_ip_whitelist_names_the_address_it_saw(sim):
    await sim.control(f"/apps/{seed.OA_APPID}", {"ip_whitelist": ["10.1.0.0/16"]})
    sim.client_ip = "10.2.3.4"
    assert sim.code(await fetch(sim)) == (40164, "invalid ip 10.2.3.4 ipv6 ::ffff:10.2.3.4, not in whitelist")
    sim.client_ip = "10.1.3.4"
    assert (await fetch(sim))["expires_in"] == 7200


async def test_daily_quota_and_clear_quota(sim):
    await sim.control(f"/apps/{seed.OA_APPID}", {"daily_limits": {"/cgi-bin/user/info": 1}})
    token = await sim.token(sim.oa)
    openid = sim.openid(sim.oa, "linxiaoman")
    assert (await sim.get("/cgi-bin/user/info", access_token=token, openid=openid))["subscribe"] == 0
    quota = await sim.post("/cgi-bin/openapi/quota/get", {"cgi_path": "/cgi-bin/user/info"}, access_token=token)
    assert quota["quota"] == {"daily_limit": 1, "used": 1, "remain": 0}
    refused = await sim.get("/cgi-bin/user/info", access_token=token, openid=openid)
    assert sim.code(refused) == (45009, "reach max api daily quota limit")
    for _ in range(10):
        assert await sim.post("/cgi-bin/clear_quota", {"appid": seed.OA_APPID}, access_token=token) == {
            "errcode": 0,
            "errmsg": "ok",
        }
    assert (await sim.get("/cgi-bin/user/info", access_token=token, openid=openid))["subscribe"] == 0
    eleventh = await sim.post("/cgi-bin/clear_quota", {"appid": seed.OA_APPID}, access_token=token)
    assert eleventh["errcode"] == 48006


async def test_the_same_routes_answer_under_the_real_host_name(sim):
    query = f"grant_type=client_credential&appid={seed.OA_APPID}&secret={seed.OA_SECRET}"
    answer = await sim.call("GET", f"/cgi-bin/token?{query}", host="api.weixin.qq.com")
    assert answer.json()["expires_in"] == 7200
    assert (await sim.call("GET", f"/cgi-bin/token?{query}")).status == 404

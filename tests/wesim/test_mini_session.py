"""Login, phone number, links and codes of the mini program; web authorisation (reference §4, §1.8)."""

import hashlib
import hmac
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from wesim import seed

WHO = {"person": "linxiaoman", "app": seed.MINI_APPID}


async def login(sim, code, **change):
    query = {"appid": seed.MINI_APPID, "secret": seed.MINI_SECRET, "js_code": code, "grant_type": "authorization_code"}
    return await sim.get("/sns/jscode2session", **{**query, **change})


async def test_login(sim):
    code = (await sim.control("/open", WHO))["code"]
    session = await login(sim, code)
    assert session["openid"] == sim.openid(sim.mini, "linxiaoman")
    assert session["unionid"] == sim.world.unionid(sim.oa, "linxiaoman")
    signed = hmac.new(session["session_key"].encode(), b"", hashlib.sha256).hexdigest()
    query = {"openid": session["openid"], "sig_method": "hmac_sha256", "access_token": await sim.token(sim.mini)}
    assert (await sim.get("/wxa/checksession", signature=signed, **query))["errcode"] == 0
    assert (await sim.get("/wxa/checksession", signature="0" * 64, **query))["errcode"] == 87009


async def test_a_login_code_works_once_for_five_minutes(sim):
    code = (await sim.control("/open", WHO))["code"]
    assert "openid" in await login(sim, code)
    assert (await login(sim, code))["errcode"] == 40163
    late = (await sim.control("/open", WHO))["code"]
    sim.world.clock.advance(300)
    assert (await login(sim, late))["errcode"] == 40029
    assert (await login(sim, "invented"))["errcode"] == 40029
    assert (await login(sim, late, secret="wrong"))["errcode"] == 40125


async def test_phone_number(sim):
    code = (await sim.control("/phone-code", WHO))["code"]
    token = await sim.token(sim.mini)
    path = "/wxa/business/getuserphonenumber"
    found = (await sim.post(path, {"code": code}, access_token=token))["phone_info"]
    assert found.pop("watermark")["appid"] == seed.MINI_APPID
    assert found == {"phoneNumber": "13800000001", "purePhoneNumber": "13800000001", "countryCode": "86"}
    assert (await sim.post(path, {"code": code}, access_token=token))["errcode"] == 40029
    js_code = (await sim.control("/open", WHO))["code"]
    assert (await sim.post(path, {"code": js_code}, access_token=token))["errcode"] == 40029


@pytest.mark.parametrize("name", ["generatescheme", "generate_urllink"])
async def test_links_lead_to_their_page_for_thirty_days(sim, name):
    target = {"path": "/pages/coupon/index", "query": "id=7"}
    terms = {"is_expire": True, "expire_type": 1, "expire_interval": 365}
    body = {**terms, "jump_wxa": target} if name == "generatescheme" else {**terms, **target}
    answer = await sim.post(f"/wxa/{name}", body, access_token=await sim.token(sim.mini))
    link = answer.get("openlink") or answer["url_link"]
    opened = await sim.control("/scan", {"person": "linxiaoman", "content": link})
    assert (opened["appid"], opened["page"]) == (seed.MINI_APPID, "pages/coupon/index?id=7")
    sim.world.clock.advance(30 * 86400)
    assert "error" in await sim.control("/scan", {"person": "linxiaoman", "content": link})


async def test_mini_program_code(sim):
    token = await sim.token(sim.mini)
    path = f"/api.weixin.qq.com/wxa/getwxacodeunlimit?access_token={token}"
    picture = await sim.call("POST", path, {"scene": "store=7", "page": "pages/index/index"})
    assert (picture.headers["content-type"], picture.body[:4]) == ("image/png", b"\x89PNG")
    for body, errcode in (
        ({"scene": ""}, 40129),
        ({"scene": "中文"}, 40129),
        ({"scene": "x" * 33}, 40129),
        ({"scene": "a", "page": "/pages/index/index"}, 41030),
        ({"scene": "a", "width": 100}, 40097),
    ):
        assert (await sim.call("POST", path, body)).json()["errcode"] == errcode


def authorize(redirect="https://shop.test/back", scope="snsapi_base", **more):
    extra = "".join(f"&{k}={v}" for k, v in more.items())
    return (
        f"/open.weixin.qq.com/connect/oauth2/authorize?appid={seed.OA_APPID}&redirect_uri={quote(redirect, safe='')}"
        f"&response_type=code&scope={scope}&state=s{extra}"
    )


async def test_silent_web_authorisation(sim):
    landed = await sim.call("GET", authorize(person="linxiaoman"))
    query = parse_qs(urlsplit(landed.headers["location"]).query)
    assert (landed.status, query["state"]) == (302, ["s"])
    exchange = {"appid": seed.OA_APPID, "secret": seed.OA_SECRET, "grant_type": "authorization_code"}
    granted = await sim.get("/sns/oauth2/access_token", code=query["code"][0], **exchange)
    assert (granted["openid"], granted["scope"]) == (sim.openid(sim.oa, "linxiaoman"), "snsapi_base")
    assert "unionid" not in granted
    who = {"access_token": granted["access_token"], "openid": granted["openid"]}
    assert await sim.get("/sns/auth", **who) == {"errcode": 0, "errmsg": "ok"}
    assert (await sim.get("/sns/userinfo", **who))["errcode"] == 48001
    assert (await sim.get("/sns/auth", **{**who, "openid": "other"}))["errcode"] == 40003
    sim.world.clock.advance(7200)
    assert (await sim.get("/sns/auth", **who))["errcode"] == 42001
    again = {"appid": seed.OA_APPID, "grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    assert (await sim.get("/sns/oauth2/refresh_token", **again))["expires_in"] == 7200
    assert await sim.get("/sns/auth", **who) == {"errcode": 0, "errmsg": "ok"}
    sim.world.clock.advance(30 * 86400)
    assert (await sim.get("/sns/oauth2/refresh_token", **again))["errcode"] == 42002


async def test_the_cookie_remembers_the_person(sim):
    landed = await sim.call("GET", authorize(), cookie="wesim_person=chenyiming")
    assert landed.status == 302
    assert "chenyiming" in (await sim.call("GET", authorize())).body.decode()


async def test_page_errors(sim):
    sim.oa.oauth_domains = ["shop.test"]
    page = (await sim.call("GET", authorize("https://evil.test/", person="linxiaoman"))).body.decode()
    assert "10003" in page
    assert "10005" in (await sim.call("GET", authorize(scope="snsapi_login"))).body.decode()

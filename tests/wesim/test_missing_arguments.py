"""Missing and empty arguments of every call (I-25; WxJava's table of error codes)."""

import pytest

from wesim import mini, oa, seed
from wesim.seed import seeded_world

ROUTES = [route for part in (oa, mini) for route in part.routes(seeded_world())]
FORMS = {"/cgi-bin/media/upload", "/cgi-bin/media/uploadimg", "/cgi-bin/material/add_material"}
POSTS = [route for route in ROUTES if route.method == "POST" and route.path not in {*FORMS, "/cgi-bin/clear_quota/v2"}]


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", (44002, "empty post data")),
        (b" \r\n", (44002, "empty post data")),
        (b"{", (47001, "data format error")),
        (b"[]", (47001, "data format error")),
        (b'"x"', (47001, "data format error")),
        (b"\xff", (47001, "data format error")),
    ],
)
async def test_a_body_that_is_none(sim, route, body, said):
    query = f"?access_token={await sim.token(sim.mini if route.kind == 'mini' else sim.oa)}" if route.token else ""
    answer = await sim.call("POST", f"/api.weixin.qq.com{route.path}{query}", body)
    assert (answer.status, sim.code(answer.json())) == (200, said)


def test_every_call_with_a_body_is_meant():
    assert len(POSTS) == 23


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("/cgi-bin/user/info", {}, (41009, "missing openid")),
        ("/cgi-bin/user/info", {"openid": ""}, (41009, "missing openid")),
        ("/cgi-bin/user/info", {"openid": "x"}, (40003, "invalid openid")),
        ("/cgi-bin/media/get", {}, (41006, "missing media_id")),
        ("/cgi-bin/media/get", {"media_id": "x"}, (40007, "invalid media_id")),
        ("/wxa/checksession", {}, (41009, "missing openid")),
        ("/wxa/checksession", {"openid": "x"}, (40003, "invalid openid")),
    ],
)
async def test_calls_with_a_token(sim, path, query, said):
    app = sim.mini if path.startswith("/wxa/") else sim.oa
    assert sim.code(await sim.get(path, access_token=await sim.token(app), **query)) == said


APP = {"appid": seed.OA_APPID, "secret": seed.OA_SECRET, "grant_type": "authorization_code"}


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("/cgi-bin/user/info", {}, (41001, "access_token missing")),
        ("/cgi-bin/token", {}, (40002, "invalid grant_type")),
        ("/cgi-bin/token", {"grant_type": "client_credential"}, (41002, "appid missing")),
        ("/cgi-bin/token", {"grant_type": "client_credential", "appid": seed.OA_APPID}, (41004, "appsecret missing")),
        ("/sns/oauth2/access_token", {}, (41002, "appid missing")),
        ("/sns/oauth2/access_token", APP, (41008, "missing code")),
        ("/sns/jscode2session", {**APP, "appid": seed.MINI_APPID, "secret": seed.MINI_SECRET}, (41008, "missing code")),
        ("/sns/oauth2/refresh_token", {}, (41002, "appid missing")),
        ("/sns/oauth2/refresh_token", {"appid": seed.OA_APPID}, (41003, "missing refresh_token")),
        ("/sns/oauth2/refresh_token", {"appid": seed.OA_APPID, "refresh_token": "x"}, (40030, "invalid refresh_token")),
        ("/sns/userinfo", {}, (41001, "access_token missing")),
    ],
)
async def test_calls_without_a_token(sim, path, query, said):
    assert sim.code(await sim.get(path, **query)) == said


async def test_web_authorisation_wants_the_openid(sim):
    code = (await sim.control("/oauth-code", {"person": "linxiaoman", "app": seed.OA_APPID}))["code"]
    token = (await sim.get("/sns/oauth2/access_token", code=code, **APP))["access_token"]
    assert sim.code(await sim.get("/sns/auth", access_token=token)) == (41009, "missing openid")
    assert sim.code(await sim.get("/sns/auth", access_token=token, openid="x")) == (40003, "invalid openid")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (None, (40036, "invalid template_id size")),
        ("", (40036, "invalid template_id size")),
        ("x", (40036, "invalid template_id size")),
        ("x" * 43, (40037, "invalid template_id")),
    ],
)
async def test_template_ids(sim, template, said):
    await sim.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})
    body = {"touser": sim.openid(sim.oa, "linxiaoman"), "template_id": template, "data": {"a": {"value": "b"}}}
    answer = await sim.post("/cgi-bin/message/template/send", body, access_token=await sim.token(sim.oa))
    assert sim.code(answer) == said


async def test_from_which_length_on_an_id_is_unknown_is_a_setting(sim):
    await sim.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})
    body = {"touser": sim.openid(sim.oa, "linxiaoman"), "template_id": "x" * 42, "data": {"a": {"value": "b"}}}
    token = await sim.token(sim.oa)
    assert (await sim.post("/cgi-bin/message/template/send", body, access_token=token))["errcode"] == 40037
    await sim.control("/settings", {"template_id_shortest": 43})
    assert (await sim.post("/cgi-bin/message/template/send", body, access_token=token))["errcode"] == 40036

"""A page that the released version lacks is refused by every call that takes one (I-14), in the seed too (I-19)."""

import json
from pathlib import Path

import pytest

from wesim import seed

ROOT = Path(__file__).resolve().parents[2]
WHO = {"person": "linxiaoman", "app": seed.OA_APPID}
GOOD = ("pages/receipt/index", "pages/receipt/index?id=7", "/pages/receipt/index", "")
BAD = (
    "pages/receipt",
    "pages/receipt/index/",
    "pages/receipts/index?id=7",
    "/pages/none",
    "receipt",
    "//pages/receipt/index",
)
DATA = {
    "character_string4": {"value": "8888"},
    "thing1": {"value": "林小满"},
    "time3": {"value": "15:01"},
    "amount2": {"value": "¥100.00"},
}
NAMES = ["卡号", "会员姓名", "消费时间", "消费金额"]


def test_the_seed_has_the_pages_of_the_member_centre():
    listed = json.loads((ROOT / "member/src/pages.json").read_text("utf-8"))["pages"]
    assert list(seed.MINI_PAGES) == [page["path"] for page in listed]
    assert seed.seeded_world().apps[seed.MINI_APPID].pages == list(seed.MINI_PAGES)


async def template(sim, page):
    await sim.control("/follow", WHO)
    token, openid = await sim.token(sim.oa), sim.openid(sim.oa, "linxiaoman")
    body = {"template_id_short": "41102", "keyword_name_list": NAMES}
    added = await sim.post("/cgi-bin/template/api_add_template", body, access_token=token)
    mini = {"appid": seed.MINI_APPID, "pagepath": page}
    body = {"touser": openid, "template_id": added["template_id"], "data": DATA, "miniprogram": mini}
    return await sim.post("/cgi-bin/message/template/send", body, access_token=token)


async def subscribe(sim, page):
    template_id = next(iter(sim.mini.templates), None) or await sim.add_template(kids=(4, 1, 3, 2))
    who = {"person": "linxiaoman", "app": seed.MINI_APPID}
    await sim.control("/subscribe", {**who, "templates": [template_id]})
    body = {"touser": sim.openid(sim.mini, "linxiaoman"), "template_id": template_id, "page": page, "data": DATA}
    return await sim.post("/cgi-bin/message/subscribe/send", body, access_token=await sim.token(sim.mini))


async def menu(sim, page):
    button = {"type": "miniprogram", "name": "会员", "url": "https://x/", "appid": seed.MINI_APPID, "pagepath": page}
    return await sim.post("/cgi-bin/menu/create", {"button": [button]}, access_token=await sim.token(sim.oa))


async def card(sim, page, app=None):
    app = app or sim.oa
    head = b'--b\r\nContent-Disposition: form-data; name="media"; filename="a.jpg"\r\n\r\n'
    target = f"/api.weixin.qq.com/cgi-bin/media/upload?access_token={await sim.token(app)}&type=thumb"
    body = head + b"\xff\xd8\xff\r\n--b--\r\n"
    made = (await sim.call("POST", target, body, content_type="multipart/form-data; boundary=b")).json()
    await sim.control("/follow", WHO)
    await sim.control("/say", {"person": "linxiaoman", "app": app.id, "text": "在吗"})
    if app is sim.mini:
        sim.world.user(app, "linxiaoman").following = True
    branch = {"title": "会员", "pagepath": page, "thumb_media_id": made["thumb_media_id"]}
    branch |= {"appid": seed.MINI_APPID} if app is sim.oa else {}
    body = {"touser": sim.openid(app, "linxiaoman"), "msgtype": "miniprogrampage", "miniprogrampage": branch}
    return await sim.post("/cgi-bin/message/custom/send", body, access_token=await sim.token(app))


async def own_card(sim, page):
    return await card(sim, page, app=sim.mini)


async def scheme(sim, page):
    body = {"jump_wxa": {"path": page, "query": ""}}
    return await sim.post("/wxa/generatescheme", body, access_token=await sim.token(sim.mini))


async def url_link(sim, page):
    return await sim.post("/wxa/generate_urllink", {"path": page}, access_token=await sim.token(sim.mini))


CALLS = {
    template: (40165, "invalid weapp pagepath"),
    subscribe: (41030, "invalid page"),
    menu: (40165, "invalid weapp pagepath"),
    card: (40165, "invalid weapp pagepath"),
    own_card: (40165, "invalid weapp pagepath"),
    scheme: (40165, "invalid weapp pagepath"),
    url_link: (40165, "invalid weapp pagepath"),
}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_pages_of_the_release(sim, call):
    for page in GOOD:
        assert sim.code(await call(sim, page))[0] == 0


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_pages_that_are_not_there(sim, call):
    before = sim.world.persons["linxiaoman"].received
    for page in BAD:
        assert sim.code(await call(sim, page)) == CALLS[call]
    kinds = {m.kind for m in list(sim.world.persons["linxiaoman"].inbox)[before:]}
    assert kinds <= {"from_person"}
    assert (sim.oa.menu, sim.world.short_links) == (None, {})


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_an_app_without_a_page_list_has_every_page(sim, call):
    await sim.control(f"/apps/{seed.MINI_APPID}", {"pages": []})
    assert sim.code(await call(sim, "pages/anything"))[0] == 0


async def test_a_refused_page_spends_no_credit(sim):
    assert sim.code(await subscribe(sim, "pages/none"))[0] == 41030
    user = sim.world.user(sim.mini, "linxiaoman")
    assert list(user.credits.values()) == [1]


async def test_a_slash_is_a_setting(sim):
    await sim.control("/settings", {"page_leading_slash_accepted": False})
    for call in (template, subscribe, menu, card):
        assert sim.code(await call(sim, "/pages/receipt/index")) == CALLS[call]
        assert sim.code(await call(sim, "pages/receipt/index"))[0] == 0


async def test_a_card_of_an_app_that_is_not_linked(sim):
    sim.oa.linked = []
    assert sim.code(await card(sim, "pages/receipt/index")) == (40166, "invalid weapp appid")

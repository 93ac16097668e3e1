"""The menu's codes and shapes (I-11, I-12, I-24, I-25; WxJava's table of error codes and real answers)."""

import json

import pytest

from wesim import seed

CLICK = {"type": "click", "name": "积分", "key": "POINTS"}
VIEW = {"type": "view", "name": "商城", "url": "https://shop.test/"}
MINI = {"type": "miniprogram", "name": "会员", "url": "https://shop.test/", "appid": seed.MINI_APPID}

WRONG = [  # what is wrong with a leaf: code and text as a button, as a sub-button
    ({"type": "nope", "name": "x"}, (40017, "invalid button type"), (40024, "invalid sub button type")),
    ({"name": "x"}, (40017, "invalid button type"), (40024, "invalid sub button type")),
    ({**CLICK, "name": ""}, (40018, "invalid button name size"), (40025, "invalid sub button name size")),
    ({**CLICK, "name": "会" * 21}, (40018, "invalid button name size"), (40025, "invalid sub button name size")),
    ({"type": "click", "name": "x"}, (40019, "invalid button key size"), (40026, "invalid sub button key size")),
    ({**CLICK, "key": "k" * 129}, (40019, "invalid button key size"), (40026, "invalid sub button key size")),
    ({"type": "view", "name": "x"}, (40020, "invalid button url size"), (40027, "invalid sub button url size")),
    (
        {**VIEW, "url": "https://x/" + "u" * 1015},
        (40020, "invalid button url size"),
        (40027, "invalid sub button url size"),
    ),
    ({**VIEW, "url": "abc"}, (40055, "invalid button url domain"), (40054, "invalid sub button url domain")),
    ({**VIEW, "url": "ftp://x/"}, (40055, "invalid button url domain"), (40054, "invalid sub button url domain")),
    ({**VIEW, "url": "http://[x"}, (40055, "invalid button url domain"), (40054, "invalid sub button url domain")),
    ({**MINI, "url": "x"}, (40055, "invalid button url domain"), (40054, "invalid sub button url domain")),
    ({**MINI, "appid": "wx0"}, (45064, "no permission to use weapp in menu"), None),
    ({**MINI, "pagepath": "pages/none/index?a=1"}, (40165, "invalid weapp pagepath"), None),
    ({"type": "media_id", "name": "x", "media_id": "invented"}, (40007, "invalid media_id"), None),
    ({"type": "view_limited", "name": "x"}, (40007, "invalid media_id"), None),
    ({"type": "article_id", "name": "x"}, (40007, "invalid media_id"), None),
]


@pytest.fixture
async def create(sim):
    token = await sim.token(sim.oa)

    async def make(button):
        return sim.code(await sim.post("/cgi-bin/menu/create", {"button": button}, access_token=token))

    return make


@pytest.mark.parametrize(("leaf", "as_button", "as_sub"), WRONG)
async def test_a_wrong_leaf(sim, create, leaf, as_button, as_sub):
    assert await create([VIEW]) == (0, "ok")
    assert await create([leaf]) == as_button
    assert await create([CLICK, {"name": "更多", "sub_button": [VIEW, leaf]}]) == (as_sub or as_button)
    assert sim.oa.menu == {"menu": {"button": [VIEW]}}


@pytest.mark.parametrize("button", [[], [CLICK] * 4, None, "x", {"a": 1}, ["x"], [CLICK, 1]])
async def test_a_wrong_number_of_buttons(sim, create, button):
    assert await create(button) == (40016, "invalid button size")
    assert sim.oa.menu is None


@pytest.mark.parametrize("subs", [[CLICK] * 6, "x", {"list": [CLICK]}, ["x"]])
async def test_a_wrong_number_of_sub_buttons(sim, create, subs):
    assert await create([{"name": "更多", "sub_button": subs}]) == (40023, "invalid sub button size")
    assert sim.oa.menu is None


async def test_lengths_at_their_edges(create):
    subs = [{**CLICK, "name": "会" * 20, "key": "k" * 128}] * 5
    leaf = {**VIEW, "name": "会会会会会x", "url": "https://x/" + "u" * 1014}
    assert await create([leaf, {"name": "更多", "sub_button": subs}, {**MINI, "pagepath": "pages/shop/index"}]) == (
        0,
        "ok",
    )


async def test_two_shapes_of_one_menu(sim, create):
    token = await sim.token(sim.oa)
    assert await create([{"name": "会员", "sub_button": [CLICK, {**VIEW, "sub_button": []}]}, VIEW]) == (0, "ok")
    tops = [
        {"name": "会员", "sub_button": [{**CLICK, "sub_button": []}, {**VIEW, "sub_button": []}]},
        {**VIEW, "sub_button": []},
    ]
    assert await sim.get("/cgi-bin/menu/get", access_token=token) == {"menu": {"button": tops}}
    assert await sim.get("/cgi-bin/get_current_selfmenu_info", access_token=token) == {
        "is_menu_open": 1,
        "selfmenu_info": {"button": [{"name": "会员", "sub_button": {"list": [CLICK, VIEW]}}, VIEW]},
    }
    assert sim.code(await sim.get("/cgi-bin/menu/delete", access_token=token)) == (0, "ok")
    assert await sim.get("/cgi-bin/get_current_selfmenu_info", access_token=token) == {
        "is_menu_open": 0,
        "selfmenu_info": {"button": []},
    }


async def test_what_menu_get_gives_can_be_created_again(sim, create):
    assert await create([{"name": "会员", "sub_button": [CLICK]}, VIEW]) == (0, "ok")
    token = await sim.token(sim.oa)
    first = await sim.get("/cgi-bin/menu/get", access_token=token)
    assert await create(first["menu"]["button"]) == (0, "ok")
    assert await sim.get("/cgi-bin/menu/get", access_token=token) == first
    assert json.dumps(first).count('"sub_button": []') == 2

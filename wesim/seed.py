"""The documented starting world."""

from __future__ import annotations

from wesim.edge.push import Poster
from wesim.fields.library import CATEGORIES, mini_library, oa_library
from wesim.state import App, Callback
from wesim.world import World

OPEN_PLATFORM = "wxop5e3d0000000001"
OA_APPID = "wx5e1f00000000a001"
OA_SECRET = "5ec0e7a0000000000000000000000001"  # noqa: S105
OA_ORIGINAL_ID = "gh_wesim00000a"
OA_TOKEN = "wesimOaToken1"  # noqa: S105
OA_AES_KEY = "wesimOaAesKey0123456789abcdefghijklmnopqrsA"
MINI_APPID = "wx5e1f00000000b001"
MINI_SECRET = "5ec0e7b0000000000000000000000001"  # noqa: S105
MINI_ORIGINAL_ID = "gh_wesim00000b"
MINI_TOKEN = "wesimMiniToken1"  # noqa: S105
MINI_AES_KEY = "wesimMiniAesKey123456789abcdefghijklmnopqrA"
# The released version is the member centre of Huida: what its pages.json lists.
MINI_PAGES = (
    "pages/index/index",
    "pages/login/index",
    "pages/balance/index",
    "pages/points/index",
    "pages/recharge/index",
    "pages/spend-code/index",
    "pages/coupon/index",
    "pages/coupon/detail",
    "pages/receipt/index",
    "pages/order/index",
    "pages/shop/index",
    "pages/shop/product",
    "pages/shop/checkout",
    "pages/shop/orders",
    "pages/shop/order",
    "pages/withdraw/index",
    "pages/subscribe/index",
)
PERSONS = (
    ("linxiaoman", "林小满", "13800000001"),
    ("chenyiming", "陈一鸣", "13800000002"),
    ("wangsiyuan", "王思远", "13800000003"),
)


def seeded_world(*, poster: Poster | None = None) -> World:
    return World(plant=plant, poster=poster)


def plant(world: World) -> None:
    """One service account, one mini program under the same Open Platform account, three persons."""
    oa = App(
        OA_APPID,
        OA_SECRET,
        "会达小店",
        "service",
        OA_ORIGINAL_ID,
        OPEN_PLATFORM,
        callback=Callback(token=OA_TOKEN, aes_key=OA_AES_KEY),
        linked=[MINI_APPID],
        categories=list(CATEGORIES),
        industry=["1", "41"],
    )
    mini = App(
        MINI_APPID,
        MINI_SECRET,
        "会达小店会员中心",
        "mini",
        MINI_ORIGINAL_ID,
        OPEN_PLATFORM,
        callback=Callback(token=MINI_TOKEN, aes_key=MINI_AES_KEY),
        pages=list(MINI_PAGES),
        categories=list(CATEGORIES),
    )
    world.categories = dict(CATEGORIES)
    world.library_mini, world.library_oa = mini_library(), oa_library()
    for app in (oa, mini):
        world.apps[app.id] = app
    for person_id, name, phone in PERSONS:
        world.add_person(person_id, name=name, phone=phone)

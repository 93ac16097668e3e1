"""The custom menu (reference §1.9 and its additions §0)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from wesim.oa.media import require_material
from wesim.routing import Answer, Call, Route, WxError
from wesim.state import App
from wesim.world import World

KEYED = {
    "click",
    "scancode_push",
    "scancode_waitmsg",
    "pic_sysphoto",
    "pic_photo_or_album",
    "pic_weixin",
    "location_select",
}
BY_MEDIA, BY_ARTICLE = {"media_id", "view_limited"}, {"article_id", "article_view_limited"}
NAME_BYTES = {"button": 16, "sub button": 60}
KEY_BYTES, URL_BYTES = 128, 1024
CODES = {  # what is wrong: the codes of a button and of a sub-button
    "size": (40016, 40023),
    "type": (40017, 40024),
    "name size": (40018, 40025),
    "key size": (40019, 40026),
    "url size": (40020, 40027),
    "url domain": (40055, 40054),
}


def wrong(level: str, what: str) -> WxError:
    return WxError(CODES[what][level != "button"], f"invalid {level} {what}")


async def create(world: World, call: Call) -> Answer:
    if b"\\u" in call.body:  # the menu call refuses escaped characters (reference §0)
        raise WxError(40033, "invalid charset. please check your request, if include \\uxxxx will create fail!")
    buttons = call.json().get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3 or not all(isinstance(b, dict) for b in buttons):
        raise wrong("button", "size")
    for button in buttons:
        _check_top(world, call.account, button)
    call.account.menu = {"menu": {"button": buttons}}
    return {"errcode": 0, "errmsg": "ok"}


def _check_top(world: World, app: App, button: dict[str, Any]) -> None:
    _check_name(button, "button")
    subs = button.get("sub_button")
    if not subs:
        _check_action(world, app, button, "button")
        return
    if not isinstance(subs, list) or len(subs) > 5 or not all(isinstance(s, dict) for s in subs):
        raise wrong("sub button", "size")
    for sub in subs:
        _check_name(sub, "sub button")
        _check_action(world, app, sub, "sub button")


def _check_name(button: dict[str, Any], level: str) -> None:
    if not 1 <= len(str(button.get("name", "")).encode()) <= NAME_BYTES[level]:
        raise wrong(level, "name size")


def _check_action(world: World, app: App, button: dict[str, Any], level: str) -> None:
    kind = str(button.get("type", ""))
    if kind in KEYED:
        if not 1 <= len(str(button.get("key", "")).encode()) <= KEY_BYTES:
            raise wrong(level, "key size")
    elif kind in ("view", "miniprogram"):
        _check_url(str(button.get("url", "")), level)
        if kind == "miniprogram":
            _check_page(world, app, button)
    elif kind in BY_MEDIA:
        require_material(world, app, button.get("media_id"), "image", "voice", "video")
    elif kind in BY_ARTICLE:
        if not button.get("article_id"):
            raise WxError(40007, "invalid media_id")
    else:
        raise wrong(level, "type")


def _check_url(url: str, level: str) -> None:
    if not 1 <= len(url.encode()) <= URL_BYTES:
        raise wrong(level, "url size")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise wrong(level, "url domain") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise wrong(level, "url domain")


def _check_page(world: World, app: App, button: dict[str, Any]) -> None:
    if button.get("appid") not in app.linked:
        raise WxError(45064, "no permission to use weapp in menu")
    if not world.has_page(str(button["appid"]), str(button.get("pagepath") or "")):
        raise WxError(40165, "invalid weapp pagepath")


async def get(world: World, call: Call) -> Answer:
    """As it was made; leaves have an empty list of sub-buttons."""
    menu = call.account.menu
    if menu is None:
        raise WxError(46003, "menu no exist")
    tops = [
        {**top, "sub_button": [{**sub, "sub_button": []} for sub in top.get("sub_button") or []]}
        for top in menu["menu"]["button"]
    ]
    return {"menu": {"button": tops}}


async def current(world: World, call: Call) -> Answer:
    """What users see; here sub-buttons are wrapped in an object, and leaves have none."""
    menu = call.account.menu
    tops = [_shown(top) for top in menu["menu"]["button"]] if menu else []
    return {"is_menu_open": int(menu is not None), "selfmenu_info": {"button": tops}}


def _shown(top: dict[str, Any]) -> dict[str, Any]:
    subs = [{k: v for k, v in sub.items() if k != "sub_button"} for sub in top.get("sub_button") or []]
    if subs:
        return {"name": top["name"], "sub_button": {"list": subs}}
    return {k: v for k, v in top.items() if k != "sub_button"}


async def delete(world: World, call: Call) -> Answer:
    call.account.menu = None
    return {"errcode": 0, "errmsg": "ok"}


ROUTES = [
    Route("POST", "/cgi-bin/menu/create", create, token=True, kind="service"),
    Route("GET", "/cgi-bin/menu/get", get, token=True, kind="service"),
    Route("GET", "/cgi-bin/menu/delete", delete, token=True, kind="service"),
    Route("GET", "/cgi-bin/get_current_selfmenu_info", current, token=True, kind="service"),
]

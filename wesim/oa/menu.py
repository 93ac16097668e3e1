"""The custom menu (reference §1.9)."""

from __future__ import annotations

from typing import Any

from wesim.routing import Answer, Call, Route, WxError
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
BY_ID = {
    "media_id": "media_id",
    "view_limited": "media_id",
    "article_id": "article_id",
    "article_view_limited": "article_id",
}
TOP_NAME_BYTES, SUB_NAME_BYTES, KEY_BYTES, URL_BYTES = 16, 60, 128, 1024


async def create(world: World, call: Call) -> Answer:
    if b"\\u" in call.body:  # the menu call refuses escaped characters (reference §0)
        raise WxError(40033, "invalid charset. please check your request, if include \\uxxxx will create fail!")
    buttons = call.json().get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise WxError(40017, "invalid button size")
    for button in buttons:
        _check_top(button, call.account.linked)
    call.account.menu = {"menu": {"button": buttons}}
    return {"errcode": 0, "errmsg": "ok"}


def _check_top(button: Any, linked: list[str]) -> None:
    if not isinstance(button, dict):
        raise WxError(40017, "invalid button size")
    _check_name(button, TOP_NAME_BYTES, 40018)
    subs = button.get("sub_button")
    if not subs:
        _check_action(button, linked)
        return
    if not isinstance(subs, list) or len(subs) > 5 or not all(isinstance(s, dict) for s in subs):
        raise WxError(40023, "invalid sub button size")
    for sub in subs:
        _check_name(sub, SUB_NAME_BYTES, 40018)
        _check_action(sub, linked)


def _check_name(button: dict[str, Any], longest: int, errcode: int) -> None:
    if not 1 <= len(str(button.get("name", "")).encode()) <= longest:
        raise WxError(errcode, "invalid button name size")


def _check_action(button: dict[str, Any], linked: list[str]) -> None:
    kind = str(button.get("type", ""))
    if kind in KEYED:
        if not 1 <= len(str(button.get("key", "")).encode()) <= KEY_BYTES:
            raise WxError(40019, "invalid button key size")
    elif kind in ("view", "miniprogram"):
        if not 1 <= len(str(button.get("url", "")).encode()) <= URL_BYTES:
            raise WxError(40020, "invalid button url size")
        if kind == "miniprogram" and button.get("appid") not in linked:
            raise WxError(45064, "no permission to use weapp in menu")
    elif kind in BY_ID:
        if not button.get(BY_ID[kind]):
            raise WxError(40007, "invalid media_id")
    else:
        raise WxError(40016, "invalid button type")


async def get(world: World, call: Call) -> Answer:
    if call.account.menu is None:
        raise WxError(46003, "menu no exist")
    return call.account.menu


async def current(world: World, call: Call) -> Answer:
    menu = call.account.menu
    return {"is_menu_open": int(menu is not None), "selfmenu_info": menu["menu"] if menu else {"button": []}}


async def delete(world: World, call: Call) -> Answer:
    call.account.menu = None
    return {"errcode": 0, "errmsg": "ok"}


ROUTES = [
    Route("POST", "/cgi-bin/menu/create", create, token=True, kind="service"),
    Route("GET", "/cgi-bin/menu/get", get, token=True, kind="service"),
    Route("GET", "/cgi-bin/menu/delete", delete, token=True, kind="service"),
    Route("GET", "/cgi-bin/get_current_selfmenu_info", current, token=True, kind="service"),
]

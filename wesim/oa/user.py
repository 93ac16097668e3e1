"""Followers (reference §1.7)."""

from __future__ import annotations

from typing import Any

from wesim.routing import Answer, Call, Route, WxError
from wesim.state import App, AppUser
from wesim.world import World

PAGE = 10_000
REMARK_MAX_BYTES = 30


def known(app: App, openid: str) -> AppUser:
    """The user with this openid of this app. Raises WxError 40003."""
    user = app.users.get(openid)
    if user is None:
        raise WxError(40003, "invalid openid")
    return user


def profile(world: World, app: App, user: AppUser) -> dict[str, Any]:
    """No nickname, avatar or city since 2021-12-27."""
    unionid = world.unionid(app, user.person)
    if not user.following:
        gone: dict[str, Any] = {"subscribe": 0, "openid": user.openid}
        return {**gone, "unionid": unionid} if unionid and world.settings.unionid_for_non_followers else gone
    return {
        "subscribe": 1,
        "openid": user.openid,
        "language": "zh_CN",
        "subscribe_time": user.subscribe_time,
        **({"unionid": unionid} if unionid else {}),
        "remark": user.remark,
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": user.subscribe_scene,
        "qr_scene": user.qr_scene,
        "qr_scene_str": user.qr_scene_str,
    }


def asked(call: Call) -> str:
    """The openid in the query. Raises WxError 41009."""
    openid = call.query.get("openid", "")
    if not openid:
        raise WxError(41009, "missing openid")
    return openid


async def info(world: World, call: Call) -> Answer:
    return profile(world, call.account, known(call.account, asked(call)))


async def batch(world: World, call: Call) -> Answer:
    wanted = call.json().get("user_list")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= 100:
        raise WxError(40032, "invalid openid list size")
    users = [known(call.account, str(w.get("openid", ""))) for w in wanted if isinstance(w, dict)]
    return {"user_info_list": [profile(world, call.account, u) for u in users]}


async def listing(world: World, call: Call) -> Answer:
    """Followers in the order they came, after `next_openid`."""
    app, after = call.account, call.query.get("next_openid", "")
    followers = [u.openid for u in app.users.values() if u.following]
    if after:
        if after not in app.users:
            raise WxError(40003, "invalid openid")
        followers_after = followers[followers.index(after) + 1 :] if after in followers else []
    else:
        followers_after = followers
    page = followers_after[:PAGE]
    answer: dict[str, Any] = {"total": len(followers), "count": len(page)}
    if page:
        answer["data"] = {"openid": page}
    return {**answer, "next_openid": page[-1] if page else ""}


async def remark(world: World, call: Call) -> Answer:
    body = call.json()
    text = str(body.get("remark", ""))
    if len(text.encode()) >= REMARK_MAX_BYTES:
        raise WxError(40092, "invalid remark name")
    known(call.account, str(body.get("openid", ""))).remark = text
    return {"errcode": 0, "errmsg": "ok"}


ROUTES = [
    Route("GET", "/cgi-bin/user/info", info, token=True, kind="service"),
    Route("POST", "/cgi-bin/user/info/batchget", batch, token=True, kind="service"),
    Route("GET", "/cgi-bin/user/get", listing, token=True, kind="service"),
    Route("POST", "/cgi-bin/user/info/updateremark", remark, token=True, kind="service"),
]

"""Customer-service messages (reference §1.11)."""

from __future__ import annotations

from typing import Any

from wesim.oa.media import require_medium
from wesim.oa.user import known
from wesim.routing import Answer, Call, Route, WxError
from wesim.state import App, MediaKind
from wesim.world import World

BRANCHES: dict[str, tuple[str, ...]] = {  # msgtype: what the phone shows of it
    "text": ("content",),
    "image": ("media_id",),
    "voice": ("media_id",),
    "video": ("title",),
    "music": ("title",),
    "news": ("articles",),
    "mpnewsarticle": ("article_id",),
    "msgmenu": ("head_content",),
    "miniprogrampage": ("title",),
}


MEDIA: dict[str, tuple[tuple[str, tuple[MediaKind, ...]], ...]] = {  # msgtype: fields and what they may name
    "image": (("media_id", ("image",)),),
    "voice": (("media_id", ("voice",)),),
    "video": (("media_id", ("video",)),),
    "music": (("thumb_media_id", ("thumb", "image")),),
    "miniprogrampage": (("thumb_media_id", ("thumb", "image")),),
}


async def send(world: World, call: Call) -> Answer:
    body, app = call.json(), call.account
    user = known(app, str(body.get("touser") or ""))
    kind = str(body.get("msgtype", ""))
    if kind not in BRANCHES:
        raise WxError(40008, "invalid message type")
    branch = body.get(kind)
    given = branch if isinstance(branch, dict) else {}
    text = _shown(kind, given)
    for name, kinds in MEDIA.get(kind, ()):
        require_medium(world, app, given.get(name), *kinds)
    if kind == "miniprogrampage":
        _check_page(world, app, given)
    now = world.clock.now()
    if now >= user.kf_until or not user.following:
        raise WxError(45015, "response out of time limit or subscription is canceled")
    if user.kf_left <= 0:
        raise WxError(45047, "out of response count limit")
    user.kf_left -= 1
    extra = {"msgtype": kind, "content": branch}
    world.deliver(user.person, kind="oa_kf", sender=app.name, text=text, app=app.id, extra=extra)
    return {"errcode": 0, "errmsg": "ok"}


def _check_page(world: World, app: App, given: dict[str, Any]) -> None:
    """An account names a linked mini program; a mini program's own card has its own pages."""
    appid = app.id if app.kind == "mini" else str(given.get("appid") or "")
    if app.kind != "mini" and appid not in app.linked:
        raise WxError(40166, "invalid weapp appid")
    if not world.has_page(appid, str(given.get("pagepath") or "")):
        raise WxError(40165, "invalid weapp pagepath")


def _shown(kind: str, branch: dict[str, Any]) -> str:
    if kind == "news":
        articles = branch.get("articles")
        if not isinstance(articles, list) or len(articles) != 1 or not isinstance(articles[0], dict):
            raise WxError(45008, "article size out of limit")
        return str(articles[0].get("title", ""))
    text = str(branch.get(BRANCHES[kind][0], ""))
    if kind == "text" and not text:
        raise WxError(44004, "empty content")
    if len(text.encode()) > 2048:
        raise WxError(45002, "content size out of limit")
    return text if kind == "text" else f"[{kind}] {text}"


ROUTES = [Route("POST", "/cgi-bin/message/custom/send", send, token=True)]

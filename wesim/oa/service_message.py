"""Customer-service messages (reference §1.11)."""

from __future__ import annotations

from typing import Any

from wesim.oa.user import known
from wesim.routing import Answer, Call, Route, WxError
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


async def send(world: World, call: Call) -> Answer:
    body, app = call.json(), call.account
    user = known(app, str(body.get("touser") or ""))
    kind = str(body.get("msgtype", ""))
    if kind not in BRANCHES:
        raise WxError(40008, "invalid message type")
    branch = body.get(kind)
    text = _shown(kind, branch if isinstance(branch, dict) else {})
    now = world.clock.now()
    if now >= user.kf_until or not user.following:
        raise WxError(45015, "response out of time limit or subscription is canceled")
    if user.kf_left <= 0:
        raise WxError(45047, "out of response count limit")
    user.kf_left -= 1
    extra = {"msgtype": kind, "content": branch}
    world.deliver(user.person, kind="oa_kf", sender=app.name, text=text, app=app.id, extra=extra)
    return {"errcode": 0, "errmsg": "ok"}


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

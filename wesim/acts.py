"""What persons do: follow, scan, talk, open, tap. Every act has WeChat's consequences (reference §1.5)."""

from __future__ import annotations

from typing import Any

from wesim.crypto import CryptoError, decrypt_message, signature
from wesim.oa.media import require_medium
from wesim.oa.web import mint_code
from wesim.routing import WxError, is_whole
from wesim.state import App, AppUser, MediaKind, Message
from wesim.wire import Fields, parse_xml
from wesim.world import Qr, World

MESSAGE_WINDOW_S = 48 * 3600
MESSAGE_WINDOW_COUNT = 5
TOUCH_WINDOW_S = 60
TOUCH_WINDOW_COUNT = 3
REPLY_MEDIA: dict[str, tuple[str, str, tuple[MediaKind, ...]]] = {
    "image": ("Image", "MediaId", ("image",)),
    "voice": ("Voice", "MediaId", ("voice",)),
    "video": ("Video", "MediaId", ("video",)),
    "music": ("Music", "ThumbMediaId", ("thumb", "image")),
}
UNAVAILABLE = "该服务号提供的服务出现故障，请稍后再试"


def follow(world: World, app: App, user: AppUser, *, scene: str = "ADD_SCENE_SEARCH") -> None:
    """Become a follower. Doing it twice changes nothing."""
    if user.following:
        return
    _start_following(world, user, scene)
    _touch(world, user)
    _push(world, app, user, {"MsgType": "event", "Event": "subscribe", "EventKey": ""})


def _start_following(world: World, user: AppUser, scene: str) -> None:
    user.following, user.subscribe_time, user.subscribe_scene = True, world.clock.now_s(), scene
    user.qr_scene, user.qr_scene_str = 0, ""
    world.bus.publish("follow", at=world.clock.now(), person=user.person, body={"openid": user.openid})


def unfollow(world: World, app: App, user: AppUser) -> None:
    """Stop following; the openid stays the same for a return."""
    if not user.following:
        return
    user.following, user.kf_until, user.kf_left = False, 0.0, 0
    world.bus.publish("unfollow", at=world.clock.now(), person=user.person, body={"openid": user.openid})
    _push(world, app, user, {"MsgType": "event", "Event": "unsubscribe", "EventKey": ""})


def scan(world: World, app: App, user: AppUser, qr: Qr) -> str:
    """Scan a parametric QR: `subscribe` with qrscene_, or SCAN for a follower (reference §1.10)."""
    if qr.expires is not None and world.clock.now() >= qr.expires:
        return "expired"
    _touch(world, user)
    if user.following:
        _push(world, app, user, {"MsgType": "event", "Event": "SCAN", "EventKey": qr.scene, "Ticket": qr.ticket})
        return "SCAN"
    _start_following(world, user, "ADD_SCENE_QR_CODE")
    user.qr_scene = int(qr.scene) if is_whole(qr.scene) else 0
    user.qr_scene_str = "" if is_whole(qr.scene) else qr.scene
    key = f"qrscene_{qr.scene}"
    _push(world, app, user, {"MsgType": "event", "Event": "subscribe", "EventKey": key, "Ticket": qr.ticket})
    return "subscribe"


def say(world: World, app: App, user: AppUser, text: str) -> Message:
    """Send a text to the account; opens the 48-hour window for customer-service messages."""
    user.kf_until, user.kf_left = world.clock.now() + MESSAGE_WINDOW_S, MESSAGE_WINDOW_COUNT
    message = world.deliver(user.person, kind="from_person", sender="", text=text, app=app.id)
    _push(world, app, user, {"MsgType": "text", "Content": text, "MsgId": world.next_msgid()})
    return message


def click_menu(world: World, app: App, user: AppUser, key: str) -> dict[str, Any] | None:
    """Press the button with this key or URL. None: no such button."""
    button = _button(app, key)
    if button is None:
        return None
    if button["type"] == "click":
        _touch(world, user)
        _push(world, app, user, {"MsgType": "event", "Event": "CLICK", "EventKey": button["key"]})
    elif button["type"] == "view":
        _push(world, app, user, {"MsgType": "event", "Event": "VIEW", "EventKey": button["url"], "MenuId": 1})
    elif button["type"] == "miniprogram":
        page = button.get("pagepath", "")
        _push(world, app, user, {"MsgType": "event", "Event": "view_miniprogram", "EventKey": page, "MenuId": 1})
    return button


def _button(app: App, key: str) -> dict[str, Any] | None:
    tops = app.menu["menu"]["button"] if app.menu else []
    flat = [b for top in tops for b in (top.get("sub_button") or [top])]
    return next((b for b in flat if key in (b.get("key"), b.get("url"), b.get("name"))), None)


def open_mini(world: World, app: App, user: AppUser, *, page: str, scene: str) -> dict[str, Any]:
    """Open the mini program: what wx.login and onLaunch give its code."""
    code = mint_code(world, kind="js", app=app.id, person=user.person)
    body = {"appid": app.id, "page": page, "scene": scene}
    world.bus.publish("open_mini", at=world.clock.now(), person=user.person, body=body)
    return {"code": code, **body}


def tap(world: World, person_id: str, message_id: int) -> Message | None:
    """Tap a message: it counts as read; its `jump` says where the person lands (S1-91, S1-129)."""
    person = world.persons[person_id]
    message = next((m for m in reversed(person.inbox) if m.id == message_id), None)
    if message is not None and not message.read:
        message.read = True
        world.bus.publish("read", at=world.clock.now(), person=person_id, body={"ids": [message_id]})
    return message


def _touch(world: World, user: AppUser) -> None:
    """Follow, scan or menu click: three customer-service messages within a minute (reference §1.11)."""
    now = world.clock.now()
    if user.kf_until <= now or user.kf_left == 0:
        user.kf_until, user.kf_left = now + TOUCH_WINDOW_S, TOUCH_WINDOW_COUNT


def _push(world: World, app: App, user: AppUser, fields: Fields) -> None:
    def on_reply(body: bytes) -> bool:
        return receive_reply(world, app, user, body)

    def on_failure() -> None:
        world.deliver(user.person, kind="oa_notice", sender=app.name, text=UNAVAILABLE, app=app.id)

    is_message = fields["MsgType"] != "event"  # for events the person sees nothing (UNCONFIRMED)
    world.pusher.push(app, user.openid, fields, on_reply=on_reply, on_failure=on_failure if is_message else None)


def receive_reply(world: World, app: App, user: AppUser, body: bytes) -> bool:
    """Show a passive reply in the chat (reference §1.6). False: not a valid reply."""
    if body.strip() in (b"", b"success"):
        return True
    fields = parse_xml(body)
    if fields is not None and "Encrypt" in fields:
        fields = _decrypted(app, fields)
    if fields is None or fields.get("FromUserName") != app.original_id or fields.get("ToUserName") != user.openid:
        return False
    text = _reply_text(fields)
    if text is None or not _has_medium(world, app, fields):
        return False
    if text:
        extra = {"msgtype": fields["MsgType"]}
        world.deliver(user.person, kind="oa_reply", sender=app.name, text=text, app=app.id, extra=extra)
    return True


def _decrypted(app: App, fields: Fields) -> Fields | None:
    """The reply inside an encrypted one; None when the signature or the text is wrong (reference §1.4)."""
    token, secret = app.callback.token, str(fields["Encrypt"])
    expected = signature(token, str(fields.get("TimeStamp", "")), str(fields.get("Nonce", "")), secret)
    if fields.get("MsgSignature") != expected:
        return None
    try:
        return parse_xml(decrypt_message(secret, aes_key=app.callback.aes_key, receive_id=app.id))
    except CryptoError:
        return None


def _has_medium(world: World, app: App, fields: Fields) -> bool:
    """Whether the medium that a reply names is there (what WeChat says to another one is UNCONFIRMED: here it is no reply)."""
    if fields.get("MsgType") not in REPLY_MEDIA:
        return True
    branch, name, kinds = REPLY_MEDIA[str(fields["MsgType"])]
    inner = fields.get(branch)
    try:
        require_medium(world, app, inner.get(name) if isinstance(inner, dict) else None, *kinds)
    except WxError:
        return False
    return True


def _reply_text(fields: Fields) -> str | None:
    kind = fields.get("MsgType")
    if kind == "text":
        return str(fields.get("Content", ""))
    if kind == "news":
        articles = fields.get("Articles")
        items = articles.get("item") if isinstance(articles, dict) else None
        first = items[0] if isinstance(items, list) else items
        return f"[news] {first.get('Title', '')}" if isinstance(first, dict) else None
    if kind in ("image", "voice", "video", "music"):
        return f"[{kind}]"
    return "" if kind == "transfer_customer_service" else None

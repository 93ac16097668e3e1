"""What WeChat tells, as typed facts (reference: wechat-platform §1.5, §2.8, §3.7).

Pushes repeat and come out of order; `Push.key` is the same for every repeat of one push (§1.3).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from huida.providers.readers import is_key, is_openid

_LAST_SECOND: Final = 253402300799
_QR_PREFIX: Final = "qrscene_"
_ACCEPTS: Final = frozenset({"accept", "acceptWithAudio", "acceptWithAlert"})


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """Any push; this class itself stands for the kinds that no subclass names."""

    key: str
    account: str
    openid: str
    at: datetime
    name: str


class Followed(Push, frozen=True, kw_only=True):
    """Somebody began to follow; `scene` when by a parametric QR code."""

    scene: str
    ticket: str


class Unfollowed(Push, frozen=True, kw_only=True):
    """Somebody stopped following: no more sends to this openid."""


class Scanned(Push, frozen=True, kw_only=True):
    """A follower scanned a parametric QR code."""

    scene: str
    ticket: str


class MenuTapped(Push, frozen=True, kw_only=True):
    """A tap on the menu: a button's key, a URL or a page path."""

    value: str


class MessageReceived(Push, frozen=True, kw_only=True):
    """A message written or sent by a person; `name` is its MsgType, `text` empty unless text."""

    msgid: str
    text: str
    media_id: str


class TemplateSendFinished(Push, frozen=True, kw_only=True):
    """The final word on a template message (§2.8); `failure` is empty when it was delivered."""

    msgid: int
    delivered: bool
    failure: str


class Choice(msgspec.Struct, frozen=True):
    """One template's answer in the subscribe popup or in the notification settings."""

    template_id: str
    accepted: bool
    scene: str


class SubscribeAnswered(Push, frozen=True, kw_only=True):
    """The popup was answered; the page reports the same answers, and they count once (§3.7)."""

    choices: tuple[Choice, ...]


class SubscribeChanged(Push, frozen=True, kw_only=True):
    """The member changed the notification settings; only rejections are told."""

    choices: tuple[Choice, ...]


class Delivery(msgspec.Struct, frozen=True):
    """The final word on one subscribe message."""

    template_id: str
    msgid: int
    delivered: bool
    error_code: str
    error_status: str


class SubscribeSendFinished(Push, frozen=True, kw_only=True):
    """Final words on subscribe messages."""

    deliveries: tuple[Delivery, ...]


class Unusable(ValueError):
    """An authentic push that does not say whom or what it is about."""


def typed(fields: Mapping[str, Any]) -> Push:
    """The typed push of decrypted fields; numbers may be text, `List` an object or an array.

    Raises Unusable when what would become an identity or a key is missing, empty, of another type or too long.
    """
    push = _typed(fields)
    if type(push) is not Push and not is_openid(push.openid):
        raise Unusable("FromUserName")
    match push:
        case MessageReceived() if not is_key(push.msgid):
            raise Unusable("MsgId")
        case TemplateSendFinished() if not push.msgid:
            raise Unusable("MsgID")
        case SubscribeAnswered() | SubscribeChanged() if not all(is_key(one.template_id) for one in push.choices):
            raise Unusable("TemplateId")
        case SubscribeSendFinished() if not all(one.msgid and is_key(one.template_id) for one in push.deliveries):
            raise Unusable("MsgID")
    return push


def _typed(fields: Mapping[str, Any]) -> Push:
    kind = _text(fields, "MsgType")
    common: dict[str, Any] = {
        "account": _text(fields, "ToUserName"),
        "openid": _text(fields, "FromUserName"),
        "at": datetime.fromtimestamp(min(_number(fields, "CreateTime"), _LAST_SECOND), UTC),
    }
    if kind != "event":
        msgid = _text(fields, "MsgId")
        return MessageReceived(
            key=f"msg|{common['openid']}|{msgid}",
            name=kind,
            msgid=msgid,
            text=_text(fields, "Content") if kind == "text" else "",
            media_id=_text(fields, "MediaId"),
            **common,
        )
    return _event(fields, common)


def _event(fields: Mapping[str, Any], common: dict[str, Any]) -> Push:
    name = _text(fields, "Event")
    event_key = _text(fields, "EventKey")
    told = name.lower()
    entries = _entries(fields, told)
    common["name"] = name
    # Events have no id. What tells two of one second apart is the event's own content (§1.3).
    ids = ",".join(_text(entry, "MsgID") or _text(entry, "TemplateId") for entry in entries)
    ids = ids or _text(fields, "MsgID") or _text(fields, "UserCardCode")
    common["key"] = "|".join((told, common["openid"], str(int(common["at"].timestamp())), event_key, ids))
    match told:
        case "subscribe":
            return Followed(scene=event_key.removeprefix(_QR_PREFIX), ticket=_text(fields, "Ticket"), **common)
        case "unsubscribe":
            return Unfollowed(**common)
        case "scan":
            return Scanned(scene=event_key, ticket=_text(fields, "Ticket"), **common)
        case "click" | "view" | "view_miniprogram":
            return MenuTapped(value=event_key, **common)
        case "templatesendjobfinish":
            status = _text(fields, "Status").strip()
            # Sources differ on the space after the colon (§2.8).
            failure = "" if status == "success" else status.removeprefix("failed:").strip() or "failed"
            return TemplateSendFinished(
                msgid=_number(fields, "MsgID"), delivered=status == "success", failure=failure, **common
            )
        case "subscribe_msg_popup_event":
            return SubscribeAnswered(choices=_choices(entries), **common)
        case "subscribe_msg_change_event":
            return SubscribeChanged(choices=_choices(entries), **common)
        case "subscribe_msg_sent_event":
            return SubscribeSendFinished(deliveries=_deliveries(entries), **common)
        case _:
            return Push(**common)


_WRAPPERS: Final = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}


def _entries(fields: Mapping[str, Any], told: str) -> list[Mapping[str, Any]]:
    """The entries of a subscribe event: XML wraps them, JSON does not; one entry may stand alone (§3.7)."""
    wrapper = _WRAPPERS.get(told)
    if wrapper is None:
        return []
    held = fields.get(wrapper, fields)
    wrapped = held if isinstance(held, list) else [held]
    entries: list[Mapping[str, Any]] = []
    for one in wrapped:
        listed = one.get("List") if isinstance(one, Mapping) else None
        entries.extend(entry for entry in (listed if isinstance(listed, list) else [listed]) if isinstance(entry, dict))
    return entries


def _choices(entries: list[Mapping[str, Any]]) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            template_id=_text(entry, "TemplateId"),
            accepted=_text(entry, "SubscribeStatusString") in _ACCEPTS,
            scene=_text(entry, "PopupScene"),
        )
        for entry in entries
    )


def _deliveries(entries: list[Mapping[str, Any]]) -> tuple[Delivery, ...]:
    return tuple(
        Delivery(
            template_id=_text(entry, "TemplateId"),
            msgid=_number(entry, "MsgID"),
            delivered=_text(entry, "ErrorCode") == "0",
            error_code=_text(entry, "ErrorCode"),
            error_status=_text(entry, "ErrorStatus"),
        )
        for entry in entries
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    return str(value) if isinstance(value, str | int) else ""


def _number(fields: Mapping[str, Any], name: str) -> int:
    text = _text(fields, name)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else 0
    return number if number < 2**63 else 0

"""What the connections module records: mostly what WeChat told. Facts have no member: they are about an openid.

They may be handled out of order, so each tells `at`, the time that WeChat gave.
"""

from datetime import datetime
from typing import ClassVar

import msgspec

from huida.kernel.facts import Fact


class AppConnected(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "connection.connected"
    app_id: str
    app_kind: str


class AppChanged(Fact, frozen=True, kw_only=True):
    """Which settings changed (names only)."""

    kind: ClassVar[str] = "connection.changed"
    app_id: str
    fields: list[str]


class AppDisconnected(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "connection.disconnected"
    app_id: str


class FollowChanged(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "wechat.follow_changed"
    app_id: str
    openid: str
    follows: bool
    at: datetime
    scene: str = ""


class Scanned(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "wechat.scanned"
    app_id: str
    openid: str
    at: datetime
    scene: str


class MessageReceived(Fact, frozen=True, kw_only=True):
    """A message of a person; `text` holds at most its first 200 characters."""

    kind: ClassVar[str] = "wechat.message_received"
    app_id: str
    openid: str
    at: datetime
    message_type: str
    text: str = ""


class SubscribeChoice(msgspec.Struct, frozen=True):
    """One template's answer; `scene` says where (0 popup with one, 1 with several, 2 settings …)."""

    template_id: str
    accepted: bool
    scene: str = ""


class SubscribeAnswered(Fact, frozen=True, kw_only=True):
    """The popup was answered. The page reports the same answers: count them once by `push_key`."""

    kind: ClassVar[str] = "wechat.subscribe_answered"
    app_id: str
    openid: str
    at: datetime
    choices: list[SubscribeChoice]
    push_key: str = ""


class SubscribeChanged(Fact, frozen=True, kw_only=True):
    """The notification settings were changed; WeChat tells only rejections."""

    kind: ClassVar[str] = "wechat.subscribe_changed"
    app_id: str
    openid: str
    at: datetime
    choices: list[SubscribeChoice]


class SubscribeDelivery(msgspec.Struct, frozen=True):
    """The final word on one subscribe message; `error_code` "0" means delivered."""

    template_id: str
    msg_id: int
    error_code: str
    status: str


class SubscribeSendFinished(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "wechat.subscribe_send_finished"
    app_id: str
    openid: str
    at: datetime
    deliveries: list[SubscribeDelivery]


class TemplateSendFinished(Fact, frozen=True, kw_only=True):
    """The final word on a template message; `status` is "success" or why it failed."""

    kind: ClassVar[str] = "wechat.template_send_finished"
    app_id: str
    openid: str
    at: datetime
    msg_id: int
    status: str

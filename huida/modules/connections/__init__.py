"""Connections: the merchant's official account and mini program, and what WeChat pushes.

Owns: apps, callback_routes, callback_inbox. An app is connected once WeChat has accepted its secret: one of each kind for
a merchant, each AppID once on a server. Secrets are sealed and never shown again. A push is authenticated before anything
is stored, stored once, and told as a fact by a job.
Facts: AppConnected, AppChanged, AppDisconnected; FollowChanged, Scanned, MessageReceived, SubscribeAnswered,
SubscribeChanged, SubscribeSendFinished, TemplateSendFinished. Facts of pushes have no member and may be handled out of
order: compare their `at`.
"""

from huida.modules.connections.facts import (
    AppChanged,
    AppConnected,
    AppDisconnected,
    FollowChanged,
    MessageReceived,
    Scanned,
    SubscribeAnswered,
    SubscribeChanged,
    SubscribeChoice,
    SubscribeDelivery,
    SubscribeSendFinished,
    TemplateSendFinished,
)
from huida.modules.connections.lives import wipe
from huida.modules.connections.models import App, CallbackInbox, CallbackRoute
from huida.modules.connections.preflight import WeChat, check_app
from huida.modules.connections.pushes import lane_of, work
from huida.modules.connections.service import (
    AppRef,
    Wanted,
    app_of,
    apps,
    callback_keys,
    change,
    close_subscribe,
    connect,
    credentials,
    credentials_of,
    disconnect,
    get,
    merchant_with,
    open_subscribe,
)

__all__ = [
    "App",
    "AppChanged",
    "AppConnected",
    "AppDisconnected",
    "AppRef",
    "CallbackInbox",
    "CallbackRoute",
    "FollowChanged",
    "MessageReceived",
    "Scanned",
    "SubscribeAnswered",
    "SubscribeChanged",
    "SubscribeChoice",
    "SubscribeDelivery",
    "SubscribeSendFinished",
    "TemplateSendFinished",
    "Wanted",
    "WeChat",
    "app_of",
    "apps",
    "callback_keys",
    "change",
    "check_app",
    "close_subscribe",
    "connect",
    "credentials",
    "credentials_of",
    "disconnect",
    "get",
    "lane_of",
    "merchant_with",
    "open_subscribe",
    "wipe",
    "work",
]

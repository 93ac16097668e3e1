"""Connections: the merchant's official account and mini program, and what WeChat pushes.

Owns: apps, callback_routes, callback_inbox. At most one app of each kind is connected; secrets are sealed and never
shown again. A push is authenticated before anything is stored, stored once, and told as a fact by a job.
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
from huida.modules.connections.models import App, CallbackInbox, CallbackRoute
from huida.modules.connections.preflight import check_app
from huida.modules.connections.pushes import lane_of, work
from huida.modules.connections.service import (
    AppRef,
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
    merchants_with,
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
    "merchants_with",
    "open_subscribe",
    "work",
]

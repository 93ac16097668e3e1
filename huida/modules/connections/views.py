"""What the connections' doors answer. Times are aware, in UTC. Secrets are in none of them but `CallbackSettings`."""

from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict

Kind = Literal["oa", "mini"]
CallbackMode = Literal["plain", "compatible", "safe"]
CheckName = Literal["credentials", "account", "categories", "templates", "callback"]
CheckState = Literal["ok", "warn", "fail"]


class Check(TypedDict):
    """One finding of a preflight; `detail` is the code of its text, `params` fill the text."""

    check: CheckName
    state: CheckState
    detail: str
    params: dict[str, str | int]


class CheckInWords(Check):
    """A finding with its text in the reader's language."""

    text: str


class App(TypedDict):
    """An official account (`oa`) or mini program, without its secrets; `callback_url` is for WeChat's own console.

    `pending`: WeChat has not accepted the secret yet, and `checks` say why; a preflight tries again.
    """

    app_id: str
    kind: Kind
    name: str
    original_id: str
    state: Literal["pending", "connected", "disconnected"]
    subscribe_open: bool
    callback_mode: CallbackMode
    callback_url: str
    callback_seen_at: datetime | None
    checks: list[CheckInWords]
    checked_at: datetime | None
    connected_at: datetime


class CallbackSettings(TypedDict):
    """What is typed into WeChat's own console; the only answer with token and AES key."""

    url: str
    token: str
    aes_key: str
    mode: CallbackMode


class Preflight(TypedDict):
    """What a preflight found."""

    checks: list[CheckInWords]

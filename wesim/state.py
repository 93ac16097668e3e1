"""The things a simulated WeChat remembers (reference §8.1)."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

import msgspec

INBOX_MAX = 500

AppKind = Literal["service", "mini"]
Sounding = Literal["sms", "subscribe"]  # the kinds of message that make the phone sound (S1-90, S1-128)


class Settings(msgspec.Struct):
    """Everything the reference marks UNCONFIRMED, as a switch. See README.md."""

    classic_grace_s: int = 300
    classic_per_day: int = 2000
    clear_quota_per_month: int = 10
    extra_subscribe_keys_refused: bool = False
    subscribe_send_returns_msgid: bool = True
    number_may_be_negative: bool = True
    character_string_may_hold_space: bool = False
    time_may_be_date_only: bool = True
    blank_thing_accepted: bool = False
    json_numbers_accepted: bool = True
    short_thing_max: int = 10
    template_id_shortest: int = 2
    popup_templates_max: int = 5
    private_templates_max: int = 50
    silent_accept_adds_credit: bool = True
    reject_clears_credits: bool = False
    page_leading_slash_accepted: bool = True
    qr_default_expire_s: int = 60
    unionid_for_non_followers: bool = True
    callback_timeout_s: float = 5.0
    callback_attempts: int = 3
    callback_concurrency: int = 32
    subscribe_send_latency_s: float = 0.0
    control_characters: Literal["usual", "raw", "escaped"] = "usual"
    foreign_phone_has_plus: bool = True
    country_code_is_number: bool = False
    media_lifetime_s: int = 3 * 86_400
    media_bytes_max: dict[str, int] = msgspec.field(
        default_factory=lambda: {
            "image": 10 << 20,
            "voice": 2 << 20,
            "video": 10 << 20,
            "thumb": 64 << 10,
            "uploadimg": 1 << 20,
        }
    )


class Message(msgspec.Struct):
    """One message as a phone shows it."""

    id: int
    kind: str  # oa_template | oa_reply | oa_kf | from_person | oa_notice | subscribe | sms
    at: float
    sender: str  # name shown: the account, or the SMS signature
    app: str  # appid, "" for SMS
    title: str
    text: str
    fields: list[tuple[str, str]] = msgspec.field(default_factory=list)
    jump: dict[str, str] | None = None  # {"kind": "url", "url"} | {"kind": "mini", "appid", "page"}
    sound: bool = False
    read: bool = False
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


class Person(msgspec.Struct):
    """Somebody with a phone."""

    id: str
    name: str
    phone: str
    inbox: deque[Message] = msgspec.field(default_factory=lambda: deque(maxlen=INBOX_MAX))
    received: int = 0


class AppUser(msgspec.Struct):
    """One person as one app sees them: the openid and every permission hanging on it."""

    person: str
    openid: str
    following: bool = False
    blocks_messages: bool = False
    subscribe_time: int = 0
    subscribe_scene: str = ""
    qr_scene: int = 0
    qr_scene_str: str = ""
    remark: str = ""
    kf_until: float = 0.0
    kf_left: int = 0
    credits: dict[str, int] = msgspec.field(default_factory=dict)
    long_term: set[str] = msgspec.field(default_factory=set)
    remembered: dict[str, str] = msgspec.field(default_factory=dict)
    switched_off: set[str] = msgspec.field(default_factory=set)
    main_switch: bool = True
    session_key: str = ""


class Callback(msgspec.Struct):
    """Where and how an app's events are pushed (reference §1.3)."""

    url: str = ""
    token: str = ""
    aes_key: str = ""
    mode: Literal["plain", "compatible", "safe"] = "plain"
    format: Literal["xml", "json"] = "xml"


class Keyword(msgspec.Struct, frozen=True):
    """One keyword of a library template. Key in a private template: rule + kid (reference §3.2)."""

    kid: int
    name: str
    rule: str
    example: str
    enum: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.rule}{self.kid}"


class LibraryTemplate(msgspec.Struct, frozen=True):
    """A template in the public library of WeChat."""

    id: str
    title: str
    category: int
    keywords: tuple[Keyword, ...]
    type: int = 2  # 2 one-time, 3 long-term (subscribe templates only)
    historical: bool = False  # pre-2023 style of official accounts: first, keywordN, remark


class PrivateTemplate(msgspec.Struct):
    """A template in one account."""

    id: str
    library_id: str
    title: str
    keywords: tuple[Keyword, ...]
    kind: Literal["one_time", "long_term", "category", "historical"]
    scene: str = ""
    state: Literal["normal", "restricted", "banned"] = "normal"
    industry: tuple[str, str] = ("", "")

    @property
    def content(self) -> str:
        return "".join(f"{k.name}:{{{{{self.key(k)}.DATA}}}}\n" for k in self.keywords)

    @property
    def example(self) -> str:
        return "".join(f"{k.name}:{k.example}\n" for k in self.keywords)

    def key(self, keyword: Keyword) -> str:
        return f"keyword{keyword.kid}" if self.kind == "historical" else keyword.key


MediaKind = Literal["image", "voice", "video", "thumb"]


class Medium(msgspec.Struct):
    """A file that an app uploaded; permanent ones do not expire."""

    id: str
    app: str
    kind: MediaKind
    name: str
    mime: str
    content: bytes
    created: int
    expires: float | None


class Token(msgspec.Struct):
    """One line of tokens, classic or stable (reference §1.1)."""

    value: str = ""
    expires: float = 0.0
    previous: str = ""
    previous_until: float = 0.0
    day: str = ""
    forced: int = 0
    forced_at: float = 0.0


class App(msgspec.Struct):
    """A service account or a mini program."""

    id: str
    secret: str
    name: str
    kind: AppKind
    original_id: str
    open_platform: str = ""
    verified: bool = True
    callback: Callback = msgspec.field(default_factory=Callback)
    ip_whitelist: list[str] = msgspec.field(default_factory=list)  # empty: everybody
    linked: list[str] = msgspec.field(default_factory=list)  # mini programs an account may jump to
    pages: list[str] = msgspec.field(default_factory=list)  # released pages; empty: every page exists
    h5: str = ""  # where a web build of its pages is served: the phone page shows it, `#/page?query` appended
    oauth_domains: list[str] = msgspec.field(default_factory=list)  # empty: every domain
    categories: list[int] = msgspec.field(default_factory=list)
    industry: list[str] = msgspec.field(default_factory=list)
    industry_month: str = ""
    classic: Token = msgspec.field(default_factory=Token)
    stable: Token = msgspec.field(default_factory=Token)
    templates: dict[str, PrivateTemplate] = msgspec.field(default_factory=dict)
    users: dict[str, AppUser] = msgspec.field(default_factory=dict)
    daily_limits: dict[str, int] = msgspec.field(default_factory=dict)
    used: dict[str, int] = msgspec.field(default_factory=dict)
    used_day: str = ""
    clears: int = 0
    clears_month: str = ""
    menu: dict[str, Any] | None = None
    pushes: deque[dict[str, Any]] = msgspec.field(default_factory=lambda: deque(maxlen=500))
    subscribe_banned: bool = False

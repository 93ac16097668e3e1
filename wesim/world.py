"""The simulated world: accounts, persons, phones, time and what goes wrong."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from wesim.clock import Clock
from wesim.edge.push import Poster, Pusher
from wesim.events import Bus
from wesim.faults import Faults
from wesim.state import App, AppUser, LibraryTemplate, Medium, Message, Person, PrivateTemplate, Settings

LOG_MAX = 1000
UNKNOWN_SMS_MAX = 500
TABLE_MAX = 100_000  # tokens, codes, QR codes, links
FIRST_MSGID = 2_900_000_000_000_000_000  # int64 beyond 2**53: doubles lose digits (reference §0)
MESSAGE_KINDS_THAT_SOUND = {"sms", "subscribe"}  # S1-90, S1-128: official accounts are muted by default


class Code(msgspec.Struct):
    """A single-use code: js_code, phone code or OAuth code."""

    kind: str  # js | phone | oauth
    app: str
    person: str
    expires: float
    used: bool = False
    scope: str = ""


class Qr(msgspec.Struct):
    """A parametric QR code of an official account (reference §1.10)."""

    ticket: str
    app: str
    scene: str
    url: str
    expires: float | None


class UserToken(msgspec.Struct):
    """A web authorisation of one person (reference §1.8)."""

    app: str
    openid: str
    scope: str
    expires: float
    refresh: str
    refresh_expires: float


class World:
    """All state, in one asyncio loop. `plant` fills the empty world and again after every reset."""

    def __init__(self, *, plant: Callable[[World], None] | None = None, poster: Poster | None = None) -> None:
        self.plant = plant
        self.poster = poster
        self.start = time.time_ns() // 1000
        self._last: dict[str, int] = {}
        self.bus = Bus(self.start)
        self.clock = Clock()
        self.settings = Settings()
        self.faults = Faults(lambda: self.next_number("fault"))
        self.pusher = Pusher(self.clock, self.settings, self.faults, poster)
        self._empty()

    def _empty(self) -> None:
        self.apps: dict[str, App] = {}
        self.persons: dict[str, Person] = {}
        self.person_by_phone: dict[str, str] = {}
        self.unknown_sms: deque[Message] = deque(maxlen=UNKNOWN_SMS_MAX)
        self.library_mini: dict[str, LibraryTemplate] = {}
        self.library_oa: dict[str, LibraryTemplate] = {}
        self.categories: dict[int, str] = {}
        self.tokens: dict[str, tuple[str, str]] = {}  # access_token -> (appid, classic | stable), also dead ones
        self.codes: dict[str, Code] = {}
        self.qrs: dict[str, Qr] = {}
        self.user_tokens: dict[str, UserToken] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.tickets: dict[str, dict[str, Any]] = {}
        self.media: dict[str, Medium] = {}
        self.short_links: dict[str, dict[str, Any]] = {}
        self.client_msg_ids: dict[tuple[str, str, str], tuple[float, int]] = {}
        self.in_flight: set[tuple[str, str]] = set()
        self.extensions: dict[str, Any] = {}  # state of other hosts, by host: SMS signatures, limits…
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_MAX)
        self.calls = 0
        if self.plant is not None:
            self.plant(self)

    def reset(self) -> None:
        """Everything as on the first day, the clock at real time, no faults."""
        self.clock.reset()
        self.faults.clear()
        for name in self.settings.__struct_fields__:
            setattr(self.settings, name, getattr(Settings(), name))
        self._empty()
        self.bus.publish("reset", at=self.clock.now())

    async def settle(self) -> None:
        """Wait until every ordered callback has been delivered or given up."""
        await self.pusher.settle()

    # --- identity ---------------------------------------------------------------------------------------------

    def add_person(self, person_id: str, *, name: str, phone: str = "") -> Person:
        person = Person(person_id, name, phone)
        self.persons[person_id] = person
        if phone:
            self.person_by_phone[phone] = person_id
        return person

    def openid(self, app: App, person_id: str) -> str:
        """An openid belongs to one (person, app) pair (reference §1.7). The same pair always has the same one."""
        return "o" + _digest(f"{app.id}|{person_id}")[:27]

    def unionid(self, app: App, person_id: str) -> str:
        """Empty when the app is bound to no Open Platform account."""
        return "u" + _digest(f"{app.open_platform}|{person_id}")[:27] if app.open_platform else ""

    def user(self, app: App, person_id: str) -> AppUser:
        """The person as the app sees them; first sight makes the openid known. Raises KeyError."""
        openid = self.openid(app, person_id)
        known = app.users.get(openid)
        if known is None:
            known = app.users[openid] = AppUser(self.persons[person_id].id, openid)
        return known

    def template(self, app: App, template_id: str) -> PrivateTemplate | None:
        return app.templates.get(template_id)

    def has_page(self, appid: str, page: str) -> bool:
        """Whether the released version of this mini program has the page; one without a page list has every page."""
        app, path = self.apps.get(appid), page.partition("?")[0]
        if path.startswith("/"):
            if not self.settings.page_leading_slash_accepted:
                return False
            path = path[1:]
        return app is None or not path or not app.pages or path in app.pages

    # --- phones -----------------------------------------------------------------------------------------------

    def deliver(
        self,
        person_id: str,
        *,
        kind: str,
        sender: str,
        title: str = "",
        text: str = "",
        app: str = "",
        fields: list[tuple[str, str]] | None = None,
        jump: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Message:
        """Put one message on a phone. The oldest give way beyond INBOX_MAX; `received` keeps the count."""
        message = self._message(kind, sender, title, text, app, fields or [], jump, extra or {})
        person = self.persons[person_id]
        person.inbox.append(message)
        person.received += 1
        self.bus.publish("message", at=message.at, person=person_id, body=message)
        return message

    def deliver_sms(
        self, phone: str, *, sender: str, text: str, title: str = "", extra: dict[str, Any] | None = None
    ) -> tuple[str, Message]:
        """An SMS to a mainland number (no country code). Nobody's number: kept in `unknown_sms`, person is ''."""
        person_id = self.person_by_phone.get(phone, "")
        if person_id:
            return person_id, self.deliver(
                person_id, kind="sms", sender=sender, title=title, text=text, extra={"phone": phone, **(extra or {})}
            )
        message = self._message("sms", sender, title, text, "", [], None, {"phone": phone, **(extra or {})})
        self.unknown_sms.append(message)
        return "", message

    def _message(
        self,
        kind: str,
        sender: str,
        title: str,
        text: str,
        app: str,
        fields: list[tuple[str, str]],
        jump: dict[str, str] | None,
        extra: dict[str, Any],
    ) -> Message:
        return Message(
            id=self.next_number("message"),
            kind=kind,
            at=self.clock.now(),
            sender=sender,
            app=app,
            title=title,
            text=text,
            fields=fields,
            jump=jump,
            sound=kind in MESSAGE_KINDS_THAT_SOUND,
            read=kind == "from_person",
            extra=extra,
        )

    # --- numbers ----------------------------------------------------------------------------------------------

    def next_number(self, kind: str) -> int:
        """A number of 16 digits that was given for nothing else of its kind, by this run or another (R-16).

        The first is the start in microseconds, by the real clock, for the world's can be set back; then one by one, over
        resets too. A run that gave a million a second all its life would run into the next.
        """
        found = self._last[kind] = self._last.get(kind, self.start) + 1
        return found

    def next_msgid(self) -> int:
        return FIRST_MSGID + self.next_number("msgid")

    def rid(self) -> str:
        """The request id at the end of every errmsg: its first group is the time in hex (reference §0)."""
        return f"{self.clock.now_s():08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"

    def count_daily(self, app: App, path: str, limit: int) -> bool:
        """Count one call against the app's daily quota of this path; False when it is used up."""
        day = self.clock.china_day()
        if app.used_day != day:
            app.used_day, app.used = day, {}
        used = app.used.get(path, 0)
        if used >= app.daily_limits.get(path, limit):
            return False
        app.used[path] = used + 1
        return True


V = TypeVar("V")


def remember(table: dict[str, V], key: str, value: V) -> None:
    """Keep one more; the oldest goes when there are too many: memory stays bounded in long runs."""
    table[key] = value
    if len(table) > TABLE_MAX:
        del table[next(iter(table))]


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().replace("=", "")

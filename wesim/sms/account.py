"""The state of the simulated SMS world: accounts, signatures, templates, what was sent, and how it ended."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from wesim.clock import CHINA
from wesim.faults import Fault
from wesim.sms import catalogue
from wesim.sms.texts import parts, signed_text
from wesim.world import World

Provider = Literal["aliyun", "tencent"]
PhoneState = Literal["normal", "out_of_service", "empty_number", "blacklisted"]

SENT_MAX = 100_000
SENT_PER_PHONE_MAX = 500
WAITING, FAILED, DELIVERED = 1, 2, 3
RECEIPTS: dict[str, tuple[str, str]] = {  # phone state -> err_code, words
    "normal": ("DELIVERED", "用户接收成功"),
    "out_of_service": ("MOBILE_NOT_ON_SERVICE", "停机"),
    "empty_number": ("INVALID_NUMBER", "号码状态异常"),
    "blacklisted": ("MOBILE_IN_BLACK", "黑名单管控"),
}
HOSTS: dict[str, str] = {"aliyun": "dysmsapi.aliyuncs.com", "tencent": "sms.tencentcloudapi.com"}


class Sign(msgspec.Struct):
    """A signature (短信签名) of one account."""

    name: str
    status: int
    reason: str
    created: float
    source: int = 0
    for_codes_only: bool = False
    order_id: str = ""
    carriers: dict[str, int] = msgspec.field(default_factory=lambda: {"mobile": 3, "unicom": 3, "telecom": 3})
    papers: list[str] = []


class Template(msgspec.Struct):
    """A text with variables."""

    code: str
    kind: int
    name: str
    content: str
    status: int
    reason: str
    created: float
    verdict: str = ""  # what the reviewer will object to
    order_id: str = ""


class Sent(msgspec.Struct):
    """One accepted message to one number, and its receipt."""

    id: str
    provider: Provider
    phone: str
    sign: str
    template: str
    kind: int
    text: str
    parts: int
    at: float
    echo: str  # OutId, SessionContext
    extend: str
    status: int = WAITING
    err_code: str = ""
    err_text: str = ""
    done_at: float = 0.0


class Account(msgspec.Struct):
    """What one customer has at one provider."""

    provider: Provider
    key_id: str
    secret: str
    signs: dict[str, Sign] = msgspec.field(default_factory=dict)
    templates: dict[str, Template] = msgspec.field(default_factory=dict)
    report_url: str = ""
    reply_url: str = ""
    parts_left: int | None = None  # None: never runs out
    suspended: bool = False
    day_limit: int | None = None
    month_limit: int | None = None
    white_list: set[str] = msgspec.field(default_factory=set)
    nonces: dict[str, float] = msgspec.field(default_factory=dict)
    usage: dict[str, int] = msgspec.field(default_factory=dict)
    pulled: deque[Sent] = msgspec.field(default_factory=lambda: deque(maxlen=10_000))


class Settings(msgspec.Struct):
    """Switches of the SMS world."""

    receipt_delay_s: float = 0.0
    auto_review_s: float | None = None  # None: reviews wait for the control plane
    report_batch_max: int = 100
    flow_control: bool = True
    extra_parts: int = 0  # the carrier cuts every text into so many parts more than the rule says
    dns: dict[str, str] = msgspec.field(default_factory=dict)  # where the phone really finds a short-link host


class Sms:
    """All SMS state of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.settings = Settings()
        now = world.clock.now()
        self.aliyun = Account("aliyun", catalogue.ALIYUN_KEY_ID, catalogue.ALIYUN_KEY_SECRET)
        self.tencent = Account("tencent", catalogue.TENCENT_SECRET_ID, catalogue.TENCENT_SECRET_KEY)
        for account, rows in (
            (self.aliyun, list(catalogue.ALIYUN_TEMPLATES)),
            (self.tencent, catalogue.tencent_templates()),
        ):
            for name, status, reason in catalogue.SIGNS:
                account.signs[name] = Sign(name, status, reason, now)
            for code, kind, name, content in rows:
                account.templates[code] = Template(code, kind, name, content, catalogue.APPROVED, "", now)
        self.phones: dict[str, PhoneState] = {}
        self.opted_out: set[tuple[str, str]] = set()  # (phone, signature)
        self.sent: deque[Sent] = deque(maxlen=SENT_MAX)
        self.by_phone: dict[str, deque[Sent]] = {}
        self.windows: dict[tuple[str, ...], deque[float]] = {}
        self.pushes: deque[dict[str, Any]] = deque(maxlen=500)
        self.on_receipt: Callable[[Sent], None] = lambda _sent: None
        self._due: list[tuple[float, int, Sent]] = []

    def account(self, provider: str) -> Account | None:
        return {"aliyun": self.aliyun, "tencent": self.tencent}.get(provider)

    def number_id(self) -> int:
        """A number that grows with time and is never given twice, for BizId, SerialNo, order and template numbers."""
        return self.world.next_number("sms")

    def accept(
        self,
        account: Account,
        *,
        message_id: str,
        phone: str,
        sign: str,
        template: Template,
        content: str,
        echo: str,
        extend: str,
    ) -> Sent:
        """Take a message that passed every check: bill it, and let the carrier decide about it."""
        text = signed_text(sign, content)
        now = self.world.clock.now()
        sent = Sent(
            message_id,
            account.provider,
            phone,
            sign,
            template.code,
            template.kind,
            text,
            parts(text) + self.settings.extra_parts,
            now,
            echo,
            extend,
        )
        self.sent.append(sent)
        self.by_phone.setdefault(phone, deque(maxlen=SENT_PER_PHONE_MAX)).append(sent)
        if account.parts_left is not None:
            account.parts_left -= sent.parts
        self._count(account)
        if self.settings.receipt_delay_s > 0:
            heapq.heappush(self._due, (now + self.settings.receipt_delay_s, self.number_id(), sent))
        else:
            self._carry(sent)
        return sent

    def carry_due(self) -> None:
        """Let the carrier finish everything that is due by the world's clock."""
        while self._due and self._due[0][0] <= self.world.clock.now():
            self._carry(heapq.heappop(self._due)[2])

    @property
    def on_the_way(self) -> bool:
        return bool(self._due)

    def review_due(self, account: Account) -> None:
        """Finish automatic reviews that are due."""
        wait = self.settings.auto_review_s
        if wait is None:
            return
        due = self.world.clock.now() - wait
        items: list[Sign | Template] = [*account.signs.values(), *account.templates.values()]
        for item in items:
            if item.status == catalogue.REVIEWING and item.created <= due:
                verdict = item.verdict if isinstance(item, Template) else ""
                item.status, item.reason = (catalogue.REJECTED, verdict) if verdict else (catalogue.APPROVED, "")

    def over_account_limit(self, account: Account) -> Literal["", "day", "month"]:
        day, month = self._periods()
        if account.day_limit is not None and account.usage.get(day, 0) >= account.day_limit:
            return "day"
        if account.month_limit is not None and account.usage.get(month, 0) >= account.month_limit:
            return "month"
        return ""

    def _count(self, account: Account) -> None:
        for period in self._periods():
            account.usage[period] = account.usage.get(period, 0) + 1

    def _periods(self) -> tuple[str, str]:
        day = self.world.clock.china_day()
        return day, day[:7]

    def _carry(self, sent: Sent) -> None:
        """The carrier's last word: the phone rings, or a receipt tells why not."""
        fault = self.world.faults.for_delivery(host=HOSTS[sent.provider], path="/", app=self._key(sent.provider))
        state = self.phones.get(sent.phone, "normal")
        sent.err_code, sent.err_text = RECEIPTS[state] if fault is None else _ordered_receipt(fault)
        sent.done_at = self.world.clock.now()
        sent.status = DELIVERED if sent.err_code == "DELIVERED" else FAILED
        if sent.status == DELIVERED:
            self.world.deliver_sms(
                sent.phone,
                sender=sender_number(sent.sign, sent.extend),
                title=sent.sign,
                text=sent.text,
                extra={
                    "provider": sent.provider,
                    "sign": sent.sign,
                    "template": sent.template,
                    "parts": sent.parts,
                    "message_id": sent.id,
                },
            )
        self.on_receipt(sent)

    def _key(self, provider: Provider) -> str:
        account = self.account(provider)
        assert account is not None
        return account.key_id


def sms_of(world: World) -> Sms:
    """The SMS state of this world; a reset world gets a fresh one."""
    found = world.extensions.get("sms")
    if found is None:
        found = world.extensions["sms"] = Sms(world)
    assert isinstance(found, Sms)
    return found


def sender_number(sign: str, extend: str = "") -> str:
    """The 106 number that a phone shows: always the same for a signature, longer with an extension code."""
    digits = int.from_bytes(hashlib.sha256(sign.encode()).digest()[:6], "big") % 10**9
    return f"106900{digits:09d}{extend}"


def china_time(epoch_s: float) -> str:
    """2026-11-21 10:00:00, as the providers write it."""
    return datetime.fromtimestamp(epoch_s, UTC).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _ordered_receipt(fault: Fault) -> tuple[str, str]:
    code = fault.status or fault.code or "MOBILE_NOT_ON_SERVICE"
    return code, dict(RECEIPTS.values()).get(code, "运营商返回失败")

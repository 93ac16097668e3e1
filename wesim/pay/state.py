"""What the simulated WeChat Pay remembers: merchants with their keys, orders, refunds, wallets."""

from __future__ import annotations

import hashlib
import heapq
import random
import secrets
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from wesim import seed
from wesim.clock import CHINA
from wesim.pay.crypto import certificate_pem, key_named
from wesim.world import World

HOST = "api.mch.weixin.qq.com"
MCHID = "1900000001"
MERCHANT_NAME = "会达小店"
API_V3_KEY = "wesimApiV3Key0123456789abcdefghi"
BALANCE_FEN = 100_000  # what a person has at first
CERTIFICATE_LIFE_S = 5 * 365 * 86_400
NOTICES_MAX, ORDERS_SHOWN_MAX, ENTRIES_MAX = 500, 1000, 500

Mode = Literal["certificate", "public_key", "both"]
TradeState = Literal["NOTPAY", "SUCCESS", "REFUND", "CLOSED"]
RefundStatus = Literal["PROCESSING", "SUCCESS", "ABNORMAL", "CLOSED"]
TradeStates = {"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "REFUND": "订单发生过退款", "CLOSED": "订单已关闭"}


class Settings(msgspec.Struct):
    """What the documents leave open, and how fast things go. See README.md."""

    callback_timeout_s: float = 5.0
    ladder_scale: float = 1.0  # the waits between tries of a callback are multiplied by this; 0: at once
    probe_share: float = 0.0  # so many callbacks are preceded by one with a deliberately wrong signature
    answer_probe_share: float = 0.0  # so many answers carry a deliberately wrong signature
    duplicate_has_new_id: bool = False
    reentry_gives_new_prepay_id: bool = False
    changed_reentry_code: str = "INVALID_REQUEST"  # or OUT_TRADE_NO_USED
    changed_refund_code: str = "INVALID_REQUEST"
    expired_becomes_closed: bool = True
    user_agent_required: bool = False
    prepay_lifetime_s: float = 7200.0
    longest_expiry_days: int = 90  # partner pages say 15
    refund_delay_s: float | None = 0.0  # None: refunds wait for the control plane


class PlatformCertificate(msgspec.Struct):
    """One of WeChat Pay's own certificates; old and new ones overlap."""

    serial: str
    begins: float
    ends: float
    pem: str


class Merchant(msgspec.Struct):
    """A direct merchant and what WeChat Pay and they know of each other."""

    mchid: str
    name: str
    appids: list[str]
    serial: str  # of the merchant's API certificate
    public_key_id: str
    api_v3_key: str = API_V3_KEY
    mode: Mode = "public_key"
    callback_key_share: float = 1.0  # in mode both: callbacks signed with the public key
    balance_fen: int | None = None  # None: refunds never lack money
    certificates: list[PlatformCertificate] = msgspec.field(default_factory=list)
    defects: list[dict[str, Any]] = msgspec.field(default_factory=list)
    notices: deque[dict[str, Any]] = msgspec.field(default_factory=lambda: deque(maxlen=NOTICES_MAX))

    @property
    def key(self) -> rsa.RSAPrivateKey:
        """The merchant's own key, which a real WeChat Pay never sees."""
        return key_named(f"merchant {self.mchid} {self.serial}")

    @property
    def public_key(self) -> rsa.RSAPrivateKey:
        return key_named(f"platform {self.public_key_id}")


class Refund(msgspec.Struct):
    """One refund of one order."""

    refund_id: str
    out_refund_no: str
    mchid: str
    out_trade_no: str
    amount_fen: int
    asked: str  # digest of the request: a repeat must be the same
    notify_url: str
    funds_account: str
    created: float
    status: RefundStatus = "PROCESSING"
    done_at: float = 0.0


class Order(msgspec.Struct):
    """One order, from prepay on."""

    mchid: str
    out_trade_no: str
    appid: str
    openid: str
    person: str
    description: str
    total_fen: int
    notify_url: str
    attach: str
    asked: str
    created: float
    expires: float
    device_id: str = ""
    trade_type: Literal["JSAPI", "NATIVE"] = "JSAPI"
    code_url: str = ""  # of a native order: what the phone scans
    prepay_ids: list[str] = msgspec.field(default_factory=list)
    prepay_until: float = 0.0
    state: TradeState = "NOTPAY"
    transaction_id: str = ""
    paid_at: float = 0.0
    refunds: list[Refund] = msgspec.field(default_factory=list)

    @property
    def refunded_fen(self) -> int:
        """Given back or on its way."""
        return sum(refund.amount_fen for refund in self.refunds if refund.status != "CLOSED")


class Wallet(msgspec.Struct):
    """A person's change (零钱) and what happened to it, newest last."""

    balance_fen: int = BALANCE_FEN
    entries: deque[dict[str, Any]] = msgspec.field(default_factory=lambda: deque(maxlen=ENTRIES_MAX))


class Pay:
    """All payment state of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.settings = Settings()
        self.merchants: dict[str, Merchant] = {}
        self.orders: dict[tuple[str, str], Order] = {}  # (mchid, out_trade_no)
        self.by_prepay: dict[str, Order] = {}
        self.by_code: dict[str, Order] = {}  # code_url
        self.by_transaction: dict[str, Order] = {}
        self.refunds: dict[tuple[str, str], Refund] = {}  # (mchid, out_refund_no)
        self.wallets: dict[str, Wallet] = {}
        self.random = random.Random(20140301)  # noqa: S311 (repeatable on purpose)
        self.on_refund: Callable[[Refund], None] = lambda _refund: None
        self._due: list[tuple[float, int, Refund]] = []
        self.add_merchant(MCHID, name=MERCHANT_NAME, appids=[seed.OA_APPID, seed.MINI_APPID])

    def add_merchant(self, mchid: str, *, name: str, appids: list[str]) -> Merchant:
        merchant = Merchant(mchid, name, appids, _serial(f"merchant {mchid}"), f"PUB_KEY_ID_0{mchid}00000000")
        self.merchants[mchid] = merchant
        self.add_certificate(merchant)
        return merchant

    def add_certificate(self, merchant: Merchant) -> PlatformCertificate:
        """A new platform certificate; the older ones stay valid beside it."""
        serial = _serial(f"platform {merchant.mchid} {len(merchant.certificates)}")
        begins = self.world.clock.now() - 3600
        pem = certificate_pem(
            key_named(f"platform {serial}"),
            serial=serial,
            name="wesim pay",
            begins=begins,
            ends=begins + CERTIFICATE_LIFE_S,
        )
        made = PlatformCertificate(serial, begins, begins + CERTIFICATE_LIFE_S, pem)
        merchant.certificates.append(made)
        return made

    def wallet(self, person: str) -> Wallet:
        return self.wallets.setdefault(person, Wallet())

    def move(self, person: str, amount_fen: int, *, kind: str, merchant: Merchant, order: Order) -> None:
        """Money into (positive) or out of a person's wallet and the merchant's account."""
        wallet = self.wallet(person)
        wallet.balance_fen += amount_fen
        if merchant.balance_fen is not None:
            merchant.balance_fen -= amount_fen
        entry = {
            "kind": kind,
            "at": self.world.clock.now(),
            "amount_fen": amount_fen,
            "balance_fen": wallet.balance_fen,
            "mchid": merchant.mchid,
            "merchant": merchant.name,
            "description": order.description,
            "out_trade_no": order.out_trade_no,
            "transaction_id": order.transaction_id,
        }
        wallet.entries.append(entry)
        self.world.bus.publish("wallet", at=self.world.clock.now(), person=person, body=entry)

    def number(self, prefix: str, length: int) -> str:
        """Digits that grow with time, never given twice: transaction_id, refund_id."""
        head = f"{prefix}{self.china_now():%Y%m%d}"
        return f"{head}{self.world.next_number('pay'):0{length - len(head)}d}"

    def china_now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now(), CHINA)

    def schedule(self, refund: Refund) -> None:
        """The refund ends after `refund_delay_s`; without one it waits for the control plane."""
        wait = self.settings.refund_delay_s
        if wait is not None:
            heapq.heappush(self._due, (refund.created + wait, self.world.next_number("pay"), refund))

    @property
    def refunds_waiting(self) -> bool:
        return bool(self._due)

    def carry_due(self) -> None:
        """Finish every refund that is due by the world's clock."""
        while self._due and self._due[0][0] <= self.world.clock.now():
            refund = heapq.heappop(self._due)[2]
            fault = self.world.faults.for_delivery(host=HOST, path="/v3/refund/domestic/refunds", app=refund.mchid)
            self.finish(refund, "SUCCESS" if fault is None else _ending(fault.status))

    def finish(self, refund: Refund, status: RefundStatus) -> bool:
        """The end of a refund that is still processing (or abnormal, which may yet succeed)."""
        if refund.status not in ("PROCESSING", "ABNORMAL") or status == "PROCESSING":
            return False
        refund.status = status
        order = self.orders[(refund.mchid, refund.out_trade_no)]
        if status == "SUCCESS":
            refund.done_at = self.world.clock.now()
            self.move(order.person, refund.amount_fen, kind="refund", merchant=self.merchants[order.mchid], order=order)
        if status == "CLOSED" and not order.refunded_fen:
            order.state = "SUCCESS"
        self.on_refund(refund)
        return True


def pay_of(world: World) -> Pay:
    """The payment state of this world; a reset world gets a fresh one with the same keys."""
    found = world.extensions.get("pay")
    if found is None:
        found = world.extensions["pay"] = Pay(world)
    assert isinstance(found, Pay)
    return found


def rfc3339(epoch_s: float) -> str:
    """2026-11-21T10:00:00+08:00"""
    return datetime.fromtimestamp(int(epoch_s), CHINA).isoformat()


def nonce(length: int = 32) -> str:
    return secrets.token_hex(length // 2)


def _serial(name: str) -> str:
    """40 upper-case hex digits, the first of them not zero."""
    return "5" + hashlib.sha256(name.encode()).hexdigest()[:39].upper()


def _ending(status: str) -> RefundStatus:
    return "CLOSED" if status == "CLOSED" else "ABNORMAL"

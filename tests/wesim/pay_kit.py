"""Signed calls to the simulated WeChat Pay, in process, and a merchant's server that keeps what is pushed to it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wesim import seed
from wesim.app import create_app
from wesim.pay.crypto import (
    SCHEME,
    answer_message,
    is_signed,
    key_named,
    payment_message,
    request_message,
    sign,
    unseal,
)
from wesim.pay.notices import outbox_of
from wesim.pay.state import MCHID, Merchant, Pay, nonce, pay_of
from wesim.routing import Dropped

NOON = 1795233600.0  # 2026-11-21 12:00:00 in China
HOST = "api.mch.weixin.qq.com"
JSAPI = "/v3/pay/transactions/jsapi"
REFUNDS = "/v3/refund/domestic/refunds"
PERSON = "linxiaoman"
NOTIFY = "https://shop.test/callbacks/pay/7"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    raw: bytes

    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.json()["code"]

    @property
    def field(self) -> tuple[int, str, str]:
        body = self.json()
        return self.status, body["code"], body["detail"]["field"]


@dataclass
class Pushed:
    url: str
    headers: dict[str, str]  # lower-case names
    body: bytes


class PaySim:
    """A frozen world at noon with the seeded merchant."""

    def __init__(self) -> None:
        self.pushed: list[Pushed] = []
        self.answers: list[int] = []  # of the merchant's server; 200 when there are none
        self.world = seed.seeded_world(poster=self._poster)
        self.app = create_app(self.world)
        self.world.clock.freeze()
        self.world.clock.set(NOON)
        self.mini = self.world.apps[seed.MINI_APPID]
        self.openid = self.world.user(self.mini, PERSON).openid

    @property
    def pay(self) -> Pay:
        return pay_of(self.world)

    @property
    def merchant(self) -> Merchant:
        return self.pay.merchants[MCHID]

    async def _poster(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        self.pushed.append(Pushed(url, {name.lower(): value for name, value in headers.items()}, body))
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            raise ConnectionError("nobody answers")
        return status, b""

    async def http(self, method: str, target: str, *, headers: dict[str, str], body: bytes = b"") -> Answer:
        parts = urlsplit(target)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": parts.path, "raw_path": parts.path.encode(), "headers": raw}
        scope |= {"query_string": parts.query.encode(), "client": ("127.0.0.1", 1), "scheme": "http"}
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        head = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], head, b"".join(m.get("body", b"") for m in sent[1:]))

    async def control(self, path: str, body: Any = None, *, method: str = "") -> Any:
        method = method or ("GET" if body is None else "POST")
        raw = b"" if body is None else json.dumps(body).encode()
        answer = await self.http(method, f"/_sim{path}", headers={"host": "sim.test"}, body=raw)
        return answer.json()

    async def call(self, method: str, target: str, body: Any = None, **changed: Any) -> Answer:
        """One call, correctly signed unless a keyword says otherwise."""
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        )
        headers = {"host": HOST, "accept": "application/json", **self.signed(method, target, raw, **changed)}
        if raw:
            headers["content-type"] = "application/json"
        headers |= changed.get("headers", {})
        return await self.http(method, target, headers={k: v for k, v in headers.items() if v}, body=raw)

    def signed(self, method: str, target: str, body: bytes, **changed: Any) -> dict[str, str]:
        merchant = changed.get("merchant", self.merchant)
        stamp = str(changed.get("stamp", int(self.world.clock.now())))
        once = changed.get("nonce", nonce())
        message = request_message(changed.get("verb", method), changed.get("signs", target), stamp, once, body)
        parts = {
            "mchid": changed.get("mchid", merchant.mchid),
            "nonce_str": once,
            "timestamp": stamp,
            "serial_no": changed.get("serial", merchant.serial),
            "signature": sign(changed.get("key", merchant.key), message),
        }
        listed = ",".join(f'{name}="{value}"' for name, value in parts.items() if value)
        return {"authorization": f"{changed.get('scheme', SCHEME)} {listed}"}

    def order(self, number: str = "order-0001", total: int = 1880, **more: Any) -> dict[str, Any]:
        return {
            "appid": self.mini.id,
            "mchid": MCHID,
            "description": "白桃乌龙 中杯",
            "out_trade_no": number,
            "notify_url": NOTIFY,
            "amount": {"total": total, "currency": "CNY"},
            "payer": {"openid": self.openid},
            **more,
        }

    async def prepay(self, number: str = "order-0001", total: int = 1880, **more: Any) -> str:
        answer = await self.call("POST", JSAPI, self.order(number, total, **more))
        assert answer.status == 200, answer.raw
        return str(answer.json()["prepay_id"])

    def parameters(self, prepay_id: str, **changed: Any) -> dict[str, Any]:
        """What the page hands to wx.requestPayment, with who holds the phone and where the page runs."""
        stamp, once, package = str(int(self.world.clock.now())), nonce(), f"prepay_id={prepay_id}"
        pay_sign = sign(self.merchant.key, payment_message(self.mini.id, stamp, once, package))
        given = {"timeStamp": stamp, "nonceStr": once, "package": package, "signType": "RSA", "paySign": pay_sign}
        return {"person": PERSON, "app": self.mini.id, **given, **changed}

    async def phone_pays(self, prepay_id: str, **changed: Any) -> str:
        return str((await self.control("/pay/pay", self.parameters(prepay_id, **changed)))["errMsg"])

    async def paid(self, number: str = "order-0001", total: int = 1880, **more: Any) -> dict[str, Any]:
        """An order that was paid; what the query says of it."""
        assert await self.phone_pays(await self.prepay(number, total, **more)) == "requestPayment:ok"
        return await self.found(number)

    async def found(self, number: str = "order-0001") -> dict[str, Any]:
        target = f"/v3/pay/transactions/out-trade-no/{number}?mchid={MCHID}"
        body: dict[str, Any] = (await self.call("GET", target)).json()
        return body

    def asks_refund(self, number: str = "refund-0001", refund: int = 880, total: int = 1880, **more: Any) -> Any:
        amount = {"refund": refund, "total": total, "currency": "CNY"}
        return {"out_trade_no": "order-0001", "out_refund_no": number, "notify_url": NOTIFY, "amount": amount, **more}

    async def settle(self) -> None:
        await asyncio.sleep(0)
        await outbox_of(self.world).settle()

    def opened(self, pushed: Pushed) -> dict[str, Any]:
        """The envelope with its resource opened."""
        envelope: dict[str, Any] = json.loads(pushed.body)
        sealed = envelope["resource"]
        plain = unseal(
            self.merchant.api_v3_key, sealed["ciphertext"], nonce=sealed["nonce"], associated=sealed["associated_data"]
        )
        return {**envelope, "plain": json.loads(plain)}

    def key_of(self, serial: str) -> Any:
        return (
            self.merchant.public_key if serial.startswith("PUB_KEY_ID_") else key_named(f"platform {serial}")
        ).public_key()

    def is_authentic(self, headers: dict[str, str], body: bytes) -> bool:
        """Whether the named key signed this answer or callback."""
        message = answer_message(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], body)
        return is_signed(self.key_of(headers["wechatpay-serial"]), message, headers["wechatpay-signature"])


__all__ = ["HOST", "JSAPI", "MCHID", "NOON", "NOTIFY", "PERSON", "REFUNDS", "Answer", "Dropped", "PaySim"]

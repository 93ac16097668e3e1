"""WeChat Pay: the published vectors, what is sent, and what answers and callbacks mean (reference: wechat-pay-and-sms §1, §2, §6)."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from huida.kernel.http import Answer, Refused, Unavailable, Unknown
from huida.kernel.secrets import Secret
from huida.kernel.txstate import tx_is_open
from huida.providers.wechatpay import crypto
from huida.providers.wechatpay.answers import RefundStatus, Transaction
from huida.providers.wechatpay.callbacks import BadCallback
from huida.providers.wechatpay.client import BAD_CREDENTIALS, JsapiOrder, RefundOrder, WechatPay, fitted
from huida.providers.wechatpay.keys import PayCredentials
from tests.unit.providers.fakes import NOON, Request, Script, StillClock

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "wechatpay.json").read_text("utf-8"))
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
KEY_ID = "PUB_KEY_ID_01900000001"
API_V3_KEY = "0123456789abcdef0123456789abcdef"


def private_key() -> rsa.RSAPrivateKey:
    p, q, e = int(VECTORS["p"], 16), int(VECTORS["q"], 16), 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q), public).private_key()


KEY = private_key()
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC_PEM = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
CRED = PayCredentials("1900000001", "5" * 40, Secret(PEM), Secret(API_V3_KEY), KEY_ID, PUBLIC_PEM)
ORDER = JsapiOrder(
    app_id="wx0000000000000001",
    openid="oAbc",
    out_trade_no="order|0001",
    description="白桃乌龙🧋 中杯",
    total_fen=1880,
    notify_url="https://shop.test/callbacks/pay/7",
)
REFUND = RefundOrder(out_trade_no="order|0001", out_refund_no="refund@1", refund_fen=880, total_fen=1880)


def signed(body: bytes, *, at: datetime = NOON, serial: str = KEY_ID, key: rsa.RSAPrivateKey = KEY) -> dict[str, str]:
    """The headers of an authentic answer or callback."""
    stamp = str(int(at.timestamp()))
    signature = key.sign(f"{stamp}\nonce\n".encode() + body + b"\n", PKCS1v15(), hashes.SHA256())
    return {
        "wechatpay-timestamp": stamp,
        "wechatpay-nonce": "once",
        "wechatpay-serial": serial,
        "wechatpay-signature": base64.b64encode(signature).decode(),
        "request-id": "R1-0",
    }


def answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Answer(status, raw, "application/json", signed(raw) if headers is None else headers)


def client(given: Answer | Callable[[Request], Answer]) -> tuple[Script, WechatPay]:
    script = Script(given if callable(given) else lambda _: given)
    return script, WechatPay(script.outgoing(), clock=StillClock(), base_url="https://pay.test")


PAID = {
    "appid": "wx0000000000000001",
    "mchid": "1900000001",
    "out_trade_no": "order|0001",
    "transaction_id": "4200001",
    "trade_type": "JSAPI",
    "trade_state": "SUCCESS",
    "success_time": "2026-11-21T12:00:00+08:00",
    "payer": {"openid": "oAbc"},
    "amount": {"total": 1880, "payer_total": 1800, "currency": "CNY"},
    "something_new": [],
}
REFUNDED = {"refund_id": "5030001", "out_refund_no": "refund@1", "status": "PROCESSING", "amount": {"refund": 880}}

COUPON = "/v3/marketing/favor/users/oUpF8uMuAJO_M2pxb1Q9zNjWeS6o/coupons?x=%2B1"
COUPON_BODY = '{"mchid":"1900000001","out_request_no":"R20261121-0001","name":"测试"}'.encode()
MESSAGES = {
    "1": crypto.request_to_sign("GET", "/v3/certificates", timestamp=1554208460, nonce=NONCE, body=b""),
    "2": crypto.request_to_sign("POST", COUPON, timestamp=1767225600, nonce="abcdefghijklmnop", body=COUPON_BODY),
    "3": crypto.to_sign("wx2421b1c4370ec43b", "1554208460", NONCE, "prepay_id=wx201410272009395522657a690389285100"),
    "4": crypto.answer_to_sign("1767225600", "nonce123", b'{"id":"EV-1"}'),
}


@pytest.mark.parametrize("number", sorted(MESSAGES))
def test_the_signature_vectors(number: str) -> None:
    message, expected = MESSAGES[number], VECTORS["signatures"][number]["signature"]
    assert crypto.signature(Secret(PEM), message) == expected
    assert crypto.is_signature(expected, message, crypto.public_key(PUBLIC_PEM))
    assert not crypto.is_signature(expected, message + b"\n", crypto.public_key(PUBLIC_PEM))
    assert not crypto.is_signature("not base64", message, crypto.public_key(PUBLIC_PEM))


@pytest.mark.parametrize("name", ["aes_256_gcm", "aes_128_gcm"])
def test_the_decryption_vectors(name: str) -> None:
    vector = VECTORS[name]
    sealed = {"ciphertext": vector["ciphertext"], "nonce": vector["nonce"], "associated_data": vector["aad"]}
    assert crypto.unsealed(Secret(vector["key"]), **sealed).decode() == vector["plain"]
    for changed in ({"associated_data": None}, {"nonce": "000000000000"}, {"ciphertext": "AAAA"}, {"ciphertext": "?"}):
        with pytest.raises(crypto.Undecipherable):
            crypto.unsealed(Secret(vector["key"]), **(sealed | changed))


async def test_an_order_as_it_is_sent() -> None:
    script, pay = client(answer({"prepay_id": "wx1"}))
    order = replace(ORDER, expires_at=NOON + timedelta(minutes=15), attach="store=7")
    assert await pay.prepay_jsapi(CRED, order) == "wx1"
    [request] = script.seen
    assert (request.method, request.url) == ("POST", "https://pay.test/v3/pay/transactions/jsapi")
    assert request.body is not None
    assert json.loads(request.body) == {
        "appid": "wx0000000000000001",
        "mchid": "1900000001",
        "description": "白桃乌龙 中杯",
        "out_trade_no": "order|0001",
        "notify_url": "https://shop.test/callbacks/pay/7",
        "amount": {"total": 1880, "currency": "CNY"},
        "payer": {"openid": "oAbc"},
        "time_expire": "2026-11-21T12:15:00+08:00",
        "attach": "store=7",
    }
    assert "白桃乌龙".encode() in request.body
    assert request.headers is not None
    assert (request.headers["accept"], request.headers["wechatpay-serial"]) == ("application/json", KEY_ID)
    scheme, _, rest = request.headers["authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(","))
    given = {name: value.strip('"') for name, value in parts.items()}
    assert (scheme, given["mchid"], given["serial_no"]) == ("WECHATPAY2-SHA256-RSA2048", "1900000001", "5" * 40)
    assert (given["timestamp"], len(given["nonce_str"])) == (str(int(NOON.timestamp())), 32)
    message = f"POST\n/v3/pay/transactions/jsapi\n{given['timestamp']}\n{given['nonce_str']}\n".encode()
    KEY.public_key().verify(
        base64.b64decode(given["signature"]), message + request.body + b"\n", PKCS1v15(), hashes.SHA256()
    )


async def test_paths_are_escaped_once_and_signed_as_sent() -> None:
    script, pay = client(answer(PAID))
    await pay.query(CRED, out_trade_no="order|0001")
    assert script.seen[0].url == "https://pay.test/v3/pay/transactions/out-trade-no/order%7C0001?mchid=1900000001"


def test_the_pages_parameters_are_signed() -> None:
    _, pay = client(answer({}))
    found = pay.jsapi_parameters(CRED, app_id="wx0000000000000001", prepay_id="wx1")
    page = msgspec.to_builtins(found)
    assert sorted(page) == ["appId", "nonceStr", "package", "paySign", "signType", "timeStamp"]
    assert (page["signType"], page["package"], page["timeStamp"]) == ("RSA", "prepay_id=wx1", "1795233600")
    message = f"wx0000000000000001\n{page['timeStamp']}\n{page['nonceStr']}\nprepay_id=wx1\n".encode()
    KEY.public_key().verify(base64.b64decode(page["paySign"]), message, PKCS1v15(), hashes.SHA256())
    assert page["paySign"] not in repr(found)


async def test_a_paid_order() -> None:
    _, pay = client(answer(PAID))
    found = await pay.query(CRED, out_trade_no="order|0001")
    assert found is not None
    assert (found.is_paid, found.transaction_id, found.paid_at) == (True, "4200001", NOON)
    assert found.amount is not None
    assert found.payer is not None
    assert (found.amount.total, found.amount.payer_total, found.payer.openid) == (1880, 1800, "oAbc")


@pytest.mark.parametrize("changed", [{"mchid": "1900000002"}, {"out_trade_no": "order-0002"}, {"trade_state": "NEW"}])
async def test_an_answer_about_something_else_is_no_answer(changed: dict[str, str]) -> None:
    _, pay = client(answer(PAID | changed))
    with pytest.raises(Unknown):
        await pay.query(CRED, out_trade_no="order|0001")


async def test_what_is_not_known_is_none() -> None:
    _, pay = client(answer({"code": "ORDER_NOT_EXIST", "message": "订单不存在"}, status=404))
    assert await pay.query(CRED, out_trade_no="order|0001") is None
    assert await pay.query_by_transaction(CRED, transaction_id="4200001") is None
    _, pay = client(answer({"code": "RESOURCE_NOT_EXISTS", "message": ""}, status=404))
    assert await pay.query_refund(CRED, out_refund_no="refund@1") is None


async def test_closing_answers_nothing() -> None:
    script, pay = client(answer(b"", status=204))
    await pay.close(CRED, out_trade_no="order|0001")
    assert script.seen[0].url.endswith("/v3/pay/transactions/out-trade-no/order%7C0001/close")
    assert script.seen[0].body == b'{"mchid":"1900000001"}'


async def test_a_refund_as_it_is_sent() -> None:
    script, pay = client(answer(REFUNDED))
    order = replace(REFUND, reason="少做了一杯", notify_url="https://shop.test/r")
    found = await pay.refund(CRED, order)
    assert (found.status, found.done_at, found.refund_id) == (RefundStatus.PROCESSING, None, "5030001")
    assert json.loads(script.seen[0].body or b"") == {
        "out_trade_no": "order|0001",
        "out_refund_no": "refund@1",
        "amount": {"refund": 880, "total": 1880, "currency": "CNY"},
        "reason": "少做了一杯",
        "notify_url": "https://shop.test/r",
    }


ASK, ORDERING, PAYING = "ask", "order", "refund"


async def call(pay: WechatPay, what: str) -> None:
    if what == ASK:
        await pay.query(CRED, out_trade_no="order|0001")
    elif what == ORDERING:
        await pay.prepay_jsapi(CRED, ORDER)
    else:
        await pay.refund(CRED, REFUND)


@pytest.mark.parametrize(
    ("status", "code", "outcomes"),
    [
        (400, "PARAM_ERROR", (Refused, Refused, Refused)),
        (400, "ORDERPAID", (Refused, Refused, Refused)),
        (400, "ORDER_PAID", (Refused, Refused, Refused)),
        (401, "SIGN_ERROR", (Refused, Refused, Refused)),
        (403, "NOT_ENOUGH", (Refused, Refused, Refused)),
        (404, "RESOURCE_NOT_EXISTS", (Refused, Refused, Refused)),
        (429, "FREQUENCY_LIMITED", (Unavailable, Unavailable, Unknown)),
        (429, "RATELIMIT_EXCEEDED", (Unavailable, Unavailable, Unknown)),
        (500, "SYSTEM_ERROR", (Unavailable, Unknown, Unknown)),
        (202, "USER_PAYING", (Unknown, Unknown, Unknown)),
    ],
)
async def test_what_a_signed_refusal_means(status: int, code: str, outcomes: tuple[type[Exception], ...]) -> None:
    for what, outcome in zip((ASK, ORDERING, PAYING), outcomes, strict=True):
        _, pay = client(answer({"code": code, "message": "说明"}, status=status))
        with pytest.raises(outcome) as bad:
            await call(pay, what)
        if isinstance(bad.value, Refused):
            spelled = "ORDER_PAID" if code == "ORDERPAID" else code  # one constant for both spellings
            assert (bad.value.code, bad.value.message) == (f"wechatpay.{spelled}", "说明 R1-0")


@pytest.mark.parametrize(
    ("status", "outcomes"),
    [
        (200, (Unknown, Unknown, Unknown)),
        (400, (Unknown, Unknown, Unknown)),
        (401, (Refused, Unknown, Unknown)),
        (404, (Unknown, Unknown, Unknown)),
        (429, (Unavailable, Unknown, Unknown)),
        (502, (Unavailable, Unknown, Unknown)),
    ],
)
async def test_what_an_unsigned_answer_means(status: int, outcomes: tuple[type[Exception], ...]) -> None:
    for what, outcome in zip((ASK, ORDERING, PAYING), outcomes, strict=True):
        _, pay = client(answer({"code": "ORDER_NOT_EXIST"} | PAID | REFUNDED, status=status, headers={}))
        with pytest.raises(outcome) as bad:
            await call(pay, what)
        assert type(bad.value) is outcome


RAW = msgspec.json.encode(REFUNDED)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(RAW + b" "),
        signed(RAW, key=STRANGER),
        signed(RAW, at=NOON - timedelta(seconds=301)),
        signed(RAW, at=NOON + timedelta(seconds=301)),
        signed(RAW, serial="PUB_KEY_ID_02"),
        signed(RAW) | {"wechatpay-signature": "WECHATPAY/SIGNTEST/" + signed(RAW)["wechatpay-signature"]},
        signed(RAW) | {"wechatpay-timestamp": "now"},
        {name: value for name, value in signed(RAW).items() if name != "wechatpay-nonce"},
    ],
)
async def test_money_is_unknown_until_the_signature_is_right(headers: dict[str, str]) -> None:
    _, pay = client(answer(RAW, headers=headers))
    with pytest.raises(Unknown):
        await pay.refund(CRED, REFUND)


async def test_an_answer_that_is_not_understood_is_unknown() -> None:
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"out_refund_no":"refund@1"}',
        msgspec.json.encode(REFUNDED | {"out_refund_no": "x"}),
    ):
        _, pay = client(answer(body))
        with pytest.raises(Unknown):
            await pay.refund(CRED, REFUND)


@pytest.mark.parametrize(
    "bad",
    [{"private_key": Secret("none")}, {"public_key": "none"}, {"public_key": ""}, {"private_key": Secret(PUBLIC_PEM)}],
)
async def test_keys_that_are_none_are_refused_before_anything_is_sent(bad: dict[str, Any]) -> None:
    script, pay = client(answer(REFUNDED))
    with pytest.raises(Refused) as refused:
        await pay.refund(replace(CRED, **bad), REFUND)
    assert (refused.value.code, script.seen) == (BAD_CREDENTIALS, [])


async def test_no_call_with_a_transaction_open() -> None:
    script, pay = client(answer(REFUNDED))
    token = tx_is_open.set(True)
    try:
        with pytest.raises(AssertionError):
            await pay.refund(CRED, REFUND)
    finally:
        tx_is_open.reset(token)
    assert script.seen == []


def test_credentials_hide_their_secrets() -> None:
    assert PEM.splitlines()[1] not in repr(CRED)
    assert API_V3_KEY not in repr(CRED)


@pytest.mark.parametrize(
    ("text", "fits"),
    [("🧋奶茶\n大杯", "奶茶大杯"), ("x" * 200, "x" * 127), ("茶" * 50, "茶" * 42), ("🧋", "")],
)
def test_texts_that_wechat_pay_takes(text: str, fits: str) -> None:
    assert fitted(text, 127) == fits


def event(kind: str, plain: Any, *, key: str = API_V3_KEY, algorithm: str = "AEAD_AES_256_GCM") -> bytes:
    sealed = AESGCM(key.encode()).encrypt(b"0123456789ab", msgspec.json.encode(plain), b"")
    resource = {"algorithm": algorithm, "ciphertext": base64.b64encode(sealed).decode(), "nonce": "0123456789ab"}
    return msgspec.json.encode(
        {"id": "EV-1", "event_type": kind, "create_time": "2026-11-21T12:00:00+08:00", "resource": resource}
    )


async def test_a_payment_is_told() -> None:
    _, pay = client(answer({}))
    body = event("TRANSACTION.SUCCESS", PAID)
    found = await pay.parse_callback(CRED, signed(body), body)
    assert (found.event_id, found.event_type, found.created_at) == ("EV-1", "TRANSACTION.SUCCESS", NOON)
    assert isinstance(found.about, Transaction)
    assert (found.about.out_trade_no, found.about.is_paid) == ("order|0001", True)


async def test_an_event_that_nobody_expects_is_heard() -> None:
    _, pay = client(answer({}))
    body = event("COUPON.USE", {"coupon_id": "1"})
    assert (await pay.parse_callback(CRED, signed(body), body)).about is None


GOOD = event("TRANSACTION.SUCCESS", PAID)


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (GOOD, {}, 401, "not signed"),
        (GOOD, signed(GOOD) | {"wechatpay-signature": "WECHATPAY/SIGNTEST/abc"}, 401, "signature probe"),
        (GOOD + b" ", signed(GOOD), 401, "signature"),
        (GOOD, signed(GOOD, at=NOON - timedelta(seconds=301)), 401, "time window"),
        (GOOD, signed(GOOD, serial="PUB_KEY_ID_02"), 500, "serial unknown"),
        (b"{}", signed(b"{}"), 400, "not understood"),
        (b"x" * 70_000, signed(b"x" * 70_000), 400, "too large"),
        *[
            (bad, signed(bad), status, reason)
            for bad, status, reason in (
                (event("TRANSACTION.SUCCESS", PAID, key="f" * 32), 500, "not sealed with our APIv3 key"),
                (event("TRANSACTION.SUCCESS", PAID, algorithm="AES"), 400, "algorithm unknown"),
                (event("TRANSACTION.SUCCESS", PAID | {"mchid": "1900000002"}), 400, "about another merchant"),
                (event("REFUND.SUCCESS", PAID), 400, "not understood"),
            )
        ],
    ],
)
async def test_a_callback_that_is_refused(body: bytes, headers: dict[str, str], status: int, reason: str) -> None:
    _, pay = client(answer({}))
    with pytest.raises(BadCallback) as refused:
        await pay.parse_callback(CRED, headers, body)
    assert (refused.value.status, refused.value.reason) == (status, reason)
    assert json.loads(refused.value.body) == {"code": "FAIL", "message": reason}


def test_noon_is_noon_in_china() -> None:
    assert datetime.fromtimestamp(1795233600, UTC) == NOON

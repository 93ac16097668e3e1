"""What stands on the wire, byte for byte: WeChat Pay's header names, which the official Java SDK knows in one case only (I-02)."""

import json
import re
import secrets
import socket
import time

import pytest

from wesim import seed
from wesim.pay.crypto import SCHEME, key_named, request_message, sign
from wesim.pay.state import MCHID

HOSTS = ("api.mch.weixin.qq.com", "api2.mch.weixin.qq.com", "api.wechatpay.cn", "api2.wechatpay.cn")
SIGNED = [
    "Request-ID",
    "Wechatpay-Nonce",
    "Wechatpay-Serial",
    "Wechatpay-Signature",
    "Wechatpay-Signature-Type",
    "Wechatpay-Timestamp",
]
ANY_CASE = re.compile(rb"^(wechatpay-[a-z-]+|request-id): ", re.I)


@pytest.fixture
def merchant(server):
    server.control(f"/pay/merchants/{MCHID}", {"mode": "certificate"})
    return server.look(f"/pay/merchants/{MCHID}")


def raw(server, method, target, body=b"", *, host=HOSTS[0], headers=()):
    """Status and head lines of one answer, as they came, and its body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Accept: */*", "Connection: close", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    with socket.create_connection(("127.0.0.1", int(server.base.rpartition(":")[2])), timeout=10) as s:
        s.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    head, _, rest = answer.partition(b"\r\n\r\n")
    status, *names = head.split(b"\r\n")
    return int(status.split()[1]), names, rest


def authorization(merchant, method, target, body=b""):
    stamp, once = str(int(time.time())), secrets.token_hex(16)
    key = key_named(f"merchant {MCHID} {merchant['serial']}")
    parts = {
        "mchid": MCHID,
        "nonce_str": once,
        "timestamp": stamp,
        "serial_no": merchant["serial"],
        "signature": sign(key, request_message(method, target, stamp, once, body)),
    }
    return f"Authorization: {SCHEME} " + ",".join(f'{name}="{value}"' for name, value in parts.items())


def names_of(lines):
    return sorted(line.partition(b":")[0].decode() for line in lines if ANY_CASE.match(line))


@pytest.mark.parametrize("host", HOSTS)
def test_signed_answers_of_every_kind(server, merchant, host):
    openid = server.control("/open", {"person": "linxiaoman", "app": seed.MINI_APPID})["openid"]
    order = {
        "appid": seed.MINI_APPID,
        "mchid": MCHID,
        "description": "白桃乌龙",
        "out_trade_no": "wire-0001",
        "notify_url": "https://shop.test/pay",
        "amount": {"total": 100},
        "payer": {"openid": openid},
    }
    close = "/v3/pay/transactions/out-trade-no/wire-0001/close"
    calls = [
        ("POST", "/v3/pay/transactions/jsapi", order, 200),
        ("POST", "/v3/pay/transactions/jsapi", {**order, "surprise": 1}, 400),
        ("GET", f"/v3/pay/transactions/out-trade-no/none-0001?mchid={MCHID}", None, 404),
        ("GET", "/v3/certificates", None, 200),
        ("GET", "/v3/bill/tradebill?bill_date=2026-11-20", None, 404),
        ("GET", "/v3/billdownload/file?token=x", None, 404),
        ("POST", close, {"mchid": MCHID}, 204),
    ]
    for method, target, wanted, expected in calls:
        body = b"" if wanted is None else json.dumps(wanted, ensure_ascii=False).encode()
        signed = authorization(merchant, method, target, body)
        status, lines, _ = raw(server, method, target, body, host=host, headers=[signed])
        assert (status, names_of(lines)) == (expected, SIGNED)


def test_unsigned_refusals_and_ordered_ones(server, merchant):
    status, lines, _ = raw(server, "GET", "/v3/certificates")
    assert (status, names_of(lines)) == (401, ["Request-ID"])
    status, lines, _ = raw(server, "DELETE", "/v3/certificates")
    assert (status, names_of(lines)) == (405, ["Request-ID"])
    status, lines, _ = raw(server, "GET", "/nothing")
    assert (status, names_of(lines)) == (404, ["Request-ID"])
    server.control("/faults", {"kind": "refuse", "path": "/v3/*", "code": "FREQUENCY_LIMITED"})
    signed = authorization(merchant, "GET", "/v3/certificates")
    status, lines, _ = raw(server, "GET", "/v3/certificates", headers=[signed])
    assert (status, names_of(lines)) == (429, SIGNED)


def test_the_body_is_left_alone(server, merchant):
    """A text that looks like a header comes back as it was sent."""
    target = "/v3/pay/transactions/jsapi"
    body = json.dumps({"wechatpay-nonce": "\r\nrequest-id: 1\r\n\r\nwechatpay-serial: 2"}).encode()
    signed = authorization(merchant, "POST", target, body)
    status, lines, rest = raw(server, "POST", target, body, headers=[signed])
    assert (status, names_of(lines)) == (400, SIGNED)
    assert json.loads(rest)["detail"]["field"] == "/wechatpay-nonce"


def test_two_answers_on_one_connection(server, merchant):
    port = int(server.base.rpartition(":")[2])
    signed = authorization(merchant, "GET", "/v3/certificates")
    asked = f"GET /v3/certificates HTTP/1.1\r\nHost: {HOSTS[0]}\r\nAccept: */*\r\n{signed}\r\n\r\n".encode()
    plain = b"GET /_sim/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(asked + asked + plain)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert (answer.count(b"\r\nWechatpay-Signature: "), answer.count(b"\r\nwechatpay-signature: ")) == (2, 0)

"""The vectors of the reference (§6.1, §6.2): APIv3 signatures and AES-256-GCM."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from wesim.pay import crypto

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wechatpay.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    p, q, e = int(VECTORS["p"], 16), int(VECTORS["q"], 16), 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q), rsa.RSAPublicNumbers(e, p * q)
    )
    return numbers.private_key()


COUPON = "/v3/marketing/favor/users/oUpF8uMuAJO_M2pxb1Q9zNjWeS6o/coupons?x=%2B1"
BODY = '{"mchid":"1900000001","out_request_no":"R20261121-0001","name":"测试"}'
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
MESSAGES = {
    "1": crypto.request_message("GET", "/v3/certificates", "1554208460", NONCE, b""),
    "2": crypto.request_message("POST", COUPON, "1767225600", "abcdefghijklmnop", BODY.encode()),
    "3": crypto.payment_message(
        "wx2421b1c4370ec43b", "1554208460", NONCE, "prepay_id=wx201410272009395522657a690389285100"
    ),
    "4": crypto.answer_message("1767225600", "nonce123", b'{"id":"EV-1"}'),
}


@pytest.mark.parametrize("number", sorted(MESSAGES))
def test_the_strings_to_sign_and_their_signatures(number: str, key: rsa.RSAPrivateKey) -> None:
    message, vector = MESSAGES[number], VECTORS["signatures"][number]
    assert hashlib.sha256(message).hexdigest() == vector["sha256"]
    assert crypto.sign(key, message) == vector["signature"]
    assert crypto.is_signed(key.public_key(), message, vector["signature"])
    assert not crypto.is_signed(key.public_key(), message + b" ", vector["signature"])


def test_the_sealed_coupon() -> None:
    vector = VECTORS["aes_256_gcm"]
    sealed = crypto.seal(vector["key"], vector["plain"].encode(), nonce=vector["nonce"], associated=vector["aad"])
    assert sealed == vector["ciphertext"]
    opened = crypto.unseal(vector["key"], sealed, nonce=vector["nonce"], associated=vector["aad"])
    assert opened.decode() == vector["plain"]
    with pytest.raises(crypto.Unopened):
        crypto.unseal(vector["key"], sealed, nonce=vector["nonce"], associated="other")


def test_the_published_framing_vector() -> None:
    vector = VECTORS["aes_128_gcm"]
    opened = crypto.unseal(vector["key"], vector["ciphertext"], nonce=vector["nonce"], associated=vector["aad"])
    assert opened.decode() == vector["plain"]

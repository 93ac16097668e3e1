"""Who gets in, what the gate says when it does not, and which key signs the answer (reference §1.1–§1.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wesim.pay_kit import HOST, JSAPI, MCHID, NOON, PaySim
from wesim.pay.crypto import key_named, unseal

QUERY = f"/v3/pay/transactions/out-trade-no/order-0001?mchid={MCHID}"


@pytest.fixture
def sim() -> PaySim:
    return PaySim()


async def test_a_signed_order_is_taken_and_the_answer_is_signed(sim: PaySim) -> None:
    answer = await sim.call("POST", JSAPI, sim.order())
    assert (answer.status, sorted(answer.json())) == (200, ["prepay_id"])
    assert answer.headers["wechatpay-serial"] == sim.merchant.public_key_id
    assert answer.headers["wechatpay-signature-type"] == "WECHATPAY2-SHA256-RSA2048"
    assert answer.headers["request-id"].endswith("-0")
    assert sim.is_authentic(answer.headers, answer.raw)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"stamp": int(NOON) - 301}, "timestamp"),
        ({"stamp": int(NOON) + 301}, "timestamp"),
        ({"stamp": "yesterday"}, "timestamp"),
        ({"nonce": "n" * 33}, "nonce_str"),
        ({"nonce": ""}, "nonce_str"),
        ({"serial": "5" + "0" * 39}, "serial_no"),
        ({"mchid": "1900000099"}, "mchid"),
        ({"mchid": ""}, "mchid"),
        ({"verb": "GET"}, "signature"),
        ({"signs": "/v3/pay/transactions/native"}, "signature"),
        ({"signs": f"/{HOST}{JSAPI}"}, "signature"),
        ({"signs": f"{JSAPI}?a=1"}, "signature"),
        ({"key": key_named("somebody else")}, "signature"),
        ({"scheme": "WECHATPAY-SHA256-RSA2048"}, "Authorization"),
        ({"headers": {"authorization": ""}}, "Authorization"),
    ],
)
async def test_a_wrong_signature_is_401_and_unsigned(sim: PaySim, changed: dict[str, Any], field: str) -> None:
    answer = await sim.call("POST", JSAPI, sim.order(), **changed)
    assert answer.field == (401, "SIGN_ERROR", field)
    assert "wechatpay-signature" not in answer.headers
    assert answer.headers["request-id"].endswith("-268443699")
    assert sim.pay.orders == {}


async def test_a_serial_in_lower_case_is_the_same_serial(sim: PaySim) -> None:
    """wechatpay-node-v3 reads it out of the certificate so (I-03)."""
    lower = sim.merchant.serial.lower()
    assert lower != sim.merchant.serial
    answer = await sim.call("POST", JSAPI, sim.order(), serial=lower)
    assert answer.status == 200
    assert sim.is_authentic(answer.headers, answer.raw)


@pytest.mark.parametrize("mode", ["certificate", "both"])
async def test_the_asked_key_is_named_in_any_case(sim: PaySim, mode: str) -> None:
    await sim.control(f"/pay/merchants/{MCHID}", {"mode": mode})
    older = sim.merchant.certificates[0].serial
    newer = (await sim.control(f"/pay/merchants/{MCHID}/certificates", {}))["serial"]
    named = [older, older.lower(), newer, newer.lower(), "0" * 40]
    told = [(await sim.call("GET", QUERY, headers={"wechatpay-serial": one})).headers for one in named]
    assert [head["wechatpay-serial"] for head in told] == [older, older, newer, newer, newer]
    own = sim.merchant.public_key_id
    answer = await sim.call("GET", QUERY, headers={"wechatpay-serial": own.lower()})
    assert answer.headers["wechatpay-serial"] == (own if mode == "both" else newer)
    assert sim.is_authentic(answer.headers, answer.raw)


async def test_what_a_refused_caller_reads(sim: PaySim) -> None:
    """The texts of the official troubleshooting manual (I-28)."""
    said = {}
    for what, changed in {
        "serial": {"serial": "5" + "0" * 39},
        "signature": {"signs": "/v3/other"},
        "merchant": {"mchid": "1900000099"},
        "time": {"stamp": 1},
    }.items():
        answer = await sim.call("GET", QUERY, **changed)
        said[what] = (answer.status, answer.json()["code"], answer.json()["message"])
    assert said == {
        "serial": (401, "SIGN_ERROR", "商户证书序列号有误。"),
        "signature": (401, "SIGN_ERROR", "签名错误，请检查后再试"),
        "merchant": (401, "SIGN_ERROR", "签名错误，请检查后再试"),
        "time": (401, "SIGN_ERROR", "签名错误，请检查后再试"),
    }


@pytest.mark.parametrize("stamp", [int(NOON) - 300, int(NOON) + 300])
async def test_five_minutes_are_allowed_both_ways(sim: PaySim, stamp: int) -> None:
    assert (await sim.call("POST", JSAPI, sim.order(), stamp=stamp)).status == 200


async def test_the_refusal_shows_what_the_gate_would_have_signed(sim: PaySim) -> None:
    answer = await sim.call("GET", QUERY, signs="/v3/pay", nonce="once", stamp=int(NOON))
    message = f"GET\n{QUERY}\n{int(NOON)}\nonce\n\n"
    assert answer.json() == {
        "code": "SIGN_ERROR",
        "message": "签名错误，请检查后再试",
        "detail": {
            "detail": {"issue": "sign not match"},
            "field": "signature",
            "location": "authorization",
            "sign_information": {
                "method": "GET",
                "sign_message_length": len(message),
                "truncated_sign_message": message,
                "url": QUERY,
            },
        },
    }


async def test_a_changed_body_does_not_get_in(sim: PaySim) -> None:
    headers = sim.signed("POST", JSAPI, b'{"amount":1}') | {"host": HOST, "accept": "*/*"}
    answer = await sim.http("POST", JSAPI, headers=headers, body=b'{"amount":2}')
    assert answer.refusal == (401, "SIGN_ERROR")


async def test_the_path_counts_as_it_was_sent(sim: PaySim) -> None:
    encoded = f"/v3/pay/transactions/out-trade-no/order%7C0001?mchid={MCHID}"
    assert (await sim.call("GET", encoded)).refusal == (404, "ORDER_NOT_EXIST")
    assert (await sim.call("GET", encoded, signs=encoded.replace("%7C", "|"))).refusal == (401, "SIGN_ERROR")
    await sim.prepay("order|0001")
    assert (await sim.call("GET", encoded)).json()["out_trade_no"] == "order|0001"


async def test_a_prefix_stands_for_the_host_and_is_not_signed(sim: PaySim) -> None:
    headers = sim.signed("GET", QUERY, b"") | {"host": "sim.test", "accept": "application/json"}
    for prefix in (f"/{HOST}", "/api2.mch.weixin.qq.com", ""):
        answer = await sim.http("GET", prefix + QUERY, headers=headers)
        assert answer.refusal == (404, "ORDER_NOT_EXIST")


@pytest.mark.parametrize(
    ("headers", "field"),
    [({"accept": ""}, "Accept"), ({"accept": "text/html"}, "Accept"), ({"content-type": "text/plain"}, "Content-Type")],
)
async def test_json_must_be_accepted_and_sent(sim: PaySim, headers: dict[str, str], field: str) -> None:
    answer = await sim.call("POST", JSAPI, sim.order(), headers=headers)
    assert answer.field == (400, "PARAM_ERROR", field)
    assert sim.is_authentic(answer.headers, answer.raw)


async def test_a_missing_user_agent_is_refused_when_set_so(sim: PaySim) -> None:
    sim.pay.settings.user_agent_required = True
    assert (await sim.call("POST", JSAPI, sim.order())).field == (400, "PARAM_ERROR", "User-Agent")
    assert (await sim.call("POST", JSAPI, sim.order(), headers={"user-agent": "shop/1"})).status == 200


async def test_other_methods_are_405(sim: PaySim) -> None:
    assert (await sim.call("GET", JSAPI)).refusal == (405, "METHOD_NOT_ALLOWED")


async def test_a_public_key_merchant_has_no_certificates(sim: PaySim) -> None:
    answer = await sim.call("GET", "/v3/certificates")
    assert answer.refusal == (404, "RESOURCE_NOT_EXISTS")
    assert sim.is_authentic(answer.headers, answer.raw)


async def test_certificates_are_sealed_with_the_api_v3_key_and_overlap(sim: PaySim) -> None:
    sim.merchant.mode = "certificate"
    sim.pay.add_certificate(sim.merchant)
    answer = await sim.call("GET", "/v3/certificates")
    old, new = sim.merchant.certificates
    assert [one["serial_no"] for one in answer.json()["data"]] == [old.serial, new.serial]
    for listed, kept in zip(answer.json()["data"], (old, new), strict=True):
        sealed = listed["encrypt_certificate"]
        assert (sealed["algorithm"], sealed["associated_data"], len(sealed["nonce"])) == (
            "AEAD_AES_256_GCM",
            "certificate",
            12,
        )
        opened = unseal(sim.merchant.api_v3_key, sealed["ciphertext"], nonce=sealed["nonce"], associated="certificate")
        assert opened.decode() == kept.pem
    assert answer.headers["wechatpay-serial"] == new.serial
    assert sim.is_authentic(answer.headers, answer.raw)


async def test_an_expired_certificate_is_not_listed(sim: PaySim) -> None:
    sim.merchant.mode = "certificate"
    sim.world.clock.advance(5 * 365 * 86_400)
    assert (await sim.call("GET", "/v3/certificates")).refusal == (404, "RESOURCE_NOT_EXISTS")


async def test_in_migration_the_caller_names_the_key(sim: PaySim) -> None:
    sim.merchant.mode = "both"
    certificate = sim.merchant.certificates[0].serial
    for asked, signs in (
        (sim.merchant.public_key_id, sim.merchant.public_key_id),
        (certificate, certificate),
        ("", certificate),
    ):
        answer = await sim.call("GET", QUERY, headers={"wechatpay-serial": asked})
        assert (answer.status, answer.headers["wechatpay-serial"]) == (404, signs)
        assert sim.is_authentic(answer.headers, answer.raw)


@pytest.mark.parametrize(("mode", "with_key"), [("certificate", False), ("public_key", True)])
async def test_outside_migration_the_mode_decides(sim: PaySim, mode: Any, with_key: bool) -> None:
    sim.merchant.mode = mode
    certificate = sim.merchant.certificates[0].serial
    for asked in (sim.merchant.public_key_id, certificate, ""):
        answer = await sim.call("GET", QUERY, headers={"wechatpay-serial": asked})
        assert answer.headers["wechatpay-serial"] == (sim.merchant.public_key_id if with_key else certificate)
        assert sim.is_authentic(answer.headers, answer.raw)


async def test_an_answer_may_be_a_signature_probe(sim: PaySim) -> None:
    sim.pay.settings.answer_probe_share = 1.0
    answer = await sim.call("POST", JSAPI, sim.order())
    assert answer.status == 200
    assert answer.headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/")
    assert not sim.is_authentic(answer.headers, answer.raw)

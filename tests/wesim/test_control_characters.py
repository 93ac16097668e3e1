"""Control characters in what persons type, raw as WeChat leaves them (I-18): in every mode and format."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.wesim.sms_kit import SmsSim
from wesim import seed
from wesim.crypto import decrypt_message, signature
from wesim.wire import parse_xml, to_json, to_xml, written

TYPED = "hi \x1d\x00c\t\n\\u001d\\n\"'<]]>"
PLAIN = "hi \x1dc"


async def pushed(sim, mode, form, controls, text):
    """What the merchant's server reads, opened when it was sealed."""
    await sim.control("/settings", {"control_characters": controls})
    sim.oa.callback.url, sim.oa.callback.mode, sim.oa.callback.format = "http://merchant.test/wx", mode, form
    await sim.control("/say", {"person": "linxiaoman", "app": seed.OA_APPID, "text": text})
    await sim.world.settle()
    [got] = sim.merchant.received
    body = got.body.decode()
    if mode == "plain":
        return body
    sealed = (
        json.loads(body, strict=False)["Encrypt"]
        if form == "json"
        else body.partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]
    )
    query = dict(parse_qsl(urlsplit(got.url).query))
    assert query["msg_signature"] == signature(seed.OA_TOKEN, query["timestamp"], query["nonce"], sealed)
    return decrypt_message(sealed, aes_key=seed.OA_AES_KEY, receive_id=seed.OA_APPID)


MODES = ["plain", "compatible", "safe"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("controls", ["usual", "raw"])
async def test_xml_has_them_raw(sim, mode, controls):
    body = await pushed(sim, mode, "xml", controls, PLAIN)
    assert "<Content><![CDATA[hi \x1dc]]></Content>" in body
    assert parse_xml(body) is None  # XML 1.0 forbids them


@pytest.mark.parametrize("mode", MODES)
async def test_xml_has_them_as_references(sim, mode):
    body = await pushed(sim, mode, "xml", "escaped", PLAIN)
    assert "<Content>hi &#29;c</Content>" in body
    assert parse_xml(body) is None  # forbidden so too


@pytest.mark.parametrize("mode", MODES)
async def test_json_has_them_raw(sim, mode):
    body = await pushed(sim, mode, "json", "raw", TYPED)
    assert '"Content": "hi \x1d\x00c\t\n\\\\u001d\\\\n\\"\'<]]>"' in body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert json.loads(body, strict=False)["Content"] == TYPED


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("controls", ["usual", "escaped"])
async def test_json_escapes_them_otherwise(sim, mode, controls):
    body = await pushed(sim, mode, "json", controls, TYPED)
    assert '"Content": "hi \\u001d\\u0000c\\t\\n' in body
    assert json.loads(body)["Content"] == TYPED


async def test_replies_to_sms_too():
    for controls, kept in (("usual", b"hi \\u001dc"), ("raw", b"hi \x1dc")):
        sim = SmsSim()
        raw = []

        async def poster(method, url, headers, body, timeout_s, raw=raw):
            raw.append(body)
            return 200, b'{"code":0}'

        sim.world.poster = poster
        await sim.send()
        sim.world.settings.control_characters = controls
        await sim.control("/account", {"provider": "aliyun", "reply_url": "https://shop.test/replies"})
        await sim.control("/replies", {"phone": "13800000001", "text": PLAIN})
        await sim.control("/settle", {"a": 1})
        assert [kept in body for body in raw] == [True]


async def test_only_three_ways_are_known(sim):
    assert "error" in await sim.control("/settings", {"control_characters": "sometimes"})
    assert (await sim.look("/settings"))["control_characters"] == "usual"


def test_nested_values():
    assert to_xml({"A": {"B": ["\x01", "b"]}}, "escaped") == "<xml><A><B>&#1;</B><B><![CDATA[b]]></B></A></xml>"
    assert to_json({"A": {"B": ["\x01", 1]}}, "raw") == '{"A": {"B": ["\x01", 1]}}'
    assert written(["\x1f"], "usual") == '["\\u001f"]'

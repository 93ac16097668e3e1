"""Opening pushes: published vectors, what is refused, typed events (§1.2–§1.5, §2.8, §3.7, §7)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from huida.kernel.secrets import Secret
from huida.providers.wechat.callbacks import (
    BadPush,
    CallbackKeys,
    Mode,
    answer_verification,
    open_push,
    parse,
    seal_reply,
    seal_reply_json,
)
from huida.providers.wechat.crypto import encrypt_message, sorted_sha1
from huida.providers.wechat.events import (
    Choice,
    Delivery,
    Followed,
    MenuTapped,
    MessageReceived,
    Push,
    Scanned,
    SubscribeAnswered,
    SubscribeChanged,
    SubscribeSendFinished,
    TemplateSendFinished,
    Unfollowed,
)

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
KEYS = CallbackKeys("wx1", Secret("tok"), Secret(AES_KEY), Mode.SAFE)
PLAIN = CallbackKeys("wx1", Secret("tok"), mode=Mode.PLAIN)
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))


def signed(keys: CallbackKeys, *, timestamp: str = STAMP, nonce: str = "n", encrypted: str = "") -> dict[str, str]:
    token = keys.token.reveal()
    query = {"timestamp": timestamp, "nonce": nonce, "signature": sorted_sha1((token, timestamp, nonce))}
    if encrypted:
        query["msg_signature"] = sorted_sha1((token, timestamp, nonce, encrypted))
    return query


def opened(xml: str) -> Push:
    return open_push(PLAIN, signed(PLAIN), xml.encode(), now=NOW)


def event(name: str, rest: str = "") -> Push:
    return opened(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName>"
        f"<CreateTime>1700000000</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{name}]]></Event>"
        f"{rest}</xml>"
    )


SKIT = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUk"
    "SUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekU"
    "NXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rU"
    "PA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+"
    "qN+E7Q=="
)
EASY = (
    "rTNFcsut4LfGuAFKEUVVpwcaCOTJzOd9twZdIW910jb3k+iicx2uvhttIZ3Qg9Qgty3BEF2xbOrz6boTfb30dMomcgrkTqdFPwnhqbk+kIQ7rZiwny9D"
    "7NUrTgA5kpX3KsZvrXzUZyP2x9YOlxbgm572lmxKvM7HAQQhIQ/p6HBmoY30bGXFK0BtIu1pW9TjhOYrLQoU18nWYjWqDA1ynkmOytpv7QRI1P1+0Nox"
    "L0q2zO1DgeSvnE8CZGo/o5Ap/WHK5W2RAsinpzN4/LjPnmB6U01I5XCoJoC0GK/yMZycd2Oh8Nq6+wBkC1U85oy0ktOY4nLvsQMLrourmMGdZHuTbqpe"
    "J8Ao/5PRYJ+WBvRUwPfGKBL2+2IKZF49vAJqkcGWSHGE76ZN2erXeuNazf/o9o3lIE3q739o4c8t9QGPe31GT2Go/rOz1BsrASwvauNulCh+++yz+CQz"
    "BIuikA=="
)


@pytest.mark.parametrize(
    ("keys", "timestamp", "nonce", "msg_signature", "encrypted", "told"),
    [
        (
            CallbackKeys("wx5823bf96d3bd56c7", Secret("QDG6eK"), Secret("jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")),
            "1409659813",
            "1372623149",
            "477715d11cdb4164915debcba66cb864d751f3e6",
            SKIT,
            ("wx5823bf96d3bd56c7", "mycreate", 1409659813, "hello", "4561255354251345929"),
        ),
        (
            CallbackKeys("wxb11529c136998cb6", Secret("pamtest"), Secret(AES_KEY)),
            "1458300676",
            "260774613",
            "4f3ad57b6989f09f4eb392acce4f9e93942ed890",
            EASY,
            ("asdasdasd", "asdasdasdsadasd", 1234567898, "hello", "12345"),
        ),
    ],
    ids=["skit", "easywechat"],
)
def test_published_encrypted_messages(
    keys: CallbackKeys,
    timestamp: str,
    nonce: str,
    msg_signature: str,
    encrypted: str,
    told: tuple[str, str, int, str, str],
) -> None:
    query = signed(keys, timestamp=timestamp, nonce=nonce) | {"msg_signature": msg_signature}
    body = f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()
    push = open_push(keys, query, body, now=datetime.fromtimestamp(int(timestamp), UTC))
    assert isinstance(push, MessageReceived)
    assert (push.account, push.openid, int(push.at.timestamp()), push.text, push.msgid) == told


def test_the_console_verifies_the_url() -> None:
    keys = CallbackKeys("wx1", Secret("weixin"))
    query = {
        "signature": "335b26997f05c82243aad6b10a2d1853637e71a8",
        "timestamp": "1357982061",
        "nonce": "1358161344",
        "echostr": "echo",
    }
    then = datetime.fromtimestamp(1357982061, UTC)
    assert answer_verification(keys, query, now=then) == "echo"
    with pytest.raises(BadPush, match="signature"):
        answer_verification(keys, query | {"nonce": "0"}, now=then)


XML = (
    b"<xml><ToUserName>gh</ToUserName><FromUserName>o1</FromUserName><CreateTime>1</CreateTime><MsgId>7</MsgId>"
    b"<MsgType>text</MsgType></xml>"
)


@pytest.mark.parametrize("shift", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_a_push_of_another_time_is_refused(shift: timedelta) -> None:
    with pytest.raises(BadPush, match="time window"):
        open_push(PLAIN, signed(PLAIN), XML, now=NOW + shift)


def test_safe_and_compatible_modes_read_only_what_is_encrypted() -> None:
    encrypted = encrypt_message(XML, aes_key=AES_KEY, receive_id="wx1", prefix=bytes(16))
    both = f"<xml><FromUserName>forged</FromUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()
    for mode in (Mode.SAFE, Mode.COMPATIBLE):
        keys = CallbackKeys("wx1", Secret("tok"), Secret(AES_KEY), mode)
        assert open_push(keys, signed(keys, encrypted=encrypted), both, now=NOW).openid == "o1"
        with pytest.raises(BadPush, match="not encrypted"):
            open_push(keys, signed(keys), XML, now=NOW)
        with pytest.raises(BadPush, match="msg_signature"):
            open_push(keys, signed(keys), both, now=NOW)


def test_a_push_for_another_account_is_refused() -> None:
    encrypted = encrypt_message(XML, aes_key=AES_KEY, receive_id="wx2", prefix=bytes(16))
    with pytest.raises(BadPush, match="undecipherable"):
        open_push(
            KEYS, signed(KEYS, encrypted=encrypted), f"<xml><Encrypt>{encrypted}</Encrypt></xml>".encode(), now=NOW
        )


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><xml><a>&a;</a></xml>',
        b'<!DOCTYPE x SYSTEM "file:///etc/hostname"><xml/>',
        b"<xml>",
        b"",
        b"[1]",
        b"{",
        b"\xff\xfe",
        b"<xml>" + b"x" * 300_000 + b"</xml>",
    ],
)
def test_hostile_or_broken_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BadPush):
        parse(body)


def test_a_sealed_reply_opens_again() -> None:
    xml = seal_reply(KEYS, XML, now=NOW, nonce="n", prefix=bytes(16))
    fields = parse(xml)
    query = signed(KEYS, timestamp=fields["TimeStamp"], nonce=fields["Nonce"]) | {
        "msg_signature": fields["MsgSignature"]
    }
    assert open_push(KEYS, query, xml, now=NOW).openid == "o1"
    sealed = json.loads(seal_reply_json(KEYS, XML, now=NOW, nonce="n", prefix=bytes(16)))
    assert sealed == {
        "encrypt": fields["Encrypt"],
        "msgsignature": fields["MsgSignature"],
        "timestamp": int(STAMP),
        "nonce": "n",
    }


def test_follow_scan_and_menu_events() -> None:
    at = datetime.fromtimestamp(1700000000, UTC)
    base = {"account": "gh_1", "openid": "o1", "at": at}
    assert event("subscribe", "<EventKey></EventKey>") == Followed(
        key="subscribe|o1|1700000000||", name="subscribe", scene="", ticket="", **base
    )
    assert event("subscribe", "<EventKey>qrscene_shop7</EventKey><Ticket>T</Ticket>") == Followed(
        key="subscribe|o1|1700000000|qrscene_shop7|", name="subscribe", scene="shop7", ticket="T", **base
    )
    assert event("unsubscribe") == Unfollowed(key="unsubscribe|o1|1700000000||", name="unsubscribe", **base)
    assert event("SCAN", "<EventKey>shop7</EventKey><Ticket>T</Ticket>") == Scanned(
        key="scan|o1|1700000000|shop7|", name="SCAN", scene="shop7", ticket="T", **base
    )
    assert event("CLICK", "<EventKey>points</EventKey>") == MenuTapped(
        key="click|o1|1700000000|points|", name="CLICK", value="points", **base
    )
    assert event("LOCATION") == Push(key="location|o1|1700000000||", name="LOCATION", **base)


@pytest.mark.parametrize(
    ("status", "delivered", "failure"),
    [
        ("success", True, ""),
        ("failed:user block", False, "user block"),
        ("failed: system failed", False, "system failed"),
        ("failed: freq limit", False, "freq limit"),
        ("odd", False, "odd"),
    ],
)
def test_template_final_word(status: str, delivered: bool, failure: str) -> None:
    push = event("TEMPLATESENDJOBFINISH", f"<MsgID>200163836</MsgID><Status><![CDATA[{status}]]></Status>")
    assert isinstance(push, TemplateSendFinished)
    assert (push.msgid, push.delivered, push.failure) == (200163836, delivered, failure)
    assert push.key == "templatesendjobfinish|o1|1700000000||200163836"


def sent_xml(*msgids: str) -> str:
    entries = "".join(
        f"<List><TemplateId>T</TemplateId><MsgID>{msgid}</MsgID><ErrorCode>0</ErrorCode>"
        "<ErrorStatus>success</ErrorStatus></List>"
        for msgid in msgids
    )
    return f"<SubscribeMsgSentEvent>{entries}</SubscribeMsgSentEvent>"


def test_subscribe_final_words_one_or_several() -> None:
    one = event("subscribe_msg_sent_event", sent_xml("1700827132819554304"))
    several = event("subscribe_msg_sent_event", sent_xml("1", "2"))
    assert isinstance(one, SubscribeSendFinished)
    assert isinstance(several, SubscribeSendFinished)
    assert one.deliveries == (Delivery("T", 1700827132819554304, True, "0", "success"),)
    assert [delivery.msgid for delivery in several.deliveries] == [1, 2]
    assert one.key != several.key


@pytest.mark.parametrize("listed", [{"TemplateId": "T"}, [{"TemplateId": "T"}]])
def test_subscribe_answers_in_json_object_or_array(listed: object) -> None:
    entry = {"TemplateId": "T", "SubscribeStatusString": "accept", "PopupScene": "0"}
    body = json.dumps(
        {
            "ToUserName": "gh_1",
            "FromUserName": "o1",
            "CreateTime": "1700000000",
            "MsgType": "event",
            "Event": "subscribe_msg_popup_event",
            "List": [entry] if isinstance(listed, list) else entry,
        }
    ).encode()
    push = open_push(PLAIN, signed(PLAIN), body, now=NOW)
    assert isinstance(push, SubscribeAnswered)
    assert push.choices == (Choice("T", True, "0"),)
    assert push.key == "subscribe_msg_popup_event|o1|1700000000||T"


def test_a_rejection_in_the_settings() -> None:
    push = event(
        "subscribe_msg_change_event",
        "<SubscribeMsgChangeEvent><List><TemplateId>T</TemplateId>"
        "<SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgChangeEvent>",
    )
    assert isinstance(push, SubscribeChanged)
    assert push.choices == (Choice("T", False, ""),)
